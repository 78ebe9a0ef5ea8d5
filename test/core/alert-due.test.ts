import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Alert, Delivery, Entry } from '../../src/core/alert.ts';
import { type AlertBook, beginBook } from '../../src/core/alert-book.ts';
import { takeLine } from '../../src/core/alert-compose.ts';
import {
  drop,
  dueDeliveries,
  hasten,
  noteDelivery,
  type Outcome,
  retry,
  tidy,
  untilDue,
} from '../../src/core/alert-due.ts';
import { takeTime } from '../../src/core/alert-time.ts';
import { defaultPolicy } from '../../src/core/policy.ts';
import { hours, type Instant, instant, minutes, plus, seconds } from '../../src/core/time.ts';
import { desk, incidentOf, lineOf, notice } from './alert-world.ts';
import { moment } from './story.ts';

const policy = defaultPolicy;
const start = moment('00:00');
const nobody: ReadonlySet<string> = new Set();

const alert = (id: string, at: Instant = start): Alert => ({
  id,
  kind: 'told',
  severity: 'warning',
  at,
  incident: null,
  title: `about ${id}`,
  lines: [],
  since: null,
  next: 'immune status',
});
const delivery = (change: Partial<Delivery> = {}): Delivery => ({
  channel: 'phone',
  state: 'waiting',
  tries: 0,
  nextAt: start,
  refused: false,
  because: '',
  ...change,
});
const bookOf = (...entries: readonly Entry[]): AlertBook => ({ ...beginBook(0, null), entries });
const only = (book: AlertBook): Delivery | undefined => book.entries[0]?.deliveries[0];
const due = (book: AlertBook, now: Instant, busy = nobody): readonly string[] =>
  dueDeliveries(book, now, busy).map(({ entry, channel }) => `${entry.alert.id} ${channel}`);
const later = (change: Partial<Extract<Outcome, { kind: 'later' }>> = {}): Outcome => ({
  kind: 'later',
  because: 'no network',
  retryAfterMs: null,
  ...change,
});
const note = (book: AlertBook, outcome: Outcome, now: Instant, chance = 0.5): AlertBook =>
  noteDelivery(book, { id: 'a', channel: 'phone', outcome }, { now, chance, policy });

describe('what is sent next', () => {
  it('is the oldest on each channel, one at a time', () => {
    const book = bookOf(
      { alert: alert('a'), deliveries: [delivery(), delivery({ channel: 'mail' })] },
      { alert: alert('b'), deliveries: [delivery(), delivery({ channel: 'desk' })] },
    );
    expect(due(book, start)).toEqual(['a phone', 'a mail', 'b desk']);
    expect(due(book, start, new Set(['phone']))).toEqual(['a mail', 'b desk']);
    expect(untilDue(book, start, nobody)).toBe(0);
    expect(untilDue(book, start, new Set(['phone', 'mail', 'desk']))).toBeNull();
  });

  it('waits with those behind it while it is tried again: they arrive in order', () => {
    const book = bookOf(
      { alert: alert('a'), deliveries: [delivery({ nextAt: plus(start, seconds(30)) })] },
      { alert: alert('b'), deliveries: [delivery()] },
    );
    expect(due(book, start)).toEqual([]);
    expect(untilDue(book, start, nobody)).toBe(30_000);
    expect(due(book, plus(start, seconds(30)))).toEqual(['a phone']);
  });

  it('does not wait for what the other side refuses; that comes again by itself when it is due', () => {
    const book = bookOf(
      { alert: alert('a'), deliveries: [delivery({ refused: true, nextAt: plus(start, minutes(10)) })] },
      { alert: alert('b'), deliveries: [delivery({ refused: true, nextAt: plus(start, minutes(5)) })] },
      { alert: alert('c'), deliveries: [delivery()] },
    );
    expect(due(book, start)).toEqual(['c phone']);
    const rest = bookOf(...book.entries.slice(0, 2));
    expect(due(rest, start)).toEqual([]);
    expect(due(rest, plus(start, minutes(5)))).toEqual(['b phone']);
  });

  it('is due at once where the clock was set back', () => {
    const book = bookOf({ alert: alert('a'), deliveries: [delivery({ nextAt: plus(start, hours(9)) })] });
    expect(due(book, start)).toEqual(['a phone']);
  });
});

