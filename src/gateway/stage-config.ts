import { lstatSync, realpathSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, isAbsolute, join, normalize } from 'node:path';
import { errorCode } from '../system/file-failure.ts';

/** Files of a config by their path from the config's own directory, the main one by its own name. */
export type StagedFiles = ReadonlyMap<string, Uint8Array>;

const stagePrefix = 'openclaw-stage-';
/** Of the validator's caches (see `validateConfig`), which a killed watchdog leaves behind just so. */
const validatorPrefix = 'openclaw-validator-';
/** No validator runs for anything near as long. */
const abandonedMs = 3_600_000;
/** A crowded temporary directory is not searched to its end; the next sweep meets other names. */
const maxSwept = 256;
/** Waits of a tenth of a second and more for a file that appears while the folder is removed. */
const maxRemovals = 3;

/**
 * Lays a config out beside the live one, in a private directory of its own, for as long as `use` takes. The files are
 * laid out as they lie around the real config, so that its includes lead to their staged versions.
 */
export async function withStagedConfig<T>(
  { configPath, files }: { readonly configPath: string; readonly files: StagedFiles },
  use: (stagedPath: string) => Promise<T>,
): Promise<T> {
  const directory = await mkdtemp(join(realpathSync(tmpdir()), `${stagePrefix}${process.pid}-`));
  try {
    for (const [name, bytes] of files) {
      const path = insideOf(directory, name);
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await writeFile(path, bytes, { mode: 0o600, flag: 'wx' });
    }
    return await use(join(directory, basename(configPath)));
  } finally {
    await rm(directory, { recursive: true, force: true, maxRetries: maxRemovals }).catch(() => {
      // A killed validator's child may still write there; the sweep takes it later.
    });
  }
}

function insideOf(directory: string, name: string): string {
  const plain = normalize(name);
  if (isAbsolute(plain) || plain === '.' || plain.split('/').includes('..'))
    throw new Error('a file outside of the config directory cannot be staged');
  return join(directory, plain);
}

/** Removes what watchdogs that were killed have left: they hold configs, and so secrets. Returns how many went. */
export async function sweepStages(nowMs: number, directory: string = tmpdir()): Promise<number> {
  const names = await readdir(directory).catch(() => []);
  const ours = names.filter((name) => name.startsWith(stagePrefix) || name.startsWith(validatorPrefix));
  let swept = 0;
  for (const name of ours.slice(0, maxSwept)) {
    const path = join(directory, name);
    if (!isAbandoned(path, nowMs)) continue;
    await rm(path, { recursive: true, force: true }).then(
      () => {
        swept += 1;
      },
      // What cannot be removed now is tried again at the next sweep.
      () => undefined,
    );
  }
  return swept;
}

/** A directory of our own user, old enough, whose maker is dead. A link in its place is somebody's trick. */
function isAbandoned(path: string, nowMs: number): boolean {
  const facts = lstatSync(path, { throwIfNoEntry: false });
  if (facts?.isDirectory() !== true || facts.uid !== process.getuid?.()) return false;
  if (nowMs - facts.mtimeMs < abandonedMs) return false;
  const pid = Number(new RegExp(`^${stagePrefix}([1-9]\\d*)-`).exec(basename(path))?.[1] ?? 0);
  if (pid === 0) return true;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    // EPERM is somebody else's living process; the number may have gone to another one, and the next boot clears it.
    return errorCode(error) === 'ESRCH';
  }
}
