import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, test } from 'vitest';
import { checkTrees, suspectKey } from '../../src/vault/compare-tree.ts';
import { type Manifest, unitText } from '../../src/vault/manifest.ts';
import { workspace } from '../system/workspace.ts';
import { byUser } from '../user/by-user.ts';
import { checked, file, flip, never, openclaw, plant, put, recorded, told } from './tree-ground.ts';

let root: string;
let manifest: Manifest;
const at = (path: string): string => join(root, path);
beforeEach(async () => {
  root = join(workspace(), 'openclaw');
  plant(root, openclaw);
  manifest = await recorded(root);
});

test.each(['quick', 'full'] as const)('a tree as it was recorded has no differences (%s)', async (depth) => {
  expect(await checked(manifest, depth)).toEqual({ depth, differences: [], damaged: [] });
});

const damages: readonly (readonly [string, () => void, readonly string[], readonly string[]])[] = [
  [
    'a package that is gone',
    () => rmSync(at('node_modules/ws'), { recursive: true }),
    [
      'missing node_modules/ws',
      'missing node_modules/ws/bin',
      'missing node_modules/ws/bin/tool.js',
      'missing node_modules/ws/lib',
      'missing node_modules/ws/lib/websocket.js',
      'missing node_modules/ws/package.json',
    ],
    ['node_modules/ws'],
  ],
  [
    'a file that is gone',
    () => unlinkSync(at('node_modules/ws/lib/websocket.js')),
    ['missing node_modules/ws/lib/websocket.js'],
    ['node_modules/ws'],
  ],
  [
    'a file cut off',
    () => truncateSync(at('dist/run-A1.mjs'), 5),
    ['truncated dist/run-A1.mjs'],
    ['dist (1)'],
  ],
  [
    'an emptied file of a nested package',
    () => truncateSync(at('node_modules/@scope/one/node_modules/deep/index.js'), 0),
    ['truncated node_modules/@scope/one/node_modules/deep/index.js'],
    ['node_modules/@scope/one'],
  ],
  [
    'a file that grew',
    () => appendFileSync(at('dist/worker/worker.mjs'), 'x'),
    ['altered dist/worker/worker.mjs'],
    ['dist/worker'],
  ],
  [
    'a file written again with other bytes of the same length',
    () => writeFileSync(at('node_modules/ws/bin/tool.js'), 'fool();'),
    ['altered node_modules/ws/bin/tool.js'],
    ['node_modules/ws'],
  ],
  [
    'a program that may no longer be executed',
    () => chmodSync(at('node_modules/ws/bin/tool.js'), 0o644),
    ['altered node_modules/ws/bin/tool.js'],
    ['node_modules/ws'],
  ],
  [
    'a link that leads elsewhere',
    () => {
      unlinkSync(at('node_modules/.bin/tool'));
      symlinkSync('../ws/lib/websocket.js', at('node_modules/.bin/tool'));
    },
    ['altered node_modules/.bin/tool'],
    ['node_modules/.bin'],
  ],
  [
    'a link that became a file',
    () => {
      unlinkSync(at('node_modules/.bin/tool'));
      writeFileSync(at('node_modules/.bin/tool'), '');
    },
    ['altered node_modules/.bin/tool'],
    ['node_modules/.bin'],
  ],
  [
    'a file that became a folder',
    () => {
      unlinkSync(at('node_modules/ws/package.json'));
      plant(at('node_modules/ws/package.json'), { inside: file('x') });
    },
    ['altered node_modules/ws/package.json'],
    ['node_modules/ws'],
  ],
  [
    'a folder that became a file',
    () => {
      rmSync(at('node_modules/ws/bin'), { recursive: true });
      writeFileSync(at('node_modules/ws/bin'), '');
    },
    ['altered node_modules/ws/bin', 'missing node_modules/ws/bin/tool.js'],
    ['node_modules/ws'],
  ],
  [
    'a folder that became a link to its own copy',
    () => {
      renameSync(at('node_modules/ws/bin'), at('../bin'));
      symlinkSync(at('../bin'), at('node_modules/ws/bin'));
    },
    ['altered node_modules/ws/bin', 'missing node_modules/ws/bin/tool.js'],
    ['node_modules/ws'],
  ],
  [
    'an extra file, which is no damage',
    () => put(at('node_modules/ws/new.js'), file('x')),
    ['extra node_modules/ws/new.js'],
    [],
  ],
  [
    'an extra folder, told once',
    () => plant(at('node_modules/@other/thing'), { 'a.js': file('x'), 'b.js': file('y') }),
    ['extra node_modules/@other'],
    [],
  ],
  [
    'a name in the other form of its accent',
    () => renameSync(at('node_modules/@scope/two/caf\u00e9.js'), at('node_modules/@scope/two/cafe\u0301.js')),
    ['extra node_modules/@scope/two/cafe\u0301.js', 'missing node_modules/@scope/two/caf\u00e9.js'],
    ['node_modules/@scope/two'],
  ],
  [
    'a name with a line break',
    () => unlinkSync(at('node_modules/odd/line\nbreak.js')),
    ['missing node_modules/odd/line\nbreak.js'],
    ['node_modules/odd'],
  ],
  [
    'an empty folder that is gone',
    () => rmSync(at('node_modules/odd/none'), { recursive: true }),
    ['missing node_modules/odd/none'],
    ['node_modules/odd'],
  ],
  [
    'the file that says what the package is',
    () => unlinkSync(at('package.json')),
    ['missing package.json'],
    ['the package itself'],
  ],
];

