import type { ParkCauseEvidence } from '../core/evidence.ts';
import { findPlainDamage } from './dependencies.ts';
import { isGateway, type ListProcesses } from './live-processes.ts';
import { readLock } from './lock-file.ts';

export interface ParkCauseInput {
  readonly packageRoot: string | null;
  readonly lockFiles: readonly string[];
  /** The pid the service manager names, if any: that one may hold the lock. */
  readonly servicePid: number | null;
  readonly processes: ListProcesses;
}

/**
 * A cheap look at what makes OpenClaw park itself: a missing direct dependency, a missing entry file, or an orphan
 * gateway that holds the lock. A database newer than the program is a cause too, which only the gateway can see.
 */
export async function readParkCause(input: ParkCauseInput): Promise<ParkCauseEvidence> {
  if (input.packageRoot === null) return { kind: 'unknown', because: 'the openclaw package was not found' };
  const damage = await findPlainDamage(input.packageRoot);
  if (damage !== null) return { kind: 'present', because: `the openclaw package is damaged: ${damage}` };
  const found = readLock(input.lockFiles, process.getuid?.() ?? 0);
  // A lock being rewritten is nothing to act on; the next look reads it whole.
  if (found.kind === 'unknown') return { kind: 'unknown', because: found.because };
  if (found.kind === 'none' || found.lock.pid === input.servicePid) return { kind: 'gone' };
  const { pid } = found.lock;
  const holder = (await input.processes()).find((process) => process.pid === pid);
  // A dead owner's lock is reclaimed at the next start, and a pid may have been given to something else since.
  if (holder === undefined || !isGateway(holder)) return { kind: 'gone' };
  return { kind: 'present', because: `gateway process ${pid} holds the lock without the service manager` };
}
