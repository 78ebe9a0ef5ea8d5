import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { guardsBeside, resembles } from '../../src/core/security-typo.ts';

test.each([
  ['auht', 'auth', true],
  ['alowFrom', 'allowFrom', true],
  ['AllowForm', 'allowFrom', true],
  ['denny', 'deny', true],
  ['dent', 'deny', true],
  ['allow', 'deny', false],
  ['mode', 'auth', false],
  ['groupAllowFrom', 'allowFrom', false],
  ['x'.repeat(40), 'x'.repeat(40), false],
])('%s and %s: %s', (one, other, expected) => {
  expect(resembles(one, other)).toBe(expected);
  expect(resembles(other, one)).toBe(expected);
});

test('one slip is always seen', () => {
  const name = fc.stringMatching(/^[a-z]{4,12}$/);
  fc.assert(
    fc.property(name, fc.nat(11), fc.stringMatching(/^[a-z]?$/), (word, at, letter) => {
      const place = at % word.length;
      expect(resembles(word, word.slice(0, place) + letter + word.slice(place + 1))).toBe(true);
      const [one = '', two = ''] = word.slice(place);
      expect(resembles(word, word.slice(0, place) + two + one + word.slice(place + 2))).toBe(true);
    }),
  );
});

const beside = (path: string, value: unknown, verified: unknown, own: unknown = {}) => {
  const { restore, doubts } = guardsBeside({ path: path.split('.'), value, verified, own });
  return [restore.map((key) => key.join('.')), doubts.map(({ meant }) => meant?.join('.') ?? null)];
};

describe('beside a key that is taken out', () => {
  test.each([
    ['nothing is missing', 'gateway.bogusKey', 1, { auth: 1 }, { auth: 2 }, [], []],
    ['what is missing is no security', 'gateway.bogusKey', 1, { port: 1 }, {}, [], []],
    ['there was nothing', 'agents.x.bogusKey', 1, undefined, undefined, [], []],
    ['it stood in a list', 'agents.list', 1, [1], [], [], []],
    ['the same value', 'gateway.auht', { token: 'a' }, { auth: { token: 'a' } }, {}, ['gateway.auth'], []],
    ['another value', 'gateway.auht', { token: 'b' }, { auth: { token: 'a' } }, {}, [], ['gateway.auth']],
    ['a shorter allow-list', 'x.alowFrom', ['1', '2'], { allowFrom: ['1'] }, {}, ['x.allowFrom'], []],
    ['a longer allow-list', 'x.alowFrom', ['1'], { allowFrom: ['1', '2'] }, {}, [], ['x.allowFrom']],
    ['a longer deny-list', 'tools.denny', ['1'], { deny: ['1', '2'] }, {}, ['tools.deny'], []],
    ['a shorter deny-list', 'tools.denny', ['1', '2'], { deny: ['1'] }, {}, [], ['tools.deny']],
    [
      'a list of another kind',
      'x.trustedProxis',
      [],
      { trustedProxies: [] },
      { a: 1 },
      ['x.trustedProxies'],
      [],
    ],
    ['such a list changed', 'x.trustedProxis', ['1'], { trustedProxies: [] }, {}, [], ['x.trustedProxies']],
    ['no list at all', 'tools.denny', 7, { deny: ['1'] }, {}, [], ['tools.deny']],
    ['a verified one that is no list', 'tools.denny', ['1'], { deny: 7 }, {}, [], ['tools.deny']],
    ['a deny-list by chance', 'tools.bogusKey', 1, { deny: ['1'] }, {}, ['tools.deny'], []],
    ['a policy by chance', 'x.bogusKey', 1, { dmPolicy: 'a' }, {}, [], ['x.dmPolicy']],
    ['what only opened', 'gateway.bogusKey', 1, { tailscale: {} }, {}, [], []],
    ['a channel', 'channels.telegarm', {}, { telegram: { allowFrom: [] } }, {}, [], []],
    ['all channels', 'chanels', { x: { deny: [] } }, { channels: { x: { deny: ['1'] } } }, {}, [], []],
    ['the hooks', 'hoks', {}, { hooks: { enabled: true } }, {}, [], []],
    ['a section', 'tolls', { deny: [] }, { tools: { deny: ['1'] } }, {}, [], ['tools']],
    ['a slip with nothing to go back to', 'x.alowFrom', ['1'], {}, {}, [], [null]],
    ['a guard that is not known', 'gateway.roles', {}, {}, {}, [], [null]],
    ['a name within a setting', 'gateway.auth.bogusKey', 1, {}, {}, [], []],
    ['a slip within a setting', 'gateway.auth.tokn', 1, {}, {}, [], [null]],
    ['guards within it', 'agents.x', { y: { deny: [] } }, {}, {}, [], [null]],
    ['a credential within it', 'agents.x', { apiKey: 1 }, {}, {}, [], []],
    ['a channel with guards', 'channels.other', { allowFrom: [] }, {}, {}, [], []],
    ['a long name', `gateway.${'auth'.repeat(10)}`, 1, {}, {}, [], []],
  ])('%s', (_name, path, value, verified, own, restore, doubts) => {
    expect(beside(path, value, verified, own)).toEqual([restore, doubts]);
  });

  test('a position has no name, and endless nesting is left alone', () => {
    const deep = JSON.parse(`${'{"x":'.repeat(60)}{"deny":1}${'}'.repeat(60)}`);
    const taken = { path: ['a', 0], value: deep, verified: {}, own: {} };
    expect(guardsBeside(taken)).toEqual({ restore: [], doubts: [] });
  });
});

test('a list that comes back never lets more in than the key was meant to', () => {
  const entries = fc.uniqueArray(fc.constantFrom('1', '2', '3', '4'));
  fc.assert(
    fc.property(entries, entries, (meant, verified) => {
      const [allowed] = beside('x.alowFrom', meant, { allowFrom: verified });
      expect(allowed?.length === 1).toBe(verified.every((entry) => meant.includes(entry)));
      const [denied] = beside('tools.denny', meant, { deny: verified });
      expect(denied?.length === 1).toBe(meant.every((entry) => verified.includes(entry)));
    }),
  );
});
