import { closeSync, constants, fstatSync, openSync, readFileSync, statSync } from 'node:fs';
import { errorCode, fileFailure } from '../system/file-failure.ts';

/** One file of the config: what was in it, or why it could not be read. */
export type ConfigSource =
  | {
      readonly kind: 'read';
      readonly path: string;
      readonly stamp: string;
      readonly bytes: Buffer;
      readonly mtimeMs: number;
    }
  | {
      readonly kind: 'failed';
      readonly path: string;
      readonly stamp: string;
      /** The system's code, or `NOT-REGULAR`, or `TOO-LARGE`. */
      readonly code: string;
      readonly because: string;
    };

/** A config is kilobytes; a file beyond this is not one. */
const maxFileBytes = 8_388_608;

/**
 * What tells one version of a file from the next without reading it: a rename changes the inode, and the change time
 * moves even where an editor sets the modification time back. The code of the failure where there is nothing to see.
 */
export function stampOf(path: string): string {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(':');
  } catch (error) {
    return errorCode(error);
  }
}

/** Reads a file of the config. The stamp is older than the bytes, so that a change in between is seen at the next look. */
export function readSource(path: string): ConfigSource {
  const stamp = stampOf(path);
  const fail = (code: string, because: string): ConfigSource => ({
    kind: 'failed',
    path,
    stamp,
    code,
    because,
  });
  let file: number | undefined;
  try {
    // A named pipe in the place of the config would hold an ordinary open for ever.
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const facts = fstatSync(file);
    if (!facts.isFile()) return fail('NOT-REGULAR', `${path} is not a regular file`);
    if (facts.size > maxFileBytes) return fail('TOO-LARGE', `${path} is too large for a config`);
    return { kind: 'read', path, stamp, bytes: readFileSync(file), mtimeMs: facts.mtimeMs };
  } catch (error) {
    const { code, because } = fileFailure(`read ${path}`, error);
    return fail(code, because);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}
