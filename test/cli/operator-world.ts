import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { runDaemonCommand } from '../../src/cli/daemon.ts';
import type { JournalLine } from '../../src/daemon/journal.ts';
import { readStatus, type StatusFile } from '../../src/daemon/status-file.ts';
import { launchdManager } from '../../src/system/launchd/door.ts';
import { buildPlist } from '../../src/system/launchd/plist.ts';
import { run } from '../../src/system/run.ts';
import { findTool } from '../demo/tools.ts';
import { type FakeLaunchd, installFakeLaunchd } from '../fakes/launchd/fake.ts';
import { freePort } from '../free-port.ts';
import { type TestContext, testContext } from './command-context.ts';

/**
 * A home with a practice gateway as launchd's job, a small package around it, and our settings: all an operator's command
 * meets, with short durations. No watchdog runs unless one is started.
 */
export interface OperatorWorld extends TestContext {
  readonly launchd: FakeLaunchd;
  readonly label: string;
  readonly plist: string;
  readonly port: number;
  readonly configPath: string;
  readonly packageRoot: string;
  readonly stateDir: string;
  /** Ends the gateway's process as a crash would. */
  crash(): Promise<void>;
  /** The process of the job; waits for one. */
  pid(): Promise<number>;
  answers(): Promise<boolean>;
  /** Waits until the gateway answers. */
  serves(): Promise<void>;
  /** Waits until it does not. */
  silent(): Promise<void>;
  load(): Promise<void>;
  unload(): Promise<void>;
  launchctl(...argv: readonly string[]): Promise<number>;
  /** Standing faults of the practice gateway. */
  standing(faults: Readonly<Record<string, unknown>>): void;
  journal(): readonly JournalLine[];
  /** The real watchdog, in this process, until it has called the gateway healthy once; its end is awaited. */
  watchdog(): Promise<{ readonly stop: () => Promise<void>; status(): Promise<StatusFile> }>;
  /** What was written since the last call. */
  said(): string;
}

const label = 'ai.openclaw.gateway';
const practice = fileURLToPath(new URL('../practice-gateway/practice-gateway.mjs', import.meta.url));

/** Refuses what holds the word "refused". */
const validator = `
import { readFileSync } from 'node:fs';
const path = process.env.OPENCLAW_CONFIG_PATH;
const text = readFileSync(path, 'utf8');
const issues = text.includes('refused') ? [{ path: 'logging.level', message: 'Invalid option' }] : [];
console.log(JSON.stringify({ valid: issues.length === 0, path, issues }, null, 2));
process.exitCode = issues.length === 0 ? 0 : 1;
`;

const policy = {
  tickMs: '300ms',
  urgentTickMs: '100ms',
  healthzTimeoutMs: '800ms',
  hangActMs: '2s',
  hangActAloneMs: '20s',
  witnessMs: '300ms',
  pendedGraceMs: '800ms',
  reloadAfterMs: '2s',
  portGraceMs: '800ms',
  relaunchGraceMs: '3s',
  stableMs: '1s',
  bootGraceMs: '20s',
  soakMs: '400ms',
  backoffMs: '500ms',
};

