import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ailments, fakeGit } from '../system/fake-git.ts';
import { workspace } from '../system/workspace.ts';
import { config, gitPath, recorded, type StoreGround, storeIn } from './store-ground.ts';

/** A verified snapshot and one on top of it, in a folder of their own beside the git that may ail. */
async function world() {
  const root = join(workspace(), 'data');
  mkdirSync(root);
  const git = fakeGit(workspace(), gitPath);
  const ground = storeIn(root, { git: git.path });
  const first = await recorded(ground.store, config('{ n: 1 }'));
  await ground.store.label(first, 'verified');
  const second = await recorded(ground.store, config('{ n: 2 }'));
  return { root, git, ground, ids: [second, first] };
}

const beside = (root: string): readonly string[] => readdirSync(root).toSorted();
const sound = ['config-backup', 'state'];

async function idsOf({ store }: StoreGround): Promise<readonly string[]> {
  const listing = await store.list(10);
  return listing.kind === 'listed' ? listing.entries.map(({ id }) => id) : [];
}

/** As a power cut leaves it. */
const damage = ({ dir }: StoreGround): void => truncateSync(join(dir, '.git', 'refs', 'heads', 'main'), 0);

describe('a sound repository', () => {
  it.each(ailments)('stays where it is while git has $what', async ({ says, code, next }) => {
    const { root, git, ground, ids } = await world();
    for (const ail of [() => git.ail(says, code), () => git.ailAt('fsck', says, code)]) {
      ail();
      expect(await ground.store.tend()).toMatchObject({
        kind: 'failed',
        because: expect.stringContaining(next),
      });
    }
    git.ail(says, code);
    expect(await ground.store.record(config('{ n: 3 }'), { aside: null })).toMatchObject({
      kind: 'failed',
      because: expect.stringContaining(next),
    });
    expect(await ground.store.label(ids[0] ?? '', 'verified')).toMatchObject({ kind: 'failed' });
    expect(beside(root)).toEqual(sound);
    git.heal();
    expect((await ground.store.record(config('{ n: 3 }'), { aside: null })).kind).toBe('recorded');
    expect((await idsOf(ground)).slice(1)).toEqual(ids);
    expect(await ground.store.tend()).toEqual({ kind: 'sound' });
    expect(beside(root)).toEqual(sound);
  });

  it('stays where it is while git is missing, or is killed each time', async () => {
    const { root, git, ground, ids } = await world();
    for (const ail of [git.remove, git.kill]) {
      ail();
      expect(await ground.store.tend()).toMatchObject({ kind: 'failed' });
      expect(await ground.store.record(config('{ n: 3 }'), { aside: null })).toMatchObject({
        kind: 'failed',
        because: expect.stringMatching(ail === git.remove ? /; type: .\/install.sh$/ : /; type: git -C /),
      });
    }
    expect(beside(root)).toEqual(sound);
    git.heal();
    await recorded(ground.store, config('{ n: 3 }'));
    expect((await idsOf(ground)).slice(1)).toEqual(ids);
  });

  it('stays where it is while git does not end in time', async () => {
    const { root } = await world();
    const slow = storeIn(root, { wrap: () => async () => ({ kind: 'timed-out', afterMs: 1 }) });
    expect(await slow.store.tend()).toMatchObject({ kind: 'failed' });
    expect((await slow.store.record(config('{ n: 3 }'), { aside: null })).kind).toBe('failed');
    expect(beside(root)).toEqual(sound);
  });

  it('stays where it is when a git tells damage of a new and empty repository too', async () => {
    const { root, git, ground, ids } = await world();
    git.ailAt(
      'fsck',
      `missing tree ${'a'.repeat(40)}\nerror: HEAD: invalid sha1 pointer ${'0'.repeat(40)}`,
      2,
    );
    expect(await ground.store.tend()).toMatchObject({
      kind: 'failed',
      because: expect.stringContaining('stays where it is'),
    });
    expect(beside(root)).toEqual(sound);
    expect(await idsOf(ground)).toEqual(ids);
  });

  it('stays where it is when damage is told once and not again', async () => {
    const { root, ground, ids } = await world();
    let told = false;
    const { store } = storeIn(root, {
      wrap: (run) => async (request) => {
        if (told || !request.args.includes('fsck')) return run(request);
        told = true;
        return { kind: 'exited', code: 2, stdout: `missing blob ${'a'.repeat(40)}\n`, stderr: '' };
      },
    });
    expect(await store.tend()).toMatchObject({
      kind: 'failed',
      because: expect.stringContaining('not again'),
    });
    expect(beside(root)).toEqual(sound);
    expect(await idsOf(ground)).toEqual(ids);
  });

  it('stays where it is while a file of it cannot be opened, which git tells as damage', async () => {
    const { root, ground } = await world();
    ground.git('gc', '-q');
    const packs = join(ground.dir, '.git', 'objects', 'pack');
    const pack = join(packs, readdirSync(packs).find((name) => name.endsWith('.pack')) ?? '');
    renameSync(pack, `${pack}-away`);
    symlinkSync(join(root, 'a volume that is not mounted'), pack);
    const tended = await ground.store.tend();
    expect(tended).toMatchObject({ kind: 'failed', because: expect.stringContaining('cannot be opened') });
    expect(beside(root)).toEqual(sound);
    rmSync(pack);
    renameSync(`${pack}-away`, pack);
    expect(await ground.store.tend()).toEqual({ kind: 'sound' });
  });

  it('stays where it is with a torn index, which only a person uses, and with a mistyped setting', async () => {
    const { root, ground } = await world();
    truncateSync(join(ground.dir, '.git', 'index'), 40);
    expect(await ground.store.tend()).toEqual({ kind: 'sound' });
    const settings = join(ground.dir, '.git', 'config');
    const before = readFileSync(settings);
    writeFileSync(settings, `${before}\n[user\n`);
    const outcome = await ground.store.record(config('{ n: 3 }'), { aside: null });
    expect(outcome).toMatchObject({ kind: 'failed', because: expect.stringContaining('bad config line') });
    writeFileSync(settings, before);
    await recorded(ground.store, config('{ n: 3 }'));
    expect(beside(root)).toEqual(sound);
  });
});

