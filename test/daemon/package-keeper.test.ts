import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Evidence } from '../../src/core/evidence.ts';
import { initialState, type State } from '../../src/core/state.ts';
import { type Clock, millis, seconds } from '../../src/core/time.ts';
import { createPackageKeeper, type PackageKeeper } from '../../src/daemon/package-keeper.ts';
import { readProof } from '../../src/daemon/proof.ts';
import { sound } from '../core/ground.ts';
import { but, dawn, first, second, serving } from '../core/world.ts';

const generation = {
  pid: first.pid,
  startedAt: first.startedAt,
  bootId: 'b1',
  firstSeenAt: dawn,
  listenedAt: dawn,
  readyAt: dawn,
};
const calm: State = { ...initialState, phase: { kind: 'healthy' }, generation };
const serves: Evidence = { ...serving()(dawn), ground: sound };

let folder: string;
let elapsedMs: number;
let archived: number;
let said: string[];
let place: { packageRoot: string | null; version: string | null; node: string | null };
let keeper: PackageKeeper;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'immune-package-keeper-'));
  mkdirSync(join(folder, 'real'));
  symlinkSync(join(folder, 'real'), join(folder, 'link'));
  elapsedMs = 1_000;
  archived = 0;
  said = [];
  place = { packageRoot: join(folder, 'link'), version: '2026.9.6', node: '/opt/node/bin/node' };
  const clock: Clock = {
    now: () => dawn,
    elapsed: () => millis(elapsedMs),
    sleep: async () => undefined,
  };
  keeper = createPackageKeeper({
    clock,
    soakMs: () => seconds(120),
    stateDir: join(folder, 'state'),
    place: () => place,
    archive: async () => {
      archived += 1;
    },
    log: { info: (text) => said.push(text), warn: (text) => said.push(`! ${text}`) },
  });
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function look(state: State, evidence: Evidence, laterMs = 0): Promise<void> {
  elapsedMs += laterMs;
  keeper.seen(state, evidence);
  await keeper.close();
}

/** Healthy from now on, through the whole soak. */
async function soaks(state = calm, evidence = serves): Promise<void> {
  await look(state, evidence);
  await look(state, evidence, 119_000);
  expect(archived).toBe(0);
  await look(state, evidence, 1_000);
}

const proven = async () => readProof(join(folder, 'state'));

it('a generation that served through the soak is written down, once, and archived', async () => {
  await soaks();
  expect(await proven()).toEqual({
    kind: 'read',
    proof: {
      version: 1,
      pid: first.pid,
      bootId: 'b1',
      startedAt: first.startedAt,
      provenAt: dawn,
      openclaw: '2026.9.6',
      packageRoot: realpathSync(join(folder, 'real')),
      node: '/opt/node/bin/node',
    },
  });
  await look(calm, serves, 600_000);
  expect(archived).toBe(1);
});

it('the next generation is proven anew', async () => {
  await soaks();
  const next: State = {
    ...calm,
    generation: { ...generation, pid: second.pid, startedAt: second.startedAt },
  };
  const evidence: Evidence = { ...serving(second)(dawn), ground: sound };
  await look(next, evidence);
  await look(next, evidence, 120_000);
  expect(archived).toBe(2);
  expect(await proven()).toMatchObject({ proof: { pid: second.pid } });
});

it('a break of health, and sleep, begin or lengthen the soak', async () => {
  await look(calm, serves);
  await look({ ...calm, phase: { kind: 'suspect' } }, serves, 60_000);
  await look(calm, serves, 1_000);
  await look({ ...calm, asleepMs: millis(100_000) }, serves, 200_000);
  expect(archived).toBe(0);
  await look({ ...calm, asleepMs: millis(100_000) }, serves, 20_000);
  expect(archived).toBe(1);
});

it.each<[string, Partial<typeof place>, Evidence]>([
  [
    'the package is not whole',
    {},
    { ...serves, ground: { ...sound, dependencies: { kind: 'unknown', because: 'x' } } },
  ],
  ['another version lies there than runs', { version: '2026.9.7' }, serves],
  ['where the package lies is not known', { packageRoot: null }, serves],
  ['the Node that runs it is not known', { node: null }, serves],
  ['the job has another process by now', {}, but(serving(second), { ground: sound })(dawn)],
  ['the service manager was not asked', {}, { ...serves, service: { kind: 'unread' } }],
])('%s: nothing is proven', async (_, differs, evidence) => {
  place = { ...place, ...differs };
  await soaks(calm, evidence);
  expect(archived).toBe(0);
  expect((await proven()).kind).toBe('missing');
});

it('when the process was started must be known', async () => {
  await soaks({ ...calm, generation: { ...generation, startedAt: null } });
  expect((await proven()).kind).toBe('missing');
});

it('a proof that cannot be written is told, and tried again after ten minutes', async () => {
  writeFileSync(join(folder, 'state'), 'in the way');
  await soaks();
  expect(said.at(-1)).toMatch(/^! What the gateway serves from could not be written down/);
  const told = said.length;
  await look(calm, serves, 60_000);
  expect(said).toHaveLength(told);
  rmSync(join(folder, 'state'));
  mkdirSync(join(folder, 'state'));
  chmodSync(join(folder, 'state'), 0o700);
  await look(calm, serves, 600_000);
  expect(archived).toBe(1);
});
