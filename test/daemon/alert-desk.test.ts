import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Channel, Channels, Message, Pinger } from '../../src/alerts/channel.ts';
import { defaultPolicy } from '../../src/core/policy.ts';
import { initialState, type State } from '../../src/core/state.ts';
import { millis, minutes, seconds } from '../../src/core/time.ts';
import { type AlertDesk, namedIn, openAlertDesk } from '../../src/daemon/alert-desk.ts';
import { machineName } from '../../src/daemon/alert-message.ts';
import { parseBook, readBook } from '../../src/daemon/alert-store.ts';
import { type Journal, openJournal } from '../../src/daemon/journal.ts';
import { linesAfter } from '../../src/daemon/journal-lines.ts';
import { incidentOf, notice } from '../core/alert-world.ts';
import { moment } from '../core/story.ts';
import { alertSettings, hook, listeningLog, type ManualClock, manualClock } from './alert-ground.ts';

let stateDir: string;
let clock: ManualClock;
let got: Message[];
let pings: string[];
let said: ReturnType<typeof listeningLog>;
beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'immune-desk-'));
  clock = manualClock();
  got = [];
  pings = [];
  said = listeningLog();
});
afterEach(() => rmSync(stateDir, { recursive: true, force: true }));

const phone: Channel = {
  name: 'phone',
  kind: 'webhook',
  minSeverity: 'info',
  send: async (message) => {
    got.push(message);
    return { kind: 'delivered', because: 'taken' };
  },
};
const deadMan: Pinger = {
  name: 'dead',
  kind: 'healthchecks',
  ping: async (kind) => {
    pings.push(kind);
    return { kind: 'delivered', because: 'taken' };
  },
};

interface Life {
  readonly desk: AlertDesk;
  readonly journal: Journal;
}

async function begin(
  channels: Channels = { channels: [phone], pingers: [deadMan], problems: [] },
): Promise<Life> {
  const opened = await openJournal(stateDir, clock.now());
  if (opened.kind === 'failed') throw new Error(opened.because);
  const settings = { alerts: alertSettings([hook('phone', 1)]), policy: defaultPolicy };
  const desk = await openAlertDesk(
    {
      paths: { state: stateDir },
      log: said.log,
      redact: (text) => text.replaceAll('hunter2', '[redacted]'),
      settings: () => ({ settings }),
      openChannels: () => channels,
    },
    { clock, state: opened.replay.state },
  );
  return { desk, journal: desk.hear(opened.journal) };
}

const down = (change: Partial<State> = {}): State => ({
  ...initialState,
  phase: { kind: 'suspect' },
  cause: 'crashed',
  because: 'gone, with hunter2',
  incident: incidentOf({ openedAt: moment('00:30') }),
  ...change,
});
const write = (journal: Journal, state: State, ...notices: readonly ReturnType<typeof notice>[]) =>
  journal.append({ at: clock.now(), kind: 'decided', because: '', notices, state });
const needs = notice('exhausted', 'needs you: no way, says hunter2');
const ids = (): readonly string[] => got.map(({ id }) => id);

