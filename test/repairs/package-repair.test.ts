import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readlinkSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { performPlan } from '../../src/repairs/package-repair.ts';
import { toldRepair } from '../../src/repairs/reinstall.ts';
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

const make = (world: PackageWorld, plan: ReturnType<typeof planFor>, id = 'A7') =>
  performPlan({ id, plan, signal: never }, world.deps);

const done = async (world: PackageWorld, plan: ReturnType<typeof planFor>) => {
  const outcome = await make(world, plan);
  if (outcome.kind !== 'done') throw new Error(outcome.because);
  expect(outcome.unfinished).toBe(null);
  expect(besides(world)).toEqual([]);
  return outcome.repair.record;
};

describe('a repair of the package', () => {
  it('puts a deleted package back, and touches nothing else', async () => {
    const world = await packageWorld();
    const before = picture(world);
    const zod = statSync(join(world.root, 'node_modules/zod')).ino;
    rmSync(join(world.root, 'node_modules/ws'), { recursive: true });
    const record = await done(world, planFor(world, 'packages', { paths: ['node_modules/ws'] }));
    expect(picture(world)).toEqual(before);
    expect(statSync(join(world.root, 'node_modules/zod')).ino).toBe(zod);
    expect(toldRepair(record)).toBe(
      `restored node_modules/ws (2 files) from the archive ${world.archive}; there was nothing to replace; undo with "immune undo A7"`,
    );
    expect(kept(world)).toEqual([]);
    expect((await listRepairs(world.quarantine)).map(({ record: { state } }) => state)).toEqual(['made']);
  });

  it('exchanges the folder of a damaged package, and keeps what a person had put into it', async () => {
    const world = await packageWorld();
    const before = picture(world);
    truncateSync(join(world.root, 'node_modules/ws/lib/websocket.js'), 3);
    put(join(world.root, 'node_modules/ws/mine.txt'), 'mine');
    const record = await done(world, planFor(world, 'packages', { paths: ['node_modules/ws'] }));
    expect(picture(world)).toEqual(before);
    const at = join(world.quarantine, 'A7', 'replaced', 'openclaw', 'node_modules', 'ws');
    expect(readFileSync(join(at, 'mine.txt'), 'utf8')).toBe('mine');
    expect(toldRepair(record)).toContain(
      `what it replaced is kept in ${join(world.quarantine, 'A7', 'replaced')}`,
    );
  });

  it('puts single damaged files of a share back, file by file, a flipped byte among them', async () => {
    const world = await packageWorld();
    const before = picture(world);
    const chunk = join(world.root, 'dist/chunk-a.js');
    const { mtime } = statSync(chunk);
    writeFileSync(chunk, readFileSync(chunk, 'utf8').replace('1', '2'));
    utimesSync(chunk, mtime, mtime);
    rmSync(join(world.root, 'dist/index.js'));
    const entry = statSync(join(world.root, 'dist/entry.js')).ino;
    await done(world, planFor(world, 'packages', { paths: ['dist/chunk-a.js', 'dist/index.js'] }));
    expect(picture(world)).toEqual(before);
    expect(statSync(join(world.root, 'dist/entry.js')).ino).toBe(entry);
    expect(kept(world)).toEqual(['A7/replaced/openclaw/dist/chunk-a.js']);
  });

  it('brings the whole of node_modules by one rename when all of it is gone', async () => {
    const world = await packageWorld();
    const before = picture(world);
    rmSync(join(world.root, 'node_modules'), { recursive: true });
    const paths = [
      'node_modules/ws',
      'node_modules/zod',
      'node_modules/@s/p',
      'node_modules/.bin',
      'node_modules/.package-lock.json',
      'package.json',
    ];
    const record = await done(world, planFor(world, 'packages', { paths }));
    expect(picture(world)).toEqual(before);
    expect(record.moves.map(({ path }) => path)).toEqual(['node_modules']);
  });

  it('puts a package.json back, without which nobody can tell the version', async () => {
    const world = await packageWorld();
    const before = picture(world);
    rmSync(join(world.root, 'package.json'));
    await done(world, planFor(world, 'packages', { paths: ['package.json'] }));
    expect(picture(world)).toEqual(before);
  });

  it('makes way for a folder where a file stands, and for a file where a folder stands', async () => {
    const world = await packageWorld();
    const before = picture(world);
    rmSync(join(world.root, 'node_modules/ws'), { recursive: true });
    put(join(world.root, 'node_modules/ws'), 'a file');
    rmSync(join(world.root, 'dist/index.js'));
    put(join(world.root, 'dist/index.js/inside'), 'a folder');
    await done(world, planFor(world, 'packages', { paths: ['node_modules/ws', 'dist/index.js'] }));
    expect(picture(world)).toEqual(before);
    expect(kept(world)).toEqual([
      'A7/replaced/openclaw/dist/index.js/inside',
      'A7/replaced/openclaw/node_modules/ws',
    ]);
  });

  it('exchanges the whole tree, and gives it the mode the old one had', async () => {
    const world = await packageWorld();
    const before = picture(world);
    rmSync(join(world.root, 'dist'), { recursive: true });
    put(join(world.root, 'mine.txt'), 'mine');
    const record = await done(world, planFor(world, 'tree'));
    expect(picture(world)).toEqual(before);
    expect(record.moves).toHaveLength(1);
    expect(kept(world)).toContain('A7/replaced/openclaw/mine.txt');
    expect(toldRepair(record)).toMatch(/^restored the whole package \(13 files\) from the archive /);
  });

  it('restores the whole tree where not even its folder is left, and the link of the command', async () => {
    const world = await packageWorld();
    const link = {
      path: join(world.home, 'prefix/bin/openclaw'),
      target: '../lib/node_modules/openclaw/openclaw.mjs',
    };
    mkdirSync(join(world.home, 'prefix/bin'));
    const before = picture(world);
    rmSync(world.root, { recursive: true });
    await done(world, planFor(world, 'tree', { link }));
    expect(readlinkSync(link.path)).toBe(link.target);
    rmSync(link.path);
    expect(picture(world)).toEqual(before);
  });

  it('puts back what npm had moved aside', async () => {
    const world = await packageWorld();
    const before = picture(world);
    const aside = join(world.root, '..', '.openclaw-AbCd1234');
    renameSync(world.root, aside);
    put(join(world.root, 'package.json'), '{}');
    const plan = planFor(world, 'aside', { aside });
    const record = await done(world, plan);
    expect(picture(world)).toEqual(before);
    expect(toldRepair(record)).toMatch(
      /^put back OpenClaw 2026\.9\.6, which an interrupted npm had moved aside/,
    );
    expect(existsSync(join(world.quarantine, 'A7/replaced/openclaw/package.json'))).toBe(true);
  });

  it('puts back what npm had moved aside by its own lists, where nothing was recorded', async () => {
    const world = await packageWorld();
    const before = picture(world);
    const aside = join(world.root, '..', '.openclaw-AbCd1234');
    renameSync(world.root, aside);
    await done(world, planFor(world, 'aside', { aside, archive: null }));
    expect(picture(world)).toEqual(before);
  });

  it('takes units out of what was fetched, with the recorded hashes alone', async () => {
    const world = await packageWorld();
    const before = picture(world);
    rmSync(join(world.root, 'node_modules/ws'), { recursive: true });
    const deps: PackageWorld['deps'] = {
      ...world.deps,
      fetch: async ({ into, manifest }) => {
        expect(manifest?.units.map(({ path }) => path)).toEqual(['node_modules/ws']);
        put(join(into, 'bad/node_modules/ws/package.json'), '{}');
        const good = join(into, 'good/node_modules/ws');
        put(join(good, 'package.json'), JSON.stringify({ name: 'ws', version: '8.0.0' }));
        put(join(good, 'lib/websocket.js'), 'export class WebSocket {}\n');
        put(join(good, 'extra.js'), 'evil()');
        return { kind: 'fetched', roots: [join(into, 'bad'), join(into, 'good')] };
      },
    };
    const plan = planFor(world, 'network', { paths: ['node_modules/ws'] });
    expect((await performPlan({ id: 'A7', plan, signal: never }, deps)).kind).toBe('done');
    expect(picture(world)).toEqual(before);
  });

  it('refuses what was fetched when one byte is not what was recorded', async () => {
    const world = await packageWorld();
    rmSync(join(world.root, 'node_modules/ws'), { recursive: true });
    const before = picture(world);
    const fetch: NonNullable<PackageWorld['deps']['fetch']> = async ({ into }) => {
      put(join(into, 'node_modules/ws/package.json'), JSON.stringify({ name: 'ws', version: '8.0.0' }));
      put(join(into, 'node_modules/ws/lib/websocket.js'), 'export class WebSockeT {}\n');
      return { kind: 'fetched', roots: [into] };
    };
    const plan = planFor(world, 'network', { paths: ['node_modules/ws'] });
    const outcome = await performPlan({ id: 'A7', plan, signal: never }, { ...world.deps, fetch });
    expect(outcome).toMatchObject({
      kind: 'failed',
      because: expect.stringContaining('is not what was recorded'),
    });
    expect(picture(world)).toEqual(before);
  });

  it('exchanges the whole package for a fetched one where nothing was recorded', async () => {
    const world = await packageWorld();
    rmSync(join(world.root, 'dist/index.js'));
    const fetch: NonNullable<PackageWorld['deps']['fetch']> = async ({ into, manifest }) => {
      expect(manifest).toBe(null);
      put(join(into, 'openclaw/dist/index.js'), 'fetched');
      put(join(into, 'openclaw/package.json'), JSON.stringify({ name: 'openclaw', version: '2026.9.6' }));
      return { kind: 'fetched', roots: [join(into, 'openclaw')] };
    };
    const plan = planFor(world, 'network', { archive: null });
    expect((await performPlan({ id: 'A7', plan, signal: never }, { ...world.deps, fetch })).kind).toBe(
      'done',
    );
    expect(readFileSync(join(world.root, 'dist/index.js'), 'utf8')).toBe('fetched');
    expect(existsSync(join(world.quarantine, 'A7/replaced/openclaw/README.md'))).toBe(true);
  });

  it('restores a unit of a plugin project beside one of the package', async () => {
    const world = await packageWorld();
    const before = picture(world);
    rmSync(join(world.plugin, 'node_modules'), { recursive: true });
    rmSync(join(world.root, 'node_modules/zod'), { recursive: true });
    await done(
      world,
      planFor(world, 'packages', {
        paths: ['node_modules/zod', 'plugin:feishu node_modules/lark', 'plugin:feishu package.json'],
      }),
    );
    expect(picture(world)).toEqual(before);
  });

  it('does not mind that a gateway has files of it open', async () => {
    const world = await packageWorld();
    const before = picture(world);
    const socket = join(world.root, 'node_modules/ws/lib/websocket.js');
    const open = openSync(socket, 'r');
    rmSync(join(world.root, 'node_modules/ws/package.json'));
    await done(world, planFor(world, 'packages', { paths: ['node_modules/ws'] }));
    expect(picture(world)).toEqual(before);
    expect(readSync(open, Buffer.alloc(64))).toBeGreaterThan(0);
    closeSync(open);
  });

  it('works through a package whose folders are reached by links', async () => {
    const world = await packageWorld();
    symlinkSync(world.root, join(world.home, 'linked'));
    expect(realpathSync(join(world.home, 'linked'))).toBe(world.root);
    rmSync(join(world.root, 'node_modules/.bin'), { recursive: true });
    const before = { ...picture(world) };
    await done(world, planFor(world, 'packages', { paths: ['node_modules/.bin'] }));
    expect(Object.keys(picture(world)).length).toBe(Object.keys(before).length + 2);
  });
});
