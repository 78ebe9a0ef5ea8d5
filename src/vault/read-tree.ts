import { lstatSync } from 'node:fs';
import { createSlices, type Slices } from '../system/slices.ts';
import { createFileReader, type FileReader } from './hash-file.ts';
import {
  digestOf,
  type Manifest,
  type ManifestEntry,
  type ManifestHead,
  type Tree,
  type Unit,
  type UnitName,
} from './manifest.ts';
import { findUnsafe } from './safe-entries.ts';
import { parseRecord } from './stored-text.ts';
import { type Found, walkTree } from './tree-walk.ts';
import { compareUnits, unitKey, unitOf } from './unit-layout.ts';
import { type FileEntry, type UnitSink, wholeFileBytes } from './unit-sink.ts';

export interface RecordAsk {
  /** All of the head but the trees: those that could be recorded stand there in the end. */
  readonly head: Omit<ManifestHead, 'trees'>;
  /** The package itself first. */
  readonly trees: readonly Tree[];
  readonly signal: AbortSignal;
  /** Called after each unit. */
  readonly onUnit?: (done: number, of: number) => void;
}

export type Recorded =
  | {
      readonly kind: 'recorded';
      readonly manifest: Manifest;
      /** Plugin projects that could not be recorded; the package itself always is, or the recording fails. */
      readonly leftOut: readonly { readonly tree: string; readonly because: string }[];
    }
  | Failed;

interface Failed {
  readonly kind: 'failed';
  readonly because: string;
}

/** What belongs to a unit, before anything of it is read. */
interface Draft {
  readonly name: UnitName;
  readonly found: Found[];
}

interface Listed {
  readonly kind: 'listed';
  readonly tree: Tree;
  readonly drafts: readonly Draft[];
  /** Adding and removing names changes the time of a folder. */
  readonly folders: ReadonlyMap<string, number>;
}

/**
 * Records every file of an installation, each read once and its bytes handed to the sink. Never throws. It fails when a
 * file or folder is younger than the process that proved the installation: that one never read it as it is now.
 */
export async function recordTrees(ask: RecordAsk, sink: UnitSink | null): Promise<Recorded> {
  const listed: Listed[] = [];
  const leftOut: { readonly tree: string; readonly because: string }[] = [];
  for (const [place, tree] of ask.trees.entries()) {
    const list = await listTree(tree, ask);
    if (list.kind === 'listed') listed.push(list);
    else if (place === 0 || ask.signal.aborted) return list;
    else leftOut.push({ tree: tree.name, because: list.because });
  }
  const head: ManifestHead = { ...ask.head, trees: listed.map(({ tree }) => tree) };
  const count = listed.reduce((sum, { drafts }) => sum + drafts.length, 0);
  const slices = createSlices();
  const reader = createFileReader(slices, { wholeBytes: wholeFileBytes });
  const units: Unit[] = [];
  for (const { tree, drafts, folders } of listed) {
    for (const draft of drafts) {
      if (slices.isOver()) await slices.rest();
      if (ask.signal.aborted) return aborted;
      const read = await readDraft(draft, { head, tree, reader, slices, sink });
      if (read.kind === 'failed') return read;
      units.push(read.unit);
      ask.onUnit?.(units.length, count);
    }
    const changed = findChangedFolder(tree.root, folders);
    if (changed !== null) return { kind: 'failed', because: `${changed} was changed while it was recorded` };
  }
  return { kind: 'recorded', manifest: { head, units }, leftOut };
}

const aborted: Failed = { kind: 'failed', because: 'it was asked to end' };

