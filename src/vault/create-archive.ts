import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Instant } from '../core/time.ts';
import { ensurePrivateDirectory, type FileOutcome, syncDirectory } from '../system/durable-file.ts';
import { fileFailure } from '../system/file-failure.ts';
import { removeTree } from '../system/remove-tree.ts';
import {
  type Archive,
  archiveFolders,
  archiveNameOf,
  looseManifestIn,
  manifestOf,
  readArchive,
  writeArchive,
} from './archives.ts';
import type { Manifest, Unit } from './manifest.ts';
import { writeManifest } from './manifest-file.ts';
import { type RecordAsk, type Recorded, recordTrees } from './read-tree.ts';
import { checkUnitFile, unitFileOf, unitsIn } from './unit-file.ts';
import { createUnitWriter } from './unit-writer.ts';
import { checkFolderPrefix, verifyUnits } from './verify-archive.ts';

/** One archive job at a time: the caller holds its lease. */
export interface ArchiveRequest extends Pick<RecordAsk, 'head' | 'trees' | 'signal'> {
  readonly archivesDir: string;
  readonly now: () => Instant;
  /** Why what was read is not to be kept at all; null where nothing speaks against it. */
  readonly judge: (manifest: Manifest) => Promise<string | null>;
  readonly onProgress?: (what: 'reading' | 'verifying', done: number, of: number) => void;
}

export type ArchiveOutcome =
  | {
      readonly kind: 'archived';
      readonly archive: Archive;
      readonly newUnits: number;
      readonly newBytes: number;
      readonly leftOut: readonly { readonly tree: string; readonly because: string }[];
    }
  /** `recorded`: the manifest was kept all the same, beside the archives, and is the one in force. */
  | { readonly kind: 'failed'; readonly because: string; readonly recorded: boolean };

/**
 * Reads the installation once: what is hashed is what is stored. Each new unit is restored into staging and compared
 * before it gets its place, so that all that stands among the units has been verified once. Killed anywhere, it leaves a
 * work folder for the next run to remove, or units that the next run finds stored already.
 */
export async function createArchive(request: ArchiveRequest): Promise<ArchiveOutcome> {
  const { archivesDir, head, trees, signal, onProgress } = request;
  const work = join(archivesDir, 'work');
  const prepared = await prepare({ archivesDir, work, now: request.now() });
  if (prepared.kind === 'failed') return { ...prepared, recorded: false };
  const writer = createUnitWriter({
    work,
    isStored: async (unit) => {
      const ask = { unitFile: unitFileOf(archivesDir, unit.digest), unit, trees, signal };
      // A stored unit that has gone bad since is written anew.
      return (await checkUnitFile(ask)).kind === 'extracted';
    },
  });
  const onUnit = (done: number, of: number): void => onProgress?.('reading', done, of);
  const recorded = await recordTrees({ head, trees, signal, onUnit }, writer.sink);
  const written = await writer.finish();
  try {
    if (recorded.kind === 'failed') return { ...recorded, recorded: false };
    const doubt = await request.judge(recorded.manifest);
    if (doubt !== null) return { kind: 'failed', because: doubt, recorded: false };
    const stored =
      written.kind === 'failed' ? written : await storeArchive(recorded.manifest, written.files, request);
    if (stored.kind === 'failed') return await keepManifest(archivesDir, recorded, stored.because);
    // From here on the archive's own manifest is in force.
    await rm(looseManifestIn(archivesDir), { force: true }).catch(() => undefined);
    return { ...stored, leftOut: recorded.leftOut };
  } finally {
    // The next run removes what this one could not.
    await rm(work, { recursive: true, force: true }).catch(() => undefined);
  }
}

async function keepManifest(
  archivesDir: string,
  { manifest }: Extract<Recorded, { kind: 'recorded' }>,
  because: string,
): Promise<ArchiveOutcome> {
  // What was written for the archive may be what filled the disk.
  await rm(join(archivesDir, 'work'), { recursive: true, force: true }).catch(() => undefined);
  const kept = await writeManifest(looseManifestIn(archivesDir), manifest);
  return { kind: 'failed', because, recorded: kept.kind === 'done' };
}

type Stored = Omit<Extract<ArchiveOutcome, { kind: 'archived' }>, 'leftOut'>;
type Failed = { readonly kind: 'failed'; readonly because: string };

