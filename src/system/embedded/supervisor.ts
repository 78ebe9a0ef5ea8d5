import { lstat, readFile } from 'node:fs/promises';
import type { LastExit, ServiceOutcome } from '../../core/service.ts';
import { type Clock, millis } from '../../core/time.ts';
import type { ParsedJob } from '../launchd/job.ts';
import { parsePlist } from '../launchd/plist.ts';
import { createJobRun, type JobRun, type Overrides, type StartReason } from './job-run.ts';
import { exitTimeOutMs, startsWhenLoaded, throttleMs } from './rules.ts';
import { jobEnvironment, sendSignal } from './spawn.ts';
import { runTimers } from './timers.ts';

export interface SupervisorOptions {
  readonly clock: Clock;
  /** Gets one sentence for each start and end of a job. */
  readonly log?: (sentence: string) => void;
  readonly overrides?: () => Overrides;
}

/** Everything there is to tell of a loaded job: what `launchctl print` shows. */
export interface JobInfo {
  readonly label: string;
  /** The plist it was loaded from; its content was copied then. */
  readonly path: string;
  readonly job: ParsedJob;
  readonly environment: Readonly<Record<string, string>>;
  readonly state: ReturnType<JobRun['state']>;
  readonly pid: number | null;
  readonly runs: number;
  readonly lastExit: LastExit;
  readonly pended: StartReason | null;
  readonly startReason: StartReason | null;
  readonly exitTimeOutMs: number | null;
  readonly throttleMs: number;
}

type KickstartReply =
  | { readonly kind: 'done'; readonly pid: number | null }
  | (ServiceOutcome & { readonly kind: 'failed' });

/** launchd's part of the work, in our own process. Failures carry launchd's error numbers. */
export interface Supervisor {
  /** Loads the plist's job; with `expected` only when that is its label. */
  bootstrap(plistPath: string, expected?: string): Promise<ServiceOutcome>;
  /** Begins to remove a job; `gone` resolves once its process is dead and the label free. Null: unknown label. */
  bootout(label: string): { readonly gone: Promise<void> } | null;
  kickstart(label: string, options: { readonly kill: boolean }): Promise<KickstartReply>;
  setDisabled(label: string, disabled: boolean): void;
  /** The override store: labels somebody enabled or disabled, in the order of first mention. */
  overridden(): ReadonlyMap<string, boolean>;
  /** A bare signal to the job's process; false when it has none. */
  signal(label: string, signal: NodeJS.Signals): boolean;
  print(label: string): JobInfo | null;
  labels(): readonly string[];
  /** Boots out every job and ends what is left of their process groups. */
  stop(): Promise<void>;
}

interface Loaded {
  readonly path: string;
  readonly job: ParsedJob;
  readonly run: JobRun;
  readonly timers: AbortController;
  gone: Promise<void> | null;
}

/** What a start waits for after loading, so that "loaded and not yet started" can be seen, as with launchd. */
const startDelayMs = millis(20);

export function createSupervisor({ clock, log, overrides }: SupervisorOptions): Supervisor {
  const jobs = new Map<string, Loaded>();
  const disabled = new Map<string, boolean>();
  const tuned: () => Overrides = overrides ?? (() => ({}));

  const remove = (label: string, loaded: Loaded, killGroup: boolean): Promise<void> => {
    if (killGroup || loaded.gone === null) {
      loaded.timers.abort();
      loaded.gone = loaded.run.end({ killGroup }).then(() => {
        if (jobs.get(label) === loaded) jobs.delete(label);
      });
    }
    return loaded.gone;
  };

  return {
    bootstrap: async (plistPath, expected) => {
      const read = await readJob(plistPath);
      if (read.kind === 'failed') return read;
      const { job } = read;
      if (expected !== undefined && job.label !== expected) {
        return failed(110, `The plist ${plistPath} is of the job ${job.label}, not of ${expected}.`);
      }
      if (disabled.get(job.label) === true) return failed(119, `${job.label} is disabled; enable it first.`);
      const old = jobs.get(job.label);
      if (old !== undefined) {
        return old.gone === null
          ? failed(17, `${job.label} is loaded already; boot it out to load a new definition.`)
          : failed(37, `${job.label} is still stopping; try again in a few seconds.`);
      }
      const run = createJobRun({ job, clock, overrides: tuned, log: log ?? (() => undefined) });
      const timers = new AbortController();
      jobs.set(job.label, { path: plistPath, job, run, timers, gone: null });
      if (startsWhenLoaded(job)) run.request('speculative', tuned().startDelayMs ?? startDelayMs);
      runTimers(job, clock, () => run.request('interval', millis(0)), timers.signal);
      return { kind: 'done' };
    },
    bootout: (label) => {
      const loaded = jobs.get(label);
      return loaded === undefined ? null : { gone: remove(label, loaded, false) };
    },
    kickstart: async (label, options) => {
      const loaded = jobs.get(label);
      if (loaded === undefined) return failed(113, `${label} is not loaded; bootstrap it first.`);
      if (loaded.gone !== null) return failed(36, `${label} is being removed; bootstrap it afterwards.`);
      return { kind: 'done', pid: await loaded.run.demand(options) };
    },
    setDisabled: (label, value) => void disabled.set(label, value),
    overridden: () => disabled,
    signal: (label, signal) => {
      const pid = jobs.get(label)?.run.pid() ?? null;
      return pid !== null && sendSignal(pid, signal, { group: false });
    },
    print: (label) => {
      const loaded = jobs.get(label);
      return loaded === undefined ? null : describe(loaded, tuned());
    },
    labels: () => [...jobs.keys()],
    stop: async () => {
      await Promise.all([...jobs].map(([label, loaded]) => remove(label, loaded, true)));
    },
  };
}

function describe({ path, job, run }: Loaded, tuned: Overrides): JobInfo {
  return {
    label: job.label,
    path,
    job,
    environment: jobEnvironment(job),
    state: run.state(),
    pid: run.pid(),
    runs: run.runs(),
    lastExit: run.lastExit(),
    pended: run.pended(),
    startReason: run.startReason(),
    exitTimeOutMs: tuned.exitTimeOutMs ?? exitTimeOutMs(job),
    throttleMs: tuned.throttleMs ?? throttleMs(job),
  };
}

type ReadJob =
  | { readonly kind: 'ok'; readonly job: ParsedJob }
  | (ServiceOutcome & { readonly kind: 'failed' });

async function readJob(path: string): Promise<ReadJob> {
  try {
    const stat = await lstat(path);
    if (stat.isFile() && (stat.mode & 0o022) !== 0) {
      return failed(122, `The plist ${path} may be written by others; make its mode 0644.`);
    }
    const parsed = parsePlist(await readFile(path, 'utf8'));
    return parsed.kind === 'ok' ? parsed : failed(109, parsed.because);
  } catch (error) {
    return failed(2, `The plist cannot be read: ${error instanceof Error ? error.message : String(error)}.`);
  }
}

const failed = (code: number, because: string) => ({ kind: 'failed', code, because }) as const;