async function listTree(tree: Tree, { head, signal }: RecordAsk): Promise<Listed | Failed> {
  const { root } = tree;
  const drafts = new Map<string, Draft>();
  const folders = new Map<string, number>([['', lstatSync(root, { throwIfNoEntry: false })?.ctimeMs ?? 0]]);
  const wrong: string[] = [];
  const since = new Date(head.provenBy).toISOString();
  const note = (path: string, stats: Found['stats']): void => {
    if (stats.ctimeMs > head.provenBy)
      wrong.push(`${path} was changed after ${since}, when the gateway started`);
  };
  const walk = await walkTree({
    root,
    signal,
    visit: (found) => {
      const { path, kind, stats } = found;
      if (kind === 'other') wrong.push(`${root}/${path} is neither a file nor a folder nor a link`);
      else {
        note(`${root}/${path}`, stats);
        if (kind === 'directory') folders.set(path, stats.ctimeMs);
        const name: UnitName = { tree: tree.name, ...unitOf(path, kind) };
        const draft = drafts.get(unitKey(name)) ?? { name, found: [] };
        drafts.set(unitKey(name), draft);
        draft.found.push(found);
      }
      return wrong.length > 0 ? 'skip' : undefined;
    },
    vanished: (path) => wrong.push(`${root}/${path} is gone again, or its name is no text`),
  });
  if (walk.kind === 'failed') return walk;
  if (walk.kind === 'no-tree') return { kind: 'failed', because: `${root} is no folder` };
  const changedAt = folders.get('') ?? 0;
  if (changedAt > head.provenBy) wrong.push(`${root} was changed after ${since}, when the gateway started`);
  const [first] = wrong;
  if (first !== undefined) return { kind: 'failed', because: first };
  const sorted = [...drafts.values()].sort((one, other) => compareUnits(one.name, other.name));
  for (const { found } of sorted) found.sort((one, other) => (one.path < other.path ? -1 : 1));
  return { kind: 'listed', tree, drafts: sorted, folders };
}

function findChangedFolder(root: string, folders: ReadonlyMap<string, number>): string | null {
  for (const [path, ctimeMs] of folders) {
    const full = path === '' ? root : `${root}/${path}`;
    if (lstatSync(full, { throwIfNoEntry: false })?.ctimeMs !== ctimeMs) return full;
  }
  return null;
}

interface DraftGround {
  readonly head: ManifestHead;
  readonly tree: Tree;
  readonly reader: FileReader;
  readonly slices: Slices;
  readonly sink: UnitSink | null;
}

type ReadDraft = { readonly kind: 'read'; readonly unit: Unit } | Failed;

async function readDraft({ name, found }: Draft, ground: DraftGround): Promise<ReadDraft> {
  const { head, tree, reader, slices, sink } = ground;
  const entries: ManifestEntry[] = [];
  let named: Unit['package'] = null;
  let bytes = 0;
  let at = tree.root;
  try {
    await sink?.begin(name);
    for (const each of found) {
      if (slices.isOver()) await slices.rest();
      const { path, stats } = each;
      const mode = stats.mode & permissionBits;
      at = `${tree.root}/${path}`;
      if (each.kind === 'file') {
        const content = await reader.read(at);
        if (content.stats.ctimeMs !== stats.ctimeMs || content.stats.ino !== stats.ino)
          return { kind: 'failed', because: `${at} was changed while it was recorded` };
        const { size } = stats;
        const mtimeMs = Math.floor(stats.mtimeMs);
        const entry: FileEntry = { kind: 'file', path, mode, size, mtimeMs, sha256: content.sha256 };
        if (path === (name.path === '' ? 'package.json' : `${name.path}/package.json`))
          named = content.bytes === null ? null : packageOf(content.bytes);
        entries.push(entry);
        bytes += size;
        await sink?.file(entry, content.bytes ?? reader.pieces(at, content));
      } else if (each.kind === 'directory') {
        const entry = { kind: 'directory', path, mode } as const;
        entries.push(entry);
        await sink?.directory(entry);
      } else {
        const entry = { kind: 'link', path, target: each.target } as const;
        entries.push(entry);
        await sink?.link(entry);
      }
    }
    const unit: Unit = { ...name, package: named, digest: digestOf(entries), bytes, entries };
    const unsafe = findUnsafe(unit, head.trees);
    if (unsafe !== null) return { kind: 'failed', because: `${tree.root} cannot be recorded: ${unsafe}` };
    await sink?.end(unit);
    return { kind: 'read', unit };
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    return { kind: 'failed', because: `${at} cannot be recorded: ${words}` };
  }
}

/** Set-user-id and the like are not recorded, and so never given to anything that is put back. */
const permissionBits = 0o777;
/** The longest package.json known has 60 KB. */
const maxPackageBytes = 4 * 1024 * 1024;

function packageOf(bytes: Buffer): Unit['package'] {
  const record = bytes.length > maxPackageBytes ? null : parseRecord(bytes.toString('utf8'));
  const { name, version } = record ?? {};
  return typeof name === 'string' && typeof version === 'string' ? { name, version } : null;
}
