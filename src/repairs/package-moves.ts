import { promises as nodeFiles, type Stats } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Files, syncDirectory } from '../system/durable-file.ts';
import { errorCode, type FileFailure, fileFailure } from '../system/file-failure.ts';
import type { Identity, Move, RepairedTree, RepairRecord } from '../vault/repair-records.ts';

/** The file operations of a repair: a parameter, so that a full or foreign disk can be shown to be survived. */
export type RepairFiles = Files & Pick<typeof nodeFiles, 'link' | 'rm' | 'symlink'>;
export const realFiles: RepairFiles = nodeFiles;

/** One move with its three places. */
interface Placed {
  readonly tree: RepairedTree;
  readonly move: Move;
  readonly live: string;
  readonly staged: string;
  readonly replaced: string;
}

export const putRoot = ({ place, folder }: RepairedTree): string => join(place, 'put', folder);
const replacedRoot = ({ place, folder }: RepairedTree): string => join(place, 'replaced', folder);

export function placed({ trees, moves }: Pick<RepairRecord, 'trees' | 'moves'>): readonly Placed[] {
  const byName = new Map(trees.map((tree) => [tree.name, tree]));
  return moves.flatMap((move) => {
    const tree = byName.get(move.tree);
    if (tree === undefined) return [];
    const live = join(tree.root, move.path);
    const staged = move.from ?? join(putRoot(tree), move.path);
    return [{ tree, move, live, staged, replaced: join(replacedRoot(tree), move.path) }];
  });
}

/** Null for nothing. Throws where that cannot be told. */
export async function identityOf(path: string): Promise<Identity | null> {
  const facts = await lstatIfThere(path);
  if (facts === null) return null;
  // Some file systems tell the last change for the birth, which a rename moves on.
  const bornMs = facts.birthtimeMs > 0 && facts.birthtimeMs < facts.ctimeMs ? facts.birthtimeMs : null;
  return { kind: kindOf(facts), inode: String(facts.ino), bornMs };
}

async function is(path: string, known: Identity | null): Promise<boolean> {
  const facts = await lstatIfThere(path);
  if (facts === null || known === null) return facts === null && known === null;
  if (String(facts.ino) !== known.inode || kindOf(facts) !== known.kind) return false;
  return known.bornMs === null || known.bornMs === facts.birthtimeMs;
}

const isThere = async (path: string): Promise<boolean> => (await lstatIfThere(path)) !== null;

