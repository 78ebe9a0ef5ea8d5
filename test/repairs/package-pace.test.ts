import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { performPlan } from '../../src/repairs/package-repair.ts';
import { undoRepair } from '../../src/repairs/package-undo.ts';
import { never, packageWorld, planFor } from './package-world.ts';

/** The longest turn of the event loop, in time of the processor: a busy machine lengthens no turn of ours by that. */
async function longestTurn(
  work: () => Promise<unknown>,
): Promise<{ readonly cpuMs: number; readonly wallMs: number }> {
  let [cpuMs, wallMs] = [0, 0];
  let isOver = false;
  const watch = async (): Promise<void> => {
    while (!isOver) {
      const [cpu, wall] = [process.threadCpuUsage(), performance.now()];
      await new Promise((resolve) => setImmediate(resolve));
      const used = process.threadCpuUsage(cpu);
      cpuMs = Math.max(cpuMs, (used.user + used.system) / 1_000);
      wallMs = Math.max(wallMs, performance.now() - wall);
    }
  };
  const watching = watch();
  await work();
  isOver = true;
  await watching;
  return { cpuMs, wallMs };
}

it('leaves the event loop its turns while a package of 2,000 files is put back, and taken back', async () => {
  const files = Array.from({ length: 2_000 }, (_, at) => [
    `node_modules/big/lib/${at % 40}/file-${at}.js`,
    `export const value${at} = ${JSON.stringify('x'.repeat(500 + (at % 3_000)))};\n`,
  ]);
  const world = await packageWorld(Object.fromEntries(files));
  const plan = planFor(world, 'packages', { paths: ['node_modules/big'] });
  const warm = planFor(world, 'packages', { paths: ['node_modules/ws'] });
  rmSync(join(world.root, 'node_modules/ws'), { recursive: true });
  expect((await performPlan({ id: 'A6', plan: warm, signal: never }, world.deps)).kind).toBe('done');
  rmSync(join(world.root, 'node_modules/big/lib/7'), { recursive: true });
  const put = await longestTurn(async () => {
    expect((await performPlan({ id: 'A7', plan, signal: never }, world.deps)).kind).toBe('done');
  });
  const back = await longestTurn(async () => {
    expect((await undoRepair('A7', { why: 'asked', signal: never }, world.deps)).kind).toBe('done');
  });
  if (process.env['IMMUNE_TELL'] === '1') console.log({ put, back });
  // Twice what is aimed at: the collector of garbage takes its turns, too.
  expect(put.cpuMs).toBeLessThan(20);
  expect(back.cpuMs).toBeLessThan(20);
});
