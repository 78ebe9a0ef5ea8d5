import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import type { AuditEvidence } from '../core/evidence.ts';
import { instant } from '../core/time.ts';

/** The tail that is read: some 400 lines, and OpenClaw never shortens the file. */
const tailBytes = 65_536;

/**
 * Finds the newest line of `gateway-restart.log` that says why the gateway would be down. Newest first: a stop or a park
 * counts only while nothing later says that somebody started it again. Other programs' output in between is passed over.
 */
export function parseAuditLog(text: string): AuditEvidence {
  for (const line of text.split('\n').reverse()) {
    const [, stamp, body] = /^\[([^\]]+)\] (openclaw .*)$/.exec(line.trim()) ?? [];
    const at = Date.parse(stamp ?? '');
    if (body === undefined || !Number.isFinite(at)) continue;
    const meaning = meaningOf(body);
    if (meaning === 'start') return { kind: 'none' };
    if (meaning !== null) return { kind: meaning, at: instant(at), line: line.trim() };
  }
  return { kind: 'none' };
}

function meaningOf(body: string): 'stop' | 'park' | 'start' | null {
  const action = /^openclaw gateway lifecycle .*\baction=(\S+)/.exec(body)?.[1];
  if (action === 'stop' || action === 'uninstall') return 'stop';
  if (action !== undefined) return 'start';
  // The label is disabled before the helper that unloads it writes its first line, so an attempt is a park already.
  if (/^openclaw (service park done|restart attempt .*\bmode=park\b)/.test(body)) return 'park';
  return /^openclaw restart (attempt|done)\b/.test(body) ? 'start' : null;
}

/** Reads the tail of OpenClaw's own record of stops, parks and starts. No such file means nothing was recorded. */
export function readAuditLog(path: string): AuditEvidence {
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' || code === 'ENOTDIR' ? { kind: 'none' } : { kind: 'unknown', because: message };
  }
  try {
    const { size } = fstatSync(file);
    // A named pipe has no end to read from.
    if (!fstatSync(file).isFile()) return { kind: 'unknown', because: `${path} is no regular file` };
    const buffer = Buffer.alloc(Math.min(size, tailBytes));
    const length = readSync(file, buffer, 0, buffer.length, Math.max(0, size - tailBytes));
    return parseAuditLog(buffer.toString('utf8', 0, length));
  } catch (error) {
    return { kind: 'unknown', because: (error as Error).message };
  } finally {
    closeSync(file);
  }
}

/**
 * Whether this version of OpenClaw writes down that somebody stopped it. Measured: 2026.9.6 does, 2026.6.6 does not
 * (docs/measured.md); the versions between were not looked at, and count as not.
 */
export function recordsStops(version: string): boolean {
  const [year, month] = version.split('.').map(Number);
  if (year === undefined || month === undefined || !Number.isFinite(year) || !Number.isFinite(month))
    return true;
  return year > 2026 || (year === 2026 && month >= 9);
}

/** What OpenClaw has recorded of stops and parks; a version that records no stop leaves the question open. */
export function readIntent({
  auditLog,
  packageRoot,
  version,
}: {
  readonly auditLog: string;
  readonly packageRoot: string | null;
  /** Null when it is not known. */
  readonly version: string | null;
}): AuditEvidence {
  const found = readAuditLog(auditLog);
  if (found.kind !== 'none' || packageRoot === null) return found;
  if (version === null) {
    const because = `the version of ${packageRoot} cannot be read, and older ones record no stop`;
    return { kind: 'unknown', because };
  }
  if (recordsStops(version)) return found;
  return { kind: 'unknown', because: `OpenClaw ${version} writes no record when it is stopped` };
}
