import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { Trial, TrialEnd } from '../../src/core/trial.ts';
import { actionOf, intentsSince, markNow } from './acts.ts';
import { baseText, textOf } from './config-faults.ts';
import {
  backToBase,
  type ConfigWorld,
  command,
  keptRecords,
  makeConfigWorld,
  showWorld,
  waitForSnapshot,
} from './config-world.ts';
import { runningPid } from './faults/fault.ts';
import { forgetBoots } from './faults/history.ts';
import { calm } from './faults/matrix-world.ts';
import { bootTimeoutMs } from './gateway-home.ts';
import { newestVersion } from './places.ts';
import { isAlive, signal, until } from './processes.ts';
import { daemonPid, told } from './watching.ts';

// `immune apply`: a change that proves itself stays, and any other takes itself back, whoever has died meanwhile. Waits and
// budgets are shortened (see config-world.ts).

const revertTimeoutMs = 240_000;
const confirmWithin = '10s';
const confirmWithinMs = 10_000;

describe(`immune apply on ${newestVersion}, a change is watched for 15 s`, () => {
  let world: ConfigWorld | null = null;
  const end = async (): Promise<void> => {
    const ending = world;
    world = null;
    await ending?.gateway.stop();
  };
  afterAll(end);

  const scenario = (name: string, act: (world: ConfigWorld) => Promise<void>): void =>
    test(name, async () => {
      world ??= await makeConfigWorld(newestVersion);
      try {
        await backToBase(world);
        await calm(world, await world.gateway.waitServing());
        await act(world);
      } catch (error) {
        showWorld(world);
        await end();
        throw error;
      }
    });

  scenario('an invalid config is refused with its keys, and nothing is touched', refused);
  scenario('a good change holds', holds);
  scenario('a config that validates and does not boot is taken back by itself', doesNotBoot);
  scenario(
    'unconfirmed it is taken back, also with the terminal and the watchdog killed meanwhile',
    unconfirmed,
  );
  scenario('confirmed in time it stays', confirmed);
});

const logging = (level: string): string => `  logging: { level: '${level}' }, // by apply\n`;

/** What the operator has prepared, outside of OpenClaw's own folder. */
function prepared({ gateway }: ConfigWorld, text: string): string {
  const file = join(gateway.root, 'prepared.json5');
  writeFileSync(file, text, { mode: 0o600 });
  return file;
}

async function refused(world: ConfigWorld): Promise<void> {
  const { gateway } = world;
  const file = prepared(world, baseText(gateway, '  bogusKey: 1,\n'));
  const answer = await command(world, 'apply', '--yes', file);
  expect(answer.code, answer.stdout + answer.stderr).toBe(4);
  expect(answer.stdout + answer.stderr).toContain('bogusKey');
  expect(answer.stdout + answer.stderr).not.toContain(gateway.token);
  expect(textOf(gateway.configPath)).toBe(baseText(gateway));
  expect(keptRecords(world)).toEqual([]);
  const validated = await command(world, 'validate', file);
  expect(validated.code, validated.stdout).not.toBe(0);
  expect(validated.stdout + validated.stderr).toContain('bogusKey');
}

async function holds(world: ConfigWorld): Promise<void> {
  const { gateway } = world;
  const text = baseText(gateway, logging('debug'));
  const answer = await command(world, 'apply', '--yes', prepared(world, text));
  expect(answer.code, answer.stdout + answer.stderr).toBe(0);
  expect(await trialOver(world)).toBe('holds');
  expect(textOf(gateway.configPath)).toBe(text);
  await gateway.waitServing();
  // What it replaced can be had back, and was recorded before.
  expect(keptRecords(world).at(-1)).toMatchObject({ state: 'made', planKind: 'apply' });
  await waitForSnapshot(world, 'recorded', baseText(gateway));
}

