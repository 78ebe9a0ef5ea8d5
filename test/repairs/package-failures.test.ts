import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { PackageRepairDeps } from '../../src/repairs/package-ground.ts';
import { type RepairFiles, realFiles } from '../../src/repairs/package-moves.ts';
import { performPlan } from '../../src/repairs/package-repair.ts';
import { undoRepair } from '../../src/repairs/package-undo.ts';
import { createPackageRepairs } from '../../src/repairs/reinstall.ts';
import type { ManifestHead } from '../../src/vault/manifest.ts';
import type { PackagePlan } from '../../src/vault/package-plans.ts';
import { listRepairs } from '../../src/vault/repair-records.ts';
import {
  besides,
  kept,
  never,
  type PackageWorld,
  packageWorld,
  picture,
  planFor,
  put,
} from './package-world.ts';

const made: string[] = [];
afterEach(() => {
  for (const path of made.splice(0)) rmSync(path, { recursive: true, force: true });
});

/** Two packages and one file, damaged. */
async function damaged(): Promise<{
  readonly world: PackageWorld;
  readonly plan: PackagePlan;
  readonly whole: object;
  readonly old: object;
}> {
  const world = await packageWorld();
  const whole = picture(world);
  truncateSync(join(world.root, 'node_modules/ws/lib/websocket.js'), 3);
  truncateSync(join(world.root, 'node_modules/zod/package.json'), 3);
  truncateSync(join(world.root, 'dist/index.js'), 3);
  const plan = planFor(world, 'packages', {
    paths: ['node_modules/ws', 'node_modules/zod', 'dist/index.js'],
  });
  return { world, plan, whole, old: picture(world) };
}

const perform = (
  world: PackageWorld,
  plan: PackagePlan,
  over: Partial<PackageRepairDeps> = {},
  signal = never,
) => performPlan({ id: 'A7', plan, signal }, { ...world.deps, ...over });

const failing = (
  code: string,
  when: (name: keyof RepairFiles, path: string, to: string) => boolean,
): RepairFiles => {
  const wrapped = (name: keyof RepairFiles) =>
    (async (...args: readonly unknown[]) => {
      if (when(name, String(args[0]), String(args[1]))) throw Object.assign(new Error(code), { code });
      return (realFiles[name] as (...args: readonly unknown[]) => Promise<unknown>)(...args);
    }) as never;
  return {
    open: wrapped('open'),
    rename: wrapped('rename'),
    unlink: wrapped('unlink'),
    mkdir: wrapped('mkdir'),
    chmod: wrapped('chmod'),
    link: wrapped('link'),
    rm: wrapped('rm'),
    symlink: wrapped('symlink'),
  };
};

const states = async ({ quarantine }: PackageWorld) =>
  (await listRepairs(quarantine)).map(({ record }) => [record.state, record.undoneFor]);

