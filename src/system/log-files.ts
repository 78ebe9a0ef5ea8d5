import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  openSync,
  renameSync,
  statSync,
  writeSync,
} from 'node:fs';
import { errorCode, fileFailure } from './file-failure.ts';

export interface LogFile {
  /** Writes one line (with its newline). Never throws: what cannot be written is dropped and counted. */
  write(line: string): void;
  close(): void;
}

interface OpenFile {
  readonly fd: number;
  readonly dev: number;
  readonly ino: number;
  size: number;
}

/** How many numbered older files are kept beside the current one. */
const keep = 5;

/**
 * A log file that is safe to follow with `tail -F`: it is rotated by rename and reopened, never copied and cut, and
 * opened anew when somebody renamed or removed it. A full disk or read-only directory costs lines, never the daemon;
 * as soon as writing works again one line says how many were lost and why.
 */
export function openLogFile(
  path: string,
  options: { readonly maxBytes: number; renderLost(count: number, because: string): string },
): LogFile {
  let open: OpenFile | null = null;
  let lost = 0;
  let lostBecause = '';
  /** Half a line may stand at the end of the file; the next one begins on a line of its own. */
  let torn = false;

  const close = (): void => {
    if (open === null) return;
    try {
      closeSync(open.fd);
    } catch {
      // A descriptor that cannot be closed holds nothing of ours: every line was written by its own call.
    }
    open = null;
  };

  const current = (): OpenFile => {
    if (open !== null && !stillAt(path, open)) close();
    if (open !== null && open.size >= options.maxBytes) {
      close();
      rotate(path);
    }
    open ??= openFile(path);
    return open;
  };

  const writeAll = (text: string): void => {
    const file = current();
    const bytes = Buffer.from(torn ? `\n${text}` : text);
    for (let offset = 0; offset < bytes.length; ) {
      const written = writeSync(file.fd, bytes, offset);
      offset += written;
      file.size += written;
      torn = offset < bytes.length;
    }
  };

  return {
    close,
    write: (line) => {
      try {
        if (lost > 0) {
          writeAll(options.renderLost(lost, lostBecause));
          lost = 0;
        }
        writeAll(line);
      } catch (error) {
        lost += 1;
        lostBecause = fileFailure(`write ${path}`, error).because;
        // Reopened at the next line: the disk may have been replaced under us.
        close();
      }
    },
  };
}

function openFile(path: string): OpenFile {
  const flags = constants.O_APPEND | constants.O_CREAT | constants.O_WRONLY | constants.O_NOFOLLOW;
  const fd = openSync(path, flags, 0o600);
  try {
    const stat = fstatSync(fd);
    if ((stat.mode & 0o077) !== 0 && stat.isFile()) fchmodSync(fd, 0o600);
    return { fd, dev: stat.dev, ino: stat.ino, size: stat.size };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** Whether the path still names the file we hold: one cheap call a line. */
function stillAt(path: string, file: OpenFile): boolean {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat !== undefined && stat.ino === file.ino && stat.dev === file.dev;
}

/** `x.log` becomes `x.log.1`, `.1` becomes `.2` and so on; the last one is replaced. */
function rotate(path: string): void {
  // Another process of ours may have rotated a moment ago.
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return;
  for (let number = keep - 1; number >= 0; number -= 1) {
    try {
      renameSync(number === 0 ? path : `${path}.${number}`, `${path}.${number + 1}`);
    } catch (error) {
      // Gaps are normal: a person may have removed an older file.
      if (errorCode(error) !== 'ENOENT') throw error;
    }
  }
}
