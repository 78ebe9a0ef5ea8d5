import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, test } from 'vitest';
import { createAskNodeBuild } from '../../src/gateway/node-program.ts';
import { type Run, type RunResult, run } from '../../src/system/run.ts';
import { workspace } from '../system/workspace.ts';

it('is what the Node says of itself, asked once', async () => {
  let asked = 0;
  const ask = createAskNodeBuild({
    run: (request) => {
      asked += 1;
      return run(request);
    },
  });
  const own = {
    kind: 'build',
    version: process.version,
    abi: process.versions.modules,
    platform: process.platform,
    arch: process.arch,
  };
  expect(await ask(process.execPath)).toEqual(own);
  expect(await ask(process.execPath)).toEqual(own);
  expect(asked).toBe(1);
});

const program = (): string => {
  const path = join(workspace(), 'node');
  writeFileSync(path, 'a program');
  chmodSync(path, 0o755);
  return path;
};
const exited = (stdout: string, code = 0): RunResult => ({ kind: 'exited', code, stdout, stderr: '' });

test.each<[string, RunResult]>([
  ['an old Node that tells no ABI', exited('v0.8 undefined linux x64')],
  ['something else that runs', exited('hello')],
  ['a program that fails', exited('v26.1.0 147 linux x64', 1)],
  ['one that hangs', { kind: 'timed-out', afterMs: 5_000 }],
  ['one for another machine', { kind: 'not-started', because: 'ENOEXEC' }],
])('of %s is unknown, and asked again', async (_what, result) => {
  let asked = 0;
  const answer: Run = async () => {
    asked += 1;
    return result;
  };
  const path = program();
  const ask = createAskNodeBuild({ run: answer });
  expect(await ask(path)).toMatchObject({ kind: 'unknown', because: expect.stringContaining(path) });
  await ask(path);
  expect(asked).toBe(2);
});

it('of another program in the same place is asked anew', async () => {
  const path = program();
  let said = 'v26.1.0 147 linux x64\n';
  const ask = createAskNodeBuild({ run: async () => exited(said) });
  expect(await ask(path)).toMatchObject({ abi: '147' });
  writeFileSync(path, 'another program');
  said = 'v27.0.0-nightly2026 150 linux x64\n';
  expect(await ask(path)).toMatchObject({ abi: '150', version: 'v27.0.0-nightly2026' });
});

it('of nothing is unknown', async () => {
  const ask = createAskNodeBuild({ run });
  expect(await ask(join(workspace(), 'none'))).toMatchObject({ kind: 'unknown' });
});
