import { readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ParkCauseEvidence } from '../core/evidence.ts';
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
  const broken = readPackageDamage(input.packageRoot);
  if (broken !== null) return broken;
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

function readPackageDamage(root: string): ParkCauseEvidence | null {
  let manifest: unknown;
  try {
    manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  } catch (error) {
    return { kind: 'present', because: `the openclaw package is damaged: ${(error as Error).message}` };
  }
  const entry = ['index.js', 'index.mjs'].some((name) => exists(join(root, 'dist', name)));
  if (!entry) return { kind: 'present', because: `${join(root, 'dist', 'index.js')} is missing` };
  const { dependencies = {}, optionalDependencies = {} } = manifest as Record<string, Record<string, string>>;
  const missing = Object.keys(dependencies).find(
    (name) => !(name in optionalDependencies) && !isInstalled(name, root),
  );
  if (missing === undefined) return null;
  return { kind: 'present', because: `the dependency ${missing} is missing from ${root}` };
}

const exists = (path: string): boolean => statSync(path, { throwIfNoEntry: false }) !== undefined;

/** Looks in the package's own node_modules and in those above it, as Node does. */
function isInstalled(name: string, root: string): boolean {
  for (let directory = root; ; directory = dirname(directory)) {
    if (exists(join(directory, 'node_modules', name, 'package.json'))) return true;
    if (directory === dirname(directory)) return false;
  }
}
