import { loadSettings } from '../config/settings.ts';
import { UserError } from '../core/errors.ts';
import { shellWord } from '../core/shell-word.ts';
import { type Answer, type Request, sendRequest } from '../daemon/commands.ts';
import { readStatus, type StatusFile } from '../daemon/status-file.ts';
import { readIfExists } from '../system/durable-file.ts';
import { errorCode } from '../system/file-failure.ts';
import { readLease } from '../system/lease.ts';
import { createProcesses } from '../system/process.ts';
import { run } from '../system/run.ts';
import type { Context } from './context.ts';
import { labelOf } from './install/names.ts';
import { plistPathOf } from './install/target.ts';

/** Whether the kernel has such a process; one that belongs to somebody else exists too. */
export function processExists(pid: number): boolean {
  // 0 and negative numbers mean process groups to kill(2).
  if (!Number.isSafeInteger(pid) || pid < 2) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) !== 'ESRCH';
  }
}

/** A heartbeat younger than this needs no second proof that its process is still the same one. */
export const surelyFreshMs = 90_000;
/** A living watchdog takes a command within a second; one on a starved machine takes a few. */
const takenWithinMs = 20_000;

/** Whether the lease says of this process that it is the watchdog; `unknown` where that cannot be told. */
export async function holdsLease(
  pid: number,
  { paths, clock }: Context,
  ps: string,
): Promise<boolean | 'unknown'> {
  const lease = await readLease(paths.lease, createProcesses({ ps, run, clock }));
  if (lease.kind === 'unknown') return 'unknown';
  return lease.kind === 'held' && lease.holder.pid === pid;
}

/** Whether a watchdog is there to be asked. A number of an old heartbeat may mean another process by now. */
export async function watchdogLives({ pid, at }: StatusFile, context: Context): Promise<boolean> {
  if (!processExists(pid)) return false;
  if (Math.abs(context.clock.now() - at) < surelyFreshMs) return true;
  const loaded = await loadSettings(context.paths.config, readIfExists);
  const ps = loaded.kind === 'ok' ? loaded.settings.tools.ps : '/bin/ps';
  return (await holdsLease(pid, context, ps)) !== false;
}

export type DaemonAnswer =
  | { readonly kind: 'answer'; readonly answer: Answer }
  /** No daemon runs. */
  | { readonly kind: 'none'; readonly everRan: boolean }
  /** One seems to run and did not answer in time; the request was taken back. */
  | { readonly kind: 'silent' };

/** Leaves the request for the daemon and waits. Nothing is written where no daemon runs. */
export async function askDaemon(
  request: Request,
  context: Context,
  timeoutMs: number,
): Promise<DaemonAnswer> {
  const { clock, paths } = context;
  const before = await readStatus(paths.state);
  if (before.kind !== 'read' || !(await watchdogLives(before.status, context))) {
    return { kind: 'none', everRan: before.kind !== 'missing' };
  }
  const answer = await sendRequest(paths.state, request, { clock, timeoutMs });
  return answer === null ? { kind: 'silent' } : { kind: 'answer', answer };
}

/** As `askDaemon`, for what takes minutes: Ctrl-C ends the waiting, and never what the daemon has begun. */
export async function askPatiently(
  request: Request,
  context: Context,
  { timeoutMs, onAsked }: { readonly timeoutMs: number; readonly onAsked: () => void },
): Promise<DaemonAnswer | { readonly kind: 'interrupted' }> {
  const { clock, paths, signal } = context;
  const before = await readStatus(paths.state);
  if (before.kind !== 'read' || !(await watchdogLives(before.status, context))) {
    return { kind: 'none', everRan: before.kind !== 'missing' };
  }
  onAsked();
  const answer = await sendRequest(paths.state, request, { clock, timeoutMs, takenWithinMs, signal });
  if (answer !== null) return { kind: 'answer', answer };
  return { kind: signal.aborted ? 'interrupted' : 'silent' };
}

export function kickstartCommand(uid: number, options: { readonly kill: boolean }): string {
  return `launchctl kickstart ${options.kill ? '-k ' : ''}gui/${uid}/${labelOf('watchdog')}`;
}

/** What to type when no daemon runs. launchd starts a loaded job that died by itself, so mostly it is not loaded. */
export function startCommand({ layout, uid, paths }: Context, everRan: boolean): string {
  if (layout === 'xdg') return 'immune daemon --foreground';
  if (!everRan) return './install.sh';
  const load = `launchctl bootstrap gui/${uid} ${shellWord(plistPathOf(paths, 'watchdog'))}`;
  return `${kickstartCommand(uid, { kill: false })} || ${load}`;
}

export function silentDaemon(uid: number, timeoutMs: number | null): UserError {
  const within = timeoutMs === null ? '' : ` within ${timeoutMs / 1000} s`;
  return new UserError('silent-daemon', `the watchdog runs and did not answer${within}`, {
    hint: kickstartCommand(uid, { kill: true }),
    exitCode: 3,
  });
}
