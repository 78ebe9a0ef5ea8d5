import type { Alert, Severity } from '../../src/core/alert.ts';
import { type AlertBook, type AlertLine, beginBook, type Desk } from '../../src/core/alert-book.ts';
import { takeLine } from '../../src/core/alert-compose.ts';
import { afterGap, takeTime } from '../../src/core/alert-time.ts';
import { type Command, decide, type Event } from '../../src/core/decide.ts';
import type { Rules } from '../../src/core/look.ts';
import type { Notice } from '../../src/core/notice.ts';
import { defaultPolicy, type Policy } from '../../src/core/policy.ts';
import {
  type Action,
  type ActionOutcome,
  type Incident,
  initialState,
  type State,
} from '../../src/core/state.ts';
import { type Instant, instant } from '../../src/core/time.ts';
import { isTransition } from '../../src/daemon/transition.ts';
import { acting, moment, spellMoment } from './story.ts';
import type { Sight } from './world.ts';

export const desk = (policy: Partial<Policy> = {}, least: readonly Severity[] = ['info']): Desk => ({
  policy: { ...defaultPolicy, ...policy },
  channels: least.map((minSeverity, index) => ({
    name: ['phone', 'mail', 'desk'][index] ?? 'more',
    minSeverity,
  })),
});

/** A whole watchdog without a machine: looks go in, and what a person would be told comes out. */
export interface AlertStory {
  readonly alerts: readonly Alert[];
  /** "01:30 down", in order. */
  readonly told: readonly string[];
  /** The reasons, newest last. */
  readonly codes: readonly string[];
  readonly book: AlertBook;
  readonly state: State;
  readonly lines: readonly AlertLine[];
  at(time: string, seen: Sight): void;
  hold(from: string, to: string, seen: Sight, everyS?: number): void;
  command(time: string, command: Command): void;
  ends(time: string, how: ActionOutcome['kind']): void;
}

export function alertStory(
  on: { readonly rules?: Rules; readonly desk?: Desk; readonly before?: State } = {},
): AlertStory {
  const rules = on.rules ?? acting;
  const where = on.desk ?? desk();
  let state = on.before ?? initialState;
  let book = beginBook(0, on.before ?? null);
  const lines: AlertLine[] = [];
  const actions: Action[] = [];
  const take = (event: Event, now: Instant): void => {
    const next = decide(state, event, now, rules);
    const isLine = next.actions.length > 0 || next.notices.length > 0 || event.kind !== 'observed';
    const changed = isLine || isTransition(state, next.state);
    state = JSON.parse(JSON.stringify(next.state)) as State;
    actions.push(...next.actions);
    if (changed) {
      const kind =
        next.actions.length > 0
          ? 'intent'
          : ({ observed: 'decided', finished: 'outcome' }[event.kind as 'observed'] ?? 'commanded');
      lines.push({ seq: lines.length + 1, at: now, kind, notices: next.notices, state });
      book = takeLine(book, lines.at(-1) as AlertLine, where);
    }
    if (event.kind === 'observed') {
      book = takeTime(afterGap(book, { now, gapMs: event.evidence.gapMs }, where), now, where);
    }
    // Through JSON, as the daemon does.
    book = JSON.parse(JSON.stringify(book)) as AlertBook;
  };
  const look = (now: Instant, seen: Sight): void => take({ kind: 'observed', evidence: seen(now) }, now);
  return {
    get alerts() {
      return book.entries.map(({ alert }) => alert);
    },
    get told() {
      return book.entries.map(({ alert }) => `${spellMoment(alert.at)} ${alert.kind}`);
    },
    get codes() {
      return book.reasons.map(({ code }) => code);
    },
    get book() {
      return book;
    },
    get state() {
      return state;
    },
    lines,
    at: (time, seen) => look(moment(time), seen),
    hold: (from, to, seen, everyS = 5) => {
      for (let now = moment(from); now <= moment(to); now = instant(now + everyS * 1_000)) look(now, seen);
    },
    command: (time, command) => take({ kind: 'commanded', command }, moment(time)),
    ends: (time, how) => {
      const actionId = actions.at(-1)?.id ?? 'none';
      take(
        {
          kind: 'finished',
          actionId,
          outcome: { kind: how, because: 'put in place; what it replaced is kept' },
        },
        moment(time),
      );
    },
  };
}

export const incidentOf = (change: Partial<Incident> = {}): Incident => ({
  id: 'I1',
  openedAt: moment('00:00'),
  cause: 'crashed',
  because: 'the process is gone',
  attempts: [],
  attemptsFrom: 0,
  exhaustedAt: null,
  exhaustedOn: null,
  acknowledgedAt: null,
  servingAt: null,
  closedAt: null,
  outcome: null,
  ...change,
});

export const notice = (kind: Notice['kind'], text: string, incident: string | null = 'I1'): Notice => ({
  kind,
  at: moment('00:00'),
  incident,
  text,
});

/** A line of the journal made by hand. */
export const lineOf = (
  seq: number,
  time: string,
  change: Partial<State>,
  notices: readonly Notice[] = [],
): AlertLine => ({
  seq,
  at: moment(time),
  kind: 'decided',
  notices,
  state: {
    ...initialState,
    phase: { kind: 'suspect' },
    because: 'the process is gone',
    cause: 'crashed',
    ...change,
  },
});
