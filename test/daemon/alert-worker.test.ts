import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Channel, Channels } from '../../src/alerts/channel.ts';
import { type AlertBook, type AlertLine, beginBook } from '../../src/core/alert-book.ts';
import { defaultPolicy } from '../../src/core/policy.ts';
import { hours, type Millis, millis, minutes, seconds } from '../../src/core/time.ts';
import { createAlertWorker } from '../../src/daemon/alert-worker.ts';
import { incidentOf, lineOf, notice } from '../core/alert-world.ts';
import {
  alertSettings,
  hook,
  type Inbox,
  listeningLog,
  manualClock,
  open,
  openInbox,
} from './alert-ground.ts';

let inbox: Inbox;
let other: Inbox;
beforeEach(async () => {
  [inbox, other] = await Promise.all([openInbox(), openInbox()]);
});
afterEach(() => Promise.all([inbox.close(), other.close()]));

interface World {
  readonly worker: ReturnType<typeof createAlertWorker>;
  readonly clock: ReturnType<typeof manualClock>;
  readonly lines: readonly string[];
  readonly written: () => AlertBook | null;
  /** Whether the disk takes the book. */
  readonly disk: (works: boolean) => void;
  pass(length: Millis, stepMs?: Millis): Promise<void>;
}

function world(
  channels: Channels,
  named: readonly string[] = channels.channels.map(({ name }) => name),
): World {
  const clock = manualClock();
  const { log, lines } = listeningLog();
  let written: AlertBook | null = null;
  let works = true;
  const worker = createAlertWorker(
    {
      clock,
      log,
      policy: () => defaultPolicy,
      channels: () => channels,
      named: () => named.map((name) => ({ name, minSeverity: 'info' })),
      write: async (book) => {
        if (!works) return { kind: 'failed', code: 'ENOSPC', because: 'the disk is full' };
        written = JSON.parse(JSON.stringify(book)) as AlertBook;
        return { kind: 'done' };
      },
      chance: () => 0.5,
    },
    beginBook(0, null),
  );
  const settle = async (): Promise<void> => {
    await inbox.quiet();
    await other.quiet();
  };
  return {
    worker,
    clock,
    lines,
    written: () => written,
    disk: (next) => {
      works = next;
    },
    pass: async (length, stepMs = minutes(5)) => {
      for (let gone = 0; gone < length; gone += stepMs) {
        clock.advance(stepMs);
        await settle();
      }
      await settle();
    },
  };
}

const exhausted = (seq: number): AlertLine =>
  lineOf(seq, '00:10', { incident: incidentOf() }, [
    notice('opened', 'lost'),
    notice('exhausted', `needs you: no ${seq}`),
  ]);
const resolved = (seq: number): AlertLine =>
  lineOf(seq, '00:20', { incident: null }, [notice('resolved', 'serving again')]);
const told = (seq: number, word: string): AlertLine =>
  lineOf(seq, '00:30', { incident: null, cause: 'unknown' }, [notice('told', word, null)]);

const phone = (timeoutMs = 5_000): Channels => open(alertSettings([hook('phone', inbox.port)]), timeoutMs);
const both = (): Channels =>
  open(alertSettings([hook('phone', inbox.port), hook('mail', other.port)]), 1_000);

