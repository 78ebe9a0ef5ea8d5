import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { checkConfigFile } from '../../src/gateway/config-check.ts';
import { byUser } from '../user/by-user.ts';

let home: string;
let path: string;
beforeEach(() => {
  home = realpathSync(mkdtempSync(join(tmpdir(), 'config-check-')));
  path = join(home, 'openclaw.json');
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const secret = 'hunter2-hunter2';
const write = (text: string, name = 'openclaw.json'): void => writeFileSync(join(home, name), text);
const check = (known: { bytes: number } | null = null, env: Record<string, string> = {}) =>
  checkConfigFile(path, env, known);

test('a config with comments, includes and a byte order mark is sound', () => {
  write('{auth: {mode: "token"}}', 'auth.json5');
  write('\uFEFF// mine\n/* {not this} */\n{gateway: {mode: "local", port: 18789, $include: "./auth.json5"}}');
  utimesSync(path, 1_000_000, 1_700_000_000.5);
  utimesSync(join(home, 'auth.json5'), 1_000_000, 1_700_000_001.25);
  const { verdict, stamps, bytes, config } = check();
  expect(verdict).toEqual({
    kind: 'sound',
    hash: expect.stringMatching(/^[0-9a-f]{64}$/),
    changedAt: 1_700_000_001_250,
  });
  expect([...stamps.keys()]).toEqual([path, join(home, 'auth.json5')]);
  expect(bytes).toBeGreaterThan(60);
  expect(config).toMatchObject({ gateway: { auth: { mode: 'token' } } });
});

const sound = '{"gateway":{"mode":"local"}}';
test.each([
  ['an empty file', '', 'clobbered', /is empty$/],
  ['white space', ' \n\t\n', 'clobbered', /is empty$/],
  ['nothing but comments', '// was here\n/* and here */\n', 'clobbered', /nothing but comments/],
  ['text before the first brace', `Found and updated: False\n${sound}`, 'clobbered', /brace/],
  ['text after a comment and before the brace', `// mine\nok ${sound}`, 'clobbered', /brace/],
  ['zeros, as a crash of the machine leaves', '\0'.repeat(64), 'clobbered', /brace/],
  ['a list', '[]', 'clobbered', /brace/],
  ['a text', '"{}"', 'clobbered', /brace/],
  ['a file that ends in the middle', '{"gateway":{', 'broken', /:1:13: invalid end of input/],
  ['a missing comma', '{\n  "a": 1\n  "b": 2\n}', 'broken', /:3:3: invalid character .+ at 3:3/],
  ['an empty object', '{}', 'incomplete', /gateway\.mode is missing/],
  ['a gateway without a mode', '{"gateway":{"port":1}}', 'incomplete', /gateway\.mode is missing/],
  ['the mode of a client', '{"gateway":{"mode":"remote"}}', 'incomplete', /gateway\.mode is not "local"/],
  ['a mode that is no text', '{"gateway":{"mode":5}}', 'incomplete', /gateway\.mode is not "local"/],
  ['a gateway that is no object', `{"gateway":"${secret}"}`, 'rejected', /gateway is not an object/],
  ['a port in quotes', '{"gateway":{"mode":"local","port":"18789"}}', 'rejected', /gateway\.port/],
  ['port 0', '{"gateway":{"mode":"local","port":0}}', 'rejected', /gateway\.port/],
  ['half a port', '{"gateway":{"mode":"local","port":1.5}}', 'rejected', /gateway\.port/],
  ['no port at all', '{"gateway":{"mode":"local","port":null}}', 'rejected', /gateway\.port/],
])('%s is named for what it is', (_name, text, fault, because) => {
  write(text);
  const { verdict } = check();
  expect(verdict).toMatchObject({ kind: 'faulty', fault, because: expect.stringMatching(because) });
  expect(verdict.kind === 'faulty' && verdict.hash).toMatch(/^[0-9a-f]{64}$/);
  expect(verdict.kind === 'faulty' && verdict.changedAt).toBeGreaterThan(1_700_000_000_000);
});

test('a port above 65535 is the validator’s to judge, for an older OpenClaw serves with it', () => {
  write('{"gateway":{"mode":"local","port":70000}}');
  expect(check().verdict.kind).toBe('sound');
});

test('no value of the config is ever in a sentence', () => {
  for (const text of [
    `{"gateway":{"mode":"${secret}","port":1}}`,
    `{"gateway":{"mode":"local","port":"${secret}"}}`,
    `{"gateway":{"token":"${secret}",,}}`,
    `${secret} {}`,
    `{"token": ${secret}}`,
  ]) {
    write(text);
    expect(JSON.stringify(check().verdict)).not.toContain(secret);
    expect(JSON.stringify(check().verdict)).not.toContain('hunter');
  }
});

test('a missing file, a broken link, a folder and a named pipe are told apart from text', () => {
  const nothing = { kind: 'faulty', hash: null, changedAt: null };
  expect(check().verdict).toMatchObject({ ...nothing, fault: 'missing' });
  symlinkSync(join(home, 'gone.json'), path);
  expect(check().verdict).toMatchObject({ ...nothing, fault: 'missing' });
  rmSync(path);
  mkdirSync(path);
  expect(check().verdict).toMatchObject({ ...nothing, fault: 'unreadable' });
  rmSync(path, { recursive: true });
  expect(spawnSync('/usr/bin/mkfifo', [path]).status).toBe(0);
  expect(check().verdict).toMatchObject({ ...nothing, fault: 'unreadable' });
  rmSync(path);
  symlinkSync(path, path);
  expect(check().verdict).toMatchObject({ ...nothing, fault: 'unreadable' });
});

byUser('a file without the right to read it is unreadable', () => {
  write(sound);
  chmodSync(path, 0o000);
  expect(check().verdict).toMatchObject({ kind: 'faulty', fault: 'unreadable', hash: null });
});

test('a file far too large for a config is not read at all', () => {
  write(sound);
  truncateSync(path, 9_000_000);
  expect(check().verdict).toMatchObject({ kind: 'faulty', fault: 'clobbered', hash: null });
});

test('what is nested beyond all reason proves nothing', () => {
  write(`${'{a:'.repeat(20_000)}1${'}'.repeat(20_000)}`);
  expect(check().verdict).toMatchObject({
    kind: 'unknown',
    because: expect.stringContaining('nested too deeply'),
  });
});

test.each([
  ['is gone', null, /gone\.json5 that the config includes.*does not exist/],
  ['does not parse', '{"a":', /gone\.json5 that the config includes.*invalid end of input at 1:6/],
])('an include that %s breaks the config', (_name, text, because) => {
  if (text !== null) write(text, 'gone.json5');
  write('{gateway: {mode: "local"}, $include: "./gone.json5"}');
  const before = check();
  expect(before.verdict).toMatchObject({
    kind: 'faulty',
    fault: 'broken',
    because: expect.stringMatching(because),
  });
  write('{}', 'gone.json5');
  expect(check().verdict.kind).toBe('sound');
  expect([...before.stamps.keys()]).toEqual([...check().stamps.keys()]);
});

test('an include that only OpenClaw may read is left to OpenClaw, and its change is seen', () => {
  const outside = mkdtempSync(join(tmpdir(), 'config-outside-'));
  const file = join(outside, 'x.json');
  writeFileSync(file, sound);
  write(JSON.stringify({ $include: file }));
  const before = check();
  writeFileSync(file, `${sound} `);
  const after = check();
  rmSync(outside, { recursive: true });
  expect(before.verdict.kind).toBe('sound');
  expect([...before.stamps.keys()]).toContain(file);
  expect(after.verdict).toEqual(before.verdict);
  expect(after.fingerprint).not.toBe(before.fingerprint);
});

test('a file that lost most of its length and does not stand is clobbered; a small sound one is sound', () => {
  const known = { bytes: 200 };
  for (const text of ['{"gateway":{', '{}', '{"gateway":{"port":1}}']) {
    write(text);
    expect(check(known).verdict).toMatchObject({
      fault: 'clobbered',
      because: expect.stringContaining('200'),
    });
  }
  write(`{${' '.repeat(120)}}`);
  expect(check(known).verdict).toMatchObject({ fault: 'incomplete' });
  write(sound);
  expect(check(known).verdict.kind).toBe('sound');
});

test('the hash follows every file, the fingerprint also the variables that are asked for', () => {
  write('{a: 1}', 'one.json5');
  write(`{gateway: {mode: "local", bind: "$\{BIND}"}, $include: "./one.json5"}`);
  const at = (env: Record<string, string>) => {
    const { verdict, fingerprint } = check(null, env);
    return { hash: verdict.kind === 'sound' && verdict.hash, fingerprint };
  };
  const first = at({ BIND: 'lan' });
  expect(at({ BIND: 'lan', OTHER: 'x' })).toEqual(first);
  const otherVariable = at({ BIND: 'loopback' });
  expect(otherVariable.hash).toBe(first.hash);
  expect(otherVariable.fingerprint).not.toBe(first.fingerprint);
  write('{a: 2}', 'one.json5');
  const otherFile = at({ BIND: 'lan' });
  expect(otherFile.hash).not.toBe(first.hash);
  expect(otherFile.fingerprint).not.toBe(first.fingerprint);
});
