import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { findPlainDamage, readDependencies } from '../../src/gateway/dependencies.ts';
import type { LiveProcess } from '../../src/gateway/live-processes.ts';
import { workspace } from '../system/workspace.ts';
import { byUser } from '../user/by-user.ts';
import { installOpenclaw, write } from './package-fixture.ts';

let root: string;
let asked: number;
let alive: readonly LiveProcess[];
beforeEach(() => {
  root = join(workspace(), 'lib', 'node_modules', 'openclaw');
  installOpenclaw(root);
  asked = 0;
  alive = [];
});

const processes = async (): Promise<readonly LiveProcess[]> => {
  asked += 1;
  return alive;
};
const read = (packageRoot: string | null = root) => readDependencies({ packageRoot, processes });
const drop = (...path: readonly string[]): void =>
  rmSync(join(root, ...path), { recursive: true, force: true });
const aside = (): string => join(dirname(root), '.openclaw-tw5YBlZG');

test('a healthy package is intact with all its oddities, and no process list is asked for', async () => {
  expect(await read()).toEqual({ kind: 'intact', version: '2026.9.6' });
  expect(asked).toBe(0);
});

test('a healthy package that a link leads to is intact, its dependencies beside the real one', async () => {
  const store = join(workspace(), 'store', 'node_modules');
  mkdirSync(store, { recursive: true });
  renameSync(join(root, 'node_modules', 'ws'), join(store, 'ws'));
  renameSync(root, join(store, 'openclaw'));
  symlinkSync(join(store, 'openclaw'), root);
  expect(await read()).toMatchObject({ kind: 'intact' });
});

test.each<[string, () => void, readonly string[]]>([
  ['a direct dependency', () => drop('node_modules', 'ws'), ['ws']],
  ['a nested dependency', () => drop('node_modules', 'alpha', 'node_modules'), ['beta']],
  ['a dependency of a dependency', () => drop('node_modules', 'gamma'), ['gamma']],
  ['all files but the package.json', () => drop('node_modules', 'alpha', 'lib'), ['alpha']],
  ['all of node_modules', () => drop('node_modules'), ['ws', 'alpha', '@scope/odd', '@types/only']],
])('%s gone is missing by name', async (_what, harm, names) => {
  harm();
  expect(await read()).toMatchObject({ kind: 'missing', names });
});

test('a torn package.json of a dependency is missing, and none of its text is told', async () => {
  writeFileSync(join(root, 'node_modules', 'ws', 'package.json'), '{"main": "sec');
  const found = await read();
  expect(found).toMatchObject({ kind: 'missing', names: ['ws'] });
  expect(JSON.stringify(found)).not.toContain('sec"');
});

test('one lost file of a dependency that has others is not claimed', async () => {
  drop('node_modules', 'ws', 'index.js');
  expect(await read()).toMatchObject({ kind: 'intact' });
});

test.each<[string, () => void, readonly string[], string]>([
  ['a lost chunk', () => drop('dist', 'run-A1.mjs'), ['dist/run-A1.mjs'], 'is missing'],
  [
    'a truncated chunk',
    () => writeFileSync(join(root, 'dist', 'run-A1.mjs'), 'export'),
    ['dist/run-A1.mjs'],
    'has 6 bytes instead of 21',
  ],
  ['a lost entry', () => drop('dist', 'index.js'), ['dist/index.js'], 'is missing'],
  ['a lost package.json', () => drop('package.json'), ['package.json'], 'package.json is missing'],
  [
    'a list of sizes that is gone',
    () => drop('dist', 'postinstall-content-inventory.json'),
    ['dist/postinstall-content-inventory.json'],
    'is missing',
  ],
  [
    'a package.json of something else',
    () => writeFileSync(join(root, 'package.json'), '{"name":"other"}'),
    ['package.json'],
    'does not name openclaw',
  ],
])('%s is corrupted', async (_what, harm, files, because) => {
  harm();
  expect(await read()).toEqual({
    kind: 'corrupted',
    files,
    // Only one that is there may be somebody's patch.
    lost: because.includes('is missing'),
    because: expect.stringContaining(because),
  });
});

test('at most five files are named, and the rest are counted', async () => {
  const paths = Array.from({ length: 9 }, (_, index) => `dist/chunk-${index}.mjs`);
  write(join(root, 'dist', 'postinstall-inventory.json'), paths);
  expect(await read()).toMatchObject({
    kind: 'corrupted',
    files: paths.slice(0, 5),
    because: expect.stringContaining('8 more files'),
  });
});

test('missing comes before corrupted, and the reason names both', async () => {
  drop('node_modules', 'ws');
  drop('dist', 'run-A1.mjs');
  const found = await read();
  expect(found).toMatchObject({ kind: 'missing', names: ['ws'] });
  expect(found).toMatchObject({ because: expect.stringMatching(/ws is missing.*run-A1\.mjs is missing/) });
});

