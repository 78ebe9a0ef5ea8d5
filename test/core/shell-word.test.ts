import { expect, test } from 'vitest';
import { shellWord } from '../../src/core/shell-word.ts';

test.each([
  ['/Users/me/a.plist', '/Users/me/a.plist'],
  ['/Users/my self/a.plist', "'/Users/my self/a.plist'"],
  ["it's", "'it'\\''s'"],
  ['', "''"],
])('%s is one word', (text, word) => {
  expect(shellWord(text)).toBe(word);
});
