import type { ManifestEntry } from './manifest.ts';

/**
 * When npm itself says that the files of its packages were written. The times of an installation are in the manifest:
 * left out here, the same content is the same unit file, whenever it was installed.
 */
const mtimeSeconds = 499_162_500;
const blockBytes = 512;
/** As much as ustar's eleven octal digits can say; a package's largest file has 55 MB. */
export const maxFileBytes = 0o77777777777;
/** Names and link targets beyond this, or beyond ASCII, stand in a pax record before the member. */
const ustarNameBytes = 100;
const plainName = /^[\x20-\x7e]*$/;

/** Two blocks of zeros; tar needs no more, and pads its own archives to 10 KiB only for tape drives. */
export const tarEnd = Buffer.alloc(2 * blockBytes);

/** What stands before a member's bytes: the whole of what a tar can say about it, and always the same for one entry. */
export function tarHeader(entry: ManifestEntry): Buffer {
  const name = Buffer.from(entry.kind === 'directory' ? `${entry.path}/` : entry.path, 'utf8');
  const target = Buffer.from(entry.kind === 'link' ? entry.target : '', 'utf8');
  const records = [
    ...(fits(name) ? [] : [paxRecord('path', name)]),
    ...(fits(target) ? [] : [paxRecord('linkpath', target)]),
  ];
  const size = entry.kind === 'file' ? entry.size : 0;
  const mode = entry.kind === 'link' ? 0o777 : entry.mode;
  const own = header({ name, target, mode, size, type: types[entry.kind] });
  if (records.length === 0) return own;
  const pax = Buffer.concat(records);
  const before = header({
    name: Buffer.from('PaxHeaders/member'),
    target: Buffer.alloc(0),
    mode: 0o644,
    size: pax.length,
    type: 'x',
  });
  return Buffer.concat([before, pax, tarPadding(pax.length), own]);
}

const types = { file: '0', link: '2', directory: '5' } as const;

const fits = (text: Buffer): boolean =>
  text.length <= ustarNameBytes && plainName.test(text.toString('latin1'));

/** Members begin at full blocks. */
export const tarPadding = (bytes: number): Buffer =>
  tarEnd.subarray(0, (blockBytes - (bytes % blockBytes)) % blockBytes);

function header(of: {
  readonly name: Buffer;
  readonly target: Buffer;
  readonly mode: number;
  readonly size: number;
  readonly type: string;
}): Buffer {
  const block = Buffer.alloc(blockBytes);
  of.name.copy(block, 0, 0, ustarNameBytes);
  octal(block, { at: 100, digits: 7, value: of.mode });
  octal(block, { at: 108, digits: 7, value: 0 });
  octal(block, { at: 116, digits: 7, value: 0 });
  octal(block, { at: 124, digits: 11, value: of.size });
  octal(block, { at: 136, digits: 11, value: mtimeSeconds });
  block.write('        ', 148, 'latin1');
  block.write(of.type, 156, 'latin1');
  of.target.copy(block, 157, 0, ustarNameBytes);
  block.write('ustar\x0000', 257, 'latin1');
  octal(block, { at: 329, digits: 7, value: 0 });
  octal(block, { at: 337, digits: 7, value: 0 });
  let sum = 0;
  for (const byte of block) sum += byte;
  // The one field with a zero and a space behind it, since the first tar.
  octal(block, { at: 148, digits: 6, value: sum });
  return block;
}

function octal(
  block: Buffer,
  { at, digits, value }: { readonly at: number; readonly digits: number; readonly value: number },
): void {
  block.write(`${value.toString(8).padStart(digits, '0')}\0`, at, 'latin1');
}

/** "<length> <key>=<value>\n", where the length counts its own digits too. */
function paxRecord(key: string, value: Buffer): Buffer {
  const rest = key.length + value.length + 3;
  let length = rest + String(rest).length;
  if (String(length).length !== String(rest).length) length = rest + String(length).length;
  return Buffer.concat([Buffer.from(`${length} ${key}=`, 'utf8'), value, Buffer.from('\n')]);
}
