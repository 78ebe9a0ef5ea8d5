import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { instant } from '../../src/core/time.ts';
import { type ArchiveJobParts, runArchive } from '../../src/daemon/archive-job.ts';
import { type Proof, readProof, writeProof } from '../../src/daemon/proof.ts';
import { run } from '../../src/system/run.ts';
import { currentManifest, listArchives } from '../../src/vault/archives.ts';
import { type ArchiveGround, archiveGround, never } from '../vault/archive-ground.ts';

let ground: ArchiveGround;
let now: number;
let version: string;
const state = (): string => join(ground.root, 'state');
const day = 24 * 3_600_000;

beforeEach(async () => {
  ground = archiveGround();
  version = '2026.9.6';
  now = Date.now() + 2 * 60_000;
  mkdirSync(join(ground.root, 'openclaw-state'));
  // What `readDependencies` asks of an openclaw package.
  ground.write('package.json', JSON.stringify({ name: 'openclaw', version, dependencies: { ws: '8.21.3' } }));
  ground.write('dist/index.js', 'export {};\n');
  ground.write('node_modules/ws/index.js', 'module.exports = {};\n');
  await prove();
});
afterEach(() => ground.close());

async function prove(changes: Partial<Proof> = {}): Promise<void> {
  const written = await writeProof(state(), {
    version: 1,
    pid: 1,
    bootId: null,
    startedAt: instant(Date.now() + 60_000),
    provenAt: instant(now),
    openclaw: version,
    packageRoot: ground.tree,
    node: process.execPath,
    ...changes,
  });
  expect(written.kind).toBe('done');
}

function parts(): ArchiveJobParts {
  const said = (): void => undefined;
  const elapsed = (): never => performance.now() as never;
  // Only what this job asks of each: the rest of them belongs to the other jobs.
  return {
    settings: { archives: { maxBytes: 2_147_483_648, keepVersions: 3 } },
    paths: { state: state(), archives: ground.archives },
    clock: { now: () => instant(now), elapsed, sleep: async () => undefined },
    run,
    processes: {
      list: async () => ({ kind: 'listed', rows: [] }),
      own: async () => ({ pid: process.pid, startedAt: instant(1), startKey: null }),
      isAlive: async () => 'alive',
    },
    manager: { kind: 'embedded' },
    log: { info: said, warn: said, error: said },
    installed: () => ({ root: ground.tree, version }),
    sight: () => ({ files: { stateDir: join(ground.root, 'openclaw-state') } }),
    watchdogLabel: 'watchdog',
    signal: never,
  } as unknown as ArchiveJobParts;
}

const archive = () => runArchive(parts());
const archives = async () => (await listArchives(ground.archives)).archives;
const units = (): readonly string[] => readdirSync(join(ground.archives, 'units')).sort();

