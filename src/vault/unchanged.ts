import { stat } from 'node:fs/promises';
import type { Instant } from '../core/time.ts';
import type { FileOutcome } from '../system/durable-file.ts';
import { type Archive, currentManifest, readArchive, writeArchive } from './archives.ts';
import { checkTrees } from './compare-tree.ts';
import type { ManifestHead, Tree } from './manifest.ts';
import { readManifest } from './manifest-file.ts';
import { unitFileOf } from './unit-file.ts';

/**
 * Whether the newest archive holds the installation as it stands: same version, machine, places and databases, a quick
 * check without a single difference, and every unit there. Extra files are a difference here. Null when it does.
 */
export async function findChange(ask: {
  readonly archivesDir: string;
  readonly head: Pick<ManifestHead, 'openclaw' | 'nodeAbi' | 'platform' | 'arch' | 'databases'>;
  readonly trees: readonly Tree[];
  readonly signal: AbortSignal;
}): Promise<{ readonly archive: Archive } | { readonly change: string }> {
  const { archivesDir, head, trees, signal } = ask;
  const current = await currentManifest(archivesDir);
  if (current.kind !== 'found' || current.archive === null) return { change: 'there is no archive of it' };
  const reading = await readArchive(archivesDir, current.archive);
  if (reading.kind !== 'read') return { change: 'its archive is gone' };
  const same = (['openclaw', 'nodeAbi', 'platform', 'arch'] as const).every(
    (key) => head[key] === current.head[key],
  );
  if (!same) return { change: 'the archive is of another version or Node' };
  if (textOf(head.databases) !== textOf(current.head.databases))
    return { change: 'the databases were migrated' };
  if (JSON.stringify(trees) !== JSON.stringify(current.head.trees)) return { change: 'the trees are others' };
  const read = await readManifest(current.file);
  if (read.kind !== 'read') return { change: 'its manifest cannot be read' };
  for (const { digest } of read.manifest.units) {
    const found = await stat(unitFileOf(archivesDir, digest)).catch(() => null);
    if (found === null || found.size === 0) return { change: 'a unit of the archive is missing' };
  }
  const check = await checkTrees(read.manifest, { depth: 'quick', signal });
  if ('because' in check) return { change: check.because };
  const [first] = check.differences;
  if (first !== undefined) return { change: `${first.path} is ${first.kind}` };
  return { archive: reading.archive };
}

/** The one thing an unchanged installation costs on the disk. */
export const markSeen = (archivesDir: string, archive: Archive, at: Instant): Promise<FileOutcome> =>
  writeArchive(archivesDir, { ...archive, seenAt: at });

const textOf = (databases: ManifestHead['databases']): string =>
  JSON.stringify(Object.entries(databases).sort(([one], [other]) => (one < other ? -1 : 1)));
