import type { Channel, Channels, Message, SendOutcome } from '../alerts/channel.ts';
import { type Alert, isWaiting } from '../core/alert.ts';
import type { AlertBook, AlertLine, Desk } from '../core/alert-book.ts';
import { takeLine } from '../core/alert-compose.ts';
import {
  type Due,
  drop,
  dueDeliveries,
  hasten,
  noteDelivery,
  retry,
  tidy,
  untilDue,
} from '../core/alert-due.ts';
import { afterGap, takeTime } from '../core/alert-time.ts';
import type { Policy } from '../core/policy.ts';
import { type Clock, type Instant, type Millis, millis, seconds } from '../core/time.ts';
import type { FileOutcome } from '../system/durable-file.ts';
import type { Log } from '../system/log.ts';
import { messageOf } from './alert-message.ts';

export interface AlertWorkerParts {
  readonly clock: Clock;
  readonly log: Pick<Log, 'info' | 'warn' | 'error'>;
  readonly policy: () => Policy;
  /** Where alerts go now. */
  readonly channels: () => Channels;
  /** All that the settings name for messages, whether they can be used or not. */
  readonly named: () => Desk['channels'];
  readonly write: (book: AlertBook) => Promise<FileOutcome>;
  /** From 0 to 1. */
  readonly chance: () => number;
}

/** What `immune status` shows. */
export interface AlertsView {
  readonly channels: number;
  readonly waiting: number;
  /** Since when the oldest of them waits. */
  readonly since: Instant | null;
  readonly givenUp: number;
  /** What the newest failed try said, or why a channel cannot be used. */
  readonly problem: string | null;
  /** A channel cannot be used as the settings have it. */
  readonly isBroken: boolean;
}

export interface AlertWorker {
  /** Takes a journal line that is durable. Returns at once and never throws: nothing of a repair waits for it. */
  take(line: AlertLine): void;
  /** A look is through: time passes for alerts. After a gap the network may be back. */
  looked(now: Instant, gapMs: Millis): void;
  retry(id: string): boolean;
  drop(id: string): boolean;
  view(): AlertsView;
  /** Ends what is on its way, soon, and writes the book. */
  close(): Promise<void>;
}

/** Whatever a channel does, the next message gets its turn after this. */
const sendMs = seconds(30);
/** So long a send may end by itself when the watchdog is stopped. */
const closeMs = seconds(2);
/** Lines without an alert are read again after a crash; more than this many are not worth the time. */
const cursorLag = 256;
/** A book that could not be written is tried again after this. */
const writeAgainMs = seconds(60);
/** Different problems remembered, so that each is said once. */
const toldKept = 50;

