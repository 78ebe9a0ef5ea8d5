import { type ScheduledTask, schedule, validate } from 'node-cron';
import type { Clock, Instant } from '../core/time.ts';
import { instant } from '../core/time.ts';
import type { Log } from '../system/log.ts';
import { isOverdue, type JobName, readStamp } from './job-stamps.ts';

/** What the daemon runs by the clock, beside its own looks. */
export interface Jobs {
  nextDeepProbeAt(): Instant | null;
  nextRunAt(job: JobName): Instant | null;
  stop(): Promise<void>;
}

export interface JobsParts {
  readonly cron: { readonly deepProbe: string; readonly snapshot: string; readonly archive: string };
  readonly stateDir: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly deepProbe: () => void;
  /** Starts a job of ours now (a kickstart under launchd, in our own process without it). */
  readonly start: (job: JobName) => Promise<void>;
  /** Whether an overdue job may be started: not while the gateway is in trouble. */
  readonly quiet: () => boolean;
}

/** As the installer writes them. */
const usualCron = { deepProbe: '*/3 * * * *', snapshot: '7 * * * *', archive: '30 4 * * 0' } as const;

/** launchd may hold back calendar starts for hours, and makes up none that fell into a powered-off time. */
const sweepCron = '*/10 * * * *';
const jobs: readonly JobName[] = ['snapshot', 'archive'];

export function startJobs(parts: JobsParts): Jobs {
  let sweeping = false;
  const sweep = async (): Promise<void> => {
    if (sweeping || !parts.quiet()) return;
    sweeping = true;
    try {
      for (const job of jobs) {
        if (!isOverdue(job, await readStamp(parts.stateDir, job), parts.clock.now())) continue;
        parts.log.info(`The ${job} job is overdue; starting it`);
        await parts.start(job);
      }
    } catch (error) {
      parts.log.warn(`The sweep of overdue jobs failed: ${String(error)}`);
    } finally {
      sweeping = false;
    }
  };
  const deep = planned('deepProbe', parts, parts.deepProbe);
  const overdue = schedule(sweepCron, sweep);
  // These two only tell when launchd's slots are; the jobs themselves are LaunchAgents.
  const slots: Readonly<Record<JobName, ScheduledTask>> = {
    snapshot: planned('snapshot', parts, () => undefined),
    archive: planned('archive', parts, () => undefined),
  };
  const nextDeepProbeAt = remembered(deep, parts.clock);
  const nextRunAt: Readonly<Record<JobName, () => Instant | null>> = {
    snapshot: remembered(slots.snapshot, parts.clock),
    archive: remembered(slots.archive, parts.clock),
  };
  const all = [deep, overdue, slots.snapshot, slots.archive];
  return {
    nextDeepProbeAt,
    nextRunAt: (job) => nextRunAt[job](),
    stop: async () => {
      for (const task of all) await task.destroy();
    },
  };
}

/** The heartbeat asks every 10 s and reckoning a date from a cron line is dear: reckoned anew only when it has passed. */
function remembered(task: ScheduledTask, clock: Clock): () => Instant | null {
  let at: Instant | null = null;
  let askedAt = clock.now();
  return () => {
    const now = clock.now();
    // A clock that was set back would leave the remembered moment too far away.
    if (at === null || now >= at || now < askedAt) at = next(task);
    askedAt = now;
    return at;
  };
}

/** What the settings' schema takes for a cron line may still be none; the watchdog runs all the same, by the usual one. */
function planned(key: keyof typeof usualCron, { cron, log }: JobsParts, work: () => void): ScheduledTask {
  if (validate(cron[key])) return schedule(cron[key], work);
  log.error(`schedule.${key}: "${cron[key]}" is no cron line; using "${usualCron[key]}"`);
  return schedule(usualCron[key], work);
}

function next(task: ScheduledTask): Instant | null {
  const at = task.getNextRun();
  return at === null ? null : instant(at.getTime());
}
