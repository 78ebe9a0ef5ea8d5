import { afterEach, expect, it } from 'vitest';
import type { Evidence } from '../../src/core/evidence.ts';
import { defaultPolicy } from '../../src/core/policy.ts';
import { type Action, type ActionOutcome, initialState } from '../../src/core/state.ts';
import { millis } from '../../src/core/time.ts';
import type { Journal } from '../../src/daemon/journal.ts';
import { createLoop } from '../../src/daemon/loop.ts';
import { steadyClock } from '../../src/daemon/steady-time.ts';
import { systemClock } from '../../src/system/clock.ts';
import type { Log } from '../../src/system/log.ts';
import { label, pended } from '../core/world.ts';

const running: AbortController[] = [];
afterEach(() => {
  for (const each of running.splice(0)) each.abort();
});

const silent = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  close: () => undefined,
};

it('an action that is given up on may still be at work: the next one begins only when it has ended', async () => {
  const policy = {
    ...defaultPolicy,
    tickMs: millis(20),
    urgentTickMs: millis(20),
    pendedGraceMs: millis(20),
    backoffMs: millis(1),
    actionDeadlineMs: millis(60),
  };
  const clock = steadyClock(systemClock(), null);
  const begun: string[] = [];
  const announced: string[] = [];
  const stuck = Promise.withResolvers<ActionOutcome>();
  const journal: Journal = {
    append: async ({ kind, state }) => {
      if (kind === 'intent' && state.phase.kind === 'repairing') announced.push(state.phase.action.id);
      return { kind: 'done' };
    },
    close: async () => undefined,
  };
  const loop = createLoop(
    {
      clock,
      rules: () => ({ policy, mode: 'act', label }),
      observe: async (): Promise<Evidence> => pended(clock.now()),
      perform: async (action: Action) => {
        begun.push(action.id);
        return begun.length === 1 ? stuck.promise : { kind: 'failed', because: 'so it went' };
      },
      journal,
      log: silent as unknown as Log,
      tell: async () => undefined,
      beat: async () => undefined,
    },
    initialState,
  );
  const end = new AbortController();
  running.push(end);
  void loop.run(end.signal);
  await expect.poll(() => announced, { timeout: 20_000 }).toEqual(['A1', 'A2']);
  expect(begun).toEqual(['A1']);
  stuck.resolve({ kind: 'done', because: 'late' });
  await expect.poll(() => begun, { timeout: 20_000 }).toEqual(['A1', 'A2']);
});

it('what changes files for other reasons than an action waits for the action in flight, and holds up the next', async () => {
  const clock = steadyClock(systemClock(), null);
  const policy = {
    ...defaultPolicy,
    tickMs: millis(20),
    urgentTickMs: millis(20),
    pendedGraceMs: millis(20),
    backoffMs: millis(1),
  };
  const done: string[] = [];
  const first = Promise.withResolvers<ActionOutcome>();
  const change = Promise.withResolvers<void>();
  const looks: string[] = [];
  const loop = createLoop(
    {
      clock,
      rules: () => ({ policy, mode: 'act', label }),
      observe: async (): Promise<Evidence> => pended(clock.now()),
      perform: async (action: Action) => {
        done.push(`${action.id} begins`);
        return action.id === 'A1' ? first.promise : { kind: 'failed', because: 'so it went' };
      },
      journal: { append: async () => ({ kind: 'done' }), close: async () => undefined },
      log: silent as unknown as Log,
      tell: async () => undefined,
      beat: async () => undefined,
      onLook: (state) => void looks.push(state.phase.kind),
    },
    initialState,
  );
  const end = new AbortController();
  running.push(end);
  void loop.run(end.signal);
  await expect.poll(() => done, { timeout: 20_000 }).toEqual(['A1 begins']);
  const changed = loop.exclusive(async () => {
    done.push('the change begins');
    await change.promise;
    done.push('the change ends');
  });
  // A failure is the asker's, and no reason for later ones to stay away.
  const failed = loop.exclusive(async () => {
    throw new Error('no');
  });
  const noFailure = expect(failed).rejects.toThrow('no');
  first.resolve({ kind: 'failed', because: 'so it went' });
  await expect.poll(() => done, { timeout: 20_000 }).toEqual(['A1 begins', 'the change begins']);
  change.resolve();
  await Promise.all([changed, noFailure]);
  await expect.poll(() => done[3], { timeout: 20_000 }).toBe('A2 begins');
  expect(looks.length).toBeGreaterThan(0);
});

it('a note is in the journal with the state as it is', async () => {
  const clock = steadyClock(systemClock(), null);
  const kept: string[] = [];
  const told: string[] = [];
  let kind: 'done' | 'failed' = 'done';
  const loop = createLoop(
    {
      clock,
      rules: () => ({ policy: defaultPolicy, mode: 'act', label }),
      observe: async (): Promise<Evidence> => pended(clock.now()),
      perform: async () => ({ kind: 'done', because: '' }),
      journal: {
        append: async (entry) => {
          kept.push(`${entry.kind}: ${entry.because}`);
          return kind === 'done' ? { kind } : { kind, code: 'ENOSPC', because: 'full' };
        },
        close: async () => undefined,
      },
      log: silent as unknown as Log,
      tell: async (_, notices) => void told.push(...notices.map(({ text }) => text)),
      beat: async () => undefined,
    },
    initialState,
  );
  const notices = [{ kind: 'told', at: clock.now(), incident: null, text: 'told' }] as const;
  expect(await loop.note('a change holds', notices)).toBe(true);
  kind = 'failed';
  expect(await loop.note('another one', notices)).toBe(false);
  expect(kept).toEqual(['change: a change holds', 'change: another one']);
  expect(told).toEqual(['told', 'told']);
  expect(loop.state()).toBe(initialState);
});
