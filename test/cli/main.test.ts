import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import manifest from '../../package.json' with { type: 'json' };

const main = resolve(import.meta.dirname, '../../src/main.ts');
const wait = { timeout: 20_000, interval: 50 };

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

let home: string;
let server: Server;
let requests: string[];

function start(args: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcess {
  return spawn(process.execPath, [main, ...args], {
    env: { HOME: home, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function immune(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const child = start(args, env);
  const out = text(child.stdout);
  const err = text(child.stderr);
  const [code] = await once(child, 'close');
  return { code, out: out(), err: err() };
}

function text(stream: ChildProcess['stdout']): () => string {
  let all = '';
  stream?.setEncoding('utf8').on('data', (piece: string) => {
    all += piece;
  });
  return () => all;
}

const data = (): string => join(home, '.local', 'share', 'openclaw-immune');

async function writeSettings(change: Readonly<Record<string, unknown>> = {}): Promise<void> {
  const { port } = server.address() as AddressInfo;
  const settings = {
    serviceManager: 'embedded',
    gateway: {
      label: 'ai.openclaw.gateway',
      plist: join(home, 'gateway.plist'),
      stateDir: home,
      configPath: join(home, 'openclaw.json'),
      port,
    },
    tools: { ps: '/bin/ps' },
    ...change,
  };
  await mkdir(data(), { recursive: true });
  await writeFile(join(data(), 'config.json5'), JSON.stringify(settings));
}

describe('the program', () => {
  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'immune-main-'));
    requests = [];
    server = createServer((request, response) => {
      requests.push(`${request.method} ${request.url} ${JSON.stringify(request.headers)}`);
      response.setHeader('Content-Type', 'application/json').end('{"ok":true,"status":"live"}');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    await writeFile(
      join(home, 'openclaw.json'),
      JSON.stringify({ gateway: { auth: { mode: 'token', token: 'very-secret-token-1' } } }),
    );
  });
  afterAll(async () => {
    server.close();
    await rm(home, { recursive: true, force: true });
  });

  it('tells its version and its help', async () => {
    expect(await immune(['--version'])).toEqual({ code: 0, out: `${manifest.version}\n`, err: '' });
    const help = await immune(['--help']);
    expect([help.code, help.err]).toEqual([0, '']);
    expect(help.out).toContain('Usage: immune <command>');
  });

  it('makes nothing that others could read, whatever umask it was started with', async () => {
    const path = join(home, 'made');
    const late = `process.on("exit",()=>process.getBuiltinModule("node:fs").writeFileSync(${JSON.stringify(path)},""))`;
    await immune(['--version'], {
      NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(late)}`,
    });
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it('refuses what it does not know with the next command, exit code 2', async () => {
    expect(await immune(['statsu'])).toEqual({
      code: 2,
      out: '',
      err: 'immune: "statsu" is not a command of immune; did you mean "status"?\n  next: immune status\n',
    });
    expect((await immune([])).code).toBe(2);
  });

  it.each([
    ['check', '--json'],
    ['snapshots', 'list', '--json'],
    ['fix-port', '--dry-run', '--json'],
    ['restart', '--dry-run', '--json'],
    ['restart', '--jsn', '--json'],
  ])('gives a program its object where it fails, too: %s %s %s', async (...args) => {
    const { code, out } = await immune(args);
    const told = JSON.parse(out);
    expect(code).toBe(2);
    expect(told).toMatchObject({ version: 1, outcome: 'failed', exitCode: 2 });
    expect([told.because, told.next].every((text) => typeof text === 'string' && text !== '')).toBe(true);
  });

  it('tells the status with an empty environment, before anything is installed', async () => {
    const child = spawn(process.execPath, [main, 'status'], { env: {}, stdio: ['ignore', 'pipe', 'pipe'] });
    const out = text(child.stdout);
    const [code] = await once(child, 'close');
    expect(code).toBe(3);
    expect(out()).toMatch(/^gateway {4}/);
  });

  it('asks only GET /healthz for the status, and sends no secret', async () => {
    await writeSettings();
    requests.length = 0;
    const { code, out } = await immune(['status', '--json']);
    expect(code).toBe(3);
    expect(JSON.parse(out)).toMatchObject({ gateway: { verdict: 'serving', healthz: 'live' } });
    expect(requests).toHaveLength(1);
    expect(requests[0]).toMatch(/^GET \/healthz /);
    expect(`${requests.join()}${out}`).not.toContain('very-secret');
  });

  it('names path, key and hint of a bad setting and ends with 2, also as the watchdog', async () => {
    await writeSettings({ mod: 'act' });
    for (const args of [['check'], ['daemon', '--foreground'], ['job', 'snapshot']]) {
      const { code, err } = await immune(args);
      expect([args, code]).toEqual([args, 2]);
      expect(err).toContain(`${join(data(), 'config.json5')}, mod: is not a setting; did you mean "mode"?`);
    }
    const { code, out } = await immune(['status']);
    expect(code).toBe(3);
    expect(out).toContain('mod: is not a setting');
  });

  it('survives a reader that goes away', async () => {
    await writeSettings();
    const child = start(['status', '--watch', '--json']);
    const err = text(child.stderr);
    await once(child.stdout ?? child, 'data');
    child.stdout?.destroy();
    // Only a change is written into a pipe; the watchdog's bad news is one.
    await writeSettings({ mode: 'neither' });
    const [code] = await once(child, 'close');
    expect([code, err()]).toEqual([0, '']);
  });

  it('ends a watch at Ctrl-C with 130, having written one line', async () => {
    await writeSettings();
    const child = start(['status', '--watch']);
    const out = text(child.stdout);
    await vi.waitFor(() => expect(out()).not.toBe(''), wait);
    child.kill('SIGINT');
    const [code] = await once(child, 'close');
    expect(code).toBe(130);
    expect(out().match(/\n/g)).toHaveLength(1);
  });

  it('runs as the watchdog: private files, one at a time, answers commands, ends at SIGTERM', {
    timeout: 90_000,
  }, async () => {
    await writeSettings();
    const child = start(['daemon', '--foreground']);
    const state = join(data(), 'state');
    try {
      await vi.waitFor(async () => {
        const status = JSON.parse((await immune(['status', '--json'])).out);
        expect(status.watchdog).toMatchObject({ state: 'alive', pid: child.pid });
      }, wait);
      expect((await stat(state)).mode & 0o777).toBe(0o700);
      expect((await stat(join(state, 'status.json'))).mode & 0o777).toBe(0o600);
      const second = await immune(['daemon']);
      expect([second.code, second.err]).toEqual([5, expect.stringContaining(`process ${child.pid} `)]);
      expect(await immune(['pause', '5m'])).toMatchObject({ code: 0, err: '' });
      expect((await immune(['status'])).out).toContain('paused until');
      expect(await immune(['resume'])).toMatchObject({ code: 0, err: '' });
      expect((await immune(['check'])).out).toContain('healthz: answered as a gateway does');
    } finally {
      child.kill('SIGTERM');
    }
    const [code] = await once(child, 'close');
    expect(code).toBe(0);
    expect((await immune(['logs'])).out).toContain('The watchdog has stopped');
    expect((await immune(['pause'])).code).toBe(3);
  });

  it('apologises for a mistake of its own, keeps the stack in the log, and shows it with DEBUG', async () => {
    const broken = {
      NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent('process.getuid = () => { throw new Error("broken on purpose"); };')}`,
    };
    const quiet = await immune(['status'], broken);
    expect([quiet.code, quiet.out]).toEqual([1, '']);
    expect(quiet.err).toBe(
      'immune: sorry, this is a mistake in openclaw-immune itself: broken on purpose\n  next: immune logs\n',
    );
    expect((await immune(['logs', '-n', '1'])).out).toMatch(
      /mistake of its own\. \(stack="Error: broken on purpose/,
    );
    const loud = await immune(['status'], { ...broken, DEBUG: '1' });
    expect(loud.code).toBe(1);
    expect(loud.err).toMatch(/broken on purpose\n +at /);
  });
});
