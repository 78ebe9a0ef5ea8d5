import type { Policy } from './policy.ts';
import type { ActionStep, State } from './state.ts';
import { type Instant, plus } from './time.ts';

export type Budget =
  | { readonly kind: 'free' }
  /** The short window is full: waiting helps. */
  | { readonly kind: 'wait'; readonly until: Instant }
  /** The long window is full: a person is needed. */
  | { readonly kind: 'spent'; readonly until: Instant };

/** Whether one more disruptive action fits both windows. A wall clock that stepped back frees nothing: an action
 *  that lies in the future counts as just made. */
export function budget(state: State, now: Instant, policy: Policy): Budget {
  const sustained = full(state, now, policy.sustained);
  if (sustained !== null) return { kind: 'spent', until: sustained };
  const burst = full(state, now, policy.burst);
  if (burst !== null) return { kind: 'wait', until: burst };
  return { kind: 'free' };
}

function full(state: State, now: Instant, window: Policy['burst']): Instant | null {
  const inside = state.spent.filter((entry) => now - entry.at < window.windowMs);
  const freeing = inside[inside.length - window.limit];
  return freeing === undefined ? null : plus(freeing.at, window.windowMs);
}

/** Whether a repair that is still remembered has paid for the start that follows it. */
export const isPaid = ({ round, spent }: State): boolean => spent.some(({ actionId }) => actionId === round);

/** What is repaired beside a gateway that serves disturbs nobody, nor does taking a repair back. */
export function isDisruptive({ cause }: State, { kind }: ActionStep): boolean {
  if (kind === 'undo') return false;
  return cause !== 'serving' || (kind !== 'reinstall' && kind !== 'rollback');
}

/** Nothing is being measured by the clock: the watchdog's own time may be set right by the wall's. */
export function isUntimed(state: State, now: Instant, policy: Policy): boolean {
  const { spent, reinstalls, rollbacks, reloads, unparks, losses, configSeen } = state;
  const counted = [spent, reinstalls, rollbacks, reloads, unparks, losses].some((made) => made.length > 0);
  const graceMs = Math.max(policy.latentTellMs, policy.editGraceMs);
  const edited = configSeen !== null && now - configSeen.since < graceMs;
  return state.phase.kind === 'healthy' && state.pause === null && !counted && !edited;
}

/** Drops what no window can see any more, so that the state stays small for years. */
export function forget(state: State, now: Instant, policy: Policy): State {
  const longest = Math.max(policy.burst.windowMs, policy.sustained.windowMs);
  const keep = (at: Instant, length: number): boolean => now - at < length;
  return {
    ...state,
    spent: state.spent.filter((entry) => keep(entry.at, longest)),
    reloads: state.reloads.filter((at) => keep(at, policy.reloadWindowMs)),
    unparks: state.unparks.filter((at) => keep(at, policy.reloadWindowMs)),
    reinstalls: state.reinstalls.filter((at) => keep(at, policy.reinstalls.windowMs)),
    rollbacks: state.rollbacks.filter((at) => keep(at, policy.rollbacks.windowMs)),
    // As long as an incident is open it may be about the one that came back: that is not ended for having stayed.
    orphanEnded:
      state.incident !== null || keep(state.orphanEnded?.at ?? now, policy.orphanAgainMs)
        ? state.orphanEnded
        : null,
    losses: state.losses.filter((at) => keep(at, policy.flap.windowMs)),
  };
}
