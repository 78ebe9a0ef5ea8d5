import type { LastExit } from '../../core/service.ts';
import { type Clock, type Millis, millis } from '../../core/time.ts';
import type { ParsedJob } from '../launchd/job.ts';
import { exitTimeOutMs, lastExitOf, startDelayMs, throttleMs, wantsAnotherRun } from './rules.ts';
import { type ProcessExit, type RunningProcess, sendSignal, spawnJob } from './spawn.ts';

/** What differs from launchd's own numbers, asked anew whenever it is needed. The demo and the tests shorten waits. */
export interface Overrides {
  /** In place of every job's ThrottleInterval. */
  readonly throttleMs?: Millis | undefined;
  /** In place of every job's ExitTimeOut. */
  readonly exitTimeOutMs?: Millis | undefined;
  /** Between loading a job and the start that comes with it. */
  readonly startDelayMs?: Millis | undefined;
  /** launchd's worst habit: starts nobody demanded (RunAtLoad, KeepAlive, timers) are held back for ever. */
  readonly holdBackStarts?: boolean | undefined;
}

export type StartReason = 'speculative' | 'inefficient' | 'interval' | 'non-ipc demand';

export interface JobRunOptions {
  readonly job: ParsedJob;
  readonly clock: Clock;
  readonly overrides: () => Overrides;
  readonly log: (sentence: string) => void;
}

/** The life of one loaded job: at most one process, started and ended by launchd's rules. */
export interface JobRun {
  state(): 'not running' | 'spawn scheduled' | 'spawning' | 'running' | 'SIGTERMed' | 'SIGKILLed';
  pid(): number | null;
  runs(): number;
  lastExit(): LastExit;
  pended(): StartReason | null;
  startReason(): StartReason | null;
  /** A start nobody demanded: throttled, and held back when the overrides say so. Does nothing on a running job. */
  request(reason: StartReason, afterMs: Millis): void;
  /** Starts now, or with `kill` ends the running process first. Resolves with the pid, null when it did not start. */
  demand(options: { readonly kill: boolean }): Promise<number | null>;
  /** SIGTERM, SIGKILL after the exit time-out, no new start. Resolves once no process is left. */
  end(options: { readonly killGroup: boolean }): Promise<void>;
}

export function createJobRun({ job, clock, overrides, log }: JobRunOptions): JobRun {
  let state: ReturnType<JobRun['state']> = 'not running';
  let process: RunningProcess | null = null;
  let runs = 0;
  let lastExit: LastExit = { kind: 'never' };
  let pended: StartReason | null = null;
  let startReason: StartReason | null = null;
  let lastStart: Millis | null = null;
  let waiting: AbortController | null = null;
  let starting: Promise<void> | null = null;
  let ending = false;
  let killGroup = false;
  let restart = false;

  const throttle = () => overrides().throttleMs ?? throttleMs(job);

  const start = (reason: StartReason): Promise<void> => {
    waiting?.abort();
    waiting = null;
    pended = null;
    state = 'spawning';
    startReason = reason;
    runs += 1;
    lastStart = clock.elapsed();
    starting = spawnJob(job).then((spawned) => {
      starting = null;
      if (spawned === null) return finished({ code: 78, signal: null }, null);
      process = spawned;
      state = 'running';
      log(`${job.label} started as pid ${spawned.pid} (${reason}).`);
      void spawned.exited.then((exit) => finished(exit, spawned.pid));
      if (ending) void terminate(spawned);
    });
    return starting;
  };

  const finished = (exit: ProcessExit, pid: number | null): void => {
    // launchd signals what is left of the job's process group right after it has reaped the main process.
    if (pid !== null && !job.abandonProcessGroup) sendSignal(pid, 'SIGTERM', { group: true });
    if (pid !== null && killGroup) sendSignal(pid, 'SIGKILL', { group: true });
    process = null;
    state = 'not running';
    lastExit = lastExitOf(exit.code, exit.signal);
    log(`${job.label} ended: ${exit.signal ?? `exit code ${exit.code}`}.`);
    if (ending) return;
    if (restart) {
      restart = false;
      void start('non-ipc demand');
    } else if (wantsAnotherRun(job.keepAlive, lastExit)) request('inefficient', millis(0));
  };

  const request = (reason: StartReason, afterMs: Millis): void => {
    if (ending || state !== 'not running') return;
    if (overrides().holdBackStarts === true) {
      pended = reason;
      return;
    }
    const delay = millis(Math.max(afterMs, startDelayMs(lastStart, clock.elapsed(), throttle())));
    const controller = new AbortController();
    waiting = controller;
    state = 'spawn scheduled';
    void clock.sleep(delay, controller.signal).then(() => {
      if (!controller.signal.aborted) void start(reason);
    });
  };

  const terminate = async (target: RunningProcess): Promise<void> => {
    if (state === 'running') {
      state = 'SIGTERMed';
      sendSignal(target.pid, 'SIGTERM', { group: false });
    }
    const limit = overrides().exitTimeOutMs ?? exitTimeOutMs(job);
    if (limit !== null) {
      const controller = new AbortController();
      void target.exited.then(() => controller.abort());
      await clock.sleep(limit, controller.signal);
      if (!controller.signal.aborted && process === target) {
        state = 'SIGKILLed';
        sendSignal(target.pid, 'SIGKILL', { group: false });
      }
    }
    await target.exited;
  };

  const demand = async (options: { readonly kill: boolean }): Promise<number | null> => {
    if (starting !== null) await starting;
    if (ending) return null;
    if (process === null) await start('non-ipc demand');
    else if (options.kill) {
      restart = true;
      await terminate(process);
      await starting;
    }
    // Another type than the flow analysis sees: the callbacks above assign it.
    return (process as RunningProcess | null)?.pid ?? null;
  };

  const end = async (options: { readonly killGroup: boolean }): Promise<void> => {
    ending = true;
    killGroup ||= options.killGroup;
    waiting?.abort();
    waiting = null;
    pended = null;
    if (state === 'spawn scheduled') state = 'not running';
    if (starting !== null) await starting;
    if (process !== null) await terminate(process);
  };

  return {
    state: () => state,
    pid: () => process?.pid ?? null,
    runs: () => runs,
    lastExit: () => lastExit,
    pended: () => pended,
    startReason: () => startReason,
    request,
    demand,
    end,
  };
}
