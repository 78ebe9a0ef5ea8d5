import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { packTarZst, verifyTarZst } from '../../src/system/tarball.ts';
import { workspace } from './workspace.ts';

const tar = ['/usr/bin/tar', '/bin/tar'].find((path) => existsSync(path)) ?? '/usr/bin/tar';

function packageDirectory() {
  const directory = workspace();
  const sourceDir = join(directory, 'package');
  mkdirSync(join(sourceDir, 'node_modules', 'ws'), { recursive: true });
  writeFileSync(join(sourceDir, 'package.json'), '{"name":"openclaw"}');
  writeFileSync(join(sourceDir, 'node_modules', 'ws', 'index.js'), randomBytes(300_000));
  symlinkSync('../package.json', join(sourceDir, 'node_modules', 'link'));
  return {
    directory,
    sourceDir,
    outFile: join(directory, 'archives', 'a.tar.zst'),
    archives: join(directory, 'archives'),
  };
}

describe('tar.zst', () => {
  it('is packed whole and reads back to the same bytes', async () => {
    const { directory, sourceDir, outFile, archives } = packageDirectory();
    mkdirSync(archives);
    const packed = await packTarZst({ tar, sourceDir, outFile });
    if (packed.kind === 'failed') throw new Error(packed.because);
    expect(packed.bytes).toBe(statSync(outFile).size);
    expect(statSync(outFile).mode & 0o777).toBe(0o600);
    expect(readdirSync(archives)).toEqual(['a.tar.zst']);

    const verified = await verifyTarZst(outFile, tar);
    // The directory itself, its two directories, two files and a link.
    expect(verified).toMatchObject({ kind: 'verified', entries: 6, sha256: packed.sha256 });

    const plain = join(directory, 'plain.tar');
    const bytes = zstdDecompressSync(readFileSync(outFile));
    expect(verified.kind === 'verified' && verified.bytes).toBe(bytes.length);
    writeFileSync(plain, bytes);
    const target = join(directory, 'target');
    mkdirSync(target);
    execFileSync(tar, ['-xf', plain, '-C', target]);
    const same = (name: string) =>
      expect(readFileSync(join(target, name))).toEqual(readFileSync(join(sourceDir, name)));
    same('package.json');
    same('node_modules/ws/index.js');
  });

  it('leaves the old archive and no temporary file when packing fails, is too large or takes too long', async () => {
    const { sourceDir, outFile, archives } = packageDirectory();
    mkdirSync(archives);
    writeFileSync(outFile, 'old');
    const slow = join(archives, '..', 'slow-tar');
    writeFileSync(slow, '#!/bin/sh\nexec sleep 60\n', { mode: 0o755 });
    const failures = [
      await packTarZst({ tar, sourceDir: join(sourceDir, 'gone'), outFile }),
      await packTarZst({ tar: '/nonexistent/tar', sourceDir, outFile }),
      await packTarZst({ tar, sourceDir, outFile, maxBytes: 1_000 }),
      await packTarZst({ tar: slow, sourceDir, outFile, timeoutMs: 200 }),
      await packTarZst({ tar, sourceDir, outFile: join(archives, 'gone', 'a.tar.zst') }),
    ];
    expect(failures.map((each) => each.kind)).toEqual(Array(5).fill('failed'));
    const because = failures.map((each) => (each.kind === 'failed' ? each.because : ''));
    expect(because[0]).toContain('tar ended with');
    expect(because[2]).toContain('more than 1000 bytes');
    expect(because[3]).toContain('took too long');
    expect(readFileSync(outFile, 'utf8')).toBe('old');
    expect(readdirSync(archives)).toEqual(['a.tar.zst']);
  });

  it('is found damaged when a byte flipped, its end is missing, or it is no archive', async () => {
    const { sourceDir, outFile, archives } = packageDirectory();
    mkdirSync(archives);
    await packTarZst({ tar, sourceDir, outFile });
    const whole = readFileSync(outFile);
    const flipped = Buffer.from(whole);
    flipped[Math.trunc(whole.length / 2)] = (flipped[Math.trunc(whole.length / 2)] ?? 0) ^ 1;
    const damaged: readonly (readonly [string, Buffer])[] = [
      ['flipped', flipped],
      ['cut', whole.subarray(0, whole.length - 20)],
      ['text', Buffer.from('no archive')],
      ['empty', Buffer.alloc(0)],
      ['no tar inside', zstdCompressSync(randomBytes(20_000))],
      ['cut tar inside', zstdCompressSync(zstdDecompressSync(whole).subarray(0, 5_000))],
    ];
    for (const [name, bytes] of damaged) {
      const path = join(archives, name);
      writeFileSync(path, bytes);
      expect([name, (await verifyTarZst(path, tar)).kind]).toEqual([name, 'failed']);
    }
    expect((await verifyTarZst(join(archives, 'gone'), tar)).kind).toBe('failed');
  });

  it('is not unpacked without bound', async () => {
    const path = join(workspace(), 'bomb.tar.zst');
    writeFileSync(path, zstdCompressSync(Buffer.alloc(50_000_000)));
    const outcome = await verifyTarZst(path, tar, { maxBytes: 1_000_000 });
    expect(outcome).toMatchObject({
      kind: 'failed',
      because: expect.stringContaining('more than 1000000 bytes'),
    });
  });
});
