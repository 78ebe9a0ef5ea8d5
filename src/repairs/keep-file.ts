import { createHash } from 'node:crypto';
import { promises as nodeFiles, type Stats } from 'node:fs';
import { basename, join } from 'node:path';
import type { Files } from '../system/durable-file.ts';
import { readIfExists, syncDirectory, writeDurable } from '../system/durable-file.ts';
import { errorCode, type FileFailure, fileFailure } from '../system/file-failure.ts';
import type { KeptFile } from '../vault/kept.ts';
import type { Place } from './config-place.ts';

/** The file operations of a change: a parameter, so that a full or foreign disk can be shown to be survived. */
export type SwapFiles = Files & Pick<typeof nodeFiles, 'link' | 'rm'>;
export const realFiles: SwapFiles = nodeFiles;

type KeptAway = Pick<KeptFile, 'kept' | 'mode' | 'sha256' | 'how'>;

type KeepOutcome = { readonly kind: 'kept'; readonly away: KeptAway } | FileFailure;

/** What is larger is no config: it is moved, not copied. */
export const maxConfigBytes = 8_388_608;

/**
 * Keeps what stands in a place, before anything is changed: a copy that is durable when this resolves, or a second name
 * for a file that cannot be read. What can have neither (a folder, a file system without second names) is only given
 * the name it will be moved to.
 */
export async function keepFile(
  place: Place,
  { folder, at, files }: { readonly folder: string; readonly at: number; readonly files: SwapFiles },
): Promise<KeepOutcome> {
  const { facts, path } = place;
  if (facts === null) return keptAs({ kept: null, mode: null, sha256: null, how: 'nothing' });
  const mode = facts.mode & 0o7777;
  const name = `${at}-${basename(path)}`;
  const read = facts.isFile() ? await readIfExists(path, maxConfigBytes) : null;
  if (read?.kind === 'read') {
    const kept = join(folder, name);
    // Private like all of ours; the mode it had is in the record.
    const written = await writeDurable(kept, read.bytes, { mode: 0o600, files });
    if (written.kind === 'failed') return written;
    return keptAs({ kept, mode, sha256: sha256(read.bytes), how: 'copied' });
  }
  if (read?.kind === 'missing') return fileFailure(`keep ${path}`, { code: 'ENOENT' });
  return keepUnread(place, { facts, folder, name, files });
}

async function keepUnread(
  { path, directory }: Place,
  to: { readonly facts: Stats; readonly folder: string; readonly name: string; readonly files: SwapFiles },
): Promise<KeepOutcome> {
  const { facts, folder, name, files } = to;
  const mode = facts.mode & 0o7777;
  // Beside the config where our own folder is on another disk: it cannot be copied, and stays on its own.
  const beside = join(directory, `${basename(path)}.immune-${basename(folder)}`);
  try {
    const near = (await nodeFiles.stat(folder)).dev === facts.dev;
    const places = near ? [join(folder, name), beside] : [beside];
    if (facts.isFile()) {
      for (const kept of places) {
        const linked = await tryLink(path, kept, files);
        if (!linked) continue;
        const synced = await syncDirectory(kept === beside ? directory : folder, files);
        return synced.kind === 'failed' ? synced : keptAs({ kept, mode, sha256: null, how: 'linked' });
      }
    }
    const [kept = beside] = places;
    if (await isThere(kept)) return fileFailure(`keep ${path} as ${kept}`, { code: 'EEXIST' });
    return keptAs({ kept, mode, sha256: null, how: 'moved' });
  } catch (error) {
    return fileFailure(`keep ${path}`, error);
  }
}

async function tryLink(path: string, kept: string, files: SwapFiles): Promise<boolean> {
  try {
    await files.link(path, kept);
    return true;
  } catch (error) {
    // Another disk, a system that allows no second names, or a name that is taken: the next way is tried.
    if (['EXDEV', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK', 'EEXIST'].includes(errorCode(error)))
      return false;
    throw error;
  }
}

/** Whether anything stands there, readable or not. */
export async function isThere(path: string): Promise<boolean> {
  try {
    await nodeFiles.lstat(path);
    return true;
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return false;
    throw error;
  }
}

/** Null for what cannot be read. */
export async function hashOfFile(path: string): Promise<string | null> {
  const read = await readIfExists(path, maxConfigBytes);
  return read.kind === 'read' ? sha256(read.bytes) : null;
}

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

const keptAs = (away: KeptAway): KeepOutcome => ({ kind: 'kept', away });
