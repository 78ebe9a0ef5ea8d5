import { type Dirent, promises as nodeFiles } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { type Instant, instant } from '../core/time.ts';
import { type FileOutcome, type Files, readIfExists, writeDurable } from '../system/durable-file.ts';
import type { UnitName } from './manifest.ts';
import { numberedFolders, openNumbered } from './numbered-folder.ts';
import type { PackagePlan } from './package-plans.ts';
import { isPlainName, isRecord, isTextOrNull, isTexts, parseRecord } from './stored-text.ts';

/** Tells one thing on the disk from another that has taken its name: a rename keeps it, writing anew does not. */
export interface Identity {
  readonly kind: 'directory' | 'file' | 'link' | 'other';
  readonly inode: string;
  /** Numbers are used again, times of birth are not; null where the file system does not tell it. */
  readonly bornMs: number | null;
}

/** One exchange by rename. `path` is relative to the tree's root; empty for the root itself. */
export interface Move {
  readonly tree: string;
  readonly path: string;
  /** What stood there before the repair; null for nothing. */
  readonly was: Identity | null;
  readonly put: Identity;
  /** Where what is put comes from, when it was not staged by us: npm's own copy of before. */
  readonly from?: string;
}

export interface RepairedTree {
  readonly name: string;
  /** Absolute, links resolved. */
  readonly root: string;
  /** What the root was when the repair began: another one belongs to somebody else's installation. */
  readonly rootWas: Identity | null;
  /** Below this `put/<folder>` holds what is to come and `replaced/<folder>` what stood there. */
  readonly place: string;
  readonly folder: string;
}

type UndoneFor = 'unhelpful' | 'asked' | 'failed' | 'interrupted';

/** A repair of the installed package: `quarantine/<id>/repair.json`. */
export interface RepairRecord {
  readonly version: 1;
  /** Of the action (A7). */
  readonly id: string;
  readonly incident: string | null;
  readonly at: Instant;
  readonly planId: string;
  readonly planKind: PackagePlan['kind'];
  readonly openclaw: string;
  readonly archive: string | null;
  readonly trees: readonly RepairedTree[];
  readonly units: readonly (UnitName & { readonly digest: string })[];
  readonly moves: readonly Move[];
  /** How many files were put there. */
  readonly files: number;
  /**
   * `staging`: nothing is replaced yet. `begun`: all that is to come is on the disk, and the moves may have started.
   * `made`: in place. `undoing`: on the way back. `undone`: as it was before. `failed`: nothing was ever replaced.
   */
  readonly state: 'staging' | 'begun' | 'made' | 'undoing' | 'undone' | 'failed';
  readonly undoneFor: UndoneFor | null;
  /** When somebody began to take it back; it may have been made long before. */
  readonly undoneAt?: Instant;
  /** One sentence: what for, and at the end how it went. */
  readonly because: string;
}

/** A record and the folder that holds it. */
export interface Repair {
  readonly folder: string;
  readonly record: RepairRecord;
}

export type ReadRepair =
  | ({ readonly kind: 'read' } & Repair)
  | { readonly kind: 'missing'; readonly because: string }
  | { readonly kind: 'failed'; readonly because: string };

export const repairRecordName = 'repair.json';
/** So many moves stay well below the size of a record, and are read in a blink; more are a case for the whole tree. */
export const maxMoves = 1_000;
const maxRecordBytes = 4_194_304;
/** The last ones a person may want to look at, whatever their age. */
const keptNewest = 3;
const keptForMs = 7 * 86_400_000;
/** Beyond the newest: four whole packages. */
const keptBytes = 2 * 1024 ** 3;
/** A tree of ours has 39,000 files; what is larger is counted as that large. */
const maxCounted = 400_000;

export const openRepair = openNumbered;

