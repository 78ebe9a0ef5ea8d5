import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { defaultPolicy } from '../../src/core/policy.ts';
import { initialState, type State } from '../../src/core/state.ts';
import { hours, instant, millis } from '../../src/core/time.ts';
import type { GatewaySight } from '../../src/daemon/gateway-sight.ts';
import type { Loop } from '../../src/daemon/loop.ts';
import { createPackageGuard, type PackageGuardParts } from '../../src/daemon/package-guard.ts';
import { type RepairRecord, writeRepair } from '../../src/vault/repair-records.ts';
import { sound } from '../core/ground.ts';
import { serving } from '../core/world.ts';
import { workspace } from '../system/workspace.ts';

const day = 86_400_000;

it('removes daily what repairs of long ago have replaced, and not only at the start of the watchdog', async () => {
  const folder = workspace();
  const names = ['archives', 'quarantine', 'state', 'safeStart'] as const;
  const paths = Object.fromEntries(names.map((name) => [name, join(folder, name)]));
  const quarantine = join(folder, 'quarantine');
  let elapsedMs = 0;
  const clock = {
    now: () => instant(elapsedMs),
    elapsed: () => millis(elapsedMs),
    sleep: async () => undefined,
  };
  const state: State = { ...initialState, phase: { kind: 'healthy' } };
  const swept: Promise<unknown>[] = [];
  const loop = {
    state: () => state,
    exclusive: <T>(work: () => Promise<T>): Promise<T> => {
      const mine = work();
      swept.push(mine);
      return mine;
    },
  };
  const sight = { ground: { programArguments: [], packageRoot: null }, files: {} };
  const guard = createPackageGuard({
    steady: clock,
    clock,
    paths: paths as unknown as PackageGuardParts['paths'],
    policy: () => defaultPolicy,
    mode: () => 'act',
    processes: {} as PackageGuardParts['processes'],
    manager: {} as PackageGuardParts['manager'],
    label: 'x',
    run: vi.fn(),
    log: { info: vi.fn(), warn: vi.fn(), error: vi.fn() } as unknown as PackageGuardParts['log'],
    sight: () => sight as unknown as GatewaySight,
    loop: () => loop as unknown as Loop,
    archive: async () => undefined,
    onChanged: vi.fn(),
  });
  for (const [number, id] of ['A1', 'A2', 'A3', 'A4'].entries()) {
    const at = join(quarantine, id);
    mkdirSync(join(at, 'replaced'), { recursive: true });
    writeFileSync(join(at, 'replaced', 'old.js'), 'old');
    const record: RepairRecord = {
      version: 1,
      id,
      incident: null,
      at: instant(number),
      planId: 'packages-1',
      planKind: 'packages',
      openclaw: '2026.9.6',
      archive: 'a',
      trees: [],
      units: [],
      moves: [],
      files: 1,
      state: 'made',
      undoneFor: null,
      because: 'ws was missing',
    };
    expect((await writeRepair({ folder: at, record })).kind).not.toBe('failed');
  }
  const look = async (phase: State['phase'] = { kind: 'healthy' }): Promise<readonly boolean[]> => {
    guard.seen({ ...state, phase }, { ...serving()(instant(elapsedMs)), ground: sound });
    await Promise.all(swept);
    return ['A1', 'A2', 'A3', 'A4'].map((id) => existsSync(join(quarantine, id)));
  };
  await guard.begin(state);
  expect(await look()).toEqual([true, true, true, true]);
  elapsedMs = 8 * day;
  expect(await look({ kind: 'suspect' })).toEqual([true, true, true, true]);
  expect(await look()).toEqual([false, true, true, true]);
  expect(await look()).toEqual([false, true, true, true]);
  expect(swept).toHaveLength(1);
  elapsedMs += hours(24);
  await look();
  expect(swept).toHaveLength(2);
  await guard.close();
});
