import { constants, promises as files } from 'node:fs';
import { dirname } from 'node:path';
import { type FileOutcome, syncDirectory } from './durable-file.ts';
import { type FileFailure, fileFailure } from './file-failure.ts';

export interface AppendFile {
  /** Appends one line (the newline is added) and returns when it is on the disk. Calls are taken one by one. A failed
   *  append leaves no half line behind where the disk allows: the file is cut back to what it was. */
  append(line: string): Promise<FileOutcome>;
  /** Cuts the file to its first `bytes`: how a torn last line is dropped before the next append. */
  truncate(bytes: number): Promise<FileOutcome>;
  close(): Promise<void>;
}

export type AppendOpened = { readonly kind: 'open'; readonly file: AppendFile } | FileFailure;

/** Opens (or makes, durably) a file that only grows. */
export async function openAppend(path: string, mode: number): Promise<AppendOpened> {
  let handle: files.FileHandle;
  let size: number;
  try {
    handle = await files.open(path, constants.O_APPEND | constants.O_CREAT | constants.O_WRONLY, mode);
    size = (await handle.stat()).size;
  } catch (error) {
    return fileFailure(`open ${path}`, error);
  }
  const named = await syncDirectory(dirname(path));
  if (named.kind === 'failed') {
    await handle.close();
    return named;
  }

  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = last.then(work);
    // The queue only orders the calls; a failure belongs to the caller, who holds `turn`.
    last = turn.catch(() => undefined);
    return turn;
  };

  // True while half a line may stand at the end: it must go before anything is appended behind it.
  let torn = false;

  const appendNow = async (line: string): Promise<FileOutcome> => {
    const bytes = Buffer.from(`${line}\n`);
    try {
      if (torn) await handle.truncate(size);
      torn = true;
      await handle.writeFile(bytes);
      await handle.sync();
      size += bytes.length;
      torn = false;
      return { kind: 'done' };
    } catch (error) {
      // A half-written line would become a torn middle at the next append. Should this cut fail too, the next append
      // tries it again first.
      await handle.truncate(size).then(
        () => {
          torn = false;
        },
        () => undefined,
      );
      return fileFailure(`append to ${path}`, error);
    }
  };

  const truncateNow = async (bytes: number): Promise<FileOutcome> => {
    try {
      await handle.truncate(bytes);
      await handle.sync();
      size = bytes;
      torn = false;
      return { kind: 'done' };
    } catch (error) {
      return fileFailure(`shorten ${path}`, error);
    }
  };

  return {
    kind: 'open',
    file: {
      append: (line) => inTurn(() => appendNow(line)),
      truncate: (bytes) => inTurn(() => truncateNow(bytes)),
      close: () => inTurn(() => handle.close()),
    },
  };
}