test('without sizes a truncated chunk is not seen, but a lost one and an empty entry are', async () => {
  drop('dist');
  installOpenclaw(root, { withSizes: false });
  drop('dist', 'postinstall-content-inventory.json');
  writeFileSync(join(root, 'dist', 'run-A1.mjs'), 'export');
  expect(await read()).toMatchObject({ kind: 'intact' });
  writeFileSync(join(root, 'dist', 'index.js'), '');
  expect(await read()).toMatchObject({ kind: 'corrupted', files: ['dist/index.js'] });
});

test.each([['torn ['], ['{"a":1}'], ['["../../etc/passwd"]'], ['[1]']])(
  'an inventory of %j is no damage, and is told only beside some',
  async (text) => {
    writeFileSync(join(root, 'dist', 'postinstall-inventory.json'), text);
    expect(await read()).toMatchObject({ kind: 'intact' });
    drop('node_modules', 'ws');
    expect(await read()).toMatchObject({
      kind: 'missing',
      because: expect.stringContaining('postinstall-inventory.json'),
    });
  },
);

test('half an installation with the old package aside names it', async () => {
  renameSync(root, aside());
  write(join(root, '.openclaw-lifecycle-pending'), '{}');
  write(join(root, 'skills', 'a.md'), 'text');
  const found = await read();
  expect(found).toMatchObject({ kind: 'half-installed', aside: aside() });
  expect(found).toMatchObject({ because: expect.stringContaining('package.json is missing') });
});

test('a package moved aside with nothing in its place yet is half an installation', async () => {
  renameSync(root, aside());
  expect(await read()).toMatchObject({ kind: 'half-installed', aside: aside() });
});

test('a fragment without package.json and entry is half an installation without an old package', async () => {
  drop('package.json');
  drop('dist', 'index.js');
  expect(await read()).toMatchObject({ kind: 'half-installed', aside: null });
});

test('damage beside a pending marker is half an installation', async () => {
  write(join(root, '.openclaw-lifecycle-pending'), '{}');
  drop('node_modules', 'ws');
  expect(await read()).toMatchObject({ kind: 'half-installed', aside: null });
});

test('a folder of that name that holds no openclaw is no old package', async () => {
  mkdirSync(aside());
  drop('node_modules', 'ws');
  expect(await read()).toMatchObject({ kind: 'missing' });
});

test.each<[string, () => void]>([
  ['a pending marker', () => write(join(root, '.openclaw-lifecycle-pending'), '{}')],
  ['an old package aside', () => installOpenclaw(aside())],
])('%s beside a whole package is harmless', async (_what, leave) => {
  leave();
  expect(await read()).toMatchObject({ kind: 'intact' });
});

test('damage while an install runs is an install under way', async () => {
  drop('node_modules', 'ws');
  alive = [{ pid: 77, command: 'npm install -g openclaw@2026.9.7' }];
  expect(await read()).toEqual({ kind: 'installing', because: 'an install is running: process 77' });
});

test('damage that is mended before the second look is none', async () => {
  drop('node_modules', 'ws');
  const found = await readDependencies({
    packageRoot: root,
    processes: async () => {
      installOpenclaw(root);
      return [];
    },
  });
  expect(found).toMatchObject({ kind: 'intact' });
});

test('damage without a process list is unknown', async () => {
  drop('node_modules', 'ws');
  const found = await readDependencies({
    packageRoot: root,
    processes: async () => {
      throw new Error('ps gave no answer');
    },
  });
  expect(found).toMatchObject({ kind: 'unknown', because: expect.stringContaining('ps gave no answer') });
});

test('a package that is gone is missing, one whose whole folder is gone is unknown', async () => {
  drop();
  expect(await read()).toMatchObject({ kind: 'missing', names: ['openclaw'] });
  rmSync(dirname(root), { recursive: true });
  expect(await read()).toMatchObject({ kind: 'unknown' });
  expect(await read(null)).toMatchObject({ kind: 'unknown' });
});

// Root may read everything, so the question does not arise for it.
byUser('a folder that is closed to us is unknown', async () => {
  const modules = join(root, 'node_modules');
  chmodSync(modules, 0o000);
  expect(await read()).toMatchObject({ kind: 'unknown' });
  chmodSync(modules, 0o700);
});

test('something that cannot be read as a file is unknown, whoever we are', async () => {
  drop('node_modules', 'ws', 'package.json');
  mkdirSync(join(root, 'node_modules', 'ws', 'package.json'));
  expect(await read()).toMatchObject({ kind: 'unknown' });
});

test('the plain look sees the entry and the direct dependencies only', async () => {
  expect(await findPlainDamage(root)).toBeNull();
  drop('node_modules', 'gamma');
  expect(await findPlainDamage(root)).toBeNull();
  drop('node_modules', 'alpha');
  expect(await findPlainDamage(root)).toContain('alpha is missing');
});
