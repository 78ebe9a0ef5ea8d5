import { type Clock, type Instant, instant, millis, plus } from '../core/time.ts';

export interface SteadyClock extends Clock {
  /** Takes over the wall clock again. Only while no limit is counting: a step must never add an action. */
  anchor(): void;
}

/**
 * The watchdog's own time: the wall clock as it was at the start (never before the last persisted moment), carried on
 * by the monotonic clock. A wall clock that steps while we run changes no grace, no limit and no deadline.
 */
export function steadyClock(clock: Clock, lastAt: Instant | null): SteadyClock {
  let base = instant(Math.max(clock.now(), lastAt ?? 0));
  let from = clock.elapsed();
  return {
    now: () => plus(base, millis(clock.elapsed() - from)),
    elapsed: clock.elapsed,
    sleep: clock.sleep,
    anchor: () => {
      base = clock.now();
      from = clock.elapsed();
    },
  };
}