describe('a try', () => {
  const one = bookOf({ alert: alert('a'), deliveries: [delivery(), delivery({ channel: 'mail' })] });

  it('that arrives ends it, on its own channel', () => {
    const book = note(one, { kind: 'delivered', because: '200' }, plus(start, seconds(3)));
    expect(book.entries[0]?.deliveries.map(({ state }) => state)).toEqual(['delivered', 'waiting']);
    expect(only(book)).toMatchObject({ tries: 1, nextAt: start + 3_000 });
    expect(note(book, later(), start)).toEqual(book);
  });

  it('that fails waits longer each time, up to the longest pause, spread by chance', () => {
    let book = one;
    const pauses = [0, 1].map((chance) =>
      Array.from({ length: 12 }, () => {
        book = note(book, later(), start, chance);
        return Number(only(book)?.nextAt) - start;
      }),
    );
    expect(pauses[0]?.every((pause) => pause === 5_000)).toBe(true);
    book = one;
    const longest = Array.from({ length: 12 }, () => {
      book = note(book, later(), start, 1);
      return Number(only(book)?.nextAt) - start;
    });
    expect(longest.slice(0, 4)).toEqual([10_000, 20_000, 40_000, 80_000]);
    expect(longest.at(-1)).toBe(minutes(15));
  });

  it('honours what the other side asks for, up to an hour', () => {
    const asked = (retryAfterMs: number): number =>
      Number(only(note(one, later({ retryAfterMs }), start, 0))?.nextAt) - start;
    expect(asked(1)).toBe(5_000);
    expect(asked(120_000)).toBe(120_000);
    expect(asked(hours(30))).toBe(hours(1));
  });

  it('without a network is made again within a minute', () => {
    let book = one;
    for (let n = 0; n < 10; n += 1) book = note(book, later({ offline: true }), start, 1);
    expect(Number(only(book)?.nextAt) - start).toBe(60_000);
  });

  it('that is refused comes again slowly', () => {
    const book = note(one, { kind: 'refused', because: '401' }, start, 0);
    expect(only(book)).toMatchObject({ refused: true, state: 'waiting', nextAt: start + minutes(15) / 2 });
  });
});

describe('the book is tidied', () => {
  const channels = ['phone'];
  const tidied = (book: AlertBook, now: Instant): AlertBook => tidy(book, { now, policy, channels });

  it('of what could not be delivered for three days, though never of what was hardly tried', () => {
    const book = bookOf(
      { alert: alert('a'), deliveries: [delivery({ tries: 40 })] },
      { alert: alert('b'), deliveries: [delivery({ tries: 2 })] },
    );
    expect(tidied(book, plus(start, hours(71)))).toBe(book);
    const after = tidied(book, plus(start, hours(72)));
    expect(after.entries.map(({ deliveries }) => deliveries[0]?.state)).toEqual(['given-up', 'waiting']);
    expect(after.reasons).toMatchObject([{ code: 'given-up', alert: 'a', about: 'phone: about a' }]);
  });

  it('of what is for a channel that is gone', () => {
    const book = tidied(bookOf({ alert: alert('a'), deliveries: [delivery({ channel: 'fax' })] }), start);
    expect(only(book)).toMatchObject({ state: 'dropped' });
    expect(book.reasons[0]?.code).toBe('channel-removed');
  });

  it('of what was settled a week ago, and of the oldest beyond five hundred', () => {
    const settled = delivery({ state: 'delivered' });
    const old = bookOf(
      { alert: alert('a'), deliveries: [settled] },
      { alert: alert('b'), deliveries: [delivery()] },
    );
    expect(tidied(old, plus(start, hours(167))).entries).toHaveLength(2);
    expect(tidied(old, plus(start, hours(168))).entries.map((entry) => entry.alert.id)).toEqual(['b']);
    const many = Array.from({ length: 510 }, (_each, n) => ({
      alert: alert(`${n}`),
      deliveries: [n % 2 === 0 ? delivery() : settled],
    }));
    const kept = tidied(bookOf(...many), start).entries;
    expect(kept).toHaveLength(500);
    expect(kept.slice(0, 3).map((entry) => entry.alert.id)).toEqual(['0', '2', '4']);
    const waiting = many.map((entry) => ({ ...entry, deliveries: [delivery()] }));
    const crowded = tidied(bookOf(...waiting), start);
    expect(crowded.entries).toHaveLength(500);
    expect(crowded.reasons.map(({ code }) => code)).toEqual(Array.from({ length: 10 }, () => 'crowded'));
  });
});