/** Durable when it resolves. */
export function writeRepair({ folder, record }: Repair, files?: Files): Promise<FileOutcome> {
  return writeDurable(join(folder, repairRecordName), `${JSON.stringify(record)}\n`, {
    mode: 0o600,
    ...(files === undefined ? {} : { files }),
  });
}

/** The newest repair of this id. */
export async function readRepair(quarantine: string, id: string): Promise<ReadRepair> {
  if (!isPlainName(id)) {
    return { kind: 'failed', because: `"${id.slice(0, 80)}" is not the name of a repair` };
  }
  for (const { name } of (await numberedFolders(quarantine, id)).toReversed()) {
    const read = await readFolder(join(quarantine, name));
    if (read.kind !== 'missing') return read;
  }
  return { kind: 'missing', because: `nothing is kept of a repair named ${id}` };
}

/** Every repair, newest first. A record that cannot be understood is left alone, and left out. */
export async function listRepairs(quarantine: string): Promise<readonly Repair[]> {
  const names = (await nodeFiles.readdir(quarantine).catch(() => [])).filter(isPlainName);
  const found: Repair[] = [];
  for (const name of names) {
    const read = await readFolder(join(quarantine, name));
    if (read.kind === 'read') found.push({ folder: read.folder, record: read.record });
  }
  return found.sort((one, other) => other.record.at - one.record.at);
}

/** What was removed, and why. */
export interface Removal {
  readonly id: string;
  readonly because: string;
}

/**
 * Removes what repairs replaced once nobody will want it back: older than seven days and not among the newest three, or
 * beyond 2 GiB that the newest does not count for. One that is not finished stays.
 */
export async function sweepRepairs(
  quarantine: string,
  { now, keep = [] }: { readonly now: Instant; readonly keep?: readonly string[] },
): Promise<readonly Removal[]> {
  const removals: Removal[] = [];
  let total = 0;
  for (const [at, { folder, record }] of (await listRepairs(quarantine)).entries()) {
    const bytes = at === 0 ? 0 : await bytesOf(foldersOf({ folder, record }));
    const isOver = total + bytes > keptBytes;
    total += bytes;
    if (at === 0 || keep.includes(record.id) || !isFinished(record)) continue;
    const isOld = at >= keptNewest && now - record.at > keptForMs;
    if (!isOver && !isOld) continue;
    const because = isOver
      ? 'what repairs replaced is kept up to 2 GiB beyond the newest'
      : 'it is older than seven days, and three newer repairs are kept';
    if (!(await removeRepair({ folder, record }))) continue;
    total -= bytes;
    removals.push({ id: record.id, because });
  }
  return removals;
}

const isFinished = ({ state }: RepairRecord): boolean =>
  state === 'made' || state === 'undone' || state === 'failed';

/** The folders of a repair, those beside the package first: the record that names them goes last. */
const foldersOf = ({ folder, record }: Repair): readonly string[] => [
  ...new Set([...record.trees.map(({ place }) => place).filter((place) => place !== folder), folder]),
];

/** False where something of it could not be removed: the next sweep tries again, for the record is still there. */
async function removeRepair(repair: Repair): Promise<boolean> {
  try {
    for (const folder of foldersOf(repair)) await nodeFiles.rm(folder, { recursive: true, force: true });
    return true;
  } catch {
    // Told by its staying: it is not among the removals.
    return false;
  }
}

async function bytesOf(folders: readonly string[]): Promise<number> {
  let bytes = 0;
  let counted = 0;
  const open = [...folders];
  for (let folder = open.pop(); folder !== undefined && counted < maxCounted; folder = open.pop()) {
    const entries: readonly Dirent[] = await nodeFiles
      .readdir(folder, { withFileTypes: true })
      .catch(() => []);
    for (const entry of entries) {
      const path = join(folder, entry.name);
      counted += 1;
      if (entry.isDirectory()) open.push(path);
      else
        bytes += await nodeFiles.lstat(path).then(
          ({ size }) => size,
          () => 0,
        );
    }
  }
  return bytes;
}

