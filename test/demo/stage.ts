import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Paths, resolvePaths } from '../../src/config/paths.ts';
import type { Settings } from '../../src/config/settings.ts';
import { defaultPolicy, type Policy } from '../../src/core/policy.ts';
import type { Clock } from '../../src/core/time.ts';
import { type DaemonEnd, runDaemon } from '../../src/daemon/daemon.ts';
import { sightGateway } from '../../src/daemon/gateway-sight.ts';
import type { JournalLine } from '../../src/daemon/journal.ts';
import { readStatus, type StatusFile } from '../../src/daemon/status-file.ts';
import { systemClock } from '../../src/system/clock.ts';
import { embeddedManager } from '../../src/system/embedded/manager.ts';
import { createSupervisor, type Supervisor } from '../../src/system/embedded/supervisor.ts';
import { buildPlist } from '../../src/system/launchd/plist.ts';
import { createLog } from '../../src/system/log.ts';
import { createProcesses } from '../../src/system/process.ts';
import { run } from '../../src/system/run.ts';
import { freePort } from '../free-port.ts';
import { findTool } from './tools.ts';

/** A gateway under our own supervisor, guarded by a real watchdog, in a temporary folder that is gone afterwards. */
export interface Stage {
  readonly clock: Clock;
  readonly home: string;
  readonly stateDir: string;
  readonly port: number;
  readonly label: string;
  readonly plist: string;
  readonly paths: Paths;
  readonly supervisor: Supervisor;
  pid(): number | null;
  status(): Promise<StatusFile | null>;
  journal(): readonly JournalLine[];
  /** Ends the watchdog (as SIGTERM does) and starts another one on the same state. */
  restartWatchdog(): Promise<void>;
  close(): Promise<void>;
}

export interface StageOptions {
  /** argv of the gateway, given its port. */
  readonly command: (port: number) => readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly policy: Partial<Policy>;
  readonly mode?: Settings['mode'];
  /** launchd's throttle and exit time-out, shortened. */
  readonly launchd?: { readonly throttleMs: number; readonly exitTimeOutMs: number };
}

const label = 'ai.openclaw.gateway';

export async function openStage(options: StageOptions): Promise<Stage> {
  // Resolved, so that paths compare equal where the temporary folder is a link (on a Mac it is).
  const home = mkdtempSync(join(realpathSync(tmpdir()), 'openclaw-immune-demo-'));
  const stateDir = join(home, '.openclaw');
  const port = await freePort();
  mkdirSync(join(stateDir, 'logs'), { recursive: true, mode: 0o700 });
  const config = {
    gateway: {
      mode: 'local',
      bind: 'loopback',
      port,
      auth: { mode: 'token', token: 'demo-token-of-this-run' },
    },
    update: { checkOnStart: false },
  };
  writeFileSync(join(stateDir, 'openclaw.json'), JSON.stringify(config), { mode: 0o600 });
  const paths = resolvePaths({ home, layout: 'xdg', env: {} });
  mkdirSync(paths.launchAgents, { recursive: true });
  const plist = join(paths.launchAgents, `${label}.plist`);
  const log = join(home, 'gateway.log');
  writeFileSync(
    plist,
    buildPlist({
      label,
      programArguments: options.command(port),
      runAtLoad: true,
      keepAlive: true,
      throttleInterval: 10,
      exitTimeOut: 20,
      workingDirectory: stateDir,
      environmentVariables: { HOME: home, ...options.environment },
      standardOutPath: log,
      standardErrorPath: log,
    }),
  );

  const clock = systemClock();
  const supervisor = createSupervisor({
    clock,
    ...(options.launchd ? { overrides: () => options.launchd ?? {} } : {}),
  });
  const manager = embeddedManager(supervisor, clock);
  const loaded = await manager.bootstrap(label, plist);
  if (loaded.kind === 'failed') throw new Error(loaded.because);

  const settings: Settings = {
    mode: options.mode ?? 'act',
    serviceManager: 'embedded',
    gateway: {
      label,
      plist,
      stateDir,
      configPath: join(stateDir, 'openclaw.json'),
      packageRoot: null,
      nodePath: null,
      profile: null,
      prefix: null,
      version: null,
      host: null,
      port: null,
    },
    tools: {
      launchctl: null,
      ps: findTool('ps') ?? '/bin/ps',
      lsof: findTool('lsof'),
      netstat: findTool('netstat'),
      git: findTool('git'),
      tar: findTool('tar'),
      tmutil: null,
    },
    policy: { ...defaultPolicy, ...options.policy },
    archives: { maxBytes: 2_147_483_648, keepVersions: 3 },
    alerts: { notification: true, channels: [] },
    schedule: { deepProbe: '*/3 * * * *', snapshot: '7 * * * *', archive: '30 4 * * 0' },
  };
  const uid = process.getuid?.() ?? 0;
  const watchdogLog = await createLog({ dir: paths.logs, clock, level: 'debug', redact: (text) => text });

  const startWatchdog = (): { stop: () => Promise<void> } => {
    const controller = new AbortController();
    const ended: Promise<DaemonEnd> = runDaemon({
      clock,
      paths,
      settings: () => ({ settings, problem: null }),
      onSettings: () => () => undefined,
      manager,
      processes: createProcesses({ ps: settings.tools.ps, run, clock }),
      log: watchdogLog,
      uid,
      sight: () => sightGateway(settings, uid),
      onSecret: () => undefined,
      redact: (text) => text,
      startJob: async () => undefined,
      openChannels: () => ({ channels: [], pingers: [], problems: [] }),
      signal: controller.signal,
    });
    return {
      stop: async () => {
        controller.abort();
        await ended;
      },
    };
  };
  let watchdog = startWatchdog();

  return {
    clock,
    home,
    stateDir,
    port,
    label,
    plist,
    paths,
    supervisor,
    pid: () => supervisor.print(label)?.pid ?? null,
    status: async () => {
      const reading = await readStatus(paths.state);
      return reading.kind === 'read' ? reading.status : null;
    },
    journal: () => readJournal(paths.journal),
    restartWatchdog: async () => {
      await watchdog.stop();
      watchdog = startWatchdog();
    },
    close: async () => {
      await watchdog.stop();
      await supervisor.stop();
      watchdogLog.close();
      rmSync(home, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

function readJournal(path: string): readonly JournalLine[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    // Not written yet.
    return [];
  }
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  return whole
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as JournalLine);
}
