import { randomBytes } from 'node:crypto';
import { constants, promises as nodeFiles } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { errorCode, type FileFailure, fileFailure } from './file-failure.ts';

export type FileOutcome = { readonly kind: 'done' } | FileFailure;

/** The file operations used here: a parameter, so that a full or failing disk can be shown to be survived. */
export type Files = Pick<typeof nodeFiles, 'open' | 'rename' | 'unlink' | 'mkdir' | 'chmod'>;

const done: FileOutcome = { kind: 'done' };
/** Some file systems cannot sync a directory and say so with these; there the rename is as durable as it gets. */
const cannotSyncDirectory: ReadonlySet<string> = new Set(['EINVAL', 'ENOTSUP', 'EBADF']);

/**
 * Replaces a file so that after a crash or power loss it is wholly old or wholly new: a temporary file beside it,
 * fsync (F_FULLFSYNC on a Mac, by libuv), rename, fsync of the directory. The temporary file is removed on failure.
 */
export async function writeDurable(
  path: string,
  bytes: string | Uint8Array,
  options: { readonly mode: number; readonly files?: Files },
): Promise<FileOutcome> {
  const files = options.files ?? nodeFiles;
  const temporary = join(
    dirname(path),
    `.${basename(path)}.${process.pid}.${randomBytes(6).toString('hex')}.tmp`,
  );
  try {
    const handle = await files.open(temporary, 'wx', options.mode);
    try {
      await handle.writeFile(bytes);
      // The umask may have taken bits away; the caller named the mode on purpose.
      await handle.chmod(options.mode);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await files.rename(temporary, path);
  } catch (error) {
    // The first failure is the one to tell; a temporary file that was never made cannot be removed.
    await files.unlink(temporary).catch(() => undefined);
    return fileFailure(`write ${path}`, error);
  }
  return syncDirectory(dirname(path), files);
}

/** Makes created, renamed and removed names in a directory survive a power loss. */
export async function syncDirectory(path: string, files: Files = nodeFiles): Promise<FileOutcome> {
  try {
    const handle = await files.open(path, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
    return done;
  } catch (error) {
    return cannotSyncDirectory.has(errorCode(error)) ? done : fileFailure(`sync directory ${path}`, error);
  }
}

/** Makes a directory (and its parents) that only its owner can enter; tightens one that exists. */
export async function ensurePrivateDirectory(path: string, files: Files = nodeFiles): Promise<FileOutcome> {
  try {
    await files.mkdir(path, { recursive: true, mode: 0o700 });
    await files.chmod(path, 0o700);
    return done;
  } catch (error) {
    return fileFailure(`prepare directory ${path}`, error);
  }
}

export type ReadOutcome =
  | { readonly kind: 'read'; readonly bytes: Buffer }
  | { readonly kind: 'missing' }
  | { readonly kind: 'too-large'; readonly bytes: number; readonly because: string }
  | { readonly kind: 'unreadable'; readonly code: string; readonly because: string };

/** Reads a regular file of at most `maxBytes`. A pipe or device is refused: reading one might never end. */
export async function readIfExists(path: string, maxBytes: number): Promise<ReadOutcome> {
  try {
    // Without O_NONBLOCK opening a named pipe waits for a writer that may never come.
    const handle = await nodeFiles.open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stat = await handle.stat();
      if (!stat.isFile()) {
        return { kind: 'unreadable', code: 'ENOTFILE', because: `${path} is not a regular file` };
      }
      if (stat.size > maxBytes) return tooLarge(path, stat.size, maxBytes);
      // One byte more than allowed, for the file may grow between the two calls.
      const buffer = Buffer.alloc(Math.min(stat.size + 4_096, maxBytes) + 1);
      let length = 0;
      while (length < buffer.length) {
        const { bytesRead } = await handle.read(buffer, length, buffer.length - length, length);
        if (bytesRead === 0) break;
        length += bytesRead;
      }
      if (length > maxBytes) return tooLarge(path, length, maxBytes);
      return { kind: 'read', bytes: buffer.subarray(0, length) };
    } finally {
      await handle.close();
    }
  } catch (error) {
    const failure = fileFailure(`read ${path}`, error);
    if (failure.code === 'ENOENT') return { kind: 'missing' };
    return { kind: 'unreadable', code: failure.code, because: failure.because };
  }
}

function tooLarge(path: string, bytes: number, maxBytes: number): ReadOutcome {
  return {
    kind: 'too-large',
    bytes,
    because: `${path} has ${bytes} bytes, more than the ${maxBytes} allowed`,
  };
}
