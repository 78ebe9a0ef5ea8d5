import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { changesSince, markNow } from './acts.ts';
import { type CommandResult, runCommand } from './commands.ts';
import { bootTimeoutMs, type GatewayHome } from './gateway-home.ts';
import { isAlive, signal, until } from './processes.ts';
import { watchdogScenario } from './scenario.ts';
import type { WatchdogHome } from './watchdog-home.ts';
import { told, waitHealthy } from './watching.ts';

// Our own Node is gone: what is left is a shell, launchd and the snapshots.

/** A boot on a busy machine, and the looks before it. */
const commandTimeoutMs = 240_000;

/** As `ssh mac .local/bin/immune …` does it: nothing in the environment. */
function overSsh(gateway: GatewayHome, ...words: readonly string[]): Promise<CommandResult> {
  const command = join(gateway.home, '.local', 'bin', 'immune');
  return runCommand('/usr/bin/env', ['-i', '/bin/sh', '-c', '"$0" "$@"', command, ...words], {
    env: {},
    cwd: '/',
    timeoutMs: commandTimeoutMs,
  });
}

function removeNode({ data }: WatchdogHome): void {
  const runtime = join(data, 'runtime');
  for (const name of readdirSync(runtime)) {
    if (name.startsWith('node-')) rmSync(join(runtime, name), { recursive: true });
  }
}

function setFact({ data }: WatchdogHome, key: string, value: string): void {
  const path = join(data, 'bin', 'lifeboat.conf');
  const lines = readFileSync(path, 'utf8').split('\n');
  writeFileSync(
    path,
    [...lines.filter((line) => line !== '' && !line.startsWith(`${key}=`)), `${key}=${value}`, ''].join('\n'),
  );
}

watchdogScenario(
  'lifeboat: with our Node deleted it looks, restarts a gateway that hangs once, and restores a verified config; the installer brings all of it back (soakMs 4 s, lifeboat looks every 2 s)',
  {},
  async (gateway, watchdog) => {
    await gateway.waitReady();
    await watchdog.setPolicy({ soakMs: '4s' });
    // OpenClaw writes into its config at its first start; only a boot with what stands there now verifies it.
    const booted = await gateway.waitServing();
    await gateway.launchctl('kickstart', '-k', gateway.target);
    await gateway.waitServing(bootTimeoutMs, booted);
    await watchdog.waitForStatus(
      'a verified snapshot',
      (status) => told(status).snapshots?.verifiedAt != null,
      {
        timeoutMs: 120_000,
      },
    );
    const conf = readFileSync(join(watchdog.data, 'bin', 'lifeboat.conf'), 'utf8');
    expect(conf).toContain(`port=${gateway.port}\n`);
    expect(conf).toMatch(/^launchctl=\/.*\/launchctl$/m);

    // With Node, in an empty environment.
    for (const words of [
      ['status'],
      ['fix-port'],
      ['fix-deps', '--dry-run'],
      ['undo', '--dry-run'],
      ['help'],
    ]) {
      const answered = await overSsh(gateway, ...words);
      expect(`${words[0]} ${answered.code} ${answered.stderr}`).toMatch(/^\S+ [034] /);
      expect(answered.stderr).not.toContain('lifeboat');
    }

    removeNode(watchdog);
    const before = await watchdog.pid();
    expect(before).not.toBeNull();
    // Its process goes on without its file, and holds the lease.
    const held = await overSsh(gateway, 'restart', '--yes');
    expect(held.code).toBe(5);
    expect(held.stdout).toContain(`process ${before} (daemon) is at work`);

    // The watchdog's job becomes the lifeboat when its process ends.
    setFact(watchdog, 'look_s', '2');
    signal(before ?? 0, 'SIGKILL');
    await gateway.launchctl('kickstart', watchdog.target);
    await until(
      'the alert',
      () => (watchdog.alert().includes('lifeboat: the watchdog cannot run') ? true : null),
      {
        timeoutMs: 60_000,
      },
    );
    const first = await gateway.waitServing();
    const looked = await overSsh(gateway, 'status');
    expect(looked.code).toBe(3);
    expect(looked.stdout).toContain('gateway   serves');
    expect(looked.stdout).toContain(`job       running, process ${first}`);
    expect(looked.stdout).toMatch(/snapshot {2}000\d{3}-[0-9a-f]{12}, taken /);
    expect(looked.stdout).toContain('runtime   our Node is missing');
    expect(looked.stdout).toContain('./install.sh');
    console.log(`status of the lifeboat: ${looked.tookMs.toFixed(0)} ms`);

    // A frozen gateway, seen dead three times, is restarted once.
    const mark = markNow(gateway, watchdog);
    signal(first, 'SIGSTOP');
    const second = await gateway.waitServing(bootTimeoutMs + 60_000, first);
    expect(isAlive(first)).toBe(false);
    expect(changesSince(gateway, mark)).toEqual(['kickstart -k']);
    expect(watchdog.alert()).toContain('is restarted now');

    // By hand, with the lifeboat of the watchdog out of the way.
    await gateway.launchctl('bootout', watchdog.target);
    const good = readFileSync(gateway.configPath, 'utf8');
    const broken = '{ gateway: { port: 1, bind: "lan" \n';
    writeFileSync(gateway.configPath, broken);
    await gateway.launchctl('bootout', gateway.target);
    await until('the gateway to be gone', () => (isAlive(second) ? null : true), { timeoutMs: 60_000 });
    const planned = await overSsh(gateway, 'fix-config');
    expect(planned.code).toBe(4);
    expect(planned.stdout).toContain('Lines with these keys differ');
    const fixed = await overSsh(gateway, 'fix-config', '--yes');
    expect(fixed.stdout).toContain('undo: immune undo lifeboat-');
    expect(fixed.code).toBe(0);
    expect(readFileSync(gateway.configPath, 'utf8')).toBe(good);
    expect(`${looked.stdout}${planned.stdout}${fixed.stdout}`).not.toContain(gateway.token);
    const restarted = await overSsh(gateway, 'restart');
    expect(restarted.stdout).toContain('the gateway serves again');
    expect(restarted.code).toBe(0);
    const third = await gateway.waitServing();

    // All of it back: the next nuclear of the program finds nothing to do, and the config of before is still kept.
    const nothing = await overSsh(gateway, 'nuclear', '--yes');
    expect(nothing.stdout).toContain('nothing was changed');
    const installed = await watchdog.install();
    expect(installed.code).toBe(0);
    await waitHealthy(watchdog);
    const healthy = await overSsh(gateway, 'status');
    expect(`${healthy.code} ${healthy.stdout}${healthy.stderr}`).not.toContain('lifeboat: the watchdog');
    expect(healthy.code).toBe(0);
    expect(await gateway.pid()).toBe(third);
    const kept = readdirSync(join(watchdog.data, 'quarantine')).filter((name) =>
      name.startsWith('lifeboat-'),
    );
    expect(kept).toHaveLength(1);
    expect(existsSync(join(watchdog.data, 'quarantine', kept[0] ?? '', '1.was'))).toBe(true);
    expect(readFileSync(join(watchdog.data, 'quarantine', kept[0] ?? '', '1.was'), 'utf8')).toBe(broken);
  },
);
