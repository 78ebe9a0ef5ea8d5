import type { Channels } from '../alerts/channel.ts';
import type { Paths } from '../config/paths.ts';
import type { Settings } from '../config/settings.ts';
import { type AlertBook, type AlertLine, beginBook, beginEra, type Desk } from '../core/alert-book.ts';
import type { Policy } from '../core/policy.ts';
import type { Incident, State } from '../core/state.ts';
import type { Clock, Millis } from '../core/time.ts';
import type { Log } from '../system/log.ts';
import { putBookAside, readBook, writeBook } from './alert-store.ts';
import { type AlertsView, createAlertWorker } from './alert-worker.ts';
import type { Answer } from './commands.ts';
import { createDeadMan } from './dead-man.ts';
import type { Journal } from './journal.ts';
import { linesAfter } from './journal-lines.ts';

type AlertSettings = Settings['alerts'];

/** What operators ask of the alerts. */
export interface AlertHands {
  retry(id: string): Answer;
  drop(id: string): Answer;
}

export interface AlertDesk extends AlertHands {
  /** The same journal, whose durable lines are heard here; with its end the alerts end too. */
  hear(journal: Journal): Journal;
  /** After each look that was completed. */
  looked(state: State, gapMs: Millis): void;
  view(): AlertsView;
}

/** What the watchdog has for its alerts. */
export interface AlertParts {
  readonly paths: Pick<Paths, 'state'>;
  readonly log: Log;
  /** Takes secrets out of what was written by others. */
  readonly redact: (text: string) => string;
  /** The settings in force, read anew on each use. */
  readonly settings: () => { readonly settings: Pick<Settings, 'alerts' | 'policy'> };
  /** The ways to the operator, as the settings name them. */
  readonly openChannels: (settings: AlertSettings) => Channels;
}

export interface Begin {
  /** The watchdog's own steady time. */
  readonly clock: Clock;
  /** As the journal has it; what is open already is told on from here. */
  readonly state: State | null;
}

/** Everything that is told out of band: from the journal into the book, from there to the channels, and the dead man. */
export async function openAlertDesk(parts: AlertParts, begin: Begin): Promise<AlertDesk> {
  const { log, redact } = parts;
  const { clock } = begin;
  const policy = (): Policy => parts.settings().settings.policy;
  const begun = await openBook(parts, begin);
  const channels = reopening(parts);
  const worker = createAlertWorker(
    {
      clock,
      log,
      policy,
      channels,
      named: () => namedIn(parts.settings().settings.alerts, channels()),
      write: (book) => writeBook(parts.paths.state, book),
      chance: Math.random,
    },
    begun.book,
  );
  const deadMan = createDeadMan({ clock, log, policy, pingers: () => channels().pingers });
  const take = (line: AlertLine): void => worker.take(redacted(line, redact));
  // What the last life wrote and did not tell.
  for (const line of begun.lines) take(line);
  let seq = begun.newest;
  const answer = (found: boolean, id: string, done: string): Answer =>
    found ? { ok: true, text: `alert ${id} ${done}` } : { ok: false, text: `there is no alert ${id}` };
  return {
    hear: (journal) => ({
      append: async (entry) => {
        const outcome = await journal.append(entry);
        if (outcome.kind === 'failed') return outcome;
        seq += 1;
        take({ seq, ...entry });
        return outcome;
      },
      close: async () => {
        await Promise.all([worker.close(), deadMan.close()]);
        await journal.close();
      },
    }),
    looked: (state, gapMs) => {
      worker.looked(clock.now(), gapMs);
      deadMan.seen(state);
    },
    view: worker.view,
    retry: (id) => answer(worker.retry(id), id, 'is sent again where it was not delivered'),
    drop: (id) => answer(worker.drop(id), id, 'is not sent any more'),
  };
}

interface Begun {
  readonly book: AlertBook;
  /** After the book. */
  readonly lines: readonly AlertLine[];
  readonly newest: number;
}

async function openBook({ paths, log }: AlertParts, { clock, state }: Begin): Promise<Begun> {
  const stateDir = paths.state;
  const reading = await readBook(stateDir);
  if (reading.kind === 'read') {
    const { book } = reading;
    const { lines, newest, problem } = await linesAfter(stateDir, book.cursor);
    if (problem !== null) log.warn(`The journal cannot be read for alerts: ${problem}`);
    if (newest >= book.cursor || problem !== null)
      return { book, lines, newest: Math.max(newest, book.cursor) };
    const anew = await linesAfter(stateDir, 0);
    return { book: beginEra(book), lines: anew.lines, newest: anew.newest };
  }
  if (reading.kind !== 'missing') log.error(`The alerts cannot be read, and begin anew: ${reading.because}`);
  if (reading.kind === 'damaged') {
    const moved = await putBookAside(stateDir, clock.now());
    if (moved.kind === 'failed') log.error(moved.because);
  }
  const { newest } = await linesAfter(stateDir, Number.MAX_SAFE_INTEGER);
  const book = beginBook(newest, state);
  // Before the first line that could be lost: without a book nobody knows where to read on.
  const written = await writeBook(stateDir, book);
  if (written.kind === 'failed') log.warn(`The alerts cannot be written down: ${written.because}`);
  return { book, lines: [], newest };
}

/** The channels of the settings in force, opened anew when those change. */
function reopening({ settings, openChannels, log }: AlertParts): () => Channels {
  let from: AlertSettings | null = null;
  let opened: Channels = { channels: [], pingers: [], problems: [] };
  return () => {
    const now = settings().settings.alerts;
    if (now === from) return opened;
    const isSame = JSON.stringify(now) === JSON.stringify(from);
    from = now;
    if (isSame) return opened;
    opened = openChannels(now);
    for (const problem of opened.problems) log.warn(problem);
    return opened;
  };
}

const pinged: ReadonlySet<string> = new Set(['healthchecks', 'uptime-kuma']);

/** What gets messages: the settings' own, and those that are there without being named. */
export function namedIn(settings: AlertSettings, { channels }: Channels): Desk['channels'] {
  const named = settings.channels
    .filter(({ kind }) => !pinged.has(kind))
    .map(({ name, minSeverity }) => ({ name, minSeverity }));
  const unnamed = channels
    .filter(({ name }) => named.every((each) => each.name !== name))
    .map(({ name, minSeverity }) => ({ name, minSeverity }));
  return [...named, ...unnamed];
}

/** What others wrote may hold secrets; nothing of it is written down or sent as it is. */
function redacted(line: AlertLine, redact: (text: string) => string): AlertLine {
  const { state } = line;
  const clean = (incident: Incident | null): Incident | null =>
    incident === null
      ? null
      : {
          ...incident,
          because: redact(incident.because),
          outcome: incident.outcome === null ? null : redact(incident.outcome),
        };
  return {
    ...line,
    notices: line.notices.map((notice) => ({ ...notice, text: redact(notice.text) })),
    state: {
      ...state,
      because: redact(state.because),
      incident: clean(state.incident),
      lastIncident: clean(state.lastIncident),
    },
  };
}
