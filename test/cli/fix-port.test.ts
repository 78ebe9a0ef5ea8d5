import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { firstFreePort } from '../../src/cli/port/remedies.ts';
import { UserError } from '../../src/core/errors.ts';
import { buildPlist } from '../../src/system/launchd/plist.ts';
import { isRunning, listening } from '../repairs/port-world.ts';
import { person } from './change-world.ts';
import { type PortWorld, portWorld, saying } from './fix-port-world.ts';

const plistOf = (programArguments: readonly string[]): string =>
  buildPlist({ label: 'ai.openclaw.gateway', programArguments });

let world: PortWorld;
beforeEach(async () => {
  world = await portWorld();
});
afterEach(() => world.remove());

/** What a refused command says. */
async function refusal(work: Promise<number>): Promise<UserError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

describe('immune fix-port', () => {
  it('has nothing to do where the port is free', async () => {
    const { port, child } = await listening();
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('exit', resolve));
    world.at(port);
    expect(await world.fix()).toBe(0);
    expect(world.written()).toBe(`port ${port} is free: nobody keeps the gateway out\n`);
  });

  it("has nothing to do where the port is the gateway's own", async () => {
    const { port, pid } = await listening();
    world.at(port);
    await world.job(pid);
    expect(await world.fix({ yes: true })).toBe(0);
    expect(world.written()).toContain(`port ${port} is the gateway's own: nothing to do\n`);
    expect(world.written()).toMatch(
      new RegExp(`process ${pid}\\), yours, since .* at 127\\.0\\.0\\.1:${port}: the gateway's own`),
    );
  });

  it.each(['127.0.0.1', '0.0.0.0'])('names a foreign listener at %s and leaves it alone', async (host) => {
    const stranger = await listening({ host });
    world.at(stranger.port);
    world.lock(stranger.pid);
    await world.daemon(stranger.port);
    expect(await world.fix({ yes: true })).toBe(3);
    expect(isRunning(stranger)).toBe(true);
    const said = world.written();
    expect(said).toContain(`(process ${stranger.pid})`);
    expect(said).toContain('is not the gateway and was left alone');
    expect(said).toContain(`immune fix-port --kill ${stranger.pid}`);
    expect(said).toMatch(/next: immune fix-port --move-port \d+/);
    expect(said).not.toContain('--bind-loopback');
  });

  it('is content with a stranger at another address, and says so', async () => {
    const own = await listening();
    const beside = await listening({ host: '::1', port: own.port });
    world.at(own.port);
    await world.job(own.pid);
    expect(await world.fix({ yes: true })).toBe(0);
    expect(world.written()).toMatch(/is the gateway's own; .* at \[::1\]:\d+ has the same port/);
    expect([own, beside].map(isRunning)).toEqual([true, true]);
  });

  it('finds the port free where only ::1 is taken, for the gateway serves without it', async () => {
    const beside = await listening({ host: '::1' });
    world.at(beside.port);
    expect(await world.fix()).toBe(0);
    expect(world.written()).toContain('is free');
  });

  it('says what a gateway that listens everywhere meets at one address, and that loopback helps', async () => {
    const beside = await listening({ host: '127.0.0.2' });
    world.at(beside.port, { gateway: { bind: 'lan' } });
    expect(await world.fix()).toBe(3);
    expect(world.written()).toContain('immune fix-port --bind-loopback');
  });

  it('ends an orphan of ours through the watchdog, journaled, and none of the strangers beside it', async () => {
    const orphan = await listening({ gateway: true });
    const beside = await listening({ host: '::1', port: orphan.port });
    world.at(orphan.port);
    world.lock(orphan.pid);
    const notes = await world.daemon(orphan.port);
    expect(await world.fix({ dryRun: true })).toBe(0);
    expect((await refusal(world.fix())).message).toContain('nobody here to ask');
    expect(isRunning(orphan)).toBe(true);
    expect(await world.fix({ yes: true })).toBe(0);
    expect(orphan.child.signalCode).toBe('SIGTERM');
    expect(isRunning(beside)).toBe(true);
    expect(world.written()).toMatch(/ended after SIGTERM; the gateway serves again after \d+ s/);
    expect(notes).toEqual([
      `Process ${orphan.pid}, which holds the gateway's port ${orphan.port}, is being ended, as asked by immune fix-port`,
      `Process ${orphan.pid}, which holds the gateway's port ${orphan.port}, asked by immune fix-port: process ${orphan.pid} ended after SIGTERM`,
    ]);
    expect(await world.fix({ yes: true })).toBe(0);
    expect(notes).toHaveLength(2);
  });

  it('leaves a gateway alone whose pid stands in a lock that is older than it', async () => {
    const pretender = await listening({ gateway: true });
    world.at(pretender.port);
    world.lock(pretender.pid, new Date(Date.now() - 3_600_000));
    await world.daemon(pretender.port);
    expect(await world.fix({ yes: true })).toBe(3);
    expect(isRunning(pretender)).toBe(true);
    expect(world.written()).toContain('younger than the lock');
  });

  it('says that nobody can tell where lsof is missing and netstat names no process', async () => {
    const stranger = await listening();
    const netstat = saying(
      world,
      'netstat',
      [
        'Active Internet connections (only servers)',
        'Proto Recv-Q Send-Q Local Address           Foreign Address         State       User       Inode      PID/Program name',
        `tcp        0      0 127.0.0.1:${stranger.port}          0.0.0.0:*               LISTEN      ${process.getuid?.() ?? 0}          1234       -`,
      ].join('\n'),
    );
    world.at(stranger.port, { tools: { lsof: null, netstat } });
    await world.daemon(stranger.port);
    expect(await world.fix({ yes: true })).toBe(3);
    expect(world.written()).toContain('nobody can tell who holds port');
    expect(world.written()).toContain(`next: sudo lsof -nP -iTCP:${stranger.port}`);
    world.at(stranger.port, { tools: { lsof: null, netstat: null } });
    expect(await world.fix({ yes: true })).toBe(3);
    expect(world.written()).toContain('there is no lsof, and there is no netstat');
    const asked = await refusal(world.fix({ yes: true, kill: stranger.pid }));
    expect(asked.exitCode).toBe(4);
    expect(isRunning(stranger)).toBe(true);
  });

  it('prints one object with the same keys, whatever it found', async () => {
    const stranger = await listening();
    world.at(stranger.port);
    expect(await world.fix({ json: true, yes: true })).toBe(3);
    const told = JSON.parse(world.written());
    expect(Object.keys(told)).toEqual([
      'version',
      'outcome',
      'because',
      'next',
      'exitCode',
      'port',
      'verdict',
      'holders',
      'remedies',
    ]);
    expect(told).toMatchObject({ version: 1, outcome: 'foreign', verdict: 'foreign', port: stranger.port });
    expect(told.holders[0]).toMatchObject({ pid: stranger.pid, who: 'foreign', hasTerminal: false });
  });
});

