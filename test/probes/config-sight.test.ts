import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Clock, millis, minutes, seconds } from '../../src/core/time.ts';
import { createConfigSight } from '../../src/probes/config-sight.ts';
import { systemClock } from '../../src/system/clock.ts';
import { run } from '../../src/system/run.ts';
import { until } from '../system/workspace.ts';

let home: string;
let configPath: string;
let packageRoot: string;
let aheadMs: number;
let settled: number;
const open: { close(): Promise<void> }[] = [];

beforeEach(() => {
  home = realpathSync(mkdtempSync(join(tmpdir(), 'config-sight-')));
  configPath = join(home, 'openclaw.json');
  packageRoot = join(home, 'package');
  aheadMs = 0;
  settled = 0;
  mkdirSync(packageRoot);
  writeFileSync(join(packageRoot, 'package.json'), '{"name":"openclaw","version":"1.0.0"}');
  // It notes each call, tells its pid, and answers as it is told, once the file to wait for is gone.
  writeFileSync(
    join(packageRoot, 'openclaw.mjs'),
    `import { appendFileSync, existsSync, readFileSync } from 'node:fs';
     const home = ${JSON.stringify(home)};
     appendFileSync(home + '/calls', process.pid + '\\n');
     while (existsSync(home + '/hold')) await new Promise((wake) => setTimeout(wake, 10));
     const { code, answer } = JSON.parse(readFileSync(home + '/answer', 'utf8'));
     process.exitCode = code;
     console.log(JSON.stringify({ path: process.env.OPENCLAW_CONFIG_PATH, ...answer }));`,
  );
  answer(0, { valid: true });
  writeConfig('');
});
afterEach(async () => {
  rmSync(join(home, 'hold'), { force: true });
  for (const sight of open.splice(0)) await sight.close();
  rmSync(home, { recursive: true, force: true });
});

const answer = (code: number, told: unknown): void =>
  writeFileSync(join(home, 'answer'), JSON.stringify({ code, answer: told }));
const refuse = (): void =>
  answer(1, { valid: false, issues: [{ path: 'gateway.port', message: 'expected number' }] });
const calls = (): readonly string[] =>
  existsSync(join(home, 'calls')) ? readFileSync(join(home, 'calls'), 'utf8').trim().split('\n') : [];

/** Old enough to be nobody's edit in progress. */
const writeConfig = (more: string): void => {
  writeFileSync(configPath, `{"gateway":{"mode":"local"${more}}}`);
  utimesSync(configPath, 1_700_000_000, 1_700_000_000);
};

const real = systemClock();
const clock: Clock = { ...real, elapsed: () => millis(real.elapsed() + aheadMs) };

function sight(more: Partial<Parameters<typeof createConfigSight>[0]> = {}) {
  const made = createConfigSight({
    clock,
    run,
    place: () => ({ configPath, env: {}, node: process.execPath, packageRoot, stateDir: home }),
    timeoutMs: () => seconds(30),
    settleMs: millis(50),
    onSettled: () => {
      settled += 1;
    },
    ...more,
  });
  open.push(made);
  return made;
}
const now = { wait: false };
const patiently = { wait: true };

test('a sound file is pending until the validator has spoken, which is told, and asked once only', async () => {
  const eye = sight();
  expect(await eye.look(now)).toMatchObject({
    kind: 'sound',
    validator: 'pending',
    changedAt: 1_700_000_000_000,
  });
  expect(await eye.look(now)).toMatchObject({ validator: 'pending' });
  await until('the validator has spoken', () => settled === 1);
  expect(await eye.look(now)).toMatchObject({ kind: 'sound', validator: 'valid' });
  expect(await eye.look(patiently)).toMatchObject({ kind: 'sound', validator: 'valid' });
  aheadMs = minutes(600);
  expect(await eye.look(patiently)).toMatchObject({ kind: 'sound', validator: 'valid' });
  expect(calls()).toHaveLength(1);
});

test('a refusal is a faulty config with where and why, three issues at most', async () => {
  const issues = [1, 2, 3, 4].map((key) => ({ path: `gateway.k${key}`, message: 'expected number' }));
  answer(1, { valid: false, issues });
  expect(await sight().look(patiently)).toEqual({
    kind: 'faulty',
    fault: 'rejected',
    hash: expect.stringMatching(/^[0-9a-f]{64}$/),
    changedAt: 1_700_000_000_000,
    because:
      "OpenClaw's validator refuses it: gateway.k1: expected number; gateway.k2: expected number; gateway.k3: expected number; and 1 more",
  });
});

