import { writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Channel, Channels, Pinger, SendOutcome } from '../../src/alerts/channel.ts';
import { runAlerts } from '../../src/cli/alerts.ts';
import { runAlertsTest } from '../../src/cli/alerts-test.ts';
import type { AlertsAsk } from '../../src/cli/alerts-words.ts';
import { parseCommand } from '../../src/cli/parse.ts';
import { alertProblems } from '../../src/cli/status/alerts.ts';
import { statusJson } from '../../src/cli/status/json.ts';
import { renderStatus } from '../../src/cli/status/render.ts';
import type { Terminal } from '../../src/cli/terminal.ts';
import { type AlertBook, beginBook } from '../../src/core/alert-book.ts';
import { takeLine } from '../../src/core/alert-compose.ts';
import { noteDelivery } from '../../src/core/alert-due.ts';
import { defaultPolicy } from '../../src/core/policy.ts';
import { instant, minutes, seconds } from '../../src/core/time.ts';
import { readBook, writeBook } from '../../src/daemon/alert-store.ts';
import type { AlertsView } from '../../src/daemon/alert-worker.ts';
import { ensurePrivateDirectory } from '../../src/system/durable-file.ts';
import { desk, incidentOf, lineOf, notice } from '../core/alert-world.ts';
import { moment } from '../core/story.ts';
import { hook, openInbox } from '../daemon/alert-ground.ts';
import { type TestContext, testContext } from './command-context.ts';
import { earlier, facts, statusFile } from './status-facts.ts';

let test: TestContext;
beforeEach(async () => {
  test = await testContext();
  await ensurePrivateDirectory(test.context.paths.state);
});
afterEach(() => test.remove());

const nobody: Terminal = { interactive: false, ask: async () => false, run: async () => 0 };
const asked = (answer: boolean): Terminal => ({ ...nobody, interactive: true, ask: async () => answer });

const go = (ask: AlertsAsk, json = false, terminal = nobody): Promise<number> =>
  runAlerts({ ask, json }, test.context, terminal);

/** Two alerts: one that is delivered on the phone and waits for the mail, one that was never told apart. */
function book(): AlertBook {
  const where = desk({}, ['info', 'info']);
  const line = lineOf(1, '00:10', { incident: incidentOf() }, [
    notice('opened', 'lost'),
    notice('exhausted', 'needs you: no way'),
  ]);
  const taken = takeLine(beginBook(0, null), line, where);
  const how = { now: moment('00:11'), chance: 1, policy: defaultPolicy };
  const phone = { id: '1-2', channel: 'phone', outcome: { kind: 'delivered', because: '200' } } as const;
  const mail = {
    id: '1-2',
    channel: 'mail',
    outcome: { kind: 'later', because: 'no answer', retryAfterMs: null },
  } as const;
  return noteDelivery(noteDelivery(taken, phone, how), mail, how);
}

const settle = async (): Promise<void> => {
  const written = await writeBook(test.context.paths.state, book());
  expect(written.kind).toBe('done');
};

const settings = async (channels: readonly object[]): Promise<void> => {
  const path = (name: string): string => `/nowhere/${name}`;
  const gateway = { label: 'g', plist: path('p'), stateDir: path('s'), configPath: path('c') };
  const text = JSON.stringify({
    gateway,
    tools: { ps: '/bin/ps' },
    alerts: { notification: false, channels },
  });
  await writeFile(test.context.paths.config, text);
};