describe('immune fix-port --kill', () => {
  it('ends exactly the process that was named', async () => {
    const stranger = await listening({ deaf: false });
    world.at(stranger.port);
    await world.daemon(stranger.port);
    expect(await world.fix({ kill: stranger.pid, dryRun: true })).toBe(0);
    const terminal = person([false]);
    expect((await refusal(world.fix({ kill: stranger.pid }, terminal))).exitCode).toBe(4);
    expect(isRunning(stranger)).toBe(true);
    expect(await world.fix({ kill: stranger.pid, yes: true })).toBe(0);
    expect(stranger.child.signalCode).toBe('SIGTERM');
  });

  it('refuses what does not listen on that port, and everything that must live on', async () => {
    const stranger = await listening();
    const elsewhere = await listening();
    const job = await listening();
    world.at(stranger.port);
    await world.job(job.pid);
    await world.daemon(stranger.port);
    for (const [kill, words, hint] of [
      [elsewhere.pid, 'does not listen on port', 'immune fix-port'],
      [job.pid, "the gateway's own", 'immune restart'],
      [process.pid, 'openclaw-immune itself', 'immune status'],
      [process.ppid, 'runs openclaw-immune', 'immune status'],
      [1, 'is never ended', 'immune fix-port'],
      [0, 'is never ended', 'immune fix-port'],
    ] as const) {
      const refused = await refusal(world.fix({ kill, yes: true, force: true }));
      expect(refused).toMatchObject({ exitCode: 4, hint });
      expect(refused.message).toContain(words);
    }
    expect([stranger, elsewhere, job].map(isRunning)).toEqual([true, true, true]);
  });

  it("refuses another user's process, with the command that could", async () => {
    const stranger = await listening();
    world.at(stranger.port);
    await world.daemon(stranger.port);
    const uid = (process.getuid?.() ?? 0) + 1;
    const { runFixPort } = await import('../../src/cli/port/fix-port.ts');
    const ask = { kill: stranger.pid, movePort: null, bindLoopback: false, force: false };
    const manner = { dryRun: false, yes: true, json: false };
    const asked = runFixPort({ ...ask, ...manner }, { ...world.context, uid }, person([]));
    expect(await refusal(asked)).toMatchObject({ exitCode: 4, hint: `sudo kill ${stranger.pid}` });
    expect(isRunning(stranger)).toBe(true);
  });
});

