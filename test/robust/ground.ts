import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Paths, resolvePaths } from '../../src/config/paths.ts';
import type { JournalLine } from '../../src/daemon/journal.ts';
import type { StatusFile } from '../../src/daemon/status-file.ts';
import { buildPlist } from '../../src/system/launchd/plist.ts';
import { findTool } from '../demo/tools.ts';
import { freePort } from '../free-port.ts';

/** A home with a practice gateway's job, our settings beside it, and the shipped bundle to run as real processes. */
export interface Ground {
  readonly home: string;
  readonly stateDir: string;
  readonly paths: Paths;
  readonly port: number;
  readonly plist: string;
  /** The gateway's token: nothing of ours may ever repeat it. */
  readonly secret: string;
  /** Replaces config.json5 by rename; an object is what the installer would have written, changed by these keys. */
  configure(change?: Readonly<Record<string, unknown>> | string): void;
  daemon(nodeArguments?: readonly string[]): Daemon;
  immune(...args: readonly string[]): Promise<Ended>;
  status(): StatusFile | null;
  journal(): readonly JournalLine[];
  log(): string;
  /** A standing fault of the practice gateway. */
  standing(settings: unknown): void;
  /** A fault carried out once. */
  once(order: unknown): void;
  /** Files and outputs of ours in which the secret stands. */
  leaks(): readonly string[];
  /** Ends every watchdog that still runs. */
  stopAll(): Promise<void>;
  close(): Promise<void>;
}

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
}

export interface Daemon {
  readonly pid: number;
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  hasEnded(): boolean;
  stop(signal?: NodeJS.Signals): Promise<Ended>;
}

const practiceGatewayPath = fileURLToPath(
  new URL('../practice-gateway/practice-gateway.mjs', import.meta.url),
);
export const gatewayLabel = 'ai.openclaw.gateway';

/** Shortened, but each long enough for a busy machine. */
export const shortened = {
  tickMs: 400,
  urgentTickMs: 100,
  healthzTimeoutMs: 800,
  hangActMs: 1_500,
  backoffMs: 500,
  hangActAloneMs: 15_000,
  witnessMs: 300,
  pendedGraceMs: 800,
  relaunchGraceMs: 5_000,
  reloadAfterMs: 1_500,
  portGraceMs: 800,
  stableMs: 500,
};

export async function openGround(bundle: string): Promise<Ground> {
  const home = mkdtempSync(join(realpathSync(tmpdir()), 'immune-robust-'));
  const stateDir = join(home, '.openclaw');
  const secret = `planted-${randomBytes(12).toString('hex')}`;
  const port = await freePort();
  const paths = resolvePaths({ home, layout: 'xdg', env: {} });
  for (const folder of [stateDir, paths.data, paths.launchAgents]) mkdirSync(folder, { recursive: true });
  const auth = { mode: 'token', token: secret };
  writeFileSync(
    join(stateDir, 'openclaw.json'),
    JSON.stringify({ gateway: { mode: 'local', bind: 'loopback', port, auth } }),
  );
  const plist = join(paths.launchAgents, `${gatewayLabel}.plist`);
  const gatewayLog = join(home, 'gateway.log');
  writeFileSync(
    plist,
    buildPlist({
      label: gatewayLabel,
      programArguments: [process.execPath, practiceGatewayPath, 'gateway', '--port', String(port)],
      runAtLoad: true,
      keepAlive: true,
      throttleInterval: 1,
      exitTimeOut: 1,
      workingDirectory: stateDir,
      environmentVariables: { HOME: home },
      standardOutPath: gatewayLog,
      standardErrorPath: gatewayLog,
    }),
  );
  const settings = {
    serviceManager: 'embedded',
    gateway: { label: gatewayLabel, plist, stateDir, configPath: join(stateDir, 'openclaw.json'), port },
    tools: {
      ps: findTool('ps') ?? '/bin/ps',
      lsof: findTool('lsof'),
      netstat: findTool('netstat'),
      tar: findTool('tar'),
    },
    policy: shortened,
  };
  const env = {
    HOME: home,
    PATH: '/usr/bin:/bin',
    OPENCLAW_IMMUNE_DATA: paths.data,
    OPENCLAW_IMMUNE_LOGS: paths.logs,
    OPENCLAW_IMMUNE_DEBUG: '1',
  };
  const outputs: (() => string)[] = [];
  const daemons: Daemon[] = [];

  const start = (args: readonly string[]): Daemon => {
    const child = spawn(process.execPath, args, { env, cwd: home, stdio: ['ignore', 'pipe', 'pipe'] });
    const out = collect(child.stdout);
    const err = collect(child.stderr);
    outputs.push(out, err);
    let over = false;
    const ended = new Promise<Ended>((resolve) => {
      child.once('close', (code, signal) => {
        over = true;
        resolve({ code, signal, out: out(), err: err() });
      });
    });
    return {
      pid: child.pid ?? 0,
      child,
      ended,
      hasEnded: () => over,
      stop: (signal = 'SIGTERM') => {
        child.kill(signal);
        return ended;
      },
    };
  };

  const replace = (path: string, text: string): void => {
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
  };

  const ground: Ground = {
    home,
    stateDir,
    paths,
    port,
    plist,
    secret,
    configure: (change = {}) =>
      replace(
        paths.config,
        typeof change === 'string' ? change : JSON.stringify({ ...settings, ...change }, null, 2),
      ),
    daemon: (nodeArguments = []) => {
      const daemon = start([...nodeArguments, bundle, 'daemon', '--foreground']);
      daemons.push(daemon);
      return daemon;
    },
    immune: (...args) => start([bundle, ...args]).ended,
    status: () => parse<StatusFile>(read(paths.heartbeat)),
    journal: () => {
      const text = read(paths.journal);
      const whole = text.slice(0, text.lastIndexOf('\n') + 1).split('\n');
      return whole.filter((line) => line !== '').flatMap((line) => parse<JournalLine>(line) ?? []);
    },
    log: () => read(join(paths.logs, 'watchdog.log')),
    standing: (value) => replace(join(stateDir, 'practice.json'), JSON.stringify(value)),
    once: (value) => replace(join(stateDir, 'practice-do.json'), JSON.stringify(value)),
    leaks: () => [
      ...[paths.data, paths.logs].flatMap((folder) => filesWith(folder, secret)),
      ...outputs.filter((output) => output().includes(secret)).map(() => 'an output'),
    ],
    stopAll: async () => {
      for (const daemon of daemons) if (!daemon.hasEnded()) await daemon.stop('SIGTERM');
    },
    close: async () => {
      await ground.stopAll();
      rmSync(home, { recursive: true, force: true, maxRetries: 5 });
    },
  };
  ground.configure();
  return ground;
}

