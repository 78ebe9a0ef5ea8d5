import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { instant } from '../../src/core/time.ts';
import { isGateway, isUpdater, type LiveProcess } from '../../src/gateway/live-processes.ts';
import { readParkCause } from '../../src/gateway/park-cause.ts';
import { readUpdateMarkers, type UpdateMarkerInput } from '../../src/gateway/update-markers.ts';

const now = instant(1_800_000_000_000);
let home: string;
let root: string;
let asked: number;
let alive: LiveProcess[];
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'markers-'));
  root = join(home, 'lib', 'node_modules', 'openclaw');
  mkdirSync(join(root, 'dist'), { recursive: true });
  mkdirSync(join(home, 'state'));
  asked = 0;
  alive = [{ pid: 1, command: '/sbin/launchd' }];
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const processes = async (): Promise<readonly LiveProcess[]> => {
  asked += 1;
  return alive;
};
const npm = { pid: 9, command: 'npm install -g openclaw@2026.9.7' };

const read = (more: Partial<UpdateMarkerInput> = {}) =>
  readUpdateMarkers({
    now,
    stateDir: home,
    packageRoot: root,
    sqlitePath: join(home, 'state', 'openclaw.sqlite'),
    handoffPaths: [join(home, 'handoffs.sqlite')],
    processes,
    labels: [],
    ...more,
  });

function database(name: string, sql: string, wal = false): DatabaseSync {
  const db = new DatabaseSync(join(home, name));
  if (wal) db.exec('PRAGMA journal_mode = WAL');
  db.exec(sql);
  return db;
}

const runs = (status: string, updatedAt: number): string =>
  `CREATE TABLE update_runs (run_id TEXT, updated_at_ms INTEGER, phase TEXT, status TEXT);
   INSERT INTO update_runs VALUES ('r', ${updatedAt}, 'activating', '${status}')`;

test('without a marker nothing is running and no process list is read', async () => {
  database('state/openclaw.sqlite', 'CREATE TABLE other (x)').close();
  expect(await read()).toEqual({ kind: 'none' });
  expect(asked).toBe(0);
});

test.each([
  ['running since a minute', 'running', now - 60_000, false, 'running'],
  ['running since two hours and nobody alive', 'running', now - 7_200_000, false, 'stale'],
  ['running since two hours with a live updater', 'running', now - 7_200_000, true, 'running'],
  ['finished', 'succeeded', now - 60_000, false, 'none'],
])('an update run %s', async (_name, status, updatedAt, live, kind) => {
  if (live) alive.push(npm);
  database('state/openclaw.sqlite', runs(status, updatedAt)).close();
  expect((await read()).kind).toBe(kind);
});

test('a row still in the write-ahead log of a live writer is seen, and nothing is written', async () => {
  const db = database('state/openclaw.sqlite', runs('running', now - 1_000), true);
  const before = readdirSync(join(home, 'state')).sort();
  expect((await read()).kind).toBe('running');
  expect(readdirSync(join(home, 'state')).sort()).toEqual(before);
  db.close();
});

test('reading a closed database leaves no side files', async () => {
  database('state/openclaw.sqlite', runs('running', now - 1_000), true).close();
  expect((await read()).kind).toBe('running');
  expect(readdirSync(join(home, 'state'))).toEqual(['openclaw.sqlite']);
});

test('a database that cannot be read is unknown', async () => {
  writeFileSync(join(home, 'state', 'openclaw.sqlite'), 'this is not a database, but long enough to be one');
  expect(await read()).toMatchObject({ kind: 'unknown' });
});

test('a hand-over of this installation counts, one of another does not', async () => {
  const table =
    'CREATE TABLE managed_update_handoffs (install_root TEXT, owner TEXT, payload_json TEXT, updated_at INTEGER);';
  const db = database(
    'handoffs.sqlite',
    `${table} INSERT INTO managed_update_handoffs VALUES ('/elsewhere','o','{}',${now})`,
  );
  expect((await read()).kind).toBe('none');
  db.exec(`INSERT INTO managed_update_handoffs VALUES ('${root}','o','{}',${now - 5_000})`);
  db.close();
  expect((await read()).kind).toBe('running');
});

test.each([
  ['ai.openclaw.update.2026.9.7', 'running'],
  ['ai.openclaw.manual-update.3', 'running'],
  ['ai.openclaw.work.update.1', 'running'],
  ['ai.openclaw.gateway', 'none'],
])('the launchd label %s', async (label, kind) => {
  expect((await read({ labels: [label] })).kind).toBe(kind);
});