describe.each(['quick', 'full'] as const)('a %s check names', (depth) => {
  test.each(damages)('%s', async (_what, damage, differences, units) => {
    damage();
    const check = await checked(manifest, depth);
    expect(told(check)).toEqual(differences);
    expect(check.damaged.map((unit) => unitText(unit))).toEqual(units);
  });

  it('everything below a folder of packages that is gone, and its units', async () => {
    rmSync(at('node_modules'), { recursive: true });
    const check = await checked(manifest, depth);
    const lost = manifest.units.flatMap(({ entries }) => entries.map(({ path }) => path));
    expect(told(check)).toEqual(
      lost
        .filter((path) => path.startsWith('node_modules'))
        .map((path) => `missing ${path}`)
        .sort(),
    );
    expect(check.damaged.map(({ path }) => path)).toEqual(
      manifest.units.map(({ path }) => path).filter((path) => path === '' || path.startsWith('node_modules')),
    );
  });

  it('everything when nothing is there', async () => {
    rmSync(root, { recursive: true });
    expect((await checked(manifest, depth)).damaged).toEqual(manifest.units);
  });
});

describe('one flipped byte under the same size and time', () => {
  const path = 'node_modules/ws/lib/websocket.js';
  beforeEach(() => flip(at(path), Buffer.from('class WebSocket {{')));

  it('is found by the full check', async () => {
    expect(told(await checked(manifest, 'full'))).toEqual([`altered ${path}`]);
  });

  it('is not seen by the quick one, unless the file is under suspicion', async () => {
    expect(told(await checked(manifest, 'quick'))).toEqual([]);
    const suspects = new Set([suspectKey('openclaw', path)]);
    const check = await checkTrees(manifest, { depth: 'quick', signal: never, suspects });
    expect(check).toMatchObject({ differences: [{ kind: 'altered', path }] });
  });
});

test('a file that was written again with the same bytes is the same', async () => {
  utimesSync(at('dist/index.js'), 1, 1);
  expect(told(await checked(manifest, 'quick'))).toEqual([]);
});

test('bits that only others lost are no damage to the owner of the files', async () => {
  chmodSync(at('openclaw.mjs'), 0o700);
  chmodSync(at('dist/worker'), 0o700);
  expect(told(await checked(manifest, 'quick'))).toEqual([]);
});

test('a part of the manifest is compared without taking the rest for extra', async () => {
  put(at('node_modules/ws/new.js'), file('x'));
  put(at('docs/new.md'), file('x'));
  put(at('new.md'), file('x'));
  unlinkSync(at('dist/index.js'));
  const units = manifest.units.filter(({ path }) => path === 'node_modules/ws' || path === '');
  const check = await checkTrees({ ...manifest, units }, { depth: 'full', signal: never, isPart: true });
  if ('kind' in check) throw new Error(check.because);
  expect(told(check)).toEqual(['extra node_modules/ws/new.js']);
});

test('a check that was asked to end says so', async () => {
  const check = await checkTrees(manifest, { depth: 'full', signal: AbortSignal.abort() });
  expect(check).toMatchObject({ kind: 'failed', because: expect.stringContaining('asked to end') });
});

byUser('a folder that is closed to us proves nothing', async () => {
  chmodSync(at('node_modules'), 0);
  try {
    const check = await checkTrees(manifest, { depth: 'quick', signal: never });
    expect(check).toMatchObject({ kind: 'failed', because: expect.stringContaining('EACCES') });
  } finally {
    chmodSync(at('node_modules'), 0o755);
  }
});

test('the check itself changes nothing', async () => {
  const before = readdirSync(root, { recursive: true }).sort();
  const times = before.map((path) => statSync(at(String(path))).ctimeMs);
  await checked(manifest, 'full');
  expect(readdirSync(root, { recursive: true }).sort()).toEqual(before);
  expect(before.map((path) => statSync(at(String(path))).ctimeMs)).toEqual(times);
  mkdirSync(at('docs/after'));
});
