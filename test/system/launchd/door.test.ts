import { chmodSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, type TestContext } from 'vitest';
import type { ServiceState } from '../../../src/core/service.ts';
import { systemClock } from '../../../src/system/clock.ts';
import { launchdManager, managerName } from '../../../src/system/launchd/door.ts';
import { run } from '../../../src/system/run.ts';
import { type FakeLaunchd, installFakeLaunchd } from '../../fakes/launchd/fake.ts';
import {
  deaf,
  forever,
  isAlive,
  isKind,
  label,
  temporaryFolder,
  until,
  writeShellJob,
} from '../../fakes/launchd/world.ts';

async function open({ onTestFinished }: TestContext) {
  const dir = temporaryFolder(onTestFinished);
  const fake = await installFakeLaunchd({ dir: join(dir, 'fake') });
  onTestFinished(() => fake.stop());
  fake.setFaults({ throttleMs: 1_000, exitTimeOutMs: 500 });
  const manager = launchdManager({ launchctl: fake.launchctl, uid: fake.uid, run, clock: systemClock() });
  const read = () => manager.read(label);
  const running = async () => {
    const state = await until(read, isKind('running'));
    return state.kind === 'running' ? state : expect.unreachable();
  };
  return { dir, fake, manager, read, running };
}

const verbs = (fake: FakeLaunchd) => fake.calls().map(({ argv }) => argv[0]);
const saysDeaf = (dir: string) =>
  until(
    () => existsSync(join(dir, 'out.log')) && readFileSync(join(dir, 'out.log'), 'utf8').includes('deaf'),
    (heard) => heard,
  );

