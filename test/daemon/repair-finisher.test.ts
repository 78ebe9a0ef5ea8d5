import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { type Clock, instant, type Millis, millis, minutes } from '../../src/core/time.ts';
import { createRepairFinisher } from '../../src/daemon/repair-finisher.ts';
import { finishRepairs } from '../../src/repairs/finish-repairs.ts';
import { type RepairFiles, realFiles } from '../../src/repairs/package-moves.ts';
import { performPlan } from '../../src/repairs/package-repair.ts';
import { packageWorld, picture, planFor } from '../repairs/package-world.ts';

const never = new AbortController().signal;

it('a repair that died in the middle is finished once the package manager in its way is gone', async () => {
  const world = await packageWorld();
  rmSync(join(world.root, 'node_modules'), { recursive: true });
  const damaged = picture(world);
  // The root is away, the new one is not there yet; and nobody is left to put anything back.
  const died: RepairFiles = {
    ...realFiles,
    rename: async (from, to) => {
      if (to === world.root) throw Object.assign(new Error('dead'), { code: 'EIO' });
      return realFiles.rename(from, to);
    },
  };
  const plan = planFor(world, 'tree');
  expect((await performPlan({ id: 'A7', plan, signal: never }, { ...world.deps, files: died })).kind).toBe(
    'failed',
  );
  expect(existsSync(world.root)).toBe(false);

  let elapsedMs = 1_000;
  const clock: Clock = {
    now: () => instant(0),
    elapsed: () => millis(elapsedMs),
    sleep: async () => undefined,
  };
  const log = { warn: vi.fn(), error: vi.fn() };
  const onChanged = vi.fn();
  const exclusive = (work: () => Promise<void>): Promise<void> => work();
  let deps = { ...world.deps, files: died };
  const finisher = createRepairFinisher({
    clock,
    finish: () => finishRepairs(deps),
    exclusive,
    onChanged,
    log,
  });
  const looks = async (afterMs: Millis): Promise<void> => {
    elapsedMs += afterMs;
    finisher.onLook();
    finisher.onLook();
    await finisher.close();
  };
  await finisher.begin();
  await looks(minutes(1));
  await looks(minutes(1));
  expect(log.error).toHaveBeenCalledTimes(1);
  expect(existsSync(world.root)).toBe(false);
  deps = { ...world.deps, files: realFiles };
  await looks(millis(1));
  expect(existsSync(world.root)).toBe(false);
  await looks(minutes(1));
  expect(existsSync(world.root)).toBe(true);
  expect(onChanged).toHaveBeenCalledTimes(1);
  expect(picture(world)).toEqual(damaged);
  await looks(minutes(1));
  expect(log.warn).toHaveBeenCalledTimes(1);
});
