import { describe, expect, test } from 'vitest';
import type { UpdateEvidence } from '../../src/core/evidence.ts';
import type { GroundEvidence } from '../../src/core/ground-evidence.ts';
import { type Millis, millis, minutes } from '../../src/core/time.ts';
import type { LiveProcess } from '../../src/gateway/live-processes.ts';
import { findPackageWork } from '../../src/gateway/package-managers.ts';
import { createRemedies } from '../../src/probes/remedies.ts';

type Remedy = GroundEvidence['rollback'];

const ready: Remedy = { kind: 'ready', id: 'keys-1', because: 'one key is restored' };
const broken = { kind: 'faulty', fault: 'broken', hash: 'x', changedAt: null, because: '' } as const;
const missing = { kind: 'missing', names: ['ws'], because: 'ws is missing' } as const;
const plugins = { kind: 'broken', id: 'feishu', because: '' } as const;
const npm: LiveProcess = { pid: 78, ppid: 1, command: 'npm install -g openclaw@2026.9.6' };
const doctor: LiveProcess = { pid: 77, ppid: 1, command: 'openclaw-doctor' };

function remedies(answer: Remedy = ready) {
  let now: Millis = millis(0);
  let rows: readonly LiveProcess[] = [];
  let update: UpdateEvidence = { kind: 'none' };
  const looks: unknown[] = [];
  const made = createRemedies({
    planner: { look: async () => answer },
    reinstaller: {
      look: async (...seen) => {
        looks.push(seen);
        return answer;
      },
    },
    packageWork: () => findPackageWork({ processes: async () => rows, update: async () => update }),
    processes: async () => rows,
    clock: { elapsed: () => now },
  });
  return {
    ask: () => made.rollback(broken),
    reinstall: () => made.reinstall(missing, plugins, { serving: true }),
    looks,
    mark: (found: UpdateEvidence) => {
      update = found;
    },
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

describe('a repair of the package that is worked out', () => {
  test('is offered when nobody else is at the package, plugins and all', async () => {
    const { reinstall, looks } = remedies();
    expect(await reinstall()).toEqual(ready);
    expect(looks).toEqual([[missing, plugins, { serving: true }]]);
  });

  test.each([
    ['npm', npm],
    ['brew', { ...npm, command: '/bin/bash -p /opt/homebrew/bin/brew upgrade node' }],
    ["another user's npm", { ...npm, uid: (process.getuid?.() ?? 0) + 1 }],
  ])('is not even looked for while %s is at work, and told after ten minutes', async (_what, row) => {
    const { reinstall, run, at, looks } = remedies();
    run(row);
    expect(await reinstall()).toMatchObject({
      kind: 'pending',
      because: expect.stringContaining('process 78'),
    });
    at(minutes(10) - 1);
    expect((await reinstall()).kind).toBe('pending');
    at(minutes(10));
    expect(await reinstall()).toMatchObject({
      kind: 'unavailable',
      because: expect.stringMatching(/process 78 .* for 10 min by now: end it; run "immune fix-deps"$/),
    });
    expect(looks).toEqual([]);
    run();
    expect(await reinstall()).toEqual(ready);
    // The next one has its own time.
    run(row);
    expect((await reinstall()).kind).toBe('pending');
  });

  test('waits for an update of OpenClaw that only its own marks tell of', async () => {
    const { reinstall, mark } = remedies();
    mark({ kind: 'running', marker: 'update_runs row in phase staging' });
    expect(await reinstall()).toMatchObject({
      kind: 'pending',
      because: expect.stringContaining('an update of OpenClaw is running'),
    });
    mark({ kind: 'stale', marker: 'x' });
    expect(await reinstall()).toEqual(ready);
  });

  test('waits while its marks cannot be read, and names them after ten minutes', async () => {
    const { reinstall, mark, at, looks } = remedies();
    mark({ kind: 'unknown', because: '/x/openclaw.sqlite cannot be read' });
    expect((await reinstall()).kind).toBe('pending');
    at(minutes(10));
    expect(await reinstall()).toMatchObject({
      kind: 'unavailable',
      because: expect.stringMatching(/openclaw\.sqlite cannot be read, .*: put that right; run/),
    });
    expect(looks).toEqual([]);
  });

  test('is none of a look that ends at once: it names the command', async () => {
    const made = createRemedies({
      planner: null,
      processes: async () => [],
      clock: { elapsed: () => millis(0) },
    });
    expect(await made.reinstall(missing)).toMatchObject({
      kind: 'unavailable',
      because: expect.stringMatching(/; run "immune fix-deps"$/),
    });
    expect((await made.rollback(broken)).kind).toBe('unavailable');
  });
});
