import { writeFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { instant } from '../../src/core/time.ts';
import { type OrphanQuestion, proveOrphan } from '../../src/gateway/orphan-proof.ts';
import type { RowOutcome } from '../../src/system/process.ts';
import { lockOf, removeWorld } from '../repairs/port-world.ts';

afterEach(removeWorld);

const uid = process.getuid?.() ?? 0;
const began = Date.UTC(2026, 10, 22, 12, 0, 0);

const alive = (
  pid: number,
  more: Partial<{ ppid: number; uid: number; startedAt: number; command: string; hasTerminal: boolean }> = {},
): RowOutcome => {
  const { startedAt = began, ppid = 1, command = 'openclaw-gateway', hasTerminal = false } = more;
  const counted = { stat: 'S', cpuMs: 0, residentBytes: 1 };
  const row = { pid, ppid, uid: more.uid ?? uid, startedAt: instant(startedAt), command, hasTerminal };
  return { kind: 'row', row: { ...row, ...counted } };
};

const rows =
  (living: Readonly<Record<number, RowOutcome>>): OrphanQuestion['row'] =>
  async (pid) =>
    living[pid] ?? { kind: 'gone' };

const prove = (
  pid: number,
  living: Readonly<Record<number, RowOutcome>>,
  more: Partial<OrphanQuestion> = {},
) => {
  const place = lockOf(pid, new Date(began + 1_500));
  return proveOrphan(pid, { ...place, uid, servicePid: null, row: rows(living), ...more });
};

describe('a gateway that the service manager did not start', () => {
  it('is proven by user, program, lock and start time', async () => {
    expect(await prove(42, { 42: alive(42) })).toEqual({
      kind: 'proven',
      identity: { pid: 42, startedAt: began, uid },
      hasTerminal: false,
    });
    expect(await prove(42, { 42: alive(42, { hasTerminal: true }) })).toMatchObject({ hasTerminal: true });
  });

  it.each([
    ['has ended', {}],
    ['belongs to another user', { 42: alive(42, { uid: uid + 1 }) }],
    ['is not a gateway', { 42: alive(42, { command: 'vim openclaw.json' }) }],
    ['is younger than the lock', { 42: alive(42, { startedAt: began + 60_000 }) }],
  ])('is not one that %s', async (words, living) => {
    expect(await prove(42, living)).toMatchObject({
      kind: 'not-ours',
      because: expect.stringContaining(words),
    });
  });

  it("is not the job's process, nor one below it", async () => {
    expect(await prove(42, { 42: alive(42) }, { servicePid: 42 })).toMatchObject({ kind: 'not-ours' });
    const below = { 42: alive(42, { ppid: 41 }), 41: alive(41, { ppid: 40 }), 40: alive(40) };
    expect(await prove(42, below, { servicePid: 40 })).toMatchObject({ kind: 'not-ours' });
    expect(await prove(42, below, { servicePid: 39 })).toMatchObject({ kind: 'proven' });
  });

  it('is unknown while anything that would tell is unknown', async () => {
    const unknown: RowOutcome = { kind: 'unknown', because: 'ps gave no answer' };
    expect((await prove(42, { 42: unknown })).kind).toBe('unknown');
    expect((await prove(42, { 42: alive(42) }, { servicePid: 'unknown' })).kind).toBe('unknown');
    const above = { 42: alive(42, { ppid: 41 }), 41: unknown };
    expect((await prove(42, above, { servicePid: 40 })).kind).toBe('unknown');
  });

  it('is nobody without a lock, with the lock of another process, or of another state directory', async () => {
    const living = { 42: alive(42) };
    expect((await prove(42, living, { lockFiles: [] })).kind).toBe('not-ours');
    expect((await prove(42, living, { lockFiles: lockOf(43).lockFiles })).kind).toBe('not-ours');
    expect((await prove(42, living, { stateDir: '/somewhere/else' })).kind).toBe('not-ours');
  });

  it('is unknown with a torn lock, or one without a time', async () => {
    const { lock, lockFiles, stateDir } = lockOf(42);
    const living = { 42: alive(42) };
    for (const text of ['{"pid":42', '{"pid":42}']) {
      writeFileSync(lock, text);
      expect((await prove(42, living, { lockFiles, stateDir })).kind).toBe('unknown');
    }
  });

  it('is none of the numbers that mean something else to kill', async () => {
    for (const pid of [1, 0, -5, 1.5, Number.NaN]) {
      const asked: number[] = [];
      const row: OrphanQuestion['row'] = async (each) => {
        asked.push(each);
        return alive(each);
      };
      expect((await prove(pid, {}, { row })).kind).toBe('not-ours');
      expect(asked).toEqual([]);
    }
  });
});
