import { constants, type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import { UserError } from '../core/errors.ts';
import { seconds } from '../core/time.ts';
import { errorCode, fileFailure } from '../system/file-failure.ts';
import type { Context } from './context.ts';
import { interrupted } from './exit-codes.ts';

const pollMs = seconds(0.25);
/** Read backwards, or forwards while following, in pieces of this size. */
const pieceBytes = 65_536;
/** A log is rotated at 5 MiB: the lines asked for are in the newest of it, and we hold no more. */
const mostTailBytes = 8 * 1_048_576;

interface Following {
  readonly handle: FileHandle;
  readonly ino: number;
  offset: number;
}

/** `immune logs [-f]`: the tail of watchdog.log, then what is added, across rotation and removal. */
export async function runLogs(
  options: { readonly follow: boolean; readonly lines: number },
  context: Context,
): Promise<number> {
  const { out, clock, signal, paths } = context;
  const path = join(paths.logs, 'watchdog.log');
  let file = await openLog(path);
  if (file === null && !options.follow) {
    throw new UserError('no-log', `there is no log yet: ${path} does not exist`, {
      hint: 'immune status',
      exitCode: 3,
    });
  }
  if (file !== null) out.write(await readTail(file, options.lines));
  let decoder = new StringDecoder('utf8');
  while (options.follow && !signal.aborted) {
    if (file !== null) await drain(file, decoder, out);
    const current = await openLog(path);
    if (current !== null && (file === null || current.ino !== file.ino)) {
      // The old file may have got its last lines between our last read and its rotation.
      if (file !== null) await drain(file, decoder, out);
      await file?.handle.close();
      file = current;
      decoder = new StringDecoder('utf8');
      continue;
    }
    await current?.handle.close();
    await clock.sleep(pollMs, signal);
  }
  await file?.handle.close();
  return options.follow ? interrupted : 0;
}

async function openLog(path: string): Promise<Following | null> {
  try {
    // Without O_NONBLOCK opening a named pipe waits for a writer that may never come.
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const { ino } = await handle.stat();
    return { handle, ino, offset: 0 };
  } catch (error) {
    // Between the two renames of a rotation there is no file of this name.
    if (errorCode(error) === 'ENOENT') return null;
    throw new UserError('log-unreadable', fileFailure(`read ${path}`, error).because, {
      hint: 'immune status',
      exitCode: 3,
    });
  }
}

/** The last lines, read from the end; leaves the offset at the end of what was shown. */
async function readTail(file: Following, lines: number): Promise<string> {
  const { size } = await file.handle.stat();
  file.offset = size;
  const pieces: Buffer[] = [];
  let start = size;
  let breaks = 0;
  // One break more than lines: the one before the first line that is shown.
  while (start > 0 && breaks <= lines && size - start < mostTailBytes) {
    const length = Math.min(pieceBytes, start);
    start -= length;
    const piece = Buffer.alloc(length);
    await file.handle.read(piece, 0, length, start);
    for (const byte of piece) if (byte === 0x0a) breaks += 1;
    pieces.unshift(piece);
  }
  return lastLines(Buffer.concat(pieces).toString('utf8'), lines);
}

/** The last whole or begun lines of a text. */
export function lastLines(text: string, lines: number): string {
  if (lines === 0) return '';
  const ended = text.endsWith('\n');
  const all = (ended ? text.slice(0, -1) : text).split('\n');
  const last = all.slice(-lines).join('\n');
  return text === '' ? '' : `${last}${ended ? '\n' : ''}`;
}

/** Writes what was added since the last time. A file that became shorter was emptied by somebody: from its start. */
async function drain(file: Following, decoder: StringDecoder, out: Context['out']): Promise<void> {
  const { size } = await file.handle.stat();
  if (size < file.offset) file.offset = 0;
  const piece = Buffer.alloc(pieceBytes);
  while (file.offset < size) {
    const { bytesRead } = await file.handle.read(piece, 0, piece.length, file.offset);
    if (bytesRead === 0) return;
    file.offset += bytesRead;
    out.write(decoder.write(piece.subarray(0, bytesRead)));
  }
}
