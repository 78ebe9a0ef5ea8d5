import { type Alert, type AlertKind, isAtLeast } from './alert.ts';
import {
  type AlertBook,
  type AlertIncident,
  type AlertLine,
  type Desk,
  isWithin,
  noted,
  type Overflow,
} from './alert-book.ts';
import type { ReasonCode } from './alert-reasons.ts';

/** Where an alert comes from: its moment, and the journal line, if any. */
export interface Post {
  readonly alert: Alert;
  readonly code: ReasonCode;
}

/** The titles an overflow repeats. */
const titlesKept = 5;

/** Puts an alert into the book, addressed to each channel that wants it; beyond the cap it is only counted. */
export function post(book: AlertBook, { alert, code }: Post, desk: Desk): AlertBook {
  // Made before, of the same line or moment.
  if (book.entries.some((entry) => entry.alert.id === alert.id)) return book;
  const { at, incident, id, title: about } = alert;
  const { limit, windowMs } = desk.policy.alertsPerHour;
  const times = book.sentTimes.filter((time) => isWithin(time, at, windowMs));
  const room = roomFor(alert, limit);
  const wanted = desk.channels.filter(
    ({ name, minSeverity }) => isAtLeast(alert.severity, minSeverity) || isEndOfTold(book, alert, name),
  );
  if (wanted.length > 0 && times.length >= room) {
    const overflow = collapsed(book.overflow, alert);
    return noted({ ...book, overflow }, { at, code: 'over-the-cap', incident, alert: null, about });
  }
  const deliveries = wanted.map(({ name: channel }) => ({
    channel,
    state: 'waiting' as const,
    tries: 0,
    nextAt: at,
    refused: false,
    because: '',
  }));
  const entered = {
    ...book,
    sentTimes: wanted.length > 0 ? [...times, at] : book.sentTimes,
    entries: [...book.entries, { alert, deliveries }],
  };
  const told = noted(entered, { at, code, incident, alert: id, about });
  if (wanted.length > 0) return told;
  const nowhere = desk.channels.length === 0 ? 'no-channel' : 'below-severity';
  return noted(told, { at, code: nowhere, incident, alert: id, about });
}

/** Whoever was told of an outage, or soon will be, is told of its end, which is no bad news in itself. */
function isEndOfTold({ entries, incident: open }: AlertBook, { kind }: Alert, channel: string): boolean {
  if (open === null || (kind !== 'recovered' && kind !== 'closed')) return false;
  if (open.toldTo?.includes(channel) === true) return true;
  return entries.some(
    ({ alert, deliveries }) =>
      isAbout(alert, open) &&
      deliveries.some(
        ({ channel: to, state }) => to === channel && (state === 'delivered' || state === 'waiting'),
      ),
  );
}

/**
 * Numbers of incidents come again where the journal begins anew: what was said before this one began is of another. That
 * it flaps is said since the first loss, so the beginning alone does not tell; the moment alone does not where the clock
 * was set back.
 */
export const isAbout = (
  { incident, at, since }: Alert,
  { id, openedAt }: Pick<AlertIncident, 'id' | 'openedAt'>,
): boolean => incident === id && (at >= openedAt || since === openedAt);

/** The last place is kept for what needs a person, and the one before it for the one message about all the others. */
export function roomFor({ kind, severity }: Pick<Alert, 'kind' | 'severity'>, limit: number): number {
  if (severity === 'critical') return limit;
  return Math.max(1, limit - (kind === 'overflow' ? 1 : 2));
}

function collapsed(before: Overflow | null, { kind, at, severity, title }: Alert): Overflow {
  const kinds = before?.kinds ?? {};
  const worst = before !== null && isAtLeast(before.worst, severity) ? before.worst : severity;
  return {
    since: before?.since ?? at,
    kinds: { ...kinds, [kind]: (kinds[kind] ?? 0) + 1 },
    worst,
    titles: [...(before?.titles ?? []), title].slice(-titlesKept),
  };
}

/** Messages of these kinds that still wait say nothing any more once there is a newer one. */
export function supersede(
  book: AlertBook,
  { kinds, incident, at }: Pick<Alert, 'incident' | 'at'> & { readonly kinds: readonly AlertKind[] },
): AlertBook {
  const isOld = ({ kind, incident: of }: Alert): boolean => kinds.includes(kind) && of === incident;
  const old = book.entries.filter(
    ({ alert, deliveries }) => isOld(alert) && deliveries.some(({ state }) => state === 'waiting'),
  );
  if (old.length === 0) return book;
  const entries = book.entries.map((entry) =>
    old.includes(entry)
      ? {
          ...entry,
          deliveries: entry.deliveries.map((each) =>
            each.state === 'waiting'
              ? { ...each, state: 'dropped' as const, nextAt: at, because: 'a newer message says more' }
              : each,
          ),
        }
      : entry,
  );
  return old.reduce(
    (result, { alert }) =>
      noted(result, { at, code: 'superseded', incident, alert: alert.id, about: alert.title }),
    { ...book, entries } as AlertBook,
  );
}

export const idOf = ({ era }: AlertBook, { seq }: AlertLine, n: number): string =>
  `${era === 0 ? '' : `e${era}-`}${seq}-${n}`;

/** Of what a moment brought: by what it is about, never by the moment. */
export const timedId = ({ era }: AlertBook, about: string): string =>
  `t-${era === 0 ? '' : `e${era}-`}${about}`;
