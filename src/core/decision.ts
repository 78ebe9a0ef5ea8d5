import type { Notice } from './notice.ts';
import type { Action, State } from './state.ts';
import type { Instant } from './time.ts';
import { spellUntil } from './words.ts';

export interface Decision {
  readonly state: State;
  /** At most one. */
  readonly actions: readonly Action[];
  readonly notices: readonly Notice[];
  readonly because: string;
}

export const decision = (
  state: State,
  notices: readonly Notice[] = [],
  actions: readonly Action[] = [],
): Decision => ({ state, actions, notices, because: state.because });

export function suspend(
  state: State,
  cause: (State['phase'] & { kind: 'suspended' })['cause'],
  because: string,
): State {
  return { ...state, phase: { kind: 'suspended', cause }, failing: null, unknownSince: null, because };
}

/** In doubt about ourselves nothing is decided until a person says "resume". */
export function inDoubt({ phase }: State): boolean {
  return phase.kind === 'suspended' && (phase.cause === 'journal-in-doubt' || phase.cause === 'own-fault');
}

export function pausedText({ pause }: State, now: Instant): string {
  if (pause === null || pause.until === null) return 'paused until "immune resume"';
  return `paused for another ${spellUntil(pause.until, now)}; "immune resume" ends it`;
}
