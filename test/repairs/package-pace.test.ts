import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { performPlan } from '../../src/repairs/package-repair.ts';
import { undoRepair } from '../../src/repairs/package-undo.ts';
import { never, packageWorld, planFor } from './package-world.ts';

/** How often somebody asked whether to let the event loop run, was told to, and did. */
const told = vi.hoisted(() => ({ asked: 0, over: 0, rested: 0 }));

vi.mock('../../src/system/slices.ts', () => ({
  createSlices: () => ({
    isOver: () => {
      told.asked += 1;
      const isOver = told.asked % 50 === 0;
      if (isOver) told.over += 1;
      return isOver;
    },
    rest: async () => {
      told.rested += 1;
    },
  }),
}));

const fileCount = 2_000;

async function countedIn(work: () => Promise<unknown>): Promise<typeof told> {
  Object.assign(told, { asked: 0, over: 0, rested: 0 });
  await work();
  return { ...told };
}

it('leaves the event loop its turns while a package of 2,000 files is put back, and taken back', async () => {
  const files = Array.from({ length: fileCount }, (_, at) => [
    `node_modules/big/lib/${at % 40}/file-${at}.js`,
    `export const value${at} = ${JSON.stringify('x'.repeat(500 + (at % 3_000)))};\n`,
  ]);
  const world = await packageWorld(Object.fromEntries(files));
  const plan = planFor(world, 'packages', { paths: ['node_modules/big'] });
  rmSync(join(world.root, 'node_modules/big/lib/7'), { recursive: true });
  const put = await countedIn(async () => {
    expect((await performPlan({ id: 'A7', plan, signal: never }, world.deps)).kind).toBe('done');
  });
  const back = await countedIn(async () => {
    expect((await undoRepair('A7', { why: 'asked', signal: never }, world.deps)).kind).toBe('done');
  });
  // A look asks twice for each file, and so does the writing: three looks and the writing, and one look back.
  expect(put.asked).toBeGreaterThanOrEqual(4 * 2 * fileCount);
  expect(back.asked).toBeGreaterThanOrEqual(2 * fileCount);
  expect([put.rested, back.rested]).toEqual([put.over, back.over]);
});
