import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it, type TestContext } from 'vitest';
import { startRecorder } from '../vault/recorder.ts';
import { config, recorded, storeIn } from '../vault/store-ground.ts';
import { type Disk, type FileSystem, makeDisk, unmountable } from './image.ts';

const kinds: readonly FileSystem[] = ['ext4', 'xfs'];
const reasons = new Map(kinds.map((kind) => [kind, unmountable(kind)]));
/** Cuts of each sort and file system. */
const trials = 8;

let disks: Disk[] = [];
afterEach(() => {
  for (const disk of disks) disk.close();
  disks = [];
});

function diskOf(kind: FileSystem, context: TestContext): Disk {
  const reason = reasons.get(kind) ?? null;
  if (reason !== null) context.skip(reason);
  const disk = makeDisk(kind);
  disks.push(disk);
  return disk;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const empty = (path: string): boolean => !existsSync(path) || statSync(path).size === 0;

/** What must hold on the disk that is found after the cut: all that was acknowledged, whole, and room for the next. */
async function insist(root: string, acknowledged: readonly string[]): Promise<void> {
  const after = storeIn(root);
  const listing = await after.store.list(10_000);
  if (listing.kind === 'failed') throw new Error(listing.because);
  expect(listing.problem).toBe(null);
  const ids = listing.entries.map(({ id }) => id);
  expect(ids).toEqual(expect.arrayContaining([...acknowledged]));
  for (const id of acknowledged.slice(-2)) expect((await after.store.read(id)).kind).toBe('read');
  expect(await after.store.verify()).toMatchObject({ ok: true, problems: [] });
  const next = await after.store.record(config(`{ after: ${Math.random()} }`), { aside: null });
  // Nothing had to be mended for it either.
  expect(next).toEqual({ kind: 'recorded', id: expect.any(String) });
  expect(after.git('status', '--porcelain', '--untracked-files=no')).toBe('');
}

describe.each(kinds)('a power cut on %s', (kind) => {
  it('right after a snapshot leaves it there, and the next one works', async (context) => {
    const disk = diskOf(kind, context);
    let lost = 0;
    const acknowledged: string[] = [];
    // Where somebody else on this machine synced in between, the cut took nothing and proves nothing: one more.
    for (let trial = 0; lost < trials && trial < 4 * trials; trial += 1) {
      // A process of its own, which is gone after the cut as every process is.
      const recorder = await startRecorder(disk.root);
      disk.settle();
      recorder.send(`record { trial: ${trial} }`);
      await recorder.until(1);
      acknowledged.push(recorder.told()[0]?.id ?? '');
      // A file that nobody synced shows that the cut is one.
      writeFileSync(join(disk.root, `control-${trial}`), 'unsynced');
      await pause(Math.random() * 200);
      const after = disk.cut();
      await recorder.end();
      try {
        if (empty(join(after.root, `control-${trial}`))) lost += 1;
        expect(readFileSync(join(after.root, 'config-backup', 'openclaw.json'), 'utf8')).toBe(
          `{ trial: ${trial} }`,
        );
        await insist(after.root, acknowledged);
      } finally {
        after.close();
      }
    }
    expect(lost).toBe(trials);
  });

  it('right after a label leaves it there, with its plain copy', async (context) => {
    const disk = diskOf(kind, context);
    for (let trial = 0; trial < trials / 2; trial += 1) {
      const root = join(disk.root, `fresh-${trial}`);
      mkdirSync(root);
      const recorder = await startRecorder(root);
      disk.settle();
      recorder.send('record { first: true }');
      await recorder.until(1);
      const id = recorder.told()[0]?.id ?? '';
      if (trial % 2 === 0) disk.settle();
      recorder.send(`label ${id}`);
      await recorder.until(2);
      expect(recorder.told()[1]).toEqual({ kind: 'done' });
      const after = disk.cut();
      await recorder.end();
      try {
        const found = join(after.root, `fresh-${trial}`);
        expect(await storeIn(found).store.list(1)).toMatchObject({ entries: [{ id, label: 'verified' }] });
        // The plain copy alone would do.
        const bare = storeIn(found, {
          wrap: () => async () => ({ kind: 'not-started', because: 'no git' }),
        });
        expect(await bare.store.read(id)).toMatchObject({ kind: 'read' });
        await insist(found, [id]);
      } finally {
        after.close();
      }
    }
  });

  it('in the middle of a snapshot leaves all that were acknowledged before', async (context) => {
    const disk = diskOf(kind, context);
    for (let trial = 0; trial < trials; trial += 1) {
      const recorder = await startRecorder(disk.root);
      recorder.send(...Array.from({ length: 500 }, (_, n) => `record { trial: ${trial}, n: ${n} }`));
      await recorder.until(3);
      await pause(Math.random() * 60);
      recorder.child.kill('SIGSTOP');
      await pause(20);
      // What was said by now was said before the cut.
      const ids = recorder.told().map(({ id }) => id ?? '');
      const after = disk.cut();
      await recorder.end();
      try {
        await insist(after.root, ids);
      } finally {
        after.close();
      }
    }
  });

  it('is no worse than a full disk: said in words, nothing lost, and the next one works', async (context) => {
    const disk = diskOf(kind, context);
    const { store, git, dir } = storeIn(disk.root);
    const first = await recorded(store, config('{ n: 1 }'));
    await store.label(first, 'verified');
    const ballast = join(disk.root, 'ballast');
    fill(ballast);
    const failed = await store.record(config(`{ n: "${'x'.repeat(200_000)}" }`), { aside: null });
    expect(failed).toMatchObject({ kind: 'failed', because: expect.stringMatching(/disk is full/) });
    expect(await store.list(2)).toMatchObject({ problem: null, entries: [{ id: first, label: 'verified' }] });
    writeFileSync(ballast, '');
    await recorded(store, config('{ n: 2 }'));
    expect(git('status', '--porcelain')).toBe('');
    expect(readdirSync(dirname(dir)).some((name) => name.includes('broken'))).toBe(false);
    expect(await store.verify()).toMatchObject({ ok: true });
  });
});

/** Fills the disk to the last block. */
function fill(path: string): void {
  for (const size of [1 << 20, 4_096, 1]) {
    const block = Buffer.alloc(size, 1);
    try {
      for (;;) writeFileSync(path, block, { flag: 'a' });
    } catch {
      // No room for a block of this size any more.
    }
  }
}
