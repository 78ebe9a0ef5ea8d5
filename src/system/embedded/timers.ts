import { type Clock, type Instant, millis, seconds } from '../../core/time.ts';
import type { ParsedJob } from '../launchd/job.ts';
import { anySlot, nextMinute } from './calendar.ts';

/**
 * Runs a job's StartInterval and StartCalendarInterval until the signal aborts. A slot that comes while the job runs
 * is lost, as with launchd; calendar slots a sleep missed make one start.
 */
export function runTimers(job: ParsedJob, clock: Clock, due: () => void, signal: AbortSignal): void {
  if (job.startInterval !== null && job.startInterval > 0)
    void runInterval(job.startInterval, clock, due, signal);
  if (job.startCalendarInterval.length > 0) void runCalendar(job, clock, due, signal);
}

async function runInterval(everySeconds: number, clock: Clock, due: () => void, signal: AbortSignal) {
  while (!signal.aborted) {
    await clock.sleep(seconds(everySeconds), signal);
    if (!signal.aborted) due();
  }
}

async function runCalendar(job: ParsedJob, clock: Clock, due: () => void, signal: AbortSignal) {
  let looked: Instant = clock.now();
  while (!signal.aborted) {
    await clock.sleep(millis(nextMinute(clock.now()) - clock.now()), signal);
    const now = clock.now();
    if (!signal.aborted && anySlot(job.startCalendarInterval, looked, now)) due();
    looked = now;
  }
}