describe('a damaged repository', () => {
  it('stays where it is while no new one can be made, and is put aside once that is possible', async () => {
    const { root, git, ground } = await world();
    damage(ground);
    git.ailAt('init', 'fatal: write error: No space left on device', 128);
    const outcome = await ground.store.record(config('{ n: 3 }'), { aside: null });
    expect(outcome).toMatchObject({ kind: 'failed', because: expect.stringContaining('stays where it is') });
    expect(existsSync(join(ground.dir, '.git', 'HEAD'))).toBe(true);
    expect(beside(root)).toEqual(sound);
    git.heal();
    expect(await ground.store.record(config('{ n: 3 }'), { aside: null })).toMatchObject({
      kind: 'recorded',
      note: expect.stringContaining('is kept as'),
    });
    expect(beside(root)).toEqual(['config-backup', expect.stringContaining('.broken-'), 'state']);
    expect(await idsOf(ground)).toHaveLength(3);
  });

  it.each(['objects', 'refs'])('is begun anew where its %s are gone', async (name) => {
    const { root, ground } = await world();
    rmSync(join(ground.dir, '.git', name), { recursive: true });
    expect(await ground.store.tend()).toMatchObject({ kind: 'mended' });
    expect(beside(root)).toEqual(['config-backup', expect.stringContaining('.broken-'), 'state']);
  });

  it('is begun anew where a power cut left zeros for its settings', async () => {
    const { ground } = await world();
    writeFileSync(join(ground.dir, '.git', 'config'), Buffer.alloc(120));
    expect(await ground.store.tend()).toMatchObject({ kind: 'mended' });
  });
});

describe('a rescue that was cut off', () => {
  /** A new repository with one snapshot, complete, under the name a death leaves it by. */
  async function readyBeside(root: string): Promise<string> {
    const other = storeIn(join(workspace(), 'other'));
    const id = await recorded(other.store, config('{ ready: 1 }'));
    mkdirSync(join(root, 'config-backup.ready'));
    cpSync(join(other.dir, '.git'), join(root, 'config-backup.ready', '.git'), { recursive: true });
    return id;
  }

  it('while the new repository was made is forgotten', async () => {
    const { root, ground, ids } = await world();
    mkdirSync(join(root, 'config-backup.new', '.git'), { recursive: true });
    await recorded(ground.store, config('{ n: 3 }'));
    expect(beside(root)).toEqual(sound);
    expect((await idsOf(ground)).slice(1)).toEqual(ids);
  });

  it('before the old one was moved is taken back', async () => {
    const { root, ground, ids } = await world();
    await readyBeside(root);
    await recorded(ground.store, config('{ n: 3 }'));
    expect(beside(root)).toEqual(sound);
    expect((await idsOf(ground)).slice(1)).toEqual(ids);
    await readyBeside(root);
    expect((await ground.store.tend()).kind).toBe('sound');
    expect(beside(root)).toEqual(sound);
  });

  it.each([
    ['record', false],
    ['record', true],
    ['tend', false],
    ['tend', true],
  ] as const)(
    'after the old one was moved is finished by the next %s (folder made: %s)',
    async (by, made) => {
      const { root, ground } = await world();
      const id = await readyBeside(root);
      renameSync(ground.dir, join(root, 'config-backup.broken-x'));
      if (made) mkdirSync(ground.dir);
      const outcome =
        by === 'tend'
          ? await ground.store.tend()
          : await ground.store.record(config('{ n: 3 }'), { aside: null });
      expect(outcome).toMatchObject({ note: expect.stringContaining('put in its place') });
      expect(beside(root)).toEqual(['config-backup', 'config-backup.broken-x', 'state']);
      expect((await idsOf(ground)).at(-1)).toBe(id);
      expect(await ground.store.verify()).toMatchObject({ ok: true });
    },
  );

  it('after the new one was in place leaves nothing behind', async () => {
    const { root, ground } = await world();
    mkdirSync(join(root, 'config-backup.ready'));
    await recorded(ground.store, config('{ n: 3 }'));
    expect(beside(root)).toEqual(sound);
  });
});