async function lstatIfThere(path: string): Promise<Stats | null> {
  try {
    return await nodeFiles.lstat(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return null;
    throw error;
  }
}

function kindOf(facts: Stats): Identity['kind'] {
  if (facts.isDirectory()) return 'directory';
  if (facts.isSymbolicLink()) return 'link';
  return facts.isFile() ? 'file' : 'other';
}

/**
 * Where a move stands, judged by what lies where and never by how far somebody remembers to have come. `foreign`:
 * somebody else has put something in its place, or has taken the folder away that it belongs in.
 */
export type Standing = 'waiting' | 'away' | 'put' | 'foreign';

export async function standingOf(each: Placed): Promise<Standing> {
  const { tree, move, live, staged, replaced } = each;
  if (move.path !== '' && !(await is(tree.root, tree.rootWas))) return 'foreign';
  if (!(await isThere(dirname(live)))) return 'foreign';
  if (await is(staged, move.put)) {
    // Second names of one file: the last step of a way back.
    if (await is(live, move.put)) return 'put';
    if (await is(live, move.was)) return 'waiting';
    return !(await isThere(live)) && (await is(replaced, move.was)) ? 'away' : 'foreign';
  }
  return (await is(live, move.put)) ? 'put' : 'foreign';
}

/** Puts one in its place. Throws what the file system throws, and where it is not where it should be. */
async function putOne(each: Placed, files: RepairFiles): Promise<void> {
  const standing = await standingOf(each);
  if (standing === 'put') return;
  if (standing === 'foreign') throw new Foreign(each.live);
  const { move, live, staged, replaced } = each;
  if (standing === 'waiting' && move.was !== null) {
    await makeFolder(dirname(replaced), files);
    const isFile = move.was.kind === 'file' && move.put.kind === 'file';
    if (!isFile || !(await secondName(live, replaced, files))) await files.rename(live, replaced);
  }
  await files.rename(staged, live);
}

/** Puts back what stood there. False: that is somebody else's by now, and is left alone. */
async function takeBackOne(each: Placed, files: RepairFiles): Promise<boolean> {
  const { move, live, staged, replaced } = each;
  const standing = await standingOf(each);
  switch (standing) {
    case 'waiting':
      // It has two names where the repair had only begun with it.
      if (move.was?.kind === 'file' && (await is(replaced, move.was))) await files.unlink(replaced);
      return true;
    case 'away':
      await files.rename(replaced, live);
      return true;
    case 'put': {
      if (move.was !== null && !(await is(replaced, move.was))) return false;
      const isFile = move.was?.kind === 'file' && move.put.kind === 'file';
      await makeFolder(dirname(staged), files);
      if (!isFile || !(await secondName(live, staged, files))) await files.rename(live, staged);
      if (move.was !== null) await files.rename(replaced, live);
      return true;
    }
    case 'foreign':
      return false;
    default:
      return standing satisfies never;
  }
}

/** So that a file is never missing from its place: a file system without second names does it in two steps. */
async function secondName(path: string, name: string, files: RepairFiles): Promise<boolean> {
  try {
    await files.link(path, name);
    return true;
  } catch (error) {
    const code = errorCode(error);
    // It has its second name already: the repair was interrupted right behind this.
    if (code === 'EEXIST') return true;
    if (['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK', 'ENOSYS'].includes(code)) return false;
    throw error;
  }
}

const makeFolder = async (path: string, files: RepairFiles): Promise<void> => {
  await files.mkdir(path, { recursive: true, mode: 0o700 });
};

/** Thrown and caught in this file alone. */
class Foreign extends Error {
  readonly code = 'FOREIGN';
  constructor(path: string) {
    super(`${path} was changed at this very moment`);
  }
}

/** The renames, and nothing else. After a failure some may be in place: take them back. */
export async function putAll(
  of: Pick<RepairRecord, 'trees' | 'moves'>,
  files: RepairFiles,
): Promise<FileFailure | null> {
  const all = placed(of);
  for (const each of all) {
    try {
      await putOne(each, files);
    } catch (error) {
      return fileFailure(`put ${each.live} in place`, error);
    }
  }
  return syncAround(all, files);
}

/** `whole`: all of it is as it was, and nobody else's work stood in the way. */
export interface TakenBack {
  readonly failure: FileFailure | null;
  readonly whole: boolean;
}

/** In the other order. Goes on behind a failure: the more is back, the better. */
export async function takeAllBack(
  of: Pick<RepairRecord, 'trees' | 'moves'>,
  files: RepairFiles,
): Promise<TakenBack> {
  const all = placed(of);
  let failure: FileFailure | null = null;
  let whole = true;
  for (const each of all.toReversed()) {
    try {
      whole = (await takeBackOne(each, files)) && whole;
    } catch (error) {
      failure ??= fileFailure(`put ${each.live} back`, error);
    }
  }
  failure ??= await syncAround(all, files);
  return { failure, whole: whole && failure === null };
}

async function syncAround(all: readonly Placed[], files: RepairFiles): Promise<FileFailure | null> {
  const folders = new Set(
    all.flatMap(({ live, staged, replaced }) => [live, staged, replaced].map((path) => dirname(path))),
  );
  for (const folder of folders) {
    const synced = await syncDirectory(folder, files);
    // A folder that was never made, or that somebody has removed, has nothing to be made durable.
    if (synced.kind === 'failed' && synced.code !== 'ENOENT' && synced.code !== 'ENOTDIR') return synced;
  }
  return null;
}
