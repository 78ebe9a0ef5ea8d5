import { lstatSync, readdirSync, readlinkSync, type Stats } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '../system/file-failure.ts';
import { createSlices } from '../system/slices.ts';

/** What lies at a path of a tree, by lstat. */
export interface Found {
  /** Relative to the root, byte for byte. */
  readonly path: string;
  /** `other`: a socket, a pipe or a device. */
  readonly kind: 'file' | 'link' | 'directory' | 'other';
  readonly stats: Stats;
  /** Of a link; empty for all else. */
  readonly target: string;
}

type Walk =
  | { readonly kind: 'walked'; readonly entries: number }
  /** Nothing is there, or no folder. */
  | { readonly kind: 'no-tree' }
  | { readonly kind: 'failed'; readonly because: string };

interface WalkAsk {
  readonly root: string;
  readonly signal: AbortSignal;
  /** In no order but this: a folder before what is in it. `skip`: what is in this folder is not looked at. */
  readonly visit: (found: Found) => 'skip' | undefined;
  /** A name that is gone when it is looked at, or is no text. */
  readonly vanished: (path: string) => void;
}

/** Five times the largest installation measured (2026.9.6: 41 036). */
const maxEntries = 200_000;
/** Twice what the deepest known package needs; a loop of mounts ends here. */
const maxDepth = 64;

/** Looks at everything below a root, links not followed. Never throws, and never holds up the event loop for long. */
export async function walkTree({ root, signal, visit, vanished }: WalkAsk): Promise<Walk> {
  const slices = createSlices();
  let entries = 0;
  try {
    // The first question waits outside of the event loop: a lost network volume would hold it for minutes.
    if (!(await lstat(root)).isDirectory()) return { kind: 'no-tree' };
    const folders: string[] = [''];
    for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
      if (folder.split('/').length > maxDepth) return failed(`${root} is deeper than ${maxDepth} folders`);
      for (const name of namesIn(root, folder)) {
        if (signal.aborted) return failed('it was asked to end');
        if (slices.isOver()) await slices.rest();
        const path = folder === '' ? name : `${folder}/${name}`;
        const found = lookAt(root, path);
        entries += 1;
        if (entries > maxEntries) return failed(`${root} has more than ${maxEntries} entries`);
        if (found === null) vanished(path);
        else if (visit(found) !== 'skip' && found.kind === 'directory') folders.push(path);
      }
    }
    return { kind: 'walked', entries };
  } catch (error) {
    if (isAbsent(error)) return { kind: 'no-tree' };
    return failed(`${root} cannot be looked at: ${error instanceof Error ? error.message : String(error)}`);
  }
}

const failed = (because: string): Walk => ({ kind: 'failed', because });

function namesIn(root: string, folder: string): readonly string[] {
  try {
    return readdirSync(join(root, folder));
  } catch (error) {
    // Taken away since its own look: its content is missing, and whoever walks finds that.
    if (folder !== '' && isAbsent(error)) return [];
    throw error;
  }
}

/** Null when it is not there (any more). */
export function lookAt(root: string, path: string): Found | null {
  const full = `${root}/${path}`;
  const stats = lstatSync(full, { throwIfNoEntry: false });
  if (stats === undefined) return null;
  if (stats.isFile()) return { path, kind: 'file', stats, target: '' };
  if (stats.isDirectory()) return { path, kind: 'directory', stats, target: '' };
  if (!stats.isSymbolicLink()) return { path, kind: 'other', stats, target: '' };
  try {
    return { path, kind: 'link', stats, target: readlinkSync(full) };
  } catch (error) {
    // Replaced between the two calls: as good as gone for this look.
    if (isAbsent(error) || errorCode(error) === 'EINVAL') return null;
    throw error;
  }
}

const isAbsent = (error: unknown): boolean => ['ENOENT', 'ENOTDIR'].includes(errorCode(error));
