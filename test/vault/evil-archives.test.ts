import { createHash } from 'node:crypto';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { digestOf, type ManifestEntry, type Tree, type Unit } from '../../src/vault/manifest.ts';
import { tarEnd, tarHeader, tarPadding } from '../../src/vault/tar-write.ts';
import { checkUnitFile, extractUnit } from '../../src/vault/unit-file.ts';
import { print } from './archive-ground.ts';

/** Archives that somebody made or changed to do harm. Each is refused, and touches nothing outside the staging folder. */
const trees: readonly Tree[] = [{ name: 'openclaw', root: '/opt/lib/node_modules/openclaw' }];
const text = 'module.exports = 1;\n';
type File = ManifestEntry & { readonly kind: 'file' };
const file = (path: string, content: string, mode = 0o644): File => ({
  kind: 'file',
  path,
  mode,
  size: Buffer.byteLength(content),
  mtimeMs: 1_600_000_000_000,
  sha256: createHash('sha256').update(content).digest('hex'),
});
const folder = (path: string): ManifestEntry => ({ kind: 'directory', path, mode: 0o755 });
const link = (path: string, target: string): ManifestEntry => ({ kind: 'link', path, target });

const base = 'node_modules/ws';
const good = [
  folder(base),
  file(`${base}/a.js`, text),
  link(`${base}/b`, 'a.js'),
  file(`${base}/c.js`, text),
];

function unitOf(entries: readonly ManifestEntry[], changes: Partial<Unit> = {}): Unit {
  const bytes = entries.reduce((sum, entry) => sum + (entry.kind === 'file' ? entry.size : 0), 0);
  const digest = digestOf(entries);
  return { tree: 'openclaw', path: base, part: 'whole', package: null, digest, bytes, entries, ...changes };
}

/** A member as a tar has it, with its bytes. */
const member = (entry: ManifestEntry, content = text): Buffer =>
  entry.kind === 'file'
    ? Buffer.concat([tarHeader(entry), Buffer.from(content), tarPadding(Buffer.byteLength(content))])
    : tarHeader(entry);
const members = good.map((entry) => member(entry));
const whole = Buffer.concat([...members, tarEnd]);
const pack = (...parts: readonly Buffer[]): Buffer => zstdCompressSync(Buffer.concat([...parts, tarEnd]));

