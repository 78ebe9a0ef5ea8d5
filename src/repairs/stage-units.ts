import { type Dirent, promises as nodeFiles } from 'node:fs';
import { dirname, join } from 'node:path';
import { syncDirectory } from '../system/durable-file.ts';
import { fileFailure } from '../system/file-failure.ts';
import { type Run, run } from '../system/run.ts';
import type { Unit } from '../vault/manifest.ts';
import { unitText } from '../vault/manifest.ts';
import { type Identity, type Move, maxMoves, type RepairedTree } from '../vault/repair-records.ts';
import { identityOf, putRoot, type RepairFiles } from './package-moves.ts';

export type Placing =
  | { readonly kind: 'extracted'; readonly files: number; readonly bytes: number }
  | { readonly kind: 'failed'; readonly because: string };

/** Puts one unit, proven byte for byte, below a folder that stands for its tree's root. */
export type Supply = (unit: Unit, into: string, signal: AbortSignal) => Promise<Placing>;

export interface StageAsk {
  /** One of `trees` each. */
  readonly units: readonly Unit[];
  readonly trees: readonly RepairedTree[];
  /** The root's own share of each tree: it has the modes of the folders that hold units. */
  readonly shares: readonly Unit[];
  /** Of a share: whether this file is to be put. Those of a whole unit all are. */
  readonly isWanted: (tree: string, path: string) => boolean;
  /** The root itself is exchanged, whatever stands there. */
  readonly wholeRoot: boolean;
  readonly supply: Supply;
  readonly signal: AbortSignal;
}

export type Staged =
  | { readonly kind: 'staged'; readonly moves: readonly Move[]; readonly files: number }
  /** `code`: of the file system, where it was that. */
  | { readonly kind: 'failed'; readonly code?: string; readonly because: string };

/** Syncing so many files one by one takes as long as syncing the whole disk. */
const fewFiles = 64;
const syncMs = 120_000;
const ordinaryMode = 0o755;

/**
 * Brings all that is to come together in `put/<tree>`, as it will stand, and on the disk for good. What is missing with
 * the folder around it comes in that folder: then one rename brings all of it.
 */
export async function stageUnits(
  ask: StageAsk,
  { files, sync = run }: { readonly files: RepairFiles; readonly sync?: Run },
): Promise<Staged> {
  let count = 0;
  const items: { readonly tree: RepairedTree; readonly path: string }[] = [];
  const made = new Set<string>();
  try {
    for (const [at, unit] of ask.units.entries()) {
      const tree = ask.trees.find(({ name }) => name === unit.tree);
      if (tree === undefined) return failed(`${unitText(unit)} belongs to no tree of the repair`);
      if (ask.signal.aborted) return late;
      const scratch = join(tree.place, 'new', String(at));
      await files.mkdir(scratch, { recursive: true, mode: 0o700 });
      const placing = await ask.supply(unit, scratch, ask.signal);
      if (ask.signal.aborted) return late;
      if (placing.kind === 'failed')
        return failed(`${unitText(unit)} could not be staged: ${placing.because}`);
      const paths = pathsOf(unit, ask);
      count += unit.part === 'whole' ? placing.files : paths.length;
      for (const path of paths) {
        const target = join(putRoot(tree), path);
        await makeFolder(dirname(target), { made, files });
        await files.rename(join(scratch, path), target);
        items.push({ tree, path });
      }
      for (const { kind, path } of unit.part === 'whole' ? [] : unit.entries) {
        if (kind !== 'directory' || !(ask.wholeRoot || ask.isWanted(unit.tree, path))) continue;
        // One that is there holds other units: it is not exchanged for an empty one.
        if (!ask.wholeRoot && (await identityOf(join(tree.root, path)))?.kind === 'directory') continue;
        await makeFolder(join(putRoot(tree), path), { made, files });
        items.push({ tree, path });
      }
      await files.rm(scratch, { recursive: true, force: true });
    }
    await giveModes(ask, made, files);
    const unsynced = await syncStaged(ask.trees, { count, files, sync, signal: ask.signal });
    if (unsynced !== null) return unsynced;
    for (const { place } of ask.trees) await files.rm(join(place, 'new'), { recursive: true, force: true });
    return await movesOf(ask, items, count);
  } catch (error) {
    return fileFailure('stage what is to come', error);
  }
}

/** Of a share only what is damaged: the rest of its folder stays as it is. */
function pathsOf(unit: Unit, { isWanted, wholeRoot }: StageAsk): readonly string[] {
  if (unit.part === 'whole') return [unit.path];
  return unit.entries.flatMap(({ kind, path }) =>
    kind !== 'directory' && (wholeRoot || isWanted(unit.tree, path)) ? [path] : [],
  );
}

async function makeFolder(
  path: string,
  { made, files }: { readonly made: Set<string>; readonly files: RepairFiles },
): Promise<void> {
  if (made.has(path)) return;
  await files.mkdir(path, { recursive: true, mode: 0o700 });
  made.add(path);
}

