import { constants, lstat, open, readdir, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { instant } from '../../core/time.ts';
import { spellBytes } from '../../core/words.ts';
import { fileFailure } from '../../system/file-failure.ts';
import { clockTime } from '../status/words.ts';

/** The last whole lines of a file, at most so many bytes; a sentence where it cannot be read. */
export async function readTail(path: string, maxBytes: number): Promise<string> {
  try {
    // Without O_NONBLOCK opening a named pipe waits for a writer that may never come.
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stat = await handle.stat();
      if (!stat.isFile()) return `${path} is not a regular file\n`;
      const from = Math.max(0, stat.size - maxBytes);
      const piece = Buffer.alloc(stat.size - from);
      const { bytesRead } = await handle.read(piece, 0, piece.length, from);
      const bytes = piece.subarray(0, bytesRead);
      if (from === 0) return bytes.toString('utf8');
      // The first line is cut, and may begin in the middle of anything.
      const rest = bytes.subarray(bytes.indexOf(0x0a) + 1).toString('utf8');
      return `${from} bytes before this were left out\n${rest}`;
    } finally {
      await handle.close();
    }
  } catch (error) {
    return `${fileFailure(`read ${path}`, error).because}\n`;
  }
}

/** Enough for every folder of ours but the archives, of which the names at the top tell all. */
const maxEntries = 400;
const maxDepth = 3;

/** Names, sizes, modes and times of what lies below a folder; nothing of what is in it. */
export async function listFiles(root: string): Promise<string> {
  const lines: string[] = [];
  const left: { readonly path: string; readonly depth: number }[] = [{ path: root, depth: 0 }];
  for (let next = left.pop(); next !== undefined && lines.length < maxEntries; next = left.pop()) {
    const { path, depth } = next;
    try {
      const facts = await lstat(path);
      const kind = facts.isDirectory() ? 'd' : facts.isSymbolicLink() ? 'l' : facts.isFile() ? '-' : '?';
      const mode = (facts.mode & 0o7777).toString(8).padStart(4, '0');
      const size = kind === '-' ? String(facts.size) : '';
      lines.push(
        `${kind} ${mode} ${String(facts.uid)} ${clockTime(instant(facts.mtimeMs))} ${size.padStart(10)} ${path}`,
      );
      if (kind !== 'd' || depth >= maxDepth) continue;
      const names = (await readdir(path)).sort().reverse();
      for (const name of names) left.push({ path: join(path, name), depth: depth + 1 });
    } catch (error) {
      lines.push(fileFailure(`look at ${path}`, error).because);
    }
  }
  return `${lines.join('\n')}\n${left.length > 0 ? 'and more\n' : ''}`;
}

/** Free space and free files at each place, one line each. */
export async function diskLines(paths: readonly string[]): Promise<string> {
  const lines = await Promise.all(
    [...new Set(paths)].map(async (path) => {
      try {
        const { bavail, blocks, bsize, ffree, type } = await statfs(path);
        return `${path}: ${spellBytes(bavail * bsize)} free of ${spellBytes(blocks * bsize)}, ${ffree} files free, type 0x${type.toString(16)}`;
      } catch (error) {
        return fileFailure(`ask for the free space of ${path}`, error).because;
      }
    }),
  );
  return `${lines.join('\n')}\n`;
}
