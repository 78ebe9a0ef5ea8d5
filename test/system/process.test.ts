import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { instant, millis, seconds } from '../../src/core/time.ts';
import { systemClock } from '../../src/system/clock.ts';
import { parseProcStat, readProcStat } from '../../src/system/proc-stat.ts';
import { createProcesses } from '../../src/system/process.ts';
import { parseCpuTime, parsePs } from '../../src/system/ps.ts';
import { type Run, run } from '../../src/system/run.ts';
import { until } from './workspace.ts';

const ps = ['/bin/ps', '/usr/bin/ps'].find((path) => existsSync(path)) ?? '/bin/ps';
const processes = createProcesses({ ps, run, clock: systemClock() });
const children: ChildProcess[] = [];

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** A Node that says "up" once it runs the script. */
async function started(script: string): Promise<ChildProcess & { readonly pid: number }> {
  const child = spawn(process.execPath, ['-e', `process.stdout.write('up');${script}`], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  children.push(child);
  await new Promise((resolve) => child.stdout.once('data', resolve));
  if (child.pid === undefined) throw new Error('no pid');
  return child as ChildProcess & { readonly pid: number };
}

async function identityAndCpu(pid: number) {
  const outcome = await processes.row(pid);
  if (outcome.kind !== 'row') throw new Error(outcome.kind);
  const { startedAt, uid, cpuMs } = outcome.row;
  return { pid, startedAt, uid, cpuMs };
}

describe('ps output', () => {
  it.each([
    ['00:00:01', 1_000],
    ['01:02:03', 3_723_000],
    ['1-02:03:04', 93_784_000],
    ['0:01.23', 1_230],
    ['123:45.67', 7_425_670],
    ['nonsense', null],
    ['', null],
  ])('reads the processor time %j as %j ms', (text, expected) => {
    expect(parseCpuTime(text)).toBe(expected);
  });

  it('reads a line of procps and a line of macOS, and leaves out what is no process', () => {
    const text = [
      '   2862    2836     0 Ss   Sun Nov 22 11:13:55 2026 00:00:00  3412 pts/0    bash /dev/fd/3',
      '  501     1   501 S    Sun Nov  1 08:00:09 2026       12:01.50 412304 ??       /opt/homebrew/bin/node  /a b/index.js gateway',
      'ps: something went wrong',
      '  77     1     0 Z    Sun Nov  1 08:00:09 2026 00:00:00     0 ?',
      '',
    ].join('\n');
    expect(parsePs(text)).toEqual([
      {
        pid: 2862,
        ppid: 2836,
        uid: 0,
        stat: 'Ss',
        startedAt: Date.UTC(2026, 10, 22, 11, 13, 55),
        cpuMs: 0,
        residentBytes: 3_493_888,
        hasTerminal: true,
        command: 'bash /dev/fd/3',
      },
      {
        pid: 501,
        ppid: 1,
        uid: 501,
        stat: 'S',
        startedAt: Date.UTC(2026, 10, 1, 8, 0, 9),
        cpuMs: 721_500,
        residentBytes: 422_199_296,
        hasTerminal: false,
        command: '/opt/homebrew/bin/node  /a b/index.js gateway',
      },
      {
        pid: 77,
        ppid: 1,
        uid: 0,
        stat: 'Z',
        startedAt: Date.UTC(2026, 10, 1, 8, 0, 9),
        cpuMs: 0,
        residentBytes: 0,
        hasTerminal: false,
        command: '',
      },
    ]);
  });

  it('finds the fields of /proc/<pid>/stat behind a name with spaces and parentheses', () => {
    const text = '12 (a) b (c) T 1 12 12 0 -1 4194304 1 0 0 0 150 50 0 0 20 0 11 0 987654 1 2';
    expect(parseProcStat(text, 'boot')).toEqual({ cpuMs: 2_000, stat: 'T', startKey: 'boot:987654' });
    expect(parseProcStat('torn', 'boot')).toBeNull();
  });
});

describe('processes', () => {
  it('reads our own process: start time, command, user', async () => {
    const evidence = await processes.read(process.pid);
    if (evidence.kind !== 'alive') throw new Error(evidence.kind);
    expect(Math.abs(evidence.startedAt - performance.timeOrigin)).toBeLessThan(3_000);
    expect(evidence.command.length).toBeGreaterThan(0);
    // ps counts pages that are shared, too; Node never runs in less than this, nor this test in more.
    expect(evidence.residentBytes).toBeGreaterThan(20 * 1_048_576);
    expect(evidence.residentBytes).toBeLessThan(process.memoryUsage.rss() * 4);
    const row = await processes.row(process.pid);
    expect(row).toMatchObject({ kind: 'row', row: { uid: process.getuid?.(), ppid: process.ppid } });
  });

  it('says gone of a process that ended, and unknown of what is no process id', async () => {
    const child = await started('setInterval(() => {}, 1000)');
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
    expect(await processes.read(child.pid)).toEqual({ kind: 'gone', pid: child.pid });
    for (const pid of [0, -1, 1, 1.5, Number.NaN]) expect((await processes.read(pid)).kind).toBe('unknown');
  });

  it('says unknown, never gone, when ps is missing, hangs, fails or cannot be understood', async () => {
    const answers: readonly Awaited<ReturnType<Run>>[] = [
      { kind: 'not-started', because: 'ENOENT' },
      { kind: 'timed-out', afterMs: 5 },
      { kind: 'signaled', signal: 'SIGKILL', stdout: '', stderr: '' },
      { kind: 'exited', code: 0, stdout: 'PID what\n', stderr: '' },
      { kind: 'exited', code: 1, stdout: '', stderr: '' },
    ];
    for (const answer of answers) {
      const broken = createProcesses({ ps, run: async () => answer, clock: systemClock() });
      expect((await broken.read(process.pid)).kind).toBe('unknown');
      expect((await broken.list()).kind).toBe('unknown');
      const refused = await broken.signalProven(
        { pid: process.pid, startedAt: instant(0), uid: 0 },
        'SIGTERM',
      );
      expect(refused.kind).toBe('refused');
    }
  });

  it.each([
    ['nothing', '', 'exit code 1'],
    ['a line', 'ps: Operation not permitted\nusage: ps\n', 'exit code 1: ps: Operation not permitted'],
    ['a flood', `\n  ${'x'.repeat(5_000)}`, `exit code 1: ${'x'.repeat(200)}`],
  ])('carries why ps does not show a process that there is, by %s', async (_, stderr, why) => {
    const failing: Run = async () => ({ kind: 'exited', code: 1, stdout: '', stderr });
    const seen = await createProcesses({ ps, run: failing, clock: systemClock() }).row(process.pid);
    expect(seen).toEqual({ kind: 'unknown', because: `ps does not show process ${process.pid} (${why})` });
  });

  it('lists every process, ours among them', async () => {
    const outcome = await processes.list();
    const pids = outcome.kind === 'rows' ? outcome.rows.map((row) => row.pid) : [];
    expect(pids).toContain(process.pid);
  });

  it('knows its own identity as alive, and not with another start time', async () => {
    const own = await processes.own();
    expect(await processes.isAlive(own)).toBe('alive');
    expect(await processes.isAlive({ ...own, startKey: null })).toBe('alive');
    expect(
      await processes.isAlive({ ...own, startKey: null, startedAt: instant(own.startedAt - 60_000) }),
    ).toBe('dead');
    if (own.startKey !== null)
      expect(await processes.isAlive({ ...own, startKey: 'other boot:1' })).toBe('dead');
    const blind = createProcesses({
      ps,
      run: async () => ({ kind: 'timed-out', afterMs: 1 }),
      clock: systemClock(),
    });
    // Without a readable start time a pid that exists counts as alive.
    const seen = await blind.isAlive({ ...own, startKey: null });
    expect(seen).toBe('unknown');
  });

  it('sees a stopped process as idle, a spinning one as pinned', async () => {
    const idle = await started('setInterval(() => {}, 1000)');
    const busy = await started('for (;;) {}');
    process.kill(idle.pid, 'SIGSTOP');
    await until('it is stopped', async () => {
      const row = await processes.row(idle.pid);
      return row.kind === 'row' && row.row.stat.startsWith('T');
    });
    expect(await processes.witness(idle.pid, millis(200))).toMatchObject({ kind: 'idle', pid: idle.pid });
    // A busy machine gives a spinning process less than a processor, so the watch lasts until it has had its share.
    const used = async () => (await readProcStat(busy.pid))?.cpuMs ?? (await identityAndCpu(busy.pid)).cpuMs;
    let elapsedMs = 0;
    const clock = {
      ...systemClock(),
      elapsed: () => millis(elapsedMs),
      sleep: async () => {
        const before = await used();
        await until('it has used 300 ms', async () => (await used()) >= before + 300);
        elapsedMs += 300;
      },
    };
    const watching = createProcesses({ ps, run, clock });
    expect(await watching.witness(busy.pid, millis(300))).toMatchObject({ kind: 'pinned', overMs: 300 });
    const slower = createProcesses({
      ps,
      run,
      clock: {
        ...clock,
        sleep: async () => {
          await clock.sleep();
          elapsedMs += 700;
        },
      },
    });
    expect((await slower.witness(busy.pid, millis(1_000))).kind).not.toBe('idle');
  });

  it('says unknown when the process ends while it is watched', async () => {
    const child = await started('setInterval(() => {}, 1000)');
    const clock = {
      ...systemClock(),
      sleep: async () =>
        new Promise<void>((resolve) => {
          child.once('exit', () => resolve());
          child.kill('SIGKILL');
        }),
    };
    const watching = createProcesses({ ps, run, clock });
    expect((await watching.witness(child.pid, seconds(1))).kind).toBe('unknown');
  });

  it('says unknown when the pid means another process after the watch', async () => {
    // No kernel gives out such a pid, so that only ps is asked.
    const pid = 99_999_999;
    const starts = ['11:00:00', '11:00:09'];
    const reused: Run = async () => ({
      kind: 'exited',
      code: 0,
      stdout: `${pid} 1 501 S Sun Nov 22 ${starts.shift()} 2026 0:01.00 40000 node\n`,
      stderr: '',
    });
    const watching = createProcesses({ ps, run: reused, clock: systemClock() });
    expect((await watching.witness(pid, millis(10))).kind).toBe('unknown');
  });

  it('signals only the very process that was seen', async () => {
    const child = await started('setInterval(() => {}, 1000)');
    const identity = await identityAndCpu(child.pid);
    const otherTime = { ...identity, startedAt: instant(identity.startedAt - 10_000) };
    expect((await processes.signalProven(otherTime, 'SIGKILL')).kind).toBe('refused');
    expect((await processes.signalProven({ ...identity, uid: identity.uid + 1 }, 'SIGKILL')).kind).toBe(
      'refused',
    );
    expect((await processes.signalProven({ ...identity, pid: 1 }, 'SIGKILL')).kind).toBe('refused');
    expect(await processes.read(child.pid)).toMatchObject({ kind: 'alive' });
    const gone = new Promise((resolve) => child.once('exit', (_code, signal) => resolve(signal)));
    expect(await processes.signalProven(identity, 'SIGKILL')).toEqual({ kind: 'sent' });
    expect(await gone).toBe('SIGKILL');
    expect(await processes.signalProven(identity, 'SIGKILL')).toEqual({ kind: 'gone' });
  });
});
