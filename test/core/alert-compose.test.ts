import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Delivery } from '../../src/core/alert.ts';
import { type AlertBook, beginBook, beginEra } from '../../src/core/alert-book.ts';
import { takeLine } from '../../src/core/alert-compose.ts';
import { type ReasonCode, reasonWords } from '../../src/core/alert-reasons.ts';
import { takeTime } from '../../src/core/alert-time.ts';
import { type Attempt, initialState } from '../../src/core/state.ts';
import { instant, minutes } from '../../src/core/time.ts';
import { desk, incidentOf, lineOf, notice } from './alert-world.ts';
import { moment } from './story.ts';

const here = desk();
const codes = (book: AlertBook): readonly string[] => book.reasons.map(({ code }) => code);
const kinds = (book: AlertBook): readonly string[] => book.entries.map(({ alert }) => alert.kind);
const opened = (): AlertBook =>
  takeLine(
    beginBook(0, null),
    lineOf(1, '00:10', { incident: incidentOf() }, [notice('opened', 'it is lost')]),
    here,
  );
const attempt = (change: Partial<Attempt> = {}): Attempt => ({
  actionId: 'A1',
  rung: 'L2',
  kind: 'reinstall',
  cause: 'dependency-missing',
  at: moment('00:20'),
  remedy: 'archive 1',
  left: null,
  outcome: 'done',
  ...change,
});

