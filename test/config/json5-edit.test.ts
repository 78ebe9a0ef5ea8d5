import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseJson5 } from '../../src/config/json5.ts';
import { restoreKeys } from '../../src/config/json5-edit.ts';
import { diffValues, type KeyPath } from '../../src/core/config-change.ts';
import { config, hand, print } from './json5-printer.ts';

function valueIn(text: string): unknown {
  const parsed = parseJson5(text);
  if (parsed.kind === 'invalid') throw new Error(`${parsed.because} in ${text}`);
  return parsed.value;
}

/** What the edit must come to, in the simplest way: a list of [path, value] set or removed one after the other. */
function model(value: unknown, donor: unknown, paths: readonly KeyPath[]): unknown {
  return paths.reduce<unknown>((whole, path) => put(whole, path, get(donor, path)), value);
}

const get = (value: unknown, path: KeyPath): unknown =>
  path.reduce<unknown>(
    (at, step) =>
      typeof at === 'object' && at !== null && Object.hasOwn(at, step)
        ? Object.getOwnPropertyDescriptor(at, step)?.value
        : undefined,
    value,
  );

function put(value: unknown, [step, ...rest]: KeyPath, wanted: unknown): unknown {
  if (step === undefined) return wanted;
  if (Array.isArray(value))
    return value.map((entry, index) => (index === step ? put(entry, rest, wanted) : entry));
  const entries = new Map(Object.entries((value ?? {}) as object));
  const next = put(entries.get(String(step)), rest, wanted);
  if (next === undefined) entries.delete(String(step));
  else entries.set(String(step), next);
  return Object.fromEntries(entries);
}