describe.concurrent('the launchd door against a launchctl that really spawns', () => {
  it('loads a job, sees it run, and removes it with its process', async (context) => {
    const { dir, manager, read, running } = await open(context);
    expect(await read()).toEqual({ kind: 'not-loaded' });
    expect(await manager.bootstrap(label, writeShellJob(dir, forever, { runAtLoad: true }))).toEqual({
      kind: 'done',
    });
    const { pid } = await running();
    expect(await manager.bootout(label)).toEqual({ kind: 'done' });
    expect(isAlive(pid)).toBe(false);
    expect(await read()).toEqual({ kind: 'not-loaded' });
    expect(await manager.bootout(label)).toEqual({ kind: 'done' });
  });

  it('sees a killed job as scheduled for the throttle and then running anew', async (context) => {
    const { dir, fake, manager, read, running } = await open(context);
    fake.setFaults({ throttleMs: 6_000 });
    await manager.bootstrap(label, writeShellJob(dir, forever, { keepAlive: true }));
    const { pid } = await running();
    process.kill(pid, 'SIGKILL');
    const scheduled = await until(read, isKind('scheduled'));
    expect(scheduled).toMatchObject({ lastExit: { kind: 'signal', signal: 9, name: 'Killed' }, runs: 1 });
    const again = await running();
    expect(again).toMatchObject({ runs: 2, lastExit: { kind: 'signal', signal: 9 } });
    expect(again.pid).not.toBe(pid);
  });

  it('restarts a job that ignores SIGTERM, without ever losing its label', async (context) => {
    const { dir, fake, manager, read, running } = await open(context);
    await manager.bootstrap(label, writeShellJob(dir, deaf, { keepAlive: true }));
    const { pid } = await running();
    await saysDeaf(dir);
    fake.setFaults({ exitTimeOutMs: 4_000 });
    const restart = manager.kickstart(label, { kill: true });
    const seen: ServiceState[] = [await until(read, isKind('stopping'))];
    expect(seen).toEqual([{ kind: 'stopping', pid }]);
    expect(await restart).toEqual({ kind: 'done' });
    const after = await running();
    expect(after).toMatchObject({ runs: 2, lastExit: { kind: 'signal', signal: 9 } });
    expect([after.pid === pid, isAlive(pid)]).toEqual([false, false]);
  });

  it('a plain kickstart of a running job does nothing, whether launchd answers 0 or 37', async (context) => {
    const { dir, fake, manager, running } = await open(context);
    await manager.bootstrap(label, writeShellJob(dir, forever, { runAtLoad: true }));
    const { pid } = await running();
    expect(await manager.kickstart(label, { kill: false })).toEqual({ kind: 'done' });
    fake.setFaults({ runningKickstart: 37 });
    expect(await manager.kickstart(label, { kill: false })).toEqual({ kind: 'done' });
    expect(await running()).toMatchObject({ pid, runs: 1 });
  });

  it('waits for a throttled job that launchd refuses to start early (36)', async (context) => {
    const { dir, fake, manager, read, running } = await open(context);
    fake.setFaults({ scheduledKickstart: 36, throttleMs: 60_000 });
    await manager.bootstrap(label, writeShellJob(dir, forever, { keepAlive: true }));
    process.kill((await running()).pid, 'SIGKILL');
    await until(read, isKind('scheduled'));
    const kickstart = manager.kickstart(label, { kill: false });
    await until(
      () => verbs(fake),
      (called) => called.includes('kickstart'),
    );
    fake.setFaults({ scheduledKickstart: 'starts' });
    expect(await kickstart).toEqual({ kind: 'done' });
    expect(await read()).toMatchObject({ kind: 'running', runs: 2 });
  });

  it('loads a job anew while the old one still drains', async (context) => {
    const { dir, fake, manager, running } = await open(context);
    fake.setFaults({ exitTimeOutMs: 3_000 });
    const path = writeShellJob(dir, deaf, { runAtLoad: true });
    await manager.bootstrap(label, path);
    const { pid } = await running();
    await saysDeaf(dir);
    await run({ file: fake.launchctl, args: ['bootout', `gui/${fake.uid}/${label}`], timeoutMs: 20_000 });
    expect(await manager.bootstrap(label, path)).toEqual({ kind: 'done' });
    expect((await running()).pid).not.toBe(pid);
    expect(isAlive(pid)).toBe(false);
  });

  it('removes a draining job where bootout knows no --wait and answers 36', async (context) => {
    const { dir, fake, manager, running } = await open(context);
    fake.setFaults({ bootoutWait: 'unknown', bootoutCode: 36 });
    await manager.bootstrap(label, writeShellJob(dir, deaf, { runAtLoad: true }));
    const { pid } = await running();
    await saysDeaf(dir);
    expect(await manager.bootout(label)).toEqual({ kind: 'done' });
    expect(isAlive(pid)).toBe(false);
    const bootouts = () => fake.calls().filter(({ argv }) => argv[0] === 'bootout');
    expect(bootouts().map(({ argv }) => argv.includes('--wait'))).toEqual([true, false]);
    await manager.bootstrap(label, writeShellJob(dir, forever, { runAtLoad: true }));
    await manager.bootout(label);
    expect(bootouts().map(({ argv }) => argv.includes('--wait'))).toEqual([true, false, false]);
  });

  it('says at once that a disabled job must be enabled, and loads it then', async (context) => {
    const { dir, fake, manager, read } = await open(context);
    const path = writeShellJob(dir, forever);
    await run({ file: fake.launchctl, args: ['disable', `gui/${fake.uid}/${label}`], timeoutMs: 20_000 });
    expect(await manager.readDisabled(label)).toBe('disabled');
    const refused = await manager.bootstrap(label, path);
    expect(refused).toMatchObject({
      kind: 'failed',
      code: 119,
      because: expect.stringContaining('the job is disabled'),
    });
    expect(verbs(fake).filter((verb) => verb === 'bootstrap')).toHaveLength(1);
    fake.setFaults({ disabledFormat: 'booleans' });
    expect(await manager.readDisabled(label)).toBe('disabled');
    expect(await manager.enable(label)).toEqual({ kind: 'done' });
    expect(await manager.readDisabled(label)).toBe('enabled');
    expect(await manager.bootstrap(label, path)).toEqual({ kind: 'done' });
    expect(await read()).toEqual({ kind: 'stopped', runs: 0, lastExit: { kind: 'never' } });
  });

  it('sees a held-back start as pended, and a kickstart clears it', async (context) => {
    const { dir, fake, manager, read, running } = await open(context);
    fake.setFaults({ pended: true });
    await manager.bootstrap(label, writeShellJob(dir, forever, { keepAlive: true }));
    expect(await read()).toEqual({ kind: 'pended', reason: 'speculative', runs: 0 });
    expect(await manager.kickstart(label, { kill: false })).toEqual({ kind: 'done' });
    process.kill((await running()).pid, 'SIGKILL');
    expect(await until(read, isKind('pended'))).toEqual({ kind: 'pended', reason: 'inefficient', runs: 1 });
  });

  it('tries again after error 5 until the job is loaded', async (context) => {
    const { dir, fake, manager, running } = await open(context);
    fake.setFaults({ failures: { bootstrap: { code: 5, times: 2 } } });
    expect(await manager.bootstrap(label, writeShellJob(dir, forever, { runAtLoad: true }))).toEqual({
      kind: 'done',
    });
    expect(verbs(fake).filter((verb) => verb === 'bootstrap')).toHaveLength(3);
    await running();
  });

  it('takes a job that is loaded already for success', async (context) => {
    const { dir, manager, running } = await open(context);
    const path = writeShellJob(dir, forever, { runAtLoad: true });
    await manager.bootstrap(label, path);
    const { pid } = await running();
    expect(await manager.bootstrap(label, path)).toEqual({ kind: 'done' });
    expect((await running()).pid).toBe(pid);
  });

  it('names what is wrong with a plist instead of the bare 5', async (context) => {
    const { dir, manager } = await open(context);
    const path = writeShellJob(dir, forever);
    chmodSync(path, 0o666);
    expect(await manager.bootstrap(label, path)).toMatchObject({
      code: 5,
      because: expect.stringContaining('mode 666'),
    });
    expect(await manager.bootstrap(label, join(dir, 'none.plist'))).toMatchObject({
      because: expect.stringMatching(/cannot be read: .+ Install the job again\.$/),
    });
  });

  it('says that Login Items may have switched off a job that was accepted and is not there', async (context) => {
    const { dir, fake, manager } = await open(context);
    fake.setFaults({ btmBlocked: true });
    const outcome = await manager.bootstrap(label, writeShellJob(dir, forever));
    expect(outcome).toMatchObject({ kind: 'failed', because: expect.stringContaining('Login Items') });
  });

  it('gives up on a launchctl that hangs, after five seconds, and calls the state unknown', async (context) => {
    const { fake, read } = await open(context);
    fake.setFaults({ hang: ['print'] });
    const begun = performance.now();
    expect(await read()).toEqual({
      kind: 'unknown',
      because: expect.stringContaining('gave no answer within 5 seconds'),
    });
    expect(performance.now() - begun).toBeGreaterThan(4_900);
    fake.setFaults({ hang: [] });
    expect(await read()).toEqual({ kind: 'not-loaded' });
  });

  it('calls output nobody can read unknown, never down', async (context) => {
    const { dir, fake, manager, read, running } = await open(context);
    await manager.bootstrap(label, writeShellJob(dir, forever, { runAtLoad: true }));
    const state = await running();
    fake.setFaults({ print: 'extra' });
    expect(await read()).toEqual(state);
    fake.setFaults({ print: 'truncated' });
    expect(await read()).toMatchObject({
      kind: 'unknown',
      because: expect.stringContaining('ends in the middle'),
    });
    fake.setFaults({ print: 'noise' });
    expect(await read()).toMatchObject({ kind: 'unknown' });
  });

  it('tells a missing desktop session from a missing job', async (context) => {
    const { dir, fake, manager, read } = await open(context);
    const path = writeShellJob(dir, forever);
    for (const noDomain of [112, 125] as const) {
      fake.setFaults({ noDomain });
      expect(await read()).toMatchObject({
        kind: 'no-domain',
        because: expect.stringContaining('automatic login'),
      });
      expect(await manager.readDisabled(label)).toBe('unknown');
      expect(await manager.bootstrap(label, path)).toMatchObject({ kind: 'failed', code: noDomain });
      expect(await manager.kickstart(label, { kill: true })).toMatchObject({
        kind: 'failed',
        code: noDomain,
      });
      expect(await manager.bootout(label)).toMatchObject({ kind: 'failed' });
    }
  });

  it('passes on a refused kickstart with reason and remedy', async (context) => {
    const { dir, fake, manager } = await open(context);
    expect(await manager.kickstart(label, { kill: false })).toMatchObject({ kind: 'failed', code: 113 });
    await manager.bootstrap(label, writeShellJob(dir, forever));
    fake.setFaults({ failures: { kickstart: { code: 139, times: 1 } } });
    expect(await manager.kickstart(label, { kill: false })).toEqual({
      kind: 'failed',
      code: 139,
      because: expect.stringMatching(/could not be started \(code 139\)\. Check that the program exists/),
    });
  });

  it('shows 78 for a program that is not there', async (context) => {
    const { dir, manager, read } = await open(context);
    await manager.bootstrap(
      label,
      writeShellJob(dir, '', { programArguments: ['/no/such/program'], runAtLoad: true }),
    );
    const state = await until(read, (each) => each.kind === 'stopped' && each.runs === 1);
    expect(state).toEqual({ kind: 'stopped', runs: 1, lastExit: { kind: 'code', code: 78 } });
  });

  it('tells the kind of session, and that a missing launchctl could not be started', async (context) => {
    const { fake } = await open(context);
    expect(await managerName({ launchctl: fake.launchctl, run })).toBe('Aqua');
    fake.setFaults({ managerName: 'Background' });
    expect(await managerName({ launchctl: fake.launchctl, run })).toBe('Background');
    const missing = launchdManager({ launchctl: '/no/launchctl', uid: 1, run, clock: systemClock() });
    expect(await missing.read(label)).toMatchObject({
      kind: 'unknown',
      because: expect.stringContaining('could not be started'),
    });
    expect(await missing.enable(label)).toMatchObject({ kind: 'failed', code: null });
  });
});
