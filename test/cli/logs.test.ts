import { appendFileSync, renameSync, writeFileSync } from 'node:fs';
import { appendFile, rename, truncate, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { lastLines, runLogs } from '../../src/cli/logs.ts';
import { type TestContext, testContext } from './command-context.ts';

const wait = { timeout: 15_000, interval: 20 };

describe('the last lines of a text', () => {
  it.each([
    ['a\nb\nc\n', 2, 'b\nc\n'],
    ['a\nb\nc', 2, 'b\nc'],
    ['a\nb\n', 9, 'a\nb\n'],
    ['', 3, ''],
    ['a\n', 0, ''],
    ['\n\n', 1, '\n'],
  ])('of %j, %i of them', (text, lines, expected) => {
    expect(lastLines(text, lines)).toBe(expected);
  });
});

describe('immune logs', () => {
  let test: TestContext;
  let path: string;
  beforeEach(async () => {
    test = await testContext();
    path = join(test.context.paths.logs, 'watchdog.log');
  });
  afterEach(() => test.remove());

  const run = (options: { follow: boolean; lines: number }) => runLogs(options, test.context);

  it('prints the tail of a log much larger than one read', async () => {
    const lines = Array.from({ length: 20_000 }, (_, index) => `line ${index} with some words after it`);
    await writeFile(path, `${lines.join('\n')}\n`);
    expect(await run({ follow: false, lines: 5_000 })).toBe(0);
    expect(test.written()).toBe(`${lines.slice(-5_000).join('\n')}\n`);
  });

  it('shows the first of the asked lines whole, however long it is', async () => {
    const long = 'x'.repeat(70_000);
    await writeFile(path, `before\n${long}\nlast\n`);
    await run({ follow: false, lines: 2 });
    expect(test.written()).toBe(`${long}\nlast\n`);
  });

  it('says that there is no log yet', async () => {
    await expect(run({ follow: false, lines: 5 })).rejects.toMatchObject({
      exitCode: 3,
      hint: 'immune status',
    });
  });

  it('follows across a rotation, loses no line and shows none twice', async () => {
    await writeFile(path, 'old\nfirst\n');
    const done = run({ follow: true, lines: 1 });
    await vi.waitFor(() => expect(test.written()).toBe('first\n'), wait);
    await appendFile(path, 'second\n');
    await vi.waitFor(() => expect(test.written()).toContain('second'), wait);
    // The last words of the old file come right before the rename, as the log writer does it.
    await appendFile(path, 'third ä\n');
    await rename(path, `${path}.1`);
    await writeFile(path, 'fourth\n');
    await vi.waitFor(() => expect(test.written()).toContain('fourth'), wait);
    test.interrupt();
    expect(await done).toBe(130);
    expect(test.written()).toBe('first\nsecond\nthird ä\nfourth\n');
  });

  it('shows the last words of a file that was rotated away while it was being read', async () => {
    await writeFile(path, 'zero\n');
    let rotated = false;
    const out = {
      write: (piece: string) => {
        if (!rotated && piece.includes('one')) {
          rotated = true;
          // At this very moment the reader holds the old file and has not looked for a new one.
          appendFileSync(path, 'last words\n');
          renameSync(path, `${path}.1`);
          writeFileSync(path, 'new file\n');
        }
        return test.context.out.write(piece);
      },
    };
    const done = runLogs({ follow: true, lines: 5 }, { ...test.context, out });
    await vi.waitFor(() => expect(test.written()).toBe('zero\n'), wait);
    await appendFile(path, 'one\n');
    await vi.waitFor(() => expect(test.written()).toContain('new file'), wait);
    test.interrupt();
    await done;
    expect(test.written()).toBe('zero\none\nlast words\nnew file\n');
  });

  it('waits for a log that does not exist yet, and goes on when it is removed or emptied', async () => {
    const done = run({ follow: true, lines: 5 });
    await writeFile(path, 'one\n');
    await vi.waitFor(() => expect(test.written()).toBe('one\n'), wait);
    await unlink(path);
    await writeFile(path, 'two\n');
    await vi.waitFor(() => expect(test.written()).toBe('one\ntwo\n'), wait);
    await truncate(path, 0);
    await appendFile(path, '3\n');
    await vi.waitFor(() => expect(test.written()).toBe('one\ntwo\n3\n'), wait);
    test.interrupt();
    expect(await done).toBe(130);
  });
});
