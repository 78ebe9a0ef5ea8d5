import { writeFileSync } from 'node:fs';
import { expect } from 'vitest';
import { healthyAndHeld, lookedFor } from './acts.ts';
import {
  type Act,
  expectEditsKept,
  freshWorld,
  inOneWorld,
  linesOf,
  recovered,
  recoveries,
  rollbacksSince,
  settled,
  stepsSince,
} from './config-cases.ts';
import { baseText, configFaults, goodEdits, textOf, withKey } from './config-faults.ts';
import {
  type ConfigWorld,
  command,
  configOf,
  isKept,
  keptRecords,
  showWorld,
  snapshotsOf,
  waitForSnapshot,
} from './config-world.ts';
import { runningPid } from './faults/fault.ts';
import { bootTimeoutMs } from './gateway-home.ts';
import { newestVersion } from './places.ts';
import { signal, until } from './processes.ts';

// A gateway whose config went bad, and a watchdog that acts: it serves again, on the last config that was proven by a boot,
// and nothing of the user's is lost.

const toldTimeoutMs = 60_000;

inOneWorld(
  `config recovery on ${newestVersion}, waits and budgets shortened`,
  { make: () => freshWorld(newestVersion), show: showWorld },
  new Map<string, Act>([
    ...recoveries(configFaults),
    [
      'three bad edits under a healthy gateway, each recorded by the hourly job, then a restart: it recovers',
      poisoned,
    ],
    [
      'a bad edit under a running gateway is told with its keys and left alone; the rollback comes just before a restart of ours',
      latent,
    ],
    ['fix-config shows its plan, makes it, and undo puts the file of the user back', fixedByHand],
    ['a newer token and a tighter bind survive a full rollback', staysSecure],
  ]),
);

/** Runs the hourly job as launchd does, and waits for its snapshot. */
async function hourly(world: ConfigWorld, text: string): Promise<void> {
  const { gateway } = world;
  const started = await gateway.launchctl('kickstart', `${gateway.domain}/org.openclaw-immune.snapshot`);
  expect(started.code, started.stderr).toBe(0);
  await waitForSnapshot(world, 'recorded', text);
}

async function poisoned(world: ConfigWorld): Promise<void> {
  const { gateway, watchdog } = world;
  const mark = await settled(world);
  const pid = await runningPid(gateway);
  for (const n of [1, 2, 3]) {
    const bad = withKey(baseText(gateway), `bogus${n}: ${n},`);
    writeFileSync(gateway.configPath, bad);
    await lookedFor(watchdog, 5_000);
    await hourly(world, bad);
  }
  expect(await gateway.pid()).toBe(pid);
  const bad = textOf(gateway.configPath);
  signal(pid, 'SIGTERM');
  await recovered(world, mark, pid);
  expect(rollbacksSince(world, mark)).toHaveLength(1);
  expect(linesOf(textOf(gateway.configPath))).toEqual(linesOf(baseText(gateway)));
  const record = keptRecords(world).at(-1) ?? expect.fail('nothing was kept');
  expect(isKept(world, record, { path: gateway.configPath, was: Buffer.from(bad) })).toBe(true);
  const verified = await snapshotsOf(world, 'verified');
  expect(verified.filter(({ text }) => text.includes('bogus'))).toEqual([]);
}

async function latent(world: ConfigWorld): Promise<void> {
  const { gateway, watchdog } = world;
  const mark = await settled(world);
  const pid = await runningPid(gateway);
  const bad = withKey(baseText(gateway, goodEdits), 'bogusKey: 1,');
  const from = Date.now();
  writeFileSync(gateway.configPath, bad);
  const line = await watchdog.waitForJournal(
    'the bad key to be told',
    (entry) => JSON.stringify(entry['notices'] ?? []).includes('bogusKey'),
    { timeoutMs: toldTimeoutMs, afterSeq: mark.seq },
  );
  const words = JSON.stringify(line['notices']);
  console.log(`           told after ${((line.at - from) / 1_000).toFixed(1)} s: ${words}`);
  expect(line.at - from).toBeLessThan(30_000);
  await hourly(world, bad);
  await lookedFor(watchdog, 5_000);
  expect(stepsSince(watchdog, mark)).toEqual([]);
  expect(textOf(gateway.configPath)).toBe(bad);
  expect(await gateway.pid()).toBe(pid);

  const starts = await gateway.runs();
  signal(pid, 'SIGSTOP');
  await recovered(world, mark, pid);
  expect(stepsSince(watchdog, mark)).toEqual(['rollback', 'restart']);
  expectEditsKept(world);
  // On the mended config: no start was wasted on the bad one.
  expect(await gateway.runs()).toBe(starts + 1);
}

