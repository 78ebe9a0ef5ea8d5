import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { GroundEvidence } from '../../src/core/ground-evidence.ts';
import { type Clock, instant, millis, minutes, seconds } from '../../src/core/time.ts';
import { createRollbackPlanner, type RollbackPlannerParts } from '../../src/probes/rollback-planner.ts';
import { systemClock } from '../../src/system/clock.ts';
import { run } from '../../src/system/run.ts';
import { readPlan, writePlan } from '../../src/vault/plans.ts';
import { until } from '../system/workspace.ts';
import { file, storeIn } from '../vault/store-ground.ts';
import { plannerWorld } from './planner-world.ts';

let world: ReturnType<typeof plannerWorld>;
let plans: string;
let settled: number;
let aheadMs: number;
const open: { close(): Promise<void> }[] = [];
beforeEach(() => {
  world = plannerWorld();
  plans = mkdtempSync(join(tmpdir(), 'planner-plans-'));
  settled = 0;
  aheadMs = 0;
});
afterEach(async () => {
  world.hold(false);
  for (const planner of open.splice(0)) await planner.close();
  rmSync(plans, { recursive: true, force: true });
  world.end();
});

const real = systemClock();
const clock: Clock = { ...real, elapsed: () => millis(real.elapsed() + aheadMs) };

function planner(more: Partial<RollbackPlannerParts> = {}) {
  const made = createRollbackPlanner({
    clock,
    run,
    place: () => world.place,
    store: world.store,
    kept: async () => world.kept,
    write: (draft) => writePlan(plans, draft),
    validatorTimeoutMs: () => seconds(30),
    issuesOf: () => null,
    onSettled: () => {
      settled += 1;
    },
    ...more,
  });
  open.push(made);
  return made;
}

const good = '{ gateway: { mode: "local", port: 1 }, logging: { level: "info" } }';
const bad = '{ gateway: { mode: "local", port: 2 }, bogus: 1, logging: { level: "info" } }';
const faulty = (): GroundEvidence['config'] => ({
  kind: 'faulty',
  fault: 'rejected',
  hash: world.hash(),
  changedAt: instant(1),
  because: 'refused',
});
const runs = () => world.runs().length;
async function answer(of: ReturnType<typeof planner>, after: number) {
  await until(`planning ${after} has settled`, () => settled >= after);
  return of.look(faulty());
}

test('a look answers at once, the next one has the plan, and it is on disk to the last byte', async () => {
  world.snapshot({ files: good });
  world.live(bad);
  const made = planner();
  world.hold(true);
  expect(await made.look(faulty())).toEqual({
    kind: 'pending',
    because: 'which config to restore is being worked out',
  });
  expect((await made.look(faulty())).kind).toBe('pending');
  world.hold(false);
  const found = await answer(made, 1);
  expect(found).toMatchObject({ kind: 'ready', because: expect.stringContaining('takes bogus back') });
  const read = await readPlan(plans, found.kind === 'ready' ? found.id : '');
  expect(read.kind === 'read' && read.contents.get(world.configPath)?.toString()).toContain('port: 2');
  // It is remembered: nothing is run for it again.
  const before = runs();
  expect(await made.look(faulty())).toEqual(found);
  expect([runs(), settled]).toEqual([before, 1]);
});

test('a sound config asks for nothing', async () => {
  expect(await planner().look({ kind: 'unread' })).toEqual({ kind: 'unread' });
});

test('a new content ends the planning for the old one, and is planned for itself', async () => {
  world.snapshot({ files: good });
  world.live(bad);
  const made = planner();
  world.hold(true);
  await made.look(faulty());
  await until('the validator runs', () => runs() === 1);
  world.live(bad.replace('bogus', 'other'));
  expect((await made.look(faulty())).kind).toBe('pending');
  await until('the first planning has ended', () => settled === 1);
  world.hold(false);
  expect((await made.look(faulty())).kind).toBe('pending');
  expect(await answer(made, 2)).toMatchObject({
    kind: 'ready',
    because: expect.stringContaining('takes other back'),
  });
});

test('a change that no look has seen yet is not answered for', async () => {
  world.snapshot({ files: good });
  world.live(bad);
  const made = planner();
  world.hold(true);
  const old = faulty();
  await made.look(old);
  await until('the validator runs', () => runs() === 1);
  appendFileSync(world.configPath, '\n');
  world.hold(false);
  await until('the planning has ended', () => settled === 1);
  expect((await made.look(old)).kind).toBe('pending');
});

test('labels that move and plans that were undone bring another answer', async () => {
  const older = world.snapshot({ files: good.replace('"info"', '"warn"') });
  const newer = world.snapshot({ files: good });
  world.live('{{{');
  const made = planner();
  await made.look(faulty());
  const first = await answer(made, 1);
  expect(first).toMatchObject({ kind: 'ready', id: expect.stringContaining(newer.id.slice(0, 8)) });
  world.relabel(newer.id, 'bad');
  expect((await made.look(faulty())).kind).toBe('pending');
  const second = await answer(made, 2);
  expect(second).toMatchObject({ kind: 'ready', id: expect.stringContaining(older.id.slice(0, 8)) });
  world.kept.push({
    version: 1,
    id: 'A1',
    incident: null,
    at: instant(1),
    planId: second.kind === 'ready' ? second.id : '',
    planKind: 'snapshot',
    snapshot: older.id,
    configPath: world.configPath,
    replaced: world.hash(),
    left: null,
    files: [],
    changes: [],
    state: 'undone',
    undoes: null,
  });
  await made.look(faulty());
  expect(await answer(made, 3)).toMatchObject({
    kind: 'unavailable',
    because: expect.stringContaining('did not help before'),
  });
});

