import type { Policy } from './policy.ts';
import type { State } from './state.ts';
import type { Instant } from './time.ts';

/** One more time that a serving gateway was lost. Past the limit it flaps, until it has served for long enough. */
export function noteLoss(state: State, now: Instant, { flap }: Policy): State {
  const losses = [...state.losses.filter((at) => now - at < flap.windowMs), now].slice(-flap.limit);
  return { ...state, losses, flapping: state.flapping || losses.length >= flap.limit };
}

/** How long it must serve before an incident is resolved: hysteresis, so that a flapping gateway is one incident. */
export const stableFor = (state: State, policy: Policy): number =>
  state.flapping ? policy.flapStableMs : policy.stableMs;

export const calmed = <S extends State>(state: S): S =>
  state.flapping ? { ...state, flapping: false, losses: [] } : state;
