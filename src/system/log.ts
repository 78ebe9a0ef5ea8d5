import { join } from 'node:path';
import { pino } from 'pino';
import type { Clock, Instant } from '../core/time.ts';
import { ensurePrivateDirectory } from './durable-file.ts';
import { openLogFile } from './log-files.ts';
import {
  cleanFields,
  type LogFields,
  type LogLevel,
  maxLineBytes,
  renderPlain,
  safeText,
} from './log-text.ts';

/** The sentence comes first and stands alone; fields are for searching. Nothing here throws or blocks on a bad disk. */
export interface Log {
  debug(sentence: string, fields?: LogFields): void;
  info(sentence: string, fields?: LogFields): void;
  warn(sentence: string, fields?: LogFields): void;
  error(sentence: string, fields?: LogFields): void;
  close(): void;
}

export interface LogOptions {
  readonly dir: string;
  readonly clock: Pick<Clock, 'now'>;
  readonly level: LogLevel;
  readonly redact: (text: string) => string;
  /** Size at which a file is rotated. */
  readonly maxBytes?: number;
}

const defaultMaxBytes = 5 * 1_048_576;
/** Leaves room for the JSON line's own time, level and quotes. */
const maxEventBytes = maxLineBytes - 512;
const rank: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

/** `watchdog.log` for people (Console.app shows plain text), `watchdog.jsonl` for programs; one event a line in both. */
export async function createLog(options: LogOptions): Promise<Log> {
  // Where the directory cannot be made the log drops lines and counts them, as on a full disk.
  await ensurePrivateDirectory(options.dir);
  const maxBytes = options.maxBytes ?? defaultMaxBytes;
  const plain = openLogFile(join(options.dir, 'watchdog.log'), {
    maxBytes,
    renderLost: (count, because) =>
      `${renderPlain(options.clock.now(), 'warn', { sentence: lostSentence(count), fields: { because } })}\n`,
  });
  const json = openLogFile(join(options.dir, 'watchdog.jsonl'), {
    maxBytes,
    renderLost: (count, because) =>
      `${JSON.stringify({ level: 'warn', time: isoTime(options.clock.now()), lost: count, because, msg: lostSentence(count) })}\n`,
  });
  /** The moment of the event being written, so that both files show the same. */
  let at = options.clock.now();
  const lines = pino(
    {
      level: options.level,
      base: null,
      timestamp: () => `,"time":"${isoTime(at)}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: json.write },
  );

  const write = (level: LogLevel, sentence: string, fields: LogFields): void => {
    if (rank[level] < rank[options.level]) return;
    const event = bounded(safeText(sentence, options.redact), cleanFields(fields, options.redact));
    at = options.clock.now();
    plain.write(`${renderPlain(at, level, event)}\n`);
    lines[level](event.fields, event.sentence);
  };

  return {
    debug: (sentence, fields = {}) => write('debug', sentence, fields),
    info: (sentence, fields = {}) => write('info', sentence, fields),
    warn: (sentence, fields = {}) => write('warn', sentence, fields),
    error: (sentence, fields = {}) => write('error', sentence, fields),
    close: () => {
      plain.close();
      json.close();
    },
  };
}

/** A JSON line cannot be cut in the middle: an event too long for one line keeps a shorter sentence and no fields. */
function bounded(
  sentence: string,
  fields: LogFields,
): { readonly sentence: string; readonly fields: LogFields } {
  const bytes = Buffer.byteLength(JSON.stringify({ sentence, fields }));
  if (bytes <= maxEventBytes) return { sentence, fields };
  // Quotes and backslashes double in JSON, and a character takes up to three bytes.
  return { sentence: sentence.slice(0, 1_200).toWellFormed(), fields: { cutFromBytes: bytes } };
}

const lostSentence = (count: number): string =>
  `${count} log ${count === 1 ? 'line was' : 'lines were'} lost because the log could not be written.`;

const isoTime = (at: Instant): string => new Date(at).toISOString();