describe('immune alerts', () => {
  it('lists what was told, and how it went on each channel', async () => {
    expect(await go({ kind: 'list' })).toBe(0);
    expect(test.written()).toBe('nothing was told so far\n');
    await settle();
    expect(await go({ kind: 'list' })).toBe(0);
    expect(test.written()).toMatch(/1-2 {2}\S+ \S+ {2}critical {2}exhausted {2}Gateway needs you: no way/);
    expect(test.written()).toMatch(
      /phone: delivered \S+ \S+\n {4}mail: waiting after 1 try, next in .*: no answer/,
    );
  });

  it('lists the newest twenty, and says how to see the others', async () => {
    const many = Array.from({ length: 25 }, (_each, n) => {
      const [entry] = book().entries;
      if (entry === undefined) throw new Error('no entry');
      const states = ['dropped', 'given-up'] as const;
      const deliveries = entry.deliveries.map((each, index) => ({
        ...each,
        state: states[index] ?? ('delivered' as const),
        tries: 2,
      }));
      return { ...entry, alert: { ...entry.alert, id: `${n}-1` }, deliveries: n === 24 ? [] : deliveries };
    });
    await writeBook(test.context.paths.state, { ...book(), entries: many });
    expect(await go({ kind: 'list' })).toBe(0);
    const text = test.written();
    expect(text).toMatch(/^24-1 .*\n {4}sent nowhere/);
    expect(text).toContain('phone: not sent any more');
    expect(text).toContain('mail: given up after 2 tries: no answer');
    expect(text).toContain('5 older: immune alerts list --json');
  });

  it('names a reason for everything, also for one incident or one alert', async () => {
    expect(await go({ kind: 'why', about: null })).toBe(0);
    await settle();
    await go({ kind: 'why', about: '1-2' });
    expect(test.written()).toContain('needs-you: sent: nothing is left that could help');
    expect(test.written()).not.toContain('said-with-exhausted');
    await go({ kind: 'why', about: 'I1' });
    expect(test.written()).toContain('said-with-exhausted: not sent');
    await go({ kind: 'why', about: 'I9' });
    expect(test.written()).toContain('nothing is known of I9');
  });

  it('says the same as JSON', async () => {
    await settle();
    await go({ kind: 'list' }, true);
    const listed = JSON.parse(test.written());
    expect(listed).toMatchObject({
      version: 1,
      alerts: [{ id: '1-2', deliveries: [{ channel: 'phone' }, { tries: 1 }] }],
    });
    await go({ kind: 'why', about: null }, true);
    const reasons = JSON.parse(test.written().slice(JSON.stringify(listed, null, 2).length + 1));
    expect(reasons.reasons.at(-1)).toMatchObject({ code: 'needs-you', incident: 'I1', alert: '1-2' });
  });

  it('says that it cannot read what is damaged', async () => {
    await writeFile(`${test.context.paths.state}/alerts.json`, 'no');
    await expect(go({ kind: 'list' })).rejects.toMatchObject({ exitCode: 3 });
  });

  it('without a watchdog retries and drops in its book', async () => {
    await settings([]);
    await settle();
    await expect(go({ kind: 'retry', id: '7-7' })).rejects.toMatchObject({
      exitCode: 4,
      message: 'there is no alert 7-7',
    });
    // It asks nobody for a yes to what does not exist.
    for (const yes of [true, false])
      await expect(go({ kind: 'drop', id: '7-7', yes })).rejects.toMatchObject({
        exitCode: 4,
        message: 'there is no alert 7-7',
        hint: 'immune alerts list',
      });
    await expect(go({ kind: 'drop', id: '1-2', yes: false })).rejects.toMatchObject({ exitCode: 4 });
    await expect(go({ kind: 'drop', id: '1-2', yes: false }, false, asked(false))).rejects.toMatchObject({
      exitCode: 4,
    });
    expect(await go({ kind: 'drop', id: '1-2', yes: false }, false, asked(true))).toBe(0);
    const states = async (): Promise<unknown> => {
      const read = await readBook(test.context.paths.state);
      return read.kind === 'read' ? read.book.entries[0]?.deliveries.map(({ state }) => state) : read;
    };
    expect(await states()).toEqual(['delivered', 'dropped']);
    expect(await go({ kind: 'retry', id: '1-2' }, true)).toBe(0);
    expect(await states()).toEqual(['delivered', 'waiting']);
    expect(test.written()).toContain('is sent when the watchdog starts');
  });

  it('tests the channels of the settings, without a watchdog', async () => {
    const inbox = await openInbox();
    await settings([hook('phone', inbox.port, { minSeverity: 'critical' })]);
    expect(await go({ kind: 'test' })).toBe(0);
    expect(inbox.taken).toMatchObject([{ kind: 'test' }]);
    expect(test.written()).toMatch(/^phone {2}delivered in /);
    inbox.answers(500);
    expect(await go({ kind: 'test' })).toBe(3);
    expect(test.written()).toContain('phone  failed in');
    await inbox.close();
  });
});