async function readFolder(folder: string): Promise<ReadRepair> {
  const file = join(folder, repairRecordName);
  const read = await readIfExists(file, maxRecordBytes);
  if (read.kind === 'missing' || (read.kind === 'unreadable' && read.code === 'ENOTDIR')) {
    return { kind: 'missing', because: `${folder} holds no record` };
  }
  if (read.kind !== 'read') return { kind: 'failed', because: read.because };
  const record = parseRepair(read.bytes.toString('utf8'), folder);
  return record === null
    ? { kind: 'failed', because: `${file} cannot be understood` }
    : { kind: 'read', folder, record };
}

function parseRepair(text: string, folder: string): RepairRecord | null {
  const value = parseRecord(text);
  if (value === null || value['version'] !== 1) return null;
  const { id, incident, at, planId, planKind, openclaw, archive, trees, units, moves } = value;
  const { files, state, undoneFor, undoneAt, because } = value;
  if (typeof id !== 'string' || !isPlainName(id) || typeof at !== 'number' || !Number.isFinite(at))
    return null;
  if (!isTextOrNull(incident) || !isTextOrNull(archive) || !isTexts([planId, openclaw, because])) return null;
  if (!['aside', 'packages', 'tree', 'network'].includes(String(planKind))) return null;
  if (!['staging', 'begun', 'made', 'undoing', 'undone', 'failed'].includes(String(state))) return null;
  if (!(undoneFor === null || ['unhelpful', 'asked', 'failed', 'interrupted'].includes(String(undoneFor))))
    return null;
  if (undoneAt !== undefined && !Number.isFinite(undoneAt)) return null;
  if (typeof files !== 'number' || !Array.isArray(trees) || !Array.isArray(moves) || !Array.isArray(units))
    return null;
  if (!trees.every((tree) => isTree(tree, folder)) || !units.every(isUnit)) return null;
  const roots = new Map(trees.map(({ name, root }) => [name, root]));
  if (!moves.every((move) => isMove(move, roots))) return null;
  return { ...(value as unknown as RepairRecord), at: instant(at) };
}

/** Nothing but these two places is ever written to, whatever a record says. */
function isTree(value: unknown, folder: string): value is RepairedTree {
  if (!isRecord(value)) return false;
  const { name, root, rootWas, place, folder: below } = value;
  if (typeof name !== 'string' || typeof root !== 'string' || !isAbsolute(root)) return false;
  if (typeof below !== 'string' || !isPlainName(below) || typeof place !== 'string') return false;
  if (!(rootWas === null || isIdentity(rootWas))) return false;
  return place === folder || /^\.openclaw-immune-[A-Za-z0-9._~-]+$/.test(lastOf(place));
}

const lastOf = (path: string): string => (isAbsolute(path) ? path.slice(dirname(path).length + 1) : '');

function isMove(value: unknown, roots: ReadonlyMap<string, string>): value is Move {
  if (!isRecord(value)) return false;
  const { tree, path, was, put, from } = value;
  const root = typeof tree === 'string' ? roots.get(tree) : undefined;
  if (root === undefined || typeof path !== 'string' || !isRelative(path)) return false;
  if (!(was === null || isIdentity(was)) || !isIdentity(put)) return false;
  return from === undefined || (typeof from === 'string' && path === '' && dirname(from) === dirname(root));
}

const isRelative = (path: string): boolean =>
  path === '' || path.split('/').every((step) => step !== '' && step !== '.' && step !== '..');

function isIdentity(value: unknown): value is Identity {
  if (!isRecord(value)) return false;
  const { kind, inode, bornMs } = value;
  if (!['directory', 'file', 'link', 'other'].includes(String(kind)) || typeof inode !== 'string')
    return false;
  return bornMs === null || typeof bornMs === 'number';
}

function isUnit(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const { tree, path, part, digest } = value;
  return isTexts([tree, path, digest]) && (part === 'whole' || typeof part === 'number');
}
