import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  promises as nodeFiles,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { finishSwap, undoSwap } from '../../src/repairs/config-swap.ts';
import type { SwapFiles } from '../../src/repairs/keep-file.ts';
import { listKept } from '../../src/vault/kept.ts';
import { bad, good, type SwapWorld, swapTo, swapWorld, tree, write } from './swap-world.ts';

type Call = keyof SwapFiles | 'writeFile' | 'sync';

/** File operations of which some fail: `fails` is told the number and the name of each call. */
function failing(
  fails: (call: number, name: Call) => boolean,
  code = 'ENOSPC',
): { readonly files: SwapFiles; readonly calls: () => number } {
  let calls = 0;
  const count = (name: Call): void => {
    calls += 1;
    if (fails(calls, name)) throw Object.assign(new Error(`${code}: injected`), { code });
  };
  const wrapped =
    <A extends readonly unknown[], R>(name: Call, real: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      count(name);
      return real(...args);
    };
  const files = {
    open: async (...args: Parameters<SwapFiles['open']>) => {
      count('open');
      const handle = await nodeFiles.open(...args);
      handle.writeFile = wrapped('writeFile', handle.writeFile.bind(handle)) as typeof handle.writeFile;
      handle.sync = wrapped('sync', handle.sync.bind(handle));
      return handle;
    },
    rename: wrapped('rename', nodeFiles.rename),
    unlink: wrapped('unlink', nodeFiles.unlink),
    mkdir: wrapped('mkdir', nodeFiles.mkdir as (path: string) => Promise<undefined>),
    chmod: wrapped('chmod', nodeFiles.chmod),
    link: wrapped('link', nodeFiles.link),
    rm: wrapped('rm', nodeFiles.rm),
  } as unknown as SwapFiles;
  return { files, calls: () => calls };
}

const texts = { 'openclaw.json': good, 'a.json5': '{ a: 1 }', 'inc/b.json5': '{ b: 1 }' };

function lay(): SwapWorld {
  const world = swapWorld();
  write(world.config, '{ $include: ["a.json5", "inc/b.json5"], bogus: 1 }');
  write(join(world.folder, 'a.json5'), '{ a: 0 }');
  mkdirSync(join(world.folder, 'inc'));
  return world;
}

/** What needs room; a name can be taken away or given to another file on a full disk. */
const needsRoom: ReadonlySet<Call> = new Set<Call>(['open', 'writeFile', 'mkdir', 'link']);

/** Lets the change fail at its first call, then at its second, and so on, until it is through. */
async function sweep(
  fails: (at: number) => (call: number, name: Call) => boolean,
  judge: (world: SwapWorld, outcome: Awaited<ReturnType<typeof swapTo>>) => Promise<void>,
): Promise<number> {
  let failed = 0;
  for (let at = 1; at < 200; at += 1) {
    const world = lay();
    const broken = failing(fails(at));
    const outcome = await swapTo(world, texts, { deps: { files: broken.files } });
    if (outcome.kind !== 'done') failed += 1;
    await judge(world, outcome);
    if (broken.calls() < at) return failed;
  }
  throw new Error('the change never came to its end');
}

async function judgeWhole(world: SwapWorld, outcome: Awaited<ReturnType<typeof swapTo>>): Promise<void> {
  const old = tree(lay().folder);
  if (outcome.kind === 'done') {
    for (const [name, text] of Object.entries(texts)) {
      expect(readFileSync(join(world.folder, name), 'utf8')).toBe(text);
    }
    await finishSwap(world.deps);
    const [kept] = await listKept(world.deps.quarantine);
    expect(kept?.record).toMatchObject({ state: 'made', left: expect.any(String) });
    expect((await undoSwap('A1', world.deps)).kind).toBe('done');
  } else {
    expect(outcome.kind).toBe('failed');
    expect(outcome.because).toContain('the disk is full');
  }
  expect(tree(world.folder)).toEqual(old);
}

