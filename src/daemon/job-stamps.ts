import { join } from 'node:path';
import { type Instant, instant } from '../core/time.ts';
import {
  ensurePrivateDirectory,
  type FileOutcome,
  readIfExists,
  writeDurable,
} from '../system/durable-file.ts';

export type JobName = 'snapshot' | 'archive';

/** When a job last ran to its end, and what it worked on: what "am I due?" is answered by. */
export interface JobStamp {
  readonly at: Instant;
  readonly ok: boolean;
  readonly text: string;
  /** The OpenClaw version an archive holds. */
  readonly version: string | null;
}

const maxBytes = 65_536;

const directoryIn = (stateDir: string): string => join(stateDir, 'jobs');

export async function readStamp(stateDir: string, job: JobName): Promise<JobStamp | null> {
  const read = await readIfExists(join(directoryIn(stateDir), `${job}.json`), maxBytes);
  if (read.kind !== 'read') return null;
  try {
    const value = JSON.parse(read.bytes.toString('utf8')) as JobStamp;
    return typeof value.at === 'number' ? { ...value, at: instant(value.at) } : null;
  } catch {
    // A stamp nobody can read only means that the job is due.
    return null;
  }
}

export async function writeStamp(stateDir: string, job: JobName, stamp: JobStamp): Promise<FileOutcome> {
  const prepared = await ensurePrivateDirectory(directoryIn(stateDir));
  if (prepared.kind === 'failed') return prepared;
  return writeDurable(join(directoryIn(stateDir), `${job}.json`), JSON.stringify(stamp), { mode: 0o600 });
}

const hour = 3_600_000;
/** Half an hour past the hourly slot: launchd had its chance. */
const snapshotOverdueMs = 1.5 * hour;
/** The weekly slot plus its daily catch-up slot. */
const archiveEveryMs = 7 * 24 * hour;
const archiveOverdueMs = archiveEveryMs + 26 * hour;
/** A failed run is tried again by the sweep, but not in a tight loop. */
const retryMs = 6 * hour;

/** Whether the job should run when it is started by its own slot. */
export function isDue(
  job: JobName,
  stamp: JobStamp | null,
  from: { now: Instant; version: string | null },
): boolean {
  if (job === 'snapshot' || stamp === null || !stamp.ok) return true;
  if (from.version !== null && stamp.version !== from.version) return true;
  // A stamp from the future (the clock was wrong) must not hold the job back for years.
  return stamp.at > from.now || from.now - stamp.at > archiveEveryMs - hour;
}

/** Whether launchd has missed the job's slot so clearly that the daemon starts it. */
export function isOverdue(job: JobName, stamp: JobStamp | null, now: Instant): boolean {
  if (stamp === null || stamp.at > now) return true;
  const age = now - stamp.at;
  if (!stamp.ok) return age > (job === 'snapshot' ? snapshotOverdueMs : retryMs);
  return age > (job === 'snapshot' ? snapshotOverdueMs : archiveOverdueMs);
}
