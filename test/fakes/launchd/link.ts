import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Written once by `installFakeLaunchd`, read by every client and server of this fake. */
export interface FakeConfig {
  readonly uid: number;
  readonly socket: string;
  readonly node: string;
  readonly server: string;
  /** The environment of the server, from which the jobs' login environment is taken. */
  readonly env: Readonly<Record<string, string>>;
}

export type Message = { readonly argv: readonly string[] } | { readonly control: 'ping' | 'stop' };

export interface Answer {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
}

export const readConfig = (dir: string): FakeConfig =>
  JSON.parse(readFileSync(join(dir, 'fake.json'), 'utf8'));

const startWithinMs = 20_000;

/** Asks the server of this fake and starts it when there is none. */
export async function ask(dir: string, message: Message): Promise<Answer> {
  const config = readConfig(dir);
  const deadline = Date.now() + startWithinMs;
  let started = false;
  for (;;) {
    const socket = await open(config.socket);
    if (socket !== null) return exchange(socket, message);
    if (Date.now() > deadline) throw new Error('the fake launchd does not start; see server.log');
    if (!started) startServer(dir, config);
    started = true;
    await sleep(20);
  }
}

/** The answer of a server that is there, or null when there is none. */
export async function askIfThere(dir: string, message: Message): Promise<Answer | null> {
  const socket = await open(readConfig(dir).socket);
  return socket === null ? null : exchange(socket, message);
}

function open(path: string): Promise<Socket | null> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => resolve(socket));
    // Nobody listens (yet): the caller decides what that means.
    socket.once('error', () => resolve(null));
  });
}

function exchange(socket: Socket, message: Message): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let text = '';
    socket.setEncoding('utf8');
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.once('error', reject);
    socket.once('close', () => {
      if (text.endsWith('\n')) resolve(JSON.parse(text));
      else reject(new Error('the fake launchd went away before it answered'));
    });
    socket.write(`${JSON.stringify(message)}\n`);
  });
}

function startServer(dir: string, config: FakeConfig): void {
  const log = openSync(join(dir, 'server.log'), 'a');
  const child = spawn(config.node, [config.server, dir], {
    cwd: '/',
    env: { ...config.env },
    stdio: ['ignore', log, log],
    detached: true,
  });
  child.unref();
  closeSync(log);
}
