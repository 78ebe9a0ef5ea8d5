import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { instant } from '../../src/core/time.ts';
import { type KeptRecord, listKept, openKept, readKept, sweepKept, writeKept } from '../../src/vault/kept.ts';
import { workspace } from '../system/workspace.ts';

const record = (over: Partial<KeptRecord> = {}): KeptRecord => ({
  version: 1,
  id: 'A1',
  incident: 'I1',
  at: instant(1_000),
  planId: 'keys-1',
  planKind: 'keys',
  snapshot: 'a'.repeat(40),
  configPath: '/home/u/.openclaw/openclaw.json',
  replaced: null,
  left: 'b'.repeat(64),
  files: [
    {
      named: '/home/u/.openclaw/openclaw.json',
      path: '/home/u/.openclaw/openclaw.json',
      kept: '/q/A1/0-openclaw.json',
      mode: 0o600,
      sha256: 'c'.repeat(64),
      how: 'copied',
      staged: null,
      put: null,
    },
  ],
  changes: ['gateway.port'],
  state: 'made',
  undoes: null,
  ...over,
});

async function keep(directory: string, over: Partial<KeptRecord> = {}): Promise<string> {
  const made = record(over);
  const opened = await openKept(directory, made.id);
  if (opened.kind === 'failed') throw new Error(opened.because);
  await writeKept({ folder: opened.folder, record: made });
  return opened.folder;
}

describe('what a change replaced', () => {
  it('is found again under its id, in a folder of its own that nobody else can enter', async () => {
    const directory = join(workspace(), 'quarantine');
    const folder = await keep(directory);
    expect(await readKept(directory, 'A1')).toEqual({ kind: 'read', folder, record: record() });
    expect([directory, folder].map((path) => statSync(path).mode & 0o777)).toEqual([0o700, 0o700]);
    expect(statSync(join(folder, 'kept.json')).mode & 0o777).toBe(0o600);
  });

  it('says why it was taken back; an older record does not, and is read all the same', async () => {
    const directory = join(workspace(), 'quarantine');
    await keep(directory, { state: 'undone', undoneFor: 'asked' });
    await keep(directory, { id: 'A1.undo', undoes: 'A1', undoesFor: 'unconfirmed' });
    await keep(directory, { id: 'A2', state: 'undone' });
    expect(await readKept(directory, 'A1')).toMatchObject({ record: { undoneFor: 'asked' } });
    expect(await readKept(directory, 'A1.undo')).toMatchObject({ record: { undoesFor: 'unconfirmed' } });
    expect(await readKept(directory, 'A2')).toMatchObject({ record: record({ id: 'A2', state: 'undone' }) });
  });

  it('is never mixed with that of another change of the same name; the newest answers', async () => {
    const directory = workspace();
    const folders = [await keep(directory), await keep(directory, { incident: 'I2' })];
    expect(folders).toEqual([join(directory, 'A1'), join(directory, 'A1~2')]);
    // One that never began leaves a folder without a record.
    await openKept(directory, 'A1');
    expect(await readKept(directory, 'A1')).toMatchObject({ folder: folders[1], record: { incident: 'I2' } });
  });

  it.each(['../A1', '.A1', 'A/1', '', 'A~1'])('is not kept under the name %j', async (id) => {
    const root = workspace();
    expect((await openKept(join(root, 'q'), id)).kind).toBe('failed');
    expect(['failed', 'missing']).toContain((await readKept(join(root, 'q'), id)).kind);
    expect(readdirSync(root)).toEqual([]);
  });

  it('is listed newest first; what cannot be understood is left out and left alone', async () => {
    const directory = workspace();
    await keep(directory, { id: 'A1', at: instant(3) });
    await keep(directory, { id: 'A2', at: instant(1) });
    await keep(directory, { id: 'T3', at: instant(2), state: 'begun' });
    const broken = await keep(directory, { id: 'A4' });
    writeFileSync(join(broken, 'kept.json'), '{"version":1');
    mkdirSync(join(directory, 'journal-of-old'));
    writeFileSync(join(directory, 'a-file'), 'x');
    expect((await listKept(directory)).map((kept) => kept.record.id)).toEqual(['A1', 'T3', 'A2']);
    expect((await readKept(directory, 'A4')).kind).toBe('failed');
    expect(existsSync(broken)).toBe(true);
    expect(await listKept(join(directory, 'none'))).toEqual([]);
  });

  it.each([
    ['a relative path', (text: string) => text.replace('/q/A1/0-openclaw.json', 'x')],
    ['no kept file where one was', (text: string) => text.replace('"/q/A1/0-openclaw.json"', 'null')],
    ['an unknown reason', (text: string) => text.replace('"undoes"', '"undoneFor": "whim", "undoes"')],
    ['an unknown state', (text: string) => text.replace('"made"', '"half"')],
    ['a mode that is none', (text: string) => text.replace('384', '"rw"')],
    ['a hash that is none', (text: string) => text.replace('c'.repeat(64), 'c')],
    ['a name that leads away', (text: string) => text.replace('"undoes": null', '"undoes": "../x"')],
    ['a later version', (text: string) => text.replace('"version": 1', '"version": 2')],
  ])('is not believed with %s in its record', async (_what, spoil) => {
    const directory = workspace();
    const path = join(await keep(directory), 'kept.json');
    const text = readFileSync(path, 'utf8');
    expect(spoil(text)).not.toBe(text);
    writeFileSync(path, spoil(text));
    expect((await readKept(directory, 'A1')).kind).toBe('failed');
  });

  it('is removed only when it is old and many newer ones are there, and never when it was only begun', async () => {
    const directory = workspace();
    const day = 86_400_000;
    const now = instant(1_000 * day);
    for (let at = 0; at < 64; at += 1) await keep(directory, { id: `A${at}`, at: instant(now - at) });
    await keep(directory, { id: 'B1', at: instant(now - 89 * day) });
    await keep(directory, { id: 'B2', at: instant(now - 91 * day) });
    await keep(directory, { id: 'B3', at: instant(now - 92 * day), state: 'begun' });
    await keep(directory, { id: 'B4', at: instant(now - 93 * day) });
    await sweepKept(directory, { now, keep: ['B4'] });
    expect(readdirSync(directory).filter((name) => name.startsWith('B'))).toEqual(['B1', 'B3', 'B4']);
    expect(readdirSync(directory).length).toBe(67);
  });
});
