import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { causes } from '../../src/core/causes.ts';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const all = Object.keys(causes);

/** The union as it is written, so that a row nobody could name, or a name without a row, shows. */
const named = [
  ...(/export type Cause =\n((?: {2}\| '[\w-]+'\n?)+)/.exec(read('src/core/cause.ts'))?.[1] ?? '').matchAll(
    /'([\w-]+)'/g,
  ),
].map((match) => match[1]);

test('every cause has its row, and no row is for a cause nobody names', () => {
  expect(named.length).toBeGreaterThan(40);
  expect([...all].sort()).toEqual([...named].sort());
});

test('every row says what it looks like and what tells it from others that look so too', () => {
  for (const [cause, { signature, check }] of Object.entries(causes)) {
    expect([cause, signature.length > 5 && check.length > 5]).toEqual([cause, true]);
  }
  const told = Object.values(causes).map(({ signature, check }) => `${signature}: ${check}`);
  expect(new Set(told).size).toBe(all.length);
});

describe('docs/causes.md', () => {
  const text = read('docs/causes.md');
  const headings = [...text.matchAll(/^## (.+)$/gm)].map((match) => (match[1] ?? '').replaceAll('`', ''));

  test.each(all)('has one section for %s', (cause) => {
    expect(headings.filter((heading) => heading === cause)).toHaveLength(1);
  });

  test('each section says how it looks, what is done, and what is never done', () => {
    for (const section of text.split(/^## /m).slice(1)) {
      const name = section.split('\n')[0]?.replaceAll('`', '') ?? '';
      if (all.includes(name)) expect([name, section.split('\n').length > 3]).toEqual([name, true]);
    }
  });
});

test('every cause is the leading one, or told beside it, in a transcript an operator can read', () => {
  const folder = new URL('./transcripts/', import.meta.url);
  const files = readdirSync(folder).filter((name) => name.endsWith('.test.ts'));
  expect(files.length).toBeGreaterThan(10);
  const lines = files
    .flatMap((name) => readFileSync(new URL(name, folder), 'utf8').split('\n'))
    .filter((line) => /^ +[\d:]+ {2}\w+.*: /.test(line));
  const missing = all.filter(
    (cause) => !lines.some((line) => new RegExp(`(: |also .*\\b|\\()${cause}(?![\\w-])`).test(line)),
  );
  expect(missing).toEqual([]);
});