describe('a change on a disk that fails', () => {
  it('replaces all or nothing when any one call fails', async () => {
    const failed = await sweep((at) => (call) => call === at, judgeWhole);
    expect(failed).toBeGreaterThan(20);
  });

  it('replaces all or nothing when the disk is full from any call on', async () => {
    const failed = await sweep((at) => (call, name) => call >= at && needsRoom.has(name), judgeWhole);
    expect(failed).toBeGreaterThan(15);
  });

  it('tells where everything is when not even putting back works, and mends it at the next start', async () => {
    const old = tree(lay().folder);
    let torn = 0;
    await sweep(
      (at) => (call) => call >= at,
      async (world, outcome) => {
        if (outcome.kind === 'done') return;
        if (outcome.because.includes('could not all be put back')) {
          torn += 1;
          expect(outcome.because).toContain(join(world.deps.quarantine, 'A1'));
        } else {
          expect(Object.entries(tree(world.folder)).filter(([name]) => !name.includes('.tmp'))).toEqual(
            Object.entries(old),
          );
        }
        await finishSwap(world.deps);
        const isNew = readFileSync(world.config, 'utf8') === good;
        if (!isNew) expect(tree(world.folder)).toEqual(old);
        else expect(readFileSync(join(world.folder, 'a.json5'), 'utf8')).toBe('{ a: 1 }');
        expect(existsSync(join(world.folder, 'inc', 'b.json5'))).toBe(isNew);
      },
    );
    expect(torn).toBeGreaterThan(0);
  });

  it('makes no change while an earlier one is torn', async () => {
    const world = lay();
    let renames = 0;
    const { files } = failing((_call, name) => {
      if (name === 'rename') renames += 1;
      // The copies and the record are renamed first; then one file is replaced, and from then on nothing works.
      return renames > 4;
    }, 'EIO');
    expect((await swapTo(world, texts, { deps: { files } })).kind).toBe('failed');
    expect(await swapTo(world, texts, { change: 'A2', deps: { files } })).toEqual({
      kind: 'refused',
      because: expect.stringContaining('an earlier change is not finished'),
    });
    // With a disk that works the torn one is completed first.
    expect((await swapTo(world, { 'openclaw.json': bad }, { change: 'A3' })).kind).toBe('done');
    expect((await listKept(world.deps.quarantine)).map(({ record }) => [record.id, record.state])).toEqual([
      ['A3', 'made'],
      ['A1', 'made'],
    ]);
    expect(readFileSync(join(world.folder, 'a.json5'), 'utf8')).toBe('{ a: 1 }');
  });
});

describe('an edit at the very moment of a change', () => {
  const during = (name: 'open' | 'rename', deed: (path: string) => void): SwapFiles => ({
    ...failing(() => false).files,
    [name]: async (...args: readonly unknown[]) => {
      deed(String(args[0]));
      return (nodeFiles[name] as (...of: readonly unknown[]) => Promise<unknown>)(...args);
    },
  });

  it.each(['openclaw.json', 'a.json5', 'other.json5'])(
    'of %s before the first rename stops it',
    async (name) => {
      const world = lay();
      write(world.config, '{ $include: ["a.json5", "other.json5"], bogus: 1 }');
      write(join(world.folder, 'other.json5'), '{}');
      const files = during('open', (path) => {
        if (path.includes('.immune-A1')) writeFileSync(join(world.folder, name), '{ mine: 1 }');
      });
      expect((await swapTo(world, texts, { deps: { files } })).kind).toBe('refused');
      expect(readFileSync(join(world.folder, name), 'utf8')).toBe('{ mine: 1 }');
      expect(readdirSync(world.folder).sort()).toEqual(['a.json5', 'inc', 'openclaw.json', 'other.json5']);
      expect(readdirSync(world.deps.quarantine)).toEqual([]);
    },
  );

  it('between two renames, of which the second fails, stays, and what was there before is kept', async () => {
    const world = lay();
    const old = readFileSync(world.config, 'utf8');
    const files = during('rename', (path) => {
      if (!path.includes('.a.json5.immune-A1')) return;
      writeFileSync(world.config, '{ mine: 1 }');
      throw Object.assign(new Error('injected'), { code: 'EIO' });
    });
    expect(await swapTo(world, texts, { deps: { files } })).toEqual({
      kind: 'failed',
      because: expect.stringContaining('somebody changed it'),
    });
    expect(readFileSync(world.config, 'utf8')).toBe('{ mine: 1 }');
    expect(readFileSync(join(world.folder, 'a.json5'), 'utf8')).toBe('{ a: 0 }');
    expect(readdirSync(world.folder).sort()).toEqual(['a.json5', 'inc', 'openclaw.json']);
    expect(readdirSync(join(world.folder, 'inc'))).toEqual([]);
    const [kept] = await listKept(world.deps.quarantine);
    expect(kept?.record.state).toBe('undone');
    expect(readFileSync(kept?.record.files[0]?.kept ?? '', 'utf8')).toBe(old);
  });
});

