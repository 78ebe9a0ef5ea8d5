import { randomBytes } from 'node:crypto';
import { readdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../core/time.ts';
import { millis } from '../core/time.ts';
import { ensurePrivateDirectory, readIfExists, writeDurable } from '../system/durable-file.ts';

/** What an operator can ask of the running daemon, as a file renamed into `state/commands/`. */
export type Request =
  | { readonly kind: 'pause'; readonly forMs: number | null; readonly by: string }
  | { readonly kind: 'resume' | 'repair' | 'acknowledge'; readonly by: string }
  /** One deep probe now; with `why` the whole chain up to what would be done. */
  | { readonly kind: 'check'; readonly by: string; readonly why: boolean }
  /** Puts a staged plan in place and watches it. */
  | {
      readonly kind: 'apply';
      /** Its name below `state/plans/`: content never travels in a request. */
      readonly staged: string;
      readonly confirmWithinMs: number | null;
      readonly restart: boolean;
      readonly by: string;
    }
  | { readonly kind: 'fix-config'; readonly staged: string; readonly by: string }
  /** Puts the installed package right by a staged plan. */
  | { readonly kind: 'fix-deps'; readonly staged: string; readonly by: string }
  | { readonly kind: 'confirm'; readonly by: string }
  /** Starts or restarts the gateway now. `force`: beyond the budget too. */
  | {
      readonly kind: 'restart';
      readonly force: boolean;
      readonly by: string;
      /** Nobody has agreed to end one that serves: it may have come up since it was looked at. */
      readonly unlessServing?: boolean;
    }
  /** Ends exactly this process, which holds the gateway's port. */
  | {
      readonly kind: 'fix-port';
      readonly pid: number;
      /** In ms since the epoch, as it was shown to the operator: a pid alone may have been reused. */
      readonly startedAt: number;
      /** It is no gateway of ours, and the operator has named it. */
      readonly foreign: boolean;
      readonly force: boolean;
      readonly by: string;
    }
  | { readonly kind: 'undo'; readonly id: string; readonly by: string }
  | { readonly kind: 'alerts'; readonly what: 'retry' | 'drop'; readonly id: string; readonly by: string };

export interface Answer {
  readonly ok: boolean;
  readonly text: string;
  /** The change of the config it is about. */
  readonly trial?: string;
  /** The repair of the package it is about. */
  readonly repair?: string;
  /** What `immune undo` takes to put back what was replaced. */
  readonly undo?: string;
  /** The action that was made; without it the gateway came up by itself. */
  readonly action?: string;
  /** Why it is not ok, where that makes a difference; without it, it was refused. */
  readonly why?: 'failed' | 'busy';
  /** The command to type next, where it is not ok. */
  readonly next?: string;
}

const maxBytes = 65_536;
/** More files than this in the folder is not an operator; the rest waits for the next look. */
const maxRequests = 32;
/** An answer nobody fetched is removed after this. */
const staleMs = 3_600_000;
/** Whoever asked has given up by then (Ctrl-C, a lost terminal): carried out hours later a request would surprise. */
const abandonedMs = 60_000;
const pollMs = millis(100);
const takesLong: ReadonlySet<Request['kind']> = new Set([
  'check',
  'apply',
  'fix-config',
  'fix-deps',
  'restart',
  'fix-port',
  'undo',
]);

const directoryIn = (stateDir: string): string => join(stateDir, 'commands');
const requestName = /^[a-z0-9-]+\.json$/;

/** CLI side: leaves a request and waits for its answer; null when nobody answered in time, or whoever waits was
 *  interrupted (what was not taken yet is taken back). */
export async function sendRequest(
  stateDir: string,
  request: Request,
  wait: {
    readonly clock: Clock;
    readonly timeoutMs: number;
    /** A request that lies there untouched after this long is not waited for any longer. */
    readonly takenWithinMs?: number;
    readonly signal?: AbortSignal;
  },
): Promise<Answer | null> {
  const directory = directoryIn(stateDir);
  const id = `c${randomBytes(8).toString('hex')}`;
  const prepared = await ensurePrivateDirectory(directory);
  if (prepared.kind === 'failed') return { ok: false, text: prepared.because };
  const path = join(directory, `${id}.json`);
  const written = await writeDurable(path, JSON.stringify(request), { mode: 0o600 });
  if (written.kind === 'failed') return { ok: false, text: written.because };
  const answerPath = join(directory, `${id}.answer`);
  const deadline = wait.clock.elapsed() + wait.timeoutMs;
  const takeBy = wait.clock.elapsed() + (wait.takenWithinMs ?? 0);
  while (wait.clock.elapsed() < deadline && wait.signal?.aborted !== true) {
    const answer = await readIfExists(answerPath, maxBytes);
    if (answer.kind === 'read') {
      await unlink(answerPath);
      return JSON.parse(answer.bytes.toString('utf8')) as Answer;
    }
    if (wait.takenWithinMs !== undefined && wait.clock.elapsed() >= takeBy && (await isThere(path))) break;
    await wait.clock.sleep(pollMs, wait.signal);
  }
  // Nobody took it: a request that is carried out hours later would surprise.
  await unlink(path).catch(() => undefined);
  return null;
}

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/**
 * Daemon side: takes every waiting request. A file that is no request is answered and removed. Resolves when all are
 * answered but those that take seconds (a deep probe, a change of the config): a pause must not wait behind them.
 */
export async function takeRequests(
  stateDir: string,
  carryOut: (request: Request) => Promise<Answer>,
): Promise<void> {
  const directory = directoryIn(stateDir);
  // Files only: a folder or a pipe of such a name is nobody's request, cannot be removed, and would come up for ever.
  const names = (await readdir(directory, { withFileTypes: true }))
    .filter((entry) => entry.isFile() && requestName.test(entry.name))
    .map((entry) => entry.name)
    .sort();
  for (const name of names.slice(0, maxRequests)) {
    const path = join(directory, name);
    const read = await readIfExists(path, maxBytes);
    const made = await stat(path).catch(() => null);
    const abandoned = made !== null && Date.now() - made.mtimeMs > abandonedMs;
    // Removed before it is carried out: after a crash a command is lost, never done twice. One that cannot be removed
    // would be done again and again, so it is not done at all; the folder's owner sees no answer.
    const removed = await unlink(path).then(
      () => true,
      () => false,
    );
    if (!removed || read.kind === 'missing' || abandoned) continue;
    const request = read.kind === 'read' ? parseRequest(read.bytes.toString('utf8')) : null;
    const answering = answer(request, carryOut).then((text) =>
      writeDurable(join(directory, `${name.slice(0, -'.json'.length)}.answer`), text, { mode: 0o600 }),
    );
    if (request === null || !takesLong.has(request.kind)) await answering;
  }
}

/** Never rejects: whoever asked is told, even of a bug. */
async function answer(
  request: Request | null,
  carryOut: (request: Request) => Promise<Answer>,
): Promise<string> {
  if (request === null) {
    return JSON.stringify({ ok: false, text: 'this file is not a command the daemon knows' });
  }
  const given = await carryOut(request).catch(
    (error: unknown): Answer => ({ ok: false, text: `a bug of the watchdog: ${String(error)}` }),
  );
  return JSON.stringify(given);
}

/** Removes answers that nobody fetched. */
export async function sweepAnswers(stateDir: string, nowMs: number): Promise<void> {
  const directory = directoryIn(stateDir);
  for (const name of await readdir(directory)) {
    if (!name.endsWith('.answer')) continue;
    const path = join(directory, name);
    const made = await stat(path).catch(() => null);
    if (made !== null && nowMs - made.mtimeMs > staleMs) await unlink(path).catch(() => undefined);
  }
}

export const commandsDirectory = directoryIn;

function parseRequest(text: string): Request | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Not JSON is simply not a request.
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  const kind = 'kind' in value ? value.kind : null;
  const by = 'by' in value && typeof value.by === 'string' ? value.by.slice(0, 200) : 'unknown';
  switch (kind) {
    case 'pause': {
      const forMs = 'forMs' in value ? value.forMs : null;
      if (forMs !== null && (typeof forMs !== 'number' || !Number.isFinite(forMs) || forMs <= 0)) return null;
      return { kind, forMs, by };
    }
    case 'resume':
    case 'repair':
    case 'acknowledge':
      return { kind, by };
    case 'check':
      return { kind, by, why: isTrue(value, 'why') };
    case 'apply': {
      const staged = nameIn(value, 'staged');
      const within = 'confirmWithinMs' in value ? value.confirmWithinMs : null;
      if (staged === null) return null;
      if (within !== null && (typeof within !== 'number' || !Number.isFinite(within) || within <= 0))
        return null;
      return { kind, staged, confirmWithinMs: within, restart: isTrue(value, 'restart'), by };
    }
    case 'fix-config':
    case 'fix-deps': {
      const staged = nameIn(value, 'staged');
      return staged === null ? null : { kind, staged, by };
    }
    case 'confirm':
      return { kind, by };
    case 'restart':
      return {
        kind,
        force: isTrue(value, 'force'),
        by,
        ...(isTrue(value, 'unlessServing') ? { unlessServing: true } : {}),
      };
    case 'fix-port': {
      const pid = positiveIn(value, 'pid');
      const startedAt = positiveIn(value, 'startedAt');
      if (pid === null || startedAt === null) return null;
      return { kind, pid, startedAt, foreign: isTrue(value, 'foreign'), force: isTrue(value, 'force'), by };
    }
    case 'undo': {
      const id = nameIn(value, 'id');
      return id === null ? null : { kind, id, by };
    }
    case 'alerts': {
      const id = nameIn(value, 'id');
      const what = 'what' in value ? value.what : null;
      return id === null || (what !== 'retry' && what !== 'drop') ? null : { kind, what, id, by };
    }
    default:
      return null;
  }
}

const isTrue = (value: object, key: string): boolean =>
  (value as Readonly<Record<string, unknown>>)[key] === true;

/** A pid or a moment: whole, and above nothing. */
function positiveIn(value: object, key: string): number | null {
  const given = (value as Readonly<Record<string, unknown>>)[key];
  return typeof given === 'number' && Number.isSafeInteger(given) && given > 0 ? given : null;
}

/** A name that becomes part of a path: nothing that could lead out of its folder. */
function nameIn(value: object, key: string): string | null {
  const name = (value as Readonly<Record<string, unknown>>)[key];
  return typeof name === 'string' && /^[A-Za-z0-9][A-Za-z0-9._~-]{0,99}$/.test(name) ? name : null;
}