describe('by example', () => {
  const edited = (text: string, donor: string, ...paths: KeyPath[]): string => {
    const outcome = restoreKeys(text, donor, paths);
    if (outcome.kind === 'failed') throw new Error(outcome.because);
    return outcome.text;
  };

  test('a value is taken over in the words of the donor, and nothing else moves', () => {
    expect(
      edited(
        "\uFEFF// mine\r\n{\r\n  gateway: { port: 'x', /* why */ bind: 'lan', },\r\n}\r\n",
        '{ "gateway": { "port": 0x4965 } }',
        ['gateway', 'port'],
      ),
    ).toBe("\uFEFF// mine\r\n{\r\n  gateway: { port: 0x4965, /* why */ bind: 'lan', },\r\n}\r\n");
  });

  test.each([
    ['{\n  a: 1,\n  bogus: 2,\n  b: 3,\n}\n', '{\n  a: 1,\n  b: 3,\n}\n'],
    ['{\n  "a": 1,\n  "bogus": 2\n}\n', '{\n  "a": 1\n}\n'],
    ['{\r\n  a: 1,\r\n  bogus: {\r\n    c: 1,\r\n  },\r\n}', '{\r\n  a: 1,\r\n}'],
    ['{ a: 1, bogus: 2, b: 3 }', '{ a: 1, b: 3 }'],
    ['{ a: 1, bogus: 2 }', '{ a: 1 }'],
    ['{ bogus: 2 }', '{ }'],
    ['{a:1,bogus:2,b:3}', '{a:1,b:3}'],
    ['{\n  a: 1, // of a\n  bogus: 2 // of bogus\n}', '{\n  a: 1 // of a\n  // of bogus\n}'],
    ['{\n  // of bogus\n  bogus: 2,\n\n  // of b\n  b: 3,\n}', '{\n  // of bogus\n\n  // of b\n  b: 3,\n}'],
    ['{ bogus: 1, a: 1, bogus: 2 }', '{ a: 1 }'],
    ['{ bogus: 1 /* x */, a: 1 }', '{ /* x */ a: 1 }'],
    ['{ a: 1, bogus: 2,\n  b: 3 }', '{ a: 1,\n  b: 3 }'],
    ['{ a: 1\n, bogus: 2\n, b: 3\n}', '{ a: 1\n, b: 3\n}'],
  ])('of %j a key that the donor has not got leaves %j', (text, rest) => {
    expect(edited(text, '{ }', ['bogus'])).toBe(rest);
  });

  test.each([
    ['{\n  a: 1,\n}\n', '{\n  a: 1,\n  k: [1],\n}\n'],
    ['{\n  "a": 1\n}\n', '{\n  "a": 1,\n  k: [1]\n}\n'],
    ['{\r\n\ta: 1 // of a\r\n}', '{\r\n\ta: 1, // of a\r\n\tk: [1]\r\n}'],
    ['{ a: 1 }', '{ a: 1, k: [1] }'],
    ['{a: 1, /* end */}', '{a: 1, /* end */ k: [1],}'],
    ['{ a: 1 // of a\n}', '{ a: 1, // of a\n  k: [1]\n}'],
    ['{}', '{ k: [1] }'],
    ['{}\n', '{\n  k: [1]\n}\n'],
    ['{\n}\n', '{\n  k: [1]\n}\n'],
    ['{ // nothing yet\n}', '{ // nothing yet\n  k: [1]\n}'],
  ])('to %j a key that is missing is added as %j', (text, whole) => {
    expect(edited(text, '{ k: [1] }', ['k'])).toBe(whole);
  });

  test('missing parents come along, without the rest of what the donor has in them', () => {
    const donor = '{ gateway: { port: 1, "auth": { mode: "token", token: "x" } } }';
    expect(edited('{\n  a: 1,\n}\n', donor, ['gateway', 'auth', 'mode'])).toBe(
      '{\n  a: 1,\n  gateway: {\n    "auth": {\n      mode: "token"\n    }\n  },\n}\n',
    );
    expect(edited('{ a: 1 }', donor, ['gateway', 'auth', 'mode'])).toBe(
      '{ a: 1, gateway: { "auth": { mode: "token" } } }',
    );
    expect(edited('{ a: 1 }', '{ l: [{ b: 2, c: 3 }] }', ['l', 0, 'b'])).toBe('{ a: 1, l: [ { b: 2 } ] }');
  });

  test('the last of duplicate keys is the one that counts', () => {
    expect(edited('{ a: 1, a: 2 }', '{ a: 3 }', ['a'])).toBe('{ a: 1, a: 3 }');
    expect(edited('{ a: { x: 1 }, a: { y: 2 } }', '{ a: { x: 5 } }', ['a', 'x'])).toBe(
      '{ a: { x: 1 }, a: { y: 2, x: 5 } }',
    );
  });

  test('entries of a list are replaced, added behind the last and removed from the end', () => {
    expect(edited('[1, 2, 3]', '[1, 5]', [1], [2])).toBe('[1, 5]');
    expect(edited('[1]', '[1, 2, 3]', [2], [1])).toBe('[1, 2, 3]');
    expect(edited('[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]', '[0]', [2], [11], [10])).toBe(
      '[0, 1, 3, 4, 5, 6, 7, 8, 9]',
    );
  });

  test('digits are a position in a list and a name in an object, however they are given', () => {
    expect(edited('{ a: { 	"0": 1 }, l: [1] }', '{ a: { "0": 2 }, l: [2] }', ['a', 0], ['l', '0'])).toBe(
      '{ a: { 	"0": 2 }, l: [2] }',
    );
  });

  test('the whole value is replaced between the comments around it', () => {
    expect(edited('// top\n{ a: 1 } // end', '/* no */ { b: 2 }', [])).toBe('// top\n{ b: 2 } // end');
  });

  test('a path within another one is no work of its own, and an equal value keeps its form', () => {
    const outcome = restoreKeys('{ a: { b: 1, c: 0x10 }, d: 1 }', '{ a: { b: 2 }, d: 1.0 }', [
      ['a', 'b'],
      ['a'],
      ['a'],
      ['d'],
      ['nowhere', 'at', 'all'],
    ]);
    expect(outcome).toEqual({ kind: 'edited', text: '{ a: { b: 2 }, d: 1 }', restored: [['a']] });
  });

  test('keys that every object inherits are keys like others', () => {
    expect(edited('{ "__proto__": { x: 1 } }', '{ "__proto__": { x: 2 } }', ['__proto__', 'x'])).toBe(
      '{ "__proto__": { x: 2 } }',
    );
    expect(edited('{ a: 1 }', '{ "__proto__": { x: 2 } }', ['__proto__'])).toBe(
      '{ a: 1, "__proto__": { x: 2 } }',
    );
    expect(restoreKeys('{ a: 1 }', '{ a: 1 }', [['constructor', 'name'], ['toString']])).toMatchObject({
      kind: 'edited',
      restored: [],
    });
    expect(({} as Record<string, unknown>)['x']).toBeUndefined();
  });
});

