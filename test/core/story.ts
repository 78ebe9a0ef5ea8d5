import { type Command, decide, type Event } from '../../src/core/decide.ts';
import type { Decision } from '../../src/core/decision.ts';
import type { Rules } from '../../src/core/look.ts';
import { defaultPolicy } from '../../src/core/policy.ts';
import { type Action, type ActionOutcome, initialState, type State } from '../../src/core/state.ts';
import { type Instant, instant } from '../../src/core/time.ts';
import { dawn, label, type Sight, serving } from './world.ts';

export const acting: Rules = { policy: defaultPolicy, mode: 'act', label };
export const observing: Rules = { ...acting, mode: 'observe' };

/** "01:30" (minutes:seconds) or "2:00:00" (hours first) after dawn. */
export function moment(text: string): Instant {
  const parts = text.split(':').map(Number);
  return instant(dawn + parts.reduce((sum, part) => sum * 60 + part, 0) * 1_000);
}

/** The moment as `moment` reads it. */
export function spellMoment(at: Instant): string {
  const s = Math.round((at - dawn) / 1_000);
  const two = (n: number): string => String(n).padStart(2, '0');
  const rest = `${two(Math.floor((s % 3_600) / 60))}:${two(s % 60)}`;
  return s < 3_600 ? rest : `${Math.floor(s / 3_600)}:${rest}`;
}

/** A transcript under way: looks and commands go in at moments, and what the operator would hear comes out. */
export interface Story {
  /** "00:10 opened", in order. */
  readonly heard: readonly string[];
  readonly texts: readonly string[];
  readonly actions: readonly Action[];
  /** What was done, in order. */
  readonly deeds: readonly string[];
  readonly phase: string;
  readonly state: State;
  at(time: string, seen: Sight): Decision;
  /** A look every `everyS` seconds, from and to included. */
  hold(from: string, to: string, seen: Sight, everyS?: number): void;
  command(time: string, command: Command): Decision;
  /** The newest action ends so. */
  ends(time: string, how: ActionOutcome['kind'] | 'interrupted'): Decision;
}

export function tell(rules: Rules = acting, before: State = initialState): Story {
  const heard: string[] = [];
  const texts: string[] = [];
  const actions: Action[] = [];
  let state = before;
  const take = (event: Event, now: Instant): Decision => {
    const next = decide(state, event, now, rules);
    // Through JSON, as the journal does: nothing may live outside what is persisted.
    state = JSON.parse(JSON.stringify(next.state)) as State;
    actions.push(...next.actions);
    for (const notice of next.notices) {
      heard.push(`${spellMoment(notice.at)} ${notice.kind}`);
      texts.push(notice.text);
    }
    return next;
  };
  const look = (now: Instant, seen: Sight): Decision => take({ kind: 'observed', evidence: seen(now) }, now);
  return {
    heard,
    texts,
    actions,
    get deeds() {
      return actions.map((action) => action.step.kind);
    },
    get phase() {
      const { phase } = state;
      return phase.kind === 'suspended' || phase.kind === 'exhausted'
        ? `${phase.kind}: ${phase.cause}`
        : phase.kind;
    },
    get state() {
      return state;
    },
    at: (time, seen) => look(moment(time), seen),
    hold: (from, to, seen, everyS = 5) => {
      for (let now = moment(from); now <= moment(to); now = instant(now + everyS * 1_000)) look(now, seen);
    },
    command: (time, command) => take({ kind: 'commanded', command }, moment(time)),
    ends: (time, how) => {
      const actionId = actions.at(-1)?.id ?? 'none';
      if (how === 'interrupted') return take({ kind: how, actionId }, moment(time));
      return take(
        { kind: 'finished', actionId, outcome: { kind: how, because: 'so it went' } },
        moment(time),
      );
    },
  };
}

/** The gateway has been serving since before the story begins. */
export function tellOfServing(rules: Rules = acting): Story {
  const story = tell(rules);
  story.at('00:00', serving());
  return story;
}
