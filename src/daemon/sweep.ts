import { readdir, stat, truncate, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '../system/file-failure.ts';

/** As `writeDurable` and `writeStatus` name them: `.state.json.<pid>.<hex>.tmp` and `status.json.<pid>.tmp`. */
const temporaryName = /^(?:\..+\.(\d+)\.[0-9a-f]{12}|status\.json\.(\d+))\.tmp$/;

/**
 * Removes what a writer left half-written when it was killed: every kill leaves at most one such file, and nobody else
 * would ever remove it. A living writer's file is left alone. A folder that cannot be read keeps what it has.
 */
export async function sweepTemporaries(directory: string): Promise<void> {
  const names = await readdir(directory).catch(() => []);
  for (const name of names) {
    const match = temporaryName.exec(name);
    const pid = Number(match?.[1] ?? match?.[2] ?? 0);
    if (pid === 0 || pid === process.pid || isAlive(pid)) continue;
    await unlink(join(directory, name)).catch(() => undefined);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) !== 'ESRCH';
  }
}

/** launchd never rotates what a job prints, and a start that fails prints at every try. */
const launchdLogMaxBytes = 1_048_576;

/** Empties launchd's own logs of our jobs when they have grown; launchd appends, so a running job goes on in them. */
export async function trimLaunchdLogs(logs: string): Promise<void> {
  for (const name of await readdir(logs).catch(() => [])) {
    if (!/^launchd-[a-z]+\.log$/.test(name)) continue;
    const path = join(logs, name);
    const found = await stat(path).catch(() => null);
    // What cannot be emptied only stays as long as it is.
    if (found !== null && found.size > launchdLogMaxBytes) await truncate(path, 0).catch(() => undefined);
  }
}
