import { open, stat } from 'node:fs/promises';
import { type Instant, instant, type Millis, minutes } from '../core/time.ts';
import type { LogText } from '../gateway/crash-log.ts';
import { newestFailure, readFailure } from '../gateway/startup-failures.ts';

interface Places {
  /** The gateway's console logs. */
  readonly files: readonly string[];
  /** OpenClaw records failed starts below it. */
  readonly stateDir: string;
}

interface LogTail {
  /** The gateway serves: whatever there is by now is past, and is not read. */
  pass(places: Places): Promise<void>;
  /** What was written since the gateway last served; `problems` names the files that could not be read. */
  read(
    places: Places,
    now: Instant,
  ): Promise<{ readonly texts: readonly LogText[]; readonly problems: readonly string[] }>;
}

/** Where the news begins in a file. */
interface Mark {
  readonly inode: number;
  readonly size: number;
}

/** Some 1,200 lines: a relaunch every ten seconds fills that in ten minutes, and repeats itself. */
const maxBytes = 262_144;
/** Nobody has seen this gateway serve: a shorter look, for most of it is long past. */
const unmarkedBytes = 65_536;
/** Without a mark, how far back a line may still be about this failure: longer than OpenClaw's slowest retry. */
const unmarkedMs: Millis = minutes(15);

const absent: Mark = { inode: 0, size: 0 };

export function createLogTail(): LogTail {
  let marks: ReadonlyMap<string, Mark> = new Map();
  /** The first look without a mark; later ones go back no less far, or a parked gateway's last words would fade away. */
  let firstReadAt: Instant | null = null;
  /** The newest record of a failed start when the gateway last served; null: nobody has seen it serve. */
  let passedFailure: string | null = null;

  return {
    pass: async ({ files, stateDir }) => {
      const ends = files.map(async (path): Promise<readonly [string, Mark]> => [path, await markOf(path)]);
      marks = new Map(await Promise.all(ends));
      passedFailure = await newestFailure(stateDir);
    },
    read: async ({ files, stateDir }, now) => {
      firstReadAt ??= now;
      const notBefore = instant(firstReadAt - unmarkedMs);
      const texts: LogText[] = [];
      const problems: string[] = [];
      for (const path of files) {
        const found = await readFrom(path, marks.get(path) ?? null);
        if (found.kind === 'failed') problems.push(found.because);
        else texts.push({ ...found.piece, notBefore: marks.has(path) ? null : notBefore });
      }
      const name = await newestFailure(stateDir);
      const failed = name > (passedFailure ?? '') ? await readFailure(stateDir, name) : null;
      if (failed !== null) texts.push({ ...failed, notBefore: passedFailure === null ? notBefore : null });
      return { texts, problems };
    },
  };
}

async function markOf(path: string): Promise<Mark> {
  try {
    const { ino, size } = await stat(path);
    return { inode: ino, size };
  } catch {
    // Not there yet, or closed to us: then all that can be read of it later is news.
    return absent;
  }
}

type Piece =
  | { readonly kind: 'piece'; readonly piece: Pick<LogText, 'text' | 'writtenAt'> }
  | { readonly kind: 'failed'; readonly because: string };

async function readFrom(path: string, mark: Mark | null): Promise<Piece> {
  try {
    // A pipe in the place of a log would make the opening itself wait for a writer.
    const before = await stat(path);
    if (!before.isFile()) return { kind: 'failed', because: `${path} is not a file` };
    await using file = await open(path, 'r');
    const { ino, size, mtimeMs } = await file.stat();
    const wanted = startOf(mark, { inode: ino, size });
    const start = Math.max(wanted, size - (mark === null ? unmarkedBytes : maxBytes));
    // One byte more tells whether the piece begins with a line.
    const from = Math.max(0, start - 1);
    const buffer = Buffer.alloc(Math.max(0, size - from));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, from);
    const text = buffer.toString('utf8', 0, bytesRead);
    const whole = start === 0 ? text : afterFirstLine(text);
    return { kind: 'piece', piece: { text: whole, writtenAt: instant(Math.floor(mtimeMs)) } };
  } catch (error) {
    return { kind: 'failed', because: (error as Error).message };
  }
}

/** The end of a line alone might look like something else: a quotation without the one who quotes. */
function afterFirstLine(text: string): string {
  const end = text.indexOf('\n');
  return end < 0 ? '' : text.slice(end + 1);
}

/** A file that is another one by now, or shorter, was rotated: all of it is news. */
function startOf(mark: Mark | null, now: Mark): number {
  if (mark === null || mark.inode !== now.inode || now.size < mark.size) return 0;
  return mark.size;
}
