import { rmdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { syncDirectory } from '../system/durable-file.ts';
import { errorCode, type FileFailure, fileFailure } from '../system/file-failure.ts';
import { type Kept, type KeptFile, type KeptRecord, openKept, writeKept } from '../vault/kept.ts';
import type { Place } from './config-place.ts';
import { hasFolder, isOld, isTemporary, putFile, takeBack } from './exchange-file.ts';
import { keepFile, type SwapFiles, sha256 } from './keep-file.ts';

/** What shall stand in a place. */
export type Put =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array; readonly mode: number }
  /** What an earlier change kept and nobody can read: it is moved back as it is. */
  | { readonly kind: 'kept'; readonly from: string }
  | { readonly kind: 'nothing' };

export interface Exchange {
  readonly about: Omit<KeptRecord, 'version' | 'left' | 'files' | 'state'>;
  readonly items: readonly { readonly place: Place; readonly put: Put }[];
}

export interface ExchangeTools {
  readonly quarantine: string;
  readonly files: SwapFiles;
  /** Asked last, when all is prepared and nothing is replaced yet: a sentence that says why not, or null. */
  readonly stop: (files: readonly KeptFile[]) => Promise<string | null>;
}

export type ExchangeOutcome =
  /** All in place. The record still says `begun`: the caller knows what was left. */
  | { readonly kind: 'exchanged'; readonly kept: Kept }
  | { readonly kind: 'refused'; readonly because: string }
  | FileFailure;

/**
 * Replaces a few files as one. First everything is kept and written beside its place, then a record makes it known,
 * then there are only renames: a death before the first of them changes nothing, and one between them is completed or
 * taken back at the next start (see `finishSwap`). Whatever fails here leaves everything as it was.
 */
export async function exchange(
  { about, items }: Exchange,
  { quarantine, files, stop }: ExchangeTools,
): Promise<ExchangeOutcome> {
  const opened = await openKept(quarantine, about.id, files);
  if (opened.kind === 'failed') return { code: 'UNKNOWN', ...opened };
  const { folder } = opened;
  const planned: KeptFile[] = [];
  for (const [at, { place, put }] of items.entries()) {
    const kept = await keepFile(place, { folder, at, files });
    if (kept.kind === 'failed') return give(kept, { folder, planned, files });
    const { named, path } = place;
    const staged = stagedOf(place, { put, name: basename(folder) });
    planned.push({ named, path, ...kept.away, staged, put: put.kind === 'bytes' ? sha256(put.bytes) : null });
  }
  const record: KeptRecord = { version: 1, ...about, left: null, files: planned, state: 'begun' };
  const begun = await writeKept({ folder, record }, files);
  if (begun.kind === 'failed') return give(begun, { folder, planned, files });
  const prepared = await stage(items, planned, files);
  if (prepared !== null) return give(prepared, { folder, planned, files });
  const refusal = await stop(planned);
  if (refusal !== null) return give({ kind: 'refused', because: refusal }, { folder, planned, files });
  const failure = await putAll(planned, files);
  if (failure === null) return { kind: 'exchanged', kept: { folder, record } };
  const back = await takeAllBack(planned, files);
  if (back.whole) {
    await dropExchange({ folder, planned, files, proven: false });
    return failure;
  }
  // Begun, unless somebody's own work is in the way: the next start tries again, and nothing kept is removed.
  if (back.failure === null) {
    await removeStaged(planned, files);
    await writeKept({ folder, record: { ...record, state: 'undone', undoneFor: 'interrupted' } }, files);
  }
  const why = back.failure?.because ?? 'somebody changed it at this very moment';
  return {
    ...failure,
    because: `${failure.because}; what was there before could not all be put back: ${why} (it is kept in ${folder})`,
  };
}

/** A temporary name beside the place; what is moved back already has a name. */
function stagedOf(
  { path }: Place,
  { put, name }: { readonly put: Put; readonly name: string },
): string | null {
  switch (put.kind) {
    case 'bytes':
      return join(dirname(path), `.${basename(path)}.immune-${name}.tmp`);
    case 'kept':
      return put.from;
    case 'nothing':
      return null;
    default:
      return put satisfies never;
  }
}

