import { posix } from 'node:path';
import type { ManifestEntry, Tree, Unit } from './manifest.ts';
import { maxFileBytes } from './tar-write.ts';

/** Names longer than this no file system takes. */
const maxPathBytes = 4_096;
const permissionBits = 0o777;

/**
 * Why a unit is not to be put on a disk; null where it is harmless. A manifest is our own, yet whoever can write to our
 * folder must not be able to write with it anywhere else.
 */
export function findUnsafe(unit: Unit, trees: readonly Tree[]): string | null {
  const outside = unsafePath(unit.path);
  if (unit.path !== '' && outside !== null) return `the unit's folder ${outside}`;
  const folders = new Set(foldersAbove(unit));
  for (const entry of unit.entries) {
    const shown = JSON.stringify(entry.path.slice(0, maxPathBytes));
    const problem = unsafePath(entry.path) ?? unsafeKind(entry, { unit, trees });
    if (problem !== null) return `${shown} ${problem}`;
    // Also keeps a member from being written through a link: a link is no folder.
    const parent = posix.dirname(entry.path);
    if (!folders.has(parent)) return `${shown} is in no folder of this unit`;
    if (entry.kind === 'directory') folders.add(entry.path);
  }
  const clash = findClash(unit.entries.map(({ path }) => path));
  return clash === null ? null : `${JSON.stringify(clash[1])} and ${JSON.stringify(clash[0])} are one name`;
}

/** Two paths that some file system takes for one: APFS ignores case by default, and the form of accents always. */
function findClash(paths: readonly string[]): readonly [string, string] | null {
  const seen = new Map<string, string>();
  for (const path of paths) {
    const key = path.normalize('NFC').toLowerCase().normalize('NFC');
    const before = seen.get(key);
    if (before !== undefined) return [before, path];
    seen.set(key, path);
  }
  return null;
}

/** Folders that may be there already: those above a whole folder; for a share, the folder it is a share of as well. */
export function foldersAbove({ path, part }: Unit): readonly string[] {
  const names = path === '' ? [] : path.split('/');
  const above = names.map((_, at) => names.slice(0, at).join('/') || '.');
  return part === 'whole' ? [...above, ...(path === '' ? ['.'] : [])] : [...above, path === '' ? '.' : path];
}

function unsafePath(path: string): string | null {
  if (path === '') return 'is no name';
  if (path.startsWith('/')) return 'is an absolute path';
  if (path.includes('\0')) return 'holds a zero byte';
  if (Buffer.byteLength(path) > maxPathBytes) return 'is too long';
  // Node turns bytes that are no UTF-8 into this: what would be written is not what was read.
  if (path.includes('\ufffd')) return 'is not valid UTF-8';
  if (path.split('/').some((name) => name === '' || name === '.' || name === '..'))
    return 'is no plain path below the tree';
  return null;
}

function unsafeKind(
  entry: ManifestEntry,
  { unit, trees }: { readonly unit: Unit; readonly trees: readonly Tree[] },
): string | null {
  switch (entry.kind) {
    case 'file':
      if (!Number.isSafeInteger(entry.size) || entry.size < 0 || entry.size > maxFileBytes)
        return 'has a size no file has';
      return unsafeMode(entry.mode);
    case 'directory':
      return unsafeMode(entry.mode);
    case 'link':
      return unsafeTarget(entry, { unit, trees });
    default:
      entry satisfies never;
      return 'is neither a file nor a folder nor a link';
  }
}

/** No set-user-id, no sticky bit: nothing a package needs. */
const unsafeMode = (mode: number): string | null =>
  Number.isSafeInteger(mode) && (mode & ~permissionBits) === 0
    ? null
    : 'has a mode beyond the permission bits';

/** OpenClaw links each plugin to its own package, so another tree of the same manifest is no way out. */
function unsafeTarget(
  { path, target }: { readonly path: string; readonly target: string },
  { unit, trees }: { readonly unit: Unit; readonly trees: readonly Tree[] },
): string | null {
  if (target === '' || target.includes('\0') || target.includes('\ufffd')) return 'leads nowhere';
  if (Buffer.byteLength(target) > maxPathBytes) return 'leads to a path that is too long';
  if (!target.startsWith('/')) {
    const inside = posix.normalize(posix.join(posix.dirname(path), target));
    if (inside !== '..' && !inside.startsWith('../')) return null;
  }
  const root = trees.find(({ name }) => name === unit.tree)?.root;
  if (root === undefined) return `leads out of its tree, to ${JSON.stringify(target)}`;
  const full = posix.resolve(root, posix.dirname(path), target);
  const isInTree = trees.some((tree) => full === tree.root || full.startsWith(`${tree.root}/`));
  return isInTree ? null : `leads out of its tree, to ${JSON.stringify(target)}`;
}
