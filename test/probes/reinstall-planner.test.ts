import { rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { DependencyEvidence } from '../../src/core/ground-evidence.ts';
import { type Clock, millis, minutes, seconds } from '../../src/core/time.ts';
import type { ReinstallSources } from '../../src/probes/reinstall-parts.ts';
import {
  createReinstallPlanner,
  damageSeen,
  type ReinstallPlannerParts,
} from '../../src/probes/reinstall-planner.ts';
import { systemClock } from '../../src/system/clock.ts';
import { readPackagePlan, writePackagePlan } from '../../src/vault/package-plans.ts';
import { until, workspace } from '../system/workspace.ts';
import { build, now, reinstallWorld } from './reinstall-world.ts';

let world: ReturnType<typeof reinstallWorld>;
let plans: string;
let settled: number;
let aheadMs: number;
const open: { close(): Promise<void> }[] = [];
beforeEach(async () => {
  world = reinstallWorld(workspace());
  world.install();
  await world.record();
  plans = join(workspace(), 'package-plans');
  settled = 0;
  aheadMs = 0;
});
afterEach(async () => {
  for (const planner of open.splice(0)) await planner.close();
});

const real = systemClock();
const clock: Clock = { ...real, elapsed: () => millis(real.elapsed() + aheadMs) };
const pending = { kind: 'pending', because: 'how to put the package back is being worked out' };
const missing = (...names: string[]): DependencyEvidence => ({ kind: 'missing', names, because: 'gone' });
const intact: DependencyEvidence = { kind: 'intact', version: '2026.9.6' };

function planner(more: Partial<ReinstallPlannerParts> = {}) {
  const made = createReinstallPlanner({
    clock,
    uid: world.uid,
    place: () => ({
      packageRoot: world.packageRoot,
      stateDir: world.stateDir,
      version: '2026.9.6',
      prefix: world.prefix,
      node: world.node,
    }),
    sources: world.sources(),
    write: (plan) => writePackagePlan(plans, plan),
    onSettled: () => {
      settled += 1;
    },
    ...more,
  });
  open.push(made);
  return made;
}
async function answer(of: ReturnType<typeof planner>, after: number, seen = missing('ws')) {
  await until(`planning ${after} has settled`, () => settled >= after);
  return of.look(seen);
}
/** Planning stops here until it is let go. */
function gate(): { readonly more: Partial<ReinstallSources>; open(): void; asked(): number } {
  let asked = 0;
  let letGo = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const nodeBuild = async () => {
    asked += 1;
    await opened;
    return build;
  };
  return { more: { nodeBuild }, open: letGo, asked: () => asked };
}
const removeWs = (): void => rmSync(join(world.root, 'node_modules', 'ws'), { recursive: true });

test('a look answers at once, the next one has the plan, and it is on disk', async () => {
  removeWs();
  const held = gate();
  world.more = held.more;
  const made = planner();
  expect(await made.look(missing('ws'))).toEqual(pending);
  expect(await made.look(missing('ws'))).toEqual(pending);
  held.open();
  const found = await answer(made, 1);
  expect(found).toMatchObject({ kind: 'ready', because: expect.stringContaining('node_modules/ws') });
  const read = await readPackagePlan(plans, found.kind === 'ready' ? found.id : '');
  expect(read).toMatchObject({ kind: 'read', plan: { kind: 'packages' } });
  // It is remembered: nothing is worked out for it again.
  expect(await made.look(missing('ws'))).toEqual(found);
  expect([held.asked(), settled]).toEqual([1, 1]);
});

test.each<DependencyEvidence>([
  { kind: 'unread' },
  { kind: 'unknown', because: 'x' },
  { kind: 'installing', because: 'x' },
])('there is nothing to plan for a package that is %j', async (dependencies) => {
  expect(await planner().look(dependencies)).toEqual({ kind: 'unread' });
});

test('what is seen decides how it is looked at', () => {
  const aside = { kind: 'half-installed', aside: '/a', because: '' } as const;
  expect(damageSeen(aside)).toEqual({ aside: '/a', depth: 'quick', plugins: false });
  expect(
    damageSeen(
      { kind: 'corrupted', files: [], lost: true, because: '' },
      { kind: 'broken', id: 'x', because: '' },
    ),
  ).toEqual({ aside: null, depth: 'quick', plugins: true });
  expect(damageSeen(intact, { kind: 'intact' })).toEqual({ aside: null, depth: 'full', plugins: false });
});

test('an intact package that the log calls damaged is compared byte for byte, and what differs is mended', async () => {
  writeFileSync(join(world.root, 'node_modules', 'ws', 'index.js'), 'sj');
  const made = planner();
  expect(await made.look(intact)).toEqual(pending);
  expect(await answer(made, 1, intact)).toMatchObject({
    kind: 'ready',
    id: expect.stringMatching(/^packages-/),
  });
  expect(world.checks).toEqual(['full']);
});

test('an intact package in which nothing differs is told to be as it was, with a command to type', async () => {
  const made = planner();
  await made.look(intact);
  expect(await answer(made, 1, intact)).toEqual({
    kind: 'unavailable',
    because:
      'every file of the package is as it was when the gateway last proved healthy, so putting files back cannot help; run "immune fix-deps --dry-run"',
  });
});

test('every refusal ends with a command to type', async () => {
  removeWs();
  const install = /; run "npm install -g openclaw@2026\.9\.6 --prefix [^"]+"$/;
  const rounds: readonly (readonly [Partial<ReinstallSources>, string | null, RegExp])[] = [
    [{ manifests: async () => [] }, world.root, install],
    [{ busy: async () => 'process 7 is at work' }, world.root, /; run "immune fix-deps"$/],
    [{}, null, install],
    [{}, join(world.modules, 'elsewhere'), /; run "immune fix-deps"$/],
  ];
  for (const [more, packageRoot, end] of rounds) {
    world.more = more;
    world.packageRoot = packageRoot;
    settled = 0;
    const made = planner();
    await made.look(missing('ws'));
    const found = await answer(made, 1);
    expect(found).toMatchObject({ kind: 'unavailable', because: expect.stringMatching(end) });
  }
});