describe('what cannot be done is said', () => {
  test.each([
    ['{', '{}', ['a'], 'the text is no JSON5: invalid end of input at 1:2'],
    ['{}', '{ a: oops }', ['a'], "the text to take from is no JSON5: invalid character 'o' at 1:6"],
    ['{ a: "text" }', '{ a: { b: 1 } }', ['a', 'b'], 'a.b has no place in the text'],
    ['{ a: null }', '{ a: { b: 1 } }', ['a', 'b'], 'a.b has no place in the text'],
    ['[1]', '[1, 2, 3]', [2], '[2] has no place in the text'],
    ['[1]', '{ x: 2 }', ['x'], 'x has no place in the text'],
    ['{}', '{ l: [1, 2] }', ['l', 1], 'l[1] has no place in the text'],
    ['{ null: 1, a: 1 }', '{ a: 2 }', ['a'], 'the text uses an unusual form of JSON5'],
    ['{ a: 1 }', '{ a: -.5 }', ['a'], 'the text to take from uses an unusual form of JSON5'],
  ])('%j with %j at %j', (text, donor, path, because) => {
    expect(restoreKeys(text, donor, [path])).toEqual({ kind: 'failed', because });
  });

  test('brackets within brackets within brackets', () => {
    const deep = `{ a: ${'['.repeat(400_000)}${']'.repeat(400_000)} }`;
    const because = 'the text is nested too deeply to be edited';
    expect(restoreKeys(deep, '{ a: 1 }', [['a']])).toEqual({ kind: 'failed', because });
    expect(restoreKeys('{ a: 1 }', deep, [['a']])).toEqual({ kind: 'failed', because });
    expect(restoreKeys('{}', '{}', [Array.from({ length: 65 }, () => 'a')])).toMatchObject({
      kind: 'failed',
    });
  });

  test('a text too long, or long with too many keys', () => {
    const long = `{ a: "${'x'.repeat(1_100_000)}" }`;
    expect(restoreKeys(long, '{}', [['a']])).toEqual({
      kind: 'failed',
      because: 'the text is too long to be edited',
    });
    const names = Array.from({ length: 1_000 }, (_, index) => `k${index}`);
    const paths = names.map((name) => [name]);
    const donor = `{ ${names.map((name) => `${name}: 1`).join(', ')} }`;
    expect(restoreKeys(`{ a: "${'x'.repeat(20_000)}" }`, donor, paths)).toMatchObject({
      kind: 'failed',
      because: expect.stringContaining('1000 keys'),
    });
    expect(restoreKeys(donor.replaceAll('1,', '2,'), donor, paths).kind).toBe('edited');
    const twice = `{ ${'a: 1,'.repeat(10_000)} }`;
    expect(restoreKeys(twice, '{}', [['a']])).toMatchObject({ kind: 'failed' });
  });
});

describe('whatever two people may have written', () => {
  test('restoring all that differs gives the value of the donor', () => {
    fc.assert(
      fc.property(config, config, hand, hand, (mine, theirs, one, other) => {
        const [text, donor] = [print(mine, one, 't').text, print(theirs, other, 'd').text];
        const paths = diffValues(valueIn(donor), valueIn(text), 'f').map(({ path }) => path);
        const outcome = restoreKeys(text, donor, paths);
        if (outcome.kind === 'failed') throw new Error(outcome.because);
        expect(diffValues(valueIn(donor), valueIn(outcome.text), 'f')).toEqual([]);
        expect(outcome.restored).toHaveLength(paths.length);
        expect(outcome.text.startsWith('\uFEFF')).toBe(one.mark);
      }),
      { numRuns: 400 },
    );
  });

  test('restoring some of it changes these keys alone, and keeps every comment outside of them', () => {
    fc.assert(
      fc.property(
        config,
        config,
        hand,
        hand,
        fc.infiniteStream(fc.boolean()),
        (mine, theirs, one, other, coin) => {
          const [printed, donor] = [print(mine, one, 't'), print(theirs, other, 'd').text];
          const before = valueIn(printed.text);
          const paths = diffValues(valueIn(donor), before, 'f')
            .map(({ path }) => path)
            .filter(() => coin.next().value);
          const outcome = restoreKeys(printed.text, donor, paths);
          if (outcome.kind === 'failed') throw new Error(outcome.because);
          const expected = model(before, valueIn(donor), paths);
          expect(diffValues(expected, valueIn(outcome.text), 'f')).toEqual([]);
          const isWithin = (within: KeyPath): boolean =>
            paths.some((path) => path.every((step, index) => String(within[index]) === String(step)));
          const kept = printed.comments.filter(({ within }) => !isWithin(within)).map(({ words }) => words);
          kept.sort((a, b) => printed.text.indexOf(a) - printed.text.indexOf(b));
          let from = 0;
          for (const words of kept) {
            const at = outcome.text.indexOf(words, from);
            expect(at, `${words} in ${outcome.text}`).toBeGreaterThanOrEqual(from);
            from = at + words.length;
          }
        },
      ),
      { numRuns: 400 },
    );
  });

  test('any path into any text ends in words, never in an exception', () => {
    const path = fc.array(fc.oneof(fc.constantFrom('a', 'b', '0', '__proto__', 'x y'), fc.nat(3)), {
      maxLength: 4,
    });
    const text = fc.oneof(
      fc.tuple(config, hand).map(([doc, by]) => print(doc, by, 't').text),
      fc.string(),
    );
    fc.assert(
      fc.property(text, text, fc.array(path, { maxLength: 4 }), (mine, theirs, paths) => {
        const outcome = restoreKeys(mine, theirs, paths);
        if (outcome.kind === 'failed') return;
        for (const at of outcome.restored) {
          const wanted = get(valueIn(theirs), at);
          // What was removed from a list leaves its place to the next one.
          if (wanted !== undefined)
            expect(diffValues(wanted, get(valueIn(outcome.text), at), 'f')).toEqual([]);
        }
      }),
      { numRuns: 400 },
    );
  });
});
