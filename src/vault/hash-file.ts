import { createHash, hash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import type { Slices } from '../system/slices.ts';

/** A file that was read while it stood still. */
interface ReadFile {
  readonly sha256: string;
  /** All bytes, in memory that the next reading uses again; null for a file larger than the reader keeps whole. */
  readonly bytes: Buffer | null;
  readonly stats: Stats;
}

export interface FileReader {
  /** Throws what the file system throws, and when the file is no regular one or changes while it is read. */
  read(path: string): Promise<ReadFile>;
  /** The same file once more, in pieces that are valid until the next one is asked for. Throws when it has changed. */
  pieces(path: string, expected: ReadFile): AsyncGenerator<Buffer>;
}

/** Read and hashed within 2 ms. */
const pieceBytes = 1024 * 1024;

/** Reads one file after the other into the same memory; hundreds of megabytes of garbage would cost more than reading. */
export function createFileReader(
  slices: Slices,
  { wholeBytes }: { readonly wholeBytes: number },
): FileReader {
  const shared = Buffer.allocUnsafeSlow(pieceBytes);
  /** Made when the first file needs it. */
  let large: Buffer | null = null;
  const memoryFor = (bytes: number): Buffer => {
    if (bytes < pieceBytes) return shared;
    large ??= Buffer.allocUnsafeSlow(wholeBytes + 1);
    return large;
  };

  const readPieces = async (file: number, size: number, memory: Buffer): Promise<string> => {
    const sum = createHash('sha256');
    const keeps = size < memory.length;
    let length = 0;
    while (length <= size) {
      const start = keeps ? length : 0;
      const count = readSync(file, memory, start, Math.min(pieceBytes, memory.length - start), null);
      if (count === 0) break;
      sum.update(memory.subarray(start, start + count));
      length += count;
      if (slices.isOver()) await slices.rest();
    }
    if (length !== size) throw new Error('it changed its size while it was read');
    return sum.digest('hex');
  };

  const readOpen = async (file: number): Promise<ReadFile> => {
    const stats = fstatSync(file);
    if (!stats.isFile()) throw new Error('it is no regular file');
    const { size } = stats;
    const whole = size <= wholeBytes;
    const memory = whole ? memoryFor(size) : shared;
    if (size >= pieceBytes) {
      const sha256 = await readPieces(file, size, memory);
      return { sha256, bytes: whole ? memory.subarray(0, size) : null, stats };
    }
    let length = 0;
    // One byte more than there should be: a file that grows is noticed.
    for (let count = -1; count !== 0 && length <= size; length += count) {
      count = readSync(file, memory, length, size + 1 - length, null);
    }
    if (length !== size) throw new Error('it changed its size while it was read');
    const bytes = memory.subarray(0, size);
    return { sha256: hash('sha256', bytes, 'hex'), bytes: whole ? bytes : null, stats };
  };

  return {
    read: async (path) => {
      const file = openFile(path);
      try {
        const result = await readOpen(file);
        if (fstatSync(file).ctimeMs !== result.stats.ctimeMs) throw new Error('it changed while it was read');
        return result;
      } finally {
        closeSync(file);
      }
    },
    pieces: async function* (path, expected) {
      const file = openFile(path);
      try {
        const sum = createHash('sha256');
        for (;;) {
          const count = readSync(file, shared, 0, pieceBytes, null);
          if (count === 0) break;
          const piece = shared.subarray(0, count);
          sum.update(piece);
          yield piece;
          if (slices.isOver()) await slices.rest();
        }
        if (sum.digest('hex') !== expected.sha256) throw new Error('it changed while it was read');
      } finally {
        closeSync(file);
      }
    },
  };
}

/** Opening a pipe would wait for a writer for ever; a link is never followed. */
const openFile = (path: string): number =>
  openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
