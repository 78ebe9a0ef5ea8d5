import { expect, test } from 'vitest';
import { isPaid, isUntimed } from '../../src/core/budget.ts';
import { defaultPolicy } from '../../src/core/policy.ts';
import { initialState, type State } from '../../src/core/state.ts';
import { moment } from './story.ts';

const now = moment('10:00');
const calm: State = { ...initialState, phase: { kind: 'healthy' } };
const made = [moment('09:00')];

test.each<[string, Partial<State>, boolean]>([
  ['nothing is remembered', {}, true],
  ['it is not healthy', { phase: { kind: 'starting' } }, false],
  ['it is paused', { pause: { since: now, until: null, because: '' } }, false],
  ['an action was made', { spent: [{ actionId: 'A1', at: now }] }, false],
  ['a reinstall was made', { reinstalls: made }, false],
  ['a rollback was made', { rollbacks: made }, false],
  ['a reload was made', { reloads: made }, false],
  ['an unpark was made', { unparks: made }, false],
  ['the gateway was lost', { losses: made }, false],
  ['the config was just edited', { configSeen: { key: 'a', since: moment('09:51') } }, false],
  ['the config was edited ten seconds ago', { configSeen: { key: 'a', since: moment('09:50') } }, true],
])('the clock may be set right: %s', (_name, changes, free) => {
  expect(isUntimed({ ...calm, ...changes }, now, defaultPolicy)).toBe(free);
});

test('a repair has paid for its start for as long as it is remembered', () => {
  const spent = [{ actionId: 'A3', at: now }];
  expect(isPaid({ ...calm, round: 'A3', spent })).toBe(true);
  expect(isPaid({ ...calm, round: 'A2', spent })).toBe(false);
  expect(isPaid({ ...calm, round: null, spent })).toBe(false);
});