test('a plan that cannot be stored is not offered', async () => {
  removeWs();
  const made = planner({ write: async () => ({ kind: 'failed', because: 'the disk is full' }) });
  await made.look(missing('ws'));
  expect(await answer(made, 1)).toMatchObject({
    kind: 'unavailable',
    because: expect.stringContaining('the disk is full'),
  });
});

test('other damage ends the planning for what was seen before, and is planned for itself', async () => {
  removeWs();
  const held = gate();
  world.more = held.more;
  const made = planner();
  await made.look(missing('ws'));
  await until('the planning has begun', () => held.asked() === 1);
  expect(await made.look(missing('ws', 'gamma'))).toEqual(pending);
  held.open();
  await until('the first planning has ended', () => settled === 1);
  expect(await made.look(missing('ws', 'gamma'))).toEqual(pending);
  expect(await answer(made, 2, missing('ws', 'gamma'))).toMatchObject({ kind: 'ready' });
});

test('a repair that did not help, and a change of the package, bring another answer', async () => {
  removeWs();
  const made = planner();
  await made.look(missing('ws'));
  const first = await answer(made, 1);
  const planId = first.kind === 'ready' ? first.id : '';
  world.repairs.push({
    id: 'A1',
    at: real.now(),
    planId,
    planKind: 'packages',
    state: 'undone',
    undoneFor: 'unhelpful',
  });
  expect(await made.look(missing('ws'))).toEqual(pending);
  expect(await answer(made, 2)).toMatchObject({ kind: 'ready', id: expect.stringMatching(/^tree-/) });
  utimesSync(join(world.root, 'dist'), 1, 1);
  expect(await made.look(missing('ws'))).toEqual(pending);
  expect(await answer(made, 3)).toMatchObject({ kind: 'ready', id: expect.stringMatching(/^tree-/) });
});

test('an answer is worked out again after a minute, then ever more seldom, and stands meanwhile', async () => {
  removeWs();
  let begun = 0;
  const busy = async () => {
    begun += 1;
    return null;
  };
  world.more = { freeBytes: async () => 0, busy };
  const made = planner();
  await made.look(missing('ws'));
  const first = await answer(made, 1);
  expect(first).toMatchObject({ kind: 'unavailable', because: expect.stringContaining('too little room') });
  aheadMs += seconds(60);
  expect(await made.look(missing('ws'))).toEqual(first);
  expect(await answer(made, 2)).toEqual(first);
  aheadMs += seconds(90);
  expect(await made.look(missing('ws'))).toEqual(first);
  expect(begun).toBe(2);
  aheadMs += seconds(30);
  await made.look(missing('ws'));
  await until('it was worked out again', () => settled === 3);
  aheadMs += minutes(15);
  await made.look(missing('ws'));
  await until('never less than every quarter of an hour', () => settled === 4);
});

test('a planning that takes too long is given up on, with a word', async () => {
  const held = gate();
  world.more = held.more;
  removeWs();
  const made = planner({ limitMs: millis(20) });
  await made.look(missing('ws'));
  expect(await answer(made, 1)).toMatchObject({
    kind: 'unavailable',
    because: expect.stringContaining('within 20 ms'),
  });
  held.open();
});

test('a bug while planning is told, and a bug before it proves nothing', async () => {
  removeWs();
  const broken = async (): Promise<never> => {
    throw new Error('a bug');
  };
  world.more = { hasUnit: broken };
  const made = planner();
  await made.look(missing('ws'));
  expect(await answer(made, 1)).toMatchObject({
    kind: 'unavailable',
    because: expect.stringContaining('could be worked out: a bug; run "npm'),
  });
  world.more = { manifests: broken };
  expect(await planner().look(missing('ws'))).toMatchObject({ kind: 'unknown' });
});

test('a planner that was closed plans nothing more, and says nothing of what it ended', async () => {
  removeWs();
  const held = gate();
  world.more = held.more;
  const made = planner();
  await made.look(missing('ws'));
  await until('the planning has begun', () => held.asked() === 1);
  const closing = made.close();
  held.open();
  await closing;
  expect(settled).toBe(0);
  expect(await made.look(missing('ws'))).toEqual({ kind: 'unread' });
  expect(now).toBeGreaterThan(0);
});
