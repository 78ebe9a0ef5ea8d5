import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { changesSince, healthyAndHeld, type Mark, markNow } from './acts.ts';
import { archivesOf, untilProven } from './dependency-world.ts';
import { bootTimeoutMs, type GatewayHome } from './gateway-home.ts';
import { writeConfig } from './home-template.ts';
import { signal, until } from './processes.ts';
import { watchdogScenario } from './scenario.ts';
import type { StatusFile, WatchdogHome } from './watchdog-home.ts';
import { daemonPid, intentsOf, noticesOf, told, waitForNotice } from './watching.ts';

// The watchdog itself dies or hangs: launchd or the sentinel brings it back, and what it announced is not done twice.

watchdogScenario(
  'a watchdog killed while all is well comes back by launchd and does nothing',
  {},
  async (gateway, watchdog) => {
    await healthyAndHeld(watchdog);
    const pid = await gateway.pid();
    const from = markNow(gateway, watchdog);
    await killWatchdog(watchdog);
    await healthyAndHeld(watchdog);
    expect(watchdog.journal().filter((entry) => entry.kind === 'started')).toHaveLength(2);
    expect(intentsOf(watchdog)).toEqual([]);
    expect(noticesOf(watchdog, 'opened')).toEqual([]);
    expect(changesSince(gateway, from)).toEqual([]);
    expect(await gateway.pid()).toBe(pid);
  },
);

watchdogScenario(
  'a watchdog killed when the incident has just opened, and again on probation, restarts the hung gateway once (throttle 1 s, exit time-out 2 s, stable after 15 s)',
  {},
  async (gateway, watchdog) => {
    await hasten(gateway, watchdog);
    const first = await gateway.waitServing();
    const from = markNow(gateway, watchdog);
    signal(first, 'SIGSTOP');
    const opened = await waitForNotice(watchdog, 'opened', { timeoutMs: 60_000 });
    expect(intentsOf(watchdog)).toEqual([]);
    await killWatchdog(watchdog);

    await gateway.waitServing(bootTimeoutMs, first);
    await watchdog.waitForStatus('probation', (status) => told(status).state.phase.kind === 'probation', {
      timeoutMs: bootTimeoutMs,
    });
    await killWatchdog(watchdog);

    await waitForNotice(watchdog, 'resolved', { timeoutMs: bootTimeoutMs });
    expect(intentsOf(watchdog)).toEqual(['restart']);
    await expectOneRestart(gateway, watchdog, { from, first });
    expect(noticesOf(watchdog, 'resolved')[0]?.incident).toBe(opened.incident);
  },
);

watchdogScenario(
  'a watchdog killed right after it announced a restart does not make a second one (throttle 1 s, exit time-out 2 s, stable after 15 s)',
  {},
  async (gateway, watchdog) => {
    await hasten(gateway, watchdog);
    const first = await gateway.waitServing();
    const from = markNow(gateway, watchdog);
    signal(first, 'SIGSTOP');
    await until('the intent', () => (intentsOf(watchdog).length > 0 ? true : null), {
      timeoutMs: 90_000,
      everyMs: 5,
    });
    await killWatchdog(watchdog);
    expect(watchdog.log()).toContain('was interrupted by the end of the watchdog; it is counted as made');

    await gateway.waitServing(bootTimeoutMs, first);
    await waitForNotice(watchdog, 'resolved', { timeoutMs: bootTimeoutMs });
    await expectOneRestart(gateway, watchdog, { from, first });
  },
);

