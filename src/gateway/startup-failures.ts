import { constants } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { instant } from '../core/time.ts';
import type { LogText } from './crash-log.ts';

/** OpenClaw keeps the twenty newest of some two kilobytes each; one longer than this is nothing it wrote. */
const maxBytes = 65_536;
const failure = /^openclaw-stability-\d{4}-\d\d-\d\dT[\d-]+Z-\d+-gateway\.(?:restart_)?startup_failed\.json$/;

const folderOf = (stateDir: string): string => join(stateDir, 'logs', 'stability');

/** The newest record of a failed start in the state directory; empty when there is none. Names sort by time. */
export async function newestFailure(stateDir: string): Promise<string> {
  const names = await readdir(folderOf(stateDir)).catch(() => {
    // No start has ever failed there, or the folder is closed to us: nothing to tell either way.
    return [];
  });
  return names.filter((name) => failure.test(name)).reduce((one, other) => (other > one ? other : one), '');
}

/**
 * A failed start as OpenClaw recorded it for itself, told as the line its console had. It is the only word 2026.6 leaves
 * of a failure in a place of its own: its plist throws the console's errors away. Null when it cannot be read.
 */
export async function readFailure(
  stateDir: string,
  name: string,
): Promise<Pick<LogText, 'text' | 'writtenAt'> | null> {
  try {
    // Not waiting for a writer, should somebody have put a pipe there.
    await using file = await open(join(folderOf(stateDir), name), constants.O_RDONLY | constants.O_NONBLOCK);
    const { size } = await file.stat();
    if (size > maxBytes) return null;
    const { generatedAt, error } = JSON.parse(await file.readFile('utf8')) as {
      readonly generatedAt?: unknown;
      readonly error?: { readonly message?: unknown } | null;
    };
    const at = typeof generatedAt === 'string' ? Date.parse(generatedAt) : Number.NaN;
    const message = error?.message;
    if (!Number.isFinite(at) || typeof message !== 'string') return null;
    const stamp = new Date(at).toISOString();
    const text = `${stamp} Gateway failed to start: ${message.replace(/\s+/g, ' ').trim()}\n`;
    return { text, writtenAt: instant(at) };
  } catch {
    // Pruned meanwhile, half written or not JSON: the console's own log may still tell.
    return null;
  }
}
