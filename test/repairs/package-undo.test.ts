import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { instant, millis, plus } from '../../src/core/time.ts';
import { finishRepairs } from '../../src/repairs/finish-repairs.ts';
import { type RepairFiles, realFiles } from '../../src/repairs/package-moves.ts';
import { performPlan } from '../../src/repairs/package-repair.ts';
import { undoRepair } from '../../src/repairs/package-undo.ts';
import type { PackagePlan } from '../../src/vault/package-plans.ts';
import {
  listRepairs,
  openRepair,
  type RepairRecord,
  readRepair,
  sweepRepairs,
  writeRepair,
} from '../../src/vault/repair-records.ts';
import {
  besides,
  kept,
  never,
  type PackageWorld,
  packageWorld,
  picture,
  planFor,
  put,
  version,
} from './package-world.ts';

const undo = (world: PackageWorld, over: Partial<PackageWorld['deps']> = {}, signal = never) =>
  undoRepair('A7', { why: 'asked', signal }, { ...world.deps, ...over });

const breakTwo = (world: PackageWorld): PackagePlan => {
  truncateSync(join(world.root, 'node_modules/ws/lib/websocket.js'), 3);
  truncateSync(join(world.root, 'dist/index.js'), 3);
  return planFor(world, 'packages', { paths: ['node_modules/ws', 'dist/index.js'] });
};

async function repaired(): Promise<{
  readonly world: PackageWorld;
  readonly old: object;
  readonly whole: object;
}> {
  const world = await packageWorld();
  const whole = picture(world);
  const plan = breakTwo(world);
  const old = picture(world);
  expect((await performPlan({ id: 'A7', plan, signal: never }, world.deps)).kind).toBe('done');
  return { world, old, whole };
}

const recordOf = async ({ quarantine }: PackageWorld): Promise<RepairRecord> => {
  const read = await readRepair(quarantine, 'A7');
  if (read.kind !== 'read') throw new Error(read.because);
  return read.record;
};

/** Ends a repair as a death would, at the first rename into the live tree that this holds for. */
async function dieAt(world: PackageWorld, plan: PackagePlan, isIt: (from: string) => boolean): Promise<void> {
  let dead = false;
  const gone = () => new Promise<never>(() => undefined);
  const died = Promise.withResolvers<void>();
  const mortal = (name: keyof RepairFiles) =>
    ((...args: readonly unknown[]) => {
      dead ||= name === 'rename' && isIt(String(args[0]));
      if (!dead) return (realFiles[name] as (...all: readonly unknown[]) => Promise<unknown>)(...args);
      died.resolve();
      return gone();
    }) as never;
  const files: RepairFiles = {
    open: mortal('open'),
    rename: mortal('rename'),
    unlink: mortal('unlink'),
    mkdir: mortal('mkdir'),
    chmod: mortal('chmod'),
    link: mortal('link'),
    rm: mortal('rm'),
    symlink: mortal('symlink'),
  };
  // Of another quarantine by its name, for the dead one stays busy in this process for ever.
  const quarantine = `${world.quarantine}/.`;
  void performPlan({ id: 'A7', plan, signal: never }, { ...world.deps, quarantine, files });
  await died.promise;
}

