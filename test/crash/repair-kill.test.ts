import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeEach, describe, expect, it } from 'vitest';
import { finishRepairs } from '../../src/repairs/finish-repairs.ts';
import { performPlan } from '../../src/repairs/package-repair.ts';
import { undoRepair } from '../../src/repairs/package-undo.ts';
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
} from '../repairs/package-world.ts';
import type { RepairErrand } from './repair-child.ts';

/**
 * A repair of the package is killed (SIGKILL) at each of its calls that changes a file. With IMMUNE_KILL_POINTS=all at
 * every one of every story, otherwise at every tenth, elsewhere in each story.
 */
const every = process.env['IMMUNE_KILL_POINTS'] === 'all';
const run = promisify(execFile);
const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

interface Story {
  readonly what: string;
  /** Breaks the package, and says how it is to be repaired. */
  readonly damage: (world: PackageWorld) => PackagePlan;
}

const stories: readonly Story[] = [
  {
    what: 'two packages, a plugin and single files',
    damage: (world) => {
      truncateSync(join(world.root, 'node_modules/ws/lib/websocket.js'), 3);
      put(join(world.root, 'node_modules/ws/mine.txt'), 'mine');
      rmSync(join(world.root, 'node_modules/zod'), { recursive: true });
      rmSync(join(world.root, 'dist/index.js'));
      truncateSync(join(world.root, 'dist/chunk-a.js'), 3);
      truncateSync(join(world.plugin, 'package.json'), 3);
      const paths = ['node_modules/ws', 'node_modules/zod', 'dist/index.js', 'dist/chunk-a.js'];
      return planFor(world, 'packages', { paths: [...paths, 'plugin:feishu package.json'] });
    },
  },
  {
    what: 'the whole tree, and the link of its command',
    damage: (world) => {
      rmSync(join(world.root, 'dist'), { recursive: true });
      put(join(world.root, 'mine.txt'), 'mine');
      return planFor(world, 'tree', {
        link: { path: join(world.home, 'prefix/bin/openclaw'), target: '../lib/openclaw' },
      });
    },
  },
  {
    what: 'what npm had moved aside',
    damage: (world) => {
      const aside = join(world.root, '..', '.openclaw-AbCd1234');
      renameSync(world.root, aside);
      put(join(world.root, 'package.json'), '{}');
      return planFor(world, 'aside', { aside });
    },
  },
  {
    what: 'all of node_modules',
    damage: (world) => {
      rmSync(join(world.root, 'node_modules'), { recursive: true });
      const paths = ['node_modules/ws', 'node_modules/zod', 'node_modules/@s/p', 'node_modules/.bin'];
      return planFor(world, 'packages', {
        paths: [...paths, 'node_modules/.package-lock.json', 'package.json'],
      });
    },
  },
];

async function send(
  world: PackageWorld,
  what: Pick<RepairErrand, 'plan' | 'undo'>,
  killAt: number,
): Promise<boolean> {
  const { quarantine, archives } = world;
  const errand: RepairErrand = { quarantine, archives, now: world.deps.now(), ...what };
  const argv = ['--import', file('./killer.mjs'), file('./repair-child.ts'), JSON.stringify(errand)];
  const env = { ...process.env, KILL_AT: String(killAt), KILL_NOTES: join(world.home, 'calls.txt') };
  const ended = await run(process.execPath, argv, { env }).catch(
    (error: unknown) => error as { signal?: string },
  );
  const survived = !('signal' in ended) || ended.signal === undefined;
  if (survived) expect(ended).toMatchObject({ stdout: expect.stringContaining('"done"') });
  else expect(ended).toMatchObject({ signal: 'SIGKILL' });
  return survived;
}

/** Nothing of ours lies beside the package, and nothing that was staged is left in the quarantine. */
function expectTidy(world: PackageWorld): void {
  expect(besides(world)).toEqual([]);
  expect(kept(world).filter((name) => /^[^/]+\/(?:new|put)\/|\.tmp$/.test(name))).toEqual([]);
}

