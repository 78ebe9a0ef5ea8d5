import { readdir, rm } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { type Instant, instant } from '../core/time.ts';
import type { UndoPurpose } from '../core/trial.ts';
import { type FileOutcome, type Files, readIfExists, writeDurable } from '../system/durable-file.ts';
import { numberedFolders, openNumbered } from './numbered-folder.ts';
import { isHash, isMode, isPlainName, isRecord, isTextOrNull, isTexts, parseRecord } from './stored-text.ts';

/** One file that a change replaced. */
export interface KeptFile {
  /** As the config names it: differs from `path` where it is a link. */
  readonly named: string;
  /** Where it stood: the file itself, where the config is a link. */
  readonly path: string;
  /** Where it is now; null when there was nothing to replace. */
  readonly kept: string | null;
  readonly mode: number | null;
  /** Null for what could not be read (a directory, a mode that keeps us out): moved as it was. */
  readonly sha256: string | null;
  /** `linked`: a second name of the very file. `moved`: not there before the change was begun. */
  readonly how: 'copied' | 'linked' | 'moved' | 'nothing';
  /** What was renamed to `path`: a temporary file, or what an earlier change had kept. Null where nothing belongs. */
  readonly staged: string | null;
  /** Hash of what was put there; null when it cannot be read. */
  readonly put: string | null;
}

/** Why a change was taken back; `interrupted`: it never came to be. */
type UndoneFor = UndoPurpose | 'interrupted';

/** What a change of the config replaced, byte for byte: `quarantine/<id>/kept.json`. */
export interface KeptRecord {
  readonly version: 1;
  /** Of the action (A7) or the trial (T3); with `.undo` behind it, of what took that back. */
  readonly id: string;
  readonly incident: string | null;
  readonly at: Instant;
  readonly planId: string | null;
  readonly planKind: 'keys' | 'snapshot' | 'apply' | null;
  readonly snapshot: string | null;
  readonly configPath: string;
  /** Hash of the config that was replaced, and of the one that was left (see `checkConfigFile`). */
  readonly replaced: string | null;
  readonly left: string | null;
  readonly files: readonly KeptFile[];
  readonly changes: readonly string[];
  /** `made`: in place. `undone`: put back. `begun`: the watchdog died in the middle (see `finishSwap`). */
  readonly state: 'begun' | 'made' | 'undone';
  /** Name of the folder of the change that this one takes back. */
  readonly undoes: string | null;
  /** Why this one takes it back. */
  readonly undoesFor?: UndoPurpose;
  /** Why this one was taken back. Older records do not say: only the watchdog took anything back then. */
  readonly undoneFor?: UndoneFor;
}

/** A record and the folder that holds it and the files. */
export interface Kept {
  readonly folder: string;
  readonly record: KeptRecord;
}

type ReadKept =
  | ({ readonly kind: 'read' } & Kept)
  | { readonly kind: 'missing'; readonly because: string }
  | { readonly kind: 'failed'; readonly because: string };

const recordName = 'kept.json';
const maxRecordBytes = 1_048_576;
/** Of both, whichever keeps more: an operator who comes back after weeks still finds what was replaced. */
const keptNewest = 64;
const keptForMs = 90 * 86_400_000;

/** A new folder for what the change `id` replaces: `<id>`, or `<id>~2` where that is taken. */
export const openKept = openNumbered;

/** Durable when it resolves. */
export function writeKept({ folder, record }: Kept, files?: Files): Promise<FileOutcome> {
  const text = `${JSON.stringify(record, null, 2)}\n`;
  return writeDurable(join(folder, recordName), text, {
    mode: 0o600,
    ...(files === undefined ? {} : { files }),
  });
}

/** The newest change of this id. */
export async function readKept(directory: string, id: string): Promise<ReadKept> {
  if (!isPlainName(id))
    return { kind: 'failed', because: `"${id.slice(0, 80)}" is not the name of a change` };
  const newestFirst = (await numberedFolders(directory, id)).toReversed();
  for (const { name } of newestFirst) {
    const read = await readFolder(join(directory, name));
    // A folder without a record was left by a change that never began.
    if (read.kind !== 'missing') return read;
  }
  return { kind: 'missing', because: `nothing is kept of a change named ${id}` };
}

