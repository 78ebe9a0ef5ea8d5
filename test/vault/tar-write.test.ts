import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ManifestEntry } from '../../src/vault/manifest.ts';
import { tarHeader, tarPadding } from '../../src/vault/tar-write.ts';

const entries: readonly ManifestEntry[] = [
  { kind: 'directory', path: 'node_modules/ws', mode: 0o755 },
  { kind: 'file', path: 'node_modules/ws/a.js', mode: 0o644, size: 1_234, mtimeMs: 5, sha256: '' },
  { kind: 'file', path: `${'long/'.repeat(40)}über.js`, mode: 0o755, size: 0, mtimeMs: 5, sha256: '' },
  { kind: 'link', path: 'node_modules/.bin/ws', target: '../ws/a.js' },
];

describe('the header of a tar', () => {
  it('is written as ever, for what is stored can only be read by those who write the same', () => {
    const bytes = Buffer.concat(entries.map(tarHeader));
    expect(createHash('sha256').update(bytes).digest('hex')).toMatchInlineSnapshot(
      `"6e5715102a564a34eb7b8a44675c36638a01aade6888ec3b25f4f322deaafee1"`,
    );
  });

  it('says nothing of the time, so that one content is one file', () => {
    const [, one] = entries;
    if (one?.kind !== 'file') throw new Error('no file');
    expect(tarHeader({ ...one, mtimeMs: 1 })).toEqual(tarHeader(one));
  });

  it('tells any two names apart, and fills whole blocks', () => {
    const name = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 300 })
      .filter((text) => !text.includes('\0'));
    const of = (path: string) => tarHeader({ kind: 'link', path, target: path });
    fc.assert(
      fc.property(name, name, fc.nat(100_000), (one, other, size) => {
        expect(of(one).length % 512).toBe(0);
        expect((tarPadding(size).length + size) % 512).toBe(0);
        if (one !== other) expect(of(one).equals(of(other))).toBe(false);
      }),
    );
  });
});
