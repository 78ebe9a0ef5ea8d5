import { mkdirSync, rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { fileFailure } from '../system/file-failure.ts';
import { removeTree } from '../system/remove-tree.ts';
import { readArchive } from './archives.ts';
import type { Manifest, Unit } from './manifest.ts';
import { unitText } from './manifest.ts';
import { readManifest } from './manifest-file.ts';
import { checkUnitFile, extractUnit, type UnitOutcome, unitFileOf } from './unit-file.ts';

/** Every unit of an archive compared with its manifest. */
export type VerifyOutcome =
  | { readonly kind: 'verified'; readonly units: number; readonly files: number; readonly bytes: number }
  /** Units that cannot be restored, each with the reason. */
  | {
      readonly kind: 'damaged';
      readonly damaged: readonly { readonly unit: string; readonly because: string }[];
    }
  | { readonly kind: 'failed'; readonly because: string };

interface VerifyRequest {
  readonly archivesDir: string;
  readonly name: string;
  /** `true`: every unit is really put on the disk (and removed again); else it is compared in memory. */
  readonly restore: boolean;
  readonly signal: AbortSignal;
  readonly onUnit?: (done: number, of: number) => void;
}

/** Where units are restored to be compared; what a killed run leaves is swept by the archive job. */
export const checkFolderPrefix = 'check-';

export async function verifyArchive(request: VerifyRequest): Promise<VerifyOutcome> {
  const { archivesDir, name } = request;
  const archive = await readArchive(archivesDir, name);
  if (archive.kind === 'missing') return { kind: 'failed', because: `there is no archive ${name}` };
  if (archive.kind === 'failed') return archive;
  const read = await readManifest(archive.manifestFile);
  if (read.kind !== 'read') {
    const because = read.kind === 'missing' ? `${archive.manifestFile} is missing` : read.because;
    return { kind: 'damaged', damaged: [{ unit: 'the manifest', because }] };
  }
  return verifyUnits(read.manifest, { ...request, fileOf: ({ digest }) => unitFileOf(archivesDir, digest) });
}

export async function verifyUnits(
  manifest: Manifest,
  request: Omit<VerifyRequest, 'name'> & { readonly fileOf: (unit: Unit) => string },
): Promise<VerifyOutcome> {
  const { archivesDir, restore, signal, onUnit, fileOf } = request;
  let staging: string;
  try {
    staging = await mkdtemp(join(archivesDir, checkFolderPrefix));
  } catch (error) {
    return { kind: 'failed', because: fileFailure(`make a folder in ${archivesDir}`, error).because };
  }
  const damaged: { unit: string; because: string }[] = [];
  let [done, files, bytes] = [0, 0, 0];
  try {
    for (const unit of manifest.units) {
      const ask = { unitFile: fileOf(unit), unit, trees: manifest.head.trees, signal };
      const outcome = restore
        ? await restoreOnce(ask, join(staging, String(done)))
        : await checkUnitFile(ask);
      if (signal.aborted) return { kind: 'failed', because: 'it was called off' };
      if (outcome.kind === 'failed') damaged.push({ unit: unitText(unit), because: outcome.because });
      else {
        files += outcome.files;
        bytes += outcome.bytes;
      }
      done += 1;
      onUnit?.(done, manifest.units.length);
    }
  } catch (error) {
    return { kind: 'failed', because: fileFailure(`restore into ${staging}`, error).because };
  } finally {
    await removeTree(staging);
  }
  return damaged.length > 0 ? { kind: 'damaged', damaged } : { kind: 'verified', units: done, files, bytes };
}

/** One unit after the other, each removed again: a whole installation more on the disk might be what does not fit. */
async function restoreOnce(ask: Parameters<typeof checkUnitFile>[0], into: string): Promise<UnitOutcome> {
  mkdirSync(into, { mode: 0o700 });
  const outcome = await extractUnit({ ...ask, into });
  // Removing tens of thousands of files through promises costs more than making them.
  try {
    rmSync(into, { recursive: true, force: true });
  } catch {
    // A folder that nobody may write to: it takes another way, and fails there if it must.
    await removeTree(into);
  }
  return outcome;
}
