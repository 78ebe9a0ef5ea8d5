import { lstatSync, renameSync, rmSync, symlinkSync, truncateSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ManifestEntry } from '../../src/vault/manifest.ts';
import { readManifest, writeManifest } from '../../src/vault/manifest-file.ts';
import { workspace } from '../system/workspace.ts';
import { checked, file, flip, type Node, plant, put, recorded, told } from './tree-ground.ts';

const name = fc.constantFrom(
  'a',
  'B',
  'a b',
  'x.js',
  'é',
  'e\u0301x',
  'l\nb',
  '@s',
  'dist',
  'node_modules',
  'ws',
);
const top = fc.constantFrom('dist', 'node_modules', 'node_modules/@s', 'docs', 'node_modules/ws', '');
const node: fc.Arbitrary<Node> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      file: fc.string({ minLength: 1, maxLength: 40 }),
      mode: fc.constantFrom(0o644, 0o755),
    }),
  },
  { weight: 1, arbitrary: fc.constantFrom<Node>({ link: '.' }, { link: './gone' }) },
  { weight: 1, arbitrary: fc.constant<Node>('folder') },
);
const path = fc
  .tuple(top, fc.array(name, { minLength: 1, maxLength: 3 }))
  .map(([start, rest]) => [...(start === '' ? [] : [start]), ...rest].join('/'));
/** Paths of which none goes through a file or a link, and no two are one name to any file system. */
const tree = fc.array(fc.tuple(path, node), { minLength: 1, maxLength: 14 }).map((pairs) => {
  const kept = new Map<string, Node>([['package.json', file('{}')]]);
  const taken = new Map<string, string>([['package.json', 'package.json']]);
  for (const [at, what] of pairs) {
    const parts = at.split('/').map((_, end, all) => all.slice(0, end + 1).join('/'));
    const clash = parts.some((part) => {
      const key = part.normalize('NFC').toLowerCase();
      const inside = part !== at && kept.has(part) && kept.get(part) !== 'folder';
      return inside || (taken.get(key) ?? part) !== part;
    });
    const isAbove = [...kept.keys()].some((other) => other === at || other.startsWith(`${at}/`));
    if (clash || isAbove) continue;
    for (const part of parts) taken.set(part.normalize('NFC').toLowerCase(), part);
    kept.set(at, what);
  }
  return Object.fromEntries(kept);
});

/** What is done to one entry, and what has to be told of it. */
function mutate(root: string, entry: ManifestEntry, how: number): readonly string[] {
  const full = join(root, entry.path);
  if (how % 5 === 0 || entry.kind === 'directory') {
    rmSync(full, { recursive: true });
    return ['missing'];
  }
  if (entry.kind === 'link') {
    unlinkSync(full);
    symlinkSync('elsewhere', full);
    return ['altered'];
  }
  switch (how % 5) {
    case 1:
      truncateSync(full, entry.size - 1);
      return ['truncated'];
    case 2: {
      const bytes = Buffer.alloc(entry.size, 0xff);
      flip(full, bytes);
      return ['altered'];
    }
    case 3:
      renameSync(full, `${full}~`);
      return ['missing', 'extra'];
    default:
      unlinkSync(full);
      put(full, 'folder');
      return ['altered'];
  }
}

test('any tree is clean after it was recorded, and any one change of it is named exactly', async () => {
  const counts = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(tree, fc.nat(), fc.nat(), async (nodes, which, how) => {
      const home = workspace();
      const root = join(home, 'openclaw');
      plant(root, nodes);
      const kept = join(home, 'manifest.ndjson');
      await writeManifest(kept, await recorded(root));
      const read = await readManifest(kept);
      if (read.kind !== 'read') throw new Error(read.kind);
      const { manifest } = read;
      const entries = manifest.units.flatMap((unit) => unit.entries);
      expect(new Set(entries.map((entry) => entry.path)).size).toBe(entries.length);
      expect(told(await checked(manifest, 'quick'))).toEqual([]);
      expect(told(await checked(manifest, 'full'))).toEqual([]);

      const entry = entries[which % entries.length];
      if (entry === undefined) throw new Error('a tree without entries');
      const kinds = mutate(root, entry, how);
      const after = told(await checked(manifest, 'full'));
      const lost = entries.filter((each) => each.path.startsWith(`${entry.path}/`));
      const expected = kinds.map((kind) => `${kind} ${entry.path}${kind === 'extra' ? '~' : ''}`);
      expect(after).toEqual([...expected, ...lost.map((each) => `missing ${each.path}`)].sort());
      for (const kind of kinds) counts.set(kind, (counts.get(kind) ?? 0) + 1);
      expect(lstatSync(root).isDirectory()).toBe(true);
    }),
    { numRuns: 60 },
  );
  // Otherwise the property held because nothing was done.
  for (const kind of ['missing', 'truncated', 'altered', 'extra'])
    expect(counts.get(kind)).toBeGreaterThan(0);
});
