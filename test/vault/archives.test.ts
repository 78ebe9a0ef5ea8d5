import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { instant } from '../../src/core/time.ts';
import { currentManifest, listArchives, manifestOf } from '../../src/vault/archives.ts';
import { createArchive } from '../../src/vault/create-archive.ts';
import type { Manifest } from '../../src/vault/manifest.ts';
import { readManifest } from '../../src/vault/manifest-file.ts';
import { findChange, markSeen } from '../../src/vault/unchanged.ts';
import { extractUnit, unitFileOf } from '../../src/vault/unit-file.ts';
import { verifyArchive } from '../../src/vault/verify-archive.ts';
import { type ArchiveGround, archiveGround, longName, never, print } from './archive-ground.ts';

let ground: ArchiveGround;
beforeEach(() => {
  ground = archiveGround();
});
afterEach(() => ground.close());

async function archived(changes: Parameters<ArchiveGround['request']>[0] = {}) {
  const outcome = await createArchive(ground.request(changes));
  if (outcome.kind !== 'archived') throw new Error(outcome.because);
  return outcome;
}

async function manifestFor(name: string): Promise<Manifest> {
  const read = await readManifest(manifestOf(ground.archives, name));
  if (read.kind !== 'read') throw new Error(read.kind);
  return read.manifest;
}

async function restoreAll(name: string, into: string): Promise<void> {
  mkdirSync(into);
  const { units, head } = await manifestFor(name);
  for (const unit of units) {
    const unitFile = unitFileOf(ground.archives, unit.digest);
    const outcome = await extractUnit({ unitFile, unit, trees: head.trees, into, signal: never });
    expect(outcome).toMatchObject({ kind: 'extracted', bytes: unit.bytes });
  }
}

const tar = ['/usr/bin/tar', '/bin/tar'].find((path) => existsSync(path));
const bsdtar = ['/usr/bin/bsdtar', '/usr/local/bin/bsdtar'].find((path) => existsSync(path));
const zstd = ['/usr/bin/zstd', '/usr/local/bin/zstd'].find((path) => existsSync(path));

describe('an archive', () => {
  it('restores the whole installation with modes, times, links and empty folders', async () => {
    utimesSync(join(ground.tree, 'dist/a.js'), 1_600_000_000, 1_600_000_000);
    const { archive, newUnits } = await archived();
    expect(archive).toMatchObject({ version: 1, openclaw: '2026.9.6', nodeAbi: '147', files: 13 });
    expect(newUnits).toBe(archive.units);
    const into = join(ground.root, 'restored');
    await restoreAll(archive.name, into);
    expect(print(into)).toEqual(print(ground.tree));
    expect(Object.keys(print(into))).toContain(longName);
  });

  it('leaves nothing but archives and units behind, closed to others', async () => {
    const { archive } = await archived();
    expect(readdirSync(ground.archives).sort()).toEqual([archive.name, 'units'].sort());
    for (const entry of readdirSync(ground.archives, { recursive: true, withFileTypes: true })) {
      const { mode } = statSync(join(entry.parentPath, entry.name));
      expect(mode & 0o077).toBe(0);
    }
  });

  it('is found unchanged without a new byte, and only says when it was seen', async () => {
    const { archive } = await archived();
    const before = print(join(ground.archives, 'units'));
    const { head, trees } = ground.request();
    const found = await findChange({ archivesDir: ground.archives, head, trees, signal: never });
    expect(found).toEqual({ archive });
    const seenAt = instant(archive.takenAt + 1_000);
    expect((await markSeen(ground.archives, archive, seenAt)).kind).toBe('done');
    expect((await listArchives(ground.archives)).archives).toEqual([{ ...archive, seenAt }]);
    expect(print(join(ground.archives, 'units'))).toEqual(before);
  });

  it.each<readonly [string, (ground: ArchiveGround, units: string) => unknown]>([
    ['a file has other bytes', ({ write }) => write('dist/a.js', 'other\n')],
    ['a file came', ({ write }) => write('dist/new.js', 'new\n')],
    ['a file is gone', ({ tree }) => rmSync(join(tree, 'dist/a.js'))],
    ['the Node is another', () => ({ nodeAbi: '127' })],
    ['the version is another', () => ({ openclaw: '2026.9.7' })],
    ['a database was migrated', () => ({ databases: { 'state/openclaw.sqlite': 3 } })],
    ['a unit file is gone', (_ground, units) => rmSync(join(units, readdirSync(units)[0] ?? ''))],
  ])('is told to be out of date when %s', async (_what, change) => {
    await archived();
    const changes = change(ground, join(ground.archives, 'units'));
    const found = await findChange({
      archivesDir: ground.archives,
      head: { ...ground.head(), ...(changes as object | undefined) },
      trees: ground.request().trees,
      signal: never,
    });
    expect(found).toHaveProperty('change');
  });

  it('shares every unit that did not change with the one before', async () => {
    const first = await archived();
    ground.write('node_modules/ws/lib/websocket.js', 'module.exports = 2;\n');
    const second = await archived();
    expect(second.newUnits).toBe(1);
    expect(second.archive.units).toBe(first.archive.units);
    for (const { archive } of [first, second]) {
      const ask = { archivesDir: ground.archives, name: archive.name, restore: true, signal: never };
      expect(await verifyArchive(ask)).toMatchObject({ kind: 'verified', units: archive.units, files: 13 });
    }
    expect(await currentManifest(ground.archives)).toMatchObject({ archive: second.archive.name });
  });

  it('writes a stored unit anew that has gone bad, and makes the older archive whole with it', async () => {
    const first = await archived();
    const unit = (await manifestFor(first.archive.name)).units.find(({ path }) => path === 'node_modules/ws');
    const file = unitFileOf(ground.archives, unit?.digest ?? '');
    truncateSync(file, 40);
    const ask = { archivesDir: ground.archives, name: first.archive.name, restore: false, signal: never };
    expect(await verifyArchive(ask)).toMatchObject({
      kind: 'damaged',
      damaged: [{ unit: 'node_modules/ws' }],
    });
    expect((await archived()).newUnits).toBe(1);
    expect((await verifyArchive(ask)).kind).toBe('verified');
  });

  it('of what is judged to be damaged is not made, nor is its manifest kept', async () => {
    const outcome = await createArchive(ground.request({ judge: async () => 'ws is incomplete' }));
    expect(outcome).toEqual({ kind: 'failed', because: 'ws is incomplete', recorded: false });
    expect(await currentManifest(ground.archives)).toEqual({ kind: 'none' });
    expect(readdirSync(ground.archives)).toEqual(['units']);
  });

  it('is not made of files that are younger than the gateway that proved them', async () => {
    const head = ground.head({ provenBy: instant(Date.now() - 3_600_000) });
    const outcome = await createArchive(ground.request({ head }));
    expect(outcome).toMatchObject({ kind: 'failed', because: expect.stringContaining('was changed after') });
  });

  it('is not made of a link that leads out of the tree', async () => {
    symlinkSync('../../../../etc/passwd', join(ground.tree, 'docs/out'));
    const outcome = await createArchive(ground.request());
    expect(outcome).toMatchObject({ kind: 'failed', because: expect.stringContaining('leads out') });
    expect((await listArchives(ground.archives)).archives).toEqual([]);
  });

  it('holds a unit larger than what is held back, and a second one of the same content once', async () => {
    const large = Buffer.alloc(9 * 1_048_576);
    for (let at = 0; at < large.length; at += 4) large.writeUInt32LE((at * 2_654_435_761) >>> 0, at);
    ground.write('node_modules/large/bin', large);
    ground.write('node_modules/large/small', 'small\n');
    const { archive } = await archived();
    await restoreAll(archive.name, join(ground.root, 'restored'));
    expect(print(join(ground.root, 'restored'))).toEqual(print(ground.tree));
    expect((await archived()).newUnits).toBe(0);
  });

  it('keeps the manifest beside the archives where the archive itself cannot be written', async () => {
    await archived();
    ground.write('dist/a.js', 'other\n');
    const units = join(ground.archives, 'units');
    // A file in the place of a folder fails as a full disk does, for root as well.
    rmSync(units, { recursive: true });
    const judge = async (): Promise<null> => {
      rmSync(units, { recursive: true });
      writeFileSync(units, '');
      return null;
    };
    const request = ground.request({ judge });
    const outcome = await createArchive(request);
    expect(outcome).toMatchObject({ kind: 'failed', recorded: true });
    expect(await currentManifest(ground.archives)).toMatchObject({
      kind: 'found',
      archive: null,
      head: { takenAt: request.head.takenAt },
    });
    rmSync(units);
    const { archive } = await archived();
    expect(await currentManifest(ground.archives)).toMatchObject({ archive: archive.name });
  });

  it('counts only with its archive.json, and no other folder is taken for one', async () => {
    const { archive } = await archived();
    const older = await archived();
    rmSync(join(ground.archives, older.archive.name, 'archive.json'));
    writeFileSync(join(ground.archives, archive.name, 'archive.json'), '{"version":1}');
    mkdirSync(join(ground.archives, 'hot'));
    const { archives, problems } = await listArchives(ground.archives);
    expect(archives).toEqual([]);
    expect(problems).toHaveLength(2);
  });
});

