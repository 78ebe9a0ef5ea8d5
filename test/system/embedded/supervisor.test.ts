import { chmodSync, existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, type TestContext } from 'vitest';
import { millis } from '../../../src/core/time.ts';
import { systemClock } from '../../../src/system/clock.ts';
import type { Overrides } from '../../../src/system/embedded/job-run.ts';
import { embeddedManager } from '../../../src/system/embedded/manager.ts';
import { createSupervisor } from '../../../src/system/embedded/supervisor.ts';
import {
  deaf,
  forever,
  isAlive,
  label,
  temporaryFolder,
  until,
  writeShellJob,
} from '../../fakes/launchd/world.ts';

const quick: Overrides = { throttleMs: millis(100), exitTimeOutMs: millis(300), startDelayMs: millis(1) };

function open({ onTestFinished }: TestContext, overrides: Overrides = quick) {
  const dir = temporaryFolder(onTestFinished);
  const clock = systemClock();
  const supervisor = createSupervisor({ clock, overrides: () => overrides });
  onTestFinished(() => supervisor.stop());
  const info = () => supervisor.print(label) ?? expect.unreachable('the job is not loaded');
  const running = async () =>
    (await until(info, ({ state }) => state === 'running')).pid ?? expect.unreachable();
  const out = () => (existsSync(join(dir, 'out.log')) ? readFileSync(join(dir, 'out.log'), 'utf8') : '');
  return { dir, clock, supervisor, manager: embeddedManager(supervisor, clock), info, running, out };
}

