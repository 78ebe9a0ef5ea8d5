import { type Clock, type Millis, millis, seconds } from '../core/time.ts';

/** Between two beats; a look is mostly over before the first. */
const beatMs = seconds(2);

/**
 * Beats while a look is under way, and counts how late the beats come: a machine that sleeps in the middle of a look
 * stops our beats as well, while a lookup that waits for a slow answer does not.
 */
export function startPulse(clock: Clock): { readonly stop: () => Millis } {
  const over = new AbortController();
  let lateMs = 0;
  let due = clock.elapsed() + beatMs;
  const late = (): number => Math.max(0, clock.elapsed() - due);
  const beat = async (): Promise<void> => {
    while (!over.signal.aborted) {
      await clock.sleep(beatMs, over.signal);
      if (over.signal.aborted) return;
      lateMs += late();
      due = clock.elapsed() + beatMs;
    }
  };
  void beat();
  return {
    stop: () => {
      over.abort();
      // The beat that was due while everything stood still may not have had its turn yet.
      return millis(lateMs + late());
    },
  };
}
