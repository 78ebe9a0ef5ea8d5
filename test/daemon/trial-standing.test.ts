import { describe, expect, test } from 'vitest';
import { instant } from '../../src/core/time.ts';
import type { LiveHash, Trial } from '../../src/core/trial.ts';
import { type KeptState, overAfterTry, standingOf } from '../../src/daemon/trial-standing.ts';

const begun: Trial = {
  version: 1,
  id: 'T3',
  kind: 'apply',
  appliedAt: instant(1_000),
  watchUntil: instant(9_000),
  confirmBy: null,
  confirmed: false,
  restart: 'none',
  replaced: 'old',
  left: null,
  planId: 'apply-1',
  changes: [],
  by: 'test',
  pidBefore: null,
  bootsBefore: 0,
  undoing: null,
  end: null,
};
const inPlace: Trial = { ...begun, left: 'new' };
const record = (state: 'begun' | 'made' | 'undone', left: string | null = 'new'): KeptState => ({
  kind: 'read',
  state,
  left,
  lost: null,
});
const missing: KeptState = { kind: 'missing', because: 'nothing is kept' };
const unreadable: KeptState = { kind: 'unreadable', because: 'EMFILE' };
const is = (hash: string | null): LiveHash => ({ kind: 'known', hash });
const unknown: LiveHash = { kind: 'unknown' };

describe('a trial that another life left open', () => {
  test.each<readonly [string, Trial, KeptState, LiveHash, object]>([
    ['undone', inPlace, record('undone'), is('old'), { kind: 'reverted' }],
    ['known to be in place', inPlace, record('made'), is('new'), { left: 'new', doubt: null }],
    ['known to be in place, kept unreadable', inPlace, unreadable, unknown, { left: 'new' }],
    ['known to be in place, kept gone', inPlace, missing, is('new'), { left: 'new' }],
    ['made, and not written down', begun, record('made'), unknown, { left: 'new', doubt: null }],
    ['made, with an unknown result', begun, record('made', null), is('new'), { left: 'new' }],
    ['never begun', begun, missing, is('old'), { kind: 'failed', because: /nothing was changed$/ }],
    ['begun, the config the old one', begun, record('begun', null), is('old'), { because: /nothing was/ }],
    ['unreadable, the config the old one', begun, unreadable, is('old'), { because: /nothing was/ }],
    ['begun and in place', begun, record('begun', null), is('new'), { left: 'new', doubt: /interrupted/ }],
    ['unreadable and in place', begun, unreadable, is('new'), { left: 'new', doubt: /EMFILE/ }],
    ['gone, and another config', begun, missing, is('new'), { kind: 'failed', because: /immune snapshots/ }],
    ['of which nothing can be told', begun, missing, unknown, { kind: 'untold' }],
    ['in an empty place', begun, unreadable, is(null), { kind: 'untold' }],
    ['where there was no config before', { ...begun, replaced: null }, missing, is(null), { kind: 'failed' }],
  ])('%s', (_name, trial, kept, live, expected) => {
    const patterns = Object.entries(expected).map(([key, value]) => [
      key,
      value instanceof RegExp ? expect.stringMatching(value) : value,
    ]);
    expect(standingOf(trial, { kept, live })).toMatchObject(Object.fromEntries(patterns));
  });
});

describe('a change that could not be taken back', () => {
  const lost: KeptState = { kind: 'read', state: 'made', left: 'new', lost: 'it is gone' };

  test.each<readonly [string, KeptState, LiveHash, string | null]>([
    ['is tried again', record('made'), is('new'), null],
    ['is tried again where its record cannot be read', unreadable, is('new'), null],
    ['is tried again where the config cannot be read', record('made'), unknown, null],
    ['is tried again where half of it is back', record('begun'), is('half'), null],
    ['is tried again where its swap was completed since', record('made', 'whole'), is('whole'), null],
    ['is over where the record says so', record('undone'), unknown, 'reverted'],
    ['is over where the old config is there', record('made'), is('old'), 'reverted'],
    ['is over where another config is there', record('made'), is('other'), 'superseded'],
    ['is over where the config is gone', record('made'), is(null), 'superseded'],
    ['is over where its record is gone', missing, is('new'), 'failed'],
    ['is over where what it replaced is gone', lost, is('new'), 'failed'],
  ])('%s', (_name, kept, live, kind) => {
    expect(overAfterTry(inPlace, { because: 'x', kept, live })?.kind ?? null).toBe(kind);
  });

  test('and of which nobody knows what it left is tried again', () => {
    expect(overAfterTry(begun, { because: 'x', kept: unreadable, live: is('new') })).toBeNull();
  });
});
