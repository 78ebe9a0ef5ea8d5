import { chmodSync, existsSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { removeTree } from '../../src/system/remove-tree.ts';

it('removes folders that were not meant to be written to, and follows no link out of them', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'immune-remove-tree-'));
  const outside = mkdtempSync(join(tmpdir(), 'immune-remove-outside-'));
  writeFileSync(join(outside, 'kept'), 'kept');
  chmodSync(outside, 0o555);
  mkdirSync(join(folder, 'a', 'b'), { recursive: true });
  writeFileSync(join(folder, 'a', 'b', 'file'), 'x');
  symlinkSync(outside, join(folder, 'a', 'link'));
  chmodSync(join(folder, 'a', 'b'), 0o555);
  chmodSync(join(folder, 'a'), 0o500);
  await removeTree(folder);
  expect(existsSync(folder)).toBe(false);
  expect(existsSync(join(outside, 'kept'))).toBe(true);
  await removeTree(outside);
});

it('one that is not there is removed already', async () => {
  await expect(removeTree(join(tmpdir(), 'immune-never-there'))).resolves.toBeUndefined();
});
