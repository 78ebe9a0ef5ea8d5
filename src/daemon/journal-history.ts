import { constants, type FileHandle, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode, fileFailure } from '../system/file-failure.ts';
import { type JournalLine, parseLine } from './journal.ts';

/** Something of the journal that could not be read as it was written, as a sentence. */
interface HistoryTrouble {
  /** `torn`: the end of the newest line, which a crash leaves behind; nothing else is lost by it. */
  readonly kind: 'torn' | 'damaged' | 'missing' | 'quarantined' | 'unreadable';
  readonly because: string;
}

export interface History {
  /** Names of the files that were read, oldest content first. */
  readonly parts: readonly string[];
  readonly lines: number;
  /** The newest line of all. */
  readonly newest: JournalLine | null;
  readonly oldestAt: JournalLine['at'] | null;
  readonly troubles: readonly HistoryTrouble[];
}

interface Part {
  readonly name: string;
  readonly kind: 'rotated' | 'current' | 'quarantined' | 'checkpoint';
  readonly handle: FileHandle;
  readonly size: number;
  /** When its first readable line was written, else when the file was last changed. */
  readonly beganAt: number;
}

const pieceBytes = 65_536;
/** A line is two to eight kilobytes; one that never ends is damage. */
const maxLineBytes = 1_048_576;
/** As much of one part as the daemon itself would read. */
const maxPartBytes = 64 * 1_048_576;
/** Damaged journals that were put aside; more of them have no more to tell. */
const maxQuarantined = 4;
const maxTroubles = 20;

/**
 * Reads everything that is left of the journal in `stateDir`, oldest line first: the rotated parts, those put aside as
 * damaged, the checkpoint, and the one in use. One piece and one line are in memory at a time. What cannot be read is
 * told and passed over; nothing is changed, and a daemon may go on writing meanwhile. Null: nothing was ever written.
 */
export async function readHistory(
  stateDir: string,
  take: (line: JournalLine) => void,
): Promise<History | null> {
  const troubles: HistoryTrouble[] = [];
  const tell = (kind: HistoryTrouble['kind'], because: string): void => {
    if (troubles.length < maxTroubles) troubles.push({ kind, because });
  };
  const parts = await openParts(stateDir, tell);
  let lines = 0;
  let last: JournalLine | null = null;
  let oldestAt: JournalLine['at'] | null = null;
  const accept = (line: JournalLine, part: Part): void => {
    if (last !== null && line.seq <= last.seq && part.kind === 'checkpoint') return;
    if (last !== null && line.seq > last.seq + 1 && part.kind !== 'checkpoint') {
      tell('missing', `${part.name}: the lines ${last.seq + 1} to ${line.seq - 1} are missing before it`);
    }
    last = line;
    oldestAt ??= line.at;
    lines += 1;
    take(line);
  };
  try {
    for (const part of parts) {
      if (part.kind === 'quarantined') {
        tell('quarantined', `${part.name} was put aside as damaged; what can be read of it is shown`);
      }
      await readPart(part, accept, tell);
    }
  } finally {
    await Promise.all(parts.map(({ handle }) => handle.close()));
  }
  if (parts.length === 0 && troubles.length === 0) return null;
  return { parts: parts.map(({ name }) => name), lines, newest: last, oldestAt, troubles };
}

type Tell = (kind: HistoryTrouble['kind'], because: string) => void;

/** Newest first, so that a rotation in between moves a file into our view a second time and never out of it. */
async function openParts(stateDir: string, tell: Tell): Promise<readonly Part[]> {
  const names = await readdir(stateDir).catch((error: unknown) => {
    if (errorCode(error) !== 'ENOENT') tell('unreadable', fileFailure(`read ${stateDir}`, error).because);
    return [];
  });
  const aside = names
    .filter((name) => /^journal\.jsonl\.quarantined-\d+$/.test(name))
    .sort()
    .slice(-maxQuarantined);
  const rotated = names.filter((name) => /^journal\.jsonl\.\d$/.test(name)).sort();
  const found: Part[] = [];
  const seen = new Set<string>();
  for (const name of ['journal.jsonl', ...rotated, ...aside, 'state.json']) {
    const part = await openPart(stateDir, name, { seen, tell });
    if (part !== null) found.push(part);
  }
  return found.sort((one, other) => one.beganAt - other.beganAt || rank[one.kind] - rank[other.kind]);
}

/** Of two that begin at one moment: what was put aside was written before what replaced it. */
const rank = { quarantined: 0, rotated: 1, checkpoint: 2, current: 3 } as const;

