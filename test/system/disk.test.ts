import { statfsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readScarcest } from '../../src/system/disk.ts';
import { workspace } from './workspace.ts';

const failing = (code: string) => Object.assign(new Error(code), { code });

describe('free space', () => {
  it('is what an ordinary user may still write', async () => {
    const path = workspace();
    const seen = await readScarcest([path]);
    const { bavail, bsize } = statfsSync(path);
    if (seen.kind !== 'read') throw new Error(seen.kind);
    expect(seen.path).toBe(path);
    // Others write meanwhile; a mistake in the unit would be a factor of 512 or more.
    expect(seen.freeBytes / (bavail * bsize)).toBeGreaterThan(0.5);
    expect(seen.freeBytes / (bavail * bsize)).toBeLessThan(2);
  });

  it('of a directory that does not exist yet is that of its nearest parent', async () => {
    const path = workspace();
    expect(await readScarcest([join(path, 'not', 'there')])).toMatchObject({ kind: 'read', path });
    expect(await readScarcest([join(process.execPath, 'below', 'a', 'file')])).toMatchObject({
      kind: 'read',
      path: process.execPath,
    });
  });

  it('is told of the scarcest directory, and of the others when one cannot be read', async () => {
    const free: Readonly<Record<string, number>> = { '/a': 500, '/b': 20, '/c': 900 };
    const read = async (path: string): Promise<number> => {
      const bytes = free[path];
      if (bytes === undefined) throw failing('EACCES');
      return bytes;
    };
    expect(await readScarcest(['/a', '/b', '/c'], read)).toEqual({ kind: 'read', path: '/b', freeBytes: 20 });
    expect(await readScarcest(['/secret', '/a'], read)).toEqual({ kind: 'read', path: '/a', freeBytes: 500 });
  });

  it('is unknown, never none, when nothing can be read', async () => {
    const broken = async (): Promise<number> => {
      throw failing('EIO');
    };
    expect(await readScarcest(['/a'], broken)).toMatchObject({ kind: 'unknown' });
    expect(await readScarcest([])).toMatchObject({ kind: 'unknown' });
    const nowhere = async (): Promise<number> => {
      throw failing('ENOENT');
    };
    expect(await readScarcest(['/a/b'], nowhere)).toMatchObject({ kind: 'unknown' });
  });
});
