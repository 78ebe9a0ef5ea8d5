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
