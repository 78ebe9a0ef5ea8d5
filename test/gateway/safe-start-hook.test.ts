import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commandOf } from '../../src/gateway/environment.ts';
import { nodeOfJob, readLaunch } from '../../src/gateway/launch.ts';
import { hookTrouble, readHook, recordIn, seeThrough, wrapperIn } from '../../src/gateway/safe-start-hook.ts';

let directory: string;
const entry = '/p/lib/node_modules/openclaw/dist/index.js';
const generated = ['/bin/sh', '/h/.openclaw/service-env/x-env-wrapper.sh', '/h/.openclaw/service-env/x.env'];
const remember = (text: string): void => writeFileSync(recordIn(directory), text);
const whole = JSON.stringify({ version: 1, node: process.execPath, flags: ['--a=1'], entry });
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "immune hook's "));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe('a job that starts the gateway through our wrapper', () => {
  const job = (): readonly string[] => [...generated, wrapperIn(directory), 'gateway', '--port', '1'];

  it('is read as the command the wrapper becomes', () => {
    remember(whole);
    expect(commandOf(job())).toEqual([process.execPath, '--a=1', entry, 'gateway', '--port', '1']);
    expect(nodeOfJob(job(), {})).toBe(process.execPath);
    expect(readHook({ programArguments: job(), directory })).toMatchObject({
      kind: 'installed',
      record: { entry },
    });
  });

  it('is told of when an update has taken the whole package elsewhere, and not when it is only damaged', () => {
    const look = (root: string) => {
      remember(JSON.stringify({ ...JSON.parse(whole), entry: join(root, 'dist', 'index.js') }));
      return hookTrouble(readHook({ programArguments: job(), directory }));
    };
    expect(look('/opt/homebrew/Cellar/openclaw-cli/2026.9.5/libexec/lib/node_modules/openclaw')).toMatch(
      /2026\.9\.5\S+ is gone.*: immune install$/,
    );
    expect(look(join(directory, 'openclaw'))).toBeNull();
  });

  it.each([
    ['torn', whole.slice(0, 40)],
    ['of another version', whole.replace('1', '2')],
    ['with a relative path', whole.replace(process.execPath, 'node')],
    ['with flags that are none', whole.replace('["--a=1"]', '[1]')],
    ['with no object at all', 'null'],
  ])('stays as it is with a record that is %s', (_what, text) => {
    remember(text);
    expect(commandOf(job())[0]).toBe(wrapperIn(directory));
    expect(readHook({ programArguments: job(), directory })).toMatchObject({
      kind: 'installed',
      record: null,
    });
  });

  it('cannot start when the wrapper is gone, and can with another Node of the PATH', async () => {
    remember(whole.replace(process.execPath, '/gone/node'));
    const askNode = async () => ({ kind: 'version', text: 'v26.0.0', version: [26, 0, 0] }) as never;
    const look = () =>
      readLaunch({ programArguments: job().slice(3), env: { PATH: directory }, packageRoot: null }, askNode);
    expect(await look()).toMatchObject({ kind: 'broken', part: 'wrapper' });
    writeFileSync(wrapperIn(directory), '#!/bin/sh\n');
    chmodSync(wrapperIn(directory), 0o700);
    expect(await look()).toMatchObject({ kind: 'broken', part: 'node-missing' });
    writeFileSync(join(directory, 'node'), '#!/bin/sh\n');
    chmodSync(join(directory, 'node'), 0o700);
    expect(await look()).toMatchObject({ kind: 'sound', node: join(directory, 'node') });
  });
});

it.each([
  ['Node and entry', ['/n/node', entry, 'gateway'], 'dropped'],
  ['bun', ['/n/bun', entry, 'gateway'], 'dropped'],
  ['a wrapper of somebody else', ['/their/wrapper', 'gateway'], 'foreign'],
  ['a wrapper of our name elsewhere', ['/else/openclaw-immune-safe-start', 'gateway'], 'foreign'],
  ['nothing that can be read', [], 'unknown'],
])('a job that starts %s: what became of ours', (_what, words, kind) => {
  remember(whole);
  expect(readHook({ programArguments: words, directory }).kind).toBe(kind);
  rmSync(recordIn(directory));
  const before = kind === 'dropped' ? 'none' : kind;
  expect(readHook({ programArguments: words, directory }).kind).toBe(before);
  expect(seeThrough(words)).toEqual(words);
});
