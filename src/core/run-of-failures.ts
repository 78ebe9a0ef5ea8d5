import type { Cause } from './cause.ts';
import type { Policy } from './policy.ts';
import { isSilence } from './silence.ts';
import type { State } from './state.ts';
import type { Instant } from './time.ts';

type Failing = State & { readonly failing: NonNullable<State['failing']> };

interface Miss {
  readonly cause: Cause;
  /** When it began, as far as this look proves. */
  readonly at: Instant;
  readonly now: Instant;
  readonly policy: Policy;
}

/** One more look that failed for a cause. Looks far apart, because we were dead or asleep, are no run. */
export function count(state: State, { cause, at, now, policy }: Miss): Failing {
  const run = state.failing;
  const unbroken = run !== null && now - run.seenAt <= Math.max(policy.gapMs, 3 * policy.tickMs);
  const same = unbroken && (run.cause === cause || (isSilence(run.cause) && isSilence(cause)));
  return {
    ...state,
    // A single failing look among unknown ones settles nothing: unknown for long is still told.
    unknownSince: same ? null : state.unknownSince,
    wanted: 'up',
    failing: same
      ? { ...run, cause, seenAt: now, misses: run.misses + 1 }
      : { cause, since: at, seenAt: now, misses: 1 },
  };
}

export function keepExhausted(state: State, otherwise: State['phase']): State['phase'] {
  return state.phase.kind === 'exhausted' ? state.phase : otherwise;
}
