import type { Evidence } from '../core/evidence.ts';
import type { Policy } from '../core/policy.ts';
import type { State } from '../core/state.ts';
import { type Millis, millis, seconds } from '../core/time.ts';
import type { Depth } from '../probes/observe.ts';

/** While a gateway boots, the cheap questions come often and the child processes only this often. */
const closeEveryMs = seconds(5);
/** A serving gateway without a held connection has its listener looked at this often. */
const identityEveryMs = seconds(60);
/** Channels that OpenClaw's breaker holds down are asked about this often: it lifts after minutes. */
const channelsEveryMs = seconds(30);
/** A gateway that is meant to be down is looked at less: a start of it also shows by the held connection. */
const downTickMs = seconds(30);

/** How closely the next look must be: child processes only where a decision may rest on them. */
export function chooseDepth(from: {
  readonly state: State;
  readonly evidence: Evidence | null;
  readonly deepWanted: boolean;
  readonly sinceCloseMs: Millis | null;
}): Depth {
  const { state, evidence, sinceCloseMs } = from;
  if (from.deepWanted) return 'deep';
  if (evidence === null || sinceCloseMs === null) return 'full';
  const served = evidence.healthz.kind === 'live' && state.cause === 'serving';
  if (served) {
    if (state.generation?.readyAt === null) return 'full';
    // What a repair would restore is worked out while there is time: only a close look asks for that.
    if (isUnplanned(evidence) && sinceCloseMs >= closeEveryMs) return 'full';
    // A package that is being mended beside it: only a close look sees whether it is whole.
    if (state.incident?.cause === 'dependency-latent' && sinceCloseMs >= closeEveryMs) return 'full';
    // An incident does not close before it is known whether the channels came back.
    const channels = evidence.ground.channels.kind;
    const mute = (channels === 'suppressed' || channels === 'unknown') && sinceCloseMs >= channelsEveryMs;
    // Without a held connection another may have taken the port since the last close look.
    if (state.phase.kind === 'probation' && evidence.socket.kind !== 'open') return 'full';
    // Deep, for only the `health` answer tells channels that are held back from a gateway that has none.
    if (state.phase.kind === 'probation' && (channels === 'unread' || mute)) return 'deep';
    return evidence.socket.kind === 'open' || sinceCloseMs < identityEveryMs ? 'light' : 'full';
  }
  const booting = state.phase.kind === 'starting' && state.cause === 'booting';
  return booting && sinceCloseMs < closeEveryMs ? 'glance' : 'full';
}

/** How long until the next look, unless something brings it forward. */
export function chooseDelay(state: State, evidence: Evidence | null, policy: Policy): Millis {
  // The quick look said "not serving": the close one follows at once.
  if (evidence !== null && evidence.service.kind === 'unread' && evidence.healthz.kind !== 'live')
    return millis(0);
  switch (state.phase.kind) {
    case 'healthy':
      // A bad edit is told a few seconds after it was seen: not a whole tick later.
      return isUntold(state, evidence) ? policy.urgentTickMs : policy.tickMs;
    case 'exhausted':
      return policy.tickMs;
    case 'suspended':
      return state.wanted === 'down' || state.cause === 'not-installed' || state.cause === 'no-domain'
        ? millis(Math.max(policy.tickMs, Math.min(downTickMs, policy.tickMs * 3)))
        : policy.tickMs;
    case 'starting':
    case 'suspect':
    case 'repairing':
    case 'probation':
      // What cannot be told for long is looked at in the ordinary pace: it may stay so for weeks.
      return state.told.includes('unknown') ? policy.tickMs : policy.urgentTickMs;
    default:
      return state.phase satisfies never;
  }
}

function isUnplanned({ ground: { config, rollback, reinstall } }: Evidence): boolean {
  if (reinstall.kind === 'pending') return true;
  return config.kind === 'faulty' && (rollback.kind === 'unread' || rollback.kind === 'pending');
}

const isUntold = (state: State, evidence: Evidence | null): boolean =>
  evidence?.ground.config.kind === 'faulty' && !state.also.includes('config-latent');

/**
 * A quick look after which only a close one may call the gateway ready: it shows a new life of it, or the held
 * connection is gone although somebody answers (a stranger may have taken the port that very moment).
 */
export function needsCloser(
  state: State,
  depth: Depth,
  { before, seen }: { readonly before: Evidence | null; readonly seen: Evidence },
): boolean {
  if (seen.healthz.kind !== 'live') return false;
  if (depth === 'glance') return true;
  if (depth !== 'light') return false;
  if (seen.socket.kind !== 'open') return before?.socket.kind === 'open';
  const known = state.generation?.bootId ?? null;
  return known !== null && seen.socket.bootId !== null && seen.socket.bootId !== known;
}
