import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { bootTimeoutMs } from './gateway-home.ts';
import { evaluateIn } from './inspector.ts';
import { copyOfOpenClaw, packageFolder } from './openclaw-cache.ts';
import { newestVersion, olderVersion } from './places.ts';
import { signal, until } from './processes.ts';
import { gatewayScenario, watchdogScenario } from './scenario.ts';
import { phaseOf } from './watchdog-home.ts';

// What the scenarios rest on: the real gateway behaves under the launchd double as it was measured to do on a Mac.

gatewayScenario('launchd relaunches a killed gateway once, and it serves again', {}, async (gateway) => {
  const first = await gateway.waitServing();
  signal(first, 'SIGKILL');
  const second = await gateway.waitServing(bootTimeoutMs, first);
  expect(second).not.toBe(first);
  expect(gateway.log()).toContain('source=launchd ExitTimeOut=20000ms');
});

gatewayScenario('launchd relaunches a killed gateway', { version: olderVersion }, async (gateway) => {
  const first = await gateway.waitServing();
  signal(first, 'SIGKILL');
  expect(await gateway.waitServing(bootTimeoutMs, first)).not.toBe(first);
});

gatewayScenario(
  '`openclaw gateway stop` leaves the job unloaded, enabled and written down',
  {},
  async (gateway) => {
    const before = await gateway.waitServing();
    const stopped = await gateway.openclaw('gateway', 'stop', '--force');
    expect(stopped.code, stopped.stderr).toBe(0);
    await until('the process to be gone', async () => ((await gateway.pid()) === null ? true : null), {
      timeoutMs: 30_000,
    });
    expect((await gateway.launchctl('print', gateway.target)).code).toBe(113);
    expect((await gateway.launchctl('print-disabled', gateway.domain)).stdout).not.toMatch(
      /"ai\.openclaw\.gateway" => (disabled|true)/,
    );
    expect(gateway.audit()).toMatch(/source=cli action=stop mode=bootout/);
    expect(before).toBeGreaterThan(1);
  },
);

gatewayScenario(
  'a gateway that misses ws parks itself: disabled, unloaded, and written down',
  { start: false },
  async (gateway) => {
    // A copy of its own, because the scenario breaks it.
    const prefix = await copyOfOpenClaw(newestVersion, join(gateway.root, 'prefix'));
    renameSync(join(packageFolder(prefix), 'node_modules', 'ws'), join(gateway.root, 'ws-aside'));
    gateway.usePrefix(prefix);
    await gateway.load();
    await until('the park to be done', () => (gateway.audit().includes('park done') ? true : null), {
      timeoutMs: 60_000,
    });
    expect(gateway.audit()).toMatch(/openclaw restart attempt source=handoff mode=park/);
    expect(gateway.audit()).not.toMatch(/action=stop/);
    expect((await gateway.launchctl('print', gateway.target)).code).toBe(113);
    expect((await gateway.launchctl('print-disabled', gateway.domain)).stdout).toMatch(
      /"ai\.openclaw\.gateway" => disabled/,
    );
  },
);

gatewayScenario(
  'an endless loop in the gateway leaves it alive, reachable and silent',
  {},
  async (gateway) => {
    const pid = await gateway.waitServing();
    await evaluateIn(pid, gateway.inspectPort, 'for (;;);');
    await until('the gateway to fall silent', async () => ((await gateway.serves()) ? null : true), {
      timeoutMs: 10_000,
    });
    expect(await gateway.pid()).toBe(pid);
    // Only SIGKILL helps: launchd escalates to it after the ExitTimeOut of 20 s.
    await gateway.launchctl('kickstart', '-k', gateway.target);
    expect(await gateway.waitServing(bootTimeoutMs, pid)).not.toBe(pid);
  },
);

gatewayScenario('a slow boot is alive and does not listen', { start: false }, async (gateway) => {
  gateway.slowBoots(8_000);
  const from = performance.now();
  await gateway.load();
  const pid = await until('a process', gateway.pid, { timeoutMs: 10_000 });
  expect(await gateway.serves()).toBe(false);
  expect(await gateway.waitServing()).toBe(pid);
  expect(performance.now() - from).toBeGreaterThan(8_000);
});

watchdogScenario(
  'install.sh sets up a watchdog that holds a connection to the running gateway',
  {},
  async (gateway, watchdog) => {
    const pid = await gateway.waitServing();
    const status = await watchdog.waitForStatus('healthy', (told) => phaseOf(told) === 'healthy', {
      timeoutMs: 60_000,
    });
    expect(status).toMatchObject({ gateway: { auth: 'authenticated', version: newestVersion } });
    expect(await watchdog.pid()).toBe(status['pid']);
    const removed = await watchdog.install('--uninstall');
    expect(removed.code, removed.stderr).toBe(0);
    expect(await watchdog.pid()).toBe(null);
    expect(await gateway.pid()).toBe(pid);
  },
);
