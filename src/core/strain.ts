import type { Policy } from './policy.ts';
import type { State } from './state.ts';
import { type Instant, millis, plus, since } from './time.ts';

/** Healthy time forgives: one disruptive action for each `calmMs` of it, counted when it ends. */
export function noteServing(
  state: State,
  serves: boolean,
  { now, policy }: { now: Instant; policy: Policy },
): State {
  const { strain } = state;
  if (serves) {
    return strain.servingSince === null ? { ...state, strain: { ...strain, servingSince: now } } : state;
  }
  if (strain.servingSince === null) return state;
  const forgiven = Math.floor(since(strain.servingSince, now) / policy.calmMs);
  return { ...state, strain: { ...strain, count: Math.max(0, strain.count - forgiven), servingSince: null } };
}

/** The earliest moment of the next disruptive action: each one before it makes the wait twice as long. */
export function backoffUntil({ strain }: State, policy: Policy): Instant | null {
  if (strain.count === 0 || strain.lastAt === null) return null;
  return plus(
    strain.lastAt,
    millis(Math.min(policy.backoffMs * 2 ** (strain.count - 1), policy.backoffMaxMs)),
  );
}

export const strained = (state: State, now: Instant): State['strain'] => ({
  count: state.strain.count + 1,
  lastAt: now,
  servingSince: null,
});
