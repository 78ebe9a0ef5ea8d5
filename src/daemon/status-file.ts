import { rename, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Evidence } from '../core/evidence.ts';
import type { State } from '../core/state.ts';
import type { Instant } from '../core/time.ts';
import { readIfExists } from '../system/durable-file.ts';

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
