import { expect, it } from 'vitest';
import { textsOf, withoutValues } from '../../src/gateway/config-values.ts';

it.each([
  ['a long value wherever it stands', 'received longer-value, so no', 'received …, so no'],
  ['a short one in quotes only', 'a short word is "short"', 'a short word is "…"'],
  ['one with quotes, as JSON shows it', 'received "with \\"quotes\\" in it"', 'received "…"'],
  ['one of several lines, as JSON shows it', 'received ["line one\\nline two"]', 'received ["…"]'],
  ['a short one with a quote, as JSON shows it', 'received "a\\"b"', 'received "…"'],
])('takes out %s', (_name, message, clean) => {
  const values = textsOf({
    list: ['longer-value', { deep: 'with "quotes" in it' }],
    word: 'short',
    key: 'line one\nline two',
    odd: 'a"b',
  });
  expect(withoutValues(message, values)).toBe(clean);
});

it('leaves a word that the message itself had to say', () => {
  expect(withoutValues('expected "loopback"', ['loopback'], new Set(['loopback']))).toBe(
    'expected "loopback"',
  );
});
