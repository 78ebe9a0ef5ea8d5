import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  futimesSync,
  lstatSync,
  mkdirSync,
  openSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '../system/file-failure.ts';
import type { ManifestEntry, Unit } from './manifest.ts';
import { foldersAbove } from './safe-entries.ts';

type Entry<K extends ManifestEntry['kind']> = Extract<ManifestEntry, { readonly kind: K }>;

/** Puts what was read somewhere. All of it throws the system's errors. */
export interface Placer {
  directory(entry: Entry<'directory'>): void;
  link(entry: Entry<'link'>): void;
  file(entry: Entry<'file'>): {
    write(piece: Buffer): void;
    /** With the mode and the time of the entry. */
    close(): void;
    abandon(): void;
  };
  /** A folder may be closed to writing: it gets its mode when all that is in it is there. */
  finish(): void;
  /** Takes away all that was put: half a unit is no use to anybody. */
  undo(): void;
}

const createFlags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/**
 * Synchronous calls: 39 000 small files through promises cost three times the processor, and the caller gives the loop
 * its turns. Entries are those `findUnsafe` had nothing against, so that each parent is a folder we made.
 */
export function placeInto(into: string, unit: Unit): Placer {
  for (const folder of foldersAbove(unit)) makeFolder(join(into, folder));
  const modes: Entry<'directory'>[] = [];
  const made: string[] = [];
  return {
    directory: (entry) => {
      if (makeFolder(join(into, entry.path))) made.push(entry.path);
      modes.push(entry);
    },
    link: ({ path, target }) => {
      symlinkSync(target, join(into, path));
      made.push(path);
    },
    file: (entry) => {
      let file: number | null = openSync(join(into, entry.path), createFlags, 0o600);
      made.push(entry.path);
      const release = (): void => {
        if (file === null) return;
        const open = file;
        file = null;
        closeSync(open);
      };
      return {
        write: (piece) => {
          if (file === null) throw new Error('written after its end');
          for (let at = 0; at < piece.length; ) at += writeSync(file, piece, at);
        },
        close: () => {
          if (file === null) return;
          fchmodSync(file, entry.mode);
          futimesSync(file, entry.mtimeMs / 1_000, entry.mtimeMs / 1_000);
          release();
        },
        abandon: release,
      };
    },
    finish: () => {
      for (const { path, mode } of modes.toReversed()) chmodSync(join(into, path), mode);
    },
    undo: () => {
      for (const path of made.toReversed()) remove(join(into, path));
    },
  };
}

/** A folder of another unit may be there already; anything else in its place, a link above all, is refused. */
function makeFolder(path: string): boolean {
  try {
    mkdirSync(path, { mode: 0o700 });
    return true;
  } catch (error) {
    if (errorCode(error) !== 'EEXIST' || !lstatSync(path).isDirectory()) throw error;
    return false;
  }
}

function remove(path: string): void {
  try {
    if (lstatSync(path).isDirectory()) rmdirSync(path);
    else unlinkSync(path);
  } catch {
    // The staging folder goes as a whole; this only makes sure that nothing in it looks whole until then.
  }
}
