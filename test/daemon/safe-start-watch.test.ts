import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createSafeStartWatch } from '../../src/daemon/safe-start-watch.ts';
import { recordIn, wrapperIn } from '../../src/gateway/safe-start-hook.ts';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'immune-hook-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

it('tells once that the wrapper was dropped, and again when it is dropped anew', () => {
  const told: string[] = [];
  const plain = ['/n/node', '/p/openclaw/dist/index.js', 'gateway'];
  const wrapped = [wrapperIn(directory), 'gateway'];
  let words = plain;
  const watch = createSafeStartWatch({
    directory,
    programArguments: () => words,
    tell: (text) => told.push(text),
  });
  const looks = (now: string[]): number => {
    words = now;
    watch.look();
    return told.length;
  };
  // Never installed: nothing to tell.
  expect(looks(plain)).toBe(0);
  writeFileSync(recordIn(directory), '{}');
  expect(looks(wrapped)).toBe(0);
  expect(looks([...plain])).toBe(1);
  expect(looks(words)).toBe(1);
  expect(looks([...plain])).toBe(1);
  expect(told[0]).toContain('immune install --safe-start');
  // A job that cannot be read says nothing either way.
  expect(looks([])).toBe(1);
  expect(looks([...wrapped])).toBe(1);
  expect(looks([...plain])).toBe(2);
});
