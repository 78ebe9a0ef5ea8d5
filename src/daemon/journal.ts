import { link, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Notice } from '../core/notice.ts';
import { restoreState } from '../core/restore-state.ts';
import { initialState, type State } from '../core/state.ts';
import { type Instant, instant } from '../core/time.ts';
import { type AppendFile, openAppend } from '../system/append-file.ts';
import { type FileOutcome, readIfExists, writeDurable } from '../system/durable-file.ts';
import { errorCode, fileFailure } from '../system/file-failure.ts';

/** One transition. Each line carries the whole state (about 2 kB), so that replay is reading the last good line. */
export interface JournalLine {
  readonly seq: number;
  readonly at: Instant;
  readonly kind:
    | 'started'
    | 'decided'
    | 'intent'
    | 'outcome'
    | 'interrupted'
    | 'commanded'
    // A change of the config that is no action of the ladder: applied, kept, taken back.
    | 'change'
    | 'settings'
    | 'fault'
    | 'stopped';
  readonly because: string;
  readonly notices: readonly Notice[];
  readonly state: State;
}

export type JournalEntry = Omit<JournalLine, 'seq'>;

export interface Journal {
  append(entry: JournalEntry): Promise<FileOutcome>;
  close(): Promise<void>;
}

export interface Replay {
  /** null: nothing was ever written here. */
  readonly state: State | null;
  readonly lastAt: Instant | null;
  /** What had to be dropped or put aside, as sentences; empty when the journal was whole. */
  readonly reports: readonly string[];
  /** A torn middle or a gap: the journal was quarantined, and the daemon must not act before a person looked. */
  readonly inDoubt: boolean;
}

export type JournalOpened =
  | { readonly kind: 'open'; readonly journal: Journal; readonly replay: Replay }
  | { readonly kind: 'failed'; readonly because: string };

/** A year of ordinary life is below this; a flapping gateway rotates sooner. */
const rotateAtBytes = 8 * 1_048_576;
const readAtMostBytes = 64 * 1_048_576;
const kept = 4;

const journalIn = (stateDir: string): string => join(stateDir, 'journal.jsonl');
const checkpointIn = (stateDir: string): string => join(stateDir, 'state.json');

/** A journal that is there and will not let itself be read is one in doubt; anything else (EIO, EMFILE) may pass. */
const neverReadable: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'ENOTFILE', 'ELOOP']);

/** Opens `state/journal.jsonl`, replays it over the checkpoint `state/state.json`, and makes it ready to append. */
export async function openJournal(stateDir: string, now: Instant): Promise<JournalOpened> {
  const path = journalIn(stateDir);
  const checkpoint = await readCheckpoint(stateDir);
  const read = await readIfExists(path, readAtMostBytes);
  if (read.kind === 'unreadable' && !neverReadable.has(read.code)) {
    return { kind: 'failed', because: read.because };
  }
  let parsed: Parsed = { kind: 'whole', last: null, goodBytes: 0, tornBytes: 0 };
  if (read.kind === 'read') parsed = parseJournal(read.bytes, checkpoint.line?.seq ?? 0);
  if (read.kind === 'too-large' || read.kind === 'unreadable') {
    parsed = { kind: 'doubtful', last: null, because: read.because };
  }
  const newest = newer(checkpoint.line, parsed.last);
  if (parsed.kind === 'doubtful' || checkpoint.damaged) return openInDoubt({ stateDir, now, parsed, newest });

  const opened = await openAppend(path, 0o600);
  if (opened.kind === 'failed') return { kind: 'failed', because: opened.because };
  const reports: string[] = [];
  if (parsed.tornBytes > 0) {
    const cut = await opened.file.truncate(parsed.goodBytes);
    if (cut.kind === 'failed') {
      await opened.file.close();
      return { kind: 'failed', because: cut.because };
    }
    reports.push(`the last journal line was torn (${parsed.tornBytes} bytes) and was dropped`);
  }
  const replay: Replay = {
    state: newest === null ? null : restoreState(newest.state),
    lastAt: newest?.at ?? null,
    reports,
    inDoubt: false,
  };
  const from = { seq: newest?.seq ?? 0, size: parsed.goodBytes };
  return { kind: 'open', journal: writer(stateDir, opened.file, from), replay };
}

