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

type Suspended = State['phase'] & { readonly kind: 'suspended' };

/** Nothing is decided while this lasts. `since` is kept when it goes on for the same reason. */
export function suspend(
  state: State,
  { cause, because }: { readonly cause: Suspended['cause']; readonly because: string },
  { now, until }: { readonly now: Instant; readonly until: Instant | null },
): State {
  const { phase } = state;
  const since = phase.kind === 'suspended' && phase.cause === cause ? phase.since : now;
  return {
    ...state,
    phase: { kind: 'suspended', cause, since, until },
    failing: null,
    unknownSince: null,
    because,
  };
}

export function pause(state: State, now: Instant): State {
  return suspend(
    state,
    { cause: 'paused', because: pausedText(state, now) },
    { now, until: state.pause?.until ?? null },
  );
}

/** In doubt about ourselves nothing is decided until a person says "resume". */
export function inDoubt({ phase }: State): boolean {
  return phase.kind === 'suspended' && (phase.cause === 'journal-in-doubt' || phase.cause === 'own-fault');
}

function pausedText({ pause: paused }: State, now: Instant): string {
  if (paused === null || paused.until === null) return 'paused until "immune resume"';
  return `paused for another ${spellUntil(paused.until, now)}; "immune resume" ends it`;
}
