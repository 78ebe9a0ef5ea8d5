import type { LockEvidence } from '../core/ground-evidence.ts';
import { ancestorsOf, gatewayLevels } from '../system/ancestors.ts';
import type { Processes } from '../system/process.ts';
import { isGateway } from './live-processes.ts';
import { readLock } from './lock-file.ts';

export interface LockQuestion {
  readonly lockFiles: readonly string[];
  readonly uid: number;
  /** The pid the service manager names; `unknown` when it could not be asked. */
  readonly servicePid: number | null | 'unknown';
  /** One process; one child process (ps). */
  readonly row: Processes['row'];
}

/**
 * Who holds OpenClaw's own lock. It is held by a stranger only if the pid in it is a live gateway that is neither the
 * job's process nor its descendant; a dead owner's lock is reclaimed at the next start, and a pid may have been reused.
 */
export async function readLockHolder(question: LockQuestion): Promise<LockEvidence> {
  const { servicePid, row } = question;
  const found = readLock(question.lockFiles, question.uid);
  if (found.kind === 'none') return { kind: 'free' };
  // A lock being rewritten; the next look reads it whole.
  if (found.kind === 'unknown') return found;
  const { pid } = found.lock;
  if (pid === servicePid) return { kind: 'ours', pid };
  const holder = await row(pid);
  if (holder.kind === 'unknown') return holder;
  if (holder.kind === 'gone' || !isGateway(holder.row)) return { kind: 'free' };
  if (servicePid === 'unknown') {
    return {
      kind: 'unknown',
      because: `gateway process ${pid} holds the lock, and the service manager does not tell which is its own`,
    };
  }
  if (servicePid !== null) {
    const above = await ancestorsOf(holder.row, { row, levels: gatewayLevels, until: servicePid });
    if (above.pids.includes(servicePid)) return { kind: 'ours', pid };
    if (above.kind === 'unknown') return { kind: 'unknown', because: above.because };
  }
  // Only the program: evidence is written down, and an argument may be a secret.
  return { kind: 'held', pid, command: holder.row.command.split(/\s/)[0] ?? '' };
}