/** The header of an entry with some of its fields written over, and the sum made right again. */
function forged(entry: ManifestEntry, fields: Readonly<Record<number, string>>): Buffer {
  const header = Buffer.from(tarHeader(entry));
  for (const [at, value] of Object.entries(fields)) header.write(value, Number(at), 'latin1');
  header.write('        ', 148, 'latin1');
  const sum = header.reduce((all, byte) => all + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return header;
}

const at = (index: number): Buffer => members[index] ?? Buffer.alloc(0);
const instead = (index: number, bytes: Buffer): Buffer =>
  pack(...members.map((each, place) => (place === index ? bytes : each)));
const behind = (index: number, bytes: Buffer): Buffer =>
  pack(...members.flatMap((each, place) => (place === index ? [each, bytes] : [each])));
const typed = (type: string): Buffer => forged(file('x', ''), { 156: type });

const evil: readonly (readonly [what: string, bytes: Buffer])[] = [
  ['an absolute path', instead(1, member(file('/tmp/evil.js', text)))],
  ['a path with ..', instead(1, member(file(`${base}/../../../evil.js`, text)))],
  ['a symbolic link that leads out', instead(2, tarHeader(link(`${base}/b`, '../../../../etc')))],
  ['a hard link that leads out', instead(2, forged(link(`${base}/b`, '/etc/passwd'), { 156: '1' }))],
  ['a link and a file written through it', behind(2, member(file(`${base}/b/evil.js`, text)))],
  ['a member twice', behind(1, at(1))],
  ['a member twice but for case', behind(1, member(file(`${base}/A.js`, text)))],
  ['a member twice but for the form of its accent', behind(1, member(file(`${base}/e\u0301.js`, text)))],
  ['a character device', instead(1, forged(file(`${base}/a.js`, ''), { 156: '3' }))],
  ['a block device', instead(1, forged(file(`${base}/a.js`, ''), { 156: '4' }))],
  ['a pipe', instead(1, forged(file(`${base}/a.js`, ''), { 156: '6' }))],
  ['a size that is too large', instead(1, member({ ...file(`${base}/a.js`, text), size: 4_000 }))],
  ['a size that is too small', instead(1, member({ ...file(`${base}/a.js`, text), size: 3 }))],
  [
    'more bytes than it says',
    instead(1, Buffer.concat([tarHeader(file(`${base}/a.js`, text)), Buffer.alloc(1_024, 'x')])),
  ],
  ['a zstd that is cut off', zstdCompressSync(whole).subarray(0, -9)],
  ['a zstd of which only the start is there', zstdCompressSync(whole).subarray(0, 12)],
  ['a tar that is cut off in a file', zstdCompressSync(whole.subarray(0, 512 + 512 + 7))],
  ['a tar without its end', zstdCompressSync(whole.subarray(0, -1_024))],
  ['one byte changed in a file', instead(1, member(file(`${base}/a.js`, text), text.replace('1', '2')))],
  [
    'another unit in its place',
    pack(member(folder('node_modules/zod')), member(file('node_modules/zod/a.js', text))),
  ],
  ['a bomb behind its end', zstdCompressSync(Buffer.concat([whole, Buffer.alloc(64 * 1_048_576)]))],
  [
    'a bomb in a file',
    instead(1, Buffer.concat([tarHeader(file(`${base}/a.js`, text)), Buffer.alloc(64 * 1_048_576)])),
  ],
  ['a member the manifest does not have', behind(3, member(file(`${base}/postinstall.js`, text)))],
  ['a member that is missing', pack(at(0), at(1), at(2))],
  ['members in another order', pack(at(0), at(3), at(2), at(1))],
  ['a set-user-id bit', instead(1, forged(file(`${base}/a.js`, text), { 100: '0004755' }))],
  ['an executable bit more', instead(1, member(file(`${base}/a.js`, text, 0o755)))],
  ['a sparse file of GNU tar', behind(1, typed('S'))],
  ['a long name of GNU tar', behind(0, typed('L'))],
  ['a volume label of GNU tar', behind(0, typed('V'))],
  ['a global pax header', behind(0, typed('g'))],
  ['a type nobody knows', behind(0, typed('Z'))],
  ['a second tar behind the first', zstdCompressSync(Buffer.concat([whole, whole]))],
  ['a second zstd behind the first', Buffer.concat([zstdCompressSync(whole), zstdCompressSync(whole)])],
  ['nothing at all', Buffer.alloc(0)],
  ['no zstd', whole],
];

const fine = file(`${base}/a.js`, text);
const badUnits: readonly (readonly [what: string, unit: Unit])[] = [
  ['an absolute path', unitOf([folder(base), file('/tmp/evil.js', text)])],
  ['a path with ..', unitOf([folder(base), file(`${base}/../../evil.js`, text)])],
  ['a unit outside of the tree', unitOf([folder('../x')], { path: '../x' })],
  ['a path with an empty part', unitOf([folder(base), file(`${base}//a.js`, text)])],
  ['a link that leads out', unitOf([folder(base), link(`${base}/b`, '../../../x')])],
  ['a link to an absolute place', unitOf([folder(base), link(`${base}/b`, '/etc/passwd')])],
  ['a file below a link', unitOf([folder(base), link(`${base}/b`, '.'), file(`${base}/b/a.js`, text)])],
  ['a file of another unit', unitOf([folder(base), file('node_modules/zod/a.js', text)])],
  ['one path twice', unitOf([folder(base), fine, fine])],
  ['two paths that differ in case', unitOf([folder(base), file(`${base}/A.js`, text), fine])],
  [
    'two paths that differ in the form of an accent',
    unitOf([folder(base), file(`${base}/\u00e9.js`, text), file(`${base}/e\u0301.js`, text)]),
  ],
  ['a set-user-id bit', unitOf([folder(base), file(`${base}/a.js`, text, 0o4755)])],
  ['a size below zero', unitOf([folder(base), { ...fine, size: -1 }])],
  [
    'a kind nobody knows',
    unitOf([folder(base)], { entries: [{ ...folder(base), kind: 'device' } as never] }),
  ],
  ['a digest of other entries', unitOf(good, { digest: 'f'.repeat(64) })],
];

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'immune-evil-'));
  mkdirSync(join(root, 'staging'));
  writeFileSync(join(root, 'outside.txt'), 'mine');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

