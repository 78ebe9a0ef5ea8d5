import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { type Clock, instant, type Millis, millis } from '../../src/core/time.ts';
import { createDependencySight, type DependencyLook } from '../../src/probes/dependency-sight.ts';
import { installOpenclaw, write } from '../gateway/package-fixture.ts';
import { workspace } from '../system/workspace.ts';

const minute = 60_000;
const whole: DependencyLook = {
  dependencies: { kind: 'intact', version: '2026.9.6' },
  plugins: { kind: 'intact' },
};
const damaged: DependencyLook = {
  dependencies: { kind: 'missing', names: ['ws'], because: 'ws is missing' },
  plugins: { kind: 'intact' },
};

let passed: number;
let reads: number;
let answer: () => Promise<DependencyLook>;
let place: { readonly packageRoot: string; readonly stateDir: string };
/** Ends every sleep at once when set: the time allowed for a look has passed. */
let slow: boolean;
beforeEach(() => {
  const home = workspace();
  place = { packageRoot: join(home, 'lib', 'node_modules', 'openclaw'), stateDir: join(home, '.openclaw') };
  installOpenclaw(place.packageRoot);
  passed = 0;
  reads = 0;
  slow = false;
  answer = async () => whole;
});

const clock: Clock = {
  now: () => instant(passed),
  elapsed: () => millis(passed),
  sleep: (_length: Millis, signal?: AbortSignal) =>
    slow
      ? Promise.resolve()
      : new Promise((resolve) => {
          signal?.addEventListener('abort', () => resolve(), { once: true });
        }),
};
const counted = () =>
  createDependencySight({
    clock,
    place: () => place,
    processes: async () => [],
    read: () => {
      reads += 1;
      return answer();
    },
  });

test('while the gateway serves, an intact package is looked at again after six hours', async () => {
  const sight = counted();
  expect(await sight.look({ failing: false })).toEqual(whole);
  passed = 6 * 60 * minute;
  await sight.look({ failing: false });
  expect(reads).toBe(1);
  passed += 1;
  await sight.look({ failing: false });
  expect(reads).toBe(2);
});

test('while it fails, an answer is at most thirty seconds old', async () => {
  const sight = counted();
  await sight.look({ failing: true });
  passed = 30_000;
  await sight.look({ failing: true });
  expect(reads).toBe(1);
  passed += 1;
  answer = async () => damaged;
  expect(await sight.look({ failing: true })).toEqual(damaged);
});

test('damage seen while serving is looked at again after ten minutes', async () => {
  const sight = counted();
  answer = async () => damaged;
  await sight.look({ failing: false });
  passed = 10 * minute + 1;
  answer = async () => whole;
  expect(await sight.look({ failing: false })).toEqual(whole);
});

test.each<[string, () => void]>([
  [
    'a package.json',
    () => write(join(place.packageRoot, 'package.json'), { name: 'openclaw', version: '1' }),
  ],
  ['a dependency', () => rmSync(join(place.packageRoot, 'node_modules', 'ws'), { recursive: true })],
  ['the dist folder', () => rmSync(join(place.packageRoot, 'dist', 'run-A1.mjs'))],
  ['a package beside it', () => write(join(place.packageRoot, '..', '.openclaw-abcdefgh', 'x'), '')],
  ['a plugin project', () => write(join(place.stateDir, 'npm', 'projects', 'p', 'package.json'), '{}')],
])('a change of %s is looked at at once', async (_what, change) => {
  const sight = counted();
  await sight.look({ failing: false });
  change();
  await sight.look({ failing: false });
  expect(reads).toBe(2);
});

test('another place is looked at at once', async () => {
  const sight = counted();
  await sight.look({ failing: false });
  place = { ...place, packageRoot: join(workspace(), 'openclaw') };
  await sight.look({ failing: false });
  expect(reads).toBe(2);
});

test('questions at the same time share one look', async () => {
  const sight = counted();
  await Promise.all([
    sight.look({ failing: true }),
    sight.look({ failing: false }),
    sight.look({ failing: true }),
  ]);
  expect(reads).toBe(1);
});

test('a look that does not end is unknown in time, and is not begun a second time', async () => {
  let finish: (look: DependencyLook) => void = () => undefined;
  answer = () => new Promise((resolve) => (finish = resolve));
  const sight = counted();
  slow = true;
  expect(await sight.look({ failing: true })).toMatchObject({
    dependencies: { kind: 'unknown' },
    plugins: { kind: 'unknown' },
  });
  await sight.look({ failing: true });
  slow = false;
  const waiting = sight.look({ failing: true });
  await expect.poll(() => reads).toBe(1);
  finish(damaged);
  expect(await waiting).toEqual(damaged);
  expect(reads).toBe(1);
});

test('a bug below is an unknown answer, not a thrown error, and the next question asks anew', async () => {
  const sight = counted();
  answer = () => Promise.reject(new Error('a slip'));
  expect(await sight.look({ failing: true })).toMatchObject({
    dependencies: { kind: 'unknown', because: expect.stringContaining('a slip') },
  });
  answer = async () => whole;
  expect(await sight.look({ failing: true })).toEqual(whole);
});

test('without a stand-in it reads the files themselves', async () => {
  const sight = createDependencySight({ clock, place: () => place, processes: async () => [] });
  expect(await sight.look({ failing: false })).toEqual(whole);
  rmSync(join(place.packageRoot, 'node_modules', 'ws'), { recursive: true });
  expect(await sight.look({ failing: false })).toMatchObject({
    dependencies: { kind: 'missing', names: ['ws'] },
  });
});
