import { describe, expect, test } from 'vitest';
import type { GroundEvidence } from '../../src/core/ground-evidence.ts';
import { type Millis, millis, minutes } from '../../src/core/time.ts';
import type { LiveProcess } from '../../src/gateway/live-processes.ts';
import { createRemedies } from '../../src/probes/remedies.ts';

type Remedy = GroundEvidence['rollback'];

const ready: Remedy = { kind: 'ready', id: 'keys-1', because: 'one key is restored' };
const broken = { kind: 'faulty', fault: 'broken', hash: 'x', changedAt: null, because: '' } as const;
const doctor: LiveProcess = { pid: 77, ppid: 1, command: 'openclaw-doctor' };

function remedies(answer: Remedy = ready) {
  let now: Millis = millis(0);
  let rows: readonly LiveProcess[] = [];
  const made = createRemedies({
    place: () => ({ configPath: '/home/me/.openclaw/openclaw.json', version: '2026.9.6', prefix: null }),
    planner: { look: async () => answer },
    processes: async () => rows,
    clock: { elapsed: () => now },
  });
  return {
    ask: () => made.rollback(broken),
    at: (ms: number) => {
      now = millis(ms);
    },
    run: (...processes: LiveProcess[]) => {
      rows = processes;
    },
  };
}

describe('a rollback that is worked out', () => {
  test('is offered when nobody else is at the file', async () => {
    expect(await remedies().ask()).toEqual(ready);
  });

  test("waits for a command of OpenClaw's that may write the config, and is there when that ends", async () => {
    const { ask, run } = remedies();
    run(doctor);
    expect(await ask()).toMatchObject({
      kind: 'pending',
      because: expect.stringContaining('openclaw doctor'),
    });
    run();
    expect(await ask()).toEqual(ready);
  });

  test('does not wait for ever without a word: a command that waits in some terminal is named', async () => {
    const { ask, at, run } = remedies();
    run(doctor);
    await ask();
    at(minutes(10) - 1);
    expect((await ask()).kind).toBe('pending');
    at(minutes(10));
    const told = await ask();
    expect(told).toMatchObject({ kind: 'unavailable', because: expect.stringContaining('process 77') });
    run();
    expect(await ask()).toEqual(ready);
    // The next one has its own time.
    run(doctor);
    expect((await ask()).kind).toBe('pending');
  });

  test("does not wait for another user's command, but for an update made by root", async () => {
    const { ask, run } = remedies();
    const other = (process.getuid?.() ?? 0) + 1;
    run({ ...doctor, uid: other });
    expect(await ask()).toEqual(ready);
    run({ pid: 78, ppid: 1, uid: other, command: 'npm install -g openclaw@2026.9.6' });
    expect((await ask()).kind).toBe('pending');
  });
});

test('what is no rollback yet is told as it is', async () => {
  const none: Remedy = { kind: 'unavailable', because: 'no verified snapshot is kept' };
  const { ask, run } = remedies(none);
  run(doctor);
  expect(await ask()).toEqual(none);
});
