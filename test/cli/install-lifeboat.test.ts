import { existsSync, readFileSync, rmSync, statSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runInstall } from '../../src/cli/install/install.ts';
import { runUninstall } from '../../src/cli/install/uninstall.ts';
import { run } from '../../src/system/run.ts';
import { createWorld, otherProgram, refusal, statusPid, tree, type World } from './install-world.ts';

const act = { dryRun: false, observe: false };

let world: World;
let conf: string;
beforeEach(async () => {
  world = await createWorld();
  conf = join(world.paths.bin, 'lifeboat.conf');
});
afterEach(() => world.stop());

const script = (): string => readFileSync(new URL('../../launchd/lifeboat.sh', import.meta.url), 'utf8');
const status = () => run({ file: world.paths.link, args: ['status'], timeoutMs: 20_000 });

describe('the lifeboat', () => {
  it('is placed beside the launchers with private facts of this gateway and this installation', async () => {
    await runInstall(act, world.deps);
    const placed = join(world.paths.bin, 'lifeboat.sh');
    expect(readFileSync(placed, 'utf8')).toBe(script());
    expect(statSync(placed).mode & 0o777).toBe(0o700);
    expect(statSync(conf).mode & 0o777).toBe(0o600);
    const facts = readFileSync(conf, 'utf8').split('\n');
    for (const fact of [
      `checkout=${dirname(dirname(world.deps.entry))}`,
      `data=${world.paths.data}`,
      `launchctl=${world.fake.launchctl}`,
      `node=${join(world.paths.runtime, 'node-v99.0.0', 'node')}`,
      `config=${join(world.home, '.openclaw', 'openclaw.json')}`,
      `uid=${world.deps.uid}`,
      'port=18789',
      'tls=no',
    ]) {
      expect(facts).toContain(fact);
    }
  });

  it('takes the words of the command when our Node is gone, and the installation brings it back', async () => {
    await runInstall(act, world.deps);
    rmSync(join(world.paths.runtime, 'node-v99.0.0'), { recursive: true });
    const told = await status();
    expect(told).toMatchObject({ kind: 'exited', code: 3 });
    expect(told).toMatchObject({ stdout: expect.stringContaining('runtime   our Node is missing') });
    expect(told).toMatchObject({ stderr: expect.stringContaining("check out' && ./install.sh") });
    await runInstall(act, world.deps);
    const version = await run({ file: world.paths.link, args: ['--version'], timeoutMs: 20_000 });
    expect(version).toMatchObject({ code: 0, stdout: '1.0.0\n', stderr: '' });
  });

  it('comes to an older installation that has none, and stays as the daemon has left its facts', async () => {
    await runInstall(act, world.deps);
    for (const path of [conf, join(world.paths.bin, 'lifeboat.sh')]) unlinkSync(path);
    writeFileSync(join(world.paths.bin, 'immune'), '#!/bin/sh\nexit 0\n');
    expect(await runInstall(act, world.deps)).toBe(0);
    expect(existsSync(conf)).toBe(true);
    const renewed = readFileSync(conf, 'utf8').replace('port=18789', 'port=4711');
    writeFileSync(conf, `${renewed}look_s=7\n`);
    const pid = await statusPid(world);
    world.program(otherProgram);
    await runInstall(act, world.deps);
    expect(await statusPid(world)).not.toBe(pid);
    const facts = readFileSync(conf, 'utf8');
    expect(facts).toContain('port=4711\n');
    expect(facts).toContain('look_s=7\n');
    const before = tree(world.paths.bin);
    await runInstall(act, world.deps);
    expect(tree(world.paths.bin)).toEqual(before);
  });

  it('is installed from an installed copy too, which keeps where the checkout was', async () => {
    await runInstall(act, world.deps);
    const installed = { ...world.deps, entry: join(world.paths.app, 'immune.mjs') };
    rmSync(join(world.paths.bin, 'lifeboat.sh'));
    await runInstall(act, installed);
    expect(readFileSync(join(world.paths.bin, 'lifeboat.sh'), 'utf8')).toBe(script());
    expect(readFileSync(conf, 'utf8')).toContain('check out\n');
  });

  it('is in the plan of a dry run, and missing in the checkout it is a refusal', async () => {
    await runInstall({ ...act, dryRun: true }, world.deps);
    expect(world.said.join('\n')).toContain(conf);
    expect(existsSync(conf)).toBe(false);
    unlinkSync(join(dirname(dirname(world.deps.entry)), 'launchd', 'lifeboat.sh'));
    expect((await refusal(runInstall(act, world.deps))).message).toContain('lifeboat.sh is missing');
  });

  it('goes with an installation that fails, and with an uninstallation', async () => {
    world.program('process.exit(process.argv.includes("--version") ? 0 : 1)');
    await refusal(runInstall(act, world.deps));
    expect(existsSync(conf)).toBe(false);
    world.program(otherProgram);
    await runInstall(act, world.deps);
    expect(await runUninstall({ purge: false, dryRun: false }, world.deps)).toBe(0);
    expect(existsSync(world.paths.bin)).toBe(false);
  });

  it('is not asked while Node works: a second call starts it once', async () => {
    await runInstall(act, world.deps);
    await status();
    const stamp = join(world.paths.state, 'runtime-works');
    const long = new Date(Date.now() + 60_000);
    utimesSync(stamp, long, long);
    const before = statSync(stamp).mtimeMs;
    await status();
    expect(statSync(stamp).mtimeMs).toBe(before);
  });
});
