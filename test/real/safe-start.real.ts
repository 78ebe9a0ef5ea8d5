import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { archivesOf } from './dependency-world.ts';
import { folderOf } from './faults/packages.ts';
import { bootTimeoutMs, type GatewayHome } from './gateway-home.ts';
import { readPlist } from './home-template.ts';
import { isAlive, signal, until } from './processes.ts';
import { watchdogScenario } from './scenario.ts';
import type { WatchdogHome } from './watchdog-home.ts';

// OpenClaw's own wrapper hook, put in and taken out by OpenClaw's own installer, and what launchd starts through it.

/** Reads and compresses half a gigabyte, at low priority on a busy machine. */
const archiveTimeoutMs = 240_000;

const folderOfWrapper = ({ data }: WatchdogHome): string => `${data}-safe-start`;
const wrapperOf = (watchdog: WatchdogHome): string =>
  join(folderOfWrapper(watchdog), 'openclaw-immune-safe-start');
const wordsOf = (pid: number): readonly string[] => readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');

/** Ends the gateway as a crash does, and waits until launchd's next start of it serves. */
async function crashAndServe(
  gateway: GatewayHome,
): Promise<{ readonly pid: number; readonly tookMs: number }> {
  const before = await gateway.waitServing();
  const from = Date.now();
  signal(before, 'SIGKILL');
  return { pid: await gateway.waitServing(bootTimeoutMs, before), tookMs: Date.now() - from };
}

async function unload(gateway: GatewayHome, target: string): Promise<void> {
  const printed = await gateway.launchctl('print', target);
  const pid = Number(/^\tpid = (\d+)$/m.exec(printed.stdout)?.[1] ?? 0);
  await gateway.launchctl('bootout', target);
  await until(`the end of ${target}`, () => (pid > 0 && isAlive(pid) ? null : true), { timeoutMs: 60_000 });
}

watchdogScenario(
  'safe start: the hook is in, the gateway serves through it with our program hanging, read-only and gone, and it comes out again',
  { ownPackage: true, install: ['--safe-start'] },
  async (gateway, watchdog) => {
    expect(watchdog.installed.stdout).toContain('the gateway will restart once');
    const wrapper = wrapperOf(watchdog);
    expect(readPlist(gateway.plist).ProgramArguments).toContain(wrapper);
    const first = await gateway.waitServing();
    // The very options OpenClaw had given: the preload of the double is one of them.
    expect(wordsOf(first)).toContain('--require');
    expect((await watchdog.immune('status')).stdout).toContain('looked at before every start of the gateway');
    const healthy = await crashAndServe(gateway);

    // What it asks hangs, and takes no notice of being told to end. Only a telegram channel would miss grammy.
    await unload(gateway, watchdog.target);
    rmSync(join(folderOf(gateway), 'node_modules', 'grammy'), { recursive: true });
    const immune = join(watchdog.data, 'bin', 'immune');
    writeFileSync(immune, "#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 1; done\n");
    chmodSync(watchdog.data, 0o500);
    const hanging = await crashAndServe(gateway);
    chmodSync(watchdog.data, 0o700);
    rmSync(watchdog.data, { recursive: true });
    const gone = await crashAndServe(gateway);
    const seconds = [healthy, hanging, gone].map(({ tookMs }) => (tookMs / 1_000).toFixed(1));
    console.log(
      `           serves again after ${seconds.join(', ')} s: healthy, a check that hangs, no program`,
    );

    const removed = await watchdog.install('--uninstall');
    expect(removed.code, removed.stdout + removed.stderr).toBe(0);
    expect(readPlist(gateway.plist).ProgramArguments).not.toContain(wrapper);
    expect(existsSync(folderOfWrapper(watchdog))).toBe(false);
  },
);

watchdogScenario(
  'safe start: with ws missing the first start serves, beside the watchdog and without one (soak 4 s)',
  { ownPackage: 'bytes', install: ['--safe-start'] },
  async (gateway, watchdog) => {
    await watchdog.setPolicy({ soakMs: '4s' });
    await until('the first archive', () => archivesOf({ gateway, watchdog })[0] ?? null, {
      timeoutMs: archiveTimeoutMs,
    });
    const ws = join(folderOf(gateway), 'node_modules', 'ws');
    const whole = (): boolean => existsSync(join(ws, 'package.json')) && existsSync(join(ws, 'lib'));

    const runs = await gateway.runs();
    rmSync(ws, { recursive: true });
    const beside = await crashAndServe(gateway);
    expect(whole()).toBe(true);
    expect(await gateway.runs()).toBe(runs + 1);

    await unload(gateway, watchdog.target);
    await unload(gateway, gateway.target);
    rmSync(ws, { recursive: true });
    const from = Date.now();
    await gateway.load();
    await gateway.waitServing();
    expect(whole()).toBe(true);
    expect(await gateway.runs()).toBe(1);
    const alone = ((Date.now() - from) / 1_000).toFixed(1);
    console.log(
      `           serves after ${(beside.tookMs / 1_000).toFixed(1)} s beside the watchdog, ${alone} s alone`,
    );
    expect(watchdog.log()).toMatch(/Safe start, before a start of the gateway: .*ws.*repair P\d/);
    expect(gateway.audit()).not.toContain('mode=park');
  },
);
