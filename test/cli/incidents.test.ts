import { appendFile, chmod, copyFile, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runIncidents } from '../../src/cli/incidents/incidents.ts';
import type { IncidentsAsk } from '../../src/cli/incidents/words.ts';
import { initialState } from '../../src/core/state.ts';
import { writeKept } from '../../src/vault/kept.ts';
import { byUser } from '../user/by-user.ts';
import { type TestContext, testContext } from './command-context.ts';
import { incidentOf, journal, lifeOf, moment } from './incident-journal.ts';

let test: TestContext;
let errors = '';
const zone = process.env['TZ'];
beforeEach(async () => {
  process.env['TZ'] = 'UTC';
  errors = '';
  test = await testContext();
  await mkdir(test.context.paths.state, { recursive: true });
});
afterEach(async () => {
  if (zone === undefined) delete process.env['TZ'];
  else process.env['TZ'] = zone;
  await test.remove();
});

const list: IncidentsAsk = { kind: 'list', limit: 20 };
const show = (id: string | null): IncidentsAsk => ({ kind: 'show', id });

async function run(ask: IncidentsAsk, more: { json?: boolean; columns?: number } = {}) {
  const { context } = test;
  const before = test.written().length;
  const columns = more.columns === undefined ? {} : { columns: more.columns };
  const err = { write: (text: string) => (errors += text) };
  const out = { write: (text: string) => context.out.write(text), ...columns };
  const clock = { ...context.clock, now: () => moment(100_000) };
  const code = await runIncidents({ ask, json: more.json ?? false }, { ...context, out, err, clock });
  return { code, text: test.written().slice(before), read: () => JSON.parse(test.written().slice(before)) };
}

const two = [
  ...lifeOf({ id: 'I1', at: 0, actionId: 'A1' }),
  ...lifeOf({ id: 'I2', at: 900, actionId: 'A2' }),
];

