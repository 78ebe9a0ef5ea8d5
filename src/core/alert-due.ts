import { type Delivery, type Entry, isWaiting } from './alert.ts';
import { type AlertBook, noted } from './alert-book.ts';
import { isAbout } from './alert-post.ts';
import type { ReasonCode } from './alert-reasons.ts';
import type { Policy } from './policy.ts';
import { hours, type Instant, type Millis, millis, minutes, plus, since } from './time.ts';

/** How a try ended. */
export type Outcome =
  | { readonly kind: 'delivered'; readonly because: string }
  | {
      readonly kind: 'later';
      readonly because: string;
      readonly retryAfterMs: number | null;
      /** The machine itself has no way out. */
      readonly offline?: boolean;
    }
  | { readonly kind: 'refused'; readonly because: string };

/** More than this is nobody's honest wish: a channel would be silent for a day because of one reply. */
const retryAfterMaxMs = hours(1);
/** A machine without a network asks the resolver and nobody else: once a minute costs nothing. */
const offlineMaxMs = minutes(1);
/** A clock that stepped forward must not end what has hardly been tried. */
const triesBeforeGivingUp = 3;

export interface Due {
  readonly entry: Entry;
  readonly channel: string;
}

interface Waiting extends Due {
  readonly delivery: Delivery;
}

/**
 * What is to be sent now: of each channel at most one, the oldest first, so that messages arrive in order and a server
 * that is down is asked for one of them only. What a server refused does not hold up the others.
 */
export function dueDeliveries(book: AlertBook, now: Instant, busy: ReadonlySet<string>): readonly Due[] {
  return heads(book, busy).filter(({ delivery }) => isDue(delivery, now));
}

/** The next of each channel; `busy` ones have one on its way. */
function heads({ entries }: AlertBook, busy: ReadonlySet<string>): readonly Waiting[] {
  const next = new Map<string, Waiting>();
  for (const entry of entries) {
    for (const delivery of entry.deliveries) {
      const { state, channel } = delivery;
      if (state !== 'waiting' || busy.has(channel)) continue;
      const before = next.get(channel)?.delivery;
      if (before === undefined || isSooner(delivery, before)) next.set(channel, { entry, channel, delivery });
    }
  }
  return [...next.values()];
}

/** Whether it comes before an older one: that one was refused, and this one was not, or is due earlier. */
const isSooner = (one: Delivery, older: Delivery): boolean =>
  older.refused && (!one.refused || one.nextAt < older.nextAt);

/** Longer than it was ever granted means that the clock was set back since: that is no reason to wait. */
const isDue = ({ nextAt }: Delivery, now: Instant): boolean =>
  nextAt <= now || nextAt - now > retryAfterMaxMs;

/** How long until something is due; null when nothing waits. */
export function untilDue(book: AlertBook, now: Instant, busy: ReadonlySet<string>): Millis | null {
  const waits = heads(book, busy).map(({ delivery }) => (isDue(delivery, now) ? 0 : delivery.nextAt - now));
  return waits.length === 0 ? null : millis(Math.min(...waits));
}

interface Tried {
  readonly id: string;
  readonly channel: string;
  readonly outcome: Outcome;
}

/** `chance`: from 0 to 1, so that a hundred watchdogs do not come back in one moment. */
export function noteDelivery(
  book: AlertBook,
  { id, channel, outcome }: Tried,
  { now, chance, policy }: { readonly now: Instant; readonly chance: number; readonly policy: Policy },
): AlertBook {
  return mapDelivery(book, { id, channel }, (delivery) => {
    const tries = delivery.tries + 1;
    const tried: Delivery = { ...delivery, tries, because: outcome.because, nextAt: now };
    switch (outcome.kind) {
      case 'delivered':
        return { ...tried, state: 'delivered', refused: false };
      case 'later': {
        const asked = millis(Math.min(outcome.retryAfterMs ?? 0, retryAfterMaxMs));
        const backoff = backoffOf(tries, chance, policy);
        const pause = outcome.offline === true ? Math.min(backoff, offlineMaxMs) : Math.max(backoff, asked);
        return { ...tried, refused: false, nextAt: plus(now, millis(pause)) };
      }
      case 'refused':
        return {
          ...tried,
          refused: true,
          nextAt: plus(now, millis(policy.alertRetryMaxMs * (0.5 + chance / 2))),
        };
      /* v8 ignore next -- @preserve: the compiler proves that nothing gets here */
      default:
        return outcome satisfies never;
    }
  });
}

function backoffOf(tries: number, chance: number, { alertRetryMs, alertRetryMaxMs }: Policy): Millis {
  // Beyond this the longest pause has long been reached, and the power would leave the numbers.
  const doublings = Math.min(tries, 30);
  const longest = Math.min(alertRetryMaxMs, alertRetryMs * 2 ** doublings);
  return millis(Math.round(alertRetryMs + chance * Math.max(0, longest - alertRetryMs)));
}

