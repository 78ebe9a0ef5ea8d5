import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { changesSince, healthyAndHeld, markNow } from './acts.ts';
import { impersonate } from './foreign-server.ts';
import { bootTimeoutMs } from './gateway-home.ts';
import { type Config, writeConfig } from './home-template.ts';
import { probeSocket } from './probe.ts';
import { signal, until } from './processes.ts';
import { gatewayScenario, watchdogScenario } from './scenario.ts';
import { refusingTelegram } from './telegram-double.ts';
import { installWatchdog, type WatchdogHome } from './watchdog-home.ts';
import { intentsOf, noticesOf, stateOf, told, waitForNotice, waitGone, waitHealthy } from './watching.ts';

// Whom the watchdog believes, and to whom it says the secret. Nothing here may end in a restart.

// OpenClaw substitutes it; a plain string here.
const unsetVariable = ['$', '{NOPE_TOKEN}'].join('');
const newToken = 'real-test-token-after-the-change-42';

const withToken = (config: Config, token: string, more: Record<string, unknown> = {}): Config => ({
  ...config,
  gateway: { ...config.gateway, auth: { mode: 'token', token }, ...more },
});

watchdogScenario(
  'a token changed under us and applied by the gateway is read anew, and the connection is held again: no restart',
  {},
  async (gateway, watchdog) => {
    await healthyAndHeld(watchdog);
    const pid = await gateway.pid();
    const from = markNow(gateway, watchdog);
    const changedAt = Date.now();
    writeConfig(gateway.home, withToken(gateway.config, newToken));
    const at = { scheme: 'http', host: '127.0.0.1', port: gateway.port } as const;
    await until(
      'the gateway to take the new token',
      async () => ((await probeSocket(at, { token: newToken })).startsWith('hello-ok') ? true : null),
      { timeoutMs: 60_000, everyMs: 1_000 },
    );
    expect(await probeSocket(at, { token: gateway.token })).toContain('AUTH_TOKEN_MISMATCH');
    // The deep look reads the config again; it also comes by itself every three minutes.
    await watchdog.immune('check');
    await watchdog.waitForStatus(
      'a connection of after the change',
      (status) => {
        const socket = told(status).evidence?.socket;
        return socket?.kind === 'open' && socket.since > changedAt;
      },
      { timeoutMs: 90_000 },
    );
    const checked = await watchdog.immune('check');
    expect(checked.code, checked.stdout).toBe(0);
    const status = await watchdog.immune('status');
    expect(status.code, status.stdout).toBe(0);
    expect(status.stdout).not.toContain('auth mismatch');
    expect(intentsOf(watchdog)).toEqual([]);
    expect(noticesOf(watchdog, 'opened')).toEqual([]);
    expect(changesSince(gateway, from)).toEqual([]);
    expect(await gateway.pid()).toBe(pid);
    expectNoSecret(watchdog, [gateway.token, newToken]);
  },
);

watchdogScenario(
  'a gateway that does not take the token of its own config is told as an auth mismatch and watched by /healthz: no restart',
  { config: (good) => withToken(good, 'real-test-token-0123456789abcdef', { reload: { mode: 'off' } }) },
  async (gateway, watchdog) => {
    await healthyAndHeld(watchdog);
    const pid = await gateway.pid();
    const from = markNow(gateway, watchdog);
    // Reloads are off, so the running gateway keeps the old token whatever the file says.
    writeConfig(gateway.home, withToken(gateway.config, newToken, { reload: { mode: 'off' } }));
    await watchdog.immune('check');
    await watchdog.waitForStatus(
      'an auth failure',
      (status) => told(status).evidence?.socket.kind === 'auth-failed',
      { timeoutMs: 60_000 },
    );
    const status = await until(
      '`immune status` to tell the mismatch',
      async () => {
        const said = await watchdog.immune('status');
        return said.stdout.includes('auth mismatch') ? said : null;
      },
      { timeoutMs: 60_000, everyMs: 1_000 },
    );
    expect(status.code, status.stdout).toBe(0);
    expect(status.stdout).toContain('watching by /healthz');
    const { state, evidence } = told(await waitHealthy(watchdog));
    expect(state.cause).toBe('serving');
    expect(evidence?.listener.kind).toBe('ours');
    expect(intentsOf(watchdog)).toEqual([]);
    expect(noticesOf(watchdog, 'opened')).toEqual([]);
    expect(changesSince(gateway, from)).toEqual([]);
    expect(await gateway.pid()).toBe(pid);
  },
);

watchdogScenario(
  'a token from a variable nobody set leaves the gateway with a random one: watched by /healthz and the listener, no restart',
  { config: (good) => withToken(good, unsetVariable) },
  async (gateway, watchdog) => {
    const pid = await gateway.waitServing();
    const from = markNow(gateway, watchdog);
    const { evidence } = told(await waitHealthy(watchdog));
    expect(evidence?.healthz.kind).toBe('live');
    expect(evidence?.socket.kind).toBe('not-tried');
    expect(evidence?.listener).toMatchObject({ kind: 'ours', pid });
    await watchdog.immune('check');
    const status = await watchdog.immune('status');
    expect(status.code, status.stdout).toBe(0);
    expect(status.stdout).toMatch(/auth mismatch: .*NOPE_TOKEN, which is not set/);
    // A death is noticed without a held connection too, and left to launchd.
    // A quick relaunch may fall between two looks: then the next close look, within a minute, finds a new life.
    signal(pid, 'SIGKILL');
    const next = await gateway.waitServing(bootTimeoutMs, pid);
    await watchdog.waitForJournal('the new process', (entry) => stateOf(entry).generation?.pid === next, {
      timeoutMs: 120_000,
    });
    expect(intentsOf(watchdog)).toEqual([]);
    expect(changesSince(gateway, from)).toEqual([]);
  },
);

