import { rename, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Evidence } from '../core/evidence.ts';
import type { State } from '../core/state.ts';
import type { Instant } from '../core/time.ts';
import type { Trial } from '../core/trial.ts';
import { readIfExists } from '../system/durable-file.ts';
import type { AlertsView } from './alert-worker.ts';

/** The snapshots of the config, as of the newest look at them. */
export interface SnapshotsView {
  readonly newestAt: Instant | null;
  readonly verifiedAt: Instant | null;
  /** Of the repository on disk; null when it cannot be told. */
  readonly bytes: number | null;
  /** What is wrong with the repository. */
  readonly problem: string | null;
}

/** The archives of the installed package, as of the newest look at them. */
export interface ArchivesView {
  /** Of the newest one that was verified. */
  readonly newestAt: Instant | null;
  /** The OpenClaw it holds. */
  readonly version: string | null;
  /** What is wrong with one of them, or why none could be taken. */
  readonly problem: string | null;
}

/** A changed config that has yet to prove itself. */
export interface TrialView {
  readonly id: string;
  readonly kind: 'apply' | 'fix';
  /** When it is judged at the latest. */
  readonly until: Instant;
  /** It is taken back then, unless the operator confirms it. */
  readonly mustConfirm: boolean;
  /** Why it is being taken back, where that has not gone through yet. */
  readonly undoing: string | null;
}

/** What `immune status` shows of a trial; null where none is under watch. */
export function trialViewOf(trial: Trial | null): TrialView | null {
  if (trial === null || trial.end !== null) return null;
  const { id, kind, confirmBy, confirmed, watchUntil, undoing } = trial;
  const mustConfirm = confirmBy !== null && !confirmed;
  return {
    id,
    kind,
    until: mustConfirm ? confirmBy : watchUntil,
    mustConfirm,
    undoing: undoing?.because ?? null,
  };
}

/** What the daemon knows, for `immune status`, and its heartbeat: `at` is fresh while the loop turns. */
export interface StatusFile {
  readonly version: 1;
  readonly pid: number;
  /** Wall clock. */
  readonly startedAt: Instant;
  readonly at: Instant;
  readonly mode: 'act' | 'observe';
  readonly state: State;
  readonly evidence: Evidence | null;
  readonly gateway: {
    readonly label: string;
    readonly url: string | null;
    readonly version: string | null;
    readonly auth: string | null;
    readonly problems: readonly string[];
  };
  readonly lastDeepProbeAt: Instant | null;
  readonly nextDeepProbeAt: Instant | null;
  readonly nextSnapshotAt: Instant | null;
  readonly nextArchiveAt: Instant | null;
  /** Policy entries that differ from their default, as "name=value". */
  readonly shortened: readonly string[];
  /** Settings problems the running daemon refused; it keeps its last valid settings. */
  readonly settingsProblem: string | null;
  /** Not written by older versions, so absent means that nothing is known. */
  readonly snapshots?: SnapshotsView | null;
  readonly archives?: ArchivesView | null;
  readonly trial?: TrialView | null;
  readonly alerts?: AlertsView | null;
}

/** Far above any status seen (a few kB). */
const maxBytes = 1_048_576;

const fileIn = (stateDir: string): string => join(stateDir, 'status.json');

/** A heartbeat is not worth an fsync: after a power cut a stale one is right. Whole or old, never torn. */
export async function writeStatus(stateDir: string, status: StatusFile): Promise<void> {
  const path = fileIn(stateDir);
  const temporary = `${path}.${status.pid}.tmp`;
  try {
    await writeFile(temporary, `${JSON.stringify(status)}\n`, { mode: 0o600 });
    await rename(temporary, path);
  } catch (error) {
    // A full disk takes no new file, but a new time of the old one: the sentinel must not end a living watchdog.
    const now = new Date(status.at);
    await utimes(path, now, now).catch(() => undefined);
    throw error;
  }
}

/** When the heartbeat was last touched, written or not; null without one. */
export async function touchedAt(stateDir: string): Promise<number | null> {
  const found = await stat(fileIn(stateDir)).catch(() => null);
  return found === null ? null : found.mtimeMs;
}

export type StatusReading =
  | { readonly kind: 'read'; readonly status: StatusFile }
  | { readonly kind: 'missing' }
  | { readonly kind: 'unreadable'; readonly because: string };

export async function readStatus(stateDir: string): Promise<StatusReading> {
  const outcome = await readIfExists(fileIn(stateDir), maxBytes);
  if (outcome.kind === 'missing') return outcome;
  if (outcome.kind !== 'read') return { kind: 'unreadable', because: outcome.because };
  try {
    const value: unknown = JSON.parse(outcome.bytes.toString('utf8'));
    if (typeof value === 'object' && value !== null && 'version' in value && value.version === 1) {
      return { kind: 'read', status: value as StatusFile };
    }
    return { kind: 'unreadable', because: 'status.json has another version than this program' };
  } catch (error) {
    return { kind: 'unreadable', because: `status.json is not JSON: ${String(error)}` };
  }
}
