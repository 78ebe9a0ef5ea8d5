import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import type { RepairRecord } from '../../src/vault/repair-records.ts';
import type { Mark } from './acts.ts';
import { baseText, textOf, writeBase } from './config-faults.ts';
import {
  bootOnBase,
  type ConfigWorld,
  isGateway,
  type NodeStart,
  shortened,
  showWorld,
  startsIn,
  waitForSnapshot,
} from './config-world.ts';
import { forgetBoots } from './faults/history.ts';
import { calm } from './faults/matrix-world.ts';
import { folderOf } from './faults/packages.ts';
import type { GatewayHome } from './gateway-home.ts';
import { until } from './processes.ts';
import { show } from './scenario.ts';
import { differences, printOf, type TreePrint } from './tree-print.ts';
import { installWatchdog } from './watchdog-home.ts';

// A gateway with a package of its own, in bytes, and a watchdog that acts and has an archive of it: made once, then broken
// in one way after the other.

export interface DependencyWorld extends ConfigWorld {
  /** Links resolved. */
  readonly packageRoot: string;
  /** Of the package as the gateway has proven it. */
  readonly whole: TreePrint;
  /** What lies beside the package. */
  readonly beside: readonly string[];
  /** From its load to its first answer, with nothing wrong. */
  readonly bootMs: number;
}

/** Healthy, and the soak. */
const provenTimeoutMs = 120_000;
/** Reads, compresses, writes out again and compares half a gigabyte, at low priority on a busy machine. */
const archiveTimeoutMs = 240_000;

/** Beside the waits of the config worlds: the package is repaired more often in ten minutes than may be in a day. */
const policy = { ...shortened, latentMendMs: '3s', reinstalls: { limit: 100, windowMs: '24h' } } as const;

export async function makeDependencyWorld(version: string): Promise<DependencyWorld> {
  const gateway = await bootOnBase(version, 'bytes');
  try {
    const bootMs = Date.now() - (gatewayStarts(gateway)[0]?.at ?? Number.NaN);
    const packageRoot = realpathSync(folderOf(gateway));
    const whole = printOf(packageRoot);
    const watchdog = await installWatchdog(gateway);
    await watchdog.setPolicy(policy);
    const world = { gateway, watchdog, packageRoot, whole, beside: readdirSync(dirname(packageRoot)) };
    try {
      await untilProven(world);
      await until('the first archive', () => archivesOf(world)[0] ?? null, { timeoutMs: archiveTimeoutMs });
      await waitForSnapshot(world, 'verified', baseText(gateway));
      return { ...world, bootMs };
    } catch (error) {
      showDependencies(world);
      throw error;
    }
  } catch (error) {
    await gateway.stop();
    throw error;
  }
}

/** Only a deep look asks for all that a proof rests on: one comes every three minutes by itself, and here it is asked for. */
export const untilProven = ({ watchdog }: Watched): Promise<true> =>
  until(
    'the proof of this generation',
    async () => {
      if (existsSync(join(watchdog.state, 'proven.json'))) return true;
      await watchdog.immune('check');
      return null;
    },
    { timeoutMs: provenTimeoutMs, everyMs: 2_000 },
  );

export const gatewayStarts = (gateway: GatewayHome): readonly NodeStart[] =>
  startsIn(gateway).filter(isGateway);

type Watched = Pick<DependencyWorld, 'gateway' | 'watchdog'>;

interface Archive {
  readonly name: string;
  readonly folder: string;
}

/** Those that count: this file is written last. */
export function archivesOf({ watchdog }: Watched): readonly Archive[] {
  const folder = join(watchdog.data, 'archives');
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .map((name) => ({ name, folder: join(folder, name) }))
    .filter((archive) => existsSync(join(archive.folder, 'archive.json')));
}

/** What the repairs of the package have replaced, oldest first. */
export function repairRecords({ watchdog }: Watched): readonly RepairRecord[] {
  const quarantine = join(watchdog.data, 'quarantine');
  if (!existsSync(quarantine)) return [];
  return readdirSync(quarantine)
    .map((id) => join(quarantine, id, 'repair.json'))
    .filter((path) => existsSync(path))
    .map((path) => JSON.parse(readFileSync(path, 'utf8')) as RepairRecord)
    .toSorted((one, other) => one.at - other.at);
}

/** Serving and quiet, on the base, with nobody's crashes remembered. */
export async function settled(world: DependencyWorld): Promise<Mark> {
  const { gateway } = world;
  if (textOf(gateway.configPath) !== baseText(gateway)) writeBase(gateway);
  const pid = await gateway.waitServing();
  forgetBoots(gateway, pid);
  await waitForSnapshot(world, 'recorded', baseText(gateway));
  return calm(world, pid);
}

/** Thrown, so that no other case meets this world: every file as the gateway has proven it, nothing more, and nothing of anybody's left beside the package. */
export function expectWhole({ gateway, packageRoot, whole, beside }: DependencyWorld): void {
  expect(differences(whole, printOf(packageRoot, whole))).toEqual([]);
  expect(readdirSync(dirname(packageRoot))).toEqual(beside);
  const command = join(gateway.prefix(), 'bin', 'openclaw');
  expect(existsSync(command) && realpathSync(command)).toBe(join(packageRoot, 'openclaw.mjs'));
}

export function showDependencies(world: Watched): void {
  showWorld(world);
  show('archives', JSON.stringify(archivesOf(world), null, 1));
  show('repairs', JSON.stringify(repairRecords(world), null, 1));
}
