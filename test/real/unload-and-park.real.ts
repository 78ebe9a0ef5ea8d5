import { renameSync } from 'node:fs';
import { join } from 'node:path';
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
  noticesOf,
  stateOf,
  tells,
} from './acts.ts';
import { bootTimeoutMs, type GatewayHome } from './gateway-home.ts';
import { packageFolder } from './openclaw-cache.ts';
import { until } from './processes.ts';
import { watchdogScenario } from './scenario.ts';

/** With `reloadAfterMs` at 10 s: long enough that a watchdog that took this for an accident would have reloaded it. */
const leftAloneMs = 30_000;

watchdogScenario(
  'an unexplained bootout is reloaded once after 60 s; booted out again it is left down and told once (then reloadAfterMs 10 s)',
  {},
  async (gateway, watchdog) => {
    const pid = await gateway.waitServing();
    await healthyAndHeld(watchdog);
    expect((await gateway.launchctl('bootout', gateway.target)).code).toBe(0);
    const bootedOutAt = Date.now();
    const mark = markNow(gateway, watchdog);

    const intent = await watchdog.waitForJournal('the reload', isIntent, {
      timeoutMs: 150_000,
      afterSeq: mark.seq,
    });
    expect(actionOf(intent).step.kind).toBe('reload');
    expect(intent.at - bootedOutAt).toBeGreaterThanOrEqual(60_000);
    const next = await gateway.waitServing(bootTimeoutMs, pid);
    await watchdog.waitForStatus(
      'the new process to be known as serving',
      (told) => stateOf(told).cause === 'serving' && stateOf(told).generation?.pid === next,
      { timeoutMs: 60_000 },
    );
    expect(changesSince(gateway, mark)).toEqual(['bootstrap', 'kickstart']);
    expect(intentsSince(watchdog, mark)).toHaveLength(1);

    await watchdog.setPolicy({ reloadAfterMs: '10s' });
    expect((await gateway.launchctl('bootout', gateway.target)).code).toBe(0);
    const again = markNow(gateway, watchdog);
    await watchdog.waitForJournal('left down', tells('exhausted'), {
      timeoutMs: 90_000,
      afterSeq: again.seq,
    });
    await lookedFor(watchdog, leftAloneMs);
    expectNoAction(gateway, watchdog, again);
    expect(await isUnloaded(gateway)).toBe(true);
    const told = journalSince(watchdog, again).flatMap(noticesOf);
    expect(told.filter(({ text }) => text.includes('somebody means it'))).toHaveLength(1);
    expect(watchdog.alert()).toContain('somebody means it, so it is left down');
    const status = await watchdog.immune('status');
    expect(status.stdout).toMatch(/gateway +left down/);
    expect(status.code).toBe(3);
  },
);

watchdogScenario(
  'after `openclaw gateway stop` it is left down as stopped by you; `openclaw gateway start` brings it back (reloadAfterMs 10 s)',
  {},
  async (gateway, watchdog) => {
    const pid = await gateway.waitServing();
    await watchdog.setPolicy({ reloadAfterMs: '10s' });
    await healthyAndHeld(watchdog);
    const before = markNow(gateway, watchdog);
    const stopped = await gateway.openclaw('gateway', 'stop', '--force');
    expect(stopped.code, stopped.stderr).toBe(0);
    const mark = markNow(gateway, watchdog);

    await watchdog.waitForJournal('stopped by you', names('stopped-by-operator'), {
      timeoutMs: 60_000,
      afterSeq: before.seq,
    });
    await lookedFor(watchdog, leftAloneMs);
    const status = await watchdog.immune('status');
    expect(status.stdout).toMatch(/gateway +stopped by you/);
    expect(status.code).toBe(3);
    expectNoAction(gateway, watchdog, mark);
    expect(intentsSince(watchdog, before)).toEqual([]);
    expect(await isUnloaded(gateway)).toBe(true);
    expect(watchdog.alert()).toBe('');

    const started = await gateway.openclaw('gateway', 'start');
    expect(started.code, `${started.stdout}\n${started.stderr}`).toBe(0);
    await gateway.waitServing(bootTimeoutMs, pid);
    await healthyAndHeld(watchdog);
    expect((await watchdog.immune('status')).code).toBe(0);
    expect(intentsSince(watchdog, before)).toEqual([]);
  },
);

