import { describe, expect, it } from 'vitest';
import { type Clock, instant, millis } from '../../src/core/time.ts';
import { startPulse } from '../../src/daemon/pulse.ts';

/** A clock whose sleeper wakes when the test says so, at whatever time it then is. */
function stage() {
  let now = 0;
  let wake: (() => void) | null = null;
  const clock: Clock = {
    now: () => instant(now),
    elapsed: () => millis(now),
    sleep: (_length, signal) =>
      new Promise((resolve) => {
        wake = resolve;
        signal?.addEventListener('abort', () => resolve(), { once: true });
      }),
  };
  return {
    clock,
    passes: async (ms: number, beats: boolean) => {
      now += ms;
      if (!beats) return;
      wake?.();
      await Promise.resolve();
      await Promise.resolve();
    },
  };
}

describe('the pulse of a look', () => {
  it('is late by nothing while the beats come in time, however long the look takes', async () => {
    const { clock, passes } = stage();
    const pulse = startPulse(clock);
    for (let n = 0; n < 10; n += 1) await passes(2_000, true);
    await passes(1_500, false);
    expect(pulse.stop()).toBe(0);
  });

  it('is late by what the machine slept in the middle', async () => {
    const { clock, passes } = stage();
    const pulse = startPulse(clock);
    await passes(2_000, true);
    await passes(47_000, true);
    await passes(2_000, true);
    expect(pulse.stop()).toBe(45_000);
  });

  it('is late by a sleep whose beat had no turn before the look ended', async () => {
    const { clock, passes } = stage();
    const pulse = startPulse(clock);
    await passes(2_000, true);
    await passes(32_000, false);
    expect(pulse.stop()).toBe(30_000);
  });
});
