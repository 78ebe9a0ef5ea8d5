import { createHash } from 'node:crypto';
import { createReadStream, promises as nodeFiles } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileFailure } from '../system/file-failure.ts';
import type { ManifestEntry, Unit } from '../vault/manifest.ts';
import type { RepairFiles } from './package-moves.ts';
import type { Placing, Supply } from './stage-units.ts';

/**
 * Takes units out of what was fetched: exactly the files of the manifest, each with the recorded hash. What else came
 * with them stays behind. The first of the roots that has the whole of a unit gives it.
 */
export function supplyFetched(roots: readonly string[], files: RepairFiles): Supply {
  return async (unit, into, signal) => {
    let because = 'nothing was fetched';
    for (const root of roots) {
      const differs = await differenceIn(root, unit, signal);
      if (differs === null) return take(root, { unit, into, files });
      because = differs;
    }
    return { kind: 'failed', because };
  };
}

/** A sentence where not every entry of the unit is there as recorded; null where all are. */
export async function differenceIn(root: string, unit: Unit, signal: AbortSignal): Promise<string | null> {
  for (const entry of unit.entries) {
    if (signal.aborted) return 'the time was over';
    try {
      if (!(await isSame(join(root, entry.path), entry)))
        return `what was fetched as ${entry.path} is not what was recorded`;
    } catch (error) {
      return fileFailure(`read the fetched ${entry.path}`, error).because;
    }
  }
  return null;
}

async function isSame(path: string, entry: ManifestEntry): Promise<boolean> {
  const facts = await nodeFiles.lstat(path);
  switch (entry.kind) {
    case 'directory':
      return facts.isDirectory();
    case 'link':
      return facts.isSymbolicLink() && (await nodeFiles.readlink(path)) === entry.target;
    case 'file':
      return facts.isFile() && facts.size === entry.size && (await hashOf(path)) === entry.sha256;
    default:
      return entry satisfies never;
  }
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  // By pieces: one file of a package may be tens of megabytes.
  for await (const piece of createReadStream(path)) hash.update(piece as Buffer);
  return hash.digest('hex');
}

async function take(
  root: string,
  { unit, into, files }: { readonly unit: Unit; readonly into: string; readonly files: RepairFiles },
): Promise<Placing> {
  let count = 0;
  let bytes = 0;
  const modes: { readonly path: string; readonly mode: number }[] = [];
  try {
    for (const entry of unit.entries) {
      const [from, to] = [join(root, entry.path), join(into, entry.path)];
      await files.mkdir(entry.kind === 'directory' ? to : dirname(to), { recursive: true, mode: 0o700 });
      if (entry.kind === 'directory') modes.push({ path: to, mode: entry.mode });
      else await files.rename(from, to);
      if (entry.kind !== 'file') continue;
      await files.chmod(to, entry.mode);
      await nodeFiles.utimes(to, entry.mtimeMs / 1_000, entry.mtimeMs / 1_000);
      count += 1;
      bytes += entry.size;
    }
    // The deepest first: the mode of a folder above may bar the way.
    for (const { path, mode } of modes.reverse()) await files.chmod(path, mode);
    return { kind: 'extracted', files: count, bytes };
  } catch (error) {
    return fileFailure(`take ${unit.path} out of what was fetched`, error);
  }
}
