import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { initialState } from '../../src/core/state.ts';
import { instant } from '../../src/core/time.ts';
import { type Journal, type JournalEntry, openJournal, parseJournal } from '../../src/daemon/journal.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'immune-journal-'));
});
afterEach(async () => {
  for (const journal of opened.splice(0)) await journal.close();
  rmSync(dir, { recursive: true, force: true });
});
const opened: Journal[] = [];

const entry = (n: number): JournalEntry => ({
  at: instant(1_000 + n),
  kind: 'decided',
  because: `because ${n}`,
  notices: [],
  state: { ...initialState, nextAction: n },
});

async function open() {
  const result = await openJournal(dir, instant(5_000));
  if (result.kind === 'failed') throw new Error(result.because);
  opened.push(result.journal);
  return result;
}

async function written(count: number): Promise<void> {
  const { journal } = await open();
  for (let n = 1; n <= count; n += 1) expect((await journal.append(entry(n))).kind).toBe('done');
  await journal.close();
}

const path = () => join(dir, 'journal.jsonl');

describe('the journal', () => {
  it('begins empty and knows nothing', async () => {
    const { replay } = await open();
    expect(replay).toEqual({ state: null, lastAt: null, reports: [], inDoubt: false });
  });

  it('replays the last line, and goes on with its number', async () => {
    await written(3);
    const { journal, replay } = await open();
    expect(replay.state?.nextAction).toBe(3);
    expect(replay.lastAt).toBe(1_003);
    await journal.append(entry(4));
    const seqs = readFileSync(path(), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).seq);
    expect(seqs).toEqual([1, 2, 3, 4]);
  });

  it('is readable by its owner only', async () => {
    await written(1);
    const { statSync } = await import('node:fs');
    expect(statSync(path()).mode & 0o077).toBe(0);
  });

  it('drops a torn last line, says so, and appends behind the good part', async () => {
    await written(2);
    appendFileSync(path(), '{"seq":3,"at":10');
    const { journal, replay } = await open();
    expect(replay.state?.nextAction).toBe(2);
    expect(replay.inDoubt).toBe(false);
    expect(replay.reports.join()).toContain('torn');
    await journal.append(entry(3));
    const again = await open();
    expect(again.replay).toMatchObject({ reports: [], inDoubt: false });
    expect(again.replay.state?.nextAction).toBe(3);
  });

  it('puts a journal that is damaged in the middle aside, whole, and is in doubt', async () => {
    await written(3);
    const lines = readFileSync(path(), 'utf8').split('\n');
    lines[1] = 'garbage';
    const damaged = lines.join('\n');
    writeFileSync(path(), damaged);
    const { replay } = await open();
    expect(replay.inDoubt).toBe(true);
    expect(replay.reports.join()).toContain('damaged in the middle');
    const aside = readdirSync(dir).find((name) => name.includes('quarantined'));
    expect(readFileSync(join(dir, aside ?? ''), 'utf8')).toBe(damaged);
  });

  it('is in doubt when a line is missing', async () => {
    await written(3);
    const lines = readFileSync(path(), 'utf8').split('\n');
    writeFileSync(path(), [lines[0], lines[2], ''].join('\n'));
    expect((await open()).replay.inDoubt).toBe(true);
  });

  it('takes the checkpoint when the journal was moved away by a rotation', async () => {
    await written(2);
    const last = readFileSync(path(), 'utf8').trim().split('\n')[1] ?? '';
    writeFileSync(join(dir, 'state.json'), last);
    rmSync(path());
    const { journal, replay } = await open();
    expect(replay.state?.nextAction).toBe(2);
    await journal.append(entry(3));
    expect(JSON.parse(readFileSync(path(), 'utf8')).seq).toBe(3);
    expect((await open()).replay).toMatchObject({ inDoubt: false, reports: [] });
  });

  it('rotates when it has grown, keeps what it moved, and replays across the seam', async () => {
    const { journal } = await open();
    const long = 'x'.repeat(3_000_000);
    for (let n = 1; n <= 4; n += 1) await journal.append({ ...entry(n), because: long });
    expect(readdirSync(dir).sort()).toEqual(['journal.jsonl', 'journal.jsonl.1', 'state.json']);
    const { replay } = await open();
    expect(replay.state?.nextAction).toBe(4);
    expect(replay.inDoubt).toBe(false);
  });

  it('fills what an older line does not know with the defaults', () => {
    const old = {
      seq: 1,
      at: 1,
      kind: 'decided',
      because: '',
      notices: [],
      state: { phase: { kind: 'healthy' } },
    };
    const parsed = parseJournal(Buffer.from(`${JSON.stringify(old)}\n`), 0);
    expect(parsed.kind).toBe('whole');
  });

  it('puts what can never be read aside, and is in doubt', async () => {
    mkdirSync(path());
    const { journal, replay } = await open();
    expect(replay.inDoubt).toBe(true);
    expect((await journal.append(entry(1))).kind).toBe('done');
    expect(readdirSync(dir).some((name) => name.startsWith('journal.jsonl.quarantined'))).toBe(true);
  });

  it('stays in doubt when it is opened again before anybody looked', async () => {
    await written(3);
    writeFileSync(path(), readFileSync(path(), 'utf8').replace('because 2', 'because 2"'));
    await open();
    const { replay } = await open();
    expect(replay.inDoubt).toBe(false);
    expect(replay.state?.phase).toMatchObject({ kind: 'suspended', cause: 'journal-in-doubt' });
  });

  it('knows of the lines behind the damage, so that no action number comes twice', async () => {
    await written(4);
    const lines = readFileSync(path(), 'utf8').split('\n');
    lines[1] = 'garbage';
    writeFileSync(path(), lines.join('\n'));
    const { journal, replay } = await open();
    expect(replay.state?.nextAction).toBe(4);
    await journal.append(entry(5));
    expect(JSON.parse(readFileSync(path(), 'utf8').trim().split('\n').at(-1) ?? '').seq).toBe(6);
  });

  it('doubts a checkpoint nobody can read once, not at every start', async () => {
    await written(2);
    writeFileSync(join(dir, 'state.json'), 'garbage');
    expect((await open()).replay.inDoubt).toBe(true);
    const { replay } = await open();
    expect(replay.inDoubt).toBe(false);
    expect(replay.state?.phase).toMatchObject({ kind: 'suspended', cause: 'journal-in-doubt' });
  });

  it('takes a line that is on the disk as done even where the rotation behind it fails', async () => {
    const { journal } = await open();
    mkdirSync(join(dir, 'state.json'));
    const long = 'x'.repeat(3_000_000);
    for (let n = 1; n <= 4; n += 1) {
      expect((await journal.append({ ...entry(n), because: long })).kind).toBe('done');
    }
    rmSync(join(dir, 'state.json'), { recursive: true });
    expect((await open()).replay).toMatchObject({ inDoubt: false, state: { nextAction: 4 } });
  });
});