test('what our own reading condemns needs no validator, and its repair is seen at the next look', async () => {
  const eye = sight();
  const before = statSync(configPath);
  writeFileSync(configPath, '{"gateway":');
  expect(await eye.look(patiently)).toMatchObject({ kind: 'faulty', fault: 'broken' });
  rmSync(configPath);
  expect(await eye.look(patiently)).toMatchObject({ kind: 'faulty', fault: 'missing' });
  expect(calls()).toHaveLength(0);
  // Beside it and renamed, with the time it had before: only the inode tells.
  writeConfig('');
  utimesSync(configPath, before.atime, before.mtime);
  expect(await eye.look(patiently)).toMatchObject({ kind: 'sound', validator: 'valid' });
});

test('a file rewritten in place with the same length and time is read anew', async () => {
  const eye = sight();
  writeConfig(',"port":1');
  await eye.look(patiently);
  writeConfig(',"port":0');
  expect(await eye.look(patiently)).toMatchObject({ kind: 'faulty', fault: 'rejected' });
});

test('a change of the file, of one it includes, or of the package brings a new question', async () => {
  const eye = sight();
  await eye.look(patiently);
  writeFileSync(join(home, 'more.json5'), '{a: 1}');
  writeConfig(',"$include":"./more.json5"');
  expect(await eye.look(patiently)).toMatchObject({ validator: 'valid' });
  expect(calls()).toHaveLength(2);
  writeFileSync(join(home, 'more.json5'), '{a: 2}');
  await eye.look(patiently);
  expect(calls()).toHaveLength(3);
  mkdirSync(join(packageRoot, 'node_modules'));
  await eye.look(patiently);
  expect(calls()).toHaveLength(4);
  const manifest = join(packageRoot, 'package.json');
  writeFileSync(`${manifest}.new`, readFileSync(manifest));
  renameSync(`${manifest}.new`, manifest);
  expect(await eye.look(now)).toMatchObject({ validator: 'pending' });
  await eye.look(patiently);
  expect(calls()).toHaveLength(5);
});

test('a file that just changed is left alone until it has settled', async () => {
  const sleeps: number[] = [];
  let wake = (): void => undefined;
  const eye = sight({
    settleMs: seconds(2),
    clock: {
      ...clock,
      sleep: (ms) => {
        sleeps.push(ms);
        return new Promise((resolve) => {
          wake = resolve;
        });
      },
    },
  });
  writeFileSync(configPath, '{"gateway":{"mode":"local","port":1}}');
  expect(await eye.look(now)).toMatchObject({ validator: 'pending' });
  expect(sleeps[0]).toBeGreaterThan(1_000);
  expect(sleeps[0]).toBeLessThanOrEqual(2_000);
  writeFileSync(configPath, '{"gateway":{"mode":"local","port":12}}');
  wake();
  await until('the first wait is over', () => settled === 1);
  expect(calls()).toHaveLength(0);
  expect(await eye.look(now)).toMatchObject({ validator: 'pending' });
  wake();
  await until('the validator has spoken', () => settled === 2);
  expect(calls()).toHaveLength(1);
  expect(await eye.look(now)).toMatchObject({ validator: 'valid' });
});

test('a verdict on what is no longer on disk is dropped, and only one validator runs at a time', async () => {
  writeFileSync(join(home, 'hold'), '');
  refuse();
  const eye = sight();
  await eye.look(now);
  await until('the validator runs', () => calls().length === 1);
  writeConfig(',"port":1');
  expect(await eye.look(now)).toMatchObject({ kind: 'sound', validator: 'pending' });
  await until('the first one is ended', () => settled === 1);
  expect(calls()).toHaveLength(1);
  expect(() => process.kill(Number(calls()[0]), 0)).toThrow('ESRCH');
  expect(await eye.look(now)).toMatchObject({ kind: 'sound', validator: 'pending' });
  answer(0, { valid: true });
  rmSync(join(home, 'hold'));
  expect(await eye.look(patiently)).toMatchObject({ kind: 'sound', validator: 'valid' });
  expect(calls()).toHaveLength(2);
});

test('a change that no look has seen yet drops the verdict too', async () => {
  writeFileSync(join(home, 'hold'), '');
  refuse();
  const eye = sight();
  await eye.look(now);
  await until('the validator runs', () => calls().length === 1);
  writeConfig(',"port":1');
  rmSync(join(home, 'hold'));
  await until('the validator has ended', () => settled === 1);
  answer(0, { valid: true });
  expect(await eye.look(now)).toMatchObject({ kind: 'sound', validator: 'pending' });
  expect(await eye.look(patiently)).toMatchObject({ kind: 'sound', validator: 'valid' });
});

