import { constants, promises as files } from 'node:fs';
import { dirname, join } from 'node:path';
import { type FileOutcome, readIfExists, syncDirectory, writeDurable } from '../system/durable-file.ts';
import { errorCode, fileFailure } from '../system/file-failure.ts';
import { sha256Of } from './snapshot-manifest.ts';
import { maxStoredBytes, readStoredManifest } from './stored-folder.ts';

/**
 * Makes the work tree show a snapshot that is already stored. What stands in the way, or was edited by a person, is
 * moved aside under a name git does not know, never lost; a link is never followed out of the tree.
 */
export async function showInWorkTree(
  dir: string,
  wanted: readonly { readonly name: string; readonly bytes: Uint8Array }[],
  stamp: string,
): Promise<FileOutcome> {
  try {
    const shown = new Map((await readStoredManifest(dir))?.files.map((file) => [file.name, file.sha256]));
    const names = new Set(wanted.map(({ name }) => name));
    for (const { name, bytes } of wanted) {
      await makeParents(dir, name, stamp);
      const outcome = await showFile({ path: join(dir, name), bytes, shown: shown.get(name), stamp });
      if (outcome.kind === 'failed') return outcome;
    }
    for (const [name, sha256] of shown) {
      if (!names.has(name)) await hideFile(dir, name, sha256);
    }
    return { kind: 'done' };
  } catch (error) {
    return fileFailure(`update the work tree ${dir}`, error);
  }
}

async function showFile(file: {
  readonly path: string;
  readonly bytes: Uint8Array;
  /** What the manifest in the tree says of it. */
  readonly shown: string | undefined;
  readonly stamp: string;
}): Promise<FileOutcome> {
  const { path, bytes, shown, stamp } = file;
  const found = await files.lstat(path).catch(absent);
  if (found !== null) {
    const read = found.isFile() ? await readIfExists(path, maxStoredBytes) : null;
    if (read?.kind === 'read' && read.bytes.equals(bytes)) {
      if ((found.mode & 0o7777) !== 0o600) await files.chmod(path, 0o600);
      return { kind: 'done' };
    }
    const edited = shown !== undefined && read?.kind === 'read' && sha256Of(read.bytes) !== shown;
    if (edited || read?.kind !== 'read') await files.rename(path, `${path}.aside-${stamp}`);
  }
  return writeDurable(path, bytes, { mode: 0o600 });
}

/** A file that is no longer recorded; one that a person changed stays. */
async function hideFile(dir: string, name: string, sha256: string): Promise<void> {
  const path = join(dir, name);
  if (!(await isInside(dir, name))) return;
  const read = await readIfExists(path, maxStoredBytes);
  if (read.kind !== 'read' || sha256Of(read.bytes) !== sha256) return;
  await files.unlink(path);
  for (let folder = dirname(path); folder !== dir; folder = dirname(folder)) {
    try {
      await files.rmdir(folder);
    } catch {
      // Not empty, so it is still needed.
      break;
    }
  }
  const parent = dirname(path);
  await syncDirectory((await files.lstat(parent).catch(absent)) === null ? dir : parent);
}

async function isInside(dir: string, name: string): Promise<boolean> {
  const parts = name.split('/');
  for (let depth = 1; depth <= parts.length; depth += 1) {
    const found = await files.lstat(join(dir, ...parts.slice(0, depth))).catch(absent);
    if (found === null || found.isSymbolicLink()) return false;
  }
  return true;
}

async function makeParents(dir: string, name: string, stamp: string): Promise<void> {
  const parts = name.split('/').slice(0, -1);
  for (let depth = 1; depth <= parts.length; depth += 1) {
    const folder = join(dir, ...parts.slice(0, depth));
    const found = await files.lstat(folder).catch(absent);
    if (found?.isDirectory() === true) {
      if ((found.mode & 0o7777) !== 0o700) await files.chmod(folder, 0o700);
      continue;
    }
    if (found !== null) await files.rename(folder, `${folder}.aside-${stamp}`);
    await files.mkdir(folder, { mode: constants.S_IRWXU });
    await syncDirectory(dirname(folder));
  }
}

function absent(error: unknown): null {
  if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return null;
  throw error;
}