describe('an outage that outlasts what is kept of its messages', () => {
  const where = desk({}, ['critical', 'critical', 'info']);
  const channels = where.channels.map(({ name }) => name);
  const incident = incidentOf();
  const lost = lineOf(1, '00:10', { incident }, [notice('exhausted', 'needs you: no way')]);
  const eightDays = plus(start, hours(8 * 24));
  const again = (book: AlertBook): AlertBook => JSON.parse(JSON.stringify(book)) as AlertBook;
  const asked = takeLine(beginBook(0, null), lost, where);
  /** Told on the phone and the desk; the mail never got through. */
  const entry: Entry = {
    alert: { ...alert('1-1'), ...asked.entries[0]?.alert },
    deliveries: channels.map((channel) =>
      delivery({ channel, state: channel === 'mail' ? 'given-up' : 'delivered' }),
    ),
  };
  const told: AlertBook = { ...asked, entries: [entry] };
  const forgotten = (book: AlertBook): AlertBook => again(tidy(book, { now: eightDays, policy, channels }));
  const endOn = (book: AlertBook): readonly string[] | undefined =>
    takeLine(book, lineOf(9, '200:00:00', { incident: null }, [notice('resolved', 'over')]), where)
      .entries.at(-1)
      ?.deliveries.map(({ channel }) => channel);

  it('is told to be over where it was told', () => {
    const book = forgotten(told);
    expect(book.entries).toEqual([]);
    const later = takeLine(book, lineOf(2, '199:00:00', { incident }), where);
    expect(endOn(later)).toEqual(['phone', 'desk']);
  });

  it('remembers each channel once, and nothing of it when it is over', () => {
    let book = told;
    for (let n = 0; n < 5; n += 1)
      book = forgotten({ ...book, entries: [{ ...entry, alert: { ...entry.alert, id: `r${n}` } }] });
    expect(book.incident?.toldTo).toEqual(['phone', 'desk']);
    const over = takeLine(book, lineOf(9, '200:00:00', { incident: null }), where);
    const next = incidentOf({ openedAt: moment('201:00:00') });
    const anew = takeLine(over, lineOf(10, '201:00:00', { incident: next }), where);
    expect(anew.incident).toMatchObject({ openedAt: next.openedAt });
    expect(anew.incident).not.toHaveProperty('toldTo');
  });

  it('takes nothing of another one, or of none, for its own', () => {
    const strange = { ...entry, alert: { ...entry.alert, incident: 'I0' } };
    const book = forgotten({ ...told, entries: [strange] });
    expect(book.incident).not.toHaveProperty('toldTo');
    expect(endOn(book)).toEqual(['desk']);
    expect(forgotten({ ...told, incident: null })).toMatchObject({ incident: null, entries: [] });
  });

  it('is told to be over where hundreds of others were told meanwhile', () => {
    const crowd = Array.from({ length: 505 }, (_each, n) => ({
      alert: alert(`${n}`),
      deliveries: [delivery()],
    }));
    // The phone was told of the oldest, which is put out although it waits for the mail.
    const half = {
      ...entry,
      deliveries: [delivery({ state: 'delivered' }), delivery({ channel: 'mail' })],
    };
    const book = again(
      tidy({ ...told, entries: [half, ...crowd] }, { now: plus(start, minutes(1)), policy, channels }),
    );
    expect(book.entries).toHaveLength(500);
    expect(endOn(book)).toEqual(['phone', 'desk']);
  });
});