test('a broken validator says nothing, and is asked again after a minute, two, and at last a quarter of an hour', async () => {
  answer(7, {});
  const eye = sight();
  expect(await eye.look(patiently)).toMatchObject({ kind: 'sound', validator: 'unknown' });
  let expected = 1;
  for (const pauseMs of [60_000, 120_000, 240_000, 480_000, 900_000, 900_000]) {
    aheadMs += pauseMs - 5_000;
    await eye.look(patiently);
    expect(calls()).toHaveLength(expected);
    aheadMs += 5_000;
    expect(await eye.look(patiently)).toMatchObject({ validator: 'unknown' });
    expected += 1;
    expect(calls()).toHaveLength(expected);
  }
  answer(0, { valid: true });
  aheadMs += 900_000;
  expect(await eye.look(now)).toMatchObject({ validator: 'unknown' });
  expect(await eye.look(patiently)).toMatchObject({ validator: 'valid' });
});

test('a refusal stands while it is asked again, through a broken validator, and falls with another verdict', async () => {
  refuse();
  const eye = sight();
  expect(await eye.look(patiently)).toMatchObject({ fault: 'rejected' });
  answer(7, {});
  aheadMs += 60_000;
  expect(await eye.look(now)).toMatchObject({ fault: 'rejected' });
  expect(await eye.look(patiently)).toMatchObject({ fault: 'rejected' });
  expect(calls()).toHaveLength(2);
  answer(0, { valid: true });
  aheadMs += 120_000;
  expect(await eye.look(patiently)).toMatchObject({ kind: 'sound', validator: 'valid' });
});

test('without a Node or a package the validator is unknown, and nothing is started', async () => {
  for (const part of [{ node: null }, { packageRoot: null }]) {
    const place = { configPath, env: {}, node: process.execPath, packageRoot, stateDir: home, ...part };
    const eye = sight({ place: () => place });
    expect(await eye.look(patiently)).toMatchObject({ kind: 'sound', validator: 'unknown' });
  }
  expect(calls()).toHaveLength(0);
});

test('a gateway that is allowed to be unconfigured does not need its mode', async () => {
  writeFileSync(configPath, '{}');
  const place = { configPath, env: {}, node: process.execPath, packageRoot, stateDir: home };
  expect(await sight({ place: () => place }).look(patiently)).toMatchObject({ fault: 'incomplete' });
  const eye = sight({ place: () => ({ ...place, allowUnconfigured: true }) });
  expect(await eye.look(patiently)).toMatchObject({ kind: 'sound', validator: 'valid' });
});

test('a file that collapses after it was seen sound is clobbered', async () => {
  writeConfig(`,"note":"${'x'.repeat(200)}"`);
  const eye = sight();
  await eye.look(now);
  writeFileSync(configPath, '{}');
  expect(await eye.look(now)).toMatchObject({ kind: 'faulty', fault: 'clobbered' });
});

test('closing ends the running validator and starts no other', async () => {
  writeFileSync(join(home, 'hold'), '');
  const eye = sight();
  await eye.look(now);
  await until('the validator runs', () => calls().length === 1);
  await eye.close();
  expect(() => process.kill(Number(calls()[0]), 0)).toThrow('ESRCH');
  expect(await eye.look(patiently)).toMatchObject({ kind: 'sound', validator: 'pending' });
  expect(calls()).toHaveLength(1);
  expect(settled).toBe(0);
});

test('a look never throws', async () => {
  const eye = sight({
    place: () => {
      throw new Error('no place');
    },
  });
  expect(await eye.look(now)).toMatchObject({
    kind: 'unknown',
    because: expect.stringContaining('no place'),
  });
});

test('a look that finds nothing changed costs less than a millisecond', async () => {
  const eye = sight();
  await eye.look(patiently);
  const began = performance.now();
  for (let round = 0; round < 200; round += 1) await eye.look(now);
  // Generous tenfold for a busy machine: reading and parsing anew would still show.
  expect((performance.now() - began) / 200).toBeLessThan(10);
});

test('the words of a refusal are there for the very content they were said of, and for no other', async () => {
  refuse();
  const made = sight();
  const seen = await made.look(patiently);
  const hash = seen.kind === 'faulty' ? (seen.hash ?? '') : '';
  expect(made.issuesOf(hash)).toEqual([{ path: 'gateway.port', message: 'expected number' }]);
  expect(made.issuesOf('another')).toBeNull();
  writeConfig(',"port":1');
  await made.look(now);
  expect(made.issuesOf(hash)).toBeNull();
});
