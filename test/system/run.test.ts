import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { run } from '../../src/system/run.ts';
import { until, workspace } from './workspace.ts';

const shell = (script: string, timeoutMs = 20_000) => ({ file: '/bin/sh', args: ['-c', script], timeoutMs });

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    // ESRCH: it is gone.
    return false;
  }
}

describe('run', () => {
  it('returns code and both outputs of a program that ended', async () => {
    const result = await run(shell('echo out; echo err >&2; exit 3'));
    expect(result).toEqual({ kind: 'exited', code: 3, stdout: 'out\n', stderr: 'err\n' });
  });

  it('tells a signal from an exit code', async () => {
    expect(await run(shell('kill -9 $$'))).toMatchObject({ kind: 'signaled', signal: 'SIGKILL' });
  });

  it('gives the child no standard input to wait for, unless there is some', async () => {
    expect(await run({ file: '/bin/cat', args: [], timeoutMs: 20_000 })).toMatchObject({
      kind: 'exited',
      stdout: '',
    });
    const fed = await run({ file: '/bin/cat', args: [], timeoutMs: 20_000, input: 'fed' });
    expect(fed).toMatchObject({ kind: 'exited', stdout: 'fed' });
  });

  it('kills a child that does not end in time, one that ignores SIGTERM too', async () => {
    const pidFile = join(workspace(), 'pid');
    const result = await run(shell(`trap '' TERM; echo $$ > ${pidFile}; while :; do :; done`, 1_000));
    expect(result).toEqual({ kind: 'timed-out', afterMs: 1_000 });
    const { readFileSync } = await import('node:fs');
    const pid = Number(readFileSync(pidFile, 'utf8'));
    await until('the child is gone', () => !alive(pid));
  });

  it('does not wait for a grandchild that keeps the pipes open', async () => {
    const started = performance.now();
    const result = await run(shell('sleep 25 & echo $!'));
    expect(performance.now() - started).toBeLessThan(20_000);
    expect(result.kind).toBe('exited');
    const pid = Number(result.kind === 'exited' ? result.stdout : Number.NaN);
    expect(pid).toBeGreaterThan(1);
    process.kill(pid, 'SIGKILL');
  });

  it('cuts the output of a child that floods us', async () => {
    const result = await run({ ...shell('yes'), maxBytes: 1_000 });
    expect(result.kind === 'signaled' || result.kind === 'exited').toBe(true);
    expect('stdout' in result ? result.stdout.length : 0).toBe(1_000);
  });

  it('says that a missing file, one that may not be executed, or a missing directory did not start', async () => {
    const plain = join(workspace(), 'plain');
    writeFileSync(plain, 'no program', { mode: 0o600 });
    expect(await run({ file: '/nonexistent/program', args: [], timeoutMs: 1_000 })).toMatchObject({
      kind: 'not-started',
    });
    expect(await run({ file: plain, args: [], timeoutMs: 1_000 })).toMatchObject({ kind: 'not-started' });
    const lost = await run({ ...shell('true'), cwd: '/nonexistent' });
    expect(lost.kind).toBe('not-started');
  });

  it('hands down no variable of our own environment but the home', async () => {
    process.env['OPENCLAW_GATEWAY_TOKEN'] = 'must not be inherited';
    try {
      const result = await run({ file: '/usr/bin/env', args: [], timeoutMs: 20_000 });
      const names =
        result.kind === 'exited' ? result.stdout.split('\n').map((line) => line.split('=')[0]) : [];
      expect(names.filter((name) => name !== '').sort()).toEqual(['HOME', 'LANG', 'LC_ALL', 'PATH']);
    } finally {
      delete process.env['OPENCLAW_GATEWAY_TOKEN'];
    }
  });

  it('passes arguments through untouched: there is no shell', async () => {
    const result = await run({ file: '/bin/echo', args: ['$HOME', '; rm -rf x', '*'], timeoutMs: 20_000 });
    expect(result).toMatchObject({ stdout: '$HOME ; rm -rf x *\n' });
  });
});
