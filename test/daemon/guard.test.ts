import { appendFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { describe, it } from 'vitest';
import type { Policy } from '../../src/core/policy.ts';
import { millis, seconds } from '../../src/core/time.ts';
import { sendRequest } from '../../src/daemon/commands.ts';
import type { StatusFile } from '../../src/daemon/status-file.ts';
import { openStage, type Stage, type StageOptions } from '../demo/stage.ts';

/** The whole watchdog in this process, against the practice gateway under our own supervisor. Durations are shortened. */
const practice = fileURLToPath(new URL('../practice-gateway/practice-gateway.mjs', import.meta.url));
const policy: Partial<Policy> = {
  tickMs: millis(500),
  urgentTickMs: millis(100),
  healthzTimeoutMs: millis(800),
  hangActMs: seconds(2),
  backoffMs: millis(500),
  hangActAloneMs: seconds(20),
  witnessMs: millis(500),
  pendedGraceMs: millis(800),
  reloadAfterMs: seconds(2),
  portGraceMs: millis(800),
  stableMs: seconds(1),
};

type Finish = (work: () => Promise<void>) => void;

async function stage(onTestFinished: Finish, more: Partial<StageOptions> = {}): Promise<Stage> {
  const opened = await openStage({
    command: (port) => [process.execPath, practice, 'gateway', '--port', String(port)],
    policy,
    launchd: { throttleMs: millis(600), exitTimeOutMs: millis(800) },
    ...more,
  });
  onTestFinished(opened.close);
  await until(
    opened,
    (status) => status.state.phase.kind === 'healthy' && status.evidence?.socket.kind === 'open',
  );
  return opened;
}

/** Generous: the machine may be busy. */
const patienceMs = 25_000;

async function until(on: Stage, accept: (status: StatusFile) => boolean): Promise<StatusFile> {
  const deadline = Date.now() + patienceMs;
  let last: StatusFile | null = null;
  while (Date.now() < deadline) {
    last = await on.status();
    if (last !== null && accept(last)) return last;
    await on.clock.sleep(millis(20));
  }
  throw new Error(`not seen in time; last: ${last?.state.phase.kind} ${last?.state.because}\n${tail(on)}`);
}

function tail(on: Stage): string {
  return readFileSync(join(on.paths.logs, 'watchdog.log'), 'utf8').split('\n').slice(-25).join('\n');
}

const intents = (on: Stage) => on.journal().filter((line) => line.kind === 'intent');
const notices = (on: Stage) => on.journal().flatMap((line) => line.notices);
const healed = (status: StatusFile): boolean =>
  status.state.phase.kind === 'healthy' &&
  status.state.incident === null &&
  status.state.lastIncident !== null;

function kill(on: Stage, signal: NodeJS.Signals): number {
  const pid = on.pid();
  if (pid === null) throw new Error('no process');
  process.kill(pid, signal);
  return pid;
}

const audit = (on: Stage, line: string): void =>
  appendFileSync(join(on.stateDir, 'logs', 'gateway-restart.log'), `[${new Date().toISOString()}] ${line}\n`);

const standing = (on: Stage, settings: unknown): void => {
  const path = join(on.stateDir, 'practice.json');
  writeFileSync(`${path}.new`, JSON.stringify(settings));
  renameSync(`${path}.new`, path);
};

describe.concurrent('a guarded gateway', { timeout: 90_000 }, () => {
  it('that is killed is an incident at once, is relaunched by launchd alone, and is resolved', async ({
    expect,
    onTestFinished,
  }) => {
    const on = await stage(onTestFinished);
    const pid = kill(on, 'SIGKILL');
    await until(on, healed);
    expect(on.pid()).not.toBe(pid);
    expect(intents(on)).toEqual([]);
    expect(notices(on).map((notice) => notice.kind)).toEqual(['opened', 'resolved']);
    expect(on.supervisor.print(on.label)?.runs).toBe(2);
  });

  it('that freezes is restarted once', async ({ expect, onTestFinished }) => {
    const on = await stage(onTestFinished);
    const pid = kill(on, 'SIGSTOP');
    await until(on, healed);
    expect(on.pid()).not.toBe(pid);
    expect(intents(on).map((line) => line.state.phase)).toMatchObject([
      { kind: 'repairing', action: { step: { kind: 'restart', expected: { pid } } } },
    ]);
    expect(notices(on).map((notice) => notice.kind)).toEqual(['opened', 'action', 'resolved']);
  });

  it('that stalls for less than it takes to be sure is not touched', async ({ expect, onTestFinished }) => {
    const on = await stage(onTestFinished, { policy: { ...policy, hangActMs: seconds(6) } });
    const pid = kill(on, 'SIGSTOP');
    await until(on, (status) => status.state.cause === 'hung');
    process.kill(pid, 'SIGCONT');
    await until(on, (status) => status.state.phase.kind === 'healthy');
    expect(intents(on)).toEqual([]);
    expect(on.pid()).toBe(pid);
  });

  it('that is unloaded by accident is loaded again once, and left down the second time', async ({
    expect,
    onTestFinished,
  }) => {
    const on = await stage(onTestFinished);
    await on.supervisor.bootout(on.label)?.gone;
    await until(on, healed);
    expect(intents(on).map((line) => line.state.phase)).toMatchObject([
      { action: { step: { kind: 'reload' } } },
    ]);
    await on.supervisor.bootout(on.label)?.gone;
    const status = await until(on, (now) => now.state.phase.kind === 'exhausted');
    expect(status.state.cause).toBe('unloaded-again');
    expect(intents(on)).toHaveLength(1);
    expect(on.pid()).toBeNull();
    expect(readFileSync(on.paths.alertFile, 'utf8')).toContain('needs you');
  });

  it('that the operator stops stays down, and comes back when the operator starts it', async ({
    expect,
    onTestFinished,
  }) => {
    const on = await stage(onTestFinished);
    audit(on, 'openclaw gateway lifecycle source=cli action=stop mode=bootout interactive=0');
    await on.supervisor.bootout(on.label)?.gone;
    const status = await until(on, (now) => now.state.cause === 'stopped-by-operator');
    expect(status.state.because).toContain('stopped by you');
    expect(status.state.wanted).toBe('down');
    await on.clock.sleep(seconds(3));
    expect(intents(on)).toEqual([]);
    await on.supervisor.bootstrap(on.plist);
    await until(on, (now) => now.state.phase.kind === 'healthy' && now.state.wanted === 'up');
    expect(notices(on).filter((notice) => notice.kind === 'exhausted')).toEqual([]);
  });

  it('whose token is changed is spoken to with the new one: never restarted', async ({
    expect,
    onTestFinished,
  }) => {
    const on = await stage(onTestFinished);
    const pid = on.pid();
    const path = join(on.stateDir, 'openclaw.json');
    const before = (await on.status())?.evidence?.socket;
    const config = JSON.parse(readFileSync(path, 'utf8'));
    config.gateway.auth.token = 'another-token-of-this-run';
    writeFileSync(`${path}.new`, JSON.stringify(config));
    renameSync(`${path}.new`, path);
    await until(on, (now) => {
      const socket = now.evidence?.socket;
      return socket?.kind === 'open' && before?.kind === 'open' && socket.since > before.since;
    });
    expect(intents(on)).toEqual([]);
    expect(on.pid()).toBe(pid);
    expect(readFileSync(join(on.paths.logs, 'watchdog.log'), 'utf8')).not.toContain(
      'another-token-of-this-run',
    );
  });

  it('that is not ready (503) is told once and never restarted', async ({ expect, onTestFinished }) => {
    const on = await stage(onTestFinished, { policy: { ...policy, noteTellMs: seconds(1) } });
    const pid = on.pid();
    standing(on, { readyFailing: ['telegram'] });
    // The practice gateway takes a fault over within a moment; only then is there something to find.
    const readyz = `http://127.0.0.1:${on.port}/readyz`;
    while ((await fetch(readyz)).status !== 503) await on.clock.sleep(millis(20));
    await sendRequest(
      on.paths.state,
      { kind: 'check', by: 'test', why: false },
      { clock: on.clock, timeoutMs: 20_000 },
    );
    const status = await until(on, (now) => now.state.notes.some((note) => note.includes('telegram')));
    expect(status.state.phase.kind).toBe('healthy');
    await until(on, (now) => now.state.told.length > 0);
    await on.clock.sleep(seconds(2));
    expect(notices(on).filter((notice) => notice.kind === 'told')).toHaveLength(1);
    expect(intents(on)).toEqual([]);
    expect(on.pid()).toBe(pid);
  });

  it('that is paused is not touched, and is repaired after resume', async ({ expect, onTestFinished }) => {
    const on = await stage(onTestFinished);
    const asked = await sendRequest(
      on.paths.state,
      { kind: 'pause', forMs: null, by: 'test' },
      { clock: on.clock, timeoutMs: 5_000 },
    );
    expect(asked?.ok).toBe(true);
    kill(on, 'SIGSTOP');
    await on.clock.sleep(seconds(4));
    expect(intents(on)).toEqual([]);
    expect((await on.status())?.state.phase).toMatchObject({ kind: 'suspended', cause: 'paused' });
    await sendRequest(on.paths.state, { kind: 'resume', by: 'test' }, { clock: on.clock, timeoutMs: 5_000 });
    await until(on, healed);
    expect(intents(on)).toHaveLength(1);
  });

  it('is only told about when the watchdog observes', async ({ expect, onTestFinished }) => {
    const on = await stage(onTestFinished, { mode: 'observe' });
    const pid = kill(on, 'SIGSTOP');
    await until(on, () => notices(on).some((notice) => notice.text.startsWith('observing only')));
    await on.clock.sleep(seconds(2));
    expect(intents(on)).toEqual([]);
    expect(on.pid()).toBe(pid);
    process.kill(pid, 'SIGCONT');
    await until(on, healed);
  });

  it('whose port is taken by a stranger is not restarted, and the stranger never sees the secret', async ({
    expect,
    onTestFinished,
  }) => {
    const on = await stage(onTestFinished);
    const recorded: string[] = [];
    const stranger = createServer((request, response) => {
      recorded.push(`${request.method} ${request.url} ${JSON.stringify(request.headers)}`);
      response.end('{"ok":true,"status":"live"}');
    });
    const sockets: Duplex[] = [];
    stranger.on('upgrade', (request, socket) => {
      sockets.push(socket);
      recorded.push(JSON.stringify(request.headers));
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
      socket.on('data', (chunk) => recorded.push(chunk.toString('latin1')));
      socket.on('error', () => socket.destroy());
    });
    standing(on, { bootMs: 60_000 });
    kill(on, 'SIGKILL');
    await new Promise<void>((resolve) => {
      const listen = (): void => void stranger.listen(on.port, '127.0.0.1');
      stranger.on('error', () => setTimeout(listen, 20));
      stranger.on('listening', resolve);
      listen();
    });
    await until(on, (now) => now.state.cause === 'port-foreign' && now.state.phase.kind === 'exhausted');
    await on.clock.sleep(seconds(2));
    expect(intents(on)).toEqual([]);
    expect(recorded.length).toBeGreaterThan(0);
    expect(recorded.join('\n')).not.toContain('demo-token-of-this-run');
    for (const socket of sockets) socket.destroy();
    stranger.closeAllConnections();
    await new Promise((resolve) => stranger.close(resolve));
  });

  it('stays guarded across a restart of the watchdog, which repeats nothing', async ({
    expect,
    onTestFinished,
  }) => {
    const on = await stage(onTestFinished);
    kill(on, 'SIGSTOP');
    await until(on, () => intents(on).length === 1);
    await on.restartWatchdog();
    await until(on, healed);
    expect(intents(on)).toHaveLength(1);
  });

  it('is left alone while an update runs', async ({ expect, onTestFinished }) => {
    const on = await stage(onTestFinished);
    const { DatabaseSync } = await import('node:sqlite');
    const { mkdirSync } = await import('node:fs');
    mkdirSync(join(on.stateDir, 'state'), { recursive: true });
    const db = new DatabaseSync(join(on.stateDir, 'state', 'openclaw.sqlite'));
    db.exec('CREATE TABLE update_runs (id TEXT, status TEXT, phase TEXT, updated_at_ms INTEGER)');
    db.exec(`INSERT INTO update_runs VALUES ('u1', 'running', 'activating', ${Date.now()})`);
    db.close();
    await on.supervisor.bootout(on.label)?.gone;
    await until(on, (now) => now.state.cause === 'update-running');
    await on.clock.sleep(seconds(4));
    expect(intents(on)).toEqual([]);
  });
});