describe('a repair of the package is taken back', () => {
  it('byte for byte, and what it had put there is kept', async () => {
    const { world, old } = await repaired();
    expect((await undo(world)).kind).toBe('done');
    expect(picture(world)).toEqual(old);
    expect(await recordOf(world)).toMatchObject({ state: 'undone', undoneFor: 'asked' });
    expect(kept(world)).toContain('A7/put/openclaw/node_modules/ws/lib/websocket.js');
    expect(await undo(world)).toMatchObject({
      kind: 'refused',
      because: expect.stringContaining('already undone'),
    });
  });

  it.each<readonly [string, (world: PackageWorld) => void]>([
    ['a file of it was changed', ({ root }) => truncateSync(join(root, 'node_modules/ws/package.json'), 2)],
    [
      'its folder is another one',
      ({ root }) => {
        renameSync(join(root, 'node_modules/ws'), join(root, '..', 'elsewhere'));
        mkdirSync(join(root, 'node_modules/ws'));
      },
    ],
    ['its folder is gone', ({ root }) => rmSync(join(root, 'node_modules/ws'), { recursive: true })],
    [
      'the whole package is another one',
      ({ root, home }) => {
        renameSync(root, join(home, 'before'));
        put(join(root, 'package.json'), '{ "name": "openclaw", "version": "2026.9.7" }');
      },
    ],
  ])('not when the package was changed since: %s', async (_what, change) => {
    const { world } = await repaired();
    change(world);
    const now = picture(world);
    expect(await undo(world)).toMatchObject({
      kind: 'refused',
      because: expect.stringContaining('changed after the repair'),
    });
    expect(picture(world)).toEqual(now);
    expect((await recordOf(world)).state).toBe('made');
  });

  it('and the record says when', async () => {
    const { world } = await repaired();
    const now = () => instant(90_000_000);
    expect((await undo(world, { now })).kind).toBe('done');
    const { at, undoneAt } = (await listRepairs(world.quarantine))[0]?.record ?? {};
    expect(undoneAt).toBe(now());
    expect(at).toBeLessThan(now());
  });

  it('with what a person has added since', async () => {
    const { world, old } = await repaired();
    put(join(world.root, 'node_modules/ws/mine.txt'), 'mine');
    expect((await undo(world)).kind).toBe('done');
    expect(picture(world)).toEqual(old);
    expect(readFileSync(join(world.quarantine, 'A7/put/openclaw/node_modules/ws/mine.txt'), 'utf8')).toBe(
      'mine',
    );
  });

  it('not while a package manager is at work, nor after its deadline, nor where it is unknown', async () => {
    const { world, whole } = await repaired();
    expect(await undo(world, { packageWork: async () => 'npm is at work' })).toEqual({
      kind: 'refused',
      because: 'npm is at work: nothing was put back',
    });
    expect(await undo(world, {}, AbortSignal.abort())).toMatchObject({ kind: 'failed' });
    expect(await undoRepair('A8', { why: 'asked', signal: never }, world.deps)).toMatchObject({
      kind: 'refused',
    });
    expect(await undoRepair('../A7', { why: 'asked', signal: never }, world.deps)).toMatchObject({
      kind: 'refused',
    });
    expect(picture(world)).toEqual(whole);
  });

  it('or stays as it is, where half of it cannot be put back', async () => {
    const { world, whole } = await repaired();
    const files: RepairFiles = {
      ...realFiles,
      rename: async (from, to) => {
        if (String(from).endsWith('replaced/openclaw/node_modules/ws'))
          throw Object.assign(new Error(''), { code: 'EACCES' });
        return realFiles.rename(from, to);
      },
    };
    expect(await undo(world, { files })).toMatchObject({
      kind: 'failed',
      because: expect.stringContaining('nothing was put back'),
    });
    expect(picture(world)).toEqual(whole);
    expect((await recordOf(world)).state).toBe('made');
    expect((await undo(world)).kind).toBe('done');
  });
});

