import { join } from 'node:path';
import type { Paths } from '../config/paths.ts';
import type { Settings } from '../config/settings.ts';
import type { Clock } from '../core/time.ts';
import { millis } from '../core/time.ts';
import { createGit } from '../system/git.ts';
import { acquireLease } from '../system/lease.ts';
import type { Log } from '../system/log.ts';
import type { Processes } from '../system/process.ts';
import type { Run } from '../system/run.ts';
import type { ServiceManager } from '../system/service-manager.ts';
import { recordConfig } from '../vault/config-snapshots.ts';
import { archivePackage } from '../vault/module-archives.ts';
import { isDue, type JobName, readStamp, writeStamp } from './job-stamps.ts';
import { readStatus, touchedAt } from './status-file.ts';

export interface JobParts {
  readonly settings: Settings;
  readonly paths: Paths;
  readonly clock: Clock;
  readonly run: Run;
  readonly processes: Processes;
  readonly manager: ServiceManager;
  readonly log: Log;
  /** The installed OpenClaw, read now: its root and version. */
  readonly installed: () => { readonly root: string; readonly version: string } | null;
  readonly watchdogLabel: string;
}

export interface JobResult {
  readonly kind: 'done' | 'not-due' | 'failed';
  readonly text: string;
}

/** The hourly snapshot: commits `openclaw.json` when it changed. */
export function runSnapshot(parts: JobParts): Promise<JobResult> {
  return underLock('snapshot', parts, async () => {
    const { settings, paths } = parts;
    const git = settings.tools.git;
    if (git === null)
      return {
        kind: 'failed',
        text: 'git was not found at install; run ./install.sh again once it is there',
      };
    const outcome = await recordConfig({
      configPath: settings.gateway.configPath,
      directory: paths.configBackup,
      git: createGit({ git, dir: paths.configBackup, run: parts.run }),
    });
    switch (outcome.kind) {
      case 'recorded':
        return {
          kind: 'done',
          text: `openclaw.json changed and was recorded as ${outcome.commit.slice(0, 12)}`,
        };
      case 'unchanged':
        return { kind: 'done', text: 'openclaw.json is the same as in the newest snapshot' };
      case 'nothing':
        return { kind: 'done', text: `nothing to record: ${outcome.because}` };
      case 'failed':
        return { kind: 'failed', text: outcome.because };
      default:
        return outcome satisfies never;
    }
  });
}

/** The weekly archive: one verified tar.zst of the installed package; the daily slot only asks whether it is due. */
export function runArchive(parts: JobParts): Promise<JobResult> {
  return underLock('archive', parts, async () => {
    const { settings, paths, clock } = parts;
    const installed = parts.installed();
    if (installed === null)
      return { kind: 'failed', text: 'no installed OpenClaw package was found to archive' };
    const stamp = await readStamp(paths.state, 'archive');
    if (!isDue('archive', stamp, { now: clock.now(), version: installed.version })) {
      return {
        kind: 'not-due',
        text: 'the newest archive is less than a week old and of the installed version',
      };
    }
    const tar = settings.tools.tar;
    if (tar === null)
      return {
        kind: 'failed',
        text: 'tar was not found at install; run ./install.sh again once it is there',
      };
    const outcome = await archivePackage({
      packageRoot: installed.root,
      version: installed.version,
      directory: paths.archives,
      tar,
      at: clock.now(),
    });
    if (outcome.kind === 'failed') return { kind: 'failed', text: outcome.because };
    const size = Math.round(outcome.bytes / 1_048_576);
    return {
      kind: 'done',
      text: `${outcome.file} holds ${outcome.entries} entries in ${size} MB and reads back whole`,
    };
  });
}

async function underLock(job: JobName, parts: JobParts, work: () => Promise<JobResult>): Promise<JobResult> {
  const { paths, clock, processes } = parts;
  const lease = await acquireLease(
    join(paths.state, `${job}.lease`),
    { role: job },
    { now: clock.now, own: processes.own, isAlive: processes.isAlive },
  );
  if (lease.kind === 'busy')
    return { kind: 'not-due', text: `process ${lease.holder.pid} does this already` };
  if (lease.kind === 'failed') return { kind: 'failed', text: lease.because };
  try {
    const result = await work();
    if (result.kind !== 'not-due') {
      const version = parts.installed()?.version ?? null;
      const stamp = { at: clock.now(), ok: result.kind === 'done', text: result.text, version };
      const written = await writeStamp(paths.state, job, stamp);
      if (written.kind === 'failed')
        parts.log.warn(`The ${job} job's stamp cannot be written: ${written.because}`);
    }
    parts.log[result.kind === 'failed' ? 'error' : 'info'](`The ${job} job: ${result.text}`);
    await wakeWatchdog(parts);
    return result;
  } finally {
    await lease.release();
  }
}

/** launchd may hold the watchdog's own start back; a job that runs is a chance to end that. Never restarts it. */
async function wakeWatchdog({ manager, watchdogLabel, log }: JobParts): Promise<void> {
  if (manager.kind !== 'launchd') return;
  const asked = await manager.kickstart(watchdogLabel, { kill: false });
  if (asked.kind === 'failed') log.warn(`The watchdog could not be started: ${asked.because}`);
}

/** A heartbeat is written at every look, at least every 30 s; three times as late is stale. */
const staleMs = 90_000;
/** After a wake the sentinel may run before the watchdog's first look: it looks twice, this far apart. */
const secondLookMs = millis(20_000);

/** Every five minutes: is the watchdog's heartbeat fresh? If not, start it; if it hangs, restart it. */
export async function runSentinel(parts: JobParts): Promise<JobResult> {
  const { clock, manager, watchdogLabel, log } = parts;
  if (await isFresh(parts)) return { kind: 'done', text: 'the watchdog is alive' };
  const before = await manager.read(watchdogLabel);
  if (before.kind === 'running') {
    const began = clock.elapsed();
    await clock.sleep(secondLookMs);
    // The machine slept meanwhile: the watchdog has had no more time than we.
    if (clock.elapsed() - began > 1.5 * secondLookMs) {
      return { kind: 'not-due', text: 'this machine slept during the look; the next run decides' };
    }
  }
  if (await isFresh(parts)) return { kind: 'done', text: 'the watchdog is alive' };
  const kill = before.kind === 'running';
  const asked = await manager.kickstart(watchdogLabel, { kill });
  const text =
    asked.kind === 'done'
      ? `the watchdog's heartbeat was stale; it was ${kill ? 'restarted' : 'started'}`
      : `the watchdog's heartbeat is stale and it could not be started: ${asked.because}`;
  log[asked.kind === 'done' ? 'warn' : 'error'](`The sentinel: ${text}`);
  return { kind: asked.kind === 'done' ? 'done' : 'failed', text };
}

async function isFresh({ paths, clock }: JobParts): Promise<boolean> {
  const reading = await readStatus(paths.state);
  if (reading.kind !== 'read') return false;
  const age = clock.now() - Math.max(reading.status.at, (await touchedAt(paths.state)) ?? 0);
  return age < staleMs && age > -staleMs;
}