test('a snapshot that is merely recorded does not begin the planning anew', async () => {
  world.snapshot({ files: good });
  world.live(bad);
  const made = planner();
  await made.look(faulty());
  const found = await answer(made, 1);
  world.snapshot({ label: 'recorded', files: bad });
  expect(await made.look(faulty())).toEqual(found);
});

test('without a verified snapshot it names the files a person can choose', async () => {
  world.live(bad);
  world.live({ 'openclaw.json.last-good': good });
  const made = planner();
  await made.look(faulty());
  const found = await answer(made, 1);
  expect(found).toMatchObject({
    kind: 'unavailable',
    because: expect.stringMatching(
      /^no verified snapshot of the config is kept; mend .*, or choose openclaw\.json\.last-good with "immune fix-config"$/,
    ),
  });
  // Only a change brings another answer.
  aheadMs = minutes(60);
  expect(await made.look(faulty())).toEqual(found);
  expect(settled).toBe(1);
  expect(runs()).toBe(0);
});

test('a validator that cannot be asked is asked again, after a growing pause, and the answer stands meanwhile', async () => {
  world.snapshot({ files: good, openclaw: 'another' });
  world.live(bad);
  world.manner({ broken: 'Error: no zod' });
  const made = planner();
  await made.look(faulty());
  const found = await answer(made, 1);
  expect(found.kind).toBe('unavailable');
  expect(settled).toBe(1);
  aheadMs += 61_000;
  expect(await made.look(faulty())).toEqual(found);
  await answer(made, 2);
  aheadMs += 61_000;
  await made.look(faulty());
  expect(settled).toBe(2);
  world.manner({});
  aheadMs += 61_000;
  await made.look(faulty());
  expect((await answer(made, 3)).kind).toBe('ready');
});

test('a bug, a store that fails and a plan that cannot be written are answers, and no end of the watchdog', async () => {
  world.snapshot({ files: good });
  world.live(bad);
  const bug = planner({
    store: {
      ...world.store,
      read: async () => {
        throw new Error('of our own making');
      },
    },
  });
  await bug.look(faulty());
  expect(await answer(bug, 1)).toMatchObject({
    kind: 'unavailable',
    because: expect.stringContaining('could be worked out: of our own making'),
  });
  const unlisted = planner({
    store: {
      ...world.store,
      list: async () => {
        throw new Error('no git');
      },
    },
  });
  expect(await unlisted.look(faulty())).toMatchObject({
    kind: 'unknown',
    because: expect.stringContaining('no git'),
  });
  const unwritten = planner({ write: async () => ({ kind: 'failed', because: 'the disk is full' }) });
  await unwritten.look(faulty());
  expect(await answer(unwritten, 2)).toMatchObject({
    kind: 'unavailable',
    because: expect.stringContaining('disk is full'),
  });
});

test('a planning that takes too long is given up on', async () => {
  world.snapshot({ files: good });
  world.live(bad);
  world.hold(true);
  const made = planner({ limitMs: millis(50) });
  await made.look(faulty());
  expect(await answer(made, 1)).toMatchObject({
    kind: 'unavailable',
    because: expect.stringContaining('within 50 ms'),
  });
});

test('closing ends a planning and its validator', async () => {
  world.snapshot({ files: good });
  world.live(bad);
  world.hold(true);
  const made = planner();
  await made.look(faulty());
  await until('the validator runs', () => runs() === 1);
  await made.close();
  expect(settled).toBe(0);
  expect(await made.look(faulty())).toEqual({ kind: 'unread' });
});

test('it plans from the real git store, and from the plain copies when the repository is gone', async () => {
  const ground = storeIn(plans);
  const files = [{ ...file('openclaw.json', good), path: world.configPath }];
  const content = {
    files,
    openclaw: '2026.9.6',
    bootId: null,
    schemas: {},
    takenAt: instant(Date.UTC(2026, 0, 1)),
  };
  const recorded = await ground.store.record(content, { aside: null });
  if (recorded.kind !== 'recorded') throw new Error(JSON.stringify(recorded));
  expect(await ground.store.label(recorded.id, 'verified')).toEqual({ kind: 'done' });
  world.live(bad);
  const { store } = ground;
  const made = planner({ store });
  await made.look(faulty());
  const found = await answer(made, 1);
  expect(found).toMatchObject({ kind: 'ready', because: expect.stringContaining('takes bogus back') });
  rmSync(ground.dir, { recursive: true });
  world.live('{{{');
  await made.look(faulty());
  expect(await answer(made, 2)).toMatchObject({
    kind: 'ready',
    id: expect.stringContaining(recorded.id.slice(0, 8)),
  });
});
