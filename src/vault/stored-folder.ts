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
import { isTreeName } from '../system/tree-name.ts';
import type { ReadSnapshot, SnapshotContent } from './snapshot.ts';
import {
  contentOf,
  type Manifest,
  manifestName,
  manifestOf,
  parseManifest,
  renderManifest,
} from './snapshot-manifest.ts';

/** The reader of the config takes no larger file, and nothing else that is recorded comes near. */
export const maxStoredBytes = 16 * 1_048_576;

/** All files of a snapshot as they are stored, the manifest among them. */
export function storedFiles(
  content: SnapshotContent,
): readonly { readonly name: string; readonly bytes: Uint8Array }[] {
  const manifest = { name: manifestName, bytes: Buffer.from(renderManifest(manifestOf(content))) };
  return [...content.files.map(({ name, bytes }) => ({ name, bytes })), manifest];
}

/** Why this content cannot be stored; null when it can. Odd names come from bugs only, and must not leave the folder. */
export function unfit({ files: all }: SnapshotContent): string | null {
  const odd = all.find(({ name }) => !isTreeName(name) || name === manifestName);
  if (odd !== undefined) return `${JSON.stringify(odd.name.slice(0, 100))} is not a name for a recorded file`;
  const names = new Set(all.map(({ name }) => name.toLowerCase()));
  if (names.size !== all.length) return 'two recorded files have the same name';
  if (!all.some(({ role }) => role === 'config')) return 'there is no config to record';
  const large = all.find(({ bytes }) => bytes.length > maxStoredBytes);
  return large === undefined ? null : `${large.path} is too large to be recorded`;
}

/** Writes a snapshot as plain files into a new folder, on disk when it resolves; the folder's own name is the caller's. */
export async function writeStoredFolder(folder: string, content: SnapshotContent): Promise<FileOutcome> {
  const made = await ensurePrivateDirectory(folder);
  if (made.kind === 'failed') return made;
  const folders = new Set<string>();
  for (const { name, bytes } of storedFiles(content)) {
    const parent = dirname(join(folder, name));
    for (let each = parent; each.length > folder.length; each = dirname(each)) folders.add(each);
    const prepared = await ensurePrivateDirectory(parent);
    if (prepared.kind === 'failed') return prepared;
    const written = await writeDurable(join(folder, name), bytes, { mode: 0o600 });
    if (written.kind === 'failed') return written;
  }
  for (const each of [...folders, folder]) {
    const synced = await syncDirectory(each);
    if (synced.kind === 'failed') return synced;
  }
  return { kind: 'done' };
}

export async function readStoredManifest(folder: string): Promise<Manifest | null> {
  const read = await readIfExists(join(folder, manifestName), maxStoredBytes);
  return read.kind === 'read' ? parseManifest(read.bytes.toString('utf8')) : null;
}

/** Reads a snapshot back from plain files; whatever differs from its manifest fails. */
export async function readStoredFolder(folder: string): Promise<ReadSnapshot> {
  const manifest = await readStoredManifest(folder);
  if (manifest === null) return { kind: 'failed', because: `${folder} has no readable manifest` };
  const found = new Map<string, Buffer>();
  for (const { name } of manifest.files) {
    const read = await readIfExists(join(folder, name), maxStoredBytes);
    if (read.kind === 'read') found.set(name, read.bytes);
  }
  return contentOf(manifest, (name) => found.get(name) ?? null);
}

/** Removes a folder of ours that is incomplete or replaced. */
export async function removeFolder(folder: string): Promise<FileOutcome> {
  try {
    await files.rm(folder, { recursive: true, force: true });
    return { kind: 'done' };
  } catch (error) {
    return fileFailure(`remove ${folder}`, error);
  }
}
