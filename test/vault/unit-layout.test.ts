import { expect, it, test } from 'vitest';
import type { ManifestEntry } from '../../src/vault/manifest.ts';
import { compareUnits, unitKey, unitOf } from '../../src/vault/unit-layout.ts';

type Kind = ManifestEntry['kind'];

test.each<[string, Kind, string]>([
  ['package.json', 'file', ' 0'],
  ['openclaw', 'link', ' 0'],
  ['dist', 'directory', ' 0'],
  ['node_modules', 'directory', ' 0'],
  ['node_modules/@scope', 'directory', ' 0'],
  ['dist', 'link', ' 0'],
  ['node_modules', 'file', ' 0'],
  ['docs', 'directory', 'docs whole'],
  ['docs/a b/index.md', 'file', 'docs whole'],
  ['@scope', 'directory', '@scope whole'],
  ['node_modules/.package-lock.json', 'file', 'node_modules 0'],
  ['node_modules/linked', 'link', 'node_modules 0'],
  ['node_modules/@scope/file', 'file', 'node_modules/@scope 0'],
  ['node_modules/@scope/linked', 'link', 'node_modules/@scope 0'],
  ['node_modules/@scope', 'link', 'node_modules 0'],
  ['node_modules/.bin', 'directory', 'node_modules/.bin whole'],
  ['node_modules/.bin/tool', 'link', 'node_modules/.bin whole'],
  ['node_modules/ws', 'directory', 'node_modules/ws whole'],
  ['node_modules/ws/lib/websocket.js', 'file', 'node_modules/ws whole'],
  ['node_modules/ws/index.js', 'file', 'node_modules/ws whole'],
  ['node_modules/@scope/one', 'directory', 'node_modules/@scope/one whole'],
  ['node_modules/@scope/one/x', 'file', 'node_modules/@scope/one whole'],
  ['node_modules/@scope/one/node_modules/deep/x', 'file', 'node_modules/@scope/one whole'],
  ['node_modules/@', 'directory', 'node_modules/@ whole'],
  ['dist/worker', 'directory', 'dist/worker whole'],
  ['dist/worker/worker.mjs', 'file', 'dist/worker whole'],
])('%s as a %s belongs to the unit "%s"', (path, kind, unit) => {
  const found = unitOf(path, kind);
  expect(`${found.path} ${found.part}`).toBe(unit);
});

it('spreads the files of dist over sixteen shares, always the same ones', () => {
  const shares = Array.from({ length: 2_000 }, (_, at) => unitOf(`dist/chunk-${at}.mjs`, 'file'));
  expect(new Set(shares.map(({ path }) => path))).toEqual(new Set(['dist']));
  const counts = new Map<unknown, number>();
  for (const { part } of shares) counts.set(part, (counts.get(part) ?? 0) + 1);
  expect([...counts.keys()].sort((a, b) => Number(a) - Number(b))).toEqual([...Array(16).keys()]);
  for (const count of counts.values()) expect(count).toBeGreaterThan(60);
  // A manifest of today is read by every later version.
  expect(unitOf('dist/index.js', 'file').part).toBe(unitOf('dist/index.js', 'link').part);
  expect(unitOf('dist/index.js', 'file')).toEqual({ path: 'dist', part: 4 });
});

it('sorts units by path and share, and tells each from every other', () => {
  const units = [
    { tree: 'openclaw', path: 'dist', part: 10 },
    { tree: 'openclaw', path: 'dist', part: 2 },
    { tree: 'openclaw', path: '', part: 0 },
    { tree: 'openclaw', path: 'dist/worker', part: 'whole' },
  ] as const;
  expect([...units].sort(compareUnits).map(({ path, part }) => `${path} ${part}`)).toEqual([
    ' 0',
    'dist 2',
    'dist 10',
    'dist/worker whole',
  ]);
  expect(new Set(units.map(unitKey)).size).toBe(units.length);
});