function kindOf(name: string): Part['kind'] {
  if (name === 'state.json') return 'checkpoint';
  if (name === 'journal.jsonl') return 'current';
  return name.includes('quarantined') ? 'quarantined' : 'rotated';
}

async function openPart(
  stateDir: string,
  name: string,
  { seen, tell }: { readonly seen: Set<string>; readonly tell: Tell },
): Promise<Part | null> {
  const path = join(stateDir, name);
  let handle: FileHandle | null = null;
  try {
    // Without O_NONBLOCK opening a named pipe waits for a writer that may never come.
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const { ino, dev, size, mtimeMs, isFile } = await factsOf(handle);
    const identity = `${dev}:${ino}`;
    if (!isFile) tell('unreadable', `${name} is not a regular file`);
    if (!isFile || seen.has(identity)) {
      await handle.close();
      return null;
    }
    seen.add(identity);
    const head = Buffer.alloc(pieceBytes);
    const { bytesRead } = await handle.read(head, 0, head.length, 0);
    const first = parseLine(head.toString('utf8', 0, bytesRead).split('\n', 1)[0] ?? '');
    return { name, kind: kindOf(name), handle, size, beganAt: first?.at ?? mtimeMs };
  } catch (error) {
    await handle?.close();
    if (errorCode(error) !== 'ENOENT') tell('unreadable', fileFailure(`read ${path}`, error).because);
    return null;
  }
}

async function factsOf(handle: FileHandle): Promise<{
  readonly ino: number;
  readonly dev: number;
  readonly size: number;
  readonly mtimeMs: number;
  readonly isFile: boolean;
}> {
  const stat = await handle.stat();
  return { ino: stat.ino, dev: stat.dev, size: stat.size, mtimeMs: stat.mtimeMs, isFile: stat.isFile() };
}

async function readPart(
  part: Part,
  accept: (line: JournalLine, part: Part) => void,
  tell: Tell,
): Promise<void> {
  const { name, handle, size } = part;
  const from = Math.max(0, size - maxPartBytes);
  if (from > 0) tell('unreadable', `${name} has ${size} bytes; only its last ${maxPartBytes} are read`);
  let lost = 0;
  let tornBytes = 0;
  const take = (text: string | null, isLast: boolean): void => {
    const line = text === null ? null : parseLine(text);
    if (line !== null) accept(line, part);
    else if (isLast) tornBytes = text === null ? maxLineBytes : Buffer.byteLength(text);
    else lost += 1;
  };
  try {
    await eachLine({ handle, from, to: size }, take);
  } catch (error) {
    tell('unreadable', fileFailure(`read on in ${name}`, error).because);
  }
  if (part.kind === 'checkpoint') {
    if (tornBytes > 0 || lost > 0) tell('damaged', `${name}, the checkpoint, cannot be understood`);
    return;
  }
  if (lost > 0) tell('damaged', `${name}: ${lost} line${lost === 1 ? '' : 's'} cannot be read`);
  if (tornBytes > 0) {
    tell(
      part.kind === 'current' ? 'torn' : 'damaged',
      `${name}: its last line is torn (${tornBytes} bytes), or is being written just now`,
    );
  }
}

/** Calls with each line; null for one beyond every bound. The last one is one that no line break ends. */
async function eachLine(
  { handle, from, to }: { readonly handle: FileHandle; readonly from: number; readonly to: number },
  take: (text: string | null, isLast: boolean) => void,
): Promise<void> {
  const piece = Buffer.alloc(pieceBytes);
  let begun: Buffer[] = [];
  let begunBytes = 0;
  let isEndless = false;
  // Cut in the middle of a line when only the end of a file is read: what stands before the first break is none.
  let skip = from > 0;
  const end = (isLast: boolean): void => {
    if (skip) skip = false;
    else take(isEndless ? null : Buffer.concat(begun).toString('utf8'), isLast);
    begun = [];
    begunBytes = 0;
    isEndless = false;
  };
  for (let offset = from; offset < to; ) {
    const { bytesRead } = await handle.read(piece, 0, Math.min(piece.length, to - offset), offset);
    if (bytesRead === 0) break;
    offset += bytesRead;
    let start = 0;
    while (start < bytesRead) {
      const found = piece.indexOf(0x0a, start);
      const stop = found === -1 || found >= bytesRead ? bytesRead : found;
      begunBytes += stop - start;
      isEndless ||= begunBytes > maxLineBytes;
      if (isEndless) begun = [];
      else begun.push(Buffer.from(piece.subarray(start, stop)));
      if (stop < bytesRead) end(false);
      start = stop + 1;
    }
  }
  if (begunBytes > 0) end(true);
}