async function refused(unit: Unit, bytes: Buffer): Promise<void> {
  const unitFile = join(root, 'unit.tar.zst');
  writeFileSync(unitFile, bytes);
  const ask = { unitFile, unit, trees, signal: AbortSignal.timeout(20_000) };
  expect(await extractUnit({ ...ask, into: join(root, 'staging') })).toMatchObject({ kind: 'failed' });
  // Nothing usable: at most the empty folders above the unit.
  const left = Object.values(print(join(root, 'staging'))).filter((each) => !each.endsWith('folder'));
  expect(left).toEqual([]);
  expect(readdirSync(root).sort()).toEqual(['outside.txt', 'staging', 'unit.tar.zst']);
  expect(readFileSync(join(root, 'outside.txt'), 'utf8')).toBe('mine');
  expect((await checkUnitFile(ask)).kind).toBe('failed');
}

describe('an evil archive', () => {
  it('is measured against one that is restored', async () => {
    const unitFile = join(root, 'unit.tar.zst');
    writeFileSync(unitFile, pack(...members));
    const ask = { unitFile, unit: unitOf(good), trees, signal: AbortSignal.timeout(20_000) };
    const into = join(root, 'staging');
    expect(await extractUnit({ ...ask, into })).toMatchObject({ kind: 'extracted', files: 2 });
    expect(print(into)).toMatchObject({
      [`${base}/a.js`]: `644 1600000000 ${text}`,
      [`${base}/b`]: '-> a.js',
    });
    expect((await checkUnitFile(ask)).kind).toBe('extracted');
    // What is there already is never written over, and stays.
    expect((await extractUnit({ ...ask, into })).kind).toBe('failed');
    expect(print(into)).toHaveProperty([`${base}/a.js`]);
  });

  it.each(evil)('with %s is refused', async (_what, bytes) => refused(unitOf(good), bytes));

  it.each(badUnits)('whose manifest has %s is refused', async (_what, unit) => {
    const own = Buffer.concat(
      unit.entries.map((entry) => (entry.kind === ('device' as never) ? Buffer.alloc(0) : member(entry))),
    );
    await refused(unit, pack(own));
  });

  it('does not unpack more than it was asked for, however much there is', async () => {
    const before = process.memoryUsage.rss();
    await refused(unitOf(good), zstdCompressSync(Buffer.concat([whole, Buffer.alloc(256 * 1_048_576)])));
    expect(process.memoryUsage.rss() - before).toBeLessThan(512 * 1_048_576);
  });

  it.each(['node_modules', base])(
    'is not written through a link that stands in the place of %s',
    async (place) => {
      const outside = join(root, 'elsewhere');
      mkdirSync(outside);
      const unitFile = join(root, 'unit.tar.zst');
      writeFileSync(unitFile, pack(...members));
      const into = join(root, 'staging');
      if (place === base) mkdirSync(join(into, 'node_modules'));
      symlinkSync(outside, join(into, place));
      const ask = { unitFile, unit: unitOf(good), trees, into, signal: AbortSignal.timeout(20_000) };
      expect((await extractUnit(ask)).kind).toBe('failed');
      expect(readdirSync(outside)).toEqual([]);
    },
  );

  it('may link to another tree of the same manifest, as a plugin does to its gateway', async () => {
    const own = unitOf([folder(base), link(`${base}/openclaw`, '/opt/lib/node_modules/openclaw')], {
      tree: 'plugin:x',
    });
    const unitFile = join(root, 'unit.tar.zst');
    writeFileSync(unitFile, pack(...own.entries.map((entry) => member(entry))));
    const ask = { unitFile, unit: own, into: join(root, 'staging'), signal: AbortSignal.timeout(20_000) };
    const plugin = { name: 'plugin:x', root: '/home/x/.openclaw/npm/projects/x' };
    expect((await extractUnit({ ...ask, trees: [plugin] })).kind).toBe('failed');
    expect((await extractUnit({ ...ask, trees: [...trees, plugin] })).kind).toBe('extracted');
  });
});
