import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Manifest } from '../../src/vault/manifest.ts';
import { readManifest, readManifestHead, readUnits, writeManifest } from '../../src/vault/manifest-file.ts';
import { workspace } from '../system/workspace.ts';
import { openclaw, plant, recorded } from './tree-ground.ts';

let manifest: Manifest;
let path: string;
beforeEach(async () => {
  const home = workspace();
  plant(join(home, 'openclaw'), openclaw);
  manifest = await recorded(join(home, 'openclaw'));
  mkdirSync(join(home, 'archives'));
  path = join(home, 'archives', 'manifest.ndjson');
});

it('reads back what was written, every unit and entry', async () => {
  expect(await writeManifest(path, manifest)).toEqual({ kind: 'done' });
  expect(await readManifest(path)).toEqual({ kind: 'read', manifest });
  expect(await readManifestHead(path)).toEqual({ kind: 'read', head: manifest.head });
});

it('is for its owner alone, and leaves nothing beside it', async () => {
  await writeManifest(path, manifest);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(join(path, '..'))).toEqual(['manifest.ndjson']);
});

it('has a line for the head, for each unit, and for the checksum', async () => {
  await writeManifest(path, manifest);
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  expect(lines).toHaveLength(manifest.units.length + 2);
  for (const line of lines) expect(JSON.parse(line)).toBeTypeOf('object');
});

describe('some of the units', () => {
  const ws = { tree: 'openclaw', path: 'node_modules/ws', part: 'whole' } as const;
  const root = { tree: 'openclaw', path: '', part: 0 } as const;

  it('are those asked for, in the order of the manifest', async () => {
    await writeManifest(path, manifest);
    const read = await readUnits(path, [ws, root, { ...ws, path: 'node_modules/none' }]);
    const units = manifest.units.filter((unit) => unit.path === '' || unit.path === ws.path);
    expect(read).toEqual({ kind: 'read', manifest: { head: manifest.head, units } });
  });

  it('are read without reading the entries of the others', async () => {
    // Another unit whose entries are none: a reading of all stumbles over it.
    const broken = manifest.units.map((unit) =>
      unit.path === 'docs' ? { ...unit, entries: [{ kind: 'directory', path: '', mode: 1 } as const] } : unit,
    );
    await writeManifest(path, {
      ...manifest,
      units: broken.map((u) => (u.path === 'docs' ? { ...u, digest: 'x' } : u)),
    });
    expect(await readManifest(path)).toMatchObject({ kind: 'unreadable' });
    expect(await readUnits(path, [ws])).toMatchObject({ kind: 'read', manifest: { units: [ws] } });
  });

  it('are found whatever their names hold', async () => {
    const odd = 'node_modules/a","package":{"b';
    const units = manifest.units.map((unit) =>
      unit.path === 'node_modules/odd'
        ? { ...unit, path: odd, entries: [{ kind: 'directory', path: odd, mode: 0o755 } as const] }
        : unit,
    );
    await writeManifest(path, { ...manifest, units });
    const read = await readUnits(path, [{ ...ws, path: odd }]);
    expect(read).toMatchObject({ manifest: { units: [{ path: odd }] } });
  });
});

describe('is not usable', () => {
  const refused = async (): Promise<void> => {
    expect(await readManifest(path)).toMatchObject({ kind: 'unreadable' });
    expect(await readUnits(path, [])).toMatchObject({ kind: 'unreadable' });
  };
  beforeEach(() => writeManifest(path, manifest));

  it.each([1, 200, 70, 1_000])('cut off by %i bytes', async (bytes) => {
    truncateSync(path, statSync(path).size - bytes);
    await refused();
  });

  it('emptied', async () => {
    truncateSync(path, 0);
    await refused();
    expect(await readManifestHead(path)).toMatchObject({ kind: 'unreadable' });
  });

  it('with one character changed in a unit nobody asked for', async () => {
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, text.replace('index.md', 'index.mD'));
    await refused();
  });

  it('with one unit taken out', async () => {
    const lines = readFileSync(path, 'utf8').split('\n');
    lines.splice(2, 1);
    writeFileSync(path, lines.join('\n'));
    await refused();
  });

  it.each([
    ['of another version', { version: 2 }],
    ['without trees', { trees: null }],
    ['with a tree that has no place', { trees: [{ name: 'openclaw', root: 'relative' }] }],
    ['with a database that has no version', { databases: { x: 'new' } }],
    ['without a Node', { nodeAbi: '' }],
    ['without a time', { provenBy: 'now' }],
  ])('%s', async (_what, change) => {
    const head = { ...manifest.head, ...change } as unknown as Manifest['head'];
    await writeManifest(path, { head, units: manifest.units });
    await refused();
    expect(await readManifestHead(path)).toMatchObject({ kind: 'unreadable' });
  });

  it.each([
    ['without a name', { tree: 7 }],
    ['of no part', { part: 'half' }],
    ['without a digest', { digest: 'abc' }],
    ['of a package without a version', { package: { name: 'ws' } }],
    ['with a size below nothing', { entries: [{ ...file(), size: -1 }] }],
    ['with a hash that is none', { entries: [{ ...file(), sha256: 'abc' }] }],
    ['with a mode that is none', { entries: [{ ...file(), mode: 0o100644 }] }],
    ['with a time that is none', { entries: [{ ...file(), mtimeMs: null }] }],
    ['with a folder without a mode', { entries: [{ kind: 'directory', path: 'docs/x', mode: -1 }] }],
  ])('with a unit %s', async (_what, change) => {
    const units = manifest.units.map((unit) => (unit.path === 'docs' ? { ...unit, ...change } : unit));
    await writeManifest(path, { head: manifest.head, units: units as unknown as Manifest['units'] });
    expect(await readManifest(path)).toMatchObject({ kind: 'unreadable' });
  });

  it('as a pipe, which is not waited for', async () => {
    const pipe = `${path}.pipe`;
    execFileSync('mkfifo', [pipe]);
    expect(await readManifest(pipe)).toMatchObject({ kind: 'unreadable' });
    expect(await readManifestHead(pipe)).toMatchObject({ kind: 'unreadable' });
  });
});

const file = () => ({
  kind: 'file',
  path: 'docs/x',
  mode: 0o644,
  size: 1,
  mtimeMs: 1,
  sha256: 'a'.repeat(64),
});

it('that is not there is missing, which is no trouble', async () => {
  expect(await readManifest(path)).toEqual({ kind: 'missing' });
  expect(await readManifestHead(path)).toEqual({ kind: 'missing' });
});

it('that cannot be written says why', async () => {
  expect(await writeManifest(join(path, 'none', 'x'), manifest)).toMatchObject({ kind: 'failed' });
});