/** Writes what is to come beside its place. A full disk shows here, before anything is replaced. */
async function stage(
  items: Exchange['items'],
  planned: readonly KeptFile[],
  files: SwapFiles,
): Promise<FileFailure | null> {
  const folders = new Set<string>();
  for (const [at, { place, put }] of items.entries()) {
    const staged = planned[at]?.staged ?? null;
    if (put.kind !== 'bytes' || staged === null) continue;
    try {
      if (place.bare) await files.mkdir(place.directory, { recursive: true, mode: 0o700 });
      await writeStaged(staged, put, files);
    } catch (error) {
      return fileFailure(`write beside ${place.path}`, error);
    }
    folders.add(place.directory);
    if (place.bare) folders.add(dirname(place.directory));
  }
  return syncAll(folders, files);
}

async function writeStaged(
  staged: string,
  { bytes, mode }: Extract<Put, { readonly kind: 'bytes' }>,
  files: SwapFiles,
): Promise<void> {
  // A name of this change alone: what stands there was left by one that died, and is not complete.
  await files.rm(staged, { force: true });
  const handle = await files.open(staged, 'wx', 0o600);
  try {
    await handle.writeFile(bytes);
    await handle.chmod(mode);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The renames, and nothing else. */
export async function putAll(planned: readonly KeptFile[], files: SwapFiles): Promise<FileFailure | null> {
  for (const file of planned) {
    try {
      await putFile(file, files);
    } catch (error) {
      return fileFailure(`put ${file.path} in place`, error);
    }
  }
  return syncAll(foldersOf(planned), files);
}

/** Puts back whatever was replaced, in the other order. `whole`: all of it, and nobody else's work stood in the way. */
export async function takeAllBack(
  planned: readonly KeptFile[],
  files: SwapFiles,
): Promise<{ readonly failure: FileFailure | null; readonly whole: boolean }> {
  let failure: FileFailure | null = null;
  let whole = true;
  const there: KeptFile[] = [];
  for (const file of planned.toReversed()) {
    try {
      whole = (await takeBack(file, files)) && whole;
      // A folder that somebody has removed has nothing to be made durable.
      if (await hasFolder(file.path)) there.push(file);
    } catch (error) {
      failure ??= fileFailure(`put ${file.path} back`, error);
    }
  }
  failure ??= await syncAll(foldersOf(there), files);
  return { failure, whole: whole && failure === null };
}

const foldersOf = (planned: readonly KeptFile[]): ReadonlySet<string> =>
  new Set(
    planned
      .flatMap(({ path, kept }) => [path, kept])
      .flatMap((path) => (path === null ? [] : [dirname(path)])),
  );

async function syncAll(folders: ReadonlySet<string>, files: SwapFiles): Promise<FileFailure | null> {
  for (const folder of folders) {
    const synced = await syncDirectory(folder, files);
    if (synced.kind === 'failed') return synced;
  }
  return null;
}

/** It never came to the first rename: takes away what was prepared, and passes the outcome on. */
async function give<T>(
  outcome: T,
  of: { readonly folder: string; readonly planned: readonly KeptFile[]; readonly files: SwapFiles },
): Promise<T> {
  await dropExchange({ ...of, proven: true });
  return outcome;
}

/**
 * Removes a change that replaced nothing: what was written beside the config, then the record, without which nobody
 * would look for that, then the copies. What is the only place of something is never removed: unless we know ourselves
 * that nothing was replaced (`proven`), a copy goes only while what it was made of stands in its place.
 */
export async function dropExchange(of: {
  readonly folder: string;
  readonly planned: readonly KeptFile[];
  readonly files: SwapFiles;
  readonly proven: boolean;
}): Promise<void> {
  const { folder, planned, files, proven } = of;
  // What cannot be removed lies in a private folder and does no harm there; the first failure is the one to tell.
  const remove = (path: string): Promise<void> => files.unlink(path).catch(() => undefined);
  await removeStaged(planned, files);
  try {
    await files.unlink(join(folder, 'kept.json'));
  } catch (error) {
    // A record that stays needs its copies: the next start finds both, and judges anew.
    if (errorCode(error) !== 'ENOENT') return;
  }
  await syncDirectory(folder, files);
  for (const file of planned) {
    if (file.kept === null || file.how === 'moved') continue;
    // Where that cannot be told the copy stays: it is private, and does no harm.
    if (proven || (await isOld(file).catch(() => false))) await remove(file.kept);
  }
  // Not empty where something was left on purpose.
  await rmdir(folder).catch(() => undefined);
}

/** What was written beside the config and not put in place; it may be gone already. */
export async function removeStaged(planned: readonly KeptFile[], files: SwapFiles): Promise<void> {
  for (const { staged } of planned) {
    if (staged !== null && isTemporary(staged)) await files.unlink(staged).catch(() => undefined);
  }
}
