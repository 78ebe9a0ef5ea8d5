import { type FSWatcher, statSync, watch } from 'node:fs';
import type { Rules } from '../core/look.ts';
import type { Clock } from '../core/time.ts';
import type { Log } from '../system/log.ts';
import type { AlertHands } from './alert-desk.ts';
import { carryOut } from './carry-out.ts';
import { commandsDirectory, sweepAnswers, takeRequests } from './commands.ts';
import type { Loop } from './loop.ts';
import type { PackageHands } from './package-hands.ts';
import type { PortHandParts } from './port-hand.ts';
import type { Trials } from './trial-parts.ts';

/**
 * Requests are taken when the folder changes. In case a change went unnoticed its time is looked at anyway: one stat, for
 * reading the folder 1800 times an hour was a third of what the idle daemon cost. Where it cannot be watched, often
 * enough for "within a second".
 */
const sweepMs = { watched: 5_000, unwatched: 1_000 };
/** Answers nobody fetched are swept away at a look made at least this much later. */
const answersEveryMs = 600_000;

/** Takes what operators ask of the daemon until the returned function is called. */
export function listenForRequests(
  stateDir: string,
  loop: Loop,
  {
    clock,
    log,
    rules,
    trials,
    packages,
    alerts,
    port,
  }: {
    readonly clock: Clock;
    readonly log: Log;
    readonly rules: () => Rules;
    readonly trials: Trials;
    readonly packages?: PackageHands;
    readonly alerts?: AlertHands;
    readonly port?: PortHandParts;
  },
): () => void {
  let busy = false;
  let again = false;
  const take = async (): Promise<void> => {
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    try {
      do {
        again = false;
        const parts = {
          clock,
          rules,
          trials,
          ...(packages === undefined ? {} : { packages }),
          ...(alerts === undefined ? {} : { alerts }),
          ...(port === undefined ? {} : { port }),
        };
        await takeRequests(stateDir, (request) => carryOut(request, loop, parts));
        // Inside: a request that comes during this would else wait for the next sweep.
        await sweepAnswers(stateDir, clock.now());
      } while (again);
    } catch (error) {
      log.warn(`The commands folder cannot be read: ${String(error)}`);
    } finally {
      busy = false;
    }
  };
  let seenMs = 0;
  let sweptAt = clock.elapsed();
  const hasChanged = (): boolean => {
    const mtimeMs = changedAt(commandsDirectory(stateDir));
    const due = clock.elapsed() - sweptAt > answersEveryMs;
    if (mtimeMs === seenMs && !due) return false;
    seenMs = mtimeMs;
    sweptAt = clock.elapsed();
    return true;
  };
  let sweep: NodeJS.Timeout | undefined;
  const sweepEvery = (everyMs: number): void => {
    clearInterval(sweep);
    sweep = setInterval(() => {
      if (hasChanged()) void take();
    }, everyMs);
  };
  sweepEvery(sweepMs.unwatched);
  let watcher: FSWatcher | null = null;
  try {
    watcher = watch(commandsDirectory(stateDir), () => void take());
    watcher.on('error', (error) => {
      log.warn(`Watching the commands folder failed, so it is swept: ${error.message}`);
      sweepEvery(sweepMs.unwatched);
    });
    sweepEvery(sweepMs.watched);
  } catch (error) {
    log.warn(`The commands folder cannot be watched, so it is swept: ${String(error)}`);
  }
  void take();
  return () => {
    clearInterval(sweep);
    watcher?.close();
  };
}

/** NaN, which equals nothing, where it cannot be told: then the folder itself is read, and says why. */
function changedAt(directory: string): number {
  try {
    return statSync(directory).mtimeMs;
  } catch {
    // Reading the folder meets the same failure, and logs it.
    return Number.NaN;
  }
}
