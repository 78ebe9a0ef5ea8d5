import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { beforeEach, expect, it } from 'vitest';
import { readStateDatabases } from '../../src/gateway/state-databases.ts';
import { workspace } from '../system/workspace.ts';

let state: string;
beforeEach(() => {
  state = workspace();
});

function database(path: string, version: number): void {
  const full = join(state, path);
  mkdirSync(dirname(full), { recursive: true });
  const opened = new DatabaseSync(full);
  opened.exec(`CREATE TABLE t (x); PRAGMA user_version = ${version}`);
  opened.close();
}

it('reads the schema version of every database below the state directory', async () => {
  database('state/openclaw.sqlite', 41);
  database('agents/main/agent/openclaw-agent.sqlite', 7);
  database('memory/main.sqlite', 0);
  expect(await readStateDatabases(state)).toEqual({
    kind: 'read',
    versions: {
      'state/openclaw.sqlite': 41,
      'agents/main/agent/openclaw-agent.sqlite': 7,
      'memory/main.sqlite': 0,
    },
    unread: [],
  });
});

it('sees a version that is still in the write-ahead log of a live gateway', async () => {
  database('state/openclaw.sqlite', 41);
  const live = new DatabaseSync(join(state, 'state', 'openclaw.sqlite'));
  try {
    live.exec('PRAGMA journal_mode = WAL; PRAGMA user_version = 42; INSERT INTO t VALUES (1)');
    const found = await readStateDatabases(state);
    expect(found).toMatchObject({ versions: { 'state/openclaw.sqlite': 42 } });
  } finally {
    live.close();
  }
});

it('names what cannot be read now, and goes on', async () => {
  database('state/openclaw.sqlite', 41);
  writeFileSync(join(state, 'state', 'torn.sqlite'), 'x'.repeat(5_000));
  expect(await readStateDatabases(state)).toEqual({
    kind: 'read',
    versions: { 'state/openclaw.sqlite': 41 },
    unread: ['state/torn.sqlite'],
  });
});

it('leaves out installed code, copies, what agents work on, and the locks of a live gateway', async () => {
  const left = ['npm/projects/x/a.sqlite', 'tmp/openclaw-501/gateway.state.lock.sqlite', 'backups/b.sqlite'];
  const more = ['workspace/c.sqlite', 'workspace-ada/d.sqlite', 'plugins/node_modules/e.sqlite'];
  for (const path of [...left, ...more]) database(path, 1);
  database('agents/tmp/agent/x.sqlite', 3);
  expect(await readStateDatabases(state)).toMatchObject({ versions: { 'agents/tmp/agent/x.sqlite': 3 } });
  const found = await readStateDatabases(state);
  expect(found.kind === 'read' && Object.keys(found.versions)).toHaveLength(1);
});

it('follows no links, and does not wait for a pipe', async () => {
  const elsewhere = workspace();
  symlinkSync(elsewhere, join(state, 'link'));
  execFileSync('mkfifo', [join(state, 'pipe.sqlite')]);
  expect(await readStateDatabases(state)).toEqual({ kind: 'read', versions: {}, unread: [] });
});

it('finds none where there is no state directory', async () => {
  rmSync(state, { recursive: true });
  expect(await readStateDatabases(state)).toEqual({ kind: 'read', versions: {}, unread: [] });
});

it('does not guess where there are more than it can look at', async () => {
  const many = join(state, 'many');
  mkdirSync(many);
  for (let at = 0; at <= 500; at += 1) writeFileSync(join(many, `${at}.sqlite`), '');
  expect(await readStateDatabases(state)).toMatchObject({ kind: 'unknown' });
});
