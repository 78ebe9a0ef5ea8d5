import { realpathSync } from 'node:fs';
import type { ProcessIdentity } from '../core/service.ts';
import { ancestorsOf, gatewayLevels } from '../system/ancestors.ts';
import type { Processes } from '../system/process.ts';
import type { ProcessRow } from '../system/ps.ts';
import { isGateway } from './live-processes.ts';
import { readLock } from './lock-file.ts';

/** Whether a process is a gateway of this state directory that the service manager did not start. */
export type OrphanProof =
  | {
      readonly kind: 'proven';
      readonly identity: ProcessIdentity & { readonly uid: number };
      readonly hasTerminal: boolean | null;
    }
  /** Certainly something else. */
  | { readonly kind: 'not-ours'; readonly because: string }
  /** It cannot be told, so it is to be left alone. */
  | { readonly kind: 'unknown'; readonly because: string };

export interface OrphanQuestion {
  readonly lockFiles: readonly string[];
  readonly stateDir: string;
  readonly uid: number;
  /** The pid the service manager names; `unknown` when it could not be asked. */
  readonly servicePid: number | null | 'unknown';
  /** One process; one child process (ps). */
  readonly row: Processes['row'];
}

/** ps rounds start times to the second, and procps may be off by one more. */
const startToleranceMs = 2_000;

/**
 * The pid alone proves nothing: a gateway that was killed leaves its lock behind, and its pid may mean another program
 * since. That one began after the lock was written, so the start time decides.
 */
export async function proveOrphan(pid: number, question: OrphanQuestion): Promise<OrphanProof> {
  const { uid, servicePid, row } = question;
  // 0 and negative numbers mean process groups to kill(2), and 1 is never anybody's gateway.
  if (!Number.isSafeInteger(pid) || pid <= 1) return notOurs(`${pid} is not the pid of a gateway`);
  if (pid === servicePid) return notOurs(`process ${pid} is the job's own`);
  const found = await row(pid);
  if (found.kind === 'unknown') return found;
  if (found.kind === 'gone') return notOurs(`process ${pid} has ended`);
  const { row: process } = found;
  if (process.uid !== uid) return notOurs(`process ${pid} belongs to another user`);
  if (!isGateway(process)) return notOurs(`process ${pid} is not a gateway`);
  const named = holdsLock(process, question);
  if (named !== null) return named;
  if (servicePid === 'unknown') {
    return unknown(`the service manager does not tell whether process ${pid} is its own`);
  }
  const family = servicePid === null ? null : await descends(process, servicePid, row);
  if (family !== null) return family;
  const { startedAt, hasTerminal } = process;
  return { kind: 'proven', identity: { pid, startedAt, uid }, hasTerminal };
}

/** Null when OpenClaw's own lock of this state directory names exactly this process. */
function holdsLock({ pid, startedAt }: ProcessRow, question: OrphanQuestion): OrphanProof | null {
  const { lockFiles, stateDir, uid } = question;
  const found = readLock(lockFiles, uid);
  // A lock being rewritten; the next look reads it whole.
  if (found.kind === 'unknown') return found;
  if (found.kind === 'none') return notOurs(`nothing in ${stateDir} says that process ${pid} is its gateway`);
  const { lock } = found;
  if (lock.pid !== pid) return notOurs(`the lock in ${stateDir} names another process`);
  if (lock.stateDir !== null && real(lock.stateDir) !== real(stateDir)) {
    return notOurs(`process ${pid} is the gateway of another state directory`);
  }
  if (lock.createdAt === null) return unknown(`${lock.path} does not say when it was made`);
  if (startedAt > lock.createdAt + startToleranceMs) {
    return notOurs(`process ${pid} is younger than the lock with its pid, so that it is another one`);
  }
  return null;
}

/** Null when no parent of it is the job's process. */
async function descends(
  process: ProcessRow,
  servicePid: number,
  row: Processes['row'],
): Promise<OrphanProof | null> {
  const above = await ancestorsOf(process, { row, levels: gatewayLevels, until: servicePid });
  if (above.pids.includes(servicePid)) return notOurs(`process ${process.pid} was started by the job's own`);
  return above.kind === 'unknown' ? unknown(above.because) : null;
}

/** Two ways to write one folder, such as /tmp and /private/tmp of macOS. */
function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    // It is not there: then its name is all there is to compare.
    return path;
  }
}

const notOurs = (because: string): OrphanProof => ({ kind: 'not-ours', because });
const unknown = (because: string): OrphanProof => ({ kind: 'unknown', because });
