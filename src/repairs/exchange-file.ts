import { lstat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { readIfExists } from '../system/durable-file.ts';
import { errorCode } from '../system/file-failure.ts';
import type { KeptFile } from '../vault/kept.ts';
import { lstatIfThere } from './config-place.ts';
import { hashOfFile, isThere, maxConfigBytes, type SwapFiles } from './keep-file.ts';

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
  if (!isTemporary(staged)) return !(await isThere(staged));
  return put !== null && (await hashOfFile(path)) === put;
}

/** Whether anything was done to it at all. A place that holds the same bytes as before tells nothing. */
export async function isTouched(file: KeptFile): Promise<boolean> {
  const { path, kept, how, put } = file;
  if (how === 'moved' && kept !== null && (await isThere(kept))) return true;
  if (how !== 'nothing' && !(await isThere(path))) return true;
  return (put === null || put !== file.sha256) && (await isPut(file));
}

/** Whether it can still be put in place: it is whole, and nobody has changed what it would replace. */
export async function isReady(file: KeptFile): Promise<boolean> {
  const { path, staged, put } = file;
  if (staged !== null && isTemporary(staged) && (await hashOfFile(staged)) !== put) return false;
  return !(await isThere(path)) || (await isOld(file));
}

/** Whether what stands there is what stood there before the change. */
async function isOld({ path, kept, how, sha256: old }: KeptFile): Promise<boolean> {
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

async function isSameFile(one: string, other: string): Promise<boolean> {
  const [a, b] = [await lstatIfThere(one), await lstatIfThere(other)];
  return a !== null && b !== null && a.ino === b.ino && a.dev === b.dev;
}

/**
 * Puts back what stood there. False: somebody else has put something there since; it is theirs and left alone, and
 * what was kept is the only place of what stood there before.
 */
export async function takeBack(file: KeptFile, files: SwapFiles): Promise<boolean> {
  const { path, kept, how, staged, put } = file;
  if (staged !== null && !isTemporary(staged) && !(await isThere(staged)) && (await isThere(path))) {
    await files.rename(path, staged);
  }
  if (await isThere(path)) {
    if (await isOld(file)) {
      if (file.mode !== null) await correctMode(path, file.mode, files);
      return true;
    }
    if (put === null || (await hashOfFile(path)) !== put) return false;
    if (how === 'nothing' || how === 'moved') await files.unlink(path);
  }
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

/** The copy itself goes back where it can: a rename needs no room, and the disk may be full. */
async function renameBack({ path, kept, mode, sha256: old }: KeptFile, files: SwapFiles): Promise<boolean> {
  if (kept === null || (await hashOfFile(kept)) !== old)
    throw new Error(`${kept} is not what was kept there`);
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
