import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Unit } from './manifest.ts';
import { tarEnd, tarHeader, tarPadding } from './tar-write.ts';
import type { UnitSink } from './unit-sink.ts';
import { openUnitStream, slabBytes, type UnitStream } from './unit-stream.ts';

interface UnitWriter {
  readonly sink: UnitSink;
  /** Waits for the last unit. `written`: the new units' files in the work folder, by digest. */
  finish(): Promise<
    | { readonly kind: 'written'; readonly files: ReadonlyMap<string, string> }
    | { readonly kind: 'failed'; readonly because: string }
  >;
}

/**
 * A unit up to this is held back until its digest tells whether it is stored already. A larger one is written at once
 * and dropped again if it is: rather a little work for nothing than a hundred megabytes of memory.
 */
const heldBytes = 4 * slabBytes;
/** Compressed at the same time: each holds up to `heldBytes`, and a second one keeps the processor busy during a sync. */
const maxJobs = 2;

interface Current {
  slabs: Buffer[];
  slab: Buffer;
  used: number;
  bytes: number;
  stream: UnitStream | null;
}

/**
 * Makes unit files out of what is read. A full disk does not end the reading: the manifest is worth having without its
 * archive, so the writer goes quiet and tells at the end.
 */
export function createUnitWriter(parts: {
  readonly work: string;
  /** Whether a unit is stored already, whole. */
  readonly isStored: (unit: Unit) => Promise<boolean>;
}): UnitWriter {
  const { work, isStored } = parts;
  const files = new Map<string, string>();
  const spare: Buffer[] = [];
  const jobs = new Set<Promise<void>>();
  let failure: unknown = null;
  let serial = 0;
  let current: Current | null = null;

  const slab = (): Buffer => spare.pop() ?? Buffer.allocUnsafeSlow(slabBytes);
  const release = (used: Buffer): void => {
    spare.push(used);
  };
  const tolerate = async (act: () => Promise<void>): Promise<void> => {
    if (failure !== null) return;
    try {
      await act();
    } catch (error) {
      failure ??= error;
    }
  };
  const openStream = (): Promise<UnitStream> => {
    serial += 1;
    return openUnitStream(join(work, `${serial}.tar.zst`));
  };
  const flush = async (unit: Current): Promise<void> => {
    const full = unit.used === slabBytes ? unit.slab : unit.slab.subarray(0, unit.used);
    const whole = unit.slab;
    unit.slab = slab();
    unit.used = 0;
    if (unit.stream === null && unit.bytes <= heldBytes) {
      unit.slabs.push(full);
      return;
    }
    if (unit.stream === null) {
      unit.stream = await openStream();
      for (const held of unit.slabs.splice(0)) await unit.stream.feed(held, () => release(wholeOf(held)));
    }
    await unit.stream.feed(full, () => release(whole));
  };
  const add = async (bytes: Buffer): Promise<void> => {
    if (current === null) return;
    for (let at = 0; at < bytes.length; ) {
      const copied = bytes.copy(current.slab, current.used, at);
      at += copied;
      current.used += copied;
      current.bytes += copied;
      if (current.used === slabBytes) await flush(current);
    }
  };
  /** Closes the unit's file in the background, so that the next unit is read meanwhile. */
  const store = async (unit: Current, digest: string): Promise<void> => {
    const stream = unit.stream ?? (await openStream());
    files.set(digest, stream.path);
    const job = tolerate(async () => {
      try {
        for (const held of unit.slabs) await stream.feed(held, () => release(wholeOf(held)));
        await stream.end();
      } catch (error) {
        await stream.abandon();
        throw error;
      }
    }).finally(() => jobs.delete(job));
    jobs.add(job);
    while (jobs.size >= maxJobs) await Promise.race(jobs);
  };
  const discard = async (unit: Current): Promise<void> => {
    for (const held of [...unit.slabs, unit.slab]) release(wholeOf(held));
    if (unit.stream === null) return;
    await unit.stream.abandon();
    await rm(unit.stream.path, { force: true });
  };

  return {
    sink: {
      begin: () =>
        tolerate(async () => {
          // A tree that could not be read whole ends without its last unit's end.
          const left = current;
          current = null;
          if (left !== null) await discard(left);
          current = { slabs: [], slab: slab(), used: 0, bytes: 0, stream: null };
        }),
      directory: (entry) => tolerate(() => add(tarHeader(entry))),
      link: (entry) => tolerate(() => add(tarHeader(entry))),
      file: async (entry, bytes) => {
        if (Buffer.isBuffer(bytes)) {
          await tolerate(async () => {
            await add(tarHeader(entry));
            await add(bytes);
            await add(tarPadding(entry.size));
          });
          return;
        }
        await tolerate(() => add(tarHeader(entry)));
        // Read to its end even when nothing can be written: the reader hashes what passes through here.
        for await (const piece of bytes) await tolerate(() => add(piece));
        await tolerate(() => add(tarPadding(entry.size)));
      },
      end: (unit) =>
        tolerate(async () => {
          const mine = current;
          current = null;
          if (mine === null) return;
          if (files.has(unit.digest) || (await isStored(unit))) {
            await discard(mine);
            return;
          }
          current = mine;
          await add(tarEnd);
          if (mine.used > 0) await flush(mine);
          current = null;
          release(mine.slab);
          await store(mine, unit.digest);
        }),
    },
    finish: async () => {
      const left = current;
      current = null;
      // What failed before is what is told; this only gives an open file back.
      if (left !== null) await discard(left).catch(() => undefined);
      await Promise.all(jobs);
      if (failure === null) return { kind: 'written', files };
      return { kind: 'failed', because: failure instanceof Error ? failure.message : String(failure) };
    },
  };
}

/** A slab that was not full is fed as a part of itself. */
const wholeOf = (part: Buffer): Buffer => Buffer.from(part.buffer, 0, slabBytes);
