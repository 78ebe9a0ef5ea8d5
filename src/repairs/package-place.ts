import { promises as nodeFiles } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type FileFailure, fileFailure } from '../system/file-failure.ts';
import type { RepairFiles } from './package-moves.ts';

/** Where a repair keeps what it stages and what it replaces: all of it is moved by rename, so on the package's device. */
export type FoundPlace = { readonly kind: 'found'; readonly place: string } | FileFailure;

/** Several watchdogs of one machine may repair one package, each with an action of this name. */
const maxBeside = 16;

/** In our own quarantine where that is on the same device as the folder the package stands in; else beside the package. */
export async function findPlace(
  root: string,
  { folder, beside }: { readonly folder: string; readonly beside: boolean },
): Promise<FoundPlace> {
  const parent = dirname(root);
  // Hidden, so that no package manager takes it for a package.
  const name = `.openclaw-immune-${basename(folder)}`;
  try {
    const [own, theirs] = [await nodeFiles.stat(folder), await nodeFiles.stat(parent)];
    if (!beside && own.dev === theirs.dev) return { kind: 'found', place: folder };
    const taken = new Set(await nodeFiles.readdir(parent));
    for (let number = 1; number <= maxBeside; number += 1) {
      const free = number === 1 ? name : `${name}.${number}`;
      if (!taken.has(free)) return { kind: 'found', place: join(parent, free) };
    }
  } catch (error) {
    return fileFailure(`look at ${parent}`, error);
  }
  return fileFailure(`find a free name beside ${root}`, { code: 'EEXIST' });
}

/** Makes it private; one of this name that came meanwhile is somebody else's. */
export async function makeBeside(place: string, files: RepairFiles): Promise<FileFailure | null> {
  try {
    await files.mkdir(place, { mode: 0o700 });
    return null;
  } catch (error) {
    return fileFailure(`make ${place}`, error);
  }
}
