import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RestartAsk } from '../../src/cli/change-words.ts';
import { runRestart } from '../../src/cli/restart.ts';
import { restartParts } from '../../src/cli/restart-parts.ts';
import type { Terminal } from '../../src/cli/terminal.ts';
import { writeStatus } from '../../src/daemon/status-file.ts';
import { acquireLease } from '../../src/system/lease.ts';
import { createProcesses } from '../../src/system/process.ts';
import { run } from '../../src/system/run.ts';
import { findTool } from '../demo/tools.ts';
import { nobody, person } from './change-world.ts';
import { type OperatorWorld, operatorWorld } from './operator-world.ts';

const plain: RestartAsk = { dryRun: false, yes: false, json: false, force: false };

describe('restart', { timeout: 120_000 }, () => {
  let world: OperatorWorld;
  beforeEach(async () => {
    world = await operatorWorld();
  });
  afterEach(() => world.remove());

  const restart = (ask: Partial<RestartAsk> = {}, terminal: Terminal = nobody): Promise<number> =>
    runRestart({ ...plain, ...ask }, restartParts(world.context, terminal));
  const intents = () => world.journal().filter(({ kind }) => kind === 'intent');
  const serving = async (): Promise<number> => {
    await world.load();
    await world.serves();
    return world.pid();
  };
  const domain = (): string => `gui/${world.launchd.uid}/${world.label}`;

  it('asks before it restarts a gateway that answers, and leaves it alone without a yes', async () => {
    const pid = await serving();
    await expect(restart()).rejects.toMatchObject({ exitCode: 4, hint: 'the same with --yes' });
    const typed = ['restart', '--force'];
    await expect(restart({}, { ...nobody, typed })).rejects.toMatchObject({
      hint: 'immune restart --force --yes',
    });
    await expect(restart({}, { ...person([false]), typed })).rejects.toMatchObject({
      exitCode: 4,
      hint: 'immune restart --force',
    });
    expect(await world.pid()).toBe(pid);
    expect(world.journal()).toEqual([]);

    const terminal = person([true]);
    expect(await restart({}, terminal)).toBe(0);
    expect(terminal.asked).toEqual(['The gateway answers. Restart it all the same?']);
    expect(await world.pid()).not.toBe(pid);
    expect(world.said()).toMatch(/the gateway serves again after \d+ s \(A1\)/);
    expect(intents().map(({ because }) => because)).toEqual([
      expect.stringContaining('restart the gateway (A1): asked by immune restart'),
    ]);
  });

  it('shows what it would do with --dry-run, and does none of it', async () => {
    const pid = await serving();
    expect(await restart({ dryRun: true, json: true })).toBe(0);
    expect(JSON.parse(world.said())).toMatchObject({
      version: 1,
      outcome: 'dry-run',
      exitCode: 0,
      next: null,
      plan: { step: 'restart', rung: 'L1', cause: 'serving', over: null },
    });
    expect(await world.pid()).toBe(pid);
    expect(world.journal()).toEqual([]);
    expect(world.launchd.calls().some(({ argv }) => argv[0] === 'kickstart')).toBe(false);
  });

  it('loads a job that is not loaded, without a question, and again where launchd parked it by hand', async () => {
    expect(await restart()).toBe(0);
    await world.serves();
    expect(intents()[0]?.because).toContain("load the gateway's job and start it");

    await world.launchctl('disable', domain());
    await world.unload();
    await world.silent();
    const line = `[${new Date().toISOString()}] openclaw service park done label=${world.label}\n`;
    appendFileSync(join(world.stateDir, 'logs', 'gateway-restart.log'), line);
    expect(await restart()).toBe(0);
    expect(await world.answers()).toBe(true);
  });

  it('brings back a gateway that hangs', async () => {
    await world.load();
    expect(await restart({ yes: true })).toBe(0);
    const pid = await world.pid();
    process.kill(pid, 'SIGSTOP');
    expect(await restart()).toBe(0);
    expect(await world.pid()).not.toBe(pid);
    expect(await world.answers()).toBe(true);
  });

  it('refuses a start that could not succeed, and names the command that helps, as text and as JSON', async () => {
    const text = readFileSync(world.configPath, 'utf8');
    writeFileSync(world.configPath, '{ "gateway": {');
    await expect(restart()).rejects.toMatchObject({
      exitCode: 4,
      hint: 'immune fix-config',
      message: expect.stringContaining('nothing was restarted: a start could not succeed'),
    });
    world.said();
    expect(await restart({ json: true })).toBe(4);
    expect(JSON.parse(world.said())).toEqual({
      version: 1,
      outcome: 'refused',
      because: expect.stringContaining('the config does not parse'),
      next: 'immune fix-config',
      exitCode: 4,
      plan: null,
    });
    writeFileSync(world.configPath, text);
    writeFileSync(join(world.packageRoot, 'dist', 'index.js'), '');
    await expect(restart()).rejects.toMatchObject({ exitCode: 4, hint: 'immune fix-deps' });
    expect(intents()).toEqual([]);
  });

  it('says what a missing session prevents, and what works all the same', async () => {
    world.launchd.setFaults({ noDomain: 125 });
    await expect(restart()).rejects.toMatchObject({
      exitCode: 4,
      message: expect.stringMatching(/nobody is logged in at the screen.*fix-config.*work all the same/),
    });
  });

  it('keeps to the budget, and goes beyond it only by force, and says so', async () => {
    await world.load();
    expect(await restart({ yes: true })).toBe(0);
    expect(await restart({ yes: true })).toBe(0);
    await expect(restart({ yes: true })).rejects.toMatchObject({
      exitCode: 4,
      hint: 'immune restart --force',
      message: expect.stringContaining('budget'),
    });
    expect(await restart({ yes: true, force: true })).toBe(0);
    expect(intents().at(-1)?.because).toContain('by force');
  });

  it('leaves with 5 and who it is while another command holds the lease', async () => {
    const { paths, clock } = world.context;
    const processes = createProcesses({ ps: findTool('ps') ?? '/bin/ps', run, clock });
    const deps = { now: clock.now, own: processes.own, isAlive: processes.isAlive };
    const lease = await acquireLease(paths.lease, { role: 'fix-deps' }, deps);
    await expect(restart()).rejects.toMatchObject({
      exitCode: 5,
      message: expect.stringContaining(`process ${process.pid} (fix-deps)`),
    });
    if (lease.kind === 'held') await lease.release();
  });

  it('is busy while an action is in flight, as the dry run says too', async () => {
    await serving();
    const watchdog = await world.watchdog();
    const { paths } = world.context;
    const held = await watchdog.status();
    await watchdog.stop();
    const action = {
      id: 'A9',
      incident: 'I9',
      rung: 'L1',
      step: { kind: 'start', label: world.label },
      because: 'x',
      deadlineAt: held.at,
    } as const;
    const phase = { kind: 'repairing', action, startedAt: held.at } as const;
    const status = {
      ...held,
      pid: process.pid,
      at: world.context.clock.now(),
      state: { ...held.state, phase },
    };
    await writeStatus(paths.state, status);
    world.said();
    expect(await restart({ dryRun: true, json: true })).toBe(5);
    expect(JSON.parse(world.said())).toMatchObject({
      outcome: 'busy',
      because: expect.stringContaining('an action is in flight already'),
      next: 'immune status',
      exitCode: 5,
      plan: null,
    });
  });

  it('is a command to a living watchdog, whose journal it stands in', async () => {
    const pid = await serving();
    const watchdog = await world.watchdog();
    expect(await restart({ yes: true })).toBe(0);
    expect(await world.pid()).not.toBe(pid);
    const { state } = await watchdog.status();
    expect(state.lastIncident ?? state.incident).toMatchObject({ attempts: [{ kind: 'restart' }] });
    await watchdog.stop();
    // One writer: nothing was begun beside the watchdog.
    expect(world.journal().filter(({ kind }) => kind === 'started')).toHaveLength(1);
  });

  it('remembers across commands: the watchdog that comes later takes up the incident and closes it', async () => {
    expect(await restart()).toBe(0);
    const watchdog = await world.watchdog();
    const { state } = await watchdog.status();
    expect(state.incident).toBeNull();
    expect(state.lastIncident?.attempts.map(({ actionId }) => actionId)).toEqual(['A1']);
  });
});