/** Every change that is kept, newest first. A record that cannot be understood is left alone, and left out. */
export async function listKept(directory: string): Promise<readonly Kept[]> {
  const names = (await readdir(directory).catch(() => [])).filter(isPlainName);
  const found: Kept[] = [];
  for (const name of names) {
    const read = await readFolder(join(directory, name));
    if (read.kind === 'read') found.push({ folder: read.folder, record: read.record });
  }
  return found.sort((one, other) => other.record.at - one.record.at);
}

/** Removes what is both old and not among the newest. What could still be undone or finished stays. */
export async function sweepKept(
  directory: string,
  { now, keep }: { readonly now: Instant; readonly keep: readonly string[] },
): Promise<void> {
  const all = await listKept(directory);
  for (const { folder, record } of all.slice(keptNewest)) {
    if (record.state === 'begun' || keep.includes(record.id) || now - record.at < keptForMs) continue;
    // What cannot be removed now is tried again at the next sweep.
    await rm(folder, { recursive: true, force: true }).catch(() => undefined);
  }
}

async function readFolder(folder: string): Promise<ReadKept> {
  const read = await readIfExists(join(folder, recordName), maxRecordBytes);
  if (read.kind === 'missing' || (read.kind === 'unreadable' && read.code === 'ENOTDIR')) {
    return { kind: 'missing', because: `${folder} holds no record` };
  }
  if (read.kind !== 'read') return { kind: 'failed', because: read.because };
  const record = parseKept(read.bytes.toString('utf8'));
  return record === null
    ? { kind: 'failed', because: `${join(folder, recordName)} cannot be understood` }
    : { kind: 'read', folder, record };
}

function parseKept(text: string): KeptRecord | null {
  const value = parseRecord(text);
  if (value === null || value['version'] !== 1) return null;
  const { id, incident, at, planId, planKind, snapshot, configPath, replaced, left, files, changes, state } =
    value;
  const { undoes, undoesFor, undoneFor } = value;
  if (typeof id !== 'string' || !isPlainName(id) || !isPath(configPath)) return null;
  if (typeof at !== 'number' || !Number.isFinite(at)) return null;
  if (!isTextOrNull(incident) || !isTextOrNull(planId) || !isTextOrNull(snapshot)) return null;
  if (!isTextOrNull(replaced) || !isTextOrNull(left) || !isTexts(changes)) return null;
  if (planKind !== 'keys' && planKind !== 'snapshot' && planKind !== 'apply' && planKind !== null)
    return null;
  if (state !== 'begun' && state !== 'made' && state !== 'undone') return null;
  if (!isTextOrNull(undoes) || (undoes !== null && !isPlainName(undoes))) return null;
  if (!isPurpose(undoesFor) || !(undoneFor === 'interrupted' || isPurpose(undoneFor))) return null;
  if (!Array.isArray(files) || !files.every(isKeptFile)) return null;
  return {
    version: 1,
    id,
    incident,
    at: instant(at),
    planId,
    planKind,
    snapshot,
    configPath,
    replaced,
    left,
    files,
    changes,
    state,
    undoes,
    ...(undoesFor === undefined ? {} : { undoesFor }),
    ...(undoneFor === undefined ? {} : { undoneFor }),
  };
}

function isKeptFile(value: unknown): value is KeptFile {
  if (!isRecord(value)) return false;
  const { named, path, kept, mode, sha256, how, staged, put } = value;
  if (!isPath(named) || !isPath(path)) return false;
  if (!(kept === null || isPath(kept)) || !(staged === null || isPath(staged))) return false;
  if (!(mode === null || isMode(mode))) return false;
  if (!(sha256 === null || isHash(sha256)) || !(put === null || isHash(put))) return false;
  return how === 'nothing' ? kept === null : kept !== null && isHow(how);
}

const isPurpose = (value: unknown): value is UndoPurpose | undefined =>
  value === undefined || value === 'unhelpful' || value === 'asked' || value === 'unconfirmed';

const isHow = (how: unknown): boolean => how === 'copied' || how === 'linked' || how === 'moved';
const isPath = (value: unknown): value is string => typeof value === 'string' && isAbsolute(value);
