import type { Cause } from '../../core/cause.ts';
import { stepWords } from '../../core/ladder.ts';
import type { Action, Attempt, Incident, State } from '../../core/state.ts';
import { type Instant, instant } from '../../core/time.ts';
import type { JournalLine } from '../../daemon/journal.ts';

/** One action of an incident, from its announcement to its outcome. */
export interface Deed {
  readonly id: string;
  readonly rung: string;
  readonly kind: string;
  /** What it does, in words. */
  readonly words: string;
  readonly cause: string;
  readonly at: Instant;
  /** Null where the line that announced it is not in the journal any more. */
  readonly because: string | null;
  /** `refused`: nothing was changed, so that the incident itself does not count it. */
  readonly outcome: Attempt['outcome'] | 'refused';
  readonly endedAt: Instant | null;
  /** The sentence it ended with. */
  readonly ended: string | null;
}

interface TimelineEvent {
  readonly at: Instant;
  readonly kind: string;
  readonly text: string;
}

/** All that the journal has of one incident. */
export interface IncidentStory {
  readonly incident: Incident;
  /** `lost`: it is open no more, and how it ended is not in the journal. */
  readonly state: 'open' | 'resolved' | 'closed' | 'lost';
  /** What it looked like, in this order: the first is seldom the one that was mended. */
  readonly causes: readonly Cause[];
  /** What the operator was told when nothing was left that could help. */
  readonly needs: string | null;
  readonly deeds: readonly Deed[];
  /** Only of the incident that was asked for. */
  readonly timeline: readonly TimelineEvent[];
  /** Events in the middle of a very long timeline that are not among it. */
  readonly left: number;
}

export interface Fold {
  take(line: JournalLine): void;
  /** Newest first. */
  stories(): readonly IncidentStory[];
  /** Older ones that were not kept. */
  dropped(): number;
}

interface Draft {
  incident: Incident;
  end: 'resolved' | 'closed' | null;
  readonly causes: Set<Cause>;
  needs: string | null;
  readonly deeds: Map<string, Deed>;
  readonly head: TimelineEvent[];
  readonly tail: TimelineEvent[];
  left: number;
}

/** Above anything forty megabytes of journal have told so far. */
const maxIncidents = 2_000;
const maxDeeds = 200;
const maxCauses = 8;
/** What everything looks like on its way. */
const passing: ReadonlySet<Cause> = new Set(['serving', 'booting', 'draining', 'woken', 'unknown']);
/** How an incident began and how it ended matter; a day of "the same again" in between does not. */
export const headEvents = 60;
const tailEvents = 240;

/** Reads the incidents out of journal lines, one after the other. `wanted`: whose timeline is kept, if any. */
export function foldIncidents(wanted: string | null): Fold {
  const drafts = new Map<string, Draft>();
  let dropped = 0;
  let before: State | null = null;

  const keep = (incident: Incident): Draft => {
    const key = keyOf(incident);
    const known = drafts.get(key);
    if (known !== undefined) {
      known.incident = incident;
      return known;
    }
    const draft: Draft = {
      incident,
      end: null,
      causes: new Set([incident.cause]),
      needs: null,
      deeds: new Map(),
      head: [],
      tail: [],
      left: 0,
    };
    drafts.set(key, draft);
    const [oldest] = drafts.keys();
    if (drafts.size > maxIncidents && oldest !== undefined) {
      drafts.delete(oldest);
      dropped += 1;
    }
    return draft;
  };

  return {
    take: (line) => {
      const { state } = line;
      const last = isIncident(state.lastIncident) ? keep(state.lastIncident) : null;
      const open = isIncident(state.incident) ? keep(state.incident) : null;
      const about = open ?? last;
      if (open !== null && open.causes.size < maxCauses && !passing.has(state.cause)) {
        open.causes.add(state.cause);
      }
      for (const notice of line.notices ?? []) {
        const whose = [open, last].find((each) => each?.incident.id === notice.incident);
        if (whose && (notice.kind === 'resolved' || notice.kind === 'closed')) whose.end = notice.kind;
        if (whose && notice.kind === 'exhausted') whose.needs = notice.text;
      }
      const inFlight = actionOf(before);
      const actor = [open, last].find((each) => each?.incident.id === inFlight?.incident) ?? null;
      const ended =
        inFlight !== null && actor !== null && actionOf(state)?.id !== inFlight.id
          ? endDeed(actor, inFlight, line)
          : null;
      const begun = actionOf(state);
      if (open !== null && begun !== null) beginDeed(open, begun, line);
      if (about !== null && about.incident.id === wanted) {
        const isOver = open === null && before?.incident?.id !== wanted;
        for (const event of eventsOf({ line, before, ended, id: wanted, isOver })) add(about, event);
      }
      before = state;
    },
    stories: () => {
      const openKey = isIncident(before?.incident) ? keyOf(before.incident) : null;
      return [...drafts].map(([key, draft]) => storyOf(draft, key === openKey)).reverse();
    },
    dropped: () => dropped,
  };
}

const keyOf = ({ id, openedAt }: Incident): string => `${id}@${openedAt}`;

