import { expect, test } from 'vitest';
import { candidatesOf } from '../../src/core/rollback-order.ts';

const entry = (id: string, label: 'recorded' | 'verified' | 'bad', configHash = id) => ({
  id,
  label,
  configHash,
});
const chosen = (entries: ReturnType<typeof entry>[], live: string | null = 'live') =>
  candidatesOf(entries, live).map(({ id }) => id);

test('verified contents come newest first, without recorded ones and without the one that is in place', () => {
  expect(
    chosen([
      entry('e', 'recorded'),
      entry('d', 'verified', 'live'),
      entry('c', 'verified'),
      entry('b', 'verified'),
    ]),
  ).toEqual(['c', 'b']);
  expect(chosen([entry('d', 'verified', 'live')], null)).toEqual(['d']);
});

test('a content that was found bad once is bad under every snapshot of it', () => {
  expect(chosen([entry('c', 'verified', 'x'), entry('b', 'bad', 'x'), entry('a', 'verified')])).toEqual([
    'a',
  ]);
});

test('each content counts once, and at most five are tried', () => {
  expect(chosen([entry('b', 'verified', 'x'), entry('a', 'verified', 'x')])).toEqual(['b']);
  expect(chosen(Array.from({ length: 9 }, (_, index) => entry(`${index}`, 'verified')))).toHaveLength(5);
});
