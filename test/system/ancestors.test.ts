import { expect, it } from 'vitest';
import { ancestorsOf, type Climb } from '../../src/system/ancestors.ts';
import type { RowOutcome } from '../../src/system/process.ts';
import { psRow } from './ps-row.ts';

/** Process 5 is below 4, that below 3, and so on; `other` says something else of one of them. */
async function climb(
  how: Partial<Climb> = {},
  other: Readonly<Record<number, RowOutcome>> = {},
  from?: object,
) {
  const asked: number[] = [];
  const row: Climb['row'] = async (pid) => {
    asked.push(pid);
    return other[pid] ?? { kind: 'row', row: psRow(pid, pid - 1) };
  };
  const start = from === undefined ? 5 : psRow(5, 4);
  return { ...(await ancestorsOf(start, { row, levels: 16, ...how })), asked };
}

it('names the parents, nearest first, without process 1', async () => {
  expect(await climb()).toEqual({ kind: 'known', pids: [4, 3, 2], asked: [5, 4, 3, 2] });
});

it('goes no further than it was told to, and does not ask for a row that was read already', async () => {
  expect(await climb({ levels: 2 })).toEqual({ kind: 'known', pids: [4, 3], asked: [5, 4] });
  expect(await climb({ until: 4 })).toEqual({ kind: 'known', pids: [4], asked: [5] });
  expect(await climb({ until: 3 }, {}, {})).toEqual({ kind: 'known', pids: [4, 3], asked: [4] });
});

it('ends at a process that has ended: its children were handed to process 1', async () => {
  expect(await climb({}, { 5: { kind: 'gone' } })).toMatchObject({ kind: 'known', pids: [] });
  expect(await climb({}, { 4: { kind: 'gone' } })).toMatchObject({ kind: 'known', pids: [4] });
});

it('says unknown, with what it found up to there, when one of them cannot be read', async () => {
  const silent = { kind: 'unknown', because: 'ps is silent' } as const;
  expect(await climb({}, { 5: silent })).toMatchObject({ ...silent, pids: [] });
  expect(await climb({}, { 3: silent })).toMatchObject({ ...silent, pids: [4, 3] });
  // Nobody asks what lies above the one that was looked for.
  expect(await climb({ until: 3 }, { 3: silent })).toMatchObject({ kind: 'known', pids: [4, 3] });
});
