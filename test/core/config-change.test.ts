import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { changeWords, diffValues, type KeyPath, keyText } from '../../src/core/config-change.ts';

const changes = (older: unknown, newer: unknown): readonly string[] =>
  diffValues(older, newer, 'openclaw.json').map(({ kind, path }) => `${kind} ${JSON.stringify(path)}`);

describe('what differs', () => {
  test.each([
    ['nothing', { a: [1, { b: null }] }, { a: [1, { b: null }] }, []],
    ['a value', { a: { b: 1, c: 2 } }, { a: { b: 1, c: '2' } }, ['changed ["a","c"]']],
    ['a whole object that came', {}, { a: { b: { c: 1 } } }, ['added ["a"]']],
    ['a whole object that went', { a: { b: { c: 1 } } }, {}, ['removed ["a"]']],
    ['an object that became a text', { a: { b: 1 } }, { a: 'b' }, ['changed ["a"]']],
    ['an object that became a list', { a: {} }, { a: [] }, ['changed ["a"]']],
    ['a list that became an object', { a: [] }, { a: {} }, ['changed ["a"]']],
    ['an object that became null', { a: {} }, { a: null }, ['changed ["a"]']],
    ['entries of a list', [1, { b: 1 }, 3], [1, { b: 2 }, 4], ['changed [1,"b"]', 'changed [2]']],
    ['a list that became longer', { l: [1] }, { l: [1, 2] }, ['changed ["l"]']],
    ['numbers that only look alike', { a: 0, b: Number.NaN }, { a: -0, b: Number.NaN }, ['changed ["a"]']],
    ['all of it', 1, 2, ['changed []']],
    ['an undefined value and none', {}, { a: undefined }, ['added ["a"]']],
    [
      'keys that every object inherits',
      {},
      { constructor: 1, toString: 2 },
      ['added ["constructor"]', 'added ["toString"]'],
    ],
    [
      'in the order of the older one, then the newer',
      { b: 1, a: 1 },
      { z: 1, a: 2, y: 1 },
      ['removed ["b"]', 'changed ["a"]', 'added ["z"]', 'added ["y"]'],
    ],
  ])('%s', (_, older, newer, expected) => {
    expect(changes(older, newer)).toEqual(expected);
  });

  test('a key named __proto__ is a key, not what an object inherits', () => {
    const one: unknown = JSON.parse('{"__proto__":{"a":1}}');
    const other: unknown = JSON.parse('{"__proto__":{"a":2}}');
    expect(changes(one, other)).toEqual(['changed ["__proto__","a"]']);
    expect(changes({}, one)).toEqual(['added ["__proto__"]']);
    expect(changes(one, {})).toEqual(['removed ["__proto__"]']);
  });

  test('brackets within brackets and very long lists are no trouble', () => {
    const deep = (inner: unknown): unknown => {
      let value = inner;
      for (let level = 0; level < 200_000; level += 1) value = [value];
      return value;
    };
    expect(diffValues(deep(1), deep(2), 'f')[0]?.path).toHaveLength(200_000);
    const long = Array.from({ length: 300_000 }, (_, index) => index);
    expect(changes(long, [...long.slice(1), 0])).toHaveLength(300_000);
  });

  test('two values are told apart exactly when they are not the same', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (one, other) => {
        expect(changes(one, structuredClone(one))).toEqual([]);
        const there = diffValues(one, other, 'f');
        const back = diffValues(other, one, 'f');
        expect(there.length === 0).toBe(
          Object.is(JSON.stringify(sorted(one)), JSON.stringify(sorted(other))),
        );
        const mirrored = back.map(({ path, kind }) => JSON.stringify([path, mirror[kind]]));
        expect(there.map(({ path, kind }) => JSON.stringify([path, kind])).sort()).toEqual(mirrored.sort());
      }),
    );
  });
});

const mirror = { added: 'removed', removed: 'added', changed: 'changed' } as const;

/** JSON knows no -0, which is written as a text here. */
function sorted(value: unknown): unknown {
  if (Object.is(value, -0)) return '-0 as a number';
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
  return ['an object', entries.map(([key, entry]) => [key, sorted(entry)])];
}

describe('a path in words', () => {
  test.each<[KeyPath, string]>([
    [[], '<root>'],
    [['gateway', 'port'], 'gateway.port'],
    [['agents', 'list', 0, 'model'], 'agents.list[0].model'],
    [['$include'], '$include'],
    [[3, 'a-b'], '[3].a-b'],
    [['channels', 'my room', 'x'], 'channels["my room"].x'],
    [['a', '0', ''], 'a["0"][""]'],
    [['gpt-4.1'], '["gpt-4.1"]'],
    [['agents', 'anthropic/claude-sonnet-4-5-20250929'], 'agents["anthropic/claude-sonnet-4-5-20250929"]'],
    [['a"b\\'], '["a\\u0022b\\u005c"]'],
    [['red\u001b[31m\n'], '["red\\u001b[31m\\u000a"]'],
    [['\u202eabc\ufeff'], '["\\u202eabc\\ufeff"]'],
    [['\ud800x'], '["\\ufffdx"]'],
    [['k'.repeat(31).concat('-', 'k'.repeat(20))], `["${'k'.repeat(31)}-${'k'.repeat(8)}…"]`],
    [['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j'], 'a.b.c.d.e.f.g.h.i.j'],
    [['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k'], 'a.b.c.d.e.f.….i.j.k'],
    [['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 0, 'j', 'k'], 'a.b.c.d.e.f.….[0].j.k'],
  ])('%j is %s', (path, text) => {
    expect(keyText(path)).toBe(text);
  });

  test.each([
    'sk-ant-api03-R2D2c3poR2D2c3poR2D2c3po',
    '123456789:AAExampleOfABotTokenWith35Chars00000',
    'xoxb-12-abcdefgh12345678IJKL',
    'ghp_abcdefghijklmnopqrstuvwxyzABCDEFGHIJ',
    'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefgh',
  ])('%s as a key may be a secret', (key) => {
    expect(keyText(['env', key])).toBe(`env["${key.slice(0, 4)}…"]`);
  });

  test('what was done to it is one short line without a value, whatever the keys are', () => {
    expect(changeWords({ file: 'openclaw.json', path: ['gateway', 'bind'], kind: 'changed' })).toBe(
      'gateway.bind was changed',
    );
    expect(changeWords({ file: '/home/x/openclaw.json', path: [], kind: 'added' })).toBe(
      'the whole text was added',
    );
    expect(changeWords({ file: 'includes/agents.json5', path: ['list', 1], kind: 'removed' })).toBe(
      'list[1] was removed in includes/agents.json5',
    );
    const step = fc.oneof(fc.string({ unit: 'binary', maxLength: 300 }), fc.nat());
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), fc.string({ unit: 'binary' }), (path, file) => {
        const words = changeWords({ file, path, kind: 'added' });
        expect(words.length).toBeLessThan(700);
        expect(words).toMatch(/^[^\p{Cc}\u2028\u2029\u202a-\u202e]*$/u);
      }),
    );
  });
});
