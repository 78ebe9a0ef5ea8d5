import type { Clock, Millis } from '../core/time.ts';

export interface Nudge {
  now(): void;
  /** Waits, but not after a nudge; true when a nudge (also one from before the wait) ended it. */
  wait(length: Millis, signal: AbortSignal): Promise<boolean>;
}

/** Events never act by themselves: they only bring the next look forward. */
export function createNudge(clock: Clock): Nudge {
  let pending = false;
  let wake: AbortController | null = null;
  return {
    now: () => {
      pending = true;
      wake?.abort();
    },
    wait: async (length, signal) => {
      if (!pending && length > 0) {
        wake = new AbortController();
        await clock.sleep(length, AbortSignal.any([wake.signal, signal]));
        wake = null;
      }
      const early = pending;
      pending = false;
      return early;
    },
  };
}