describe('the supervisor', () => {
  it('starts a job after it was loaded, not while', async (context) => {
    const { dir, supervisor, info, running } = open(context);
    await supervisor.bootstrap(writeShellJob(dir, forever, { runAtLoad: true }));
    expect(info()).toMatchObject({ runs: 0, pid: null, lastExit: { kind: 'never' } });
    expect(isAlive(await running())).toBe(true);
    expect(info().runs).toBe(1);
  });

  it('does not start a job that nothing starts, until a kickstart does', async (context) => {
    const { dir, supervisor, info } = open(context);
    await supervisor.bootstrap(writeShellJob(dir, forever));
    expect(info().state).toBe('not running');
    const reply = await supervisor.kickstart(label, { kill: false });
    expect(reply).toEqual({ kind: 'done', pid: info().pid });
    expect(await supervisor.kickstart(label, { kill: false })).toEqual(reply);
    expect(info().runs).toBe(1);
  });

  it('keeps starts of a crashing job a throttle apart, counted from the previous start', async (context) => {
    const { dir, supervisor, info, out } = open(context, { ...quick, throttleMs: millis(400) });
    await supervisor.bootstrap(
      writeShellJob(dir, 'date +%s%N; exit 3', { keepAlive: { successfulExit: false } }),
    );
    await until(out, (text) => text.split('\n').length > 3);
    const times = out()
      .trim()
      .split('\n')
      .map((line) => Number(line) / 1e6);
    expect((times[2] ?? 0) - (times[0] ?? 0)).toBeGreaterThan(700);
    expect(info().lastExit).toEqual({ kind: 'code', code: 3 });
  });

  it('leaves a job alone that ended as its KeepAlive wants it', async (context) => {
    const { dir, supervisor, info } = open(context);
    await supervisor.bootstrap(writeShellJob(dir, 'exit 0', { keepAlive: { successfulExit: false } }));
    await until(info, ({ lastExit }) => lastExit.kind === 'code');
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(info()).toMatchObject({ state: 'not running', runs: 1 });
  });

  it('kickstart with kill ends a deaf process by SIGKILL and starts one new one, label kept', async (context) => {
    const { dir, supervisor, info, running, out } = open(context);
    await supervisor.bootstrap(writeShellJob(dir, deaf, { keepAlive: true }));
    const pid = await running();
    await until(out, (text) => text !== '');
    const restart = supervisor.kickstart(label, { kill: true });
    expect(info()).toMatchObject({ state: 'SIGTERMed', pid });
    const reply = await restart;
    expect(reply).toEqual({ kind: 'done', pid: info().pid });
    expect(info()).toMatchObject({ runs: 2, lastExit: { kind: 'signal', signal: 9 } });
    expect(isAlive(pid)).toBe(false);
  });

  it('drains a booted-out job and refuses to load it until it is gone', async (context) => {
    const { dir, supervisor, info, running, out } = open(context);
    const path = writeShellJob(dir, deaf, { keepAlive: true });
    await supervisor.bootstrap(path);
    const pid = await running();
    await until(out, (text) => text !== '');
    const leaving = supervisor.bootout(label);
    expect(info().state).toBe('SIGTERMed');
    expect(await supervisor.bootstrap(path)).toMatchObject({ kind: 'failed', code: 37 });
    expect(await supervisor.kickstart(label, { kill: true })).toMatchObject({ kind: 'failed', code: 36 });
    await leaving?.gone;
    expect([supervisor.print(label), isAlive(pid)]).toEqual([null, false]);
    expect(supervisor.bootout(label)).toBeNull();
    expect(await supervisor.bootstrap(path)).toEqual({ kind: 'done' });
  });

  it('keeps the content of the plist it loaded', async (context) => {
    const { dir, supervisor, info } = open(context);
    const path = writeShellJob(dir, forever);
    await supervisor.bootstrap(path);
    writeShellJob(dir, 'exit 1', { keepAlive: true });
    expect(info().job).toMatchObject({ keepAlive: false });
    expect(await supervisor.bootstrap(path)).toMatchObject({ code: 17 });
  });

  it('refuses disabled labels, bad, missing and writable plists with numbers of their own', async (context) => {
    const { dir, supervisor } = open(context);
    const path = writeShellJob(dir, forever);
    supervisor.setDisabled(label, true);
    expect(await supervisor.bootstrap(path)).toMatchObject({ code: 119 });
    supervisor.setDisabled(label, false);
    chmodSync(path, 0o664);
    expect(await supervisor.bootstrap(path)).toMatchObject({ code: 122 });
    expect(await supervisor.bootstrap(join(dir, 'none'))).toMatchObject({ code: 2 });
    expect(await supervisor.bootstrap(new URL(import.meta.url).pathname)).toMatchObject({ code: 109 });
  });

  it.for([
    ['a missing program', { programArguments: ['/no/such/program'] }],
    ['an output path that cannot be opened', { standardOutPath: '/dev/null/out' }],
    ['a missing working directory', { workingDirectory: '/no/such/folder' }],
  ] as const)('shows exit 78 for %s', async ([_name, rest], context) => {
    const { dir, supervisor } = open(context);
    await supervisor.bootstrap(writeShellJob(dir, forever, rest));
    expect(await supervisor.kickstart(label, { kill: false })).toEqual({ kind: 'done', pid: null });
    expect(supervisor.print(label)).toMatchObject({ runs: 1, lastExit: { kind: 'code', code: 78 } });
  });

  it('holds back every start but a kickstart when told to', async (context) => {
    const { dir, supervisor, info, running } = open(context, { ...quick, holdBackStarts: true });
    await supervisor.bootstrap(writeShellJob(dir, forever, { keepAlive: true }));
    expect(info()).toMatchObject({ pended: 'speculative', state: 'not running', runs: 0 });
    await supervisor.kickstart(label, { kill: false });
    process.kill(await running(), 'SIGKILL');
    await until(info, ({ pended }) => pended === 'inefficient');
    expect(info()).toMatchObject({ state: 'not running', runs: 1 });
  });

  it.for([
    [false, 'dies'],
    [true, 'lives on'],
  ] as const)(
    'with AbandonProcessGroup %s a child of a dead job %s',
    async ([abandonProcessGroup, fate], context) => {
      const { dir, supervisor, info, running, out } = open(context);
      const script = `sleep 60 & echo $!; ${forever}`;
      await supervisor.bootstrap(writeShellJob(dir, script, { abandonProcessGroup, runAtLoad: true }));
      const child = Number(await until(out, (text) => text.endsWith('\n')));
      process.kill(await running(), 'SIGKILL');
      await until(info, ({ state }) => state === 'not running');
      if (fate === 'dies')
        await until(
          () => isAlive(child),
          (alive) => !alive,
        );
      else {
        expect(isAlive(child)).toBe(true);
        process.kill(child, 'SIGKILL');
      }
    },
  );

  it('gives a job its environment, umask, folder and files, in a session of its own', async (context) => {
    const { dir, supervisor, out } = open(context);
    const script =
      'echo "$PATH|$A|$XPC_SERVICE_NAME|$VITEST|$(pwd)|$(umask)"; echo $$ $(ps -o pgid= -p $$); cat';
    const path = writeShellJob(dir, script, {
      environmentVariables: { A: 'b' },
      umask: 0o77,
      workingDirectory: dir,
      standardOutPath: join(dir, 'new', 'out.log'),
      standardErrorPath: join(dir, 'out.log'),
      programArguments: ['/bin/sh', '-c', `{ ${script}; } >&2`],
    });
    await supervisor.bootstrap(path);
    await supervisor.kickstart(label, { kill: false });
    const lines = (await until(out, (text) => text.split('\n').length > 2)).split('\n');
    expect(lines[0]).toBe(`/usr/bin:/bin:/usr/sbin:/sbin|b|${label}||${dir}|0077`);
    const [pid, group] = (lines[1] ?? '').split(/\s+/);
    expect(pid).toBe(group);
    expect(statSync(join(dir, 'new', 'out.log')).mode & 0o777).toBe(0o600);
    await until(
      () => supervisor.print(label)?.state,
      (state) => state === 'not running',
    );
    await supervisor.kickstart(label, { kill: false });
    await until(out, (text) => text.split('\n').length > 4);
  });

  it('stop ends every job and what it left in its process group, deaf or not', async (context) => {
    const { dir, supervisor, running, out } = open(context);
    await supervisor.bootstrap(writeShellJob(dir, `(${deaf}) & ${deaf}`, { keepAlive: true }));
    const pid = await running();
    await until(out, (text) => text.split('\n').length > 2);
    await supervisor.stop();
    expect(supervisor.labels()).toEqual([]);
    // Signal 0 to the group: nobody of it is left.
    await until(
      () => isAlive(-pid),
      (alive) => !alive,
    );
  });
});