describe('a journal line', () => {
  it('is taken once, however often it is read', () => {
    const book = takeLine(
      opened(),
      lineOf(2, '00:20', { incident: incidentOf() }, [notice('exhausted', 'needs you: no way')]),
      here,
    );
    expect(kinds(book)).toEqual(['exhausted']);
    expect(takeLine(book, lineOf(2, '00:20', {}, [notice('exhausted', 'needs you: no way')]), here)).toBe(
      book,
    );
  });

  it('brings the same ids when it is taken anew, and others in a journal that began anew', () => {
    const line = lineOf(2, '00:20', { incident: incidentOf() }, [
      notice('opened', 'it is lost'),
      notice('exhausted', 'needs you: no way'),
    ]);
    const [first] = takeLine(opened(), line, here).entries;
    const [again] = takeLine(opened(), line, here).entries;
    expect(first?.alert.id).toBe('2-2');
    expect(again).toEqual(first);
    const later = takeLine(beginEra({ ...opened(), entries: [] }), line, here);
    expect(later.entries[0]?.alert.id).toBe('e1-2-2');
    const timed = takeTime(beginEra(opened()), moment('10:00'), here);
    expect(timed.entries[0]?.alert.id).toBe('t-e1-I1-down');
  });

  it('that opens and gives up at once is one message', () => {
    const book = takeLine(
      beginBook(0, null),
      lineOf(1, '00:10', { incident: incidentOf({ exhaustedAt: moment('00:10') }) }, [
        notice('opened', 'it is lost'),
        notice('exhausted', 'needs you: type "immune fix-config" yourself'),
      ]),
      here,
    );
    expect(codes(book)).toEqual(['said-with-exhausted', 'needs-you']);
    expect(book.entries[0]?.alert).toMatchObject({ severity: 'critical', next: 'immune fix-config' });
    expect(kinds(takeTime(book, moment('30:00'), here))).toEqual(['exhausted']);
  });

  it('drops a "down" that still waits when it is overtaken by the need of a person', () => {
    const late = takeTime(opened(), moment('02:00'), here);
    const book = takeLine(
      late,
      lineOf(2, '02:10', { incident: incidentOf() }, [notice('exhausted', 'needs you: no way')]),
      here,
    );
    expect(book.entries.map(({ alert, deliveries }) => [alert.kind, deliveries[0]?.state])).toEqual([
      ['down', 'dropped'],
      ['exhausted', 'waiting'],
    ]);
    expect(codes(book).slice(-2)).toEqual(['superseded', 'needs-you']);
  });

  it('tells the end wherever the outage was told, though the end itself is no bad news', () => {
    const mixed = desk({}, ['critical', 'warning', 'info']);
    const end = (book: AlertBook) =>
      takeLine(book, lineOf(3, '03:00', { incident: null }, [notice('resolved', 'it is over')]), mixed);
    const toWhom = (book: AlertBook) =>
      book.entries.map(({ alert, deliveries }) => [alert.kind, deliveries.map(({ channel }) => channel)]);
    const down = takeTime(opened(), moment('02:00'), mixed);
    expect(toWhom(end(down))).toEqual([
      ['down', ['mail', 'desk']],
      ['recovered', ['mail', 'desk']],
    ]);
    const needed = takeLine(
      down,
      lineOf(2, '02:10', { incident: incidentOf() }, [notice('exhausted', 'needs you: no way')]),
      mixed,
    );
    expect(toWhom(end(needed)).slice(1)).toEqual([
      ['exhausted', ['phone', 'mail', 'desk']],
      ['recovered', ['phone', 'mail', 'desk']],
    ]);
    // One of another time with the same number, and what never got there, count for nothing.
    const early = instant(moment('00:00') - 1);
    const other: AlertBook = {
      ...needed,
      entries: needed.entries.map(({ alert, deliveries }) => ({
        alert: { ...alert, at: early, since: early },
        deliveries,
      })),
    };
    expect(toWhom(end(other)).at(-1)).toEqual(['recovered', ['desk']]);
    const all = (state: Delivery['state']): AlertBook => ({
      ...needed,
      entries: needed.entries.map(({ alert, deliveries }) => ({
        alert,
        deliveries: deliveries.map((each) => ({ ...each, state })),
      })),
    });
    expect(toWhom(end(all('delivered'))).at(-1)).toEqual(['recovered', ['phone', 'mail', 'desk']]);
    for (const state of ['dropped', 'given-up'] as const)
      expect(toWhom(end(all(state))).at(-1), state).toEqual(['recovered', ['desk']]);
    // The clock was set back after it was lost: what was said of it lies before it.
    const setBack: AlertBook = {
      ...needed,
      entries: needed.entries.map(({ alert, deliveries }) => ({
        alert: { ...alert, at: early },
        deliveries,
      })),
    };
    expect(toWhom(end(setBack)).at(-1)).toEqual(['recovered', ['phone', 'mail', 'desk']]);
  });

  it('supersedes nothing that was delivered', () => {
    const late = takeTime(opened(), moment('02:00'), desk({}, ['info', 'info']));
    const sent: AlertBook = {
      ...late,
      entries: late.entries.map((entry) => ({
        ...entry,
        deliveries: entry.deliveries.map((each, index) =>
          index === 0 ? { ...each, state: 'delivered' } : each,
        ),
      })),
    };
    const book = takeLine(
      sent,
      lineOf(2, '02:10', { incident: incidentOf() }, [notice('exhausted', 'needs you: no')]),
      here,
    );
    expect(book.entries[0]?.deliveries.map(({ state }) => state)).toEqual(['delivered', 'dropped']);
  });

  it('that nobody needs to hear of is silent where somebody asked for it', () => {
    const line = lineOf(2, '00:20', {}, [{ ...notice('told', 'the change T1 holds', null), asked: true }]);
    expect(codes(takeLine(beginBook(1, null), line, here))).toEqual(['asked-by-operator']);
  });

  it('of an action that cannot be found in the state says nothing of it', () => {
    const book = takeLine(beginBook(0, null), lineOf(1, '00:10', {}, [notice('action', 'restart')]), here);
    expect(codes(book)).toEqual(['self-healing']);
  });

  it('ending an incident that is not known says nothing', () => {
    const book = takeLine(beginBook(0, null), lineOf(1, '00:10', {}, [notice('resolved', 'over')]), here);
    expect(codes(book)).toEqual(['healed-in-grace']);
  });

  it('of exhaustion without an incident is told all the same', () => {
    const book = takeLine(
      beginBook(0, null),
      lineOf(1, '00:10', {}, [notice('exhausted', 'needs you: no', null)]),
      here,
    );
    expect(book.entries[0]?.alert).toMatchObject({ since: null, next: 'immune status' });
  });

  it('ends what it cannot find in the state in the words of the notice', () => {
    const told = takeTime(
      takeLine(opened(), lineOf(2, '00:20', { incident: incidentOf({ attempts: [attempt()] }) }), here),
      moment('02:00'),
      here,
    );
    const book = takeLine(
      told,
      lineOf(3, '02:10', { incident: null }, [notice('resolved', 'it is over')]),
      here,
    );
    expect(book.entries.at(-1)?.alert).toMatchObject({
      kind: 'recovered',
      title: 'Gateway recovered: it is over',
      next: 'immune status',
    });
    expect(book.incident).toBeNull();
  });

  it('names the newest attempts only, and no repair that was taken back', () => {
    const attempts = [
      attempt({ outcome: 'undone' }),
      ...['A2', 'A3', 'A4', 'A5', 'A6'].map((actionId) => attempt({ actionId, rung: 'L1', kind: 'restart' })),
      attempt({ actionId: 'A7', kind: 'rollback', outcome: 'kept' }),
    ];
    const told = takeTime(
      takeLine(opened(), lineOf(2, '00:30', { incident: incidentOf({ attempts }) }), here),
      moment('02:00'),
      here,
    );
    const [line] = told.entries[0]?.alert.lines.slice(-1) ?? [];
    expect(line).toBe(
      'What was done: 2 more, then restart A3 (done), restart A4 (done), restart A5 (done), restart A6 (done), rollback A7 (kept).',
    );
    const over = takeLine(told, lineOf(3, '02:10', { incident: null }, [notice('resolved', 'over')]), here);
    expect(over.entries.at(-1)?.alert.lines.at(-1)).toBe('To take it back: immune undo A7');
  });

  it('that gives up on a package beside a gateway that serves is a warning about the next start', () => {
    const incident = incidentOf({ cause: 'dependency-latent' });
    const first = takeLine(
      beginBook(0, null),
      lineOf(1, '00:10', { incident }, [notice('opened', 'ws is missing')]),
      here,
    );
    expect(codes(first)).toEqual(['mended-beside']);
    expect(takeTime(first, moment('30:00'), here)).toBe(first);
    const book = takeLine(
      first,
      lineOf(2, '00:20', { incident: null }, [notice('closed', 'could not be mended')]),
      here,
    );
    expect(book.entries[0]?.alert).toMatchObject({
      kind: 'latent',
      severity: 'warning',
      next: 'immune fix-deps',
    });
  });

  it('tells the same condition once, whatever its numbers, and anew after some hours', () => {
    const told = (seq: number, time: string, text: string) =>
      lineOf(seq, time, { incident: null }, [notice('told', text, null)]);
    let book = takeLine(beginBook(0, null), told(1, '00:10', 'process 12 holds the port'), here);
    book = takeLine(book, told(2, '00:20', 'process 13 holds the port'), here);
    book = takeLine(book, told(3, '5:00:00', 'process 14 holds the port'), here);
    expect(codes(book)).toEqual(['condition', 'already-told', 'condition']);
  });

  it('tells a condition anew that was told to be over, a few times, and ends with that it is there', () => {
    let book = beginBook(0, null);
    for (let seq = 1; seq <= 10; seq += 1) {
      const text =
        seq % 2 === 1 ? 'the next start would fail' : 'what was told before is over (config-latent)';
      const at = `0:${10 + seq}:00`;
      book = takeLine(book, lineOf(seq, at, { cause: 'serving' }, [notice('told', text, null)]), here);
    }
    expect(book.entries.map(({ alert }) => alert.title.slice(0, 8))).toEqual([
      'the next',
      'what was',
      'the next',
      'what was',
      'the next',
    ]);
    expect(codes(book).filter((code) => code === 'already-told')).toHaveLength(5);
  });

  it('in doubt about itself is critical: nothing is decided before a person says so', () => {
    const phase = { kind: 'suspended', cause: 'own-fault', since: moment('00:00'), until: null } as const;
    const text = 'looks in a row failed, so it decides nothing until "immune resume"';
    const book = takeLine(
      beginBook(0, null),
      { ...lineOf(1, '00:10', { phase }, [notice('told', text, null)]), kind: 'started' },
      here,
    );
    expect(book.entries[0]?.alert).toMatchObject({
      kind: 'told',
      severity: 'critical',
      next: 'immune resume',
    });
  });

  it('that says its outcome outside of an incident is told', () => {
    const line = { ...lineOf(1, '00:10', {}, [notice('told', 'put in place', null)]), kind: 'outcome' };
    expect(kinds(takeLine(beginBook(0, null), line, here))).toEqual(['told']);
  });

  it('is shortened for a lock screen, on one line', () => {
    const text = `needs you: ${'a very long reason\nwith lines '.repeat(40)}`;
    const book = takeLine(
      opened(),
      lineOf(2, '00:20', { incident: incidentOf() }, [notice('exhausted', text)]),
      here,
    );
    const alert = book.entries[0]?.alert;
    expect(alert?.title).toHaveLength(79);
    expect(alert?.title).toMatch(/^Gateway needs you: a very long reason with lines .*…$/);
    expect(alert?.lines.every((line) => line.length <= 400 && !line.includes('\n'))).toBe(true);
  });
});

