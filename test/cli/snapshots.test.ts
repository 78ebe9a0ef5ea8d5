import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseCommand } from '../../src/cli/parse.ts';
import { runSnapshots, type SnapshotShop } from '../../src/cli/snapshots.ts';
import type { SnapshotsAsk } from '../../src/cli/snapshots-words.ts';
import { instant } from '../../src/core/time.ts';
import { systemClock } from '../../src/system/clock.ts';
import { createProcesses } from '../../src/system/process.ts';
import { run } from '../../src/system/run.ts';
import type { RecordedFile } from '../../src/vault/snapshot.ts';
import { createSnapshotStore, type KeptStore } from '../../src/vault/snapshot-store.ts';
import { findTool } from '../demo/tools.ts';
import { type TestContext, testContext } from './command-context.ts';

/** The command over a real repository. */
const clock = systemClock();
const noon = Date.parse('2026-11-22T12:00:00Z');

let dir: string;
let store: KeptStore;
let test: TestContext;
let live: Map<string, Buffer>;
let count: number;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'immune-snapshots-'));
  count = 0;
  live = new Map();
  test = await testContext();
  store = createSnapshotStore({
    dir: join(dir, 'config-backup'),
    knownGood: join(dir, 'known-good'),
    lease: join(dir, 'lease'),
    git: findTool('git'),
    run,
    clock,
    processes: createProcesses({ ps: findTool('ps') ?? '/bin/ps', run, clock }),
  });
});
afterEach(async () => {
  rmSync(dir, { recursive: true, force: true });
  await test.remove();
});

const file = (name: string, text: string): RecordedFile => ({
  name,
  role: name === 'openclaw.json' ? 'config' : name.startsWith('includes/') ? 'include' : 'service',
  path: `/home/ada/.openclaw/${name}`,
  mode: 0o600,
  bytes: Buffer.from(text),
});

/** Records one more config, an hour after the one before. */
async function record(files: Readonly<Record<string, string>>): Promise<string> {
  const takenAt = instant(noon + count * 3_600_000);
  count += 1;
  const all = Object.entries(files).map(([name, text]) => file(name, text));
  const content = {
    files: all,
    openclaw: '2026.9.6',
    bootId: 'boot-1',
    schemas: { 'openclaw.sqlite': 16 },
    takenAt,
  };
  const outcome = await store.record(content, { aside: null });
  if (outcome.kind !== 'recorded') throw new Error(JSON.stringify(outcome));
  return outcome.id;
}

async function snapshots(
  ask: SnapshotsAsk,
  { json = false, from = store }: { json?: boolean; from?: SnapshotShop['store'] } = {},
): Promise<{ code: number; text: string }> {
  const before = test.written().length;
  const shop = { store: from, live: readLive, redact: (text: string) => text };
  const code = await runSnapshots({ ask, json }, test.context, shop);
  return { code, text: test.written().slice(before) };
}

const readLive: SnapshotShop['live'] = () =>
  live.size > 0 ? { kind: 'read', texts: live } : { kind: 'failed', because: 'there is no openclaw.json' };

const config = (gateway: object, more: object = {}): string => JSON.stringify({ gateway, ...more });
const list = { kind: 'list', limit: 20 } as const;

describe('the list', () => {
  it('says so when there is nothing in it', async () => {
    expect(await snapshots(list)).toEqual({ code: 0, text: 'no snapshot has been recorded yet\n' });
  });

  it('has a line for each, newest first, with label, version and the keys that changed', async () => {
    const one = await record({ 'openclaw.json': config({ port: 1, bind: 'lan' }) });
    const two = await record({
      'openclaw.json': config({ port: 2, bind: 'loopback', mode: 'local' }, { a: 1, b: 2 }),
    });
    const three = await record({ 'openclaw.json': '{ broken' });
    await store.label(one, 'verified');
    await store.label(two, 'bad');
    const { code, text } = await snapshots(list);
    const lines = text.trimEnd().split('\n');
    expect(code).toBe(0);
    expect(lines).toHaveLength(3);
    expect(lines[0]).toMatch(
      new RegExp(`^${three.slice(0, 12)}  .*  recorded  2026.9.6  openclaw.json cannot be compared`),
    );
    expect(lines[1]).toMatch(
      new RegExp(
        `^${two.slice(0, 12)}  .*  bad       2026.9.6  gateway.port was changed, gateway.bind was changed, gateway.mode was added, and 2 more$`,
      ),
    );
    expect(lines[2]).toMatch(new RegExp(`^${one.slice(0, 12)}  .*  verified  2026.9.6$`));
  });

  it('compares the last line of a short list with the one before it', async () => {
    await record({ 'openclaw.json': config({ port: 1 }) });
    await record({ 'openclaw.json': config({ port: 2 }) });
    const { text } = await snapshots({ kind: 'list', limit: 1 });
    expect(text.trimEnd().split('\n')).toHaveLength(1);
    expect(text).toContain('gateway.port was changed');
  });

  it('as JSON has every fact under a stable key', async () => {
    await record({ 'openclaw.json': config({ port: 1 }) });
    const id = await record({ 'openclaw.json': config({ port: 2 }) });
    const { text } = await snapshots(list, { json: true });
    expect(JSON.parse(text)).toMatchObject({
      version: 1,
      problem: null,
      snapshots: [
        {
          id,
          takenAt: '2026-11-22T13:00:00.000Z',
          label: 'recorded',
          openclaw: '2026.9.6',
          changes: [{ file: 'openclaw.json', key: 'gateway.port', kind: 'changed' }],
        },
        { changes: null },
      ],
    });
  });

  it('still comes from the plain copies when the repository is gone', async () => {
    const id = await record({ 'openclaw.json': config({ port: 1 }) });
    await store.label(id, 'verified');
    rmSync(join(dir, 'config-backup'), { recursive: true });
    const { code, text } = await snapshots(list);
    expect(code).toBe(0);
    expect(text).toContain('there is no repository');
    expect(text).toContain('(plain copy)');
  });
});

