import type { Instant } from '../../core/time.ts';
import { type History, readHistory } from '../../daemon/journal-history.ts';
import { safeText } from '../../system/log-text.ts';
import { createRedactor } from '../../system/redact.ts';
import type { Context } from '../context.ts';
import { startCommand } from '../daemon-process.ts';
import { exitCodes } from '../exit-codes.ts';
import { clockTime } from '../status/words.ts';
import { styleFor } from '../style.ts';
import { isUndoOf, listUndoable, type Undoable } from '../undo/undoable.ts';
import { widthOf } from '../wrap.ts';
import { foldIncidents, type IncidentStory } from './fold.ts';
import {
  type IncidentView,
  lengthOf,
  type Page,
  renderIncident,
  renderTimeline,
  troubleLines,
  undoCommand,
} from './render.ts';
import type { IncidentsAsk } from './words.ts';

interface Result {
  readonly outcome: 'listed' | 'shown' | 'none' | 'no-journal' | 'unreadable' | 'no-such-incident';
  readonly because: string;
  readonly next: string | null;
  readonly history: History | null;
  readonly views: readonly IncidentView[];
  /** Older ones that are not among the views. */
  readonly older: number;
  readonly exitCode: number;
}

/** What is kept of a change was written a moment before or after the journal's own line. */
const slackMs = 60_000;

/** `immune incidents`: 0 when there was something to read, 3 where the journal is missing or damaged, 4 refused. */
export async function runIncidents(
  { ask, json }: { readonly ask: IncidentsAsk; readonly json: boolean },
  context: Context,
): Promise<number> {
  const result = await gather(ask, context);
  const now = context.clock.now();
  if (json) {
    context.out.write(`${JSON.stringify(resultJson(result, ask, now), null, 2)}\n`);
    return result.exitCode;
  }
  const { redact } = createRedactor();
  const page: Page = {
    now,
    width: widthOf(context.out),
    style: styleFor(context.out, context.env),
    clean: (text) => safeText(text, redact),
  };
  const isBad = result.outcome !== 'listed' && result.outcome !== 'shown' && result.outcome !== 'none';
  const render = ask.kind === 'show' ? renderTimeline : renderIncident;
  const lines = [
    ...(isBad ? [] : result.views.flatMap((view, at) => [...(at === 0 ? [] : ['']), ...render(view, page)])),
    ...(result.outcome === 'none' ? [result.because] : []),
    ...(result.older > 0
      ? ['', `and ${result.older} older: ${result.next ?? 'immune incidents --json'}`]
      : []),
    ...(result.history === null ? [] : troubleLines(result.history, page)),
  ];
  if (lines.length > 0) context.out.write(`${lines.join('\n')}\n`);
  if (isBad) context.err.write(`immune: ${result.because}\n  next: ${result.next ?? 'immune status'}\n`);
  return result.exitCode;
}

async function gather(ask: IncidentsAsk, context: Context): Promise<Result> {
  const { paths } = context;
  // Of the newest nobody knows the name before the end: that is the one whose timeline is read in a second pass.
  const found = await read(context, ask.kind === 'show' ? ask.id : null);
  if (found === null) {
    return bare('no-journal', `there is no journal yet: the watchdog has never run here (${paths.journal})`, {
      next: startCommand(context, false),
      exitCode: exitCodes.unhealthy,
    });
  }
  const { history, dropped } = found;
  const damaged = history.troubles.some(({ kind }) => kind !== 'torn');
  const exitCode = damaged ? exitCodes.unhealthy : exitCodes.ok;
  if (found.stories.length === 0) {
    if (history.lines === 0) {
      const because = `nothing of the journal can be read: ${history.troubles[0]?.because ?? paths.journal}`;
      return {
        ...bare('unreadable', because, { next: 'immune status', exitCode: exitCodes.unhealthy }),
        history,
      };
    }
    if (ask.kind === 'show' && ask.id !== null) return { ...noSuch(ask.id, history), history };
    const because = `no incident: nothing has failed since ${dateOf(history.oldestAt)}, as far as the journal goes back`;
    return { ...bare('none', because, { next: null, exitCode }), history };
  }
  if (ask.kind === 'list') {
    const shown = found.stories.slice(0, ask.limit);
    const older = found.stories.length - shown.length + dropped;
    return {
      outcome: 'listed',
      because: `${shown.length} incident${shown.length === 1 ? '' : 's'}, newest first`,
      next: older > 0 ? `immune incidents --limit ${Math.min(1_000, shown.length * 5)}` : null,
      history,
      views: await viewsOf(shown, context),
      older,
      exitCode,
    };
  }
  const id = ask.id ?? found.stories[0]?.incident.id ?? '';
  const told = ask.id === null ? ((await read(context, id)) ?? found) : found;
  const shown = told.stories.filter(({ incident }) => incident.id === id);
  if (shown.length === 0) return { ...noSuch(id, history), history };
  // Numbers begin anew when a journal was lost, so that one number may stand for two.
  const views = await viewsOf(ask.id === null ? shown.slice(0, 1) : shown, context);
  return { outcome: 'shown', because: `incident ${id}`, next: null, history, views, older: 0, exitCode };
}