watchdogScenario(
  'snapshot and archive do their work beside a frozen watchdog, and the sentinel restarts that (soakMs 4 s)',
  // Another scenario's copy of hard links would change the times of its files, and a changed package is not archived.
  { ownPackage: 'bytes' },
  async (gateway, watchdog) => {
    await watchdog.setPolicy({ soakMs: '4s' });
    await healthyAndHeld(watchdog);
    const pid = await gateway.pid();
    const from = markNow(gateway, watchdog);
    // Its own first snapshot is made: frozen in the middle of one it would hold the lease, and the job come back empty.
    await watchdog.waitForStatus('the first snapshot to be told', hasSnapshot, { timeoutMs: 60_000 });
    // What an archive rests on: its job is started when that is there, and has seconds to go.
    await untilProven({ gateway, watchdog });
    const frozen = daemonPid(watchdog);
    signal(frozen, 'SIGSTOP');

    await runSnapshot(gateway, watchdog);
    const commits = countCommits(watchdog);
    expect(commits).toBeGreaterThan(0);
    await runSnapshot(gateway, watchdog);
    expect(countCommits(watchdog)).toBe(commits);
    writeConfig(gateway.home, { ...gateway.config, logging: { level: 'info' } });
    expect(await runSnapshot(gateway, watchdog)).toContain('changed and was recorded');
    expect(countCommits(watchdog)).toBe(commits + 1);
    expect(readFileSync(join(watchdog.data, 'config-backup', 'openclaw.json'), 'utf8')).toBe(
      readFileSync(gateway.configPath, 'utf8'),
    );

    await gateway.launchctl('kickstart', `${gateway.domain}/org.openclaw-immune.archive`);
    await until('the archive', () => archivesOf({ gateway, watchdog })[0] ?? null, { timeoutMs: 240_000 });
    expect(await gateway.pid()).toBe(pid);

    // The heartbeat is stale after 90 s; the sentinel then looks again for 20 s before it kills anything.
    await until(
      'the heartbeat to be stale',
      () => (Date.now() - told(watchdog.statusFile() ?? {}).at > 91_000 ? true : null),
      { timeoutMs: 120_000, everyMs: 1_000 },
    );
    expect((await watchdog.immune('status')).stdout).toContain('stuck');
    await gateway.launchctl('kickstart', `${gateway.domain}/org.openclaw-immune.sentinel`);
    await watchdog.waitForStatus('another watchdog', (status) => told(status).pid !== frozen, {
      timeoutMs: 120_000,
    });
    await healthyAndHeld(watchdog);
    expect(watchdog.log()).toContain("the watchdog's heartbeat was stale; it was restarted");
    expect(intentsOf(watchdog)).toEqual([]);
    expect(changesSince(gateway, from)).toEqual([]);
    expect(await gateway.pid()).toBe(pid);
  },
);

/** So that these scenarios need not wait for launchd's own long intervals. */
async function hasten(gateway: GatewayHome, watchdog: WatchdogHome): Promise<void> {
  gateway.launchd.setFaults({ throttleMs: 1_000, exitTimeOutMs: 2_000 });
  await watchdog.setPolicy({ stableMs: '15s' });
  await healthyAndHeld(watchdog);
}

/** SIGKILL, and then launchd's KeepAlive: gives the pid that came back, once it has written its first heartbeat. */
async function killWatchdog(watchdog: WatchdogHome): Promise<void> {
  const before = daemonPid(watchdog);
  signal(before, 'SIGKILL');
  await watchdog.waitForStatus('another watchdog', (status) => told(status).pid !== before, {
    timeoutMs: 90_000,
  });
}

async function expectOneRestart(
  gateway: GatewayHome,
  watchdog: WatchdogHome,
  { from, first }: { readonly from: Mark; readonly first: number },
): Promise<void> {
  const restarts = changesSince(gateway, from).filter((call) => call.startsWith('kickstart -k'));
  expect(restarts).toEqual(['kickstart -k']);
  expect(noticesOf(watchdog, 'opened')).toHaveLength(1);
  expect(noticesOf(watchdog, 'resolved')).toHaveLength(1);
  expect(noticesOf(watchdog, 'exhausted')).toEqual([]);
  await healthyAndHeld(watchdog);
  expect(await gateway.pid()).not.toBe(first);
}

function hasSnapshot({ snapshots }: StatusFile): boolean {
  const { newestAt } = (snapshots ?? {}) as { readonly newestAt?: unknown };
  return typeof newestAt === 'number';
}

/** As documented for a person: a kickstart of the job. Gives what the job said it did. */
async function runSnapshot(gateway: GatewayHome, watchdog: WatchdogHome): Promise<string> {
  const stamp = join(watchdog.state, 'jobs', 'snapshot.json');
  const before = existsSync(stamp) ? readFileSync(stamp, 'utf8') : '';
  const kickstarted = await gateway.launchctl('kickstart', `${gateway.domain}/org.openclaw-immune.snapshot`);
  expect(kickstarted.code, kickstarted.stderr).toBe(0);
  const after = await until(
    'the snapshot job to end',
    () => {
      const now = existsSync(stamp) ? readFileSync(stamp, 'utf8') : '';
      return now === before ? null : now;
    },
    { timeoutMs: 180_000 },
  );
  const { ok, text } = JSON.parse(after) as { ok: boolean; text: string };
  expect(ok, text).toBe(true);
  // A kickstart of a job that still runs does nothing: its lease and its process come to an end first.
  await until(
    'the snapshot process to end',
    async () => {
      const printed = await gateway.launchctl('print', `${gateway.domain}/org.openclaw-immune.snapshot`);
      return /^\tpid = /m.test(printed.stdout) ? null : true;
    },
    { timeoutMs: 60_000 },
  );
  return text;
}

function countCommits(watchdog: WatchdogHome): number {
  const folder = join(watchdog.data, 'config-backup');
  return Number(execFileSync('git', ['-C', folder, 'rev-list', '--count', 'HEAD'], { encoding: 'utf8' }));
}