describe('show', () => {
  it('prints manifest and config with every value masked that may be a secret', async () => {
    const id = await record({
      'openclaw.json': config({ port: 18789, auth: { token: 'hunter2' }, bind: 'lan' }, { note: 'a word' }),
      'includes/agents.json5': '{ list: [{ name: "ada" }] } // a comment',
      'service/gateway.plist': '<plist>secret</plist>',
    });
    const { code, text } = await snapshots({ kind: 'show', id: id.slice(0, 6) });
    expect(code).toBe(0);
    expect(text).toContain(`snapshot  ${id}\n`);
    expect(text).toContain('boot      boot-1\nschemas   openclaw.sqlite 16\n');
    expect(text).toMatch(/ {2}service\/gateway\.plist {2}[0-9a-f]{64} {2}21 bytes\n/);
    expect(text).toContain(
      '\nopenclaw.json:\n  gateway.port: 18789\n  gateway.auth.token: …\n  gateway.bind: "lan"\n  note: …\n',
    );
    expect(text).toContain('\nincludes/agents.json5:\n  list[0].name: …\n');
  });

  it('says of a text that does not parse only that', async () => {
    const id = await record({ 'openclaw.json': '{ "token": "hunter2"' });
    const { text } = await snapshots({ kind: 'show', id });
    expect(text).toContain('openclaw.json does not parse, so nothing of it is shown');
    expect(text).not.toContain('hunter2');
  });
});

describe('diff', () => {
  it('shows small numbers and known words, and of all else only the key', async () => {
    await record({
      'openclaw.json': config({ port: 1, bind: 'lan', auth: { token: 'old-one' }, name: 'ada' }),
    });
    const id = await record({
      'openclaw.json': config(
        { port: 2, bind: 'loopback', auth: { token: 'new-one' } },
        { on: true, list: ['x'] },
      ),
      'includes/a.json5': '{}',
    });
    const { text } = await snapshots({ kind: 'diff', id: (await oldest()).slice(0, 12), other: id });
    expect(text.split('\n').slice(1)).toEqual([
      '+ the whole text was added in includes/a.json5',
      '~ gateway.port: 1 -> 2',
      '~ gateway.bind: "lan" -> "loopback"',
      '~ gateway.auth.token',
      '- gateway.name',
      '+ on: true',
      '+ list',
      '',
    ]);
  });

  const oldest = async (): Promise<string> => {
    const listing = await store.list(9);
    return listing.kind === 'listed' ? (listing.entries.at(-1)?.id ?? '') : '';
  };

  it('of one id is against the config on disk', async () => {
    await record({ 'openclaw.json': config({ port: 1 }) });
    live.set('openclaw.json', Buffer.from(config({ port: 7 })));
    const { text } = await snapshots({ kind: 'diff', id: 'newest', other: null });
    expect(text).toMatch(/^from [0-9a-f]{12} to the config on disk:\n~ gateway\.port: 1 -> 7\n$/);
    live.set('openclaw.json', Buffer.from(`${config({ port: 1 })} // by hand`));
    const wording = await snapshots({ kind: 'diff', id: 'newest', other: null });
    expect(wording.text).toContain('! openclaw.json differs in comments or formatting only');
    live.clear();
    await expect(snapshots({ kind: 'diff', id: 'newest', other: null })).rejects.toMatchObject({
      message: 'there is nothing to compare with: there is no openclaw.json',
      exitCode: 3,
    });
  });

  it('of two equal ones says so, and as JSON names ids and keys', async () => {
    const id = await record({ 'openclaw.json': config({ port: 1 }) });
    expect((await snapshots({ kind: 'diff', id, other: id })).text).toContain('the config is the same');
    live.set('openclaw.json', Buffer.from(config({ port: 1, x: 'secret' })));
    const { text } = await snapshots({ kind: 'diff', id, other: null }, { json: true });
    expect(JSON.parse(text)).toEqual({
      version: 1,
      from: id,
      to: null,
      keys: [{ file: 'openclaw.json', key: 'gateway.x', kind: 'added', before: null, after: '…' }],
      files: [],
    });
  });
});