function mapDelivery(
  book: AlertBook,
  { id, channel }: { readonly id: string; readonly channel: string },
  change: (delivery: Delivery) => Delivery,
): AlertBook {
  const entries = book.entries.map((entry) =>
    entry.alert.id === id
      ? {
          ...entry,
          deliveries: entry.deliveries.map((each) =>
            each.channel === channel && each.state === 'waiting' ? change(each) : each,
          ),
        }
      : entry,
  );
  return { ...book, entries };
}

/** Ends what waits and meets the condition; each with a reason. */
function settle(
  book: AlertBook,
  how: {
    readonly which: (entry: Entry, delivery: Delivery) => boolean;
    readonly state: 'given-up' | 'dropped';
    readonly code: ReasonCode;
    readonly now: Instant;
  },
): AlertBook {
  const { now: at, code, state, which } = how;
  return book.entries.reduce((result, entry) => {
    const ending = entry.deliveries.filter((each) => each.state === 'waiting' && which(entry, each));
    return ending.reduce((before, { channel }) => {
      const after = mapDelivery(before, { id: entry.alert.id, channel }, (each) => ({
        ...each,
        state,
        nextAt: at,
      }));
      const { incident, id, title } = entry.alert;
      return noted(after, { at, code, incident, alert: id, about: `${channel}: ${title}` });
    }, result);
  }, book);
}

/** Deliveries no longer worth a try, and entries no longer worth keeping. */
export function tidy(
  book: AlertBook,
  {
    now,
    policy,
    channels,
  }: { readonly now: Instant; readonly policy: Policy; readonly channels: readonly string[] },
): AlertBook {
  const gone = settle(book, {
    which: (_entry, { channel }) => !channels.includes(channel),
    state: 'dropped',
    code: 'channel-removed',
    now,
  });
  const late = settle(gone, {
    which: ({ alert }, { tries }) =>
      tries >= triesBeforeGivingUp && since(alert.at, now) >= policy.alertGiveUpMs,
    state: 'given-up',
    code: 'given-up',
    now,
  });
  return remembering(late, bounded(late, now));
}

/** Settled ones are kept this long for `immune alerts list`. */
const keptMs = hours(7 * 24);
const entriesKept = 500;

function bounded(book: AlertBook, now: Instant): AlertBook {
  const young = book.entries.filter((entry) => isWaiting(entry) || since(entry.alert.at, now) < keptMs);
  const settled = young.filter((entry) => !isWaiting(entry));
  const tooMany = new Set(settled.slice(0, Math.max(0, young.length - entriesKept)));
  const kept = young.filter((entry) => !tooMany.has(entry));
  const crowd = new Set(kept.slice(0, Math.max(0, kept.length - entriesKept)));
  const entries = kept.length === book.entries.length ? book.entries : kept;
  if (crowd.size === 0) return entries === book.entries ? book : { ...book, entries };
  // Hundreds that nobody could be told of: the oldest say the least.
  const given = settle(
    { ...book, entries },
    {
      which: (entry) => crowd.has(entry),
      state: 'given-up',
      code: 'crowded',
      now,
    },
  );
  return { ...given, entries: given.entries.slice(crowd.size) };
}

/** An outage may outlast the messages that told it. The names of the channels are enough, each once. */
function remembering({ entries: before }: AlertBook, book: AlertBook): AlertBook {
  const { incident: open } = book;
  if (open === null || book.entries === before) return book;
  const kept = new Set(book.entries);
  const told = before
    .filter((entry) => !kept.has(entry) && isAbout(entry.alert, open))
    .flatMap(({ deliveries }) => deliveries.filter(({ state }) => state === 'delivered'))
    .map(({ channel }) => channel);
  if (told.length === 0) return book;
  return { ...book, incident: { ...open, toldTo: [...new Set([...(open.toldTo ?? []), ...told])] } };
}

/** After a wake, or when another channel got through: what waits for the network on these is tried again at once. */
export function hasten(book: AlertBook, channels: ReadonlySet<string>, now: Instant): AlertBook {
  const isMeant = ({ state, channel }: Delivery): boolean => state === 'waiting' && channels.has(channel);
  if (!book.entries.some(({ deliveries }) => deliveries.some(isMeant))) return book;
  const entries = book.entries.map((entry) =>
    entry.deliveries.some(isMeant)
      ? {
          ...entry,
          deliveries: entry.deliveries.map((each) => (isMeant(each) ? { ...each, nextAt: now } : each)),
        }
      : entry,
  );
  return { ...book, entries };
}

/** The operator asks for it: what waits is tried at once, and what was given up or dropped waits again. */
export function retry(book: AlertBook, id: string, now: Instant): AlertBook {
  const entries = book.entries.map((entry) =>
    entry.alert.id === id
      ? {
          ...entry,
          deliveries: entry.deliveries.map((each) =>
            each.state === 'delivered'
              ? each
              : { ...each, state: 'waiting' as const, tries: 0, refused: false, nextAt: now },
          ),
        }
      : entry,
  );
  return { ...book, entries };
}

export const drop = (book: AlertBook, id: string, now: Instant): AlertBook =>
  settle(book, { which: ({ alert }) => alert.id === id, state: 'dropped', code: 'dropped', now });
