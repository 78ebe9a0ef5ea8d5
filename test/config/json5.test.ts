import { expect, test } from 'vitest';
import { parseJson5 } from '../../src/config/json5.ts';

test.each([
  ['{"a":1}', { a: 1 }],
  ["// why\n{a: 'b', /* c */ list: [1, 2,],}", { a: 'b', list: [1, 2] }],
  ['\uFEFF{}', {}],
])('%j is read', (text, value) => {
  expect(parseJson5(text)).toEqual({ kind: 'ok', value });
});

test.each([
  ['', 1, 1],
  ['{', 1, 2],
  ['{\n  a: 1,\n  b: oops\n}', 3, 6],
])('%j is invalid at line %i, column %i', (text, line, column) => {
  expect(parseJson5(text)).toMatchObject({
    kind: 'invalid',
    line,
    column,
    because: expect.stringContaining('invalid'),
  });
});