async function expectFinished(world: PackageWorld): Promise<void> {
  const finished = await finishRepairs(world.deps);
  expect(finished.filter(({ kind }) => kind === 'failed' || kind === 'kept')).toEqual([]);
}

interface Scene {
  readonly world: PackageWorld;
  readonly plan: PackagePlan;
  readonly old: ReturnType<typeof picture>;
}

function lay(world: PackageWorld, story: Story): Scene {
  world.reset();
  mkdirSync(join(world.home, 'prefix/bin'));
  const plan = story.damage(world);
  return { world, plan, old: picture(world) };
}

/** What a whole repair makes of it. */
async function wantedOf(world: PackageWorld, story: Story): Promise<Scene['old']> {
  const { plan } = lay(world, story);
  expect((await performPlan({ id: 'A1', plan, signal: never }, world.deps)).kind).toBe('done');
  return picture(world);
}

async function killRepair(
  { world, plan, old }: Scene,
  wanted: Scene['old'],
  killAt: number,
): Promise<boolean> {
  const survived = await send(world, { plan, undo: null }, killAt);
  await expectFinished(world);
  expectTidy(world);
  const now = picture(world);
  const [record] = (await listRepairs(world.quarantine)).map((repair) => repair.record);
  if (record === undefined) {
    expect(now).toEqual(old);
    expect(readdirSync(world.quarantine)).toEqual([]);
    expect((await performPlan({ id: 'A1', plan, signal: never }, world.deps)).kind).toBe('done');
  } else expect(record.state).toBe('made');
  expect(picture(world)).toEqual(wanted);
  const undone = await undoRepair('A1', { why: 'asked', signal: never }, world.deps);
  expect(undone).toMatchObject({ kind: 'done' });
  expect(picture(world)).toEqual(old);
  return survived;
}

async function killUndo({ world, plan, old }: Scene, wanted: Scene['old'], killAt: number): Promise<boolean> {
  expect((await performPlan({ id: 'A1', plan, signal: never }, world.deps)).kind).toBe('done');
  const survived = await send(world, { plan: null, undo: 'A1' }, killAt);
  await expectFinished(world);
  expect(besides(world)).toEqual([]);
  const [record] = (await listRepairs(world.quarantine)).map((repair) => repair.record);
  if (record?.state === 'made') {
    expect(picture(world)).toEqual(wanted);
    expect((await undoRepair('A1', { why: 'asked', signal: never }, world.deps)).kind).toBe('done');
  } else expect(record?.state).toBe('undone');
  expect(picture(world)).toEqual(old);
  return survived;
}

describe('a repair of the package that is killed at any call is old or new, never mixed', () => {
  let world: PackageWorld;
  beforeEach(async () => {
    world = await packageWorld();
  });

  /** Kills at one call after the other until the repair outlives it. */
  async function tryAll(story: Story, attempt: typeof killRepair): Promise<void> {
    const wanted = await wantedOf(world, story);
    let killed = 0;
    for (let killAt = every ? 1 : 1 + 2 * stories.indexOf(story); ; killAt += every ? 1 : 10) {
      expect(killAt).toBeLessThan(500);
      if (await attempt(lay(world, story), wanted, killAt)) break;
      killed += 1;
    }
    // A killer that never kills would prove nothing.
    expect(killed).toBeGreaterThan(0);
  }

  it.each(stories)('putting in place: $what', (story) => tryAll(story, killRepair), 600_000);

  it.each(stories)('taking it back: $what', (story) => tryAll(story, killUndo), 600_000);

  it('counts its renames among the calls that it is killed at', async () => {
    const [story] = stories;
    if (story === undefined) throw new Error('no story');
    const { plan } = lay(world, story);
    await send(world, { plan, undo: null }, 0);
    const calls = readFileSync(join(world.home, 'calls.txt'), 'utf8').split('\n');
    expect(calls.filter((call) => / rename .*\/A1\/put\//.test(call)).length).toBe(5);
    expect(calls.length).toBeGreaterThan(40);
  });
});