/** A folder on another disk than the temporary folder; null where this machine has none. */
function otherDisk(): string | null {
  if (!existsSync('/dev/shm')) return null;
  const folder = mkdtempSync('/dev/shm/immune-test-');
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return statSync(folder).dev === statSync(swapWorld().root).dev ? null : folder;
}

describe('a quarantine on another disk', () => {
  it.each([
    ['a file', ({ config }: SwapWorld) => write(config, bad)],
    ['a folder', ({ config }: SwapWorld) => write(join(config, 'mine.txt'), 'mine')],
    ['a file too large to be copied', ({ config }: SwapWorld) => write(config, 'x'.repeat(8_388_609))],
  ])('keeps %s all the same, and gives it back', async (_what, prepare) => {
    const quarantine = otherDisk();
    if (quarantine === null) return console.warn('SKIPPED: this machine has no second disk at /dev/shm');
    const world = swapWorld();
    prepare(world);
    const old = tree(world.folder);
    const outcome = await swapTo(world, { 'openclaw.json': good }, { deps: { quarantine } });
    if (outcome.kind !== 'done') throw new Error(outcome.because);
    expect(readFileSync(world.config, 'utf8')).toBe(good);
    const beside = readdirSync(world.folder).filter((name) => name !== 'openclaw.json');
    const [file] = outcome.kept.record.files;
    if (file?.how === 'copied') expect(beside).toEqual([]);
    else expect(file?.kept).toBe(`${world.config}.immune-A1`);
    expect((await undoSwap('A1', { ...world.deps, quarantine })).kind).toBe('done');
    expect(tree(world.folder)).toEqual(old);
  });

  it('is told from the same disk only by the system where two mounts show one device', async () => {
    const world = swapWorld();
    write(world.config, 'x'.repeat(8_388_609));
    let links = 0;
    const { files } = failing((_call, name) => {
      if (name === 'link') links += 1;
      return name === 'link' && links === 1;
    }, 'EXDEV');
    const outcome = await swapTo(world, { 'openclaw.json': good }, { deps: { files } });
    if (outcome.kind !== 'done') throw new Error(outcome.because);
    const [file] = outcome.kept.record.files;
    expect(file).toMatchObject({ how: 'linked', kept: `${world.config}.immune-A1` });
    expect(statSync(file?.kept ?? '').size).toBe(8_388_609);
  });

  it('moves what can have no second name', async () => {
    const world = swapWorld();
    write(world.config, 'x'.repeat(8_388_609));
    chmodSync(world.config, 0o400);
    const { files } = failing((_call, name) => name === 'link', 'EPERM');
    const outcome = await swapTo(world, { 'openclaw.json': good }, { deps: { files } });
    expect(outcome).toMatchObject({ kind: 'done', kept: { record: { files: [{ how: 'moved' }] } } });
    expect((await undoSwap('A1', world.deps)).kind).toBe('done');
    expect(statSync(world.config)).toMatchObject({ size: 8_388_609 });
  });
});
