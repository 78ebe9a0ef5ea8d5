import { readdirSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { instant } from '../../src/core/time.ts';
import { pruneArchives, selectRemovals, type Weighed } from '../../src/vault/archive-prune.ts';
import { type Archive, listArchives } from '../../src/vault/archives.ts';
import { createArchive } from '../../src/vault/create-archive.ts';
import { archiveGround } from './archive-ground.ts';

const weighed = (openclaw: string, takenAt: number, units: Readonly<Record<string, number>>): Weighed => ({
  archive: { name: `${openclaw}-${takenAt}`, openclaw, takenAt: instant(takenAt) } as Archive,
  units: new Map(Object.entries(units)),
});
const limits = { keepVersions: 3, maxBytes: 1_000, installed: 'v4' };
const names = (archives: readonly Weighed[], changes: Partial<typeof limits> = {}) =>
  selectRemovals(
    archives.toSorted((a, b) => b.archive.takenAt - a.archive.takenAt),
    { ...limits, ...changes },
  ).map(({ name }) => name);

describe('which archives go', () => {
  it('keeps the newest of each of three versions', () => {
    const all = [1, 2, 3, 4].map((n) => weighed(`v${n}`, n, { [`u${n}`]: 10 }));
    expect(names(all)).toEqual(['v1-1']);
    expect(names([...all, weighed('v4', 5, { u5: 1 })])).toEqual(['v4-4', 'v1-1']);
  });

  it('counts what archives share once', () => {
    const shared = { big: 900 };
    const all = [weighed('v3', 3, { ...shared, a: 40 }), weighed('v4', 4, { ...shared, b: 50 })];
    expect(names(all)).toEqual([]);
    expect(names(all, { maxBytes: 980 })).toEqual(['v3-3']);
  });

  it('never takes the newest of the installed version, however large it is or old', () => {
    const all = [weighed('v4', 1, { huge: 5_000 }), weighed('v5', 5, { a: 1 }), weighed('v6', 6, { b: 1 })];
    expect(names(all)).toEqual(['v5-5', 'v6-6']);
    expect(names(all, { keepVersions: 1, maxBytes: 10_000 })).toEqual(['v6-6', 'v5-5']);
    expect(names([weighed('v4', 1, { huge: 5_000 })])).toEqual([]);
  });

  it('takes the oldest first when they are too large together', () => {
    const all = [2, 3, 4].map((n) => weighed(`v${n}`, n, { [`u${n}`]: 400 }));
    expect(names(all)).toEqual(['v2-2']);
  });
});

it('a unit that was lost from an old archive does not keep all of them for ever', async () => {
  const ground = archiveGround();
  const archivesDir = ground.archives;
  const units = (): readonly string[] => readdirSync(join(archivesDir, 'units'));
  for (const openclaw of ['v1', 'v2', 'v3', 'v4']) {
    ground.write('dist/worker/worker.js', openclaw);
    await createArchive(ground.request({ head: ground.head({ openclaw }) }));
    // Those that v2 has too are written anew with it.
    if (openclaw === 'v1') for (const name of units()) unlinkSync(join(archivesDir, 'units', name));
  }
  const pruned = await pruneArchives({ archivesDir, keepVersions: 2, maxBytes: 1_000_000, installed: 'v4' });
  expect(pruned).toMatchObject({ kind: 'pruned', removals: [{}, {}] });
  expect((await listArchives(archivesDir)).archives.map(({ openclaw }) => openclaw)).toEqual(['v4', 'v3']);
  ground.close();
});