describe('a port of its own for the gateway', () => {
  it('is moved by the way of apply, with every other byte as it was', async () => {
    const own = await listening();
    world.at(own.port);
    world.put(`{ // mine\n  "gateway": { "mode": "local", "port": ${own.port} }\n}\n`);
    const watchdog = await world.watchdog();
    await world.job(own.pid);
    const free = await firstFreePort(own.port);
    expect(await world.fix({ movePort: free, yes: true })).toBe(0);
    await watchdog.settled();
    expect(world.live()).toBe(`{ // mine\n  "gateway": { "mode": "local", "port": ${free} }\n}\n`);
    expect(isRunning(own)).toBe(true);
  });

  it('is offered on a terminal, and nothing is changed where the second question is declined', async () => {
    const beside = await listening({ host: '127.0.0.2' });
    world.at(beside.port, { gateway: { bind: 'lan' } });
    const before = world.live();
    const terminal = person([true, false]);
    expect(await refusal(world.fix({}, terminal))).toMatchObject({ code: 'declined' });
    expect(terminal.asked[0]).toContain('gateway.bind: "loopback"');
    expect(terminal.asked[1]).toContain('Put it in place of');
    expect(world.written()).toContain('gateway.bind was changed');
    expect(world.live()).toBe(before);
  });

  it('needs OpenClaw to write its job anew where that names the port, and says so', async () => {
    const stranger = await listening();
    world.at(stranger.port);
    const words = [process.execPath, '/x/dist/index.js', 'gateway', '--port', String(stranger.port)];
    world.file('gateway.plist', plistOf(words));
    expect(await world.fix()).toBe(3);
    expect(world.written()).toContain('openclaw gateway install --force');
    const free = await firstFreePort(stranger.port);
    expect(await world.fix({ movePort: free, dryRun: true })).toBe(0);
    expect(world.written()).toContain(`the gateway's job names port ${stranger.port} itself`);
    world.file('gateway.plist', plistOf([...words, '--bind', 'lan']));
    const refused = await refusal(world.fix({ bindLoopback: true, yes: true }));
    expect(refused).toMatchObject({ exitCode: 4, hint: 'openclaw gateway install --force' });
  });

  it('is not one that somebody else has', async () => {
    const stranger = await listening();
    const other = await listening();
    world.at(stranger.port);
    const refused = await refusal(world.fix({ movePort: other.port, yes: true }));
    expect(refused).toMatchObject({ exitCode: 4 });
    expect(refused.hint).toMatch(/immune fix-port --move-port \d+/);
  });
});