describe('the alerts of the watchdog', () => {
  it('arrive in the order in which they were made, and are marked delivered', async () => {
    const w = world(phone());
    w.worker.take(exhausted(1));
    w.worker.take(resolved(2));
    await expect.poll(() => inbox.taken.length).toBe(2);
    expect(inbox.taken.map(({ id, kind }) => `${id} ${kind}`)).toEqual(['1-2 exhausted', '2-1 recovered']);
    await w.worker.close();
    expect(w.written()?.entries.flatMap(({ deliveries }) => deliveries.map(({ state }) => state))).toEqual([
      'delivered',
      'delivered',
    ]);
    expect(w.worker.view()).toMatchObject({
      channels: 1,
      waiting: 0,
      since: null,
      givenUp: 0,
      problem: null,
    });
  });

  it.each([
    ['refuses every connection', null],
    ['answers 500', 500],
    ['hangs', 'hang'],
    ['resets', 'reset'],
  ] as const)(
    'wait for a server that %s for six hours; then all come, once, in order',
    async (_what, how) => {
      const w = world(phone(how === 'hang' ? 500 : 5_000));
      if (how === null) await inbox.close();
      else inbox.answers(how);
      w.worker.take(exhausted(1));
      w.worker.take(resolved(2));
      const step = how === 'hang' ? hours(1) : minutes(15);
      await w.pass(hours(6), step);
      expect(w.worker.view()).toMatchObject({ waiting: 2, problem: expect.stringContaining('phone: ') });
      expect(w.lines.filter((line) => line.includes('do not get through')).length).toBeGreaterThan(0);
      expect(w.lines.length).toBeLessThan(10);
      // The same address comes back.
      if (how === null) inbox = await openInbox(inbox.port);
      // One is asked at a time, and ever more seldom.
      expect(inbox.asked()).toBeLessThan(60);
      inbox.answers(200);
      await w.pass(hours(1));
      expect(inbox.taken.map(({ id }) => id)).toEqual(['1-2', '2-1']);
      await w.worker.close();
    },
  );

  it('wait as long as the server asks for', async () => {
    inbox.answers({ status: 429, retryAfter: '1200' });
    const w = world(phone());
    w.worker.take(told(1, 'a condition'));
    await expect.poll(inbox.asked).toBe(1);
    await inbox.quiet();
    inbox.answers(200);
    await w.pass(minutes(19), minutes(1));
    expect(inbox.asked()).toBe(1);
    await w.pass(minutes(2), minutes(1));
    expect(inbox.taken).toHaveLength(1);
    await w.worker.close();
  });

  it('go to one channel while another hangs, and nobody who makes one waits', async () => {
    inbox.answers('hang');
    const w = world(both());
    // What gives nothing back cannot be waited for.
    expect([w.worker.take(exhausted(1)), w.worker.take(resolved(2))]).toEqual([undefined, undefined]);
    await expect.poll(() => other.taken.map(({ id }) => id)).toEqual(['1-2', '2-1']);
    expect(inbox.taken).toEqual([]);
    await w.worker.close();
  });

  it('that one server refuses do not hold up the next, and are told of', async () => {
    inbox.answers(401);
    const w = world(phone());
    w.worker.take(told(1, 'one'));
    w.worker.take(told(2, 'two'));
    await expect.poll(inbox.asked).toBe(2);
    await inbox.quiet();
    expect(w.worker.view()).toMatchObject({ waiting: 2, problem: expect.stringMatching(/^phone: .*401/) });
    inbox.answers(200);
    await w.pass(minutes(30));
    expect(inbox.taken.map(({ id }) => id).toSorted()).toEqual(['1-1', '2-1']);
    await w.worker.close();
  });

  it('are tried at once when this machine wakes', async () => {
    let online = false;
    const channel: Channel = {
      name: 'phone',
      kind: 'webhook',
      minSeverity: 'info',
      send: async () =>
        online
          ? { kind: 'delivered', because: 'taken' }
          : { kind: 'later', because: 'no name was resolved', retryAfterMs: null, offline: true },
    };
    const w = world({ channels: [channel], pingers: [], problems: [] });
    w.worker.take(told(1, 'one'));
    await w.pass(minutes(10), minutes(1));
    expect(w.worker.view().waiting).toBe(1);
    online = true;
    w.worker.looked(w.clock.now(), seconds(600));
    await expect.poll(() => w.worker.view().waiting).toBe(0);
    await w.worker.close();
  });

  it('are given up after three days, and come again when the operator asks', async () => {
    inbox.answers(500);
    const w = world(phone());
    w.worker.take(told(1, 'one'));
    await w.pass(hours(73), hours(1));
    expect(w.worker.view()).toMatchObject({ waiting: 0, givenUp: 1 });
    inbox.answers(200);
    expect(w.worker.retry('1-1')).toBe(true);
    expect(w.worker.retry('9-9')).toBe(false);
    await expect.poll(() => inbox.taken.map(({ id }) => id)).toEqual(['1-1']);
    await w.worker.close();
  }, 60_000);

  it('are not sent any more when the operator drops them', async () => {
    inbox.answers(500);
    const w = world(phone());
    w.worker.take(told(1, 'one'));
    await expect.poll(inbox.asked).toBe(1);
    await inbox.quiet();
    expect(w.worker.drop('1-1')).toBe(true);
    inbox.answers(200);
    await w.pass(hours(1));
    expect(inbox.asked()).toBe(1);
    expect(w.worker.view()).toMatchObject({ waiting: 0, givenUp: 0 });
    await w.worker.close();
  });

  it('are written down before they are sent', async () => {
    const seen: (string | undefined)[] = [];
    let written: () => AlertBook | null = () => null;
    const channel: Channel = {
      name: 'phone',
      kind: 'webhook',
      minSeverity: 'info',
      send: async () => {
        seen.push(written()?.entries[0]?.deliveries[0]?.state);
        return { kind: 'delivered', because: 'taken' };
      },
    };
    const w = world({ channels: [channel], pingers: [], problems: [] });
    written = w.written;
    w.worker.take(told(1, 'one'));
    await expect.poll(() => seen).toEqual(['waiting']);
    await w.worker.close();
  });

  it('are sent once each where the book cannot be written, and it is written when there is space again', async () => {
    const w = world(phone());
    w.disk(false);
    w.worker.take(told(1, 'one'));
    await expect.poll(() => inbox.taken.length).toBe(1);
    await w.pass(minutes(30));
    expect(inbox.taken).toHaveLength(1);
    expect(w.lines.filter((line) => line.includes('the disk is full'))).toHaveLength(1);
    expect(w.written()).toBeNull();
    w.disk(true);
    await w.pass(minutes(5));
    expect(w.written()?.entries[0]?.deliveries[0]?.state).toBe('delivered');
    await w.worker.close();
  });

  it('wait for a channel that cannot be used yet, and are dropped with one that is gone', async () => {
    const none: Channels = {
      channels: [],
      pingers: [],
      problems: ['alerts channel phone is not used: its url is none'],
    };
    const w = world(none, ['phone']);
    w.worker.take(told(1, 'one'));
    await expect.poll(() => w.worker.view().problem).toContain('its url is none');
    await expect
      .poll(() => w.written()?.entries[0]?.deliveries[0])
      .toMatchObject({ state: 'waiting', tries: 1 });
    await w.worker.close();
  });

  it('leave the watchdog alone whatever goes wrong in them', async () => {
    const { channels } = phone();
    const broken = {
      ...channels[0],
      send: () => Promise.reject(new Error('a bug')),
    } as (typeof channels)[number];
    const w = world({ channels: [broken], pingers: [], problems: [] });
    w.worker.take(told(1, 'one'));
    w.worker.take({ seq: 2 } as AlertLine);
    await expect.poll(() => w.worker.view().problem).toContain('a bug');
    expect(w.lines.some((line) => line.startsWith('error: A bug of the watchdog in its alerts'))).toBe(true);
    await w.worker.close();
  });

  it('end soon when the watchdog is stopped, and what was on its way waits for the next', async () => {
    inbox.answers('hang');
    const w = world(phone(60_000));
    w.worker.take(told(1, 'one'));
    await expect.poll(inbox.asked).toBe(1);
    const closed = w.worker.close();
    await expect.poll(w.clock.sleepers).toBeGreaterThan(1);
    w.clock.advance(seconds(2));
    await closed;
    expect(w.written()?.entries[0]?.deliveries[0]).toMatchObject({ state: 'waiting' });
  });

  it('cost nothing while there is nothing to tell', async () => {
    const w = world(phone());
    await w.pass(millis(1), millis(1));
    expect(w.clock.sleepers()).toBe(0);
    const take = (n: number): void => w.worker.take(lineOf(n, '00:10', { incident: null }));
    for (let n = 1; n <= 256; n += 1) take(n);
    w.worker.looked(w.clock.now(), millis(0));
    await w.pass(millis(1), millis(1));
    expect(w.written()).toBeNull();
    // Now and then it writes how far it has read, or the next life would read all of a quiet month.
    take(257);
    await w.pass(millis(1), millis(1));
    expect(w.written()?.cursor).toBe(257);
    take(258);
    await w.worker.close();
    expect(w.written()?.cursor).toBe(258);
  });
});
