import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { leavesOf, masked, shownValue } from '../../src/core/mask.ts';

describe('a value is shown', () => {
  test.each<[string, readonly (string | number)[], unknown, string]>([
    ['a chosen word', ['gateway', 'bind'], 'lan', '"lan"'],
    ['a port', ['gateway', 'port'], 18789, '18789'],
    ['a length of time', ['x', 'timeoutMs'], -999_999, '-999999'],
    ['yes', ['auth', 'enabled'], true, 'true'],
    ['null', ['gateway', 'token'], null, 'null'],
    ['an empty list', ['gateway', 'token'], [], '[]'],
    ['an empty object', ['gateway', 'token'], {}, '{}'],
  ])('%s', (_name, path, value, shown) => {
    expect(shownValue(path, value)).toBe(shown);
  });
});

describe('a value is masked', () => {
  test.each<[string, readonly (string | number)[], unknown]>([
    ['any other word', ['gateway', 'note'], 'hunter'],
    ['a chosen word below a suspicious key', ['gateway', 'auth', 'word'], 'token'],
    ['a short number below a suspicious key', ['phone', 'unlockPin'], 4711],
    ['a long number', ['channels', 'chat'], 1_000_000],
    ['an entry of a list', ['channels', 'allowFrom', 0], 4711],
    ['a number that is the whole config', [], 5],
    ['an object', ['gateway'], { port: 1 }],
    ['nothing at all', ['gateway'], undefined],
  ])('%s', (_name, path, value) => {
    expect(shownValue(path, value)).toBe(masked);
  });
});

test('the values of a config come in the order of its text, each with the way to it', () => {
  const config = { gateway: { port: 1, auth: { token: 'abc' } }, list: [true, { a: {} }], none: null };
  expect(leavesOf(config, 9)).toEqual({
    leaves: [
      { path: ['gateway', 'port'], shown: '1' },
      { path: ['gateway', 'auth', 'token'], shown: masked },
      { path: ['list', 0], shown: 'true' },
      { path: ['list', 1, 'a'], shown: '{}' },
      { path: ['none'], shown: 'null' },
    ],
    cut: false,
  });
  expect(leavesOf(config, 2)).toMatchObject({ leaves: [{}, {}], cut: true });
});

test('a config nested without end ends', () => {
  let deep: unknown = 'secret';
  for (let level = 0; level < 50_000; level += 1) deep = { x: deep };
  const { leaves } = leavesOf(deep, 5);
  expect(leaves).toMatchObject([{ shown: masked }]);
});

test('whatever a config holds, no text of it is shown but a chosen word', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
      for (const { path, shown } of leavesOf(value, 1_000).leaves) {
        const real = path.reduce<unknown>((at, step) => Reflect.get(Object(at), step), value);
        if (typeof real === 'string') expect([masked, `"${real}"`]).toContain(shown);
        if (typeof real === 'string' && shown !== masked) expect(real).toMatch(/^[a-z-]+$/);
      }
    }),
  );
});