async function storeArchive(
  manifest: Manifest,
  files: ReadonlyMap<string, string>,
  request: ArchiveRequest,
): Promise<Stored | Failed> {
  const { archivesDir, signal, onProgress } = request;
  const fresh = newUnits(manifest, files);
  const verified = await verifyUnits(
    { ...manifest, units: fresh },
    {
      archivesDir,
      restore: true,
      signal,
      fileOf: ({ digest }) => files.get(digest) ?? unitFileOf(archivesDir, digest),
      onUnit: (done, of) => onProgress?.('verifying', done, of),
    },
  );
  if (verified.kind === 'failed') return verified;
  if (verified.kind === 'damaged') {
    const words = verified.damaged.map(({ unit, because }) => `${unit}: ${because}`);
    return { kind: 'failed', because: `what was stored cannot be restored: ${words.slice(0, 3).join('; ')}` };
  }
  try {
    for (const [digest, file] of files) await rename(file, unitFileOf(archivesDir, digest));
    await mustBeDone(syncDirectory(unitsIn(archivesDir)));
    return await writeFolder(manifest, fresh, request);
  } catch (error) {
    return { kind: 'failed', because: fileFailure('store the archive', error).because };
  }
}

/** Two plugin projects may hold the same package: one unit, stored once. */
function newUnits(manifest: Manifest, files: ReadonlyMap<string, string>): readonly Unit[] {
  const units = manifest.units.filter(({ digest }) => files.has(digest));
  return [...new Map(units.map((unit) => [unit.digest, unit])).values()];
}

async function writeFolder(
  manifest: Manifest,
  fresh: readonly Unit[],
  { archivesDir, head, now }: ArchiveRequest,
): Promise<Stored> {
  const name = archiveNameOf(head.openclaw, head.takenAt);
  await mkdir(join(archivesDir, name), { mode: 0o700 });
  await mustBeDone(writeManifest(manifestOf(archivesDir, name), manifest));
  await mustBeDone(syncDirectory(archivesDir));
  const sizes = await sizesOf(archivesDir, manifest.units);
  const archive: Archive = {
    version: 1,
    name,
    openclaw: head.openclaw,
    nodeAbi: head.nodeAbi,
    platform: head.platform,
    arch: head.arch,
    takenAt: head.takenAt,
    verifiedAt: now(),
    seenAt: head.takenAt,
    units: manifest.units.length,
    files: manifest.units.reduce((sum, unit) => sum + filesOf(unit), 0),
    bytes: manifest.units.reduce((sum, { bytes }) => sum + bytes, 0),
    storedBytes: sum(sizes.values()),
  };
  await mustBeDone(writeArchive(archivesDir, archive));
  const newBytes = sum(fresh.map(({ digest }) => sizes.get(digest) ?? 0));
  return { kind: 'archived', archive, newUnits: fresh.length, newBytes };
}

const filesOf = ({ entries }: Unit): number => entries.filter(({ kind }) => kind === 'file').length;
const sum = (numbers: Iterable<number>): number => [...numbers].reduce((all, each) => all + each, 0);

async function sizesOf(
  archivesDir: string,
  units: readonly Pick<Unit, 'digest'>[],
): Promise<ReadonlyMap<string, number>> {
  const sizes = new Map<string, number>();
  for (const { digest } of units) {
    if (!sizes.has(digest)) sizes.set(digest, (await stat(unitFileOf(archivesDir, digest))).size);
  }
  return sizes;
}

/** What a killed run has left is in nobody's hands any more: this run alone has the lease. */
async function prepare(at: {
  readonly archivesDir: string;
  readonly work: string;
  readonly now: Instant;
}): Promise<FileOutcome> {
  const { archivesDir, work, now } = at;
  const own = await ensurePrivateDirectory(archivesDir);
  if (own.kind === 'failed') return own;
  try {
    await rm(work, { recursive: true, force: true });
    for (const name of await readdir(archivesDir)) {
      if (!name.startsWith(checkFolderPrefix)) continue;
      const path = join(archivesDir, name);
      // A person may be verifying an archive at this moment.
      if (now - (await stat(path)).mtimeMs > abandonedMs) await removeTree(path);
    }
    const folders = await archiveFolders(archivesDir);
    for (const name of folders.kind === 'read' ? folders.names : []) {
      const reading = await readArchive(archivesDir, name);
      if (reading.kind === 'missing') await rm(join(archivesDir, name), { recursive: true, force: true });
    }
    await mkdir(work, { mode: 0o700 });
  } catch (error) {
    return fileFailure(`prepare ${archivesDir}`, error);
  }
  return ensurePrivateDirectory(unitsIn(archivesDir));
}

/** Verifying takes a minute. */
const abandonedMs = 60 * 60_000;

async function mustBeDone(outcome: Promise<FileOutcome>): Promise<void> {
  const done = await outcome;
  if (done.kind === 'failed') throw new Error(done.because);
}
