import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ActionStep, type Incident, initialState, type State } from '../../src/core/state.ts';
import { instant } from '../../src/core/time.ts';
import { begin } from '../../src/daemon/begin.ts';
import { neverBegun } from '../../src/daemon/config-guard.ts';
import type { JournalEntry } from '../../src/daemon/journal.ts';
import { steadyClock } from '../../src/daemon/steady-time.ts';
import { systemClock } from '../../src/system/clock.ts';
import type { Log } from '../../src/system/log.ts';

let quarantine: string;
beforeEach(() => {
  quarantine = mkdtempSync(join(tmpdir(), 'immune-begin-'));
});
afterEach(() => rmSync(quarantine, { recursive: true, force: true }));

const at = instant(1_000_000);
const rollback: ActionStep = { kind: 'rollback', remedy: 'keys-1', replaces: 'bad' };
const restart: ActionStep = { kind: 'restart', label: 'x', expected: { pid: 7, startedAt: at } };

/** As the journal has it after the watchdog died over the step. */
function died(step: ActionStep): State {
  const attempt = {
    actionId: 'A1',
    rung: 'L3' as const,
    kind: step.kind,
    cause: 'config-invalid' as const,
    at,
    remedy: 'keys-1',
    left: null,
    outcome: 'unknown' as const,
  };
  const incident: Incident = {
    id: 'I1',
    openedAt: at,
    cause: 'config-invalid',
    because: '',
    attempts: [attempt],
    attemptsFrom: 0,
    exhaustedAt: null,
    exhaustedOn: null,
    acknowledgedAt: null,
    servingAt: null,
    closedAt: null,
    outcome: null,
  };
  const action = { id: 'A1', incident: 'I1', rung: 'L3' as const, step, because: '', deadlineAt: at };
  return {
    ...initialState,
    incident,
    phase: { kind: 'repairing', action, startedAt: at },
    spent: [{ actionId: 'A1', at }],
    rollbacks: [at],
    round: 'A1',
  };
}

async function begun(state: State): Promise<State> {
  const written: JournalEntry[] = [];
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
  return begin(
    { state, lastAt: at, reports: [], inDoubt: false },
    {
      clock: steadyClock(systemClock(), at),
      journal: {
        append: async (entry) => {
          written.push(entry);
          return { kind: 'done' };
        },
        close: async () => undefined,
      },
      log: log as unknown as Log,
      tell: async () => undefined,
      neverBegun: neverBegun(quarantine),
    },
  );
}

test('a rollback that had replaced nothing costs nothing, and its plan may be tried again', async () => {
  const state = await begun(died(rollback));
  expect(state.incident?.attempts).toEqual([]);
  expect(state).toMatchObject({ spent: [], rollbacks: [], round: null });
});

test('a rollback that may have been made counts as made', async () => {
  mkdirSync(join(quarantine, 'A1'));
  // Even a record that nobody can read: what it is about is there.
  writeFileSync(join(quarantine, 'A1', 'kept.json'), '{');
  const state = await begun(died(rollback));
  expect(state.incident?.attempts).toHaveLength(1);
  expect(state.spent).toHaveLength(1);
});

test('a restart counts as made, whatever came of it', async () => {
  const state = await begun(died(restart));
  expect(state.incident?.attempts).toHaveLength(1);
  expect(state.spent).toHaveLength(1);
});
