import { UserError } from '../core/errors.ts';
import { type Answer, type Request, sendRequest } from '../daemon/commands.ts';
import { readStatus } from '../daemon/status-file.ts';
import { errorCode } from '../system/file-failure.ts';
import type { Context } from './context.ts';
import { labelOf } from './install/names.ts';

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
  if (before.kind !== 'read' || !processExists(before.status.pid)) {
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
  if (before.kind !== 'read' || !processExists(before.status.pid)) {
    return { kind: 'none', everRan: before.kind !== 'missing' };
  }
  onAsked();
  const answer = await sendRequest(paths.state, request, { clock, timeoutMs, signal });
  if (answer !== null) return { kind: 'answer', answer };
  return { kind: signal.aborted ? 'interrupted' : 'silent' };
}

export function kickstartCommand(uid: number, options: { readonly kill: boolean }): string {
  return `launchctl kickstart ${options.kill ? '-k ' : ''}gui/${uid}/${labelOf('watchdog')}`;
}

/** What to type when no daemon runs. */
export function startCommand({ layout, uid }: Context, everRan: boolean): string {
  if (layout === 'xdg') return 'immune daemon --foreground';
  return everRan ? kickstartCommand(uid, { kill: false }) : './install.sh';
}

export function silentDaemon(uid: number, timeoutMs: number): UserError {
  return new UserError('silent-daemon', `the watchdog did not answer within ${timeoutMs / 1000} s`, {
    hint: kickstartCommand(uid, { kill: true }),
    exitCode: 3,
  });
}