const bare = (
  outcome: Result['outcome'],
  because: string,
  { next, exitCode }: Pick<Result, 'next' | 'exitCode'>,
): Result => ({ outcome, because, next, history: null, views: [], older: 0, exitCode });

function noSuch(id: string, { oldestAt }: History): Result {
  const because = `there is no incident ${id} in the journal, which goes back to ${dateOf(oldestAt)}`;
  return bare('no-such-incident', because, { next: 'immune incidents list', exitCode: exitCodes.refused });
}

async function read(
  { paths }: Context,
  wanted: string | null,
): Promise<{
  readonly history: History;
  readonly stories: readonly IncidentStory[];
  readonly dropped: number;
} | null> {
  const fold = foldIncidents(wanted);
  const history = await readHistory(paths.state, fold.take);
  return history === null ? null : { history, stories: fold.stories(), dropped: fold.dropped() };
}

async function viewsOf(
  stories: readonly IncidentStory[],
  context: Context,
): Promise<readonly IncidentView[]> {
  const all = (await listUndoable(context)).filter(
    (entry) => entry.standing === 'in-place' && !isUndoOf(entry),
  );
  return stories.map((story) => ({ story, undoable: all.filter((entry) => belongs(entry, story)) }));
}

/** Made in this incident, by the watchdog or beside it by an operator. */
function belongs({ id, at, madeIn }: Undoable, { incident, deeds, state }: IncidentStory): boolean {
  const { openedAt, closedAt } = incident;
  const end = state === 'open' ? Number.POSITIVE_INFINITY : (closedAt ?? deeds.at(-1)?.at ?? openedAt);
  const isWithin = at >= openedAt - slackMs && at <= end + slackMs;
  const isNamed = madeIn === incident.id || deeds.some((deed) => deed.id === id);
  return isWithin && (isNamed || madeIn === null);
}

const dateOf = (at: Instant | null): string => (at === null ? 'its beginning' : clockTime(at));

const iso = (at: Instant | null | undefined): string | null =>
  at === null || at === undefined ? null : new Date(at).toISOString();

function resultJson(result: Result, ask: IncidentsAsk, now: Instant): Readonly<Record<string, unknown>> {
  const { outcome, because, next, exitCode, history, views, older } = result;
  const { redact } = createRedactor();
  const value = {
    version: 1,
    at: iso(now),
    outcome,
    because,
    next,
    exitCode,
    older,
    journal:
      history === null
        ? null
        : {
            parts: history.parts,
            lines: history.lines,
            from: iso(history.oldestAt),
            to: iso(history.newest?.at),
            troubles: history.troubles,
          },
    incidents: views.map((view) => viewJson(view, ask, now)),
  };
  return JSON.parse(JSON.stringify(value, (_, each) => (typeof each === 'string' ? redact(each) : each)));
}

function viewJson({ story, undoable }: IncidentView, ask: IncidentsAsk, now: Instant): unknown {
  const { incident, state, causes, deeds, timeline, left } = story;
  return {
    id: incident.id,
    state,
    cause: incident.cause,
    causes,
    because: incident.because,
    openedAt: iso(incident.openedAt),
    exhaustedAt: iso(incident.exhaustedAt),
    acknowledgedAt: iso(incident.acknowledgedAt),
    servingAt: iso(incident.servingAt),
    closedAt: iso(incident.closedAt),
    lengthMs: lengthOf(story, now),
    outcome: incident.outcome,
    actions: deeds.map(({ at, endedAt, ...deed }) => ({
      ...deed,
      at: iso(at),
      endedAt: iso(endedAt),
      tookMs: endedAt === null ? null : Math.max(0, endedAt - at),
    })),
    undo: undoable.map((entry) => ({ id: entry.id, what: entry.what, command: undoCommand(entry) })),
    ...(ask.kind === 'show'
      ? { timeline: timeline.map(({ at, kind, text }) => ({ at: iso(at), kind, text })), left }
      : {}),
  };
}
