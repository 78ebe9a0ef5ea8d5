import { promises as files } from 'node:fs';
import { readIfExists } from '../../system/durable-file.ts';
import { errorCode } from '../../system/file-failure.ts';
import type { ServiceManager } from '../../system/service-manager.ts';
import type { Observed } from './plan.ts';
import type { Target, WantedCopy } from './target.ts';

/** Our text files are a few kilobytes. */
const longestTextBytes = 1_048_576;
const compareChunkBytes = 1_048_576;

/** Looks at every place the target names and changes nothing. */
export async function observeTarget(target: Target, manager: ServiceManager): Promise<Observed> {
  const directories = new Map<string, number>();
  for (const { path } of target.directories) {
    const mode = await modeOf(path);
    if (mode !== null) directories.set(path, mode);
  }
  const sameCopies = new Set<string>();
  for (const copy of [target.runtime, target.app]) if (await isSame(copy)) sameCopies.add(copy.path);
  const texts: Map<string, { text: string; mode: number }> = new Map();
  for (const { path } of [...target.texts, target.config, ...target.jobs.map(({ plist }) => plist)]) {
    const read = await readIfExists(path, longestTextBytes);
    const mode = await modeOf(path);
    if (read.kind === 'read' && mode !== null) texts.set(path, { text: read.bytes.toString('utf8'), mode });
  }
  const jobs: Map<string, NonNullable<ReturnType<Observed['jobs']['get']>>> = new Map();
  for (const { label } of target.jobs) {
    jobs.set(label, { state: await manager.read(label), disabled: await manager.readDisabled(label) });
  }
  return {
    directories,
    sameCopies,
    texts,
    link: await observeLink(target.link.path, target.link.target),
    jobs,
  };
}

async function modeOf(path: string): Promise<number | null> {
  try {
    return (await files.stat(path)).mode & 0o777;
  } catch {
    // What cannot be looked at counts as missing; the step that makes it will say what is wrong.
    return null;
  }
}

/** Whether `immune` on the operator's PATH is free, ours, or something of somebody else. */
export async function observeLink(path: string, target: string): Promise<'missing' | 'ours' | 'foreign'> {
  try {
    const found = await files.lstat(path);
    if (!found.isSymbolicLink()) return 'foreign';
    return (await files.readlink(path)) === target ? 'ours' : 'foreign';
  } catch (error) {
    return errorCode(error) === 'ENOENT' ? 'missing' : 'foreign';
  }
}

/** Whether the copy is already there, byte for byte. Compared, not hashed: the first difference ends it. */
async function isSame(copy: WantedCopy): Promise<boolean> {
  if (copy.from === copy.path) return true;
  try {
    const [from, to] = await Promise.all([files.stat(copy.from), files.stat(copy.path)]);
    if (from.size !== to.size || (to.mode & 0o777) !== copy.mode) return false;
    if (from.ino === to.ino && from.dev === to.dev) return true;
    return await sameBytes(copy.from, copy.path, from.size);
  } catch {
    // Not there, or not to be read: then it is not the same, and the copy step says what is wrong.
    return false;
  }
}

async function sameBytes(left: string, right: string, size: number): Promise<boolean> {
  const [a, b] = await Promise.all([files.open(left), files.open(right)]);
  try {
    const [bytesA, bytesB] = [Buffer.alloc(compareChunkBytes), Buffer.alloc(compareChunkBytes)];
    for (let at = 0; at < size; ) {
      const [readA, readB] = await Promise.all([
        a.read(bytesA, 0, compareChunkBytes, at),
        b.read(bytesB, 0, compareChunkBytes, at),
      ]);
      const length = Math.min(readA.bytesRead, readB.bytesRead);
      if (length === 0 || bytesA.compare(bytesB, 0, length, 0, length) !== 0) return false;
      at += length;
    }
    return true;
  } finally {
    await Promise.all([a.close(), b.close()]);
  }
}
