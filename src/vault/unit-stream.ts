import { type FileHandle, open } from 'node:fs/promises';
import { createZstdCompress, constants as zlib } from 'node:zlib';

/**
 * Bytes the compressor is given at once. In small pieces most of the time goes into handing them over to its thread:
 * 64 KiB cost a quarter more, and beyond 512 KiB nothing is won.
 */
export const slabBytes = 524_288;
const outputBytes = 131_072;
/** Within a quarter of the highest levels at a fraction of their cost; fast enough that reading is the longer part. */
const level = 3;
/** In the compressor's thread, or waiting for it. */
const maxWaiting = 2;

/** One unit's file while it is written: compressed in Node's thread pool while the caller reads on. */
export interface UnitStream {
  readonly path: string;
  /** Waits while the compressor is busy. `done` is called when the slab may be used again. */
  feed(slab: Buffer, done: () => void): Promise<void>;
  /** All of it is on the disk, durably; its size. */
  end(): Promise<number>;
  /** After a failure, or when nobody wants it: closed, the file itself stays. */
  abandon(): Promise<void>;
}

export async function openUnitStream(path: string): Promise<UnitStream> {
  const handle = await open(path, 'wx', 0o600);
  const pack = createZstdCompress({
    chunkSize: outputBytes,
    params: { [zlib.ZSTD_c_compressionLevel]: level, [zlib.ZSTD_c_checksumFlag]: 1 },
  });
  let waiting = 0;
  let wake: (() => void) | null = null;
  // A full disk ends the stream from its other end; a write in the compressor's hands is then never answered.
  pack.once('close', () => wake?.());
  const written = writeAll(pack, handle);
  // Asked for at the end only; until then a failure must not count as one that nobody took.
  written.catch(() => undefined);
  return {
    path,
    feed: async (slab, done) => {
      while (waiting >= maxWaiting && !pack.destroyed) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      // The failure itself comes out of end().
      if (pack.destroyed) return;
      waiting += 1;
      pack.write(slab, () => {
        waiting -= 1;
        done();
        wake?.();
      });
    },
    end: async () => {
      pack.end();
      try {
        const bytes = await written;
        await handle.sync();
        return bytes;
      } finally {
        await handle.close();
      }
    },
    abandon: async () => {
      pack.destroy();
      wake?.();
      await written.catch(() => undefined);
      await handle.close().catch(() => undefined);
    },
  };
}

async function writeAll(pack: AsyncIterable<Buffer>, handle: FileHandle): Promise<number> {
  let bytes = 0;
  for await (const piece of pack) {
    await handle.writeFile(piece);
    bytes += piece.length;
  }
  return bytes;
}
