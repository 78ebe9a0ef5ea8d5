import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ServiceState } from '../../../src/core/service.ts';
import type { JobDefinition } from '../../../src/system/launchd/job.ts';
import { buildPlist } from '../../../src/system/launchd/plist.ts';

/** How a test case registers what is to be done at its end; of its own context, for cases run concurrently. */
export type AtEnd = (clean: () => void | Promise<void>) => void;

/** A folder removed at the end of the case. Handlers run last first, so what uses the folder ends before. */
export function temporaryFolder(atEnd: AtEnd): string {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'immune-launchd-')));
  atEnd(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

export const label = 'com.example.job';

/** Writes the plist of a job that runs a piece of shell. */
export function writeShellJob(dir: string, script: string, rest: Partial<JobDefinition> = {}): string {
  const path = join(dir, `${rest.label ?? label}.plist`);
  const job = {
    label,
    programArguments: ['/bin/sh', '-c', script],
    standardOutPath: join(dir, 'out.log'),
    ...rest,
  };
  writeFileSync(path, buildPlist(job), { mode: 0o644 });
  return path;
}

export const forever = 'while :; do sleep 1; done';
/** Tells that its trap is set, so that a test does not signal it before. */
export const deaf = `trap "" TERM; echo deaf; ${forever}`;

/** Far more than anything here takes on an idle machine: these tests share two busy cores. */
const patienceMs = 20_000;

/** Waits until the answer satisfies the condition and returns it; the error shows the last answer. */
export async function until<T>(ask: () => T | Promise<T>, holds: (answer: T) => boolean): Promise<T> {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    const answer = await ask();
    if (holds(answer)) return answer;
    if (Date.now() > deadline) throw new Error(`still ${JSON.stringify(answer)} after ${patienceMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

export const isKind =
  (kind: ServiceState['kind']) =>
  (state: ServiceState): boolean =>
    state.kind === kind;

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    // The processes asked about are of the same user: any error means gone.
    return false;
  }
}
