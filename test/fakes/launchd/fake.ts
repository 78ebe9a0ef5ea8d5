import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Faults, noFaults, readFaults, writeFaults } from './faults.ts';
import { ask, askIfThere, type FakeConfig } from './link.ts';

export type { Faults } from './faults.ts';

export interface FakeLaunchd {
  /** Absolute path of the fake `launchctl`. */
  readonly launchctl: string;
  /** The folder that holds only `launchctl`: put it first on PATH. */
  readonly binDir: string;
  /** The user the fake's one domain `gui/<uid>` belongs to. */
  readonly uid: number;
  setFaults(patch: Partial<Faults>): void;
  /** Every call so far, with the moment it came in. */
  calls(): readonly { readonly atMs: number; readonly argv: readonly string[] }[];
  /** Ends every job it started and then the fake itself. */
  stop(): Promise<void>;
}

export interface FakeOptions {
  /** An existing or new folder of the fake's own. */
  readonly dir: string;
  readonly uid?: number;
  /** Absolute path of a Node that runs TypeScript; this process's own by default. */
  readonly node?: string;
  /** The home of the jobs' login session; this process's own by default. */
  readonly home?: string;
}

/** Every call is a new process, and this halves what it costs. Where it cannot be written Node does without. */
const compileCache = fileURLToPath(new URL('../../../node_modules/.cache/fake-launchd', import.meta.url));

/** Writes an executable `launchctl` into `<dir>/bin` and starts the launchd behind it. */
export async function installFakeLaunchd(options: FakeOptions): Promise<FakeLaunchd> {
  const { dir } = options;
  const node = options.node ?? process.execPath;
  const uid = options.uid ?? process.getuid?.() ?? 501;
  const binDir = join(dir, 'bin');
  mkdirSync(binDir, { recursive: true });
  const config: FakeConfig = {
    uid,
    // A socket's path may have about 100 characters at most, which a test's folder easily exceeds.
    socket: `/tmp/fake-launchd-${process.getuid?.() ?? 0}-${createHash('sha256').update(dir).digest('hex').slice(0, 16)}.sock`,
    node,
    server: fileURLToPath(new URL('./server.ts', import.meta.url)),
    env: loginEnvironment(options.home),
  };
  writeFileSync(join(dir, 'fake.json'), JSON.stringify(config, null, 2));
  writeFaults(dir, noFaults);
  const launchctl = join(binDir, 'launchctl');
  const client = fileURLToPath(new URL('./client.ts', import.meta.url));
  const script = [
    '#!/bin/sh',
    '# A caller may have set NODE_OPTIONS to preload code that pretends this is a Mac.',
    'unset NODE_OPTIONS',
    `NODE_COMPILE_CACHE=${quoted(compileCache)}`,
    'export NODE_COMPILE_CACHE',
    `exec ${quoted(node)} ${quoted(client)} ${quoted(dir)} "$@"`,
    '',
  ].join('\n');
  writeFileSync(launchctl, script);
  chmodSync(launchctl, 0o755);
  await ask(dir, { control: 'ping' });
  return {
    launchctl,
    binDir,
    uid,
    setFaults: (patch) => writeFaults(dir, { ...readFaults(dir), ...patch }),
    calls: () => readCalls(dir),
    stop: () => stop(dir),
  };
}

/** After its answer the server only has to exit; longer than this it is stuck, and killed. */
const exitWithinMs = 5_000;

async function stop(dir: string): Promise<void> {
  const lock = join(dir, 'server.pid');
  const server = existsSync(lock) ? Number(readFileSync(lock, 'utf8')) : 0;
  if ((await askIfThere(dir, { control: 'stop' })) === null || server === 0) return;
  const deadline = Date.now() + exitWithinMs;
  // It writes into the folder until its last moment, and the caller is about to remove that.
  while (isAlive(server)) {
    if (Date.now() > deadline) process.kill(server, 'SIGKILL');
    await sleep(10);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    // A server of ours that cannot be signalled is one that is gone.
    return false;
  }
}

function loginEnvironment(home: string | undefined): Record<string, string> {
  const { username, homedir } = userInfo();
  return {
    PATH: '/usr/bin:/bin:/usr/sbin:/sbin',
    NODE_COMPILE_CACHE: compileCache,
    HOME: home ?? process.env['HOME'] ?? homedir,
    USER: username,
    LOGNAME: username,
    SHELL: '/bin/sh',
  };
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

function readCalls(dir: string) {
  const path = join(dir, 'calls.jsonl');
  if (!existsSync(path)) return [];
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}
