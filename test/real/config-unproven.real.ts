import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { lookedFor, markNow } from './acts.ts';
import { freshWorld, inOneWorld, recoveries, recoveryTimeoutMs, stepsSince } from './config-cases.ts';
import { baseText, configFaults, textOf, withKey } from './config-faults.ts';
import {
  type ConfigWorld,
  keptRecords,
  shortened,
  showWorld,
  snapshotsOf,
  waitForSnapshot,
} from './config-world.ts';
import { newestVersion, olderVersion, oldestVersion } from './places.ts';
import { watchdogScenario } from './scenario.ts';
import { told } from './watching.ts';

// The versions before, and a gateway of which no config was ever proven. Without --all three faults are made on each.

const everything = process.env['OPENCLAW_IMMUNE_TEST_ALL'] !== undefined;

for (const version of [olderVersion, oldestVersion]) {
  inOneWorld(
    `config recovery on ${version}, waits and budgets shortened`,
    { make: () => freshWorld(version), show: showWorld },
    new Map(recoveries(configFaults.filter(({ smoke }) => everything || smoke === true))),
  );
}

const neverActs = /^(?:rollback|undo)$/;

watchdogScenario(
  'no snapshot at all, then one of a bad config only: it calls for a person and changes nothing (waits and budgets shortened)',
  {
    version: newestVersion,
    start: false,
  },
  async (gateway, watchdog) => {
    await watchdog.setPolicy(shortened);
    const world = { gateway, watchdog };
    rmSync(gateway.configPath);
    for (const folder of ['config-backup', join('state', 'known-good')]) {
      rmSync(join(watchdog.data, folder), { recursive: true, force: true });
    }
    // OpenClaw's own copy was never proven by a boot: a person is told of it, and it is never used unattended.
    writeFileSync(`${gateway.configPath}.last-good`, baseText(gateway), { mode: 0o600 });
    const mark = markNow(gateway, watchdog);
    await gateway.load();
    await exhausted(world, 'config');
    expect(existsSync(gateway.configPath)).toBe(false);

    const bad = withKey(
      baseText(gateway).replace("{ $include: './parts/discovery.json5' }", '{}'),
      'bogusKey: 1,',
    );
    writeFileSync(gateway.configPath, bad, { mode: 0o600 });
    await waitForSnapshot(world, 'recorded', bad);
    await exhausted(world, 'bogusKey');
    await lookedFor(watchdog, 10_000);
    expect(stepsSince(watchdog, mark).filter((kind) => neverActs.test(kind))).toEqual([]);
    expect(textOf(gateway.configPath)).toBe(bad);
    expect(keptRecords(world)).toEqual([]);
    expect(await snapshotsOf(world, 'verified')).toEqual([]);
    expect(watchdog.alert()).toContain('fix-config');
  },
);

/** Until it says that a person is needed, and why. */
const exhausted = ({ watchdog }: ConfigWorld, word: string): Promise<unknown> =>
  watchdog.waitForStatus(
    `a call for a person that says "${word}"`,
    (status) => {
      const { state } = told(status);
      return state.phase.kind === 'exhausted' && state.because.includes(word);
    },
    { timeoutMs: recoveryTimeoutMs },
  );
