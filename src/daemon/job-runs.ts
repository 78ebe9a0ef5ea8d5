import { join } from 'node:path';
import type { Paths } from '../config/paths.ts';
import type { Settings } from '../config/settings.ts';
import type { Clock } from '../core/time.ts';
import { millis } from '../core/time.ts';
import { acquireLease } from '../system/lease.ts';
import type { Log } from '../system/log.ts';
import type { Processes } from '../system/process.ts';
import type { Run } from '../system/run.ts';
import type { ServiceManager } from '../system/service-manager.ts';
import type { RecordOutcome } from '../vault/snapshot.ts';
import type { KeptStore } from '../vault/snapshot-store.ts';
import type { GatewaySight } from './gateway-sight.ts';
import { type JobName, writeStamp } from './job-stamps.ts';
import { openStore } from './open-store.ts';
import { assembleSnapshot } from './snapshot-content.ts';
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
  /** The gateway as its files have it now. */
  readonly sight: () => GatewaySight;
  readonly watchdogLabel: string;
}

export interface JobResult {
  readonly kind: 'done' | 'not-due' | 'failed';
  readonly text: string;
}

/** The hourly snapshot: records the config and what belongs to it when any of that changed. */
export function runSnapshot(parts: JobParts): Promise<JobResult> {
  return underLock('snapshot', parts, async () => {
    const { settings, paths, clock } = parts;
    if (settings.tools.git === null)
      return {
        kind: 'failed',
        text: 'git was not found at install; run ./install.sh again once it is there',
      };
    const assembled = await assembleSnapshot({
      settings,
      paths,
      sight: parts.sight(),
      bootId: null,
      now: clock.now(),
    });
    if (assembled.kind !== 'assembled') {
      const { kind, because } = assembled;
      return kind === 'missing'
        ? { kind: 'done', text: `nothing to record: ${because}` }
        : { kind: 'failed', text: because };
    }
    const store = openStore(parts);
    const tended = await store.tend();
    const recorded = await store.record(assembled.content, { aside: assembled.aside });
    const result = told(recorded, assembled.aside);
    const notes = [noteOf(tended), await largeNote(store, paths.configBackup)].filter(
      (note) => note !== null,
    );
    return { ...result, text: [result.text, ...notes].join('; ') };
  });
}

function told(outcome: RecordOutcome, aside: string | null): JobResult {
  switch (outcome.kind) {
    case 'recorded':
      return done(
        `the config or what belongs to it changed and was recorded as ${outcome.id.slice(0, 12)}`,
        outcome,
      );
    case 'unchanged':
      return done('the config and what belongs to it are the same as in the newest snapshot', outcome);
    case 'aside':
      return done(
        `the config is no usable one (${aside}); it was set aside as ${outcome.id.slice(0, 12)}`,
        outcome,
      );
    case 'failed':
      return { kind: 'failed', text: outcome.because };
    default:
      return outcome satisfies never;
  }
}

const done = (text: string, { note }: { readonly note?: string }): JobResult => ({
  kind: 'done',
  text: note === undefined ? text : `${text}; ${note}`,
});

function noteOf(tended: Awaited<ReturnType<KeptStore['tend']>>): string | null {
  if (tended.kind === 'mended') return tended.note;
  return tended.kind === 'failed' ? `the daily check could not be made: ${tended.because}` : null;
}

/** The history is kept whole, so only a person can decide that it has become too long. */
const largeBytes = 200 * 1_048_576;

async function largeNote(store: KeptStore, directory: string): Promise<string | null> {
  const bytes = await store.size();
  if (bytes === null || bytes < largeBytes) return null;
  return `the history in ${directory} has ${Math.round(bytes / 1_048_576)} MB; "git gc" there packs it, nothing is ever deleted by itself`;
}

/** One run of a job at a time, with its stamp and its line in the log. */
export async function underLock(
  job: JobName,
  parts: JobParts,
  work: () => Promise<JobResult>,
): Promise<JobResult> {
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