describe('what a moment brings', () => {
  it('is nothing while it serves again, is being looked after, or we just woke', () => {
    for (const kind of ['probation', 'suspended'] as const) {
      const phase =
        kind === 'probation'
          ? { kind, since: moment('01:00') }
          : ({ kind, cause: 'woken', since: moment('01:00'), until: null } as const);
      const book = takeLine(opened(), lineOf(2, '01:00', { incident: incidentOf(), phase }), here);
      const later = takeTime(book, moment('1:00:00'), here);
      expect(kinds(later)).toEqual([]);
      expect(codes(later)).toEqual(kind === 'probation' ? ['in-grace'] : ['in-grace', 'left-alone']);
      // The silence is explained once.
      expect(takeTime(later, moment('1:00:05'), here)).toBe(later);
    }
  });

  it('is a reminder that replaces the one before it, as long as that still waits', () => {
    let book = takeTime(opened(), moment('02:00'), here);
    for (const time of ['4:10:00', '8:20:00', '12:30:00']) book = takeTime(book, moment(time), here);
    expect(
      book.entries.map(({ alert, deliveries }) => [alert.kind, alert.severity, deliveries[0]?.state]),
    ).toEqual([
      ['down', 'warning', 'waiting'],
      ['reminder', 'warning', 'dropped'],
      ['reminder', 'warning', 'dropped'],
      ['reminder', 'warning', 'waiting'],
    ]);
    const over = takeLine(
      book,
      lineOf(2, '13:00:00', { incident: null }, [notice('resolved', 'over')]),
      here,
    );
    expect(over.entries.map(({ deliveries }) => deliveries[0]?.state)).toEqual([
      'waiting',
      'dropped',
      'dropped',
      'dropped',
      'waiting',
    ]);
  });

  it('goes on with an incident that was open before the first book', () => {
    const book = beginBook(7, { ...initialState, phase: { kind: 'suspect' }, incident: incidentOf() });
    expect(kinds(takeTime(book, moment('05:00'), here))).toEqual(['down']);
    expect(beginBook(7, initialState)).toMatchObject({ cursor: 7, incident: null });
  });

  it('needs a person at once where an incident that was given up on was open before the first book', () => {
    const incident = incidentOf({ exhaustedAt: moment('00:20') });
    const because = 'the disk is full; say "immune check --why"';
    const book = beginBook(7, { ...initialState, phase: { kind: 'suspect' }, incident, because });
    const later = takeTime(book, moment('05:00'), here);
    expect(later.entries[0]?.alert).toMatchObject({
      kind: 'exhausted',
      severity: 'critical',
      title: 'Gateway needs you: the disk is full; say "immune check --why"',
    });
    expect(codes(later)).toEqual(['needs-you']);
  });

  it('takes no incident for another whose number came again in a journal that began anew', () => {
    const before = takeTime(opened(), moment('02:00'), here);
    const other = incidentOf({ openedAt: moment('3:00:00') });
    const book = takeLine(beginEra(before), lineOf(1, '3:00:00', { incident: other }), here);
    expect(kinds(takeTime(book, moment('3:00:10'), here))).toEqual(['down']);
    expect(kinds(takeTime(book, moment('3:02:00'), here))).toEqual(['down', 'down']);
  });
});

