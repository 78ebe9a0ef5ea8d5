import { describe, expect, it } from 'vitest';
import { millis, minutes } from '../../src/core/time.ts';
import { systemClock } from '../../src/system/clock.ts';

describe('system clock', () => {
  it('tells the wall time, and a monotonic time that a sleep moves on', async () => {
    const clock = systemClock();
    const before = clock.elapsed();
    expect(Math.abs(clock.now() - Date.now())).toBeLessThan(1_000);
    await clock.sleep(millis(30));
    expect(clock.elapsed() - before).toBeGreaterThanOrEqual(28);
  });

  it('ends a sleep early, without an error, when the signal aborts', async () => {
    const abort = new AbortController();
    const slept = systemClock().sleep(minutes(10), abort.signal);
    abort.abort(new Error('stop'));
    await expect(slept).resolves.toBeUndefined();
  });

  it('does not sleep at all when the signal has aborted before', async () => {
    await expect(systemClock().sleep(minutes(10), AbortSignal.abort())).resolves.toBeUndefined();
  });

  it('takes a length beyond the 32 bits of a timer for a long sleep, not for none', async () => {
    const abort = new AbortController();
    let woke = false;
    const slept = systemClock()
      .sleep(millis(1e12), abort.signal)
      .then(() => {
        woke = true;
      });
    await systemClock().sleep(millis(30));
    expect(woke).toBe(false);
    abort.abort();
    await slept;
  });
});