describe('a repair that died in the middle', () => {
  it('is completed at the next start', async () => {
    const world = await packageWorld();
    const whole = picture(world);
    await dieAt(world, breakTwo(world), (from) => from.endsWith('put/openclaw/dist/index.js'));
    expect((await recordOf(world)).state).toBe('begun');
    expect((await finishRepairs(world.deps)).map(({ id, kind }) => [id, kind])).toEqual([
      ['A7', 'completed'],
    ]);
    expect(picture(world)).toEqual(whole);
    expect((await recordOf(world)).state).toBe('made');
    expect(await finishRepairs(world.deps)).toEqual([]);
  });

  it('is taken back when npm has put a new folder there since, which is left alone', async () => {
    const world = await packageWorld();
    const plan = breakTwo(world);
    const old = picture(world);
    await dieAt(world, plan, (from) => from.endsWith('put/openclaw/dist/index.js'));
    rmSync(join(world.root, 'dist/index.js'));
    writeFileSync(join(world.root, 'dist/index.js'), 'npm was here');
    const [told] = await finishRepairs(world.deps);
    expect(told).toMatchObject({
      kind: 'kept',
      because: expect.stringContaining('somebody else has changed the package since'),
    });
    const file = 'prefix/lib/node_modules/openclaw/dist/index.js';
    expect(picture(world)).toEqual({ ...old, [file]: '644 npm was here' });
    expect(await recordOf(world)).toMatchObject({ state: 'undone', undoneFor: 'interrupted' });
    expect(await finishRepairs(world.deps)).toEqual([]);
  });

  it('leaves a whole package alone that npm has installed since', async () => {
    const world = await packageWorld();
    rmSync(join(world.root, 'dist'), { recursive: true });
    await dieAt(world, planFor(world, 'tree'), (from) => from.endsWith('put/openclaw'));
    expect(existsSync(world.root)).toBe(false);
    put(join(world.root, 'package.json'), '{ "name": "openclaw", "version": "2026.9.7" }');
    const now = picture(world);
    expect((await finishRepairs(world.deps)).map(({ kind }) => kind)).toEqual(['kept']);
    expect(picture(world)).toEqual(now);
    expect(existsSync(join(world.quarantine, 'A7/replaced/openclaw/README.md'))).toBe(true);
  });

  it('puts nothing into another package that has taken the place of the one it mended', async () => {
    const world = await packageWorld();
    for (const name of ['ws', 'zod']) rmSync(join(world.root, 'node_modules', name), { recursive: true });
    const plan = planFor(world, 'packages', { paths: ['node_modules/ws', 'node_modules/zod'] });
    await dieAt(world, plan, (from) => from.endsWith('put/openclaw/node_modules/ws'));
    renameSync(world.root, join(world.home, 'before'));
    put(join(world.root, 'package.json'), '{ "name": "openclaw", "version": "2026.9.7" }');
    mkdirSync(join(world.root, 'node_modules'));
    const now = picture(world);
    expect((await finishRepairs(world.deps)).map(({ kind }) => kind)).toEqual(['kept']);
    expect(picture(world)).toEqual(now);
  });

  it('waits while a package manager is at work, and no other repair begins before', async () => {
    const world = await packageWorld();
    const whole = picture(world);
    const plan = breakTwo(world);
    await dieAt(world, plan, (from) => from.endsWith('put/openclaw/dist/index.js'));
    const now = picture(world);
    const deps = { ...world.deps, packageWork: async () => 'npm is at work' };
    expect((await finishRepairs(deps)).map(({ kind }) => kind)).toEqual(['failed']);
    expect(await performPlan({ id: 'A8', plan, signal: never }, deps)).toMatchObject({
      kind: 'refused',
      because: expect.stringContaining('an earlier repair is not finished'),
    });
    expect(picture(world)).toEqual(now);
    expect((await finishRepairs(world.deps)).map(({ kind }) => kind)).toEqual(['completed']);
    expect(picture(world)).toEqual(whole);
  });

  it('waits on its way back, too: what a package manager holds is not moved away under it', async () => {
    const { world, old } = await repaired();
    const record = await recordOf(world);
    const undoing: RepairRecord = { ...record, state: 'undoing', undoneFor: 'asked' };
    await writeRepair({ folder: join(world.quarantine, 'A7'), record: undoing });
    const now = picture(world);
    const deps = { ...world.deps, packageWork: async () => 'npm is at work' };
    expect((await finishRepairs(deps)).map(({ kind }) => kind)).toEqual(['failed']);
    expect(picture(world)).toEqual(now);
    expect((await finishRepairs(world.deps)).map(({ kind }) => kind)).toEqual(['taken-back']);
    expect(picture(world)).toEqual(old);
  });

  it('is dropped when it died while it staged, beside the package as well', async () => {
    const world = await packageWorld();
    const plan = breakTwo(world);
    const old = picture(world);
    await dieAt(world, plan, (from) => from.includes('/new/'));
    expect((await recordOf(world)).state).toBe('staging');
    const place = join(world.root, '..', '.openclaw-immune-A7');
    put(join(place, 'put/openclaw/package.json'), '{}');
    const record = await recordOf(world);
    const trees = record.trees.map((tree) => ({ ...tree, place }));
    await writeRepair({ folder: join(world.quarantine, 'A7'), record: { ...record, trees } });
    mkdirSync(join(world.quarantine, 'A9'));
    writeFileSync(join(world.quarantine, 'A9', '.repair.json.1.abcdef.tmp'), '{');
    expect((await finishRepairs(world.deps)).map(({ kind }) => kind)).toEqual(['dropped']);
    expect(picture(world)).toEqual(old);
    expect(besides(world)).toEqual([]);
    // What was staged in the quarantine belongs to a record that names another place by now.
    expect(readdirSync(world.quarantine)).toEqual(['A7']);
  });
});