describe('a test of the channels', () => {
  const channel = (name: string, outcome: SendOutcome): Channel => ({
    name,
    kind: 'webhook',
    minSeverity: 'info',
    send: async () => outcome,
  });
  const pinger: Pinger = {
    name: 'hc',
    kind: 'healthchecks',
    ping: async () => ({ kind: 'delivered', because: 'OK' }),
  };
  const run = (channels: Partial<Channels>, json = false): Promise<number> =>
    runAlertsTest({ json }, test.context, { channels: [], pingers: [], problems: [], ...channels });

  it('is refused where there is none, with the next thing to do', async () => {
    await expect(run({})).rejects.toMatchObject({
      exitCode: 3,
      hint: expect.stringContaining('docs/alerts.md'),
    });
  });

  it('pings a dead-man channel only while the gateway is known to serve', async () => {
    expect(await run({ pingers: [pinger] })).toBe(0);
    expect(test.written()).toContain('hc  not asked: a ping says that the gateway serves');
    const { paths, clock } = test.context;
    await writeFile(paths.heartbeat, JSON.stringify({ ...statusFile(), at: clock.now() }));
    expect(await run({ pingers: [pinger] }, true)).toBe(0);
    expect(test.written()).toContain('"result": "delivered"');
  });

  it('says for each what came of it, and what cannot be used at all', async () => {
    const good = channel('phone', { kind: 'delivered', because: '' });
    const bad = channel('chat', { kind: 'refused', because: '401' });
    expect(await run({ channels: [good, bad] })).toBe(3);
    expect(test.written()).toMatch(/chat {3}failed in .*: 401/);
    expect(await run({ channels: [good], problems: ['alerts channel x is not used: y'] })).toBe(3);
    expect(test.written()).toContain('alerts channel x is not used: y\n');
    expect(await run({ channels: [{ ...good, kind: 'notification' }] })).toBe(0);
    expect(test.written()).toContain('Did a notification appear');
  });

  it('ends with Ctrl-C', async () => {
    const stuck: Channel = {
      ...channel('phone', { kind: 'delivered', because: '' }),
      send: () => new Promise(() => undefined),
    };
    const running = run({ channels: [stuck] });
    test.interrupt();
    expect(await running).toBe(3);
    expect(test.written()).toContain('interrupted');
  });
});

describe('the words after immune alerts', () => {
  it.each([
    [[], { kind: 'list' }],
    [['why', 'I3'], { kind: 'why', about: 'I3' }],
    [['why'], { kind: 'why', about: null }],
    [['test'], { kind: 'test' }],
    [['retry', '12-1'], { kind: 'retry', id: '12-1' }],
    [['drop', 't-I1-down', '-y'], { kind: 'drop', id: 't-I1-down', yes: true }],
  ])('%j', (words, ask) => {
    expect(parseCommand(['alerts', ...words, '--json'])).toEqual({ kind: 'alerts', ask, json: true });
  });

  it.each([
    [['tset'], 'did you mean "test"'],
    [['nonsense'], 'is nothing "immune alerts" does'],
    [['retry'], 'needs the id'],
    [['drop', '../x'], 'is not the id'],
    [['list', '1-1'], 'takes no id'],
    [['test', '--yes'], '--yes goes with drop only'],
  ])('%j is refused', (words, message) => {
    expect(parseCommand(['alerts', ...words])).toMatchObject({
      kind: 'refused',
      message: expect.stringContaining(message),
    });
  });
});

describe('the status', () => {
  const view: AlertsView = {
    channels: 2,
    waiting: 0,
    since: null,
    givenUp: 0,
    problem: null,
    isBroken: false,
  };
  const with_ = (change: Partial<AlertsView>) =>
    facts({ file: { kind: 'read', status: statusFile({}, { alerts: { ...view, ...change } }) } });

  it('has a line where something waits for longer than a moment, was given up, or cannot be used', () => {
    expect(alertProblems(with_({}))).toEqual([]);
    expect(alertProblems(with_({ waiting: 1, since: earlier(seconds(20)) }))).toEqual([]);
    expect(alertProblems(facts())).toEqual([]);
    const waiting = with_({ waiting: 1, since: earlier(minutes(9)), problem: 'phone: no answer' });
    expect(renderStatus(waiting)).toContain(
      'alerts     2 channels, 1 waiting for 9 min; phone: no answer ("immune alerts")',
    );
    expect(alertProblems(with_({ channels: 1, givenUp: 3 }))).toEqual([
      '1 channel, 3 given up ("immune alerts")',
    ]);
    expect(alertProblems(with_({ isBroken: true, problem: 'alerts channel x is not used: y' }))[0]).toContain(
      'not used',
    );
  });

  it('has all of it as JSON', () => {
    const since = instant(Date.parse('2026-11-22T11:00:00Z'));
    expect(statusJson(with_({ waiting: 1, since, givenUp: 2 }))).toMatchObject({
      alerts: { channels: 2, waiting: 1, since: '2026-11-22T11:00:00.000Z', givenUp: 2 },
    });
    expect(statusJson(facts())).toMatchObject({ alerts: { channels: null, since: null, problems: [] } });
  });
});
