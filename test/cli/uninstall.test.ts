import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { runInstall } from '../../src/cli/install/install.ts';
import { runUninstall } from '../../src/cli/install/uninstall.ts';
import { buildPlist } from '../../src/system/launchd/plist.ts';
import { changes, createWorld, statusPid, tree, type World } from './install-world.ts';

const install = { dryRun: false, observe: false };
const keep = { dryRun: false, purge: false };
const gateway = 'ai.openclaw.gateway';
let world: World;
beforeEach(async () => {
  world = await createWorld();
});
afterEach(() => world.stop());

const launchctl = (...args: string[]) =>
  world.deps.run({ file: world.fake.launchctl, args, timeoutMs: 20_000 });

/** A running gateway and its files, to be found untouched. */
async function startGateway(): Promise<void> {
  const plist = join(world.paths.launchAgents, `${gateway}.plist`);
  mkdirSync(dirname(plist), { recursive: true });
  writeFileSync(
    plist,
    buildPlist({ label: gateway, programArguments: ['/bin/sleep', '600'], keepAlive: true }),
  );
  mkdirSync(join(world.home, '.openclaw'));
  writeFileSync(join(world.home, '.openclaw', 'openclaw.json'), '{}\n');
  await launchctl('bootstrap', `gui/${world.deps.uid}`, plist);
  await launchctl('kickstart', `gui/${world.deps.uid}/${gateway}`);
}
const gatewayPid = async (): Promise<string | undefined> => {
  const printed = await launchctl('print', `gui/${world.deps.uid}/${gateway}`);
  return printed.kind === 'exited' ? /^\tpid = (\d+)$/m.exec(printed.stdout)?.[1] : undefined;
};
const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    // No such process.
    return false;
  }
};

it('removes all of ours, keeps settings, state and logs, and leaves the gateway exactly as it was', async () => {
  await startGateway();
  const [before, pid] = [tree(world.home), await gatewayPid()];
  await runInstall(install, world.deps);
  const config = readFileSync(world.paths.config, 'utf8');
  const watchdogPid = await statusPid(world);
  expect(await runUninstall(keep, world.deps)).toBe(0);
  expect(isAlive(watchdogPid)).toBe(false);
  expect(readFileSync(world.paths.config, 'utf8')).toBe(config);
  for (const gone of [world.paths.bin, world.paths.app, world.paths.runtime, world.paths.link]) {
    expect(existsSync(gone)).toBe(false);
  }
  for (const [name, what] of Object.entries(before)) expect(tree(world.home)[name]).toBe(what);
  expect(Object.keys(tree(world.paths.launchAgents))).toEqual(['./', `./${gateway}.plist`]);
  expect(pid).toBeDefined();
  expect(await gatewayPid()).toBe(pid);
  const ours = changes(world).slice(2);
  expect(ours.filter((call) => call.includes(gateway))).toEqual([]);
  expect(ours.findLast((call) => call.startsWith('bootout'))).not.toContain('watchdog');
});

it('names what stays and is there, and where secrets are in it', async () => {
  await runInstall(install, world.deps);
  const { quarantine, configBackup, archives, alertFile, config } = world.paths;
  mkdirSync(quarantine, { recursive: true });
  mkdirSync(configBackup, { recursive: true });
  writeFileSync(alertFile, '# alert');
  await runUninstall(keep, world.deps);
  const said = world.said.slice(world.said.findIndex((line) => line.startsWith('These stay')));
  expect(said[0]).toContain('./install.sh --uninstall --purge');
  for (const path of [quarantine, configBackup])
    expect(said).toContain(`  ${path}  (whole configs of the gateway, with the secrets in them)`);
  expect(said).toContain(`  ${alertFile}`);
  expect(said).toContain(`  ${config}`);
  expect(said.join('\n')).not.toContain(archives);
});

it('with --purge removes the data and the logs too, and only those', async () => {
  await startGateway();
  await runInstall(install, world.deps);
  expect(await runUninstall({ dryRun: false, purge: true }, world.deps)).toBe(0);
  expect(existsSync(world.paths.data)).toBe(false);
  expect(existsSync(world.paths.logs)).toBe(false);
  expect(existsSync(join(world.home, '.openclaw', 'openclaw.json'))).toBe(true);
});

it('never removes whole a folder that is not named after us', async () => {
  const elsewhere = join(world.home, 'Documents');
  mkdirSync(elsewhere);
  writeFileSync(join(elsewhere, 'letter.txt'), 'dear');
  const deps = { ...world.deps, env: { ...world.deps.env, OPENCLAW_IMMUNE_DATA: elsewhere } };
  await runInstall(install, deps);
  await runUninstall({ dryRun: false, purge: true }, deps);
  expect(readFileSync(join(elsewhere, 'letter.txt'), 'utf8')).toBe('dear');
  expect(world.said.join('\n')).toContain(`${elsewhere} was not removed`);
});

it('a second time finds nothing to do, and a dry run changes nothing', async () => {
  await runInstall(install, world.deps);
  const before = tree(world.paths.launchAgents);
  const calls = world.fake.calls().length;
  await runUninstall({ dryRun: true, purge: true }, world.deps);
  expect(tree(world.paths.launchAgents)).toEqual(before);
  expect(changes(world, calls)).toEqual([]);
  expect(world.said.join('\n')).toContain('bootout gui/');
  await runUninstall(keep, world.deps);
  world.said.length = 0;
  const again = world.fake.calls().length;
  expect(await runUninstall(keep, world.deps)).toBe(0);
  expect(world.said[0]).toBe('Nothing is installed.');
  expect(changes(world, again)).toEqual([]);
});

it('leaves no stale "disabled" behind and no foreign command touched', async () => {
  mkdirSync(dirname(world.paths.link), { recursive: true });
  writeFileSync(world.paths.link, 'mine');
  await runInstall(install, world.deps);
  const target = `gui/${world.deps.uid}/org.openclaw-immune.sentinel`;
  await launchctl('disable', target);
  await runUninstall(keep, world.deps);
  const printed = await launchctl('print-disabled', `gui/${world.deps.uid}`);
  expect(printed.kind === 'exited' ? printed.stdout : '').not.toMatch(/=> (disabled|true)/);
  expect(readFileSync(world.paths.link, 'utf8')).toBe('mine');
});

it('keeps the program of a job that will not go, says why, and can be repeated', async () => {
  await runInstall(install, world.deps);
  world.fake.setFaults({ failures: { bootout: { code: 1, times: 99 } } });
  await expect(runUninstall(keep, world.deps)).rejects.toMatchObject({ exitCode: 3 });
  expect(existsSync(world.paths.app)).toBe(true);
  world.fake.setFaults({ failures: {} });
  expect(await runUninstall(keep, world.deps)).toBe(0);
});