/** Lines of other versions, or of a disk that lies, may hold anything. */
function isIncident(value: Incident | null | undefined): value is Incident {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof value.id === 'string' &&
    typeof value.openedAt === 'number' &&
    Array.isArray(value.attempts)
  );
}

function actionOf(state: State | null): Action | null {
  const phase = state?.phase;
  return phase?.kind === 'repairing' && typeof phase.action?.id === 'string' ? phase.action : null;
}

function beginDeed({ deeds }: Draft, action: Action, { at, because }: JournalLine): void {
  if (deeds.has(action.id) || deeds.size >= maxDeeds) return;
  deeds.set(action.id, {
    id: action.id,
    rung: action.rung,
    kind: action.step.kind,
    // Of a version that knew other steps there are no words.
    words: stepWords(action.step) ?? action.step.kind,
    cause: 'unknown',
    at,
    because: action.because ?? because,
    outcome: 'unknown',
    endedAt: null,
    ended: null,
  });
}

function endDeed({ deeds, incident }: Draft, action: Action, line: JournalLine): Deed | null {
  const deed = deeds.get(action.id);
  if (deed === undefined) return null;
  const attempt = incident.attempts.find(({ actionId }) => actionId === action.id);
  const outcome = attempt?.outcome ?? 'refused';
  const over: Deed = { ...deed, outcome, endedAt: line.at, ended: line.because };
  deeds.set(action.id, over);
  return over;
}

interface Told {
  readonly line: JournalLine;
  readonly before: State | null;
  readonly ended: Deed | null;
  readonly id: string;
  /** The incident has ended before this line: only notices about it still belong to it. */
  readonly isOver: boolean;
}

/** Lines that say something by themselves; the others speak through their notices. */
const speaking: ReadonlySet<string> = new Set([
  'started',
  'interrupted',
  'commanded',
  'change',
  'settings',
  'fault',
  'stopped',
]);

function eventsOf({ line, before, ended, id, isOver }: Told): readonly TimelineEvent[] {
  const { at, because, state } = line;
  const events: TimelineEvent[] = [];
  if (ended !== null) events.push({ at, kind: `${ended.id} ${ended.outcome}`, text: because });
  const notices = (line.notices ?? []).filter(
    ({ incident }) => incident === id || (incident === null && !isOver),
  );
  for (const { at: told, kind, text } of notices) {
    if (!events.some((event) => event.text.includes(text))) events.push({ at: instant(told), kind, text });
  }
  if (isOver) return events;
  const known = (of: State | null): Instant | null => of?.incident?.acknowledgedAt ?? null;
  const isNews = known(state) !== null && known(before) === null;
  if (isNews) events.push({ at, kind: 'acknowledged', text: 'an operator knows of it' });
  const said = isNews || events.some(({ text }) => text.includes(because));
  if (ended === null && speaking.has(line.kind) && !said) events.push({ at, kind: line.kind, text: because });
  const looksNew = state.incident?.id === id && before?.incident?.id === id && before.cause !== state.cause;
  if (looksNew) {
    const text = events.some((event) => event.text.includes(state.because)) ? '' : `: ${state.because}`;
    events.push({ at, kind: 'now', text: `${state.cause}${text}` });
  }
  return events;
}

function add(draft: Draft, event: TimelineEvent): void {
  const newest = draft.tail.at(-1) ?? draft.head.at(-1);
  if (newest?.kind === event.kind && newest.text === event.text) return;
  if (draft.head.length < headEvents) draft.head.push(event);
  else {
    draft.tail.push(event);
    if (draft.tail.length > tailEvents) {
      draft.tail.shift();
      draft.left += 1;
    }
  }
}

function storyOf(
  { incident, end, causes, needs, deeds, head, tail, left }: Draft,
  isOpen: boolean,
): IncidentStory {
  const seen = incident.closedAt ?? null;
  const over = end ?? (incident.servingAt === null ? 'closed' : 'resolved');
  const state = isOpen ? 'open' : seen === null && end === null ? 'lost' : over;
  // What was carried over from the incident before belongs there.
  const own = incident.attempts.filter(({ at }) => at >= incident.openedAt);
  const announced = [...deeds.values()].map((deed) => withAttempt(deed, own));
  const unheard = own.filter(({ actionId }) => !deeds.has(actionId)).map(fromAttempt);
  const all = [...announced, ...unheard].sort((one, other) => one.at - other.at);
  return { incident, state, causes: [...causes], needs, deeds: all, timeline: [...head, ...tail], left };
}

/** What the incident itself says of it is the newest word: a repair may have been kept or undone since. */
function withAttempt(deed: Deed, attempts: readonly Attempt[]): Deed {
  const attempt = attempts.find(({ actionId }) => actionId === deed.id);
  return attempt === undefined ? deed : { ...deed, outcome: attempt.outcome, cause: attempt.cause };
}

const fromAttempt = ({ actionId, rung, kind, cause, at, remedy, outcome }: Attempt): Deed => ({
  id: actionId,
  rung,
  kind,
  words: remedy === null ? kind : `${kind} ${remedy}`,
  cause,
  at,
  because: null,
  outcome,
  endedAt: null,
  ended: null,
});