async function doesNotBoot(world: ConfigWorld): Promise<void> {
  const { gateway, watchdog } = world;
  const from = markNow(gateway, watchdog);
  const before = await runningPid(gateway);
  // From TEST-NET-3, so on no machine: OpenClaw's validator takes it, and its start refuses the fallback.
  const text = baseText(gateway).replace("customBindHost: '127.0.0.1'", "customBindHost: '203.0.113.7'");
  const answer = await command(world, 'apply', '--yes', prepared(world, text));
  console.log(
    `           apply ended with ${answer.code} after ${answer.tookMs} ms\n${answer.stdout}${answer.stderr}`,
  );
  await until(
    'the file of before to be back',
    () => (textOf(gateway.configPath) === baseText(gateway) ? true : null),
    { timeoutMs: revertTimeoutMs },
  );
  await gateway.waitServing(bootTimeoutMs, before);
  expect(await trialOver(world)).toBe('reverted');
  expect(textOf(gateway.configPath)).toBe(baseText(gateway));
  expect(answer.code).not.toBe(0);
  expect(gateway.log()).toContain('refusing fallback');
  // Taken back as a trial, not rolled back as an incident, and nothing of it is lost.
  expect(intentsSince(watchdog, from).map((intent) => actionOf(intent).step.kind)).not.toContain('rollback');
  await clearBreaker(world);
}

/** Where three starts had failed before it was taken back, OpenClaw holds its channels down for minutes. */
async function clearBreaker({ gateway }: ConfigWorld): Promise<void> {
  if (!gateway.log().includes('restart-loop breaker tripped')) return;
  const pid = await runningPid(gateway);
  forgetBoots(gateway, null);
  await gateway.launchctl('kickstart', '-k', gateway.target);
  await gateway.waitServing(bootTimeoutMs, pid);
}

async function unconfirmed(world: ConfigWorld): Promise<void> {
  const { gateway, watchdog } = world;
  const text = baseText(gateway, logging('trace'));
  const began = Date.now();
  const terminal = spawn(
    join(gateway.home, '.local', 'bin', 'immune'),
    ['apply', '--yes', prepared(world, text), '--confirm-within', confirmWithin],
    { env: gateway.env, cwd: gateway.home, stdio: 'ignore', detached: true },
  );
  await until('the change to be in place', () => (textOf(gateway.configPath) === text ? true : null), {
    timeoutMs: revertTimeoutMs,
    everyMs: 20,
  });
  const daemon = daemonPid(watchdog);
  if (terminal.pid !== undefined) signal(-terminal.pid, 'SIGKILL');
  signal(daemon, 'SIGKILL');
  await until('the watchdog to be dead', () => (isAlive(daemon) ? null : true), { timeoutMs: 10_000 });
  expect(textOf(gateway.configPath)).toBe(text);
  await until(
    'the file of before to be back',
    () => (textOf(gateway.configPath) === baseText(gateway) ? true : null),
    { timeoutMs: revertTimeoutMs },
  );
  console.log(`           taken back ${((Date.now() - began) / 1_000).toFixed(1)} s after it was asked for`);
  expect(Date.now() - began).toBeGreaterThanOrEqual(confirmWithinMs);
  expect(daemonPid(watchdog)).not.toBe(daemon);
  expect(await trialOver(world)).toBe('reverted');
  await gateway.waitServing();
}

async function confirmed(world: ConfigWorld): Promise<void> {
  const { gateway, watchdog } = world;
  const text = baseText(gateway, logging('info'));
  const applied = command(world, 'apply', '--yes', prepared(world, text), '--confirm-within', '60s');
  await until('the change to be in place', () => (textOf(gateway.configPath) === text ? true : null), {
    timeoutMs: revertTimeoutMs,
  });
  const answer = await command(world, 'confirm');
  expect(answer.code, answer.stdout + answer.stderr).toBe(0);
  expect((await applied).code).toBe(0);
  expect(await trialOver(world)).toBe('holds');
  expect(textOf(gateway.configPath)).toBe(text);
  expect(told(watchdog.statusFile() ?? {}).state.phase.kind).toBe('healthy');
}

/** Until the watchdog has judged the change, and is quiet again. */
async function trialOver(world: ConfigWorld): Promise<TrialEnd['kind']> {
  const { gateway, watchdog } = world;
  const file = join(watchdog.state, 'trial.json');
  const end = await until('the trial to be over', () => (JSON.parse(textOf(file)) as Trial).end, {
    timeoutMs: revertTimeoutMs,
  });
  console.log(`           ${end.kind}: ${end.because}`);
  await calm(world, await gateway.waitServing());
  return end.kind;
}
