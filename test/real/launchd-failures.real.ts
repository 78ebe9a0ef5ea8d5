import { existsSync } from 'node:fs';
import { expect } from 'vitest';
import { changesSince, healthyAndHeld, markNow } from './acts.ts';
import { bootTimeoutMs } from './gateway-home.ts';
import { isAlive, signal, until } from './processes.ts';
import { gatewayScenario, watchdogScenario } from './scenario.ts';
import { installWatchdog, type WatchdogHome } from './watchdog-home.ts';
import { daemonPid, intentsOf, noticesOf, told, waitForNotice } from './watching.ts';

// launchd itself misbehaves: handled or told, never a crash of ours.

watchdogScenario(
  'a start that launchd holds back is ended by one plain kickstart (stable after 5 s)',
  {},
  async (gateway, watchdog) => {
    await watchdog.setPolicy({ stableMs: '5s' });
    await healthyAndHeld(watchdog);
    const first = await gateway.waitServing();
    const from = markNow(gateway, watchdog);
    gateway.launchd.setFaults({ pended: true });
    signal(first, 'SIGKILL');
    await until(
      'launchd to hold the start back',
      async () => {
        const printed = await gateway.launchctl('print', gateway.target);
        return printed.stdout.includes('pended nondemand spawn') ? true : null;
      },
      { timeoutMs: 30_000 },
    );
    await gateway.waitServing(bootTimeoutMs, first);
    await waitForNotice(watchdog, 'resolved', { timeoutMs: bootTimeoutMs });
    expect(intentsOf(watchdog)).toEqual(['start']);
    expect(changesSince(gateway, from)).toEqual(['kickstart']);
    expect(noticesOf(watchdog, 'opened')).toHaveLength(1);
  },
);

watchdogScenario(
  'a reload that launchd refuses twice with error 5 is tried on within one action (reload after 5 s, stable after 5 s)',
  {},
  async (gateway, watchdog) => {
    await watchdog.setPolicy({ reloadAfterMs: '5s', stableMs: '5s' });
    await healthyAndHeld(watchdog);
    const first = await gateway.waitServing();
    gateway.launchd.setFaults({ failures: { bootstrap: { code: 5, times: 2 } } });
    // Nobody writes this one down: no command of OpenClaw, no entry in the disabled store.
    await gateway.launchctl('bootout', gateway.target);
    const from = markNow(gateway, watchdog);
    await gateway.waitServing(bootTimeoutMs, first);
    await waitForNotice(watchdog, 'resolved', { timeoutMs: bootTimeoutMs });
    expect(intentsOf(watchdog)).toEqual(['reload']);
    expect(changesSince(gateway, from)).toEqual(['bootstrap', 'bootstrap', 'bootstrap', 'kickstart']);
    expect(noticesOf(watchdog, 'opened')).toHaveLength(1);
    expect(noticesOf(watchdog, 'resolved')).toHaveLength(1);
  },
);

watchdogScenario(
  'a launchctl that hangs makes the service unknown: no action while the gateway serves, and none while it hangs (hang acted on after 8 or 12 s)',
  {},
  async (gateway, watchdog) => {
    await watchdog.setPolicy({ tickMs: '3s', hangActMs: '8s', hangActAloneMs: '12s' });
    await healthyAndHeld(watchdog);
    const first = await gateway.waitServing();
    const daemon = daemonPid(watchdog);
    const from = markNow(gateway, watchdog);
    gateway.launchd.setFaults({ hang: ['print'] });

    const checked = await watchdog.immune('check');
    expect(checked.stdout).toContain('looked at by the watchdog');
    expect(checked.stdout).toContain('gave no answer within');
    const serving = await watchdog.immune('status');
    expect(serving.stdout).toContain('gave no answer within');
    expect(serving.code, serving.stdout).toBe(0);

    signal(first, 'SIGSTOP');
    await watchdog.waitForStatus(
      'unknown for longer than any hang is left alone',
      (status) => {
        const { state, at } = told(status);
        return state.cause === 'unknown' && state.unknownSince !== null && at - state.unknownSince > 25_000;
      },
      { timeoutMs: 120_000 },
    );
    const unknown = await watchdog.immune('status');
    expect(unknown.code).toBe(3);
    expect(unknown.stdout).toContain('the service manager gave no usable answer');
    signal(first, 'SIGCONT');
    gateway.launchd.setFaults({ hang: [] });
    await healthyAndHeld(watchdog);
    const well = await watchdog.immune('check');
    expect(well.code, well.stdout).toBe(0);

    expect(intentsOf(watchdog)).toEqual([]);
    expect(changesSince(gateway, from)).toEqual([]);
    expect(await gateway.pid()).toBe(first);
    expect(daemonPid(watchdog)).toBe(daemon);
  },
);

