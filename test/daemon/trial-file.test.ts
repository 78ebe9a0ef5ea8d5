import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { instant } from '../../src/core/time.ts';
import type { Trial, Undoing } from '../../src/core/trial.ts';
import { readTrial, writeTrial } from '../../src/daemon/trial-file.ts';

let state: string;
beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), 'immune-trial-file-'));
});
afterEach(() => rmSync(state, { recursive: true, force: true }));

const trial: Trial = {
  version: 1,
  id: 'T3',
  kind: 'apply',
  appliedAt: instant(1_000),
  watchUntil: instant(9_000),
  confirmBy: null,
  confirmed: false,
  restart: 'none',
  replaced: 'a',
  left: 'b',
  planId: 'apply-1',
  changes: ['gateway.port was changed'],
  by: 'immune apply',
  pidBefore: 7,
  bootsBefore: 0,
  undoing: null,
  end: null,
};

const undoing: Undoing = { because: 'x', tries: 2, triedAt: instant(8_000), told: ['the disk is full'] };

test('what was written is read back', async () => {
  for (const each of [
    trial,
    { ...trial, undoing },
    { ...trial, end: { kind: 'holds', at: instant(5), because: '', told: true } } as const,
  ]) {
    await writeTrial(state, each);
    expect(await readTrial(state)).toEqual({ kind: 'read', trial: each });
  }
});

test('none was ever made', async () => {
  expect(await readTrial(state)).toEqual({ kind: 'none' });
});

const oddUndoings: readonly (readonly [string, string])[] = Object.keys(undoing).map((key) => [
  `an undoing with an odd ${key}`,
  JSON.stringify({ ...trial, undoing: { ...undoing, [key]: {} } }),
]);

describe('is told to be unreadable, and nothing more', () => {
  test.each(Object.keys(trial))('without %s', async (key) => {
    const { [key as keyof Trial]: _, ...rest } = trial;
    writeFileSync(join(state, 'trial.json'), JSON.stringify(rest));
    expect((await readTrial(state)).kind).toBe('unreadable');
  });

  test.each<readonly [string, string]>([
    ['no JSON', '{'],
    ['a list', '[]'],
    ['an end that is none', JSON.stringify({ ...trial, end: 'x' })],
    [
      'an end of another kind',
      JSON.stringify({ ...trial, end: { kind: 'x', at: 1, because: '', told: true } }),
    ],
    ['an undoing that is none', JSON.stringify({ ...trial, undoing: 'x' })],
    ...oddUndoings,
    ['an undoing with less than no tries', JSON.stringify({ ...trial, undoing: { ...undoing, tries: -1 } })],
    ['an id that is a path', JSON.stringify({ ...trial, id: '../T3' })],
    ['changes that are no texts', JSON.stringify({ ...trial, changes: [1] })],
    ['a moment that is a text', JSON.stringify({ ...trial, watchUntil: 'soon' })],
  ])('%s', async (_name, text) => {
    writeFileSync(join(state, 'trial.json'), text);
    expect((await readTrial(state)).kind).toBe('unreadable');
  });

  test('a folder in its place', async () => {
    mkdirSync(join(state, 'trial.json'));
    expect((await readTrial(state)).kind).toBe('unreadable');
  });
});