describe('immune incidents', () => {
  it('lists the newest first: since when, how long, why, what was done, how it ended', async () => {
    await journal(test.context, two);
    const { code, text } = await run(list);
    expect(code).toBe(0);
    expect(text).toMatchInlineSnapshot(`
      "I2 resolved: hung
        since 2026-11-20 03:15:00, 20 s
        A2 restart the gateway: done after 4 s
        serving again after 1 action of the watchdog; it was away for 20 s

      I1 resolved: hung
        since 2026-11-20 03:00:00, 20 s
        A1 restart the gateway: done after 4 s
        serving again after 1 action of the watchdog; it was away for 20 s
      "
    `);
  });

  it('shows the timeline of one, in short lines for a phone', async () => {
    await journal(test.context, two);
    const { code, text } = await run(show('I1'), { columns: 40 });
    expect(code).toBe(0);
    expect(text.split('\n').every((line) => line.length <= 40)).toBe(true);
    expect(text).toMatchInlineSnapshot(`
      "incident I1 resolved: hung
        since 2026-11-20 03:00:00, 20 s
        serving again after 1 action of the
        watchdog; it was away for 20 s

      2026-11-20 03:00:00
        began: the first look that failed
      03:00:05  +5 s
        opened: incident I1: connections open
        and nothing answers
      03:00:10  +10 s
        action: restart the gateway (A1):
        connections open and nothing answers
      03:00:14  +14 s
        A1 done: restarted as process 9;
        waiting for the gateway to serve
      03:00:50  +50 s
        resolved: incident I1 (hung): serving
        again after 1 action of the watchdog;
        it was away for 20 s

      1 action
        A1 restart the gateway: done after 4 s
      "
    `);
  });

  it('shows the newest when no id is given, and takes a number for an id', async () => {
    await journal(test.context, two);
    expect((await run(show(null))).text).toContain('incident I2 resolved: hung');
    expect((await run(show(null))).text).toContain('restart the gateway (A2)');
  });

  it('says that an incident is open and needs somebody', async () => {
    const [opened] = lifeOf({ id: 'I3', at: 2_000, actionId: 'A3' });
    if (opened === undefined) throw new Error('no line');
    const state = { ...opened.state, incident: incidentOf('I3', 2_000, { exhaustedAt: moment(2_005) }) };
    await journal(test.context, [...two, { ...opened, state }]);
    const { text } = await run(list);
    expect(text).toContain(
      'I3 open, needs you: hung\n  since 2026-11-20 03:33:20, 27 h 13 min\n  nothing was done',
    );
    expect(text).toContain(
      '  needs you: connections open and nothing answers\n  next: immune nuclear (it asks first)\n',
    );
  });

  it('names the undo that is still possible, and not one whose config was changed since', async () => {
    const { paths } = test.context;
    await journal(test.context, lifeOf({ id: 'I1', at: 0, actionId: 'A1', rollback: true }));
    await kept(paths.quarantine);
    expect((await run(list)).text).not.toContain('undo:');
    const configPath = join(paths.data, 'openclaw.json');
    const { hashOfConfig } = await import('../../src/repairs/swap-ground.ts');
    await kept(paths.quarantine, hashOfConfig(configPath));
    expect((await run(list)).text).toContain('  undo: immune undo A1\n');
    expect((await run(show('I1'), { json: true })).read().incidents[0].undo).toEqual([
      { id: 'A1', what: 'config', command: 'immune undo A1' },
    ]);
  });

  it('reads rotated parts, oldest first, and says when one is missing', async () => {
    const { state } = test.context.paths;
    await journal(test.context, lifeOf({ id: 'I1', at: 0, actionId: 'A1' }));
    await rename(join(state, 'journal.jsonl'), join(state, 'journal.jsonl.1'));
    const last = (await readFile(join(state, 'journal.jsonl.1'), 'utf8')).trim().split('\n').at(-1) ?? '';
    await writeFile(join(state, 'state.json'), last);
    await journal(test.context, lifeOf({ id: 'I2', at: 900, actionId: 'A2' }));
    const whole = await run(list, { json: true });
    expect(whole.code).toBe(0);
    expect(whole.read().incidents.map(({ id }: { id: string }) => id)).toEqual(['I2', 'I1']);
    expect(whole.read().journal).toMatchObject({ lines: 8, troubles: [] });
    const lines = (await readFile(join(state, 'journal.jsonl.1'), 'utf8')).split('\n');
    await writeFile(join(state, 'journal.jsonl.1'), `${lines.slice(0, 2).join('\n')}\n`);
    await writeFile(join(state, 'state.json'), '');
    const gap = await run(list);
    expect(gap.code).toBe(3);
    expect(gap.text).toContain('journal: journal.jsonl: the lines 3 to 4 are missing before it');
    expect(gap.text).toContain('I1 over, its end is not in the journal: hung');
  });

  it('shows what can be read of a torn journal, and says so', async () => {
    const { paths } = test.context;
    await journal(test.context, two);
    await appendFile(paths.journal, '{"seq":9,"at":17');
    const torn = await run(list);
    expect(torn.code).toBe(0);
    expect(torn.text).toContain('I2 resolved: hung');
    expect(torn.text).toContain('journal: journal.jsonl: its last line is torn (16 bytes)');
    await writeFile(paths.journal, (await readFile(paths.journal, 'utf8')).replace('"seq":2', '"seq":'));
    const damaged = await run(list);
    expect(damaged.code).toBe(3);
    expect(damaged.text).toContain('I1 resolved: hung');
    expect(damaged.text).toContain('journal: journal.jsonl: 1 line cannot be read');
  });

  it('reads a journal that was put aside as damaged too', async () => {
    const { paths } = test.context;
    await journal(test.context, two);
    await writeFile(paths.journal, (await readFile(paths.journal, 'utf8')).replace('"seq":6', '"seq":'));
    // The daemon itself puts it aside here.
    await journal(test.context, []);
    const { code, text } = await run(list);
    expect(code).toBe(3);
    expect(text).toContain('I1 resolved: hung');
    expect(text).toMatch(/journal\.jsonl\.quarantined-\d+ was put aside/);
  });

  it('does not read one journal twice under two names', async () => {
    const { paths } = test.context;
    await journal(test.context, two);
    const { link } = await import('node:fs/promises');
    await link(paths.journal, `${paths.journal}.quarantined-5`);
    expect((await run(list, { json: true })).read().journal.lines).toBe(8);
  });

  it('knows the newest incident from the checkpoint alone', async () => {
    const { paths } = test.context;
    await journal(test.context, two);
    const last = (await readFile(paths.journal, 'utf8')).trim().split('\n').at(-1) ?? '';
    await writeFile(paths.checkpoint, last);
    await rename(paths.journal, join(paths.data, 'away'));
    expect((await run(list)).text).toContain('I2 resolved: hung');
  });

  it('says plainly that there is no journal, and what to type next', async () => {
    const { code, text } = await run(list);
    expect([code, text]).toEqual([3, '']);
    expect(errors).toContain('immune: there is no journal yet: the watchdog has never run here');
    expect(errors).toContain('next: ./install.sh');
    const asJson = await run(list, { json: true });
    expect(asJson.read()).toMatchObject({ version: 1, outcome: 'no-journal', incidents: [], journal: null });
  });

  it('says that nothing has failed, and since when', async () => {
    await journal(test.context, [
      { kind: 'started', at: moment(0), because: 'started', notices: [], state: initialState },
    ]);
    const { code, text } = await run(list);
    expect(code).toBe(0);
    expect(text).toBe(
      'no incident: nothing has failed since 2026-11-20 03:00:00, as far as the journal goes back\n',
    );
  });

  it('refuses an incident that is not there', async () => {
    await journal(test.context, two);
    expect((await run(show('I9'))).code).toBe(4);
    expect(errors).toContain('there is no incident I9 in the journal');
    expect(errors).toContain('next: immune incidents list');
  });

  it('refuses it where there has been no incident at all', async () => {
    const [line] = two;
    if (line === undefined) throw new Error('no line');
    await journal(test.context, [{ ...line, state: initialState, notices: [] }]);
    expect((await run(show('I12'))).code).toBe(4);
    expect(errors).toContain('there is no incident I12 in the journal');
    expect((await run(show('I12'), { json: true })).read()).toMatchObject({
      outcome: 'no-such-incident',
      next: 'immune incidents list',
      exitCode: 4,
    });
    // The newest of none is no mistake of whoever asks.
    expect((await run(show(null))).code).toBe(0);
  });

  it('shows both of two incidents with one number', async () => {
    const again = lifeOf({ id: 'I1', at: 5_000, actionId: 'A1' });
    await journal(test.context, [...two, ...again]);
    const { text } = await run(show('I1'));
    expect(text.match(/^incident I1/gm)).toHaveLength(2);
    expect(text).toContain('2026-11-20 04:23:20');
  });

  it('reads months of a flapping gateway in bounded memory', async () => {
    const { paths } = test.context;
    const pad = 'x'.repeat(1_000);
    for (const part of ['.3', '.2', '.1', '']) {
      const lines: string[] = [];
      const number = part === '' ? 0 : Number(part.slice(1));
      const from = (3 - number) * 4_000;
      for (let n = 0; n < 1_000; n += 1) {
        const life = lifeOf({ id: `I${from / 4 + n}`, at: (from / 4 + n) * 60, actionId: `A${n}` });
        for (const [at, entry] of life.entries()) {
          lines.push(JSON.stringify({ seq: from + n * 4 + at + 1, ...entry, pad }));
        }
      }
      await writeFile(`${paths.journal}${part}`, `${lines.join('\n')}\n`);
    }
    const began = performance.now();
    const { code, read } = await run({ kind: 'list', limit: 3 }, { json: true });
    const result = read();
    expect(code).toBe(0);
    expect(result.journal.lines).toBe(16_000);
    expect(result.incidents.map(({ id }: { id: string }) => id)).toEqual(['I3999', 'I3998', 'I3997']);
    expect(result.older).toBe(3_997);
    expect(performance.now() - began).toBeLessThan(20_000);
  });

  it('shows no terminal sequence and no token that the journal may hold', async () => {
    const [line] = lifeOf({ id: 'I1', at: 0, actionId: 'A1' });
    if (line === undefined) throw new Error('no line');
    const because = 'it said \u001b[31mBearer abcdefgh12345678\u001b[0m\u202e';
    const state = { ...line.state, incident: incidentOf('I1', 0, { because }) };
    await journal(test.context, [{ ...line, state, because }]);
    const { text } = await run(list);
    expect(text).toContain('because it said Bearer [redacted]');
    expect(text).not.toContain('\u001b');
  });

  byUser('says which part it may not read', async () => {
    const { paths } = test.context;
    await journal(test.context, two);
    await copyFile(paths.journal, `${paths.journal}.1`);
    await chmod(`${paths.journal}.1`, 0);
    const { code, text } = await run(list);
    expect(code).toBe(3);
    expect(text).toContain('permission was denied');
  });
});

/** A rollback whose files are still in place when `left` is what the config is now. */
async function kept(quarantine: string, left: string | null = 'a'.repeat(64)): Promise<void> {
  const folder = join(quarantine, 'A1');
  const configPath = join(test.context.paths.data, 'openclaw.json');
  await mkdir(folder, { recursive: true });
  await writeFile(configPath, '{}\n');
  const written = await writeKept({
    folder,
    record: {
      version: 1,
      id: 'A1',
      incident: 'I1',
      at: moment(12),
      planId: null,
      planKind: 'snapshot',
      snapshot: 'a'.repeat(40),
      configPath,
      replaced: 'b'.repeat(64),
      left,
      files: [
        {
          named: configPath,
          path: configPath,
          kept: join(folder, 'old'),
          mode: 0o600,
          sha256: 'b'.repeat(64),
          how: 'copied',
          staged: join(quarantine, '.openclaw.json.immune-1.tmp'),
          put: 'c'.repeat(64),
        },
      ],
      changes: ['gateway.port was changed'],
      state: 'made',
      undoes: null,
    },
  });
  if (written.kind === 'failed') throw new Error(written.because);
}