/** A case on a ground of its own: afterwards every watchdog is ended, and the secret stands nowhere. */
export async function onGround(bundle: string, work: (ground: Ground) => Promise<void>): Promise<void> {
  const ground = await openGround(bundle);
  try {
    await work(ground);
    const leaks = ground.leaks();
    if (leaks.length > 0) throw new Error(`the secret stands in ${leaks.join(', ')}`);
  } finally {
    await ground.close();
  }
}

/** Generous: the machine may be busy. */
const patienceMs = 25_000;

export async function until<T>(
  on: Ground,
  what: string,
  look: () => T | null | undefined | false,
): Promise<T> {
  const deadline = Date.now() + patienceMs;
  while (Date.now() < deadline) {
    const seen = look();
    if (seen !== null && seen !== undefined && seen !== false) return seen;
    await pause(20);
  }
  const { phase, because } = on.status()?.state ?? { phase: null, because: 'no status' };
  throw new Error(
    `not seen in time: ${what}; last: ${JSON.stringify(phase)} ${because}\n${on.log().split('\n').slice(-30).join('\n')}`,
  );
}

/** Healthy as this daemon tells it, with the authenticated connection held. */
export function healthy(on: Ground, daemon: Daemon): Promise<StatusFile> {
  return until(on, 'healthy', () => {
    if (daemon.hasEnded()) throw new Error(`the daemon has ended:\n${on.log()}`);
    const status = on.status();
    return status?.pid === daemon.pid &&
      status.state.phase.kind === 'healthy' &&
      status.evidence?.socket.kind === 'open'
      ? status
      : null;
  });
}

export const intents = (on: Ground): readonly JournalLine[] =>
  on.journal().filter((line) => line.kind === 'intent');

export const notices = (on: Ground) => on.journal().flatMap((line) => line.notices);

function collect(stream: ChildProcess['stdout']): () => string {
  let all = '';
  stream?.setEncoding('utf8').on('data', (piece: string) => {
    all += piece;
  });
  return () => all;
}

export function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // Not there yet, or made unreadable on purpose.
    return '';
  }
}

function parse<T>(text: string): T | null {
  try {
    return JSON.parse(text) as T;
  } catch {
    // Not written yet, or damaged on purpose.
    return null;
  }
}

function filesWith(folder: string, text: string): readonly string[] {
  let names: readonly string[];
  try {
    names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  } catch {
    // A folder that was never made holds nothing.
    return [];
  }
  return names
    .map((name) => join(folder, name))
    .filter((path) => lstatSync(path, { throwIfNoEntry: false })?.isFile() && read(path).includes(text));
}
