import { type Instant, since } from '../../core/time.ts';
import { spell } from '../../core/words.ts';
import type { History } from '../../daemon/journal-history.ts';
import { clockTime } from '../status/words.ts';
import type { Style } from '../style.ts';
import type { Undoable } from '../undo/undoable.ts';
import { wrap } from '../wrap.ts';
import { type Deed, headEvents, type IncidentStory } from './fold.ts';

/** An incident with what can be done about it now. */
export interface IncidentView {
  readonly story: IncidentStory;
  readonly undoable: readonly Undoable[];
}

export interface Page {
  readonly now: Instant;
  readonly width: number;
  readonly style: Style;
  /** Takes terminal sequences and secrets out of what the journal says. */
  readonly clean: (text: string) => string;
}

/** From the first failed look to the gateway serving again, or to now. */
export function lengthOf({ incident, state }: IncidentStory, now: Instant): number | null {
  const { openedAt, servingAt, closedAt } = incident;
  if (state === 'open') return since(openedAt, now);
  const end = servingAt ?? closedAt ?? null;
  return end === null ? null : since(openedAt, end);
}

/** One incident of the list: a headline, and below it what a person asks next. */
export function renderIncident({ story, undoable }: IncidentView, page: Page): readonly string[] {
  const { incident, deeds } = story;
  const length = lengthOf(story, page.now);
  const when = `${clockTime(incident.openedAt)}${length === null ? '' : `, ${spell(length)}`}`;
  return [
    ...headline(story, page, ''),
    ...indent(`since ${when}`, page),
    ...deeds.slice(-mostDeeds).flatMap((deed) => indent(deedWords(deed), page)),
    ...(deeds.length === 0 ? indent('nothing was done', page) : []),
    ...endLines(story, page),
    ...undoLines(undoable).flatMap((line) => indent(line, page)),
  ];
}

/** More of one incident are on its own page. */
const mostDeeds = 6;

/** How it stands comes first: that is what a person looks for in a list. */
function headline(story: IncidentStory, { width, style }: Page, before: string): readonly string[] {
  const state = stateWords(story);
  const causes = story.causes.slice(0, mostCauses).join(', then ');
  const [first = '', ...more] = wrap(`${before}${story.incident.id} ${state}: ${causes}`, width - 2);
  const paint = story.state === 'open' ? style.bad : story.state === 'resolved' ? style.good : style.faint;
  return [first.replace(state, paint), ...more.map((line) => `  ${line}`)];
}

const mostCauses = 3;

function stateWords({ incident, state }: IncidentStory): string {
  switch (state) {
    case 'open':
      return incident.exhaustedAt === null ? 'open' : 'open, needs you';
    case 'resolved':
    case 'closed':
      return state;
    case 'lost':
      return 'over, its end is not in the journal';
    default:
      return state satisfies never;
  }
}

function endLines({ incident, state, needs }: IncidentStory, page: Page): readonly string[] {
  if (state !== 'open') return indent(incident.outcome ?? `because ${incident.because}`, page);
  if (incident.exhaustedAt === null) return indent(`because ${incident.because}`, page);
  const told = needs ?? `needs you: ${incident.because}`;
  return [...indent(told, page), ...indent('next: immune nuclear (it asks first)', page)];
}

function deedWords(deed: Deed): string {
  const took = deed.endedAt === null ? '' : ` after ${spell(since(deed.at, deed.endedAt))}`;
  return `${deed.id} ${deed.words}: ${outcomeWords(deed.outcome, took)}`;
}

function outcomeWords(outcome: Deed['outcome'], took: string): string {
  switch (outcome) {
    case 'done':
      return `done${took}`;
    case 'kept':
      return `done${took}, and it held`;
    case 'undone':
      return `done${took}, did not help, taken back`;
    case 'failed':
      return `failed${took}`;
    case 'refused':
      return `refused${took}, nothing was changed`;
    case 'unknown':
      return 'no outcome yet';
    default:
      return outcome satisfies never;
  }
}

/** The whole of one incident, from the first failed look to its end. */
export function renderTimeline(view: IncidentView, page: Page): readonly string[] {
  const { story, undoable } = view;
  const { incident, deeds, timeline, left } = story;
  const length = lengthOf(story, page.now);
  const lines = [
    ...headline(story, page, 'incident '),
    ...indent(`since ${clockTime(incident.openedAt)}${length === null ? '' : `, ${spell(length)}`}`, page),
    ...endLines(story, page),
    '',
    ...moment({ at: incident.openedAt, from: incident.openedAt }, page),
    ...indent('began: the first look that failed', page),
  ];
  let shownAt = incident.openedAt;
  for (const [at, event] of timeline.entries()) {
    if (left > 0 && at === headEvents) lines.push(...indent(`… ${left} more in between`, page));
    if (clockTime(event.at) !== clockTime(shownAt)) {
      lines.push(...moment({ at: event.at, from: incident.openedAt, last: shownAt }, page));
    }
    shownAt = event.at;
    lines.push(...indent(`${event.kind}: ${event.text}`, page));
  }
  if (deeds.length > 0) {
    lines.push('', `${deeds.length} action${deeds.length === 1 ? '' : 's'}`);
    for (const deed of deeds) lines.push(...indent(deedWords(deed), page));
  }
  const undo = undoLines(undoable);
  if (undo.length > 0) lines.push('', ...undo);
  return lines;
}

/** The day only where it changes: a phone shows few characters a line. */
function moment(
  { at, from, last }: { readonly at: Instant; readonly from: Instant; readonly last?: Instant },
  { style }: Page,
): readonly string[] {
  const [day, time] = clockTime(at).split(' ');
  const isSameDay = last !== undefined && clockTime(last).startsWith(`${day} `);
  const after = at > from ? `  +${spell(since(from, at))}` : '';
  return [style.faint(`${isSameDay ? '' : `${day} `}${time}${after}`)];
}

export const undoCommand = ({ id }: Undoable): string => `immune undo ${id}`;

const undoLines = (undoable: readonly Undoable[]): readonly string[] =>
  undoable.map((entry) => `undo: ${undoCommand(entry)}`);

function indent(text: string, { width, clean }: Page): readonly string[] {
  return wrap(clean(text), width - 2).map((line) => `  ${line}`);
}

/** What could not be read of the journal, if anything. */
export const troubleLines = ({ troubles }: History, page: Page): readonly string[] =>
  troubles.flatMap(({ because }) => {
    const [first = '', ...more] = wrap(page.clean(`journal: ${because}`), page.width - 2);
    return [first, ...more.map((line) => `  ${line}`)];
  });