describe('the operator', () => {
  it('has one sent again where it was not delivered, or not sent any more', () => {
    const book = bookOf(
      {
        alert: alert('a'),
        deliveries: [
          delivery({ state: 'delivered' }),
          delivery({ channel: 'mail', state: 'given-up', tries: 90 }),
          delivery({ channel: 'desk', refused: true, nextAt: plus(start, hours(1)) }),
        ],
      },
      { alert: alert('b'), deliveries: [delivery()] },
    );
    const again = retry(book, 'a', start).entries[0]?.deliveries;
    expect(again?.map(({ state, tries, refused, nextAt }) => [state, tries, refused, nextAt])).toEqual([
      ['delivered', 0, false, start],
      ['waiting', 0, false, start],
      ['waiting', 0, false, start],
    ]);
    const dropped = drop(book, 'a', start);
    expect(dropped.entries.map(({ deliveries }) => deliveries.map(({ state }) => state))).toEqual([
      ['delivered', 'given-up', 'dropped'],
      ['waiting'],
    ]);
    expect(dropped.reasons).toMatchObject([{ code: 'dropped', alert: 'a' }]);
  });
});

it('after a wake what waits for the network is tried at once', () => {
  const away = plus(start, minutes(1));
  const book = bookOf(
    {
      alert: alert('a'),
      deliveries: [delivery({ nextAt: away }), delivery({ channel: 'mail', nextAt: away })],
    },
    { alert: alert('b'), deliveries: [delivery({ channel: 'mail', nextAt: away })] },
  );
  const now = plus(start, seconds(1));
  expect(due(hasten(book, new Set(['phone']), now), now)).toEqual(['a phone']);
  expect(hasten(book, new Set(['fax']), now)).toBe(book);
});

describe('whatever the lines say', () => {
  const kind = fc.constantFrom('opened', 'action', 'told', 'exhausted', 'resolved', 'closed');
  const step = fc.record({
    kind,
    afterS: fc.integer({ min: 0, max: 4_000 }),
    word: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g'),
    flapping: fc.boolean(),
    incident: fc.boolean(),
  });

  it('no hour brings more than the cap, every word has a reason, and no id comes twice', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), fc.integer({ min: 1, max: 6 }), (steps, limit) => {
        const where = desk({ alertsPerHour: { limit, windowMs: hours(1) } });
        let book = beginBook(0, null);
        let now = start;
        let notices = 0;
        for (const [index, each] of steps.entries()) {
          now = instant(now + each.afterS * 1_000);
          const incident = each.incident ? incidentOf() : null;
          const line = lineOf(index + 1, '00:00', { incident, flapping: each.flapping, losses: [now] }, [
            notice(each.kind, `so it went ${each.word}`),
          ]);
          notices += 1;
          book = takeTime(takeLine(book, { ...line, at: now }, where), now, where);
        }
        expect(book.reasons.length).toBeGreaterThanOrEqual(Math.min(200, notices));
        const times = book.entries
          .filter(({ deliveries }) => deliveries.length > 0)
          .map(({ alert: { at } }) => at);
        for (const from of times) {
          expect(times.filter((at) => at >= from && at < from + hours(1)).length).toBeLessThanOrEqual(limit);
        }
        const ids = book.entries.map((entry) => entry.alert.id);
        expect(new Set(ids).size).toBe(ids.length);
      }),
      { numRuns: 200 },
    );
  });
});