describe('the cap', () => {
  const condition = (seq: number, time: string, text: string) =>
    lineOf(seq, time, { cause: 'unknown' }, [notice('told', text, null)]);
  const words = 'abcdefghijklmnopqrstuvwxyz'.split('');

  it('lets so many through in an hour, keeps a place for what needs a person, and tells of the rest at once', () => {
    const few = desk({ alertsPerHour: { limit: 4, windowMs: minutes(60) } });
    let book = beginBook(0, null);
    words.slice(0, 9).forEach((word, index) => {
      book = takeLine(book, condition(index + 1, `00:${10 + index}`, `trouble ${word}`), few);
    });
    expect(kinds(book)).toEqual(['told', 'told']);
    expect(book.overflow?.kinds).toEqual({ told: 7 });
    expect(takeTime(book, moment('01:00'), few)).toBe(book);
    // The message about the others does not take the place of what needs a person.
    const gathered = takeTime(book, moment('06:00'), few);
    expect(kinds(gathered)).toEqual(['told', 'told', 'overflow']);
    const needed = lineOf(20, '06:10', { incident: incidentOf() }, [notice('exhausted', 'needs you: no')]);
    expect(kinds(takeLine(gathered, needed, few)).at(-1)).toBe('exhausted');
    book = takeLine(
      book,
      lineOf(20, '01:10', { incident: incidentOf() }, [notice('exhausted', 'needs you: no')]),
      few,
    );
    expect(kinds(book).at(-1)).toBe('exhausted');
    // All places are taken now: the one message waits for one.
    expect(takeTime(book, moment('30:00'), few)).toBe(book);
    book = takeTime({ ...book, incident: null }, moment('1:00:20'), few);
    expect(book.entries.at(-1)?.alert).toMatchObject({
      kind: 'overflow',
      severity: 'warning',
      title: '7 more alerts: 7 told',
      next: 'immune alerts why',
    });
    expect(book.entries.at(-1)?.alert.lines).toHaveLength(6);
    expect(book.overflow).toBeNull();
    expect(codes(book).filter((code) => code === 'over-the-cap')).toHaveLength(7);
  });

  it('counts the worst of what it holds back, also where it is a single one', () => {
    const one = desk({ alertsPerHour: { limit: 1, windowMs: minutes(60) } });
    let book = takeLine(beginBook(0, null), condition(1, '00:10', 'trouble a'), one);
    book = takeLine(
      book,
      lineOf(2, '00:20', { incident: incidentOf() }, [notice('exhausted', 'needs you: no')]),
      one,
    );
    book = takeTime({ ...book, incident: null }, moment('1:00:30'), one);
    expect(book.entries.at(-1)?.alert).toMatchObject({
      severity: 'critical',
      title: '1 more alert: 1 exhausted',
    });
    let worse = takeLine(beginBook(0, null), condition(1, '00:10', 'trouble a'), one);
    worse = takeLine(worse, condition(2, '00:11', 'trouble b'), one);
    worse = takeLine(
      worse,
      lineOf(3, '00:20', { incident: incidentOf() }, [notice('exhausted', 'needs you: no')]),
      one,
    );
    expect(worse.overflow?.worst).toBe('critical');
  });

  it('counts nothing that goes nowhere, and says so', () => {
    const nobody = desk({}, []);
    const deaf = desk({}, ['critical']);
    expect(codes(takeLine(beginBook(0, null), condition(1, '00:10', 'x'), nobody))).toEqual([
      'condition',
      'no-channel',
    ]);
    const book = takeLine(beginBook(0, null), condition(1, '00:10', 'x'), deaf);
    expect(codes(book)).toEqual(['condition', 'below-severity']);
    expect(book.sentTimes).toEqual([]);
    expect(book.entries[0]?.deliveries).toEqual([]);
  });
});

