import { expect } from 'vitest';
import { changesSince, healthyAndHeld, markNow } from './acts.ts';
import { bootTimeoutMs } from './gateway-home.ts';
import { olderVersion } from './places.ts';
import { signal } from './processes.ts';
import { watchdogScenario } from './scenario.ts';
import { intentsOf, noticesOf, stateOf, told, waitForNotice, waitGone, waitHealthy } from './watching.ts';

// The version before: no record of stops, no boot id, other answers. The same must hold.

watchdogScenario(
  'a killed gateway is left to launchd, a frozen one is restarted (stable after 5 s)',
  { version: olderVersion },
  async (gateway, watchdog) => {
    await watchdog.setPolicy({ stableMs: '5s' });
    await healthyAndHeld(watchdog);
    const first = await gateway.waitServing();
    const from = markNow(gateway, watchdog);
    signal(first, 'SIGKILL');
    await waitForNotice(watchdog, 'opened', { timeoutMs: 30_000 });
    const second = await gateway.waitServing(bootTimeoutMs, first);
    await waitForNotice(watchdog, 'resolved', { timeoutMs: bootTimeoutMs });
    expect(intentsOf(watchdog)).toEqual([]);
    expect(changesSince(gateway, from)).toEqual([]);
    await healthyAndHeld(watchdog);

    signal(second, 'SIGSTOP');
    await gateway.waitServing(bootTimeoutMs, second);
    await waitForNotice(watchdog, 'resolved', { timeoutMs: bootTimeoutMs, count: 2 });
    expect(intentsOf(watchdog)).toEqual(['restart']);
    expect(changesSince(gateway, from)).toEqual(['kickstart -k']);
    expect(noticesOf(watchdog, 'opened')).toHaveLength(2);
  },
);

watchdogScenario(
  'a boot that takes a minute is left alone (late relaunches kicked after 20 s)',
  { version: olderVersion, start: false },
  async (gateway, watchdog) => {
    await watchdog.setPolicy({ relaunchGraceMs: '20s', pendedGraceMs: '5s' });
    gateway.slowBoots(60_000);
    await gateway.load();
    const from = markNow(gateway, watchdog);
    const pid = await gateway.waitServing(3 * bootTimeoutMs);
    await waitHealthy(watchdog);
    await watchdog.immune('check');
    expect(watchdog.journal().some((entry) => stateOf(entry).cause === 'booting')).toBe(true);
    expect(told(await waitHealthy(watchdog)).state.bootTimes.at(-1)).toBeGreaterThan(55_000);
    expect(intentsOf(watchdog)).toEqual([]);
    expect(noticesOf(watchdog, 'opened')).toEqual([]);
    expect(changesSince(gateway, from)).toEqual([]);
    expect(await gateway.pid()).toBe(pid);
  },
);

watchdogScenario(
  'a stop that OpenClaw writes down nowhere is left alone: status says it cannot be told (reload after 5 s)',
  { version: olderVersion },
  async (gateway, watchdog) => {
    await watchdog.setPolicy({ reloadAfterMs: '5s' });
    await healthyAndHeld(watchdog);
    const stopped = await gateway.openclaw('gateway', 'stop');
    expect(stopped.code, stopped.stderr).toBe(0);
    await waitGone(gateway);
    expect(gateway.audit()).toBe('');
    const from = markNow(gateway, watchdog);
    await watchdog.waitForStatus(
      'unknown for four times as long as a reload would wait',
      (status) => {
        const { state, at } = told(status);
        return state.cause === 'unknown' && state.unknownSince !== null && at - state.unknownSince > 20_000;
      },
      { timeoutMs: 90_000 },
    );
    const status = await watchdog.immune('status');
    expect(status.code).toBe(3);
    expect(status.stdout).toContain('whether somebody meant that cannot be told');
    expect(status.stdout).toContain(`OpenClaw ${olderVersion} writes no record when it is stopped`);
    expect(intentsOf(watchdog)).toEqual([]);
    expect(changesSince(gateway, from)).toEqual([]);
    expect((await gateway.launchctl('print', gateway.target)).code).toBe(113);

    await gateway.load();
    await gateway.waitServing();
    await healthyAndHeld(watchdog);
    expect(intentsOf(watchdog)).toEqual([]);
  },
);
