import { mkdirSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { beforeEach, expect, test } from 'vitest';
import type { LiveProcess } from '../../src/gateway/live-processes.ts';
import { readPlugins } from '../../src/gateway/plugins.ts';
import { workspace } from '../system/workspace.ts';
import { write } from './package-fixture.ts';

let home: string;
let stateDir: string;
let project: string;
let plugin: string;
let alive: readonly LiveProcess[];
beforeEach(() => {
  home = workspace();
  stateDir = join(home, '.openclaw');
  project = join(stateDir, 'npm', 'projects', 'openclaw-feishu-dc69f44688');
  plugin = installPlugin(project);
  alive = [];
});

const read = () => readPlugins({ stateDir, processes: async () => alive });
const registered = (path: string) => ({ feishu: { source: 'npm', installPath: path } });

function installPlugin(directory: string): string {
  const path = join(directory, 'node_modules', '@openclaw', 'feishu');
  write(join(directory, 'package.json'), { private: true, dependencies: { '@openclaw/feishu': '1' } });
  write(join(path, 'package.json'), {
    name: '@openclaw/feishu',
    dependencies: { '@larksuiteoapi/node-sdk': '1' },
    peerDependencies: { openclaw: '>=1' },
    openclaw: { extensions: ['./index.ts'], runtimeExtensions: ['./dist/index.js'] },
  });
  write(join(path, 'dist', 'index.js'), 'js');
  write(join(path, 'node_modules', '@larksuiteoapi', 'node-sdk', 'package.json'), { main: 'lib/index.js' });
  write(join(path, 'node_modules', '@larksuiteoapi', 'node-sdk', 'lib', 'index.js'), 'js');
  const host = join(home, 'lib', 'node_modules', 'openclaw');
  mkdirSync(host, { recursive: true });
  symlinkSync(host, join(path, 'node_modules', 'openclaw'));
  return path;
}

function database(fill: (database: DatabaseSync) => void): void {
  mkdirSync(join(stateDir, 'state'), { recursive: true });
  const opened = new DatabaseSync(join(stateDir, 'state', 'openclaw.sqlite'));
  fill(opened);
  opened.close();
}

/** As 2026.9.6 keeps it. */
function register(installRecords: unknown, plugins: unknown = [{ pluginId: 'feishu', enabled: true }]): void {
  database((opened) => {
    opened.exec('CREATE TABLE config_machine_state (state_key TEXT, value_json TEXT)');
    const insert = opened.prepare('INSERT INTO config_machine_state VALUES (?, ?)');
    insert.run('other', '{}');
    insert.run('plugins.installedIndex', JSON.stringify({ revision: 1, index: { installRecords, plugins } }));
  });
}

/** As 2026.6.6 keeps it. */
const registerInTable = (installRecords: unknown, plugins: unknown): void =>
  database((opened) => {
    opened.exec(
      'CREATE TABLE installed_plugin_index (index_key TEXT, install_records_json TEXT, plugins_json TEXT)',
    );
    opened
      .prepare('INSERT INTO installed_plugin_index VALUES (?, ?, ?)')
      .run('installed-plugin-index', JSON.stringify(installRecords), JSON.stringify(plugins));
  });

const loseNested = (): void => rmSync(join(plugin, 'node_modules', '@larksuiteoapi'), { recursive: true });

test('a gateway without external plugins is intact', async () => {
  rmSync(join(stateDir, 'npm'), { recursive: true });
  expect(await read()).toEqual({ kind: 'intact' });
  register({}, []);
  expect(await read()).toEqual({ kind: 'intact' });
});

test('a whole plugin is intact, its source entries and its host being elsewhere', async () => {
  register(registered(plugin));
  expect(await read()).toEqual({ kind: 'intact' });
});

test.each<[string, () => void, string]>([
  ['the package', () => rmSync(plugin, { recursive: true }), 'is missing'],
  ['all projects', () => rmSync(join(stateDir, 'npm'), { recursive: true }), 'is missing'],
  ['a nested dependency', loseNested, '@larksuiteoapi/node-sdk is missing'],
  [
    'what the gateway loads',
    () => rmSync(join(plugin, 'dist'), { recursive: true }),
    'dist/index.js is missing',
  ],
  ['the package.json', () => writeFileSync(join(plugin, 'package.json'), '{'), 'not valid JSON'],
  [
    'the host behind its link',
    () => rmSync(join(home, 'lib'), { recursive: true }),
    'lib/node_modules/openclaw, where nothing is',
  ],
])('a plugin that lost %s is broken', async (_what, harm, because) => {
  register(registered(plugin));
  harm();
  expect(await read()).toEqual({
    kind: 'broken',
    id: 'feishu',
    because: expect.stringContaining(because),
  });
});

test('a plugin that never had a link to its host is not broken by that', async () => {
  register(registered(plugin));
  unlinkSync(join(plugin, 'node_modules', 'openclaw'));
  expect(await read()).toEqual({ kind: 'intact' });
});

test('only the generation in use counts: an older broken one beside it is let be', async () => {
  loseNested();
  register(registered(installPlugin(`${project}__openclaw-generation__g-490cba04748ffc97`)));
  expect(await read()).toEqual({ kind: 'intact' });
});

test.each([
  ['switched off', [{ pluginId: 'feishu', enabled: false }], 'intact'],
  ['in use', [{ pluginId: 'feishu', enabled: true }], 'broken'],
  ['no longer listed, having lost its files', [], 'broken'],
])('a broken plugin %s', async (_what, plugins, kind) => {
  register(registered(plugin), plugins);
  loseNested();
  expect((await read()).kind).toBe(kind);
});

test('the table of 2026.6 and the file before it are read too', async () => {
  registerInTable(registered(plugin), [{ pluginId: 'feishu', enabled: true }]);
  expect((await read()).kind).toBe('intact');
  loseNested();
  expect((await read()).kind).toBe('broken');
  rmSync(join(stateDir, 'state'), { recursive: true });
  expect((await read()).kind).toBe('unknown');
  write(join(stateDir, 'plugins', 'installs.json'), { installRecords: registered(plugin) });
  expect((await read()).kind).toBe('broken');
});

test('a file of an older version does not count beside a registry without plugins', async () => {
  register({}, []);
  loseNested();
  write(join(stateDir, 'plugins', 'installs.json'), { installRecords: registered(plugin) });
  expect(await read()).toEqual({ kind: 'intact' });
});

test('a plugin linked from a place of its owner is not judged', async () => {
  register(registered(join(home, 'work', 'feishu')));
  expect(await read()).toEqual({ kind: 'intact' });
});

test('a home reached through a link is the same home', async () => {
  register(registered(plugin));
  loseNested();
  symlinkSync(stateDir, join(home, 'link'));
  stateDir = join(home, 'link');
  expect((await read()).kind).toBe('broken');
});

test('a broken plugin while an install runs is unknown, and so is an unreadable registry', async () => {
  register(registered(plugin));
  loseNested();
  alive = [{ pid: 5, command: 'npm install @openclaw/feishu' }];
  expect(await read()).toMatchObject({ kind: 'unknown', because: expect.stringContaining('process 5') });
  writeFileSync(
    join(stateDir, 'state', 'openclaw.sqlite'),
    'no database, but long enough to be taken for one',
  );
  expect((await read()).kind).toBe('unknown');
});
