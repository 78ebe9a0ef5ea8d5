import { statSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';

export type Rows =
  | { readonly kind: 'rows'; readonly rows: readonly Readonly<Record<string, unknown>>[] }
  | { readonly kind: 'unknown'; readonly because: string };

/** A writer holds its lock for milliseconds; longer waiting would block our own loop. */
const busyTimeoutMs = 100;

/**
 * Reads rows from a database OpenClaw may be writing, and never writes. A missing file or table means no rows. Without
 * a write-ahead log the file is opened as immutable, because a plain read-only open would create side files there.
 */
export async function readRows(
  path: string,
  query: {
    readonly table: string;
    readonly sql: string;
    /** The file lies in a folder all users share: one that is closed to us belongs to another user, and says nothing. */
    readonly shared?: boolean;
  },
): Promise<Rows> {
  try {
    const found = statSync(path, { throwIfNoEntry: false });
    if (found === undefined) return { kind: 'rows', rows: [] };
    // A named pipe would hold us up for ever.
    if (!found.isFile()) {
      if (query.shared === true) return { kind: 'rows', rows: [] };
      return { kind: 'unknown', because: `${path} is no regular file` };
    }
    const database = await openReadOnly(path);
    try {
      const known = database.prepare('SELECT 1 FROM sqlite_master WHERE type = ? AND name = ?');
      if (known.get('table', query.table) === undefined) return { kind: 'rows', rows: [] };
      return { kind: 'rows', rows: database.prepare(query.sql).all() };
    } finally {
      database.close();
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (query.shared === true && (code === 'EACCES' || code === 'EPERM')) return { kind: 'rows', rows: [] };
    return { kind: 'unknown', because: `${path} cannot be read: ${(error as Error).message}` };
  }
}

/** The schema version its owner wrote into a database; null when there is none or it cannot be read now. */
export async function readUserVersion(path: string): Promise<number | null> {
  try {
    if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) return null;
    const database = await openReadOnly(path);
    try {
      const version = database.prepare('PRAGMA user_version').get()?.['user_version'];
      return typeof version === 'number' ? version : null;
    } finally {
      database.close();
    }
  } catch {
    // Locked, damaged or no database: it is a note for people, and its owner's matter.
    return null;
  }
}

async function openReadOnly(path: string): Promise<DatabaseSync> {
  const log = statSync(`${path}-wal`, { throwIfNoEntry: false });
  const url = pathToFileURL(path);
  if (log === undefined || log.size === 0) url.searchParams.set('immutable', '1');
  // Loaded only here: most installations never need it, and it costs memory.
  const sqlite = await import('node:sqlite');
  return new sqlite.DatabaseSync(url, { readOnly: true, timeout: busyTimeoutMs });
}
