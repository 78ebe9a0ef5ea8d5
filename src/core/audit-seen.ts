import type { AuditEvidence, Evidence } from './evidence.ts';
import type { State } from './state.ts';

type Meant = Extract<AuditEvidence, { readonly kind: 'stop' | 'park' }>;

/**
 * A stop or park line counts only if it is newer than the last generation seen ready. Both are the system's time: where
 * that was set back since, the order cannot be told, and the line is believed rather than overruled.
 */
export function countsAfterReady({ at }: Meant, evidence: Evidence, state: State): boolean {
  const ready = state.lastReady;
  if (ready === null || at === state.auditSeen) return true;
  const began = ready.startedAt ?? ready.firstSeenAt;
  return at >= began || evidence.at < began;
}

/** What counted once goes on counting while the job is away: a clock that is set right again changes no mind. */
export function noteAudit(state: State, evidence: Evidence): State {
  const { audit } = evidence;
  if (audit.kind !== 'stop' && audit.kind !== 'park') return state;
  return countsAfterReady(audit, evidence, state) ? { ...state, auditSeen: audit.at } : state;
}
