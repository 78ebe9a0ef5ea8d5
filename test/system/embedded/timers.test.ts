import { describe, it } from 'vitest';
import { instant, type Millis, millis, seconds } from '../../../src/core/time.ts';
import { createSupervisor } from '../../../src/system/embedded/supervisor.ts';
import { label, temporaryFolder, until, writeShellJob } from '../../fakes/launchd/world.ts';

describe('timers', () => {
  /** A clock that sleeps on demand: `pass` lets time go by and wakes whom it is due. */
  function handClock(start: number) {
    let now = start;
    const sleepers = new Set<{ until: number; wake: () => void }>();
    return {
      clock: {
        now: () => instant(now),
        elapsed: () => millis(now),
        sleep: (length: Millis, signal?: AbortSignal) =>
          new Promise<void>((resolve) => {
            const sleeper = { until: now + length, wake: resolve };
            sleepers.add(sleeper);
            signal?.addEventListener('abort', () => resolve(), { once: true });
          }),
      },
      pass: async (length: number) => {
        now += length;
        for (const sleeper of sleepers) {
          if (sleeper.until > now) continue;
          sleepers.delete(sleeper);
          sleeper.wake();
        }
        await new Promise((resolve) => setTimeout(resolve, 20));
      },
    };
  }
  const noon = new Date(2026, 10, 22, 12, 0, 30).getTime();

  it.for([
    ['an interval', { startInterval: 60 }, [59_000, 0], [2_000, 1]],
    ['a calendar slot', { startCalendarInterval: [{ minute: 1 }] }, [20_000, 0], [11_000, 1]],
    [
      'slots missed by a sleep of five hours',
      { startCalendarInterval: [{ minute: 30 }] },
      [60_000, 0],
      [18_000_000, 1],
    ],
  ] as const)('starts a job at %s', async ([_name, rest, before, after], { onTestFinished }) => {
    const dir = temporaryFolder(onTestFinished);
    const { clock, pass } = handClock(noon);
    const supervisor = createSupervisor({
      clock,
      overrides: () => ({ throttleMs: millis(0), exitTimeOutMs: seconds(1) }),
    });
    await supervisor.bootstrap(writeShellJob(dir, 'exit 0', rest));
    await pass(0);
    for (const [length, runs] of [before, after]) {
      await pass(length);
      await pass(0);
      await until(
        () => supervisor.print(label)?.runs,
        (seen) => seen === runs,
      );
    }
    await until(
      () => supervisor.print(label)?.state,
      (state) => state === 'not running',
    );
    await supervisor.stop();
  });
});
