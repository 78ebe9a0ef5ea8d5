import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type LockQuestion, readLockHolder } from '../../src/gateway/lock-holder.ts';
import type { RowOutcome } from '../../src/system/process.ts';
import { psRow } from '../system/ps-row.ts';

let folder: string;
let lock: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lock-holder-'));
  lock = join(folder, 'gateway.state.lock');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const holds = (pid: number): void => writeFileSync(lock, `${JSON.stringify({ pid, port: 1 })}\n   \n`);

const alive = (pid: number, command: string, ppid = 1): RowOutcome => ({
  kind: 'row',
  row: psRow(pid, ppid, command),
});

async function holder(
  servicePid: LockQuestion['servicePid'],
  living: Readonly<Record<number, RowOutcome>> = {},
) {
  const asked: number[] = [];
  const seen = await readLockHolder({
    lockFiles: [join(folder, 'none.lock'), lock],
    uid: process.getuid?.() ?? 0,
    servicePid,
    row: async (pid) => {
      asked.push(pid);
      return living[pid] ?? { kind: 'gone' };
    },
  });
  return { seen, asked };
}

describe("who holds OpenClaw's lock", () => {
  it('is nobody without a lock, and the job itself, both without a child process', async () => {
    expect(await holder(10)).toEqual({ seen: { kind: 'free' }, asked: [] });
    holds(10);
    expect(await holder(10)).toEqual({ seen: { kind: 'ours', pid: 10 }, asked: [] });
  });

  it('is nobody when its owner is dead or the pid was given to something else', async () => {
    holds(42);
    expect((await holder(null)).seen).toEqual({ kind: 'free' });
    expect((await holder(10, { 42: alive(42, 'vim notes') })).seen).toEqual({ kind: 'free' });
  });

  it('is a live gateway the service manager did not start, told without its arguments', async () => {
    holds(42);
    const living = { 42: alive(42, 'node /x/openclaw/dist/index.js gateway --token secret') };
    expect((await holder(null, living)).seen).toEqual({ kind: 'held', pid: 42, command: 'node' });
    expect((await holder(10, living)).seen).toMatchObject({ kind: 'held' });
  });

  it('is ours when a wrapper stands between the job and its gateway', async () => {
    holds(42);
    const living = {
      42: alive(42, 'openclaw-gateway', 41),
      41: alive(41, '/bin/bash run.sh', 10),
    };
    expect((await holder(10, living)).seen).toEqual({ kind: 'ours', pid: 42 });
    expect((await holder(11, living)).seen).toMatchObject({ kind: 'held', pid: 42 });
  });

  it('is unknown when the lock, the process or the job cannot be read', async () => {
    holds(42);
    const gateway = { 42: alive(42, 'openclaw-gateway') };
    expect((await holder('unknown', gateway)).seen).toMatchObject({ kind: 'unknown' });
    expect((await holder('unknown', { 42: alive(42, 'vim') })).seen).toEqual({ kind: 'free' });
    const above = {
      42: alive(42, 'openclaw-gateway', 41),
      41: { kind: 'unknown', because: 'no ps' },
    } as const;
    expect((await holder(10, above)).seen).toEqual({ kind: 'unknown', because: 'no ps' });
    const blind = { 42: { kind: 'unknown', because: 'ps gave no answer' } } as const;
    expect((await holder(10, blind)).seen).toMatchObject({ kind: 'unknown' });
    writeFileSync(lock, '{"pid": 4');
    expect((await holder(10)).seen).toMatchObject({ kind: 'unknown' });
  });
});
