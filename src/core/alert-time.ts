import type { AlertBook, AlertIncident, Desk } from './alert-book.ts';
import { isByOrder, isWithin, noted } from './alert-book.ts';
import { digest } from './alert-flap.ts';
import { post, roomFor, supersede, timedId } from './alert-post.ts';
import { cut, downWords, needWords, nextFor, overflowWords, reminderWords } from './alert-words.ts';
import { orderWithinMs } from './asked.ts';
import type { Policy } from './policy.ts';
import { type Instant, type Millis, millis, since } from './time.ts';

/**
 * What a moment brings, after a look that was completed: an outage that outlasted its grace, a reminder, a digest, the
 * one message for many. Asked after looks only, so that nothing is told of a time in which this machine slept.
 */
export function takeTime(before: AlertBook, now: Instant, desk: Desk): AlertBook {
  return overflow(digest(remind(down(before, now, desk), now, desk), now, desk), now, desk);
}

/**
 * This machine slept, or something took that long: nothing could heal itself in a time without looks, so the grace of
 * an outage that was not told begins anew.
 */
export function afterGap(
  book: AlertBook,
  { now, gapMs }: { readonly now: Instant; readonly gapMs: Millis },
  { policy }: Desk,
): AlertBook {
  const { incident } = book;
  if (incident === null || incident.down || gapMs < policy.alertGraceMs) return book;
  return { ...book, incident: { ...incident, graceFrom: now } };
}

/** It serves again and has yet to hold, or somebody else is at work, or we just woke: nothing is said of it now. */
const rests = ({ phase }: AlertIncident): boolean => phase === 'probation' || phase === 'suspended';

/** What a person's order alone has begun is told by the answer to the order, for as long as that is waited for. */
function graceOf(incident: AlertIncident, policy: Policy): Millis {
  const usualMs = policy.alertGraceMs;
  return isByOrder(incident) ? millis(Math.max(usualMs, orderWithinMs(policy))) : usualMs;
}

function down(book: AlertBook, now: Instant, desk: Desk): AlertBook {
  const { incident } = book;
  if (incident === null || incident.down || incident.cause === 'dependency-latent') return book;
  if (since(incident.graceFrom ?? incident.openedAt, now) < graceOf(incident, desk.policy)) return book;
  if (rests(incident)) return noteRest(book, incident, now);
  const { exhausted } = incident;
  const alert = {
    id: timedId(book, `${incident.id}-down`),
    // Known to need a person already: this book began later than that.
    kind: exhausted ? 'exhausted' : 'down',
    severity: exhausted ? 'critical' : 'warning',
    at: now,
    incident: incident.id,
    ...(exhausted ? needWords(incident.because, incident) : downWords(incident, now)),
    since: incident.openedAt,
    next: nextFor(incident.because, incident.causeNow),
  } as const;
  const said = { ...book, incident: { ...incident, down: true, saidAt: now } };
  return post(said, { alert, code: exhausted ? 'needs-you' : 'grace-over' }, desk);
}

/** What serves again is told by its end. */
function noteRest(book: AlertBook, incident: AlertIncident, at: Instant): AlertBook {
  if (incident.phase === 'probation' || incident.rested === true) return book;
  const rested = { ...book, incident: { ...incident, rested: true } };
  return noted(rested, {
    at,
    code: 'left-alone',
    incident: incident.id,
    alert: null,
    about: cut(incident.because),
  });
}

function remind(book: AlertBook, now: Instant, desk: Desk): AlertBook {
  const { incident } = book;
  if (incident === null || !incident.down || incident.saidAt === null || rests(incident)) return book;
  if (since(incident.saidAt, now) < desk.policy.alertReminderMs) return book;
  const of = { incident: incident.id, at: now };
  if (incident.acknowledged) {
    if (incident.hushed) return book;
    const hushed = { ...book, incident: { ...incident, hushed: true } };
    return noted(hushed, {
      ...of,
      code: 'acknowledged',
      alert: null,
      about: 'a reminder of the open incident',
    });
  }
  const reminders = incident.reminders + 1;
  const alert = {
    id: timedId(book, `${incident.id}-reminder-${reminders}`),
    kind: 'reminder',
    severity: incident.exhausted ? 'critical' : 'warning',
    ...of,
    ...reminderWords(incident, now),
    since: incident.openedAt,
    next: nextFor(incident.because, incident.causeNow),
  } as const;
  const said = { ...book, incident: { ...incident, reminders, saidAt: now } };
  return post(supersede(said, { kinds: ['reminder'], ...of }), { alert, code: 'still-open' }, desk);
}

/** This part of the window more are waited for: one message for five is better than two. */
const gatherPart = 12;

function overflow(book: AlertBook, now: Instant, desk: Desk): AlertBook {
  if (book.overflow === null) return book;
  const { limit, windowMs } = desk.policy.alertsPerHour;
  if (since(book.overflow.since, now) < windowMs / gatherPart) return book;
  const room = roomFor({ kind: 'overflow', severity: book.overflow.worst }, limit);
  if (book.sentTimes.filter((at) => isWithin(at, now, windowMs)).length >= room) return book;
  const overflows = book.overflows + 1;
  const alert = {
    id: timedId(book, `overflow-${overflows}`),
    kind: 'overflow',
    severity: book.overflow.worst,
    at: now,
    incident: null,
    ...overflowWords(book.overflow),
    since: book.overflow.since,
    next: 'immune alerts why',
  } as const;
  return post({ ...book, overflow: null, overflows }, { alert, code: 'too-many' }, desk);
}
