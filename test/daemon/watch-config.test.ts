import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { watchConfig } from '../../src/daemon/watch-config.ts';
import { systemClock } from '../../src/system/clock.ts';

const undo: (() => void)[] = [];
afterEach(() => {
  for (const each of undo.splice(0).reverse()) each();
});

function watched(): { readonly dir: string; readonly path: string; readonly seen: () => number } {
  const dir = mkdtempSync(join(tmpdir(), 'immune-watch-'));
  undo.push(() => rmSync(dir, { recursive: true, force: true }));
  const path = join(dir, 'openclaw.json');
  writeFileSync(path, '{}');
  let count = 0;
  undo.push(watchConfig(path, () => (count += 1), systemClock()));
  return { dir, path, seen: () => count };
}

test('a file that is written in place or renamed over the old one is noticed', async () => {
  const { dir, path, seen } = watched();
  writeFileSync(path, '{ a: 1 }');
  await expect.poll(seen, { timeout: 20_000 }).toBeGreaterThan(0);
  const before = seen();
  writeFileSync(join(dir, 'new'), '{ a: 2 }');
  renameSync(join(dir, 'new'), path);
  await expect.poll(seen, { timeout: 20_000 }).toBeGreaterThan(before);
});

test('other files of the folder are nobody’s business', async () => {
  const { dir, path, seen } = watched();
  for (let n = 0; n < 50; n += 1) writeFileSync(join(dir, `other-${n}`), 'x');
  writeFileSync(path, '{ a: 1 }');
  await expect.poll(seen, { timeout: 20_000 }).toBeGreaterThan(0);
  // All that was written before and at once comes to a look or two.
  expect(seen()).toBeLessThanOrEqual(2);
});

test('a folder that is not there, or goes away, ends nothing', async () => {
  const none = watchConfig('/nonexistent/openclaw.json', () => undefined, systemClock());
  none();
  const { dir } = watched();
  rmSync(dir, { recursive: true, force: true });
});

test('after its end nothing is called back any more', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'immune-watch-'));
  undo.push(() => rmSync(dir, { recursive: true, force: true }));
  let count = 0;
  const stop = watchConfig(join(dir, 'openclaw.json'), () => (count += 1), systemClock());
  writeFileSync(join(dir, 'openclaw.json'), '{}');
  stop();
  await systemClock().sleep(600 as never);
  expect(count).toBe(0);
});
