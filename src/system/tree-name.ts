import { createHash } from 'node:crypto';
import { isAbsolute, relative } from 'node:path';

/** Every file system we meet takes names up to 255 bytes; something may be appended to them. */
const maxPartBytes = 180;
const maxNameChars = 900;
/** Control characters, quotes, backslashes, and what some file systems take for nothing. */
const odd =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
  /[\u0000-\u001f\u007f"\\\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ud800-\udfff]/gu;
const looksEscaped = /%(?=[0-9a-f]{2})/gi;
/** Dots alone lead elsewhere, and git takes a `.git` anywhere for a repository (`git~1` where names are short). */
const special = /^(?:\.(?=git|\.?$)|g(?=it~))/i;

/**
 * A file's name below a folder of ours, whatever it is called where it lives: it never leads out of the folder, never
 * into a `.git`, and is the same for the same path. What lies outside `directory` is told apart by a hash.
 */
export function treeName(directory: string, path: string): string {
  const inside = relative(directory, path);
  const parts = inside.split('/');
  const outside = inside === '' || isAbsolute(inside) || parts[0] === '..';
  const name = outside
    ? `outside/${hashOf(path)}-${partName(path.slice(path.lastIndexOf('/') + 1))}`
    : parts.map(partName).join('/');
  return name.length <= maxNameChars ? name : `long/${hashOf(path)}`;
}

/** Whether a name can be trusted to stay inside the folder it is joined to. For what was not made by `treeName`. */
export const isTreeName = (name: string): boolean =>
  name.length <= maxNameChars + 32 &&
  name.split('/').every((part) => part !== '' && part.search(odd) < 0 && !special.test(part));

function partName(part: string): string {
  const escaped = part.replace(looksEscaped, percent).replace(odd, percent).replace(special, percent);
  return Buffer.byteLength(escaped) <= maxPartBytes ? escaped : `${escaped.slice(0, 40)}-${hashOf(part)}`;
}

const percent = (char: string): string =>
  [...Buffer.from(char, 'utf8')].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 12);
