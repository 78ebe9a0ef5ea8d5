import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { verbs } from '../../src/cli/verbs.ts';
import { systemClock } from '../../src/system/clock.ts';
import { acquireLease, readLease } from '../../src/system/lease.ts';
import { createProcesses } from '../../src/system/process.ts';
import { run } from '../../src/system/run.ts';
import { until } from '../system/workspace.ts';
import {
  type Boat,
  label,
  makeBoat,
  onlyTools,
  program,
  runIn,
  shells,
  usualTools,
  verified,
} from './lifeboat-place.ts';

let boat: Boat;
beforeEach(async () => {
  boat = await makeBoat();
});
afterEach(() => boat.stop());

const good = '{ gateway: { mode: "local", port: 18789, auth: { token: "GOOD-SECRET" } } }\n';

/** Where the machine has none: what goes in is sent, and what comes back is printed. */
function standInForNc(tools: string): void {
  const client = join(boat.root, 'nc.mjs');
  writeFileSync(
    client,
    `import { connect } from 'node:net';
const [, , , , host, port] = process.argv;
const socket = connect(Number(port), host);
socket.on('error', () => process.exit(1));
process.stdin.pipe(socket, { end: false });
socket.pipe(process.stdout);`,
  );
  program(join(tools, 'nc'), `exec '${process.execPath}' '${client}' "$@"`);
}

const ps = ['/bin/ps', '/usr/bin/ps'].find(existsSync) ?? '/nowhere/ps';
const processes = createProcesses({ ps, run, clock: systemClock() });

