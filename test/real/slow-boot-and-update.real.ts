import { expect } from 'vitest';
import {
  actionOf,
  changesSince,
  expectNoAction,
  healthyAndHeld,
  intentsSince,
  isIntent,
  journalSince,
  lookedFor,
  markNow,
  names,
  stateOf,
  tells,
} from './acts.ts';
import { bootTimeoutMs } from './gateway-home.ts';
import { until } from './processes.ts';
import { watchdogScenario } from './scenario.ts';
import { beginUpdateRun } from './update-run.ts';

const slowBootMs = 240_000;

watchdogScenario(
  'a boot that takes 240 s is left alone, and status says starting',
  {},
  async (gateway, watchdog) => {
    await gateway.waitServing();
    await healthyAndHeld(watchdog);
    const before = markNow(gateway, watchdog);
    expect((await gateway.launchctl('bootout', '--wait', gateway.target)).code).toBe(0);
    gateway.slowBoots(slowBootMs);
    await gateway.load();
    const from = Date.now();
    const pid = await until('a process', gateway.pid, { timeoutMs: 30_000 });
    const mark = markNow(gateway, watchdog);

    await watchdog.waitForStatus(
      'booting',
      (told) => stateOf(told).cause === 'booting' && stateOf(told).generation?.pid === pid,
      { timeoutMs: 60_000 },
    );
    // Well past every other patience of the policy: a lost job has 60 s, a lost listener 2 min.
    await lookedFor(watchdog, 200_000 - (Date.now() - from));
    expect(await gateway.serves()).toBe(false);
    const status = await watchdog.immune('status');
    expect(status.stdout).toMatch(/gateway +starting/);
    expect(status.code).toBe(3);

    expect(await gateway.waitServing(slowBootMs + bootTimeoutMs)).toBe(pid);
    expect(Date.now() - from).toBeGreaterThanOrEqual(slowBootMs);
    await healthyAndHeld(watchdog);
    expectNoAction(gateway, watchdog, mark);
    expect(intentsSince(watchdog, before)).toEqual([]);
    expect(journalSince(watchdog, before).filter(tells('exhausted'))).toEqual([]);
    expect(await gateway.runs()).toBe(1);
  },
);

watchdogScenario(
  'while an update runs a lost job is left alone; when the update has ended it is reloaded (reloadAfterMs and stableMs 10 s)',
  {},
  async (gateway, watchdog) => {
    const pid = await gateway.waitServing();
    await watchdog.setPolicy({ reloadAfterMs: '10s', stableMs: '10s' });
    await healthyAndHeld(watchdog);
    const endUpdate = beginUpdateRun(gateway);
    const before = markNow(gateway, watchdog);
    expect((await gateway.launchctl('bootout', gateway.target)).code).toBe(0);
    const mark = markNow(gateway, watchdog);

    const seen = await watchdog.waitForJournal('the update', names('update-running'), {
      timeoutMs: 60_000,
      afterSeq: before.seq,
    });
    expect(seen.because).toContain('update_runs row in phase activating');
    await lookedFor(watchdog, 30_000);
    const status = await watchdog.immune('status');
    expect(status.stdout).toMatch(/gateway +being updated/);
    expect(status.code).toBe(3);
    expectNoAction(gateway, watchdog, mark);
    expect((await gateway.launchctl('print', gateway.target)).code).toBe(113);

    endUpdate();
    const intent = await watchdog.waitForJournal('the reload', isIntent, {
      timeoutMs: 90_000,
      afterSeq: mark.seq,
    });
    expect(actionOf(intent).step.kind).toBe('reload');
    await gateway.waitServing(bootTimeoutMs, pid);
    await watchdog.waitForJournal('resolved', tells('resolved'), {
      timeoutMs: bootTimeoutMs,
      afterSeq: intent.seq,
    });
    expect(changesSince(gateway, mark)).toEqual(['bootstrap', 'kickstart']);
    expect(intentsSince(watchdog, before)).toHaveLength(1);
  },
);
