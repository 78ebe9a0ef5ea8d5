import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readDescriptors } from '../../src/system/descriptors.ts';
import { workspace } from './workspace.ts';

const limits = [
  'Limit                     Soft Limit           Hard Limit           Units     ',
  'Max processes             63440                63440                processes ',
  'Max open files            1024                 524288               files     ',
  'Max locked memory         8388608              8388608              bytes     ',
].join('\n');

describe('open descriptors', () => {
  it.skipIf(process.platform !== 'linux')(
    'of this very process are counted against its own limit',
    async () => {
      const before = await readDescriptors(process.pid);
      if (before.kind !== 'read') throw new Error(before.kind);
      expect(before.pid).toBe(process.pid);
      expect(before.limit).toBeGreaterThan(before.open);
      const files = Array.from({ length: 50 }, () => openSync(process.execPath, 'r'));
      const after = await readDescriptors(process.pid);
      for (const file of files) closeSync(file);
      if (after.kind !== 'read') throw new Error(after.kind);
      // Other descriptors of the test runner come and go meanwhile.
      expect(after.open).toBeGreaterThan(before.open + 30);
    },
  );

  it('are read where the system shows them, and unknown where it does not', async () => {
    const proc = workspace();
    mkdirSync(join(proc, '7', 'fd'), { recursive: true });
    for (const fd of ['0', '1', '2']) writeFileSync(join(proc, '7', 'fd', fd), '');
    expect(await readDescriptors(7, { proc, platform: 'linux' })).toMatchObject({ kind: 'unknown' });
    writeFileSync(join(proc, '7', 'limits'), limits);
    expect(await readDescriptors(7, { proc, platform: 'linux' })).toEqual({
      kind: 'read',
      pid: 7,
      open: 3,
      limit: 1_024,
    });
    expect(await readDescriptors(7, { proc, platform: 'darwin' })).toMatchObject({ kind: 'unknown' });
    writeFileSync(
      join(proc, '7', 'limits'),
      'Max open files            unlimited            unlimited   files\n',
    );
    expect(await readDescriptors(7, { proc, platform: 'linux' })).toMatchObject({ kind: 'unknown' });
    expect(await readDescriptors(8, { proc, platform: 'linux' })).toMatchObject({ kind: 'unknown' });
  });
});
