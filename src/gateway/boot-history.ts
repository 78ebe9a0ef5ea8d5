import type { BootEvidence } from '../core/ground-evidence.ts';
import { type Instant, instant } from '../core/time.ts';
import { readRows } from './sqlite.ts';

/** One life of the gateway as it wrote it down itself (2026.9 and later). */
export interface BootRow {
  readonly pid: number | null;
  readonly startedAt: Instant;
  readonly completedAt: Instant | null;
  /** Null: still running, or killed before it wrote one. */
  readonly outcome: string | null;
  /** Why it started as it did: after a crash loop, or its end. */
  readonly startupReason: string | null;
  readonly reason: string | null;
}

export type BootHistory =
  /** No such file or table, or nothing in it. */
  | { readonly kind: 'none' }
  | { readonly kind: 'unknown'; readonly because: string }
  /** Newest first. */
  | { readonly kind: 'rows'; readonly rows: readonly BootRow[] };

const table = 'gateway_boot_lifecycle';
/** OpenClaw counts the boots of five minutes, and launchd starts it every ten seconds at the most. */
const maxRows = 64;
const maxReasonLength = 300;

/** Reads the newest boots out of OpenClaw's database, and never writes there. */
export async function readBootHistory(sqlite: string): Promise<BootHistory> {
  const found = await readRows(sqlite, {
    table,
    // All columns, because a version may have fewer of them than we would name.
    sql: `SELECT * FROM ${table} ORDER BY started_at_ms DESC, rowid DESC LIMIT ${maxRows}`,
  });
  if (found.kind === 'unknown') return found;
  const rows = found.rows.map(bootRow).filter((row) => row !== null);
  return rows.length === 0 ? { kind: 'none' } : { kind: 'rows', rows };
}

function bootRow(row: Readonly<Record<string, unknown>>): BootRow | null {
  const startedAt = number(row['started_at_ms']);
  if (startedAt === null) return null;
  const completedAt = number(row['completed_at_ms']);
  return {
    pid: number(row['pid']),
    startedAt: instant(startedAt),
    completedAt: completedAt === null ? null : instant(completedAt),
    outcome: text(row['outcome']),
    startupReason: text(row['startup_reason']),
    reason: text(row['reason']),
  };
}

/** The newest boot as evidence. */
export function newestBoot(history: BootHistory, redact: (text: string) => string): BootEvidence {
  if (history.kind !== 'rows') return history;
  const [newest] = history.rows;
  if (newest === undefined) return { kind: 'none' };
  const { pid, startedAt, outcome } = newest;
  const reason = newest.reason ?? newest.startupReason;
  return {
    kind: 'row',
    pid,
    startedAt,
    outcome: outcome ?? 'running',
    reason: reason === null ? null : redact(oneLine(reason)).slice(0, maxReasonLength).toWellFormed(),
  };
}

const oneLine = (words: string): string => words.replace(/\s+/g, ' ').trim();
const number = (value: unknown): number | null =>
  typeof value === 'number' && Number.isFinite(value) ? value : null;
const text = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null);