describe('a repair of the package that cannot be made replaces nothing', () => {
  it('goes beside the package where renames from the quarantine do not work', async () => {
    const { world, plan, whole, old } = await damaged();
    const files = failing('EXDEV', (name, from, to) => {
      const isOwn = (path: string): boolean => path.startsWith(world.quarantine);
      return (name === 'rename' || name === 'link') && isOwn(from) !== isOwn(to);
    });
    const outcome = await perform(world, plan, { files });
    expect(outcome.kind).toBe('done');
    expect(picture(world)).toEqual(whole);
    const place = join(world.root, '..', '.openclaw-immune-A7');
    expect(existsSync(join(place, 'replaced/openclaw/node_modules/ws/lib/websocket.js'))).toBe(true);
    expect(kept(world)).toEqual([]);
    expect((await undoRepair('A7', { why: 'asked', signal: never }, { ...world.deps, files })).kind).toBe(
      'done',
    );
    expect(picture(world)).toEqual(old);
  });

  it.skipIf(!existsSync('/dev/shm'))(
    'goes beside the package where the quarantine is on another device',
    async () => {
      const { world, plan, whole } = await damaged();
      const quarantine = mkdtempSync('/dev/shm/immune-test-');
      made.push(quarantine);
      const isOther = statSync(quarantine).dev !== statSync(world.root).dev;
      expect((await perform(world, plan, { quarantine })).kind).toBe('done');
      expect(picture(world)).toEqual(whole);
      expect(existsSync(join(world.root, '../.openclaw-immune-A7/replaced'))).toBe(isOther);
      expect(readdirSync(join(quarantine, 'A7'))).toContain('repair.json');
    },
  );

  it('leaves a folder alone that another watchdog has beside the package', async () => {
    const { world, plan, whole } = await damaged();
    const theirs = join(world.root, '../.openclaw-immune-A7/put/theirs');
    put(theirs, 'theirs');
    const files = failing(
      'EXDEV',
      (name, from, to) =>
        name === 'rename' && from.startsWith(world.quarantine) && !to.startsWith(world.quarantine),
    );
    expect((await perform(world, plan, { files })).kind).toBe('done');
    expect(readFileSync(theirs, 'utf8')).toBe('theirs');
    expect(existsSync(join(world.root, '../.openclaw-immune-A7.2/replaced'))).toBe(true);
    expect(picture(world)).toEqual(whole);
  });

  it('fails on a full disk while it stages, and says so', async () => {
    const { world, plan, old } = await damaged();
    const files = failing('ENOSPC', (name, path) => name === 'mkdir' && path.includes('/new/1'));
    expect(await perform(world, plan, { files })).toEqual({
      kind: 'failed',
      because: 'could not stage what is to come: the disk is full (ENOSPC)',
    });
    expect(picture(world)).toEqual(old);
    expect(kept(world)).toEqual([]);
    expect(await states(world)).toEqual([['failed', 'failed']]);
  });

  it('fails on a damaged archive, and takes nothing out of it', async () => {
    const { world, plan, old } = await damaged();
    truncateSync(join(world.archives, 'units', `${world.unit('node_modules/zod').digest}.tar.zst`), 20);
    const outcome = await perform(world, plan);
    expect(outcome).toMatchObject({
      kind: 'failed',
      because: expect.stringContaining('node_modules/zod could not be staged'),
    });
    expect(picture(world)).toEqual(old);
    expect(kept(world)).toEqual([]);
  });

  it.each(['EACCES', 'EIO'])(
    'puts back what it has moved when a later rename fails with %s',
    async (code) => {
      const { world, plan, old } = await damaged();
      const files = failing(
        code,
        (name, from) => name === 'rename' && from.endsWith('put/openclaw/node_modules/zod'),
      );
      expect(await perform(world, plan, { files })).toMatchObject({ kind: 'failed' });
      expect(picture(world)).toEqual(old);
      expect(besides(world)).toEqual([]);
      expect(kept(world)).toEqual([]);
      expect(await states(world)).toEqual([['failed', 'failed']]);
      expect((await undoRepair('A7', { why: 'asked', signal: never }, world.deps)).kind).toBe('refused');
    },
  );

  it('does without second names where the file system has none', async () => {
    const { world, plan, whole, old } = await damaged();
    const files = failing('ENOTSUP', (name) => name === 'link');
    expect((await perform(world, plan, { files })).kind).toBe('done');
    expect(picture(world)).toEqual(whole);
    expect((await undoRepair('A7', { why: 'asked', signal: never }, { ...world.deps, files })).kind).toBe(
      'done',
    );
    expect(picture(world)).toEqual(old);
  });

  it('puts all back when what was put in place turns out not to be what was to come', async () => {
    const { world, plan, old } = await damaged();
    // Somebody writes into the package between the last rename and the check.
    const files: RepairFiles = {
      ...realFiles,
      rename: async (from, to) => {
        await realFiles.rename(from, to);
        if (String(from).endsWith('put/openclaw/node_modules/ws'))
          writeFileSync(join(String(to), 'package.json'), '{}');
      },
    };
    const outcome = await perform(world, plan, { files });
    expect(outcome).toMatchObject({ kind: 'failed', because: expect.stringContaining('all was put back') });
    expect(picture(world)).toEqual(old);
  });

  it.each([
    ['before it begins', 0],
    ['right before the first rename', 1],
  ])('refuses while a package manager is at work: %s', async (_when, after) => {
    const { world, plan, old } = await damaged();
    let asked = 0;
    const packageWork = async () =>
      asked++ >= after ? 'process 7 (npm install) may be changing the package' : null;
    expect(await perform(world, plan, { packageWork })).toEqual({
      kind: 'refused',
      because: 'process 7 (npm install) may be changing the package: nothing was replaced',
    });
    expect(picture(world)).toEqual(old);
    expect(existsSync(world.quarantine) ? readdirSync(world.quarantine) : []).toEqual([]);
  });

  it('refuses when nothing is damaged any more', async () => {
    const world = await packageWorld();
    for (const plan of [planFor(world, 'packages', { paths: ['node_modules/ws'] }), planFor(world, 'tree')]) {
      expect(await perform(world, plan)).toEqual({
        kind: 'refused',
        because: 'nothing of it is damaged any more: nothing was replaced',
      });
    }
    expect(existsSync(world.quarantine) ? readdirSync(world.quarantine) : []).toEqual([]);
  });

  it('refuses when somebody has changed the package while it staged', async () => {
    const { world, plan } = await damaged();
    let asked = 0;
    const vault: PackageRepairDeps['vault'] = {
      ...world.deps.vault,
      check: async (manifest, ask) => {
        if (asked++ === 1) rmSync(join(world.root, 'node_modules/ws/package.json'));
        return world.deps.vault.check(manifest, ask);
      },
    };
    expect(await perform(world, plan, { vault })).toMatchObject({
      kind: 'refused',
      because: expect.stringContaining('was changed at this very moment'),
    });
    expect(readdirSync(world.quarantine)).toEqual([]);
    expect(existsSync(join(world.root, 'node_modules/ws/package.json'))).toBe(false);
  });

  it('fails where nothing can be made beside the package', async () => {
    const { world, plan, old } = await damaged();
    const files = failing('EACCES', (name, path) => name === 'mkdir' && path.includes('.openclaw-immune-'));
    const far = failing(
      'EXDEV',
      (name, from, to) =>
        name === 'rename' && !to.startsWith(world.quarantine) && from.startsWith(world.quarantine),
    );
    const both: RepairFiles = { ...files, rename: far.rename };
    expect(await perform(world, plan, { files: both })).toMatchObject({
      kind: 'failed',
      because: expect.stringContaining('permission was denied'),
    });
    expect(picture(world)).toEqual(old);
    expect(await states(world)).toEqual([['failed', 'failed']]);
    expect(kept(world)).toEqual([]);
  });

  it('refuses across versions, and what the archive does not hold as planned', async () => {
    const { world, plan, old } = await damaged();
    expect(await perform(world, { ...plan, archive: '2026.9.6-20260101T000000Z' })).toMatchObject({
      kind: 'failed',
    });
    const other = { ...plan, units: plan.units.map((unit) => ({ ...unit, digest: 'a'.repeat(64) })) };
    expect(await perform(world, other)).toMatchObject({
      kind: 'refused',
      because: expect.stringContaining('as planned'),
    });
    writeFileSync(join(world.root, 'package.json'), '{ "name": "openclaw", "version": "2026.9.7" }');
    expect(await perform(world, plan)).toMatchObject({
      kind: 'refused',
      because: expect.stringContaining('2026.9.7 is installed now'),
    });
    expect(await perform(world, { ...plan, root: join(world.home, 'elsewhere') })).toMatchObject({
      kind: 'refused',
    });
    expect({ ...picture(world), 'prefix/lib/node_modules/openclaw/package.json': '' }).toEqual({
      ...old,
      'prefix/lib/node_modules/openclaw/package.json': '',
    });
  });

  it('refuses what no longer fits the machine or the state, and asks that once more before the first rename', async () => {
    const { world, plan, old } = await damaged();
    for (const fitting of [0, 1]) {
      let asked = 0;
      const misfit = async (head: ManifestHead) =>
        asked++ >= fitting ? `a database was migrated since ${head.openclaw}` : null;
      const outcome = await perform(world, plan, { misfit });
      expect(outcome).toMatchObject({ kind: 'refused', because: expect.stringContaining('migrated since') });
      expect(picture(world)).toEqual(old);
      expect(kept(world)).toEqual([]);
    }
  });

  it('refuses a copy moved aside that is not whole', async () => {
    const world = await packageWorld();
    const aside = join(world.root, '../.openclaw-AbCd1234');
    renameSync(world.root, aside);
    rmSync(join(aside, 'dist/chunk-a.js'));
    const plan = planFor(world, 'aside', { aside });
    expect(await perform(world, plan)).toMatchObject({
      kind: 'refused',
      because: expect.stringContaining('dist/chunk-a.js is missing'),
    });
    rmSync(join(aside, 'dist/index.js'));
    expect(await perform(world, { ...plan, archive: null })).toMatchObject({
      kind: 'refused',
      because: expect.stringContaining('is not whole'),
    });
    expect(existsSync(world.root)).toBe(false);
  });

  it('stops wherever its deadline passes before the first rename, and finishes behind it', async () => {
    const counted = await damaged();
    let calls = 0;
    const count = failing('', () => {
      calls += 1;
      return false;
    });
    expect((await perform(counted.world, counted.plan, { files: count })).kind).toBe('done');
    const total = calls;
    const { world, plan } = counted;
    const outcomes = new Set<string>();
    for (let at = 0; at <= total; at += 3) {
      world.reset();
      for (const path of [
        'node_modules/ws/lib/websocket.js',
        'node_modules/zod/package.json',
        'dist/index.js',
      ])
        truncateSync(join(world.root, path), 3);
      const old = picture(world);
      const deadline = new AbortController();
      let seen = 0;
      const files = failing('', () => {
        if (seen++ === at) deadline.abort();
        return false;
      });
      const outcome = await perform(world, plan, { files }, deadline.signal);
      outcomes.add(outcome.kind);
      expect(besides(world)).toEqual([]);
      if (outcome.kind === 'done') continue;
      expect(outcome).toEqual({
        kind: 'failed',
        because: 'its deadline passed before anything was replaced',
      });
      expect(picture(world)).toEqual(old);
      expect(readdirSync(world.quarantine)).toEqual([]);
    }
    expect([...outcomes].sort()).toEqual(['done', 'failed']);
  });

  it('refuses a plan that is not there, and tells a repair in a sentence', async () => {
    const { world, plan } = await damaged();
    const refusing = createPackageRepairs(() => world.deps);
    expect(await refusing.reinstall({ kind: 'reinstall', remedy: 'x' }, 'A7', never)).toEqual({
      kind: 'refused',
      because: 'there is no plan',
    });
    const repairs = createPackageRepairs(() => ({
      ...world.deps,
      plan: async () => ({ kind: 'read', plan }),
    }));
    const told = await repairs.reinstall({ kind: 'reinstall', remedy: plan.id }, 'A7', never);
    expect(told.because).toMatch(
      /^restored dist\/index\.js, node_modules\/ws, node_modules\/zod \(4 files\) from the archive .* undo with "immune undo A7"$/,
    );
    const back = await repairs.undo({ kind: 'undo', of: 'A7', what: 'reinstall' }, never);
    expect(back).toMatchObject({
      kind: 'done',
      because: expect.stringContaining(
        'what it was before the repair A7, which did not help; what the repair had put there is kept in ',
      ),
    });
  });

  it('makes one repair at a time, and the second under another name of its folder', async () => {
    const { world, plan } = await damaged();
    const [one, other] = await Promise.all([perform(world, plan), perform(world, plan)]);
    expect([one.kind, other.kind]).toEqual(['done', 'refused']);
    truncateSync(join(world.root, 'node_modules/ws/lib/websocket.js'), 3);
    expect((await perform(world, plan)).kind).toBe('done');
    expect(readdirSync(world.quarantine).sort()).toEqual(['A7', 'A7~2']);
    mkdirSync(join(world.quarantine, 'A8'));
  });
});
