import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';

/** A plist, an environment file or a wrapper is kilobytes; what is larger is none of them. */
const maxBytes = 8_388_608;

/** The whole text of a file; null when it is missing or unreadable. Whoever needs the file says what that means. */
export function readText(path: string): string | null {
  let file: number | null = null;
  try {
    // Without waiting: a named pipe (some tools hand out .env files as one) would hold up the whole watchdog.
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const { size } = fstatSync(file);
    return fstatSync(file).isFile() && size <= maxBytes ? readFileSync(file, 'utf8') : null;
  } catch {
    // Missing or unreadable are one answer here: it tells nothing.
    return null;
  } finally {
    if (file !== null) closeSync(file);
  }
}