describe('verify', () => {
  it('is 0 when every file is as it was recorded', async () => {
    await record({ 'openclaw.json': config({ port: 1 }) });
    expect(await snapshots({ kind: 'verify' })).toMatchObject({
      code: 0,
      text: expect.stringMatching(/^1 snapshot checked/),
    });
  });

  it('is 3 when one is not', async () => {
    const id = await record({ 'openclaw.json': config({ port: 1 }) });
    const object = join(dir, 'config-backup', '.git', 'objects', id.slice(0, 2), id.slice(2));
    rmSync(object, { force: true });
    writeFileSync(object, 'garbage');
    const { code, text } = await snapshots({ kind: 'verify' });
    expect(code).toBe(3);
    expect(text).toContain('something is wrong');
  });
});

describe('an id', () => {
  it('may be the word for the newest verified one', async () => {
    const id = await record({ 'openclaw.json': config({ port: 1 }) });
    await record({ 'openclaw.json': config({ port: 2 }) });
    await store.label(id, 'verified');
    expect((await snapshots({ kind: 'show', id: 'verified' })).text).toContain(id);
  });

  it.each([['newest'], ['verified'], ['abcdef']])('that names none is told: %s', async (id) => {
    await expect(snapshots({ kind: 'show', id })).rejects.toMatchObject({ exitCode: 3 });
  });

  it('that names several is told, with one of them', async () => {
    const entry = {
      takenAt: instant(noon),
      label: 'recorded',
      configHash: '',
      openclaw: null,
      source: 'git',
    } as const;
    const entries = ['abcd1', 'abcd2'].map((id) => ({ ...entry, id: id.padEnd(40, '0') }));
    const from = { ...store, list: async () => ({ kind: 'listed' as const, entries, problem: null }) };
    await expect(snapshots({ kind: 'show', id: 'abcd' }, { from })).rejects.toMatchObject({
      exitCode: 2,
      message: 'abcd is the beginning of 2 snapshots',
    });
  });
});

it('a store that cannot be read is told with the next command to type', async () => {
  const from = { ...store, list: async () => ({ kind: 'failed' as const, because: 'the disk is gone' }) };
  await expect(snapshots(list, { from })).rejects.toMatchObject({
    exitCode: 3,
    hint: 'immune snapshots verify',
  });
});

it.each(['show', 'diff'])('%s without an id leads to the list, which works without a snapshot', (word) => {
  expect(parseCommand(['snapshots', word])).toMatchObject({ hint: 'immune snapshots list' });
});

describe('what is typed', () => {
  const ask = (...words: readonly string[]) => {
    const parsed = parseCommand(['snapshots', ...words]);
    return parsed.kind === 'snapshots' ? parsed.ask : parsed;
  };
  it.each<[string, SnapshotsAsk]>([
    ['', { kind: 'list', limit: 20 }],
    ['list', { kind: 'list', limit: 20 }],
    ['list --limit 1000', { kind: 'list', limit: 1_000 }],
    ['-n 5', { kind: 'list', limit: 5 }],
    ['show abcd', { kind: 'show', id: 'abcd' }],
    ['show newest', { kind: 'show', id: 'newest' }],
    ['diff verified', { kind: 'diff', id: 'verified', other: null }],
    ['diff 0123 4567', { kind: 'diff', id: '0123', other: '4567' }],
    ['verify', { kind: 'verify' }],
  ])('"%s" is understood', (words, wanted) => {
    expect(ask(...words.split(' ').filter((word) => word !== ''))).toEqual(wanted);
  });

  it.each([
    ['shwo abcd', 'did you mean "show"'],
    ['everything', 'is nothing "immune snapshots" does'],
    ['show', 'show needs the id'],
    ['show abc', 'at least four of its digits'],
    ['show abcd ef01', 'show needs the id of one'],
    ['show ../../etc', 'is not the id of a snapshot'],
    ['diff', 'diff needs the id'],
    ['verify abcd', 'takes no id'],
    ['list abcd', 'takes no id'],
    ['list --limit 0', 'whole number from 1 to 1000'],
    ['list --limit 1001', 'whole number from 1 to 1000'],
    ['show abcd --limit 4', 'goes with the list only'],
    ['diff abcd ef01 2345', 'does not take "2345"'],
  ])('"%s" is refused', (words, because) => {
    expect(ask(...words.split(' '))).toMatchObject({
      kind: 'refused',
      message: expect.stringContaining(because),
    });
  });

  it('asks for JSON', () => {
    expect(parseCommand(['snapshots', 'verify', '--json'])).toMatchObject({ json: true });
    expect(parseCommand(['why-config', '--json'])).toEqual({ kind: 'why-config', json: true });
    expect(parseCommand(['why-config'])).toEqual({ kind: 'why-config', json: false });
  });
});