gatewayScenario(
  'a channel with a refused bot token keeps readiness at 503 for ever: status says which, no restart',
  { start: false },
  async (gateway) => {
    const telegram = await refusingTelegram();
    try {
      writeConfig(gateway.home, {
        ...gateway.config,
        channels: {
          telegram: { enabled: true, botToken: '123456:refused-by-the-double', apiRoot: telegram.url },
        },
      });
      await gateway.load();
      const pid = await gateway.waitServing();
      await until(
        'readiness 503 because of telegram',
        async () => {
          const answer = await fetch(`${gateway.url}/readyz`, {
            signal: AbortSignal.timeout(2_000),
          }).catch(() => null);
          return answer?.status === 503 && (await answer.text()).includes('telegram') ? true : null;
        },
        { timeoutMs: 120_000, everyMs: 1_000 },
      );
      const watchdog = await installWatchdog(gateway);
      await healthyAndHeld(watchdog);
      const from = markNow(gateway, watchdog);
      const checked = await watchdog.immune('check');
      expect(checked.stdout).toContain('telegram');
      const status = await until(
        '`immune status` to tell the readiness',
        async () => {
          const said = await watchdog.immune('status');
          return said.stdout.includes('readiness 503') ? said : null;
        },
        { timeoutMs: 60_000, everyMs: 1_000 },
      );
      expect(status.stdout).toContain('readiness 503: telegram');
      expect(status.code, status.stdout).toBe(0);
      expect(told(await waitHealthy(watchdog)).state.cause).toBe('serving');
      expect(intentsOf(watchdog)).toEqual([]);
      expect(noticesOf(watchdog, 'opened')).toEqual([]);
      expect(changesSince(gateway, from)).toEqual([]);
      expect(await gateway.pid()).toBe(pid);
    } finally {
      await telegram.stop();
    }
  },
);

watchdogScenario(
  'a stranger who takes the port and plays a gateway gets no secret, and the gateway is not restarted (port grace 3 s, stable after 5 s)',
  {},
  async (gateway, watchdog) => {
    await watchdog.setPolicy({ portGraceMs: '3s', stableMs: '5s' });
    await healthyAndHeld(watchdog);
    const first = await gateway.waitServing();
    const from = markNow(gateway, watchdog);
    signal(first, 'SIGKILL');
    const stranger = await impersonate(gateway.port);
    try {
      // He answers at once and exactly. The broken connection must make us ask who he is; the next look at the listener
      // that comes by itself is a minute away.
      await waitForNotice(watchdog, 'opened', { timeoutMs: 30_000 });
      const given = await waitForNotice(watchdog, 'exhausted', { timeoutMs: 120_000 });
      expect(given.text).toContain("the gateway's port is held by");
      expect(given.text).toContain(`(pid ${process.pid})`);
      const status = await watchdog.immune('status');
      expect(status.code).toBe(3);
      expect(status.stdout).toContain('kept out by another program on its port');
      await watchdog.immune('check');
    } finally {
      await stranger.stop();
    }
    // The gateway waits for its port by itself.
    await gateway.waitServing(bootTimeoutMs, first);
    await waitForNotice(watchdog, 'resolved', { timeoutMs: bootTimeoutMs });
    await healthyAndHeld(watchdog);
    expect(changesSince(gateway, from)).toEqual([]);

    // The same with the job unloaded, the port taken, and the job loaded again by somebody.
    await gateway.launchctl('bootout', gateway.target);
    const second = await impersonate(gateway.port);
    try {
      await waitGone(gateway);
      await gateway.load();
      await waitForNotice(watchdog, 'exhausted', { timeoutMs: 120_000, count: 2 });
      await watchdog.immune('check');
    } finally {
      await second.stop();
    }
    await gateway.waitServing();
    await waitForNotice(watchdog, 'resolved', { timeoutMs: bootTimeoutMs, count: 2 });

    expect(intentsOf(watchdog)).toEqual([]);
    expect(noticesOf(watchdog, 'exhausted')).toHaveLength(2);
    const heard = [...stranger.recorded(), ...second.recorded()];
    // He was really spoken to, by HTTP and by a connection: else his silence would prove nothing.
    expect(heard.some((line) => line.startsWith('GET /healthz'))).toBe(true);
    expect(heard.some((line) => line.startsWith('UPGRADE'))).toBe(true);
    expect(heard.filter((line) => line.includes(gateway.token))).toEqual([]);
    expectNoSecret(watchdog, [gateway.token]);
  },
);

/** Copies of the config hold it as it is, on purpose; Node itself is no file of ours. */
const notSearched: ReadonlySet<string> = new Set([
  'config-backup',
  'known-good',
  'plans',
  'quarantine',
  'runtime',
  'archives',
]);

/** No log, state or settings file of ours holds a secret. */
function expectNoSecret(watchdog: WatchdogHome, secrets: readonly string[]): void {
  const files = [watchdog.data, watchdog.logs].flatMap(filesBelow);
  expect(files.length).toBeGreaterThan(5);
  const telling = files.filter((file) => {
    const bytes = readFileSync(file);
    return secrets.some((secret) => bytes.includes(secret));
  });
  expect(telling).toEqual([]);
}

const filesBelow = (folder: string): readonly string[] =>
  readdirSync(folder)
    .filter((name) => !notSearched.has(name))
    .map((name) => join(folder, name))
    .flatMap((path) => {
      const found = statSync(path, { throwIfNoEntry: false });
      if (found === undefined) return [];
      return found.isDirectory() ? filesBelow(path) : found.isFile() ? [path] : [];
    });