describe('what repairs replaced', () => {
  const day = 86_400_000;

  async function lay(
    world: PackageWorld,
    ages: Readonly<Record<string, number>>,
    now: number,
  ): Promise<void> {
    for (const [id, days] of Object.entries(ages)) {
      const opened = await openRepair(world.quarantine, id);
      if (opened.kind !== 'opened') throw new Error(opened.because);
      const record: RepairRecord = {
        version: 1,
        id,
        incident: null,
        at: plus(world.deps.now(), millis(now - days * day)),
        planId: 'packages-1',
        planKind: 'packages',
        openclaw: version,
        archive: null,
        trees: [],
        units: [],
        moves: [],
        files: 0,
        state: id.startsWith('B') ? 'begun' : 'made',
        undoneFor: null,
        because: 'something is missing',
      };
      await writeRepair({ folder: opened.folder, record });
      put(join(opened.folder, 'replaced', 'file'), 'x');
    }
  }

  it('is removed after seven days, the newest three and what is not finished never', async () => {
    const world = await packageWorld();
    const now = 100 * day;
    await lay(world, { A1: 30, B2: 29, A3: 8, A4: 6, A5: 40, A6: 5, A7: 5.5 }, now);
    const removals = await sweepRepairs(world.quarantine, {
      now: plus(world.deps.now(), millis(now)),
      keep: ['A5'],
    });
    expect(removals.map(({ id }) => id)).toEqual(['A3', 'A1']);
    expect(readdirSync(world.quarantine).sort()).toEqual(['A4', 'A5', 'A6', 'A7', 'B2']);
    await lay(world, { A8: 20, A9: 19 }, now);
    for (const id of ['A4', 'A6', 'A7', 'B2']) rmSync(join(world.quarantine, id), { recursive: true });
    expect(await sweepRepairs(world.quarantine, { now: plus(world.deps.now(), millis(now)) })).toEqual([]);
  });

  it('is removed beyond two gibibytes, the newest never', async () => {
    const world = await packageWorld();
    await lay(world, { A1: 3, A2: 2, A3: 1 }, 100 * day);
    for (const id of ['A1', 'A2', 'A3']) {
      const path = join(world.quarantine, id, 'replaced', 'file');
      // Sparse: it has the size, and takes no room.
      truncateSync(path, 1.5 * 1024 ** 3);
    }
    const removals = await sweepRepairs(world.quarantine, { now: plus(world.deps.now(), millis(100 * day)) });
    expect(removals).toEqual([
      { id: 'A1', because: 'what repairs replaced is kept up to 2 GiB beyond the newest' },
    ]);
  });

  it('is not believed where a record was tampered with', async () => {
    const { world } = await repaired();
    const file = join(world.quarantine, 'A7', 'repair.json');
    const good = JSON.parse(readFileSync(file, 'utf8'));
    const [tree] = good.trees;
    const [move] = good.moves;
    for (const bad of [
      { trees: [{ ...tree, place: '/' }] },
      { trees: [{ ...tree, folder: '../x' }] },
      { moves: [{ ...move, path: '../../etc' }] },
      { moves: [{ ...move, path: 'a//b' }] },
      { moves: [{ ...move, path: '', from: '/etc/passwd' }] },
      { moves: [{ ...move, tree: 'other' }] },
      { moves: [{ ...move, put: null }] },
      { id: '../A7' },
      { state: 'other' },
      { planKind: 'evil' },
    ]) {
      writeFileSync(file, JSON.stringify({ ...good, ...bad }));
      expect(await readRepair(world.quarantine, 'A7')).toMatchObject({ kind: 'failed' });
    }
    writeFileSync(file, JSON.stringify(good));
    expect((await listRepairs(world.quarantine)).length).toBe(1);
  });
});
