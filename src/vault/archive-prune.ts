import { readdir, rm, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { syncDirectory } from '../system/durable-file.ts';
import { fileFailure } from '../system/file-failure.ts';
import { type Archive, listArchives, manifestOf } from './archives.ts';
import type { Unit } from './manifest.ts';
import { readManifest } from './manifest-file.ts';
import { unitFileOf, unitsIn } from './unit-file.ts';

export interface Removal {
  /** An archive's name. */
  readonly name: string;
  readonly because: string;
}

interface PruneRequest {
  readonly archivesDir: string;
  readonly keepVersions: number;
  readonly maxBytes: number;
  /** The newest archive of this version stays, whatever the limits say. */
  readonly installed: string;
}

export type PruneOutcome =
  | { readonly kind: 'pruned'; readonly removals: readonly Removal[]; readonly orphans: number }
  | { readonly kind: 'failed'; readonly because: string; readonly removals: readonly Removal[] };

/** An archive and the unit files it needs, by their sizes. */
export interface Weighed {
  readonly archive: Archive;
  readonly units: ReadonlyMap<string, number>;
}

/** Newest first in, oldest first out. Pure: shown to people before anything is removed. */
export function selectRemovals(
  weighed: readonly Weighed[],
  { keepVersions, maxBytes, installed }: Omit<PruneRequest, 'archivesDir'>,
): readonly Removal[] {
  const removals: Removal[] = [];
  const newest = new Map<string, Weighed>();
  for (const each of weighed) {
    const { name, openclaw } = each.archive;
    const before = newest.get(openclaw);
    if (before === undefined) newest.set(openclaw, each);
    else removals.push({ name, because: `${before.archive.name} is a newer one of the same version` });
  }
  // The installed version takes one of the places even where newer ones were archived before a downgrade.
  const byWorth = [...newest.values()].sort((a, b) => rank(b) - rank(a));
  function rank({ archive }: Weighed): number {
    return archive.openclaw === installed ? Number.POSITIVE_INFINITY : archive.takenAt;
  }
  const kept = byWorth.slice(0, Math.max(1, keepVersions));
  for (const { archive } of byWorth.slice(kept.length))
    removals.push({ name: archive.name, because: `${keepVersions} other versions are kept` });
  while (kept.length > 1 && bytesOf(kept) > maxBytes) {
    const least = kept.pop();
    if (least === undefined) break;
    const words = `the archives together are larger than ${Math.round(maxBytes / 1_048_576)} MB`;
    removals.push({ name: least.archive.name, because: words });
  }
  return removals;
}

/** Shared units count once. */
const bytesOf = (archives: readonly Weighed[]): number =>
  [...new Map(archives.flatMap(({ units }) => [...units])).values()].reduce((sum, each) => sum + each, 0);

/** Removes archives beyond the limits, then the units that none names any more. The caller holds the job's lease. */
export async function pruneArchives(request: PruneRequest): Promise<PruneOutcome> {
  const { archivesDir } = request;
  const removals: Removal[] = [];
  try {
    const weighed: Weighed[] = [];
    const { archives, problems } = await listArchives(archivesDir);
    for (const archive of archives) {
      const read = await readManifest(manifestOf(archivesDir, archive.name));
      // What an unreadable manifest names is not known: removing units now could take another archive's.
      if (read.kind !== 'read')
        return { kind: 'failed', because: `the manifest of ${archive.name} cannot be read`, removals };
      weighed.push({ archive, units: await weigh(archivesDir, read.manifest.units) });
    }
    const chosen = selectRemovals(weighed, request);
    for (const removal of chosen) {
      const folder = join(archivesDir, removal.name);
      // First it stops to count, durably; a folder without its note is swept by the next run.
      await unlink(join(folder, 'archive.json'));
      await syncDirectory(folder);
      await rm(folder, { recursive: true, force: true });
      removals.push(removal);
    }
    if (problems.length > 0) return { kind: 'pruned', removals, orphans: 0 };
    const gone = new Set(chosen.map(({ name }) => name));
    const needed = new Set(
      weighed.flatMap(({ archive, units }) => (gone.has(archive.name) ? [] : [...units.keys()])),
    );
    return { kind: 'pruned', removals, orphans: await removeOrphans(unitsIn(archivesDir), needed) };
  } catch (error) {
    return { kind: 'failed', because: fileFailure('remove old archives', error).because, removals };
  }
}

/** A unit that is gone weighs nothing: a damaged archive of an old version must not keep all of them for ever. */
async function weigh(archivesDir: string, units: readonly Unit[]): Promise<ReadonlyMap<string, number>> {
  const sizes = new Map<string, number>();
  for (const { digest } of units) {
    if (sizes.has(digest)) continue;
    const found = await stat(unitFileOf(archivesDir, digest)).catch(() => null);
    sizes.set(digest, found?.size ?? 0);
  }
  return sizes;
}

async function removeOrphans(units: string, needed: ReadonlySet<string>): Promise<number> {
  let removed = 0;
  for (const name of await readdir(units)) {
    if (needed.has(name.replace(/\.tar\.zst$/, ''))) continue;
    await rm(join(units, name), { recursive: true, force: true });
    removed += 1;
  }
  return removed;
}
