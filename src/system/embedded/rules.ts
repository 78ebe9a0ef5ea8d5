import type { LastExit } from '../../core/service.ts';
import { type Millis, millis, seconds } from '../../core/time.ts';
import type { KeepAlive, ParsedJob } from '../launchd/job.ts';

/** launchd's own defaults: seconds between two starts, and from SIGTERM to SIGKILL. */
const defaultThrottleMs = seconds(10);
const defaultExitTimeOutMs = seconds(5);

/** macOS's numbers and words for the signals that end a process (Linux numbers some of them otherwise). */
const signalWords: Readonly<Record<string, readonly [number, string]>> = {
  SIGHUP: [1, 'Hangup'],
  SIGINT: [2, 'Interrupt'],
  SIGQUIT: [3, 'Quit'],
  SIGILL: [4, 'Illegal instruction'],
  SIGTRAP: [5, 'Trace/BPT trap'],
  SIGABRT: [6, 'Abort trap'],
  SIGFPE: [8, 'Floating point exception'],
  SIGKILL: [9, 'Killed'],
  SIGBUS: [10, 'Bus error'],
  SIGSEGV: [11, 'Segmentation fault'],
  SIGSYS: [12, 'Bad system call'],
  SIGPIPE: [13, 'Broken pipe'],
  SIGALRM: [14, 'Alarm clock'],
  SIGTERM: [15, 'Terminated'],
  SIGUSR1: [30, 'User defined signal 1'],
  SIGUSR2: [31, 'User defined signal 2'],
};

/** ILL, TRAP, ABRT, FPE, BUS, SEGV, SYS: SIGKILL and SIGTERM are not crashes to launchd. */
const crashSignals: ReadonlySet<number> = new Set([4, 5, 6, 8, 10, 11, 12]);

/** How a run ended, in launchd's words. */
export function lastExitOf(code: number, signal: string | null): LastExit {
  if (signal === null) return { kind: 'code', code };
  const words = signalWords[signal];
  return words === undefined
    ? { kind: 'other', text: signal }
    : { kind: 'signal', signal: words[0], name: words[1] };
}

/** Whether KeepAlive wants another run after this exit. The conditions of a dictionary are OR-ed. */
export function wantsAnotherRun(keepAlive: KeepAlive, exit: LastExit): boolean {
  if (typeof keepAlive === 'boolean') return keepAlive;
  const clean = exit.kind === 'code' && exit.code === 0;
  const crashed = exit.kind === 'signal' && crashSignals.has(exit.signal);
  if (keepAlive.successfulExit !== undefined && keepAlive.successfulExit === clean) return true;
  // `Crashed: false` means "restart when it did not crash", so it loops on exit 0 too.
  return keepAlive.crashed !== undefined && keepAlive.crashed === crashed;
}

/** A job that launchd starts by itself once it is loaded: KeepAlive in any form implies RunAtLoad. */
export function startsWhenLoaded(job: ParsedJob): boolean {
  if (job.runAtLoad || job.keepAlive === true) return true;
  return typeof job.keepAlive === 'object' && Object.keys(job.keepAlive).length > 0;
}

export function throttleMs(job: ParsedJob): Millis {
  return job.throttleInterval === null || job.throttleInterval === 0
    ? defaultThrottleMs
    : seconds(job.throttleInterval);
}

/** Null means that launchd waits for ever (ExitTimeOut 0). */
export function exitTimeOutMs(job: ParsedJob): Millis | null {
  if (job.exitTimeOut === null) return defaultExitTimeOutMs;
  return job.exitTimeOut === 0 ? null : seconds(job.exitTimeOut);
}

/** How long the next start has to wait: the throttle runs from the previous start, not from the exit. */
export function startDelayMs(lastStart: Millis | null, now: Millis, throttle: Millis): Millis {
  return lastStart === null ? millis(0) : millis(Math.max(0, throttle - (now - lastStart)));
}
