import { readdirSync } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { errorCode } from '../system/file-failure.ts';
import { createSlices, type Slices } from '../system/slices.ts';
import { compareEntry } from './compare-entry.ts';
import { createFileReader, type FileReader } from './hash-file.ts';
import type { Difference, Manifest, ManifestEntry, Tree, TreeCheck, Unit, UnitName } from './manifest.ts';
import { lookAt } from './tree-walk.ts';
import { unitKey, unitOf } from './unit-layout.ts';

export interface CheckAsk {
  readonly depth: TreeCheck['depth'];
  readonly signal: AbortSignal;
  /** Files that a quick check hashes, too: see `suspectKey`. */
  readonly suspects?: ReadonlySet<string>;
  /** The manifest holds some of the units only (`readUnits`): what belongs to others is not extra. */
  readonly isPart?: boolean;
}

type Checked = TreeCheck | { readonly kind: 'failed'; readonly because: string };

/** A file found altered by its hash alone is remembered by this: the next quick check would call it sound again. */
export const suspectKey = (tree: string, path: string): string => `${tree}\0${path}`;

/** Nobody reads more names of what is no damage. */
const maxExtra = 1_000;

/**
 * Compares an installation with its manifest and names every difference. Never throws. A quick check hashes only files of
 * the right size that were written at another time than the manifest says; a full one hashes every file.
 */
export async function checkTrees(manifest: Manifest, ask: CheckAsk): Promise<Checked> {
  const slices = createSlices();
  const reader = createFileReader(slices, { wholeBytes: 0 });
  const differences: Difference[] = [];
  try {
    for (const tree of manifest.head.trees) {
      const units = manifest.units.filter((unit) => unit.tree === tree.name);
      if (units.length === 0) continue;
      differences.push(...(await checkTree({ tree, units, ask, slices, reader })));
    }
  } catch (error) {
    return { kind: 'failed', because: error instanceof Error ? error.message : String(error) };
  }
  const damaged = new Set(differences.flatMap(({ kind, unit }) => (kind === 'extra' ? [] : [unitKey(unit)])));
  return {
    depth: ask.depth,
    differences,
    damaged: manifest.units.filter((unit) => damaged.has(unitKey(unit))),
  };
}

interface Ground {
  readonly tree: Tree;
  readonly units: readonly Unit[];
  readonly ask: CheckAsk;
  readonly slices: Slices;
  readonly reader: FileReader;
}

async function checkTree(ground: Ground): Promise<readonly Difference[]> {
  const { tree, units, ask, slices, reader } = ground;
  const differences: Difference[] = [];
  /** What cannot be there, for what holds it is gone or no folder: never looked up through a link in its place. */
  const gone = new Set<string>();
  const folders: Folder[] = [];
  const known = new Set<string>();
  // The first question waits outside of the event loop: a lost network volume would hold it for minutes.
  if (!(await isFolder(tree.root))) gone.add('');
  else if (ask.isPart !== true) folders.push({ path: '', bytes: 0 });

  for (const unit of units) {
    const name: UnitName = { tree: unit.tree, path: unit.path, part: unit.part };
    for (const entry of unit.entries) {
      if (ask.signal.aborted) throw new Error('the check was asked to end');
      if (slices.isOver()) await slices.rest();
      const { path } = entry;
      known.add(path);
      const lost = gone.size > 0 && gone.has(folderOf(path));
      const found = lost ? null : lookAt(tree.root, path);
      const verdict = found === null ? 'missing' : compareEntry(entry, found);
      if (verdict === 'same' || verdict === 'rewritten') {
        if (entry.kind === 'directory') folders.push({ path, bytes: found?.stats.size ?? 0 });
        else if (entry.kind === 'file' && isToHash(verdict, { ask, tree, path })) {
          if (!(await hasHash(reader, `${tree.root}/${path}`, entry)))
            differences.push({ unit: name, kind: 'altered', path });
        }
      } else {
        differences.push({ unit: name, kind: verdict, path });
        if (entry.kind === 'directory' && found?.kind !== 'directory') gone.add(path);
      }
    }
  }
  return [...differences, ...(await findExtra(ground, { folders, known }))];
}

async function isFolder(root: string): Promise<boolean> {
  try {
    return (await lstat(root)).isDirectory();
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(error))) return false;
    throw error;
  }
}

const folderOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')));

const isToHash = (
  verdict: 'same' | 'rewritten',
  { ask, tree, path }: { readonly ask: CheckAsk; readonly tree: Tree; readonly path: string },
): boolean =>
  verdict === 'rewritten' || ask.depth === 'full' || ask.suspects?.has(suspectKey(tree.name, path)) === true;

async function hasHash(
  reader: FileReader,
  path: string,
  { sha256 }: ManifestEntry & { readonly kind: 'file' },
): Promise<boolean> {
  try {
    return (await reader.read(path)).sha256 === sha256;
  } catch (error) {
    // Closed to the one who runs the gateway as well, or replaced this very moment: not what was recorded.
    if (['EACCES', 'ENOENT', 'ELOOP', 'UNKNOWN'].includes(errorCode(error))) return false;
    throw error;
  }
}

interface Folder {
  readonly path: string;
  /** Of its list of names. */
  readonly bytes: number;
}

/** Some hundreds of names on every file system: what has more is read outside of the event loop. */
const largeFolderBytes = 32 * 1024;

function namesIn(root: string, { path, bytes }: Folder): readonly string[] | Promise<readonly string[]> {
  const full = `${root}/${path}`;
  return bytes < largeFolderBytes ? readdirSync(full) : readdir(full);
}

/** What lies in the folders and in no unit; of an extra folder its own name says it all. */
async function findExtra(
  { tree, units, ask, slices }: Ground,
  { folders, known }: { readonly folders: readonly Folder[]; readonly known: ReadonlySet<string> },
): Promise<readonly Difference[]> {
  const extra: Difference[] = [];
  const asked = new Set(units.map(unitKey));
  for (const folder of folders) {
    for (const name of await namesIn(tree.root, folder)) {
      if (slices.isOver()) await slices.rest();
      const path = folder.path === '' ? name : `${folder.path}/${name}`;
      if (known.has(path)) continue;
      const found = lookAt(tree.root, path);
      const unit = { tree: tree.name, ...unitOf(path, found?.kind === 'directory' ? 'directory' : 'file') };
      if (ask.isPart === true && !asked.has(unitKey(unit))) continue;
      extra.push({ unit, kind: 'extra', path });
      if (extra.length >= maxExtra) return extra;
    }
    if (slices.isOver()) await slices.rest();
  }
  return extra;
}
