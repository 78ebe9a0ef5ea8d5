import { readFileSync, statSync } from 'node:fs';
import { type Instant, instant } from '../core/time.ts';

/** What a gateway writes about itself while it runs; older versions leave out port and state directory. */
interface GatewayLock {
  readonly path: string;
  readonly pid: number;
  readonly createdAt: Instant | null;
  readonly port: number | null;
  readonly stateDir: string | null;
  readonly configPath: string | null;
}

export type LockResult =
  | { readonly kind: 'ok'; readonly lock: GatewayLock }
  | { readonly kind: 'none' }
  | { readonly kind: 'unknown'; readonly because: string };

/** Parses a lock; the gateway pads it with white space and rewrites it in place, so a torn one is possible. */
function parseLock(path: string, text: string): GatewayLock | null {
  let value: unknown;
  try {
    value = JSON.parse(text.trim());
  } catch {
    // Torn or not a lock at all: the caller says unknown.
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  const lock = value as Record<string, unknown>;
  const pid = lock['pid'];
  if (typeof pid !== 'number' || !Number.isInteger(pid) || pid < 1) return null;
  const created = typeof lock['createdAt'] === 'string' ? Date.parse(lock['createdAt']) : Number.NaN;
  return {
    path,
    pid,
    createdAt: Number.isFinite(created) ? instant(created) : null,
    port: typeof lock['port'] === 'number' ? lock['port'] : null,
    stateDir: typeof lock['stateDir'] === 'string' ? lock['stateDir'] : null,
    configPath: typeof lock['configPath'] === 'string' ? lock['configPath'] : null,
  };
}

/**
 * Reads the first lock there is. A lock proves nothing by itself: after a SIGKILL it stays behind. Older versions keep
 * theirs in /tmp, where anybody can write one of that name: a file that is not `uid`'s own is none.
 */
export function readLock(paths: readonly string[], uid: number): LockResult {
  for (const path of paths) {
    let text: string;
    try {
      if (statSync(path).uid !== uid) continue;
      text = readFileSync(path, 'utf8');
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' || code === 'ENOTDIR') continue;
      return { kind: 'unknown', because: message };
    }
    const lock = parseLock(path, text);
    return lock === null ? { kind: 'unknown', because: `${path} is not a lock` } : { kind: 'ok', lock };
  }
  return { kind: 'none' };
}