export async function operatorWorld(): Promise<OperatorWorld> {
  const test = await testContext();
  const { paths, clock } = test.context;
  const home = join(paths.logs, '..', '..', '..');
  const stateDir = join(home, '.openclaw');
  const configPath = join(stateDir, 'openclaw.json');
  const packageRoot = join(home, 'lib', 'node_modules', 'openclaw');
  const port = await freePort();
  for (const folder of [join(stateDir, 'logs'), join(packageRoot, 'dist'), paths.state, paths.launchAgents])
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  const manifest = { name: 'openclaw', version: '2026.9.6', main: 'dist/index.js', type: 'module' };
  writeFileSync(join(packageRoot, 'package.json'), JSON.stringify(manifest));
  writeFileSync(join(packageRoot, 'openclaw.mjs'), validator);
  writeFileSync(join(packageRoot, 'dist', 'index.js'), `import ${JSON.stringify(practice)};\n`);
  const gateway = { mode: 'local', bind: 'loopback', port, auth: { mode: 'token', token: 'practice' } };
  writeFileSync(configPath, JSON.stringify({ gateway }), { mode: 0o600 });
  const plist = join(paths.launchAgents, `${label}.plist`);
  const log = join(stateDir, 'logs', 'gateway.log');
  writeFileSync(
    plist,
    buildPlist({
      label,
      programArguments: [
        process.execPath,
        join(packageRoot, 'dist', 'index.js'),
        'gateway',
        '--port',
        String(port),
      ],
      runAtLoad: true,
      keepAlive: true,
      throttleInterval: 1,
      exitTimeOut: 20,
      workingDirectory: stateDir,
      environmentVariables: { HOME: home, OPENCLAW_SERVICE_MARKER: 'openclaw' },
      standardOutPath: log,
      standardErrorPath: log,
    }),
  );
  const launchd = await installFakeLaunchd({ dir: join(home, 'launchd'), home });
  launchd.setFaults({ throttleMs: 600, exitTimeOutMs: 800 });
  // Other tests of this machine run package managers, which would hold us off. One process by its pid is shown all the
  // same: the parents of a test that npm runs are among them.
  const ps = join(home, 'ps');
  const realPs = findTool('ps') ?? '/bin/ps';
  const script = [
    '#!/bin/sh',
    `case " $* " in *" -p "*) exec ${realPs} "$@" ;; esac`,
    `${realPs} "$@" | grep -vwE 'npm|pnpm|yarn'`,
  ];
  writeFileSync(ps, `${script.join('\n')}\n`, { mode: 0o755 });
  const settings = {
    gateway: {
      label,
      plist,
      stateDir,
      configPath,
      packageRoot,
      nodePath: process.execPath,
      version: '2026.9.6',
    },
    tools: {
      launchctl: launchd.launchctl,
      ps,
      lsof: findTool('lsof'),
      netstat: findTool('netstat'),
      git: findTool('git'),
      tar: findTool('tar'),
    },
    policy,
  };
  writeFileSync(paths.config, JSON.stringify(settings), { mode: 0o600 });

  const launchctl = async (...argv: readonly string[]): Promise<number> => {
    const { execFile } = await import('node:child_process');
    return new Promise((resolve) => {
      const child = execFile(launchd.launchctl, [...argv], () => resolve(child.exitCode ?? 1));
    });
  };
  const domain = `gui/${launchd.uid}`;
  const answers = async (): Promise<boolean> =>
    fetch(`http://127.0.0.1:${port}/healthz`, { signal: AbortSignal.timeout(1_000) }).then(
      async (answer) => (await answer.text()).includes('live'),
      () => false,
    );
  const until = async (what: string, holds: () => boolean | Promise<boolean>): Promise<void> => {
    const deadline = Date.now() + patienceMs;
    while (!(await holds())) {
      if (Date.now() > deadline) throw new Error(`${what}: not within ${patienceMs} ms`);
      await sleep(30);
    }
  };
  const pid = async (): Promise<number> => {
    const manager = launchdManager({ launchctl: launchd.launchctl, uid: launchd.uid, run, clock });
    let found = 0;
    await until('the job has a process', async () => {
      const state = await manager.read(label);
      found = state.kind === 'running' ? state.pid : 0;
      return found > 1;
    });
    return found;
  };
  const running: (() => Promise<void>)[] = [];
  let told = 0;
  return {
    ...test,
    context: { ...test.context, clock, uid: launchd.uid },
    launchd,
    label,
    plist,
    port,
    configPath,
    packageRoot,
    stateDir,
    pid,
    crash: async () => void process.kill(await pid(), 'SIGKILL'),
    answers,
    serves: () => until('the gateway serves', answers),
    silent: () => until('the gateway is silent', async () => !(await answers())),
    load: async () => {
      await launchctl('bootstrap', domain, plist);
    },
    unload: async () => {
      await launchctl('bootout', `${domain}/${label}`);
    },
    launchctl,
    standing: (faults) => writeFileSync(join(stateDir, 'practice.json'), JSON.stringify(faults)),
    journal: () => journalIn(join(paths.state, 'journal.jsonl')),
    watchdog: async () => {
      const controller = new AbortController();
      const ended = runDaemonCommand({ ...test.context, uid: launchd.uid, signal: controller.signal });
      const status = async (): Promise<StatusFile> => {
        const read = await readStatus(paths.state);
        if (read.kind !== 'read') throw new Error('no status file');
        return read.status;
      };
      const stop = async (): Promise<void> => {
        controller.abort();
        await ended;
      };
      running.push(stop);
      await until('the watchdog calls it healthy', async () => {
        const read = await readStatus(paths.state);
        return (
          read.kind === 'read' &&
          read.status.pid === process.pid &&
          read.status.state.phase.kind === 'healthy' &&
          read.status.evidence?.socket.kind === 'open'
        );
      });
      return { stop, status };
    },
    said: () => {
      const all = test.written();
      const now = all.slice(told);
      told = all.length;
      return now;
    },
    remove: async () => {
      for (const stop of running) await stop();
      // A look that nobody waited for may still be asking, and its question would start the double anew.
      rmSync(launchd.launchctl, { force: true });
      await launchd.stop();
      await sleep(100);
      await launchd.stop();
      rmSync(home, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
    },
  };
}

/** Generous: the machine may be busy. */
const patienceMs = 25_000;

function journalIn(path: string): readonly JournalLine[] {
  try {
    return readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as JournalLine);
  } catch {
    // Nothing was ever written.
    return [];
  }
}
