import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { createZstdDecompress, constants as zlib } from 'node:zlib';
import { createSlices } from '../system/slices.ts';
import { digestOf, type ManifestEntry, type Tree, type Unit } from './manifest.ts';
import { type Placer, placeInto } from './place-unit.ts';
import { findUnsafe } from './safe-entries.ts';
import { tarEnd, tarHeader, tarPadding } from './tar-write.ts';

export const unitsIn = (archivesDir: string): string => join(archivesDir, 'units');
export const unitFileOf = (archivesDir: string, digest: string): string =>
  join(unitsIn(archivesDir), `${digest}.tar.zst`);

export type UnitOutcome =
  | { readonly kind: 'extracted'; readonly files: number; readonly bytes: number }
  | { readonly kind: 'failed'; readonly because: string };

interface UnitRequest {
  readonly unitFile: string;
  /** Out of the manifest, with its entries: the unit's file has to hold exactly this. */
  readonly unit: Unit;
  /** The trees of the manifest's head: a link may lead to these and nowhere else. */
  readonly trees: readonly Tree[];
  readonly signal: AbortSignal;
}

/**
 * Restores one unit below `into`, a private staging folder that stands for the tree's root; the folders above the unit
 * are made in it. The manifest says what has to come, byte for byte: nothing is learned from the tar. After a failure
 * nothing of the unit is left there. Nothing is synced.
 */
export function extractUnit(request: UnitRequest & { readonly into: string }): Promise<UnitOutcome> {
  return readUnitFile(request, () => placeInto(request.into, request.unit));
}

/** The same comparison without a disk to put it on. */
export function checkUnitFile(request: UnitRequest): Promise<UnitOutcome> {
  return readUnitFile(request, () => nowhere);
}

const nowhere: Placer = {
  directory: () => undefined,
  link: () => undefined,
  file: () => ({ write: () => undefined, close: () => undefined, abandon: () => undefined }),
  finish: () => undefined,
  undo: () => undefined,
};

async function readUnitFile(request: UnitRequest, placer: () => Placer): Promise<UnitOutcome> {
  const { unit, unitFile, trees, signal } = request;
  const failed = (because: string): UnitOutcome => ({ kind: 'failed', because: `${unitFile}: ${because}` });
  const unsafe = findUnsafe(unit, trees);
  if (unsafe !== null) return failed(unsafe);
  // The name of the file is this digest: a manifest that was tampered with names another unit.
  if (digestOf(unit.entries) !== unit.digest) return failed('its entries are not those of its digest');
  const source = openPieces(unitFile, signal);
  let place: Placer | null = null;
  let because: string | null;
  try {
    place = placer();
    because = await readEntries(unit, { source, place, signal });
    if (because === null) place.finish();
  } catch (error) {
    because = error instanceof Error ? error.message : String(error);
  } finally {
    source.close();
  }
  if (because === null) {
    const files = unit.entries.filter(({ kind }) => kind === 'file').length;
    return { kind: 'extracted', files, bytes: unit.bytes };
  }
  place?.undo();
  return failed(because);
}

interface Reading {
  readonly source: Pieces;
  readonly place: Placer;
  readonly signal: AbortSignal;
}

/** Why this is not the unit; null when it is, to the last byte. */
async function readEntries(unit: Unit, { source, place, signal }: Reading): Promise<string | null> {
  const slices = createSlices();
  // Who repairs a package is also looking after a gateway meanwhile.
  const pace = async (): Promise<void> => {
    if (slices.isOver()) await slices.rest();
    signal.throwIfAborted();
  };
  for (const entry of unit.entries) {
    const header = tarHeader(entry);
    if (!(await source.take(header.length)).equals(header))
      return `what comes is not ${JSON.stringify(entry.path)} as the manifest has it`;
    if (entry.kind === 'directory') place.directory(entry);
    else if (entry.kind === 'link') place.link(entry);
    else {
      const differs = await copyFile(entry, { source, place, pace });
      if (differs !== null) return differs;
    }
    await pace();
  }
  if (!(await source.take(tarEnd.length)).equals(tarEnd)) return 'there is more in it than the manifest has';
  return (await source.isAtEnd()) ? null : 'there is something behind its end';
}

async function copyFile(
  entry: ManifestEntry & { readonly kind: 'file' },
  {
    source,
    place,
    pace,
  }: { readonly source: Pieces; readonly place: Placer; readonly pace: () => Promise<void> },
): Promise<string | null> {
  const hash: Hash = createHash('sha256');
  const out = place.file(entry);
  try {
    for (let left = entry.size; left > 0; ) {
      const piece = await source.some(Math.min(left, pieceBytes));
      hash.update(piece);
      out.write(piece);
      left -= piece.length;
      await pace();
    }
    const padding = tarPadding(entry.size);
    if (!(await source.take(padding.length)).equals(padding))
      return `${JSON.stringify(entry.path)} is longer than the manifest has it`;
    if (hash.digest('hex') !== entry.sha256)
      return `${JSON.stringify(entry.path)} has other bytes than the manifest says`;
    out.close();
    return null;
  } finally {
    // After close() this does nothing.
    out.abandon();
  }
}

/** Small enough that hashing and writing one takes well under 5 ms. */
const pieceBytes = 262_144;
const outputBytes = 131_072;
/** Level 3 looks back 2 MiB; a unit that asks for more memory is not one of ours. */
const windowLogMax = 23;

interface Pieces {
  /** Exactly so many bytes; throws when the file ends before. */
  take(bytes: number): Promise<Buffer>;
  /** Between one byte and so many, without copying. */
  some(bytes: number): Promise<Buffer>;
  isAtEnd(): Promise<boolean>;
  close(): void;
}

/** No more is unpacked than is asked for, but for one piece ahead: a small file that unpacks to a disk full stops there. */
function openPieces(path: string, signal: AbortSignal): Pieces {
  const file = createReadStream(path, { highWaterMark: outputBytes });
  const unpack = createZstdDecompress({
    chunkSize: outputBytes,
    params: { [zlib.ZSTD_d_windowLogMax]: windowLogMax },
  });
  // pipe() does not hand errors on.
  file.once('error', (error) => unpack.destroy(error));
  const stop = (): void => {
    unpack.destroy(new Error('it was called off'));
  };
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop, { once: true });
  const pieces = file.pipe(unpack)[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let held: Buffer = Buffer.alloc(0);
  const fill = async (): Promise<boolean> => {
    while (held.length === 0) {
      const next = await pieces.next();
      if (next.done === true) return false;
      held = next.value;
    }
    return true;
  };
  const some = async (bytes: number): Promise<Buffer> => {
    if (!(await fill())) throw new Error('it ends too early');
    const piece = held.subarray(0, bytes);
    held = held.subarray(piece.length);
    return piece;
  };
  return {
    some,
    take: async (bytes) => {
      if (held.length >= bytes) {
        const whole = held.subarray(0, bytes);
        held = held.subarray(bytes);
        return whole;
      }
      const parts: Buffer[] = [];
      for (let left = bytes; left > 0; ) {
        const piece = await some(left);
        parts.push(piece);
        left -= piece.length;
      }
      return Buffer.concat(parts);
    },
    isAtEnd: async () => !(await fill()),
    close: () => {
      signal.removeEventListener('abort', stop);
      unpack.on('error', () => undefined);
      file.destroy();
      unpack.destroy();
    },
  };
}
