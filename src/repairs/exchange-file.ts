import { lstat, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { readIfExists } from '../system/durable-file.ts';
import { errorCode } from '../system/file-failure.ts';
import type { KeptFile } from '../vault/kept.ts';
import { lstatIfThere } from './config-place.ts';
import { hashOfFile, isThere, maxConfigBytes, type SwapFiles, sha256 } from './keep-file.ts';

/**
 * One file of a change: put in place, looked at, put back. Everything is judged by what stands where, never by how far
 * somebody remembers to have come. All of these throw what the file system throws.
 */

/** A file written for this change alone, as opposed to what an earlier one had kept. */
export const isTemporary = (staged: string): boolean => /^\..+\.immune-.+\.tmp$/.test(basename(staged));

/** What is in the way is moved or, having been copied, removed; then one rename. */
export async function putFile({ path, kept, how, staged }: KeptFile, files: SwapFiles): Promise<void> {
  if (how === 'moved' && kept !== null && !(await isThere(kept))) await files.rename(path, kept);
  if (staged === null) {
    if (how !== 'moved') await files.rm(path, { force: true });
    return;
  }
  // A file makes way for a folder only when it is gone.
  if (!isTemporary(staged) && (await lstat(staged)).isDirectory()) await files.rm(path, { force: true });
  await files.rename(staged, path);
}

/** Whether what was to come stands in its place. */
export async function isPut({ path, staged, put }: KeptFile): Promise<boolean> {
  if (staged === null) return !(await isThere(path));
  if (!isTemporary(staged)) return hasReturned({ path, staged });
  return put !== null && (await hashOfFile(path)) === put;
}

/** What nobody could read was moved back. A file that can be read is not that: somebody has put it there since. */
async function hasReturned({
  path,
  staged,
}: {
  readonly path: string;
  readonly staged: string;
}): Promise<boolean> {
  return !(await isThere(staged)) && (await isThere(path)) && (await hashOfFile(path)) === null;
}

/** Proven: what stands there is exactly what stood there before, and nothing where nothing was. */
export async function isUntouched(file: KeptFile): Promise<boolean> {
  const { path, how, mode, sha256: old, staged, put } = file;
  const there = await lstatIfThere(path);
  if (how === 'nothing' || there === null) return how === 'nothing' && there === null;
  if (!(await isOld(file))) return false;
  // The same bytes were to come: only their mode tells them apart, and what still waits to be put in place.
  const same = how !== 'copied' || put !== old || (there.mode & 0o7777) === mode;
  return same || (staged !== null && (await isThere(staged)));
}

/** Proven: something was done to it by the change itself. What is neither this nor untouched is somebody else's doing. */
export async function isTouched(file: KeptFile): Promise<boolean> {
  const { path, kept, how, staged } = file;
  if (await isUntouched(file)) return false;
  if (how === 'moved' && kept !== null && (await isThere(kept))) return true;
  // A file makes way for a folder before that is renamed; for anything else it never leaves its place.
  if (staged !== null && !isTemporary(staged) && (await isThere(staged))) return !(await isThere(path));
  return isPut(file);
}

/** Whether it can still be put in place: it is whole, and nobody has changed what it would replace. */
export async function isReady(file: KeptFile): Promise<boolean> {
  const { path, staged, put } = file;
  if (!(await hasFolder(path)) || (staged !== null && !(await isThere(staged)))) return false;
  if (staged !== null && isTemporary(staged) && (await hashOfFile(staged)) !== put) return false;
  return !(await isThere(path)) || (await isOld(file));
}

/** Whether what stands there is what stood there before the change. */
export async function isOld({ path, kept, how, sha256: old }: KeptFile): Promise<boolean> {
  switch (how) {
    case 'copied':
      return (await hashOfFile(path)) === old;
    case 'linked':
      return kept !== null && (await isSameFile(path, kept));
    case 'moved':
      return kept !== null && !(await isThere(kept));
    case 'nothing':
      return false;
    default:
      return how satisfies never;
  }
}

/** Without its folder nothing can be put anywhere, and nothing is missing in it. */
export async function hasFolder(path: string): Promise<boolean> {
  try {
    return (await stat(dirname(path))).isDirectory();
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return false;
    throw error;
  }
}

async function isSameFile(one: string, other: string): Promise<boolean> {
  const [a, b] = [await lstatIfThere(one), await lstatIfThere(other)];
  return a !== null && b !== null && a.ino === b.ino && a.dev === b.dev;
}

/**
 * Puts back what stood there. False: somebody else has put something there since, has taken away its folder, or has
 * altered what was kept. That is theirs and left alone, and nothing that was kept is removed.
 */
export async function takeBack(file: KeptFile, files: SwapFiles): Promise<boolean> {
  const { path, kept, how, staged, put } = file;
  if (staged !== null && !isTemporary(staged) && (await hasReturned({ path, staged }))) {
    await files.rename(path, staged);
  }
  const there = await isThere(path);
  if (there) {
    if (await isOld(file)) {
      if (file.mode !== null) await correctMode(path, file.mode, files);
      return true;
    }
    if (put === null || (await hashOfFile(path)) !== put) return false;
  }
  // Before anything makes way for it.
  if (kept !== null && !((await hasFolder(path)) && (await isKeptWhole(file)))) return false;
  if (there && (how === 'nothing' || how === 'moved')) await files.unlink(path);
  if (kept === null) return true;
  if (how === 'moved') {
    if (await isThere(kept)) await files.rename(kept, path);
    return true;
  }
  if (how === 'copied' && (await renameBack(file, files))) return true;
  const again =
    staged !== null && isTemporary(staged)
      ? staged
      : join(dirname(path), `.${basename(path)}.immune-back.tmp`);
  await files.rm(again, { force: true });
  if (how === 'linked') await files.link(kept, again);
  else await writeAgain(file, again, files);
  await files.rename(again, path);
  return true;
}

/** Whether what was kept is there, and is what was kept. Throws where that cannot be told, for it may be told later. */
async function isKeptWhole({ kept, how, sha256: old }: KeptFile): Promise<boolean> {
  if (kept === null || how === 'moved') return true;
  if (how === 'linked') return isThere(kept);
  const read = await readIfExists(kept, maxConfigBytes);
  if (read.kind === 'unreadable') throw new Error(read.because);
  return read.kind === 'read' && sha256(read.bytes) === old;
}

/** The copy itself goes back where it can: a rename needs no room, and the disk may be full. */
async function renameBack({ path, kept, mode }: KeptFile, files: SwapFiles): Promise<boolean> {
  if (kept === null) return false;
  try {
    await files.chmod(kept, mode ?? 0o600);
    await files.rename(kept, path);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EXDEV') return false;
    throw error;
  }
}

async function writeAgain({ kept, mode }: KeptFile, again: string, files: SwapFiles): Promise<void> {
  const read = await readIfExists(kept ?? '', maxConfigBytes);
  if (read.kind !== 'read') throw new Error(`${kept} cannot be read any more`);
  const handle = await files.open(again, 'wx', 0o600);
  try {
    await handle.writeFile(read.bytes);
    await handle.chmod(mode ?? 0o600);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The same bytes in a new file of another mode: the bytes do not tell them apart. */
async function correctMode(path: string, mode: number, files: SwapFiles): Promise<void> {
  const facts = await lstat(path);
  if (!facts.isSymbolicLink() && (facts.mode & 0o7777) !== mode) await files.chmod(path, mode);
}