describe('a flapping gateway, seen from its lines', () => {
  const flapping = (losses: readonly string[]) => ({
    flapping: true,
    losses: losses.map(moment),
    incident: incidentOf(),
  });

  it('holds everything back for the digest but the need of a person', () => {
    let book = takeLine(opened(), lineOf(2, '01:00', flapping(['00:10', '01:00'])), here);
    book = takeLine(
      book,
      lineOf(3, '02:00', flapping(['01:00', '02:00']), [
        notice('opened', 'lost again'),
        notice('told', 'a condition'),
        notice('told', 'flapping: the gateway was lost'),
      ]),
      here,
    );
    const action = {
      id: 'A1',
      incident: 'I1',
      rung: 'L1',
      step: { kind: 'start', label: 'x' },
      because: 'b',
      deadlineAt: moment('09:00'),
    } as const;
    const phase = { kind: 'repairing', action, startedAt: moment('02:10') } as const;
    book = takeLine(
      book,
      lineOf(4, '02:10', { ...flapping(['01:00', '02:00']), phase }, [notice('action', 'start it')]),
      here,
    );
    expect(kinds(book)).toEqual(['flapping']);
    expect(book.flapping).toMatchObject({ heldCount: 3, losses: 1 });
    book = takeLine(
      book,
      lineOf(5, '03:00', flapping(['01:00', '02:00']), [notice('exhausted', 'needs you: no')]),
      here,
    );
    expect(kinds(book)).toEqual(['flapping', 'exhausted']);
    book = takeTime(book, moment('1:01:00'), here);
    expect(book.entries.at(-1)?.alert).toMatchObject({
      kind: 'digest',
      title: 'Gateway still flaps: lost 1 time since the last message',
      lines: ['It has flapped on and off for 60 min.', 'lost again', 'a condition', 'start it'],
    });
    expect(takeTime(book, moment('3:01:00'), here)).toBe(book);
  });

  it('leaves out what is too much for one digest', () => {
    let book = takeLine(opened(), lineOf(2, '01:00', flapping(['01:00'])), here);
    for (let n = 0; n < 10; n += 1)
      book = takeLine(
        book,
        lineOf(3 + n, '02:00', flapping(['01:00']), [notice('told', `a condition ${n}`)]),
        here,
      );
    book = takeTime(book, moment('1:01:00'), here);
    expect(book.entries.at(-1)?.alert.lines.slice(0, 3)).toEqual([
      'It has flapped on and off for 60 min.',
      '2 earlier events left out.',
      'a condition 2',
    ]);
    let one = takeLine(opened(), lineOf(2, '01:00', flapping(['01:00'])), here);
    for (let n = 0; n < 9; n += 1)
      one = takeLine(
        one,
        lineOf(3 + n, '02:00', flapping(['01:00']), [notice('told', `a condition ${n}`)]),
        here,
      );
    one = takeTime(one, moment('1:01:00'), here);
    expect(one.entries.at(-1)?.alert.lines[1]).toBe('1 earlier event left out.');
  });

  it('is known even where no incident is open, and its end without one is quiet', () => {
    const bare = { flapping: true, losses: [], incident: null };
    let book = takeLine(beginBook(0, null), lineOf(1, '01:00', bare), here);
    expect(book.entries[0]?.alert).toMatchObject({ kind: 'flapping', incident: null, since: null });
    book = takeLine(book, lineOf(2, '01:10', { ...bare, losses: [moment('01:10')] }), here);
    book = takeLine(
      book,
      lineOf(3, '01:20', { flapping: false }, [
        notice('told', 'what was told before is over (flapping): the gateway serves', null),
      ]),
      here,
    );
    // Held since; the digest tells of the loss, and then the episode is over.
    book = takeTime(book, moment('1:02:00'), here);
    expect(kinds(book)).toEqual(['flapping', 'digest']);
    expect(book.flapping).toBeNull();
  });

  it('begins anew when it had held for longer than a digest takes', () => {
    let book = takeLine(opened(), lineOf(2, '01:00', flapping(['01:00'])), here);
    book = takeLine(
      book,
      lineOf(3, '02:00', { flapping: false }, [notice('resolved', 'serving again')]),
      here,
    );
    expect(kinds(book)).toEqual(['flapping', 'recovered']);
    // Nobody looked in between: the watchdog was off.
    book = takeLine(book, lineOf(4, '5:00:00', flapping(['5:00:00'])), here);
    expect(kinds(book)).toEqual(['flapping', 'recovered', 'flapping']);
  });

  it('needs no reminder as long as there are digests, but one when it is down and there is none', () => {
    let book = takeLine(opened(), lineOf(2, '01:00', flapping(['01:00'])), here);
    book = takeLine(book, lineOf(3, '02:00', flapping(['02:00'])), here);
    book = takeTime(book, moment('3:00:00'), here);
    expect(kinds(takeTime(book, moment('4:30:00'), here))).toEqual(['flapping', 'digest']);
    expect(kinds(takeTime(book, moment('7:00:00'), here))).toEqual(['flapping', 'digest', 'reminder']);
  });

  it('that needs a person is reminded of when that is due, whatever its digests and lines say meanwhile', () => {
    const incident = incidentOf({ exhaustedAt: moment('01:10') });
    const lost = (time: string) => ({ ...flapping([time]), incident });
    let book = takeLine(opened(), lineOf(2, '01:00', flapping(['01:00'])), here);
    book = takeLine(
      book,
      lineOf(3, '01:10', lost('01:10'), [notice('exhausted', 'needs you: say "immune fix-port"')]),
      here,
    );
    book = takeTime(book, moment('1:01:30'), here);
    expect(book.entries.at(-1)?.alert.title).toBe(
      'Gateway flapped and needs you: lost 1 time since the last message',
    );
    book = takeLine(book, lineOf(4, '2:00:00', lost('01:10')), here);
    book = takeTime(book, moment('4:01:00'), here);
    expect(kinds(book)).toEqual(['flapping', 'exhausted', 'digest']);
    expect(kinds(takeTime(book, moment('4:01:10'), here)).at(-1)).toBe('reminder');
  });
});

it('every reason has words, in the two forms that there are', () => {
  for (const [code, words] of Object.entries(reasonWords)) {
    expect(words, code).toMatch(/^(?:sent|not sent|sent nowhere|given up)[^.]*[:;] .*[^.]$/);
  }
  const code: ReasonCode = 'grace-over';
  expect(reasonWords[code]).toContain('alertGraceMs');
});

it('every reason has its row in docs/alerts.md', () => {
  const text = readFileSync(new URL('../../docs/alerts.md', import.meta.url), 'utf8');
  for (const [code, words] of Object.entries(reasonWords))
    expect(text).toContain(`| \`${code}\` | ${words} |`);
});

it('keeps the newest reasons only', () => {
  let book = beginBook(0, null);
  for (let n = 1; n <= 250; n += 1)
    book = takeLine(book, lineOf(n, '00:10', {}, [notice('resolved', `${n}`)]), here);
  expect(book.reasons).toHaveLength(200);
  expect(book.reasons.at(-1)?.about).toBe('250');
});
