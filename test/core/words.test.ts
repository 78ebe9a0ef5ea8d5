import { expect, test } from 'vitest';
import { instant } from '../../src/core/time.ts';
import { spell, spellBytes, spellUntil } from '../../src/core/words.ts';

test.each([
  [0, '0 ms'],
  [999, '999 ms'],
  [1_000, '1 s'],
  [119_000, '119 s'],
  [120_000, '2 min'],
  [7_140_000, '119 min'],
  [7_200_000, '2 h'],
  [7_500_000, '2 h 5 min'],
  [172_800_000, '2 days'],
])('%d ms are %s', (length, words) => {
  expect(spell(length)).toBe(words);
});

test('a moment that has passed is no time away', () => {
  expect(spellUntil(instant(1_000), instant(61_000))).toBe('0 ms');
  expect(spellUntil(instant(61_000), instant(1_000))).toBe('60 s');
});

test.each([
  [0, '0 kB'],
  [512_000, '500 kB'],
  [1_048_576, '1 MB'],
  [1_072_693_248, '1023 MB'],
  [1_610_612_736, '1.5 GB'],
])('%d bytes are %s', (bytes, words) => {
  expect(spellBytes(bytes)).toBe(words);
});
