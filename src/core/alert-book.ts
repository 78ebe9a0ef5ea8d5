import type { AlertKind, Entry, Severity } from './alert.ts';
import type { Reason } from './alert-reasons.ts';
import type { Cause } from './cause.ts';
import type { Notice } from './notice.ts';
import type { Policy } from './policy.ts';
import type { Incident, Rung, State } from './state.ts';
import type { Instant } from './time.ts';

/** The open incident, as far as telling it goes. */
export interface AlertIncident {
  readonly id: string;
  readonly openedAt: Instant;
  /** The grace counts from here where this machine slept since it opened. */
  readonly graceFrom?: Instant;
  readonly cause: Cause;
  /** What is at fault now: the cause it was opened with may have been a consequence. */
  readonly causeNow: Cause;
  readonly because: string;
  readonly phase: State['phase']['kind'];
  readonly exhausted: boolean;
  readonly acknowledged: boolean;
  readonly attempts: Incident['attempts'];
  /** The highest rung so far. */
  readonly rung: Rung | null;
  /** Its outage was told, in whatever words. */
  readonly down: boolean;
  /** When something was last said of it; null: nothing yet. */
  readonly saidAt: Instant | null;
  readonly reminders: number;
  /** The silence of an acknowledged one was noted. */
  readonly hushed: boolean;
  /** That it is left alone, and not told for that, was noted. */
  readonly rested?: boolean;
  /** What repairs replaced, in their own words. */
  readonly changed: readonly string[];
  /** Channels that got messages about it that are kept no more: its end goes there too. */
  readonly toldTo?: readonly string[];
}

/** From the first notice that it flaps until it was calm for long enough. */
export interface FlapEpisode {
  readonly since: Instant;
  /** When it was last said something of. */
  readonly saidAt: Instant;
  /** It has held since; null while it flaps. */
  readonly calmAt: Instant | null;
  /** It flapped again soon after it was calm: that is told by digests alone. */
  readonly again: boolean;
  readonly digests: number;
  /** The newest loss that was counted. */
  readonly lossAt: Instant | null;
  /** Since the last digest. */
  readonly losses: number;
  readonly heldCount: number;
  /** The newest of them. */
  readonly held: readonly string[];
}

export interface Overflow {
  readonly since: Instant;
  readonly kinds: Readonly<Partial<Record<AlertKind, number>>>;
  readonly worst: Severity;
  /** The newest titles. */
  readonly titles: readonly string[];
}

/**
 * What was told, what is on its way, and why. A function of the journal: taken from the same lines once more it is the
 * same, so what a crash cut short is made good by reading on from `cursor`.
 */
export interface AlertBook {
  readonly version: 1;
  /** Grows when the journal begins anew: numbers of lines come again. */
  readonly era: number;
  /** The newest journal line that was taken. */
  readonly cursor: number;
  readonly incident: AlertIncident | null;
  readonly flapping: FlapEpisode | null;
  /** When alerts were made, within the window of the cap. */
  readonly sentTimes: readonly Instant[];
  readonly overflow: Overflow | null;
  readonly overflows: number;
  /** Conditions told, so that the same is not told at each start. */
  readonly told: readonly { readonly key: string; readonly at: Instant }[];
  readonly entries: readonly Entry[];
  /** Newest last. */
  readonly reasons: readonly Reason[];
}

/** Where alerts go, and by which rules. */
export interface Desk {
  readonly policy: Policy;
  readonly channels: readonly { readonly name: string; readonly minSeverity: Severity }[];
}

/** What the composer reads of a journal line. */
export interface AlertLine {
  readonly seq: number;
  readonly at: Instant;
  readonly kind: string;
  readonly notices: readonly Notice[];
  readonly state: State;
}

const emptyBook: AlertBook = {
  version: 1,
  era: 0,
  cursor: 0,
  incident: null,
  flapping: null,
  sentTimes: [],
  overflow: null,
  overflows: 0,
  told: [],
  entries: [],
  reasons: [],
};

/** A book that begins after this line: what was told before it is nobody's business any more, but for an open incident. */
export function beginBook(seq: number, state: State | null): AlertBook {
  const open = state?.incident ?? null;
  return {
    ...emptyBook,
    cursor: seq,
    incident: open === null || state === null ? null : follow(null, open, state),
  };
}

/** The journal was replaced by a new one, whose numbers begin anew. */
export const beginEra = (book: AlertBook): AlertBook => ({ ...book, era: book.era + 1, cursor: 0 });

/** How the reason begins while an action is under way: `restart the gateway (A1): …`. */
const deed = /^[^():]+\(A\d+\): /;

/** The incident as it stands now; what was said of it stays. */
export function follow(before: AlertIncident | null, incident: Incident, state: State): AlertIncident {
  // Numbers of incidents come again, too, where the journal begins anew.
  const isKnown = before?.id === incident.id && before.openedAt === incident.openedAt;
  const known = isKnown ? before : fresh(incident);
  return {
    ...known,
    causeNow: state.cause,
    // What is wrong, and not what is done about it just now.
    because: state.because.replace(deed, ''),
    phase: state.phase.kind,
    exhausted: incident.exhaustedAt !== null,
    acknowledged: incident.acknowledgedAt !== null,
    attempts: incident.attempts.filter(({ at }) => at >= incident.openedAt),
  };
}

const fresh = ({ id, openedAt, cause, because }: Incident): AlertIncident => ({
  id,
  openedAt,
  cause,
  causeNow: cause,
  because,
  phase: 'suspect',
  exhausted: false,
  acknowledged: false,
  attempts: [],
  rung: null,
  down: false,
  saidAt: null,
  reminders: 0,
  hushed: false,
  changed: [],
});

/** Nothing was done about it but what a person ordered. */
export const isAllAsked = ({ attempts }: Pick<AlertIncident, 'attempts'>): boolean =>
  attempts.every(({ asked }) => asked === true);

/** It was opened by such an order, and nothing else was done since. */
export const isByOrder = (incident: Pick<AlertIncident, 'attempts' | 'openedAt'>): boolean =>
  incident.attempts[0]?.at === incident.openedAt && isAllAsked(incident);

/** Reasons kept for `immune alerts why`: some days of ordinary life. */
const reasonsKept = 200;

export function noted(book: AlertBook, reason: Reason): AlertBook {
  return { ...book, reasons: [...book.reasons, reason].slice(-reasonsKept) };
}

/** Whether it lies less than the length away. Both ways: a clock that stepped back must not make a limit everlasting. */
export const isWithin = (at: Instant, now: Instant, lengthMs: number): boolean =>
  Math.abs(now - at) < lengthMs;
