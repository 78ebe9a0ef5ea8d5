import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync, type Stats } from 'node:fs';
import { join } from 'node:path';

// What a folder holds, byte for byte, by code that has nothing in common with what is tested.

interface Print {
  /** Kind, mode and content: what a repair must bring back. */
  readonly holds: string;
  /** Nobody writes into a file, or exchanges it, without a change of these. */
  readonly times: string;
}

/** By path below the root. */
export type TreePrint = ReadonlyMap<string, Print>;

/** Reads only the files that are not known yet: half a gigabyte takes seconds. */
export function printOf(root: string, known: TreePrint = new Map()): TreePrint {
  const prints = new Map<string, Print>();
  const folders = [''];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const name of readdirSync(join(root, folder))) {
      const path = folder === '' ? name : `${folder}/${name}`;
      const stats = lstatSync(join(root, path));
      if (stats.isDirectory()) folders.push(path);
      prints.set(path, print(join(root, path), stats, known.get(path)));
    }
  }
  return prints;
}

function print(path: string, stats: Stats, known: Print | undefined): Print {
  const times = [stats.ino, stats.size, stats.mtimeMs, stats.ctimeMs].join(':');
  if (known !== undefined && known.times === times) return known;
  const mode = (stats.mode & 0o777).toString(8);
  if (stats.isSymbolicLink()) return { holds: `link to ${readlinkSync(path)}`, times };
  if (stats.isDirectory()) return { holds: `folder ${mode}`, times };
  const hash = createHash('sha256').update(readFileSync(path)).digest('hex');
  return { holds: `file ${mode} ${hash}`, times };
}

/** What is there too much, too little, or otherwise: the paths, in order. */
export function differences(before: TreePrint, after: TreePrint): readonly string[] {
  const paths = new Set([...before.keys(), ...after.keys()]);
  return [...paths].filter((path) => before.get(path)?.holds !== after.get(path)?.holds).toSorted();
}
