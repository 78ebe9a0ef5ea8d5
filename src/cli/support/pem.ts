import { mark } from './blot.ts';

const begin = /-----BEGIN [A-Z0-9 ]{2,40}-----/;
const end = /-----END [A-Z0-9 ]{2,40}-----/;
/** A key of 16,384 bits has two hundred lines. */
const maxKeyLines = 250;
/** A line of such a block has 64 or 70 characters; no path and no word ends in so many. */
const longTail = 40;

/**
 * Takes keys and certificates out of a text, also those whose beginning or end is missing, and whatever else is a line
 * of base64. Line by line and not by one pattern: a log may hold megabytes of it.
 */
export function withoutKeys(text: string): string {
  const lines = text.split('\n');
  const clean: string[] = [];
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? '';
    const found = begin.exec(line);
    if (found !== null) {
      const head = line.slice(0, found.index);
      const rest = line.slice(found.index + found[0].length);
      const closed = end.exec(rest);
      clean.push(`${head}${mark}${closed === null ? '' : rest.slice(closed.index + closed[0].length)}`);
      if (closed === null) at = lastOfBlock(lines, at);
      continue;
    }
    const tail = end.exec(line);
    if (tail !== null) {
      // The beginning was cut off: what stands before it is the rest of the key.
      for (let n = 0; n < maxKeyLines && isEncoded(clean.at(-1) ?? ' '); n += 1) clean.pop();
      clean.push(`${mark}${line.slice(tail.index + tail[0].length)}`);
      continue;
    }
    clean.push(withoutLongTail(line));
  }
  return clean.join('\n');
}

/** Where the block that begins at `at` ends; where no end is found, its last line that is encoded. */
function lastOfBlock(lines: readonly string[], at: number): number {
  const closed = lines.slice(at + 1, at + 1 + maxKeyLines).findIndex((line) => end.test(line));
  if (closed !== -1) return at + 1 + closed;
  let last = at;
  while (last - at < maxKeyLines && isEncoded(lines[last + 1] ?? ' ')) last += 1;
  return last;
}

const isEncoded = (line: string): boolean => line === mark || /^[A-Za-z0-9+/=]+[ \t]*$/.test(line);

function withoutLongTail(line: string): string {
  const text = line.trimEnd();
  let start = text.length;
  while (start > 0 && /[A-Za-z0-9+/=]/.test(text.charAt(start - 1))) start -= 1;
  const isPath = text.charAt(start) === '/';
  return text.length - start >= longTail && !isPath ? `${text.slice(0, start)}${mark}` : line;
}