interface Doubt {
  readonly stateDir: string;
  readonly now: Instant;
  readonly parsed: Parsed;
  readonly newest: JournalLine | null;
}

/**
 * Puts what is damaged aside, whole, and begins a journal whose first line says "in doubt". That line replaces the
 * damaged file in one rename: a death in between must not end in an empty journal that doubts nothing.
 */
async function openInDoubt({ stateDir, now, parsed, newest }: Doubt): Promise<JournalOpened> {
  const path = journalIn(stateDir);
  const damaged =
    parsed.kind === 'doubtful'
      ? { name: path, because: `the journal is damaged in the middle (${parsed.because})` }
      : { name: checkpointIn(stateDir), because: 'the checkpoint state.json cannot be read' };
  const aside = `${damaged.name}.quarantined-${now}`;
  const report = `${damaged.because}; it was put aside as ${aside}`;
  const lastAt = instant(Math.max(now, newest?.at ?? 0));
  const state: State = {
    ...(newest === null ? initialState : restoreState(newest.state)),
    phase: { kind: 'suspended', cause: 'journal-in-doubt', since: lastAt, until: null },
    because: `the watchdog's own journal is damaged, so it decides nothing until "immune resume": ${report}`,
  };
  const line: JournalLine = {
    seq: (newest?.seq ?? 0) + 1,
    at: lastAt,
    kind: 'started',
    because: state.because,
    notices: [],
    state,
  };
  const text = `${JSON.stringify(line)}\n`;
  const kept = parsed.kind === 'doubtful' ? await keepAside(path, aside) : null;
  if (kept?.kind === 'failed') return kept;
  const begun = await writeDurable(path, text, { mode: 0o600 });
  if (begun.kind === 'failed') return { kind: 'failed', because: begun.because };
  // The checkpoint goes last: as long as it lies there the next start doubts it again.
  const moved = parsed.kind === 'doubtful' ? null : await moveAside(damaged.name, aside);
  if (moved?.kind === 'failed') return moved;
  const opened = await openAppend(path, 0o600);
  if (opened.kind === 'failed') return { kind: 'failed', because: opened.because };
  const from = { seq: line.seq, size: Buffer.byteLength(text) };
  const replay: Replay = { state, lastAt, reports: [report], inDoubt: true };
  return { kind: 'open', journal: writer(stateDir, opened.file, from), replay };
}

/** A second name for the file, so that its place is never empty; where links are not to be had it is moved. */
async function keepAside(path: string, aside: string): Promise<FileOutcome> {
  try {
    await link(path, aside);
    return { kind: 'done' };
  } catch (error) {
    return errorCode(error) === 'ENOENT' ? { kind: 'done' } : moveAside(path, aside);
  }
}

async function moveAside(path: string, aside: string): Promise<FileOutcome> {
  try {
    await rename(path, aside);
    return { kind: 'done' };
  } catch (error) {
    return fileFailure(`put ${path} aside`, error);
  }
}

