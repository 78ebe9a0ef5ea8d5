import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { commandOf } from '../../src/cli/install/names.ts';
import type { JournalLine } from '../../src/daemon/journal.ts';
import type { StatusFile } from '../../src/daemon/status-file.ts';
import { until } from '../real/processes.ts';
import type { Ground } from './ground.ts';

/** The daemon as its LaunchAgent starts it: our Node, the launcher's V8 options, the bundle. */
export interface WatchdogProcess {
  readonly pid: number;
  /** Wall clock, right before the process was made. */
  readonly spawnedAtMs: number;
  readonly state: string;
  /** Whole lines so far. */
  journal(): readonly JournalLine[];
  journalBytes(): number;
  status(): StatusFile | null;
  /** Resolves once status.json tells of a held connection and a healthy gateway. */
  healthy(timeoutMs?: number): Promise<StatusFile>;
  /** SIGTERM; gives how long the end took. */
  stop(): Promise<number>;
}

const healthyTimeoutMs = 60_000;
const endTimeoutMs = 20_000;

/** Where one watchdog keeps its things; `immune status` of the same place sees it. */
export function placeOf(ground: Ground, name: string): Readonly<Record<string, string>> {
  const data = join(ground.root, name);
  return {
    HOME: ground.home,
    PATH: '/usr/bin:/bin:/usr/sbin:/sbin',
    LANG: 'C.UTF-8',
    OPENCLAW_IMMUNE_DATA: data,
    OPENCLAW_IMMUNE_LOGS: join(data, 'logs'),
  };
}

/** Settings as the installer writes them, and stamps that say the jobs ran just now: none is overdue in the bench. */
export function furnish(ground: Ground, name: string): string {
  const data = join(ground.root, name);
  const jobs = join(data, 'state', 'jobs');
  mkdirSync(jobs, { recursive: true, mode: 0o700 });
  writeFileSync(join(data, 'config.json5'), ground.settings, { mode: 0o600 });
  const stamp = JSON.stringify({ at: Date.now(), ok: true, text: 'bench', version: null });
  for (const job of ['snapshot', 'archive']) writeFileSync(join(jobs, `${job}.json`), stamp, { mode: 0o600 });
  return data;
}

export function startWatchdog(ground: Ground, name: string): WatchdogProcess {
  const data = furnish(ground, name);
  const state = join(data, 'state');
  const { flags, words } = commandOf('watchdog');
  const spawnedAtMs = Date.now();
  const child = spawn(process.execPath, [...flags, ground.bundle, ...words], {
    cwd: data,
    env: { ...placeOf(ground, name) },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const journalPath = join(state, 'journal.jsonl');
  const status = (): StatusFile | null => {
    const text = textOf(join(state, 'status.json'));
    return text === '' ? null : (JSON.parse(text) as StatusFile);
  };
  return {
    pid: child.pid ?? 0,
    spawnedAtMs,
    state,
    journal: () =>
      textOf(journalPath)
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as JournalLine),
    journalBytes: () => statSync(journalPath, { throwIfNoEntry: false })?.size ?? 0,
    status,
    healthy: (timeoutMs = healthyTimeoutMs) =>
      until(
        'the watchdog to call the gateway healthy',
        () => {
          const now = status();
          const held = now?.evidence?.socket.kind === 'open' && now.state.phase.kind === 'healthy';
          return held ? now : null;
        },
        { timeoutMs, everyMs: 20 },
      ),
    stop: async () => {
      const from = performance.now();
      await ended(child);
      const tookMs = performance.now() - from;
      rmSync(data, { recursive: true, force: true, maxRetries: 5 });
      return tookMs;
    },
  };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
  });
  const late = setTimeout(() => child.kill('SIGKILL'), endTimeoutMs);
  child.kill('SIGTERM');
  await exit;
  clearTimeout(late);
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // Not written yet.
    return '';
  }
}
