import { promises as files } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  ensurePrivateDirectory,
  type FileOutcome,
  readIfExists,
  syncDirectory,
  writeDurable,
} from '../system/durable-file.ts';
import { fileFailure } from '../system/file-failure.ts';
import type { SnapshotContent } from './snapshot.ts';
import type { Manifest } from './snapshot-manifest.ts';
import { readStoredManifest, removeFolder, writeStoredFolder } from './stored-folder.ts';

/** A verified snapshot as plain files, for the day when the repository cannot be read. */
export interface PlainCopy {
  readonly folder: string;
  readonly number: number;
  /** The commit it was made from. */
  readonly id: string;
  readonly bad: boolean;
  readonly manifest: Manifest;
}

/** Copies that are kept; the rollback walks from the newest to the oldest. */
const kept = 3;
/** A counter and not a time, for a clock may go back. */
const folderName = /^(\d{6,})-[0-9a-f]{12}$/;
const idFile = 'commit';
const badFile = 'bad';

/** Newest first. What is incomplete or unreadable is none. */
export async function listCopies(knownGood: string): Promise<readonly PlainCopy[]> {
  const copies: PlainCopy[] = [];
  for (const name of await namesIn(knownGood)) {
    const number = Number(folderName.exec(name)?.[1] ?? Number.NaN);
    if (Number.isNaN(number)) continue;
    const folder = join(knownGood, name);
    const id = await readIfExists(join(folder, idFile), 100);
    const manifest = await readStoredManifest(folder);
    const commit = id.kind === 'read' ? /^[0-9a-f]{40}/.exec(id.bytes.toString('utf8'))?.[0] : undefined;
    if (manifest === null || commit === undefined) continue;
    const bad = (await readIfExists(join(folder, badFile), 100)).kind === 'read';
    copies.push({ folder, number, id: commit, bad, manifest });
  }
  return copies.toSorted((a, b) => b.number - a.number);
}

/** Adds a copy and then lets the oldest go: at no moment are there fewer complete ones than before. */
export async function addCopy(knownGood: string, id: string, content: SnapshotContent): Promise<FileOutcome> {
  const prepared = await ensurePrivateDirectory(knownGood);
  if (prepared.kind === 'failed') return prepared;
  const before = await listCopies(knownGood);
  if (before.some((copy) => copy.id === id)) return { kind: 'done' };
  const names = await namesIn(knownGood);
  for (const name of names.filter((each) => each.endsWith('.tmp'))) await removeFolder(join(knownGood, name));
  // Above the damaged ones too: their names are taken.
  const number = Math.max(0, ...names.map((name) => Number(folderName.exec(name)?.[1] ?? 0))) + 1;
  const name = `${String(number).padStart(6, '0')}-${id.slice(0, 12)}`;
  const temporary = join(knownGood, `${name}.tmp`);
  const stored = await writeStoredFolder(temporary, content);
  if (stored.kind === 'failed') return stored;
  const named = await writeDurable(join(temporary, idFile), `${id}\n`, { mode: 0o600 });
  if (named.kind === 'failed') return named;
  try {
    await files.rename(temporary, join(knownGood, name));
  } catch (error) {
    return fileFailure(`put ${name} in place`, error);
  }
  for (const folder of [knownGood, dirname(knownGood)]) {
    const synced = await syncDirectory(folder);
    if (synced.kind === 'failed') return synced;
  }
  return prune(knownGood);
}

/** Bad ones do not count: they are no way back. */
async function prune(knownGood: string): Promise<FileOutcome> {
  const copies = await listCopies(knownGood);
  const staying = copies.filter(({ bad }) => !bad).slice(0, kept);
  for (const copy of copies) {
    if (staying.includes(copy)) continue;
    const removed = await removeFolder(copy.folder);
    if (removed.kind === 'failed') return removed;
  }
  return { kind: 'done' };
}

/** Marks the copy of a snapshot that a rollback had to leave; null when there is none. */
export async function markCopyBad(knownGood: string, id: string): Promise<FileOutcome | null> {
  const copy = (await listCopies(knownGood)).find((each) => each.id === id);
  return copy === undefined ? null : writeDurable(join(copy.folder, badFile), '', { mode: 0o600 });
}

/** The gateway has booted with this content and stood through the soak since it was marked. */
export async function clearCopies(knownGood: string, configHash: string): Promise<FileOutcome> {
  for (const { bad, folder, manifest } of await listCopies(knownGood)) {
    if (!bad || manifest.configHash !== configHash) continue;
    try {
      await files.unlink(join(folder, badFile));
    } catch (error) {
      return fileFailure(`clear ${join(folder, badFile)}`, error);
    }
    const synced = await syncDirectory(folder);
    if (synced.kind === 'failed') return synced;
  }
  return { kind: 'done' };
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await files.readdir(folder);
  } catch {
    // Nothing was verified yet, or the folder cannot be read: either way there is nothing to go back to here.
    return [];
  }
}
