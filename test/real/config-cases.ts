import { statSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import { actionOf, intentsSince, journalSince, type Mark, stateOf } from './acts.ts';
import { baseText, type ConfigFault, goodEdits, includedText, includePath, textOf } from './config-faults.ts';
import {
  backToBase,
  type ConfigWorld,
  isKept,
  keptRecords,
  makeConfigWorld,
  showWorld,
  validatorRuns,
  waitForSnapshot,
} from './config-world.ts';
import { runningPid } from './faults/fault.ts';
import { forgetBoots } from './faults/history.ts';
import { calm } from './faults/matrix-world.ts';
import { signal } from './processes.ts';
import { told } from './watching.ts';

// What a config fault is followed by, and one gateway with one watchdog for all of a version (see config-world.ts for what is
// shortened).

/** From the fault to a gateway that serves, on a busy machine. */
export const recoveryTimeoutMs = 150_000;
const maxValidatorRuns = 7;

export type Act<W extends ConfigWorld = ConfigWorld> = (world: W) => Promise<void>;

/** One world for all its cases, made anew after a case that failed: what that left behind must not fail the next one. */
export function inOneWorld<W extends ConfigWorld>(
  title: string,
  { make, show }: { readonly make: () => Promise<W>; readonly show: (world: W) => void },
  cases: ReadonlyMap<string, Act<W>>,
): void {
  describe(title, () => {
    let world: W | null = null;
    const end = async (): Promise<void> => {
      const ending = world;
      world = null;
      await ending?.gateway.stop();
    };
    afterAll(end);
    for (const [name, act] of cases) {
      test(name, async () => {
        world ??= await make();
        try {
          await act(world);
        } catch (error) {
          show(world);
          await end();
          throw error;
        }
      });
    }
  });
}

/** Each fault as a case. */
export const recoveries = (faults: readonly ConfigFault[]): readonly (readonly [string, Act])[] =>
  faults.map((fault) => [
    `${fault.name}: serving again after one rollback, nothing lost`,
    (world) => recovers(world, fault),
  ]);

/** Before anything goes wrong: what the gateway booted with is known-good within the soak. */
export async function freshWorld(version: string): Promise<ConfigWorld> {
  const world = await makeConfigWorld(version);
  try {
    await waitForSnapshot(world, 'verified', baseText(world.gateway));
    return world;
  } catch (error) {
    showWorld(world);
    await world.gateway.stop();
    throw error;
  }
}

/** Serving and quiet, on the base. */
export async function settled(world: ConfigWorld): Promise<Mark> {
  await backToBase(world);
  await waitForSnapshot(world, 'recorded', baseText(world.gateway));
  return calm(world, await world.gateway.waitServing());
}

export const rollbacksSince = ({ watchdog }: ConfigWorld, mark: Mark) =>
  stepsSince(watchdog, mark).filter((kind) => kind === 'rollback');

export const stepsSince = (watchdog: ConfigWorld['watchdog'], mark: Mark): readonly string[] =>
  intentsSince(watchdog, mark).map((intent) => actionOf(intent).step.kind);

export async function recovered(
  { gateway, watchdog }: ConfigWorld,
  mark: Mark,
  broken: number,
): Promise<number> {
  const pid = await gateway.waitServing(recoveryTimeoutMs, broken);
  forgetBoots(gateway, pid);
  await watchdog.waitForStatus(
    `process ${pid} to be healthy`,
    (status) => told(status).state.phase.kind === 'healthy' && told(status).state.generation?.pid === pid,
    { timeoutMs: recoveryTimeoutMs },
  );
  expect(stepsSince(watchdog, mark).filter((kind) => kind === 'undo')).toEqual([]);
  return pid;
}

async function recovers(world: ConfigWorld, fault: ConfigFault): Promise<void> {
  const { gateway, watchdog } = world;
  const mark = await settled(world);
  const pid = await runningPid(gateway);
  const before = { kept: keptRecords(world).length, runs: validatorRuns(gateway) };
  const damaged = fault.make(gateway);
  const from = performance.now();
  signal(pid, fault.end);
  await recovered(world, mark, pid);
  const runs = validatorRuns(gateway) - before.runs;
  const seconds = ((performance.now() - from) / 1_000).toFixed(1);
  console.log(
    `           healthy after ${seconds} s: ${stepsSince(watchdog, mark).join(' > ')}, ${runs} validator runs`,
  );

  const [rollback] = intentsSince(watchdog, mark).filter((each) => actionOf(each).step.kind === 'rollback');
  expect.soft(fault.causes, 'named when it acted').toContain(rollback && stateOf(rollback).cause);
  expect.soft(rollbacksSince(world, mark)).toHaveLength(1);
  expect.soft(runs).toBeLessThanOrEqual(maxValidatorRuns);
  const records = keptRecords(world).slice(before.kept);
  expect.soft(records.map(({ state }) => state)).toEqual(['made']);
  expect
    .soft(isKept(world, records[0] ?? expect.fail('no record'), damaged), JSON.stringify(records))
    .toBe(true);
  expect.soft(textOf(includePath(gateway))).toBe(includedText);
  expect.soft(statSync(gateway.configPath).mode & 0o777).toBe(0o600);
  if (fault.keepsEdits === true) expectEditsKept(world);
  else expect.soft(textOf(gateway.configPath)).toBe(baseText(gateway));
  // Where there was nothing, there is nothing to have back.
  const undo = damaged.was === 'nothing' ? '' : `immune undo ${records[0]?.id}`;
  const notices = journalSince(watchdog, mark).flatMap((entry) => JSON.stringify(entry['notices'] ?? []));
  expect
    .soft(
      notices.some((text) => text.includes(undo)),
      `no notice says: ${undo}`,
    )
    .toBe(true);
  expect.soft(notices.join('\n')).not.toContain(gateway.token);
}

/** All ten, their comments, and every line around what was restored. */
export function expectEditsKept({ gateway }: ConfigWorld): void {
  const text = textOf(gateway.configPath);
  for (const line of goodEdits.trim().split('\n')) expect.soft(text).toContain(line.trim());
  expect.soft(text).toContain('// Written by hand: what stands here must outlive a repair.');
  expect.soft(text).toContain("bind: 'custom', // loopback, by its number");
  expect
    .soft(linesOf(text), 'something else than the bad key was changed')
    .toEqual(linesOf(baseText(gateway, goodEdits)));
}

/** In any order: a key that was gone comes back at the end of its object. */
export const linesOf = (text: string): readonly string[] =>
  text
    .split('\n')
    .map((line) => line.trim().replace(/,$/, ''))
    .filter((line) => line !== '')
    .toSorted();
