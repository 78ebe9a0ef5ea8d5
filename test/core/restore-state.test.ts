import { describe, expect, test } from 'vitest';
import { begunAnew, restoreState } from '../../src/core/restore-state.ts';
import { type Incident, initialState, type State } from '../../src/core/state.ts';
import { millis, minutes, plus } from '../../src/core/time.ts';
import { moment } from './story.ts';

/** An incident as the first version wrote it: attempts had three fields. */
const old = {
  id: 'I7',
  openedAt: moment('00:00'),
  cause: 'hung',
  because: 'it answers nothing',
  attempts: [{ actionId: 'A1', cause: 'hung', at: moment('00:30') }],
  exhaustedAt: null,
  servingAt: null,
  closedAt: null,
  outcome: null,
} as unknown as Incident;

describe('a state that an older watchdog wrote down', () => {
  test('keeps its attempts as the restarts they were, and is filled up with what was not known then', () => {
    const { spent: _, ...rest } = initialState;
    const state = restoreState({ ...rest, incident: old, lastIncident: old } as unknown as State);
    const attempt = {
      actionId: 'A1',
      rung: 'L1',
      kind: 'restart',
      cause: 'hung',
      at: moment('00:30'),
      remedy: null,
      left: null,
      outcome: 'done',
    };
    for (const incident of [state.incident, state.lastIncident]) {
      expect(incident).toMatchObject({
        attempts: [attempt],
        attemptsFrom: 0,
        exhaustedOn: null,
        acknowledgedAt: null,
      });
    }
    expect(state.spent).toEqual([]);
  });

  test('is left as it is where it knows everything', () => {
    const suspended: State = {
      ...initialState,
      phase: { kind: 'suspended', cause: 'paused', since: moment('00:10'), until: null },
    };
    expect(restoreState(suspended)).toEqual(suspended);
    const bare = { ...initialState, phase: { kind: 'suspended', cause: 'paused' } } as unknown as State;
    expect(restoreState(bare).phase).toEqual({ kind: 'suspended', cause: 'paused', since: 0, until: null });
    const whole = restoreState({ ...initialState, incident: old });
    expect(restoreState(whole)).toEqual(whole);
  });
});

describe('a watchdog that begins anew', () => {
  const life = {
    pid: 100,
    startedAt: moment('00:00'),
    bootId: null,
    firstSeenAt: moment('00:01'),
    listenedAt: null,
    readyAt: null,
  };
  const now = plus(moment('00:00'), minutes(20));

  test('gives a boot under way its whole grace, and judges repairs by starts it sees itself', () => {
    const before: State = {
      ...initialState,
      generation: life,
      asleepMs: millis(5),
      bootsSinceRepair: 3,
      runsSeen: 9,
    };
    expect(begunAnew(before, now)).toMatchObject({
      generation: { firstSeenAt: now },
      asleepMs: 0,
      bootsSinceRepair: 0,
      runsSeen: null,
    });
  });

  test('lets what one look had noted last anew', () => {
    const noted = [{ key: 'readiness', since: moment('00:00') }];
    expect(begunAnew({ ...initialState, noted }, now).noted).toEqual([]);
  });

  test('leaves a gateway that was ready as it was seen', () => {
    const ready = { ...life, readyAt: moment('00:09') };
    expect(begunAnew({ ...initialState, generation: ready, asleepMs: millis(5) }, now)).toMatchObject({
      generation: ready,
      asleepMs: 5,
    });
    expect(begunAnew(initialState, now).generation).toBeNull();
  });
});