watchdogScenario(
  "after an operator's `launchctl disable` and bootout it is left down as stopped by you (reloadAfterMs 10 s)",
  {},
  async (gateway, watchdog) => {
    const pid = await gateway.waitServing();
    await watchdog.setPolicy({ reloadAfterMs: '10s' });
    await healthyAndHeld(watchdog);
    const before = markNow(gateway, watchdog);
    expect((await gateway.launchctl('disable', gateway.target)).code).toBe(0);
    expect((await gateway.launchctl('bootout', gateway.target)).code).toBe(0);
    const mark = markNow(gateway, watchdog);

    await watchdog.waitForJournal('stopped by you', names('disabled-by-operator'), {
      timeoutMs: 60_000,
      afterSeq: before.seq,
    });
    await lookedFor(watchdog, leftAloneMs);
    const status = await watchdog.immune('status');
    expect(status.stdout).toMatch(/gateway +stopped by you/);
    expect(status.code).toBe(3);
    expectNoAction(gateway, watchdog, mark);
    expect(intentsSince(watchdog, before)).toEqual([]);
    expect(await isUnloaded(gateway)).toBe(true);

    expect((await gateway.launchctl('enable', gateway.target)).code).toBe(0);
    await gateway.load();
    await gateway.waitServing(bootTimeoutMs, pid);
    await healthyAndHeld(watchdog);
    expect(intentsSince(watchdog, before)).toEqual([]);
  },
);

watchdogScenario(
  'parked by OpenClaw for a missing ws, with no archive to mend that from, it is left alone; with ws back it is un-parked once and serves (stableMs 10 s, soakMs 12 h)',
  { ownPackage: true },
  async (gateway, watchdog) => {
    const pid = await gateway.waitServing();
    await watchdog.setPolicy({ stableMs: '10s', soakMs: '12h' });
    await healthyAndHeld(watchdog);
    const before = markNow(gateway, watchdog);
    const ws = join(packageFolder(gateway.prefix()), 'node_modules', 'ws');
    const aside = join(gateway.root, 'ws-aside');
    renameSync(ws, aside);
    await gateway.launchctl('kickstart', '-k', gateway.target);
    await until('the park to be done', () => (gateway.audit().includes('park done') ? true : null), {
      timeoutMs: 120_000,
    });
    const mark = markNow(gateway, watchdog);

    // What made it park leads: that is what a person has to mend.
    const seen = await watchdog.waitForJournal('what made it park', names('dependency-missing'), {
      timeoutMs: 60_000,
      afterSeq: before.seq,
    });
    expect(seen.because).toContain('ws is missing');
    await lookedFor(watchdog, 10_000);
    const status = await watchdog.immune('status');
    expect(status.stdout).toContain('ws is missing');
    expect(status.stdout).toContain('npm install -g openclaw@');
    expect(status.code).toBe(3);
    expectNoAction(gateway, watchdog, mark);
    expect(intentsSince(watchdog, before)).toEqual([]);

    renameSync(aside, ws);
    const intent = await watchdog.waitForJournal('the un-park', isIntent, {
      timeoutMs: 90_000,
      afterSeq: mark.seq,
    });
    expect(actionOf(intent).step.kind).toBe('unpark');
    expect(stateOf(intent).cause).toBe('parked');
    await gateway.waitServing(bootTimeoutMs, pid);
    await watchdog.waitForJournal('resolved', tells('resolved'), {
      timeoutMs: bootTimeoutMs,
      afterSeq: intent.seq,
    });
    expect(changesSince(gateway, mark)).toEqual(['enable', 'bootstrap', 'kickstart']);
    expect(intentsSince(watchdog, before)).toHaveLength(1);
  },
);

const isUnloaded = async (gateway: GatewayHome): Promise<boolean> =>
  (await gateway.launchctl('print', gateway.target)).code === 113;