export function createAlertWorker(parts: AlertWorkerParts, begun: AlertBook): AlertWorker {
  const { clock, log } = parts;
  let book = begun;
  let saved = begun;
  let unwritten = false;
  let isPumping = false;
  let again = false;
  let closed = false;
  let timer = new AbortController();
  const closing = new AbortController();
  const flights = new Map<string, Promise<void>>();
  /** Channels whose newest try found no network. */
  const offline = new Set<string>();
  const told = new Set<string>();

  const warnOnce = (text: string): void => {
    if (told.has(text)) return;
    if (told.size >= toldKept) told.clear();
    told.add(text);
    log.warn(text);
  };

  // A channel that cannot be used yet keeps its messages: it may be mended within the time they are worth.
  const desk = (): Desk => ({ policy: parts.policy(), channels: parts.named() });

  const find = (name: string): Channel | undefined =>
    parts.channels().channels.find((each) => each.name === name);

  /** One after the other: an older book must not come to lie over a newer one. */
  let turn: Promise<void> = Promise.resolve();
  const save = (): Promise<void> => {
    turn = turn.then(saveNow);
    return turn;
  };

  const saveNow = async (): Promise<void> => {
    const writing = book;
    const written = await parts.write(writing);
    unwritten = written.kind === 'failed';
    if (written.kind === 'done') saved = writing;
    // Each is sent once all the same: a full disk is no reason to be silent. Only a crash could bring one twice.
    else warnOnce(`The alerts cannot be written down; they are sent all the same: ${written.because}`);
  };

  const mustSave = (): boolean =>
    book.entries !== saved.entries ||
    book.overflow !== saved.overflow ||
    book.cursor - saved.cursor > cursorLag;

  const step = async (): Promise<void> => {
    const now = clock.now();
    const names = parts.named().map(({ name }) => name);
    book = tidy(book, { now, policy: parts.policy(), channels: names });
    if (mustSave()) await save();
    if (closed) return;
    // What came while it was written (an outcome, a new alert) is written first: whoever is asked next must be asked by
    // a book that knows of everything before, or a crash would bring more than one twice.
    if (!unwritten && mustSave()) {
      again = true;
      return;
    }
    for (const due of dueDeliveries(book, clock.now(), new Set(flights.keys()))) start(due);
    arm();
  };

  const pump = async (): Promise<void> => {
    again = true;
    if (isPumping) return;
    isPumping = true;
    try {
      while (again) {
        again = false;
        await step();
      }
    } catch (error) {
      log.error(`A bug of the watchdog in its alerts: ${String(error)}`);
    } finally {
      isPumping = false;
    }
  };

  const arm = (): void => {
    timer.abort();
    timer = new AbortController();
    const { signal } = timer;
    const due = untilDue(book, clock.now(), new Set(flights.keys()));
    const waits = [...(due === null ? [] : [due]), ...(unwritten ? [writeAgainMs] : [])];
    if (waits.length === 0) return;
    void clock.sleep(millis(Math.min(...waits)), signal).then(() => (signal.aborted ? undefined : pump()));
  };

  const start = ({ entry: { alert }, channel }: Due): void => {
    const flight = attempt(alert, channel)
      .then((outcome) => {
        const now = clock.now();
        const how = { now, chance: parts.chance(), policy: parts.policy() };
        book = noteDelivery(book, { id: alert.id, channel, outcome }, how);
        report(alert, channel, outcome);
        if (outcome.kind === 'later' && outcome.offline === true) offline.add(channel);
        else offline.delete(channel);
        // Somebody got out: the others need not wait for their turn.
        if (outcome.kind === 'delivered' && channel !== 'notification') awaken(now);
      })
      .catch((error: unknown) => log.error(`A bug of the watchdog in its alerts: ${String(error)}`))
      .finally(() => {
        flights.delete(channel);
        void pump();
      });
    flights.set(channel, flight);
  };

  const awaken = (now: Instant): void => {
    if (offline.size === 0) return;
    book = hasten(book, new Set(offline), now);
    offline.clear();
  };

  const attempt = async (alert: Alert, name: string): Promise<SendOutcome> => {
    const channel = find(name);
    if (channel === undefined) {
      const problem = parts.channels().problems.find((each) => each.includes(` ${name} `));
      return { kind: 'refused', because: problem ?? `the channel ${name} cannot be used` };
    }
    return bounded(channel, messageOf(alert), clock, closing.signal);
  };

  const report = (alert: Alert, channel: string, outcome: SendOutcome): void => {
    const what = `Alert ${alert.id} (${alert.kind}) on ${channel}`;
    if (outcome.kind === 'delivered') log.info(`${what} is delivered`);
    else warnOnce(`The alerts on ${channel} do not get through: ${outcome.because}`);
  };

  const change = (id: string, next: (from: AlertBook) => AlertBook): boolean => {
    if (!book.entries.some(({ alert }) => alert.id === id)) return false;
    book = next(book);
    void pump();
    return true;
  };

  /** Whatever goes wrong in here is a bug of the alerts alone. */
  const guarded = (work: () => AlertBook): void => {
    try {
      const before = book;
      book = work();
      const isNews = book.entries !== before.entries || book.overflow !== before.overflow;
      // A quiet month, too, must not be read again after a crash.
      const isBehind = !unwritten && book.cursor - saved.cursor > cursorLag;
      if (isNews || isBehind) void pump();
    } catch (error) {
      log.error(`A bug of the watchdog in its alerts: ${String(error)}`);
    }
  };

  void pump();
  return {
    take: (line) => guarded(() => takeLine(book, line, desk())),
    looked: (now, gapMs) =>
      guarded(() => {
        if (gapMs > parts.policy().gapMs) {
          awaken(now);
          void pump();
        }
        const where = desk();
        return takeTime(afterGap(book, { now, gapMs }, where), now, where);
      }),
    retry: (id) => change(id, (from) => retry(from, id, clock.now())),
    drop: (id) => change(id, (from) => drop(from, id, clock.now())),
    view: () => viewOf(book, parts.channels()),
    close: async () => {
      closed = true;
      timer.abort();
      const over = new AbortController();
      const late = clock.sleep(closeMs, over.signal).then(() => closing.abort());
      await Promise.all(flights.values());
      over.abort();
      await late;
      if (book !== saved) await save();
    },
  };
}

/** Ends within the bound, whatever the channel does. */
async function bounded(
  channel: Channel,
  message: Message,
  clock: Clock,
  closing: AbortSignal,
): Promise<SendOutcome> {
  const deadline = new AbortController();
  const settled = new AbortController();
  const signal = AbortSignal.any([deadline.signal, closing]);
  const late = clock.sleep(sendMs, AbortSignal.any([settled.signal, closing])).then((): SendOutcome => {
    deadline.abort();
    const because = closing.aborted ? 'the watchdog is being stopped' : `no end within ${sendMs / 1_000} s`;
    return { kind: 'later', because, retryAfterMs: null };
  });
  const sent = channel
    .send(message, signal)
    .catch((error: unknown): SendOutcome => ({ kind: 'later', because: String(error), retryAfterMs: null }));
  const outcome = await Promise.race([sent, late]);
  settled.abort();
  return outcome;
}

function viewOf({ entries }: AlertBook, { channels, problems }: Channels): AlertsView {
  const deliveries = entries.flatMap((entry) => entry.deliveries);
  const waiting = entries.filter(isWaiting);
  const failing = deliveries.filter(({ state, because }) => state === 'waiting' && because !== '').at(-1);
  return {
    channels: channels.length,
    waiting: waiting.length,
    since: waiting[0]?.alert.at ?? null,
    givenUp: deliveries.filter(({ state }) => state === 'given-up').length,
    isBroken: problems.length > 0,
    problem: problems[0] ?? (failing === undefined ? null : `${failing.channel}: ${failing.because}`),
  };
}