async function fixedByHand(world: ConfigWorld): Promise<void> {
  const { gateway, watchdog } = world;
  const mark = await settled(world);
  // An edit that the running gateway takes without a restart.
  const good = baseText(gateway, "  logging: { level: 'debug' }, // for a while\n");
  const bad = withKey(good, 'bogusKey: 1,');
  writeFileSync(gateway.configPath, bad);
  const kept = keptRecords(world).length;

  const blamed = await command(world, 'why-config');
  expect(blamed.stdout, blamed.stderr).toContain('bogusKey');
  const shown = await command(world, 'fix-config', '--dry-run');
  expect(shown.code, shown.stdout + shown.stderr).toBe(0);
  expect(shown.stdout).toContain('bogusKey');
  expect(textOf(gateway.configPath)).toBe(bad);
  expect(keptRecords(world)).toHaveLength(kept);

  const fixed = await command(world, 'fix-config', '--yes');
  expect(fixed.code, fixed.stdout + fixed.stderr).toBe(0);
  console.log(`           dry run:\n${shown.stdout}           made:\n${fixed.stdout}`);
  expect(linesOf(textOf(gateway.configPath))).toEqual(linesOf(good));
  const record = keptRecords(world).at(-1) ?? expect.fail('nothing was kept');
  expect(shown.stdout).toContain(record.planId);
  expect(record.changes.filter((change) => !shown.stdout.includes(change))).toEqual([]);
  expect(isKept(world, record, { path: gateway.configPath, was: Buffer.from(bad) })).toBe(true);
  expect(`${shown.stdout}${fixed.stdout}${blamed.stdout}`).not.toContain(gateway.token);

  const undone = await command(world, 'undo', record.id);
  expect(undone.code, undone.stdout + undone.stderr).toBe(0);
  expect(textOf(gateway.configPath)).toBe(bad);
  expect(keptRecords(world).find(({ id }) => id === record.id)?.state).toBe('undone');
  // All of it under a gateway that went on serving, though OpenClaw may restart it for an edit.
  expect(await gateway.serves()).toBe(true);
  expect(stepsSince(watchdog, mark)).toEqual([]);
}

async function staysSecure(world: ConfigWorld): Promise<void> {
  const { gateway, watchdog } = world;
  const mark = await settled(world);
  const newer = 'rotated-by-the-user-0123456789abcdef';
  const secure = baseText(gateway)
    .replace(gateway.token, newer)
    .replace("bind: 'custom'", "bind: 'loopback'")
    .replace("    customBindHost: '127.0.0.1',\n", '');
  writeFileSync(gateway.configPath, secure);
  await waitForSnapshot(world, 'recorded', secure);
  const pid = await until('a process', gateway.pid, { timeoutMs: bootTimeoutMs });
  const verified = await snapshotsOf(world, 'verified');
  expect(verified.filter(({ text }) => text.includes(newer))).toEqual([]);
  writeFileSync(gateway.configPath, secure.slice(0, secure.length - 40));
  signal(pid, 'SIGKILL');
  await recovered(world, mark, pid);
  expect(rollbacksSince(world, mark)).toHaveLength(1);
  expect(configOf(gateway)['gateway']).toMatchObject({
    mode: 'local',
    bind: 'loopback',
    auth: { mode: 'token', token: newer },
  });
  expect(textOf(gateway.configPath)).not.toContain(gateway.token);
  // With the token of the file on disk, so it is the one the gateway goes by.
  await healthyAndHeld(watchdog);
  for (const text of [watchdog.log(), JSON.stringify(watchdog.journal()), watchdog.alert()]) {
    expect(text).not.toContain(newer);
    expect(text).not.toContain(gateway.token);
  }
}