describe('a unit file', () => {
  async function unitFiles(): Promise<readonly string[]> {
    const { archive } = await archived();
    const { units } = await manifestFor(archive.name);
    return units.map(({ digest }) => unitFileOf(ground.archives, digest));
  }

  it.skipIf(tar === undefined || zstd === undefined)('is read by GNU tar with zstd', async () => {
    const into = join(ground.root, 'by-tar');
    mkdirSync(into);
    for (const file of await unitFiles()) {
      const bytes = execFileSync(zstd ?? '', ['-dc', file]);
      execFileSync(tar ?? '', ['-xf', '-', '-C', into], { input: bytes, stdio: ['pipe', 'pipe', 'inherit'] });
    }
    const bare = (found: Readonly<Record<string, string>>) =>
      Object.fromEntries(
        Object.entries(found).map(([path, text]) => [path, text.replace(/ \d{9,10} /, ' ')]),
      );
    expect(bare(print(into))).toEqual(bare(print(ground.tree)));
  });

  it.skipIf(bsdtar === undefined)('is read by bsdtar', async () => {
    const into = join(ground.root, 'by-bsdtar');
    mkdirSync(into);
    for (const file of await unitFiles()) execFileSync(bsdtar ?? '', ['-xf', file, '-C', into]);
    expect(Object.keys(print(into)).sort()).toEqual(Object.keys(print(ground.tree)).sort());
    expect(readFileSync(join(into, longName), 'utf8')).toBe('long\n');
    expect(existsSync(dirname(join(into, longName)))).toBe(true);
  });
  if (bsdtar === undefined) console.log('SKIPPED: bsdtar is not installed, so no unit file was read with it');

  it('is the same, byte for byte, whenever and wherever it is made', async () => {
    const once = await unitFiles();
    const first = once.map((file) => readFileSync(file));
    rmSync(ground.archives, { recursive: true });
    utimesSync(join(ground.tree, 'dist/a.js'), 1_500_000_000, 1_500_000_000);
    const again = await unitFiles();
    expect(again).toEqual(once);
    expect(again.map((file) => readFileSync(file))).toEqual(first);
  });
});