describe.each(shells)('the lifeboat, run by %s,', (_, shell) => {
  it('tells of a gateway that serves and of one that does not, and what is wrong with our own runtime', async () => {
    boat.start();
    await verified(boat, good);
    writeFileSync(boat.config, good);
    await until('it serves', async () => (await boat.run(shell, 'status')).out.includes('gateway   serves'));
    const serving = await boat.run(shell, 'status');
    expect(serving.code).toBe(3);
    expect(serving.out).toContain(`job       running, process ${boat.pid()}`);
    expect(serving.out).toContain('package   nothing is plainly missing, OpenClaw 2026.9.6');
    expect(serving.out).toMatch(/snapshot {2}000001-[0-9a-f]{12}, taken 2026-/);
    expect(serving.out).toContain('config    is what that snapshot holds');
    expect(serving.out).toContain('runtime   our Node is missing');
    expect(serving.out).toContain(`check out' && ./install.sh`);
    rmSync(join(boat.pack, 'node_modules', 'ws'), { recursive: true });
    writeFileSync(boat.config, '');
    boat.launchctl('disable', boat.target);
    boat.launchctl('bootout', boat.target);
    await until('it is gone', () => boat.launchctl('print', boat.target).includes('Could not find'));
    const down = await boat.run(shell, 'status', '--json');
    expect(down.code).toBe(3);
    expect(down.err).toContain('gateway   does not serve: nobody listens');
    expect(down.err).toContain('not loaded, and disabled');
    expect(down.err).toContain('damaged: its dependency ws is missing');
    expect(down.err).toContain('config    missing or empty');
    expect(JSON.parse(down.out)).toEqual({
      version: 1,
      lifeboat: true,
      verb: 'status',
      exit: 3,
      outcome: 'the gateway does not serve',
      next: 'immune nuclear',
    });
    expect(boat.kept()).toEqual([]);
  });

  it('restarts a gateway that hangs, and asks nobody for that', async () => {
    boat.start();
    await until('it runs', () => boat.pid() > 0);
    const before = boat.pid();
    boat.sick(true);
    const dry = await boat.run(shell, 'restart', '--dry-run');
    expect(dry).toMatchObject({ code: 0 });
    expect(dry.out).toContain(`Would do: launchctl kickstart -k ${boat.target}`);
    expect(boat.pid()).toBe(before);
    // What makes it hang goes with its process.
    const restarted = boat.run(shell, 'restart');
    await until('the old one is gone', () => boat.pid() !== before);
    boat.sick(false);
    const { code, out } = await restarted;
    expect(out).toContain('the gateway serves again');
    expect(code).toBe(0);
    expect(boat.changes().filter((call) => call.includes('kickstart -k'))).toEqual([
      `kickstart -k ${boat.target}`,
    ]);
  });

  it('loads a job that was disabled and unloaded, and says so when nobody is logged in', async () => {
    boat.launchctl('disable', boat.target);
    const { code, out } = await boat.run(shell, 'restart');
    expect(out).toContain('the gateway serves again');
    expect(code).toBe(0);
    boat.fake.setFaults({ noDomain: 125 });
    const refused = await boat.run(shell, 'restart', '--yes');
    expect(refused.code).toBe(4);
    expect(refused.out).toContain('no desktop session');
  });

  it('asks before it restarts a gateway that serves, and without a terminal refuses', async () => {
    boat.start();
    await until('it serves', async () =>
      (await boat.run(shell, 'fix-port')).out.includes("the gateway's own"),
    );
    const before = boat.pid();
    const refused = await boat.run(shell, 'restart');
    expect(refused.code).toBe(4);
    expect(refused.out).toContain('next: immune restart --yes');
    expect(boat.pid()).toBe(before);
  });

  it('names who holds the port, and ends nobody', async () => {
    const stranger: Server = createServer((_request, response) => response.end('hello'));
    await new Promise<void>((resolve) => stranger.listen(boat.port, '127.0.0.1', resolve));
    try {
      const told = await boat.run(shell, 'fix-port');
      expect(told.code).toBe(3);
      expect(told.out).toContain(`process ${process.pid}, not the gateway's job`);
      expect(stranger.listening).toBe(true);
    } finally {
      await new Promise((resolve) => stranger.close(resolve));
    }
    expect((await boat.run(shell, 'fix-port')).out).toContain('nobody listens');
  });

  it('gives way to a living holder of the lease, not to a dead or a mistaken one, and holds it in turn', async () => {
    const lease = join(boat.state, 'lease');
    const stranger = spawn('/bin/sleep', ['60']);
    // The words of its command are what tells a program of ours from somebody who got its number.
    const ours = spawn('/bin/sh', ['-c', 'sleep 60; :', 'immune.mjs']);
    const held = (pid: number): void => {
      rmSync(lease, { recursive: true, force: true });
      mkdirSync(lease);
      const record = { pid, startedAt: 1, startKey: null, role: 'daemon', since: 1, released: false };
      writeFileSync(join(lease, 'lease.41'), `${JSON.stringify(record)}\n`);
    };
    try {
      held(ours.pid ?? 0);
      const busy = await boat.run(shell, 'restart');
      expect(busy.code).toBe(5);
      expect(busy.out).toContain(`process ${ours.pid} (daemon) is at work`);
      expect(busy.out).toContain(`kickstart -k ${boat.domain}/org.openclaw-immune.watchdog`);
      held(stranger.pid ?? 0);
      const running = boat.run(shell, 'restart');
      await until('it holds the lease', async () => (await readLease(lease, processes)).kind === 'held');
      const other = await acquireLease(lease, { role: 'test' }, { ...processes, now: systemClock().now });
      expect(other).toMatchObject({ kind: 'busy', holder: { role: 'lifeboat' } });
      expect((await running).code).toBe(0);
      expect(await readLease(lease, processes)).toEqual({ kind: 'free' });
    } finally {
      stranger.kill();
      ours.kill('SIGKILL');
    }
  });

  it('refuses the words it does not know, and says how to get the rest back', async () => {
    const { code, out } = await boat.run(shell, 'snapshots', 'list');
    expect(code).toBe(4);
    expect(out).toContain('"snapshots" needs our program');
    expect((await boat.run(shell, 'restart', '--frobnicate')).code).toBe(2);
    const wrong = await boat.run(shell, 'statsu');
    expect(wrong.code).toBe(2);
    expect(wrong.out).toContain('"statsu" is not a command of immune');
    expect(wrong.out).toContain('immune nuclear       package');
    expect(wrong.out).toContain('next: immune help');
    const asObject = await boat.run(shell, 'statsu', '--json');
    expect(JSON.parse(asObject.out)).toMatchObject({ verb: 'statsu', exit: 2 });
    expect((await boat.run(shell, '--version')).code).toBe(4);
    expect((await boat.run(shell, '--help')).out).toContain('immune fix-config');
  });

  it.each([
    ['neither curl nor nc', [], 'there is neither curl nor nc to ask with'],
    ['nc alone', ['nc'], 'gateway   serves'],
    ['curl', ['curl'], 'gateway   serves'],
  ])('looks with %s', async (_what, more, words) => {
    boat.start();
    const tools = onlyTools(join(boat.root, 'tools'), [...usualTools, ...more]);
    if (more.includes('nc') && !existsSync(join(tools, 'nc'))) standInForNc(tools);
    boat.facts({ path: tools });
    await until('it tells so', async () => (await boat.run(shell, 'status')).out.includes(words));
  });

  it('works from the copy in config-backup, without its facts, and without a home', async () => {
    const copy = join(boat.data, 'config-backup', 'immune', 'bin', 'lifeboat.sh');
    mkdirSync(dirname(copy), { recursive: true });
    writeFileSync(copy, readFileSync(boat.script));
    rmSync(join(boat.data, 'bin', 'lifeboat.conf'));
    const { out } = await runIn([...shell, copy, 'status'], {});
    expect(out).toContain('gateway   does not serve');
    expect(out).toContain(label);
  });
});

it('the lifeboat tells every command of the program from a slip of the keyboard', () => {
  const script = readFileSync(new URL('../../launchd/lifeboat.sh', import.meta.url), 'utf8');
  const known = script
    .slice(script.lastIndexOf('  case $verb in'))
    .matchAll(/^ {4,6}([a-z][A-Za-z |\\\n-]*)\)/gm);
  const words = new Set([...known].flatMap(([, names = '']) => names.split(/[\s|\\]+/)));
  expect(verbs.map(({ name }) => name).filter((name) => !words.has(name))).toEqual([]);
});