/** Last of all: a folder that nobody may write to takes nothing in. */
async function giveModes(ask: StageAsk, made: ReadonlySet<string>, files: RepairFiles): Promise<void> {
  for (const tree of ask.trees) {
    const root = putRoot(tree);
    const modes = new Map<string, number>();
    for (const entry of ask.shares
      .filter((share) => share.tree === tree.name)
      .flatMap(({ entries }) => entries)) {
      if (entry.kind === 'directory') modes.set(join(root, entry.path), entry.mode);
    }
    const own = await nodeFiles.stat(tree.root).catch(() => null);
    if (own?.isDirectory() === true) modes.set(root, own.mode & 0o7777);
    const folders = new Set<string>();
    for (const folder of made) {
      for (let each = folder; each === root || each.startsWith(`${root}/`); each = dirname(each)) {
        folders.add(each);
      }
    }
    // The deepest first: the mode of a folder above may bar the way.
    for (const folder of [...folders].sort().reverse())
      await files.chmod(folder, modes.get(folder) ?? ordinaryMode);
  }
}

/** What is exchanged: each item, or the topmost folder around it that is not there. */
async function movesOf(
  ask: StageAsk,
  items: readonly { readonly tree: RepairedTree; readonly path: string }[],
  count: number,
): Promise<Staged> {
  const tops = new Map<string, { readonly tree: RepairedTree; readonly path: string }>();
  const isFolder = new Map<string, boolean>();
  const exists = async (path: string): Promise<boolean> => {
    const known = isFolder.get(path) ?? (await identityOf(path))?.kind === 'directory';
    isFolder.set(path, known);
    return known;
  };
  for (const { tree, path } of items) {
    const top = ask.wholeRoot ? '' : await topOf(tree.root, path, exists);
    tops.set(`${tree.name}\0${top}`, { tree, path: top });
  }
  if (tops.size > maxMoves) {
    return failed(`${tops.size} single files and folders are too many to be exchanged one by one`);
  }
  const moves: Move[] = [];
  for (const { tree, path } of tops.values()) {
    const put = await identityOf(join(putRoot(tree), path));
    const was = await identityOf(join(tree.root, path));
    if (put === null) return failed(`${join(putRoot(tree), path)} was not staged`);
    moves.push({ tree: tree.name, path, was, put });
  }
  return { kind: 'staged', moves, files: count };
}

async function topOf(
  root: string,
  path: string,
  exists: (path: string) => Promise<boolean>,
): Promise<string> {
  const steps = path.split('/');
  for (let length = 0; length < steps.length; length += 1) {
    const above = steps.slice(0, length).join('/');
    if (!(await exists(join(root, above)))) return above;
  }
  return path;
}

/** All of it is on the disk when this resolves with null. */
export async function syncStaged(
  trees: readonly RepairedTree[],
  how: {
    readonly count: number;
    readonly files: RepairFiles;
    readonly sync?: Run;
    readonly signal: AbortSignal;
  },
): Promise<StageStop | null> {
  const { count, files, sync = run, signal } = how;
  if (signal.aborted) return late;
  if (count > fewFiles) {
    const synced = await sync({ file: '/bin/sync', args: [], timeoutMs: syncMs });
    if (synced.kind === 'exited' && synced.code === 0) return signal.aborted ? late : null;
  }
  for (const tree of trees) {
    const failure = await syncTree(putRoot(tree), signal, files);
    if (failure !== null) return failure;
    for (const folder of [join(tree.place, 'put'), tree.place, dirname(tree.place)]) {
      const synced = await syncDirectory(folder, files);
      if (synced.kind === 'failed' && synced.code !== 'ENOENT') return synced;
    }
  }
  return null;
}

async function syncTree(root: string, signal: AbortSignal, files: RepairFiles): Promise<StageStop | null> {
  const open = (await identityOf(root)) === null ? [] : [root];
  for (let folder = open.pop(); folder !== undefined; folder = open.pop()) {
    if (signal.aborted) return late;
    const entries: readonly Dirent[] = await nodeFiles.readdir(folder, { withFileTypes: true });
    for (const entry of entries) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) open.push(path);
      else if (entry.isFile()) await syncFile(path, files);
    }
    const synced = await syncDirectory(folder, files);
    if (synced.kind === 'failed') return synced;
  }
  return null;
}

async function syncFile(path: string, files: RepairFiles): Promise<void> {
  const handle = await files.open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

type StageStop = Extract<Staged, { readonly kind: 'failed' }>;

const failed = (because: string): StageStop => ({ kind: 'failed', because });
const late = failed('its deadline passed before anything was replaced');

/** For a root that is exchanged as it is: npm's own copy of before. */
export async function moveOf(tree: RepairedTree, path: string, from: string | null): Promise<Move | null> {
  const put: Identity | null = await identityOf(from ?? join(putRoot(tree), path));
  if (put === null) return null;
  const was = await identityOf(join(tree.root, path));
  return { tree: tree.name, path, was, put, ...(from === null || path !== '' ? {} : { from }) };
}
