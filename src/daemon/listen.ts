import { type FSWatcher, watch } from 'node:fs';
import type { Clock } from '../core/time.ts';
import type { Log } from '../system/log.ts';
import { carryOut } from './carry-out.ts';
import { commandsDirectory, sweepAnswers, takeRequests } from './commands.ts';
import type { Loop } from './loop.ts';

/**
 * Requests are taken when the folder changes. In case a change went unnoticed it is looked at anyway, rarely (1800 looks
 * an hour were a third of what the idle daemon cost); where it cannot be watched, often enough for "within a second".
 */
const sweepMs = { watched: 30_000, unwatched: 1_000 };

/** Takes what operators ask of the daemon until the returned function is called. */
export function listenForRequests(
  stateDir: string,
  loop: Loop,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
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
        await takeRequests(stateDir, (request) => carryOut(request, loop, clock));
        // Inside: a request that comes during this would else wait for the next sweep.
        await sweepAnswers(stateDir, clock.now());
      } while (again);
    } catch (error) {
      log.warn(`The commands folder cannot be read: ${String(error)}`);
    } finally {
      busy = false;
    }
  };
  let sweep: NodeJS.Timeout | undefined;
  const sweepEvery = (everyMs: number): void => {
    clearInterval(sweep);
    sweep = setInterval(() => void take(), everyMs);
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
