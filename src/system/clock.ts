import { type Clock, instant, type Millis, millis } from '../core/time.ts';

/** Node cuts a longer timer to one millisecond instead of refusing it (setTimeout's 32-bit limit). */
const longestTimerMs = 2_147_483_647;

/** The machine's own clocks. `elapsed` is monotonic; on a Mac it runs on through sleep. */
export function systemClock(): Clock {
  return {
    now: () => instant(Date.now()),
    elapsed: () => millis(Math.trunc(performance.now())),
    sleep,
  };
}

/** Resolves after the length, or early when the signal aborts; never rejects, so that no wait needs a catch. */
function sleep(length: Millis, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) {
      resolve();
      return;
    }
    const finish = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', finish);
      resolve();
    };
    const timer = setTimeout(finish, Math.min(Math.max(0, length), longestTimerMs));
    signal?.addEventListener('abort', finish, { once: true });
  });
}