function writer(stateDir: string, first: AppendFile, from: { seq: number; size: number }): Journal {
  let file = first;
  let { seq, size } = from;
  let rotateAt = rotateAtBytes;
  /** The file was moved away and no new one could be opened: to be tried again before the next line. */
  let broken = false;
  const reopen = async (): Promise<FileOutcome> => {
    await file.close();
    const opened = await openAppend(journalIn(stateDir), 0o600);
    if (opened.kind === 'failed') return opened;
    file = opened.file;
    return { kind: 'done' };
  };
  const rotate = async (line: JournalLine): Promise<void> => {
    // The checkpoint is durable before the lines it replaces move away.
    const saved = await writeDurable(checkpointIn(stateDir), JSON.stringify(line), { mode: 0o600 });
    const path = journalIn(stateDir);
    if (saved.kind === 'failed') {
      // The line itself is on the disk; a journal that grows a little longer is no reason to stop deciding.
      rotateAt = size + rotateAtBytes / 8;
      return;
    }
    for (let n = kept - 1; n >= 1; n -= 1) {
      // A generation that was never made is not there to move.
      await rename(`${path}.${n}`, `${path}.${n + 1}`).catch(() => undefined);
    }
    const moved = await moveAside(path, `${path}.1`);
    rotateAt = moved.kind === 'done' ? rotateAtBytes : size + rotateAtBytes / 8;
    if (moved.kind === 'failed') return;
    size = 0;
    broken = (await reopen()).kind === 'failed';
  };
  return {
    append: async (entry) => {
      if (broken) {
        const again = await reopen();
        if (again.kind === 'failed') return again;
        broken = false;
      }
      const line: JournalLine = { seq: seq + 1, ...entry };
      const text = JSON.stringify(line);
      const outcome = await file.append(text);
      if (outcome.kind === 'failed') return outcome;
      seq += 1;
      size += Buffer.byteLength(text) + 1;
      if (size > rotateAt) await rotate(line);
      return outcome;
    },
    close: () => file.close(),
  };
}

type Parsed =
  | {
      readonly kind: 'whole';
      readonly last: JournalLine | null;
      readonly goodBytes: number;
      readonly tornBytes: number;
    }
  | { readonly kind: 'doubtful'; readonly last: JournalLine | null; readonly because: string };

/** Every line must parse and follow the one before; only the very last may be torn (a write cut short by a crash). */
export function parseJournal(bytes: Uint8Array, checkpointSeq: number): Parsed {
  const text = Buffer.from(bytes).toString('utf8');
  let last: JournalLine | null = null;
  let offset = 0;
  while (offset < text.length) {
    const end = text.indexOf('\n', offset);
    const line = end === -1 ? null : parseLine(text.slice(offset, end));
    if (line === null) {
      const goodBytes = Buffer.byteLength(text.slice(0, offset));
      const isLast = end === -1 || end === text.length - 1;
      if (isLast) return { kind: 'whole', last, goodBytes, tornBytes: bytes.length - goodBytes };
      const because = `a line after number ${last?.seq ?? checkpointSeq} cannot be read`;
      return { kind: 'doubtful', last: newestIn(text.slice(end + 1), last), because };
    }
    if (last !== null && line.seq !== last.seq + 1) {
      const because = `line ${line.seq} follows line ${last.seq}`;
      return { kind: 'doubtful', last: newestIn(text.slice(offset), last), because };
    }
    last = line;
    offset = end + 1;
  }
  return { kind: 'whole', last, goodBytes: bytes.length, tornBytes: 0 };
}

/** Behind the damage too: the newest readable line knows the most of what was spent and which action came last. */
function newestIn(text: string, before: JournalLine | null): JournalLine | null {
  return text.split('\n').reduce((newest, line) => newer(newest, parseLine(line)), before);
}

/** One line of a journal; null for what is none. */
export function parseLine(text: string): JournalLine | null {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return null;
    const isLine =
      'seq' in value &&
      Number.isSafeInteger(value.seq) &&
      'at' in value &&
      typeof value.at === 'number' &&
      'state' in value &&
      typeof value.state === 'object' &&
      value.state !== null &&
      'phase' in value.state;
    return isLine ? (value as JournalLine) : null;
  } catch {
    // What is no JSON is a torn or foreign line; the caller decides which.
    return null;
  }
}

async function readCheckpoint(
  stateDir: string,
): Promise<{ readonly line: JournalLine | null; readonly damaged: boolean }> {
  const read = await readIfExists(checkpointIn(stateDir), readAtMostBytes);
  if (read.kind === 'missing') return { line: null, damaged: false };
  const line = read.kind === 'read' ? parseLine(read.bytes.toString('utf8')) : null;
  return { line, damaged: line === null };
}

function newer(a: JournalLine | null, b: JournalLine | null): JournalLine | null {
  if (a === null || b === null) return a ?? b;
  return b.seq >= a.seq ? b : a;
}