describe('the desk', () => {
  it('tells what the journal makes durable, redacted, with the moment it began', async () => {
    const { journal } = await begin();
    await write(journal, down(), needs);
    await expect.poll(ids).toEqual(['1-1']);
    expect(got[0]?.title).toBe(`${machineName()}: Gateway needs you: no way, says [redacted]`);
    const text = JSON.stringify(got);
    expect(text).not.toContain('hunter2');
    expect(text).toContain('[redacted]');
    expect(got[0]?.body.at(-1)).toMatch(
      /^Since \d{4}-\d\d-\d\d \d\d:\d\d \(written \d\d:\d\d, 30 s later\)\.$/,
    );
    await journal.close();
    expect(readFileSync(join(stateDir, 'alerts.json'), 'utf8')).not.toContain('hunter2');
  });

  it('tells nothing that the journal could not take', async () => {
    const { desk, journal: real } = await begin();
    const journal = desk.hear({
      append: async () => ({ kind: 'failed', code: 'ENOSPC', because: 'full' }),
      close: async () => undefined,
    });
    await write(journal, down(), needs);
    await real.close();
    expect(ids()).toEqual([]);
  });

  it('goes on where the last life ended, and tells what that wrote and did not tell', async () => {
    const first = await begin();
    await write(first.journal, down());
    await first.journal.close();
    // A life without alerts: an older build, or one that was killed before it could.
    const opened = await openJournal(stateDir, clock.now());
    if (opened.kind === 'failed') throw new Error(opened.because);
    await write(opened.journal, down(), needs);
    await opened.journal.close();
    const next = await begin();
    await expect.poll(ids).toEqual(['2-1']);
    await write(next.journal, { ...initialState }, notice('resolved', 'serving again'));
    await expect.poll(ids).toEqual(['2-1', '3-1']);
    await next.journal.close();
  });

  it('tells nothing of the time before there was a book, but goes on with an open incident', async () => {
    const opened = await openJournal(stateDir, clock.now());
    if (opened.kind === 'failed') throw new Error(opened.because);
    await write(opened.journal, down(), notice('told', 'long ago', null));
    await opened.journal.close();
    const { desk, journal } = await begin();
    clock.advance(minutes(2));
    desk.looked(down(), millis(0));
    await expect.poll(ids).toEqual(['t-I1-down']);
    await journal.close();
  });

  it('reads on across a rotation of the journal', async () => {
    const first = await begin();
    await write(first.journal, down());
    await first.journal.close();
    const opened = await openJournal(stateDir, clock.now());
    if (opened.kind === 'failed') throw new Error(opened.because);
    await write(opened.journal, down(), needs);
    await opened.journal.close();
    const path = join(stateDir, 'journal.jsonl');
    const [line] = readFileSync(path, 'utf8').trim().split('\n').slice(-1);
    writeFileSync(join(stateDir, 'state.json'), line ?? '');
    renameSync(path, `${path}.1`);
    const next = await begin();
    await expect.poll(ids).toEqual(['2-1']);
    await write(next.journal, { ...initialState }, notice('resolved', 'over'));
    await expect.poll(ids).toEqual(['2-1', '3-1']);
    await next.journal.close();
  });

  it('begins a new era where the journal began anew, so that no alert is taken for another', async () => {
    const first = await begin();
    await write(first.journal, down(), needs);
    await expect.poll(ids).toEqual(['1-1']);
    await write(first.journal, down());
    await first.journal.close();
    rmSync(join(stateDir, 'journal.jsonl'));
    const next = await begin();
    await write(next.journal, down(), needs);
    await expect.poll(ids).toEqual(['1-1', 'e1-1-1']);
    await next.journal.close();
  });

  it.each([
    ['no JSON', '{"version":1,"entr'],
    ['of another version', '{"version":9}'],
    ['no book', '{"version":1,"cursor":0,"era":0,"entries":[{}],"reasons":[],"sentTimes":[],"told":[]}'],
  ])('puts a book aside that is %s, says so, and begins anew', async (_what, text) => {
    writeFileSync(join(stateDir, 'alerts.json'), text);
    const { journal } = await begin();
    expect(said.lines.join()).toContain('begin anew');
    expect(readdirSync(stateDir).some((name) => name.startsWith('alerts.json.quarantined-'))).toBe(true);
    await write(journal, down(), needs);
    await expect.poll(ids).toEqual(['1-1']);
    await journal.close();
    expect((await readBook(stateDir)).kind).toBe('read');
  });

  it('sends again, or not any more, what the operator names', async () => {
    const { desk, journal } = await begin();
    expect(desk.retry('1-1')).toEqual({ ok: false, text: 'there is no alert 1-1' });
    await write(journal, down(), needs);
    await expect.poll(ids).toEqual(['1-1']);
    expect(desk.drop('1-1')).toEqual({ ok: true, text: 'alert 1-1 is not sent any more' });
    expect(desk.view()).toMatchObject({ channels: 1, waiting: 0 });
    await journal.close();
  });

  it('pings the dead-man channel at looks that found the gateway serving', async () => {
    const { desk, journal } = await begin();
    const serving: State = { ...initialState, phase: { kind: 'healthy' }, cause: 'serving' };
    desk.looked(serving, millis(0));
    await expect.poll(() => pings).toEqual(['alive']);
    clock.advance(seconds(10));
    desk.looked(serving, millis(0));
    expect(pings).toEqual(['alive']);
    await journal.close();
  });

  it('opens the channels anew when the settings change, and says what is wrong with them', async () => {
    const { desk, journal } = await begin({
      channels: [],
      pingers: [],
      problems: ['alerts channel phone is not used: why'],
    });
    expect(desk.view()).toMatchObject({ isBroken: true, problem: 'alerts channel phone is not used: why' });
    expect(said.lines.filter((line) => line.includes('is not used'))).toHaveLength(1);
    await journal.close();
  });
});

