import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Notice } from '../core/notice.ts';
import { initialState, type State } from '../core/state.ts';
import type { Instant } from '../core/time.ts';
import { type AppendFile, openAppend } from '../system/append-file.ts';
import { type FileOutcome, readIfExists, writeDurable } from '../system/durable-file.ts';

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

/** Opens `state/journal.jsonl`, replays it over the checkpoint `state/state.json`, and makes it ready to append. */
export async function openJournal(stateDir: string, now: Instant): Promise<JournalOpened> {
  const path = join(stateDir, 'journal.jsonl');
  const checkpoint = await readCheckpoint(stateDir);
  const read = await readIfExists(path, readAtMostBytes);
  if (read.kind === 'unreadable') return { kind: 'failed', because: read.because };
  const reports: string[] = [...checkpoint.reports];
  let parsed: Parsed = { kind: 'whole', last: null, goodBytes: 0, tornBytes: 0 };
  if (read.kind === 'read') parsed = parseJournal(read.bytes, checkpoint.line?.seq ?? 0);
  if (read.kind === 'too-large') parsed = { kind: 'doubtful', last: null, because: read.because };

  let inDoubt = checkpoint.inDoubt;
  if (parsed.kind === 'doubtful') {
    const aside = `${path}.quarantined-${now}`;
    await rename(path, aside);
    reports.push(`the journal is damaged in the middle (${parsed.because}); it was put aside as ${aside}`);
    inDoubt = true;
  }
  const opened = await openAppend(path, 0o600);
  if (opened.kind === 'failed') return { kind: 'failed', because: opened.because };
  if (parsed.kind === 'whole' && parsed.tornBytes > 0) {
    const cut = await opened.file.truncate(parsed.goodBytes);
    if (cut.kind === 'failed') {
      await opened.file.close();
      return { kind: 'failed', because: cut.because };
    }
    reports.push(`the last journal line was torn (${parsed.tornBytes} bytes) and was dropped`);
  }
  const newest = newer(checkpoint.line, parsed.last);
  const replay: Replay = {
    state: newest === null ? null : { ...initialState, ...newest.state },
    lastAt: newest?.at ?? null,
    reports,
    inDoubt,
  };
  const size = parsed.kind === 'whole' ? parsed.goodBytes : 0;
  return { kind: 'open', journal: writer(stateDir, opened.file, { seq: newest?.seq ?? 0, size }), replay };
}

function writer(stateDir: string, first: AppendFile, from: { seq: number; size: number }): Journal {
  let file = first;
  let { seq, size } = from;
  const rotate = async (line: JournalLine): Promise<FileOutcome> => {
    // The checkpoint is durable before the lines it replaces move away.
    const saved = await writeDurable(join(stateDir, 'state.json'), JSON.stringify(line), { mode: 0o600 });
    if (saved.kind === 'failed') return saved;
    await file.close();
    const path = join(stateDir, 'journal.jsonl');
    for (let n = kept - 1; n >= 1; n -= 1) {
      // A generation that was never made is not there to move.
      await rename(`${path}.${n}`, `${path}.${n + 1}`).catch(() => undefined);
    }
    await rename(path, `${path}.1`);
    const opened = await openAppend(path, 0o600);
    if (opened.kind === 'failed') return opened;
    file = opened.file;
    size = 0;
    return { kind: 'done' };
  };
  return {
    append: async (entry) => {
      const line: JournalLine = { seq: seq + 1, ...entry };
      const text = JSON.stringify(line);
      const outcome = await file.append(text);
      if (outcome.kind === 'failed') return outcome;
      seq += 1;
      size += Buffer.byteLength(text) + 1;
      return size > rotateAtBytes ? rotate(line) : outcome;
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
      return {
        kind: 'doubtful',
        last,
        because: `a line after number ${last?.seq ?? checkpointSeq} cannot be read`,
      };
    }
    if (last !== null && line.seq !== last.seq + 1) {
      return { kind: 'doubtful', last, because: `line ${line.seq} follows line ${last.seq}` };
    }
    last = line;
    offset = end + 1;
  }
  return { kind: 'whole', last, goodBytes: bytes.length, tornBytes: 0 };
}

function parseLine(text: string): JournalLine | null {
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
): Promise<{ line: JournalLine | null; reports: readonly string[]; inDoubt: boolean }> {
  const read = await readIfExists(join(stateDir, 'state.json'), readAtMostBytes);
  if (read.kind === 'missing') return { line: null, reports: [], inDoubt: false };
  const line = read.kind === 'read' ? parseLine(read.bytes.toString('utf8')) : null;
  if (line === null)
    return { line: null, reports: ['the checkpoint state.json cannot be read'], inDoubt: true };
  return { line, reports: [], inDoubt: false };
}

function newer(a: JournalLine | null, b: JournalLine | null): JournalLine | null {
  if (a === null || b === null) return a ?? b;
  return b.seq >= a.seq ? b : a;
}