test.each<[string, () => void]>([
  ['the lifecycle marker', () => writeFileSync(join(root, '.openclaw-lifecycle-pending'), '{}')],
  ['the old package moved aside', () => mkdirSync(join(home, 'lib', 'node_modules', '.openclaw-tw5YBlZG'))],
  [
    'a plugin stage',
    () => mkdirSync(join(home, 'npm', 'projects', '.openclaw-install-stage-x'), { recursive: true }),
  ],
])('%s needs a live updater to count', async (_name, make) => {
  make();
  expect((await read()).kind).toBe('stale');
  alive.push(npm);
  expect((await read()).kind).toBe('running');
});

test.each([
  ['npm install openclaw', true],
  ['/usr/bin/node /usr/lib/node_modules/npm/bin/npm-cli.js i -g openclaw', true],
  ['node /x/lib/node_modules/openclaw/openclaw.mjs update --yes', true],
  ['/usr/local/bin/openclaw update', true],
  ['npm start', false],
  ['npm run install-things', false],
  ['openclaw-gateway', false],
  ['vim update.txt', false],
])('"%s" is an updater: %s', (command, expected) => {
  expect(isUpdater({ pid: 1, command })).toBe(expected);
});

test.each([
  ['openclaw-gateway', true],
  ['openclaw', true],
  ['node --max-old-space-size=8192 /x/openclaw/dist/index.js gateway --port 18789', true],
  ['/opt/homebrew/bin/openclaw gateway run', true],
  ['openclaw-monitor', false],
  ['node server.js', false],
])('"%s" is a gateway: %s', (command, expected) => {
  expect(isGateway({ pid: 1, command })).toBe(expected);
});

function installPackage(): void {
  const manifest = { name: 'openclaw', dependencies: { ws: '8', '@scope/a': '1', maybe: '1' } };
  writeFileSync(
    join(root, 'package.json'),
    JSON.stringify({ ...manifest, optionalDependencies: { maybe: '1' } }),
  );
  writeFileSync(join(root, 'dist', 'index.js'), '//');
  for (const name of ['ws', '@scope/a']) {
    mkdirSync(join(root, 'node_modules', name), { recursive: true });
    writeFileSync(join(root, 'node_modules', name, 'package.json'), '{}');
  }
}

test('the cause of a park is gone when package and lock are sound, and named when not', async () => {
  const lock = join(home, 'gateway.state.lock');
  const cause = (servicePid: number | null = null) =>
    readParkCause({ packageRoot: root, lockFiles: [join(home, 'none.lock'), lock], servicePid, processes });
  expect(await cause()).toMatchObject({ kind: 'present', because: expect.stringContaining('damaged') });
  installPackage();
  expect(await cause()).toEqual({ kind: 'gone' });
  rmSync(join(root, 'node_modules', 'ws'), { recursive: true });
  expect(await cause()).toMatchObject({ kind: 'present', because: expect.stringContaining('ws') });
  installPackage();
  rmSync(join(root, 'dist', 'index.js'));
  expect(await cause()).toMatchObject({ kind: 'present', because: expect.stringContaining('index.js') });
  installPackage();
  writeFileSync(lock, `${JSON.stringify({ pid: 4242, port: 1 })}\n\t \t  \n`);
  expect(await cause()).toEqual({ kind: 'gone' });
  alive.push({ pid: 4242, command: 'vim' });
  expect(await cause()).toEqual({ kind: 'gone' });
  alive = [{ pid: 4242, command: 'openclaw-gateway' }];
  expect(await cause()).toMatchObject({ kind: 'present', because: expect.stringContaining('4242') });
  expect(await cause(4242)).toEqual({ kind: 'gone' });
  writeFileSync(lock, '{"pid": 42');
  expect(await cause()).toMatchObject({ kind: 'unknown' });
});

test.each([
  ['a moment ahead', 60_000, 'running'],
  ['years ahead', 1e11, 'stale'],
] as const)('a row whose time lies %s', async (_name, aheadMs, kind) => {
  database(
    'state/openclaw.sqlite',
    `CREATE TABLE update_runs (status, phase, updated_at_ms); INSERT INTO update_runs VALUES ('running', 'staging', ${now + aheadMs})`,
  ).close();
  expect((await read()).kind).toBe(kind);
});