it.each([
  ['mini.local', 'mini'],
  ["Anna's Mac.home", 'AnnasMac'],
  ['@everyone<b>\n.x', 'everyoneb'],
  [`${'x'.repeat(60)}.lan`, 'x'.repeat(20)],
  ['', 'gateway'],
])('%j is called %j in messages', (host, name) => {
  expect(machineName(host)).toBe(name);
});

it('messages are for the channels of the settings and those without a name there, never for dead-man channels', () => {
  const settings = alertSettings([
    hook('phone', 1, { minSeverity: 'critical' }),
    { name: 'dead', kind: 'healthchecks', url: 'https://hc.example/x' },
  ]);
  const notification: Channel = { ...phone, name: 'notification' };
  expect(namedIn(settings, { channels: [notification], pingers: [], problems: [] })).toEqual([
    { name: 'phone', minSeverity: 'critical' },
    { name: 'notification', minSeverity: 'info' },
  ]);
});

it('lines that cannot be read are left out of what is read on', async () => {
  writeFileSync(
    join(stateDir, 'journal.jsonl'),
    'torn\n{"seq":4,"at":1,"notices":[],"state":{"phase":{}}}\nno\n',
  );
  expect(await linesAfter(stateDir, 3)).toMatchObject({ lines: [{ seq: 4 }], newest: 4, problem: null });
  expect(await linesAfter(stateDir, 4)).toMatchObject({ lines: [], newest: 4 });
});

it('a book is read back as it was written, with what an older build did not know', () => {
  const alert = {
    id: '1-1',
    kind: 'told',
    severity: 'info',
    at: 1,
    incident: null,
    title: 't',
    lines: [],
    since: null,
    next: 'n',
  };
  const delivery = { channel: 'phone', state: 'waiting', tries: 0, nextAt: 1, refused: false, because: '' };
  const book = {
    version: 1,
    era: 0,
    cursor: 4,
    entries: [{ alert, deliveries: [delivery] }],
    reasons: [],
    sentTimes: [],
    told: [],
  };
  expect(parseBook(JSON.stringify(book))).toMatchObject({
    ...book,
    incident: null,
    overflow: null,
    overflows: 0,
  });
  for (const wrong of [
    { ...book, cursor: -1 },
    { ...book, incident: 7 },
    { ...book, incident: { id: 'I1' } },
    { ...book, incident: { id: 'I1', openedAt: 1, attempts: [], changed: [], toldTo: [7] } },
    { ...book, flapping: { since: 1 } },
    { ...book, overflow: { since: 1, kinds: {} } },
    { ...book, sentTimes: ['x'] },
    { ...book, told: [{}] },
    { ...book, reasons: [3] },
    { ...book, entries: [{ alert, deliveries: [{ ...delivery, state: 'odd' }] }] },
    { ...book, entries: [{ alert: { ...alert, lines: [1] }, deliveries: [] }] },
  ])
    expect(parseBook(JSON.stringify(wrong)), JSON.stringify(wrong)).toBeNull();
});