describe('the archive job', () => {
  it('archives what was proven, once, and lets a week pass', async () => {
    expect(await archive()).toMatchObject({ kind: 'done', text: expect.stringContaining('restored whole') });
    expect(await currentManifest(ground.archives)).toMatchObject({
      head: { openclaw: version, nodeAbi: process.versions.modules, platform: process.platform },
    });
    expect((await archive()).kind).toBe('not-due');
    now += 8 * day;
    const before = units();
    expect(await archive()).toMatchObject({ kind: 'done', text: expect.stringContaining('still holds') });
    expect(units()).toEqual(before);
    expect(await archives()).toMatchObject([{ seenAt: now }]);
  });

  it('waits while nothing is proven, or another version or place is', async () => {
    rmSync(join(state(), 'proven.json'));
    expect(await archive()).toMatchObject({ kind: 'not-due', text: expect.stringContaining('serving') });
    await prove({ openclaw: '2026.6.6' });
    expect((await archive()).kind).toBe('not-due');
    await prove({ packageRoot: '/elsewhere' });
    expect((await archive()).kind).toBe('not-due');
    expect(await archives()).toEqual([]);
  });

  it('says that a proof cannot be read', async () => {
    writeFileSync(join(state(), 'proven.json'), '{"version":1}');
    expect(await archive()).toMatchObject({ kind: 'failed', text: expect.stringContaining('proven.json') });
    expect(await readProof(state())).toMatchObject({ kind: 'unreadable' });
  });

  it('refuses files that are younger than the process that proved them', async () => {
    await prove({ startedAt: instant(Date.now() - 60_000) });
    expect(await archive()).toMatchObject({ kind: 'failed', text: expect.stringContaining('was changed') });
  });

  it('refuses a damaged package, and keeps no manifest of it', async () => {
    rmSync(join(ground.tree, 'node_modules/ws'), { recursive: true });
    expect(await archive()).toMatchObject({ kind: 'failed', text: expect.stringContaining('damaged') });
    expect(await currentManifest(ground.archives)).toEqual({ kind: 'none' });
  });

  it('refuses a week later what differs from its manifest without a newer proof, and names the package', async () => {
    await archive();
    ground.write('node_modules/ws/index.js', 'module.exports = "other";\n');
    now += 8 * day;
    expect(await archive()).toMatchObject({
      kind: 'failed',
      text: expect.stringContaining('node_modules/ws'),
    });
    expect(await archives()).toHaveLength(1);
    // A gateway that was started since and served with it has proven it.
    await prove({ startedAt: instant(Date.now() + 120_000) });
    expect((await archive()).kind).toBe('done');
    expect(await archives()).toHaveLength(1);
    expect(await currentManifest(ground.archives)).toMatchObject({ head: { takenAt: now } });
  });

  it('never keeps bytes that changed while size and time stayed, whatever was proven since', async () => {
    const path = join(ground.tree, 'node_modules/ws/index.js');
    utimesSync(path, 1_600_000_000, 1_600_000_000);
    await archive();
    const bytes = readFileSync(path);
    bytes[3] = 0x21;
    writeFileSync(path, bytes);
    utimesSync(path, 1_600_000_000, 1_600_000_000);
    now += 8 * day;
    await prove({ startedAt: instant(Date.now() + 120_000) });
    expect(await archive()).toMatchObject({ kind: 'failed', text: expect.stringContaining('other bytes') });
  });

  it('never keeps them either when something else has changed before the week is over', async () => {
    const path = join(ground.tree, 'node_modules/ws/index.js');
    utimesSync(path, 1_600_000_000, 1_600_000_000);
    await archive();
    const bytes = readFileSync(path);
    bytes[3] = 0x21;
    writeFileSync(path, bytes);
    utimesSync(path, 1_600_000_000, 1_600_000_000);
    ground.write('node_modules/new/index.js', 'new\n');
    now += day;
    await prove({ startedAt: instant(Date.now() + 120_000), provenAt: instant(now) });
    expect(await archive()).toMatchObject({ kind: 'failed', text: expect.stringContaining('other bytes') });
    expect(await archives()).toHaveLength(1);
  });

  it('waits for a new proof when Node was replaced under the gateway, whose modules may not fit the new one', async () => {
    await sleep(100);
    const node = join(ground.root, 'node');
    symlinkSync(process.execPath, node);
    await prove({ startedAt: instant(Date.now() - 50), node });
    expect(await archive()).toMatchObject({ kind: 'not-due', text: expect.stringContaining(node) });
    expect(await archives()).toEqual([]);
    await prove({ node });
    expect((await archive()).kind).toBe('done');
  });

  it('looks at what a newer generation has proven before the week is over', async () => {
    await archive();
    now += day;
    await prove({ provenAt: instant(now) });
    expect(await archive()).toMatchObject({ kind: 'done', text: expect.stringContaining('still holds') });
    expect((await archive()).kind).toBe('not-due');
    ground.write('node_modules/new/index.js', 'new\n');
    now += day;
    await prove({ startedAt: instant(Date.now() + 120_000), provenAt: instant(now) });
    expect(await archive()).toMatchObject({ kind: 'done', text: expect.stringContaining('1 of them new') });
  });

  it('mends an archive in the weekly run that can no longer be read back', async () => {
    await archive();
    const [first = ''] = units();
    const file = join(ground.archives, 'units', first);
    const bytes = readFileSync(file);
    chmodSync(file, 0o600);
    writeFileSync(file, bytes.subarray(0, -5));
    now += 8 * day;
    expect(await archive()).toMatchObject({ kind: 'done', text: expect.stringContaining('1 of them new') });
    expect(readFileSync(file)).toEqual(bytes);
  });

  it('an archive from a time when the clock was years ahead does not stand before those made since', async () => {
    const right = now;
    now += 1_000 * day;
    await prove({ provenAt: instant(now) });
    await archive();
    now = right + day;
    version = '2026.9.7';
    ground.write(
      'package.json',
      JSON.stringify({ name: 'openclaw', version, dependencies: { ws: '8.21.3' } }),
    );
    await prove();
    expect((await archive()).kind).toBe('done');
    expect(await currentManifest(ground.archives)).toMatchObject({ head: { openclaw: '2026.9.7' } });
    expect((await archive()).kind).toBe('not-due');
  });

  it('keeps three versions, and says of each removal why', async () => {
    const texts: string[] = [];
    for (const each of ['2026.9.5', '2026.9.6', '2026.9.7', '2026.9.8']) {
      version = each;
      now += day;
      ground.write(
        'package.json',
        JSON.stringify({ name: 'openclaw', version, dependencies: { ws: '8.21.3' } }),
      );
      await prove({ startedAt: instant(Date.now() + 60_000) });
      texts.push((await archive()).text);
    }
    expect((await archives()).map(({ openclaw }) => openclaw)).toEqual(['2026.9.8', '2026.9.7', '2026.9.6']);
    expect(texts.at(-1)).toMatch(/2026\.9\.5-\S+ was removed: 3 other versions are kept/);
  });

  it('keeps nothing that anybody else can read', async () => {
    await archive();
    const open = execFileSync('find', [ground.archives, '-perm', '/077'], { encoding: 'utf8' });
    expect(open).toBe('');
  });
});