gatewayScenario(
  'install.sh, a second install.sh and uninstall work with a launchctl that does not know `bootout --wait`',
  { start: false },
  async (gateway) => {
    gateway.launchd.setFaults({ bootoutWait: 'unknown' });
    expect((await gateway.launchctl('bootout', '--wait', gateway.target)).code).toBe(64);
    const watchdog = await installWatchdog(gateway);
    const first = await watchdog.pid();
    const again = await watchdog.install();
    expect(again.code, again.stderr).toBe(0);
    const second = await watchdog.pid();
    expect(second).not.toBe(null);
    const removed = await watchdog.install('--uninstall', '--purge');
    expect(removed.code, removed.stderr).toBe(0);
    expect((await gateway.launchctl('print', watchdog.target)).code).toBe(113);
    expect([first, second].filter((pid) => pid !== null && isAlive(pid))).toEqual([]);
    expect(existsSync(watchdog.data)).toBe(false);
    expect(gateway.launchd.calls().some(({ argv }) => argv[0] === 'bootout' && argv.length === 2)).toBe(true);
  },
);

watchdogScenario(
  'without a GUI domain (112, then 125) status says so in one sentence, and nothing is done about a hang (hang acted on after 8 or 12 s)',
  {},
  async (gateway, watchdog) => {
    await watchdog.setPolicy({ tickMs: '3s', hangActMs: '8s', hangActAloneMs: '12s' });
    await healthyAndHeld(watchdog);
    const first = await gateway.waitServing();
    const daemon = daemonPid(watchdog);
    const from = markNow(gateway, watchdog);
    for (const noDomain of [112, 125] as const) {
      gateway.launchd.setFaults({ noDomain });
      signal(first, 'SIGSTOP');
      const since = (await waitForCause(watchdog, 'no-domain')).at;
      await watchdog.waitForStatus(
        'no domain for longer than any hang is left alone',
        (status) => told(status).state.cause === 'no-domain' && told(status).at - since > 15_000,
        { timeoutMs: 120_000 },
      );
      const status = await watchdog.immune('status');
      expect(status.code, status.stderr).toBe(3);
      const sentences = status.stdout
        .split('\n')
        .filter((line) => line.includes('no GUI session for launchd'));
      expect(sentences).toHaveLength(1);
      expect(sentences[0]).toContain('log in at the Mac');
      signal(first, 'SIGCONT');
      gateway.launchd.setFaults({ noDomain: null });
      await healthyAndHeld(watchdog);
    }
    expect(intentsOf(watchdog)).toEqual([]);
    expect(changesSince(gateway, from)).toEqual([]);
    expect(await gateway.pid()).toBe(first);
    expect(daemonPid(watchdog)).toBe(daemon);
  },
);

const waitForCause = async (watchdog: WatchdogHome, cause: string) =>
  told(
    await watchdog.waitForStatus(`cause ${cause}`, (status) => told(status).state.cause === cause, {
      timeoutMs: 60_000,
    }),
  );
