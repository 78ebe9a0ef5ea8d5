import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { DiskEvidence } from '../core/ground-evidence.ts';
import { errorCode } from './file-failure.ts';

/** Reads how much room there is for what an ordinary user writes. */
export type ReadFree = (path: string) => Promise<number>;

const readFree: ReadFree = async (path) => {
  const { bavail, bsize } = await statfs(path);
  return bavail * bsize;
};

/** A path of more parts than this is nobody's log folder. */
const maxParents = 64;

/**
 * Free space at the scarcest of these directories. One that does not exist yet would be made below its nearest existing
 * parent, so that one counts. Where nothing can be read the answer is unknown: never "full".
 */
export async function readScarcest(
  paths: readonly string[],
  free: ReadFree = readFree,
): Promise<DiskEvidence> {
  const found = await Promise.all([...new Set(paths)].map((path) => readNearest(path, free)));
  const read = found.filter((one) => one.kind === 'read');
  const scarcest = read.reduce<(typeof read)[number] | null>(
    (least, one) => (least === null || one.freeBytes < least.freeBytes ? one : least),
    null,
  );
  return scarcest ?? found[0] ?? { kind: 'unknown', because: 'no directory of the gateway is known' };
}

type Read = Extract<DiskEvidence, { kind: 'read' | 'unknown' }>;

async function readNearest(path: string, free: ReadFree): Promise<Read> {
  let place = path;
  for (let level = 0; level < maxParents; level += 1) {
    try {
      return { kind: 'read', path: place, freeBytes: await free(place) };
    } catch (error) {
      const code = errorCode(error);
      const parent = dirname(place);
      if ((code !== 'ENOENT' && code !== 'ENOTDIR') || parent === place) {
        return { kind: 'unknown', because: `the free space of ${place} cannot be read (${code})` };
      }
      place = parent;
    }
  }
  return { kind: 'unknown', because: `${path} has more than ${maxParents} parts` };
}
