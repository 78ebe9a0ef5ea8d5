import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { sweepStages, withStagedConfig } from '../../src/gateway/stage-config.ts';
import { run } from '../../src/system/run.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stage-config-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const files = new Map([
  ['my.json', Buffer.from('{}')],
  ['parts/a.json5', Buffer.from('{ a: 1 }')],
]);

test('the files lie as around the real config, for us alone, and are gone afterwards', async () => {
  const path = await withStagedConfig({ configPath: '/home/a/my.json', files }, async (staged) => {
    expect(readFileSync(staged, 'utf8')).toBe('{}');
    expect(readFileSync(join(dirname(staged), 'parts/a.json5'), 'utf8')).toBe('{ a: 1 }');
    expect(statSync(dirname(staged)).mode & 0o777).toBe(0o700);
    expect(statSync(staged).mode & 0o777).toBe(0o600);
    return staged;
  });
  expect(existsSync(dirname(path))).toBe(false);
});

test('they are gone after a failure, too, and no file leaves the folder', async () => {
  let seen = '';
  const failing = withStagedConfig({ configPath: '/home/a/my.json', files }, async (staged) => {
    seen = dirname(staged);
    throw new Error('of the user');
  });
  await expect(failing).rejects.toThrow('of the user');
  expect(existsSync(seen)).toBe(false);
  for (const name of ['../escape', '/etc/escape', 'a/../../escape', '.']) {
    const outside = withStagedConfig(
      { configPath: '/home/a/my.json', files: new Map([[name, Buffer.from('')]]) },
      async () => 1,
    );
    await expect(outside).rejects.toThrow('cannot be staged');
  }
});

test('only old folders of dead watchdogs are swept', async () => {
  const child = await run({ file: process.execPath, args: ['-p', 'process.pid'], timeoutMs: 20_000 });
  const dead = child.kind === 'exited' ? child.stdout.trim() : '';
  const make = (name: string, ageMs: number): string => {
    const path = join(folder, name);
    mkdirSync(path);
    const at = (Date.now() - ageMs) / 1000;
    utimesSync(path, at, at);
    return path;
  };
  const old = 3_700_000;
  const gone = [make(`openclaw-stage-${dead}-a`, old), make('openclaw-validator-b', old)];
  const kept = [
    make(`openclaw-stage-${dead}-c`, 60_000),
    make(`openclaw-stage-${process.pid}-d`, old),
    make('openclaw-validator-e', 60_000),
    make('something-else', old),
  ];
  symlinkSync(join(folder, 'something-else'), join(folder, 'openclaw-validator-link'));
  expect(await sweepStages(Date.now(), folder)).toBe(2);
  expect(gone.map(existsSync)).toEqual([false, false]);
  expect(kept.map(existsSync)).toEqual([true, true, true, true]);
  expect(existsSync(join(folder, 'openclaw-validator-link'))).toBe(true);
  expect(await sweepStages(Date.now(), join(folder, 'none'))).toBe(0);
});