describe('the embedded door', () => {
  it('is the service manager port: load, read, restart, remove', async (context) => {
    const { dir, manager } = open(context);
    expect(await manager.read(label)).toEqual({ kind: 'not-loaded' });
    const path = writeShellJob(dir, forever, { keepAlive: true });
    expect(await manager.bootstrap(label, path)).toEqual({ kind: 'done' });
    const first = await until(
      () => manager.read(label),
      ({ kind }) => kind === 'running',
    );
    expect(await manager.kickstart(label, { kill: true })).toEqual({ kind: 'done' });
    const second = await manager.read(label);
    expect(second).toMatchObject({ kind: 'running', runs: 2, lastExit: { kind: 'signal', signal: 15 } });
    expect(second).not.toMatchObject({ pid: first.kind === 'running' ? first.pid : 0 });
    expect(await manager.bootout(label)).toEqual({ kind: 'done' });
    expect(await manager.read(label)).toEqual({ kind: 'not-loaded' });
    expect(await manager.bootout(label)).toEqual({ kind: 'done' });
  });

  it('waits for a draining job before it loads it anew, and takes a loaded one for success', async (context) => {
    const { dir, supervisor, manager, running, out } = open(context);
    const path = writeShellJob(dir, deaf, { keepAlive: true });
    await manager.bootstrap(label, path);
    const pid = await running();
    await until(out, (text) => text !== '');
    supervisor.bootout(label);
    expect(await manager.read(label)).toEqual({ kind: 'stopping', pid });
    expect(await manager.bootstrap(label, path)).toEqual({ kind: 'done' });
    expect(await manager.bootstrap(label, path)).toEqual({ kind: 'done' });
    expect(await running()).not.toBe(pid);
  });

  it('refuses a disabled job with a reason, and a plist of another label', async (context) => {
    const { dir, supervisor, manager } = open(context);
    const path = writeShellJob(dir, forever);
    supervisor.setDisabled(label, true);
    expect(await manager.readDisabled(label)).toBe('disabled');
    expect(await manager.bootstrap(label, path)).toMatchObject({ kind: 'failed', code: 119 });
    expect(await manager.enable(label)).toEqual({ kind: 'done' });
    expect(await manager.readDisabled(label)).toBe('enabled');
    expect(await manager.bootstrap('com.example.other', path)).toMatchObject({ kind: 'failed', code: 110 });
    expect(await manager.read(label)).toEqual({ kind: 'not-loaded' });
    expect(await manager.kickstart(label, { kill: false })).toMatchObject({ kind: 'failed', code: 113 });
  });
});
