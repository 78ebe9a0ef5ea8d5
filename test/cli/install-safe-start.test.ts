import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { InstallerDeps } from '../../src/cli/install/context.ts';
import { runInstall } from '../../src/cli/install/install.ts';
import { runUninstall } from '../../src/cli/install/uninstall.ts';
import { commandOf } from '../../src/gateway/environment.ts';
import { findInstallation } from '../../src/gateway/installation.ts';
import { nodeOfJob } from '../../src/gateway/launch.ts';
import { hookTrouble, readHook, readRecord, wrapperIn } from '../../src/gateway/safe-start-hook.ts';
import { buildPlist, parsePlist } from '../../src/system/launchd/plist.ts';
import { freePort } from '../free-port.ts';
import { createWorld, hurriedClock, plistOf, refusal, stateOf, tree, type World } from './install-world.ts';
import { openclawStandIn } from './openclaw-stand-in.ts';

const label = 'ai.openclaw.gateway';

let world: World;
let port: number;
let root: string;
const directory = (): string => world.paths.safeStart;
const words = (): readonly string[] => {
  const parsed = parsePlist(readFileSync(plistOf(world, label), 'utf8'));
  return parsed.kind === 'ok' ? parsed.job.programArguments : [];
};
const hook = () => readHook({ programArguments: words(), directory: directory() });
const calls = (): readonly { argv: readonly string[]; env: Record<string, string>; flags: string[] }[] => {
  const path = join(world.home, 'calls');
  return existsSync(path)
    ? readFileSync(path, 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
    : [];
};
const started = (): { pid: number; argv: string[]; flags: string[] } =>
  JSON.parse(readFileSync(join(world.home, 'started'), 'utf8'));
const put = (path: string, text: string): void => {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
};
const plain = { dryRun: false, observe: false };
const safe = { ...plain, safeStart: true };
const said = (): string => world.said.join('\n');

beforeEach(async () => {
  world = await createWorld();
  port = await freePort();
  root = join(world.home, 'npm prefix', 'lib', 'node_modules', 'openclaw');
  put(
    join(root, 'package.json'),
    '{ "name": "openclaw", "version": "2026.9.6", "dependencies": { "ws": "1" } }',
  );
  put(join(root, 'dist', 'index.js'), openclawStandIn(label));
  put(join(root, 'node_modules', 'ws', 'package.json'), '{}');
  put(
    join(world.home, '.openclaw', 'openclaw.json'),
    `{ gateway: { port: ${port}, auth: { mode: "none" } } }`,
  );
  put(join(world.home, 'domain'), `gui/${world.deps.uid}`);
});
afterEach(() => world.stop());

/** The gateway as OpenClaw's own installer leaves it, serving. */
async function bootGateway(program: readonly string[] = [process.execPath, '--max-old-space-size=512']) {
  const entry = program[0] === process.execPath ? [join(root, 'dist', 'index.js')] : [];
  const programArguments = [...program, ...entry, 'gateway', '--port', String(port)];
  const environmentVariables = { HOME: world.home };
  put(plistOf(world, label), buildPlist({ label, programArguments, environmentVariables, keepAlive: true }));
  for (const args of [
    ['bootstrap', `gui/${world.deps.uid}`, plistOf(world, label)],
    ['kickstart', `gui/${world.deps.uid}/${label}`],
  ]) {
    await world.deps.run({ file: world.fake.launchctl, args, timeoutMs: 20_000 });
  }
  await serving();
}

async function serving(): Promise<void> {
  for (let round = 0; round < 400; round += 1) {
    const answer = await fetch(`http://127.0.0.1:${port}/healthz`).catch(() => null);
    if (answer?.ok === true) return;
    await sleep(50);
  }
  expect.unreachable('the gateway does not serve');
}

/** For waits that end by giving up. */
const hurried = (): InstallerDeps => ({ ...world.deps, clock: hurriedClock(60) });

describe('install --safe-start', () => {
  it('says in a dry run what it would run, and changes nothing', async () => {
    await bootGateway();
    const before = tree(world.home);
    await runInstall({ ...safe, dryRun: true }, world.deps);
    expect(said()).toContain('note     safe start: the gateway will restart once');
    expect(said()).toContain(`'${wrapperIn(directory()).replace("'", "'\\''")}' --force --port ${port}`);
    expect(said()).toContain('OPENCLAW_WRAPPER= ');
    expect(tree(world.home)).toEqual(before);
  });

  it('has OpenClaw start the gateway through the wrapper, with the Node and the options it had', async () => {
    await bootGateway();
    const first = started();
    await runInstall(safe, world.deps);
    expect(words()).toEqual([wrapperIn(directory()), 'gateway', '--port', String(port)]);
    expect(hook()).toMatchObject({ kind: 'installed' });
    expect(readRecord(directory())).toEqual({
      version: 1,
      node: process.execPath,
      flags: ['--max-old-space-size=512'],
      entry: join(root, 'dist', 'index.js'),
    });
    await serving();
    expect(started()).toMatchObject({ argv: first.argv, flags: first.flags });
    expect(started().pid).not.toBe(first.pid);
    const [call] = calls();
    expect(Object.keys(call?.env ?? {}).sort()).toEqual(['HOME', 'LANG', 'PATH']);
    // Whoever looks at the gateway sees what is behind the wrapper.
    expect(commandOf(words())).toEqual([...first.argv.toSpliced(1, 0, ...first.flags)]);
    expect(nodeOfJob(words(), {})).toBe(process.execPath);
    const found = findInstallation({
      home: world.home,
      env: {},
      launchAgentsDir: world.paths.launchAgents,
      parsePlist,
    });
    expect(found.problems).toEqual([]);
    expect(found.installation).toMatchObject({
      packageRoot: root,
      nodePath: process.execPath,
      version: '2026.9.6',
    });
  });

  it('is kept by a later plain install, which records what has moved since', async () => {
    await bootGateway();
    await runInstall(safe, world.deps);
    const before = tree(directory());
    await runInstall(plain, world.deps);
    expect(tree(directory())).toEqual(before);
    expect(said()).toContain('safe start is in place and is kept');
    expect(calls()).toHaveLength(1);

    const record = readRecord(directory());
    writeFileSync(
      join(directory(), 'safe-start.json'),
      JSON.stringify({ ...record, node: '/gone/bin/node' }),
    );
    const bin = join(world.home, '.openclaw', 'service-env');
    put(join(world.home, '.openclaw', '.env'), `PATH=${bin}\n`);
    put(join(bin, 'node'), '#!/bin/sh\n');
    chmodSync(join(bin, 'node'), 0o755);
    await runInstall(plain, world.deps);
    expect(readRecord(directory())).toEqual({ ...record, node: join(bin, 'node') });
    expect(readFileSync(wrapperIn(directory()), 'utf8')).toContain('service-env/node');
  });

  it('is made executable again by a later plain install', async () => {
    await bootGateway();
    await runInstall(safe, world.deps);
    chmodSync(wrapperIn(directory()), 0o600);
    await runInstall(plain, world.deps);
    expect(statSync(wrapperIn(directory())).mode & 0o777).toBe(0o700);
  });

  it('is refused while another gateway is started through our wrapper, which would start this one then', async () => {
    await bootGateway();
    const programArguments = [wrapperIn(directory()), 'gateway', '--port', '1'];
    const other = plistOf(world, 'ai.openclaw.other');
    put(other, buildPlist({ label: 'ai.openclaw.other', programArguments, keepAlive: true }));
    const error = await refusal(
      runInstall(safe, { ...world.deps, env: { ...world.deps.env, OPENCLAW_LAUNCHD_LABEL: label } }),
    );
    expect(error).toMatchObject({ exitCode: 4, message: expect.stringContaining(other) });
    expect(existsSync(directory())).toBe(false);
  });

  it('is taken back when the gateway does not serve through it', async () => {
    await bootGateway();
    await runInstall(plain, world.deps);
    const before = tree(world.home, [/\/state\//, /\/Logs\//, /calls|started|wrapper|dies|LaunchAgents/]);
    writeFileSync(join(world.home, 'dies'), '');
    const error = await refusal(runInstall(safe, hurried()));
    expect(error.message).toContain('did not serve through it within 180 s');
    expect(error.message).toContain('Everything is back as it was before.');
    expect(calls().map(({ env }) => env['OPENCLAW_WRAPPER'])).toEqual([undefined, '']);
    expect(existsSync(directory())).toBe(false);
    expect(hook()).toEqual({ kind: 'none' });
    await serving();
    expect(tree(world.home, [/\/state\//, /\/Logs\//, /calls|started|wrapper|dies|LaunchAgents/])).toEqual(
      before,
    );
  });

  it('leaves everything as it was when OpenClaw refuses, and says what OpenClaw said', async () => {
    await bootGateway();
    writeFileSync(join(world.home, 'refuses'), '');
    const error = await refusal(runInstall(safe, world.deps));
    expect(error.message).toContain('nothing works today');
    expect(existsSync(directory())).toBe(false);
    expect(existsSync(world.paths.data)).toBe(false);
    await serving();
  });

  it('does not leave the gateway down when OpenClaw is ended half-way', async () => {
    await bootGateway();
    writeFileSync(join(world.home, 'half'), '');
    const error = await refusal(runInstall(safe, world.deps));
    expect(error.message).toContain('it was ended half-way');
    expect(hook()).toEqual({ kind: 'none' });
    expect(existsSync(directory())).toBe(false);
    await serving();
  });

  it("leaves somebody else's wrapper alone, and says whose it is", async () => {
    const theirs = join(world.home, 'their wrapper');
    put(
      theirs,
      `#!/bin/sh\nexec '${process.execPath}' "$HOME/npm prefix/lib/node_modules/openclaw/dist/index.js" "$@"\n`,
    );
    chmodSync(theirs, 0o755);
    await bootGateway([theirs]);
    const error = await refusal(runInstall(safe, world.deps));
    expect(error).toMatchObject({ exitCode: 4, message: expect.stringContaining(theirs) });
    expect(existsSync(world.paths.data)).toBe(false);
    // Without the option nothing is asked of it.
    expect(await runInstall(plain, world.deps)).toBe(0);
    expect(words()[0]).toBe(theirs);
  });

  it('is refused for a gateway that does not serve, and for one without a job', async () => {
    expect((await refusal(runInstall(safe, world.deps))).exitCode).toBe(4);
    await bootGateway();
    writeFileSync(join(world.home, '.openclaw', 'openclaw.json'), `{ gateway: { port: 1 } }`);
    const words = [process.execPath, join(root, 'dist', 'index.js'), 'gateway'];
    put(plistOf(world, label), buildPlist({ label, programArguments: words, keepAlive: true }));
    const error = await refusal(runInstall(safe, world.deps));
    expect(error).toMatchObject({ exitCode: 4, message: expect.stringContaining('does not serve') });
    expect(calls()).toEqual([]);
  });

  it('that OpenClaw dropped is told, with the command to put it back', async () => {
    await bootGateway();
    await runInstall(safe, world.deps);
    const programArguments = [process.execPath, join(root, 'dist', 'index.js'), 'gateway'];
    put(plistOf(world, label), buildPlist({ label, programArguments, keepAlive: true }));
    expect(hook()).toEqual({ kind: 'dropped', wrapper: wrapperIn(directory()) });
    expect(hookTrouble(hook())).toContain('immune install --safe-start');
    await runInstall({ ...plain, dryRun: true }, world.deps);
    expect(said()).toContain('OpenClaw starts the gateway without safe start now');
  });
});

describe('uninstall', () => {
  it('takes the wrapper out through OpenClaw', async () => {
    await bootGateway();
    await runInstall(safe, world.deps);
    expect(await runUninstall({ purge: true, dryRun: false }, world.deps)).toBe(0);
    expect(hook()).toEqual({ kind: 'none' });
    expect(existsSync(directory())).toBe(false);
    expect(existsSync(world.paths.data)).toBe(false);
    expect(said()).toContain('the gateway was restarted once, without our wrapper');
    await serving();
  });

  it('that cannot take it out leaves a wrapper that only starts the gateway, and says what to type', async () => {
    await bootGateway();
    await runInstall(safe, world.deps);
    const before = started().pid;
    writeFileSync(join(world.home, 'refuses'), '');
    const error = await refusal(runUninstall({ purge: true, dryRun: false }, world.deps));
    expect(error).toMatchObject({ exitCode: 3 });
    expect(error.message).toContain('nothing works today');
    expect(error.message).toContain('now only starts the gateway, nothing else');
    expect(error.message).toContain('OPENCLAW_WRAPPER= openclaw gateway install --force && rm -r ');
    expect(existsSync(world.paths.data)).toBe(false);
    expect(readFileSync(wrapperIn(directory()), 'utf8')).not.toContain('immune safe-start');
    process.kill(before, 'SIGKILL');
    await world.deps.run({
      file: world.fake.launchctl,
      args: ['kickstart', `gui/${world.deps.uid}/${label}`],
      timeoutMs: 20_000,
    });
    await serving();
    expect(started().pid).not.toBe(before);
    expect(await stateOf(world, label)).toBe('running');

    rmSync(join(world.home, 'refuses'));
    expect(await runUninstall({ purge: false, dryRun: false }, world.deps)).toBe(0);
    expect(existsSync(directory())).toBe(false);
    await serving();
  });

  it('starts the gateway again when OpenClaw takes the wrapper out and is ended half-way', async () => {
    await bootGateway();
    await runInstall(safe, world.deps);
    writeFileSync(join(world.home, 'half'), '');
    expect(await runUninstall({ purge: true, dryRun: false }, world.deps)).toBe(0);
    expect(hook()).toEqual({ kind: 'none' });
    expect(existsSync(directory())).toBe(false);
    await serving();
  });

  it('keeps the wrapper while another gateway is started through it', async () => {
    await bootGateway();
    await runInstall(safe, world.deps);
    const other = buildPlist({
      label: 'ai.openclaw.other',
      programArguments: [wrapperIn(directory()), 'gateway', '--port', '1'],
      keepAlive: true,
    });
    put(plistOf(world, 'ai.openclaw.other'), other);
    const error = await refusal(runUninstall({ purge: true, dryRun: false }, world.deps));
    expect(error.message).toContain('ai.openclaw.other.plist');
    expect(readFileSync(wrapperIn(directory()), 'utf8')).toContain('does nothing else');
    // Again, now that ours is out.
    await runUninstall({ purge: true, dryRun: false }, world.deps).catch(() => undefined);
    expect(existsSync(wrapperIn(directory()))).toBe(true);
    rmSync(plistOf(world, 'ai.openclaw.other'));
    expect(await runUninstall({ purge: true, dryRun: false }, world.deps)).toBe(0);
    expect(existsSync(directory())).toBe(false);
  });

  it('with a Node that has moved since takes the wrapper out with the one that is there', async () => {
    await bootGateway();
    await runInstall(safe, world.deps);
    const record = { ...readRecord(directory()), node: '/gone/bin/node' };
    writeFileSync(join(directory(), 'safe-start.json'), JSON.stringify(record));
    const bin = join(world.home, 'new node');
    mkdirSync(bin);
    symlinkSync(process.execPath, join(bin, 'node'));
    put(join(world.home, '.openclaw', '.env'), `PATH="${bin}"\n`);
    expect(await runUninstall({ purge: true, dryRun: false }, world.deps)).toBe(0);
    expect(hook()).toEqual({ kind: 'none' });
    await serving();
  });
});
