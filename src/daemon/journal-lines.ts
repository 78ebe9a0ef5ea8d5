import { join } from 'node:path';
import { readIfExists } from '../system/durable-file.ts';
import { type JournalLine, parseLine } from './journal.ts';

export interface LinesAfter {
  /** Oldest first. */
  readonly lines: readonly JournalLine[];
  /** The newest line there is, taken or not; 0 without any. */
  readonly newest: number;
  readonly problem: string | null;
}

const maxBytes = 64 * 1_048_576;
/** The journal and the generations that it keeps. */
const generations = ['', '.1', '.2', '.3', '.4'] as const;

/** What the journal says after the given line, across rotations. Lines that cannot be read are left out. */
export async function linesAfter(stateDir: string, cursor: number): Promise<LinesAfter> {
  let lines: readonly JournalLine[] = [];
  let newest = 0;
  for (const generation of generations) {
    const path = `${join(stateDir, 'journal.jsonl')}${generation}`;
    const read = await readIfExists(path, maxBytes);
    if (read.kind === 'missing') {
      // Right after a rotation there is no journal yet, only its first generation.
      if (generation === '') continue;
      break;
    }
    if (read.kind !== 'read') return { lines, newest, problem: read.because };
    const found = newestFirst(read.bytes.toString('utf8'), cursor);
    newest = Math.max(newest, found.newest);
    lines = [...found.lines, ...lines];
    if (found.reached) break;
  }
  // Where every line was moved away, the checkpoint still knows how far they went.
  const checkpoint = await readIfExists(join(stateDir, 'state.json'), maxBytes);
  const last = checkpoint.kind === 'read' ? parseLine(checkpoint.bytes.toString('utf8')) : null;
  return { lines, newest: Math.max(newest, last?.seq ?? 0), problem: null };
}

/** From the end, so that a long journal is not read whole for its last lines. */
function newestFirst(
  text: string,
  cursor: number,
): { readonly lines: readonly JournalLine[]; readonly newest: number; readonly reached: boolean } {
  const lines: JournalLine[] = [];
  let newest = 0;
  let end = text.length;
  while (end > 0) {
    const start = text.lastIndexOf('\n', end - 1) + 1;
    const line = start === end ? null : parseLine(text.slice(start, end));
    end = start - 1;
    if (line === null) continue;
    newest = Math.max(newest, line.seq);
    if (line.seq <= cursor) return { lines: lines.toReversed(), newest, reached: true };
    lines.push(line);
  }
  return { lines: lines.toReversed(), newest, reached: false };
}
