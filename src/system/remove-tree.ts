import { chmod, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from './file-failure.ts';

/** Far deeper than any package; a folder cannot hold itself. */
const maxDepth = 64;

/** Removes a folder of ours with all that is in it, also where folders in it were not meant to be written to. */
export async function removeTree(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch (error) {
    if (!['EACCES', 'EPERM'].includes(errorCode(error))) throw error;
    await open(path, 0);
    await rm(path, { recursive: true, force: true });
  }
}

async function open(folder: string, depth: number): Promise<void> {
  if (depth > maxDepth) return;
  await chmod(folder, 0o700);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) await open(join(folder, entry.name), depth + 1);
  }
}
