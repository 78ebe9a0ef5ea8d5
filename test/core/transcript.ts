import { expect } from 'vitest';
import { type Command, decide, type Event } from '../../src/core/decide.ts';
import type { Decision } from '../../src/core/decision.ts';
import type { Rules } from '../../src/core/look.ts';
import { type ActionOutcome, initialState, type Phase, type State } from '../../src/core/state.ts';
import { type Instant, instant } from '../../src/core/time.ts';
import { acting, moment, spellMoment } from './story.ts';
import { type Sight, serving } from './world.ts';

/** What happened, and under it what an operator would read: phase, cause and reason where they change, and every notice. */
export interface Transcript {
  /** One look at this moment. */
  sees(time: string, words: string, seen: Sight): void;
  /** Looks from one moment to another, both included, every five seconds unless told otherwise. */
  keepsSeeing(span: readonly [from: string, to: string, everyS?: number], words: string, seen: Sight): void;
  /** The newest action ends so. */
  ends(time: string, how: ActionOutcome['kind'] | 'interrupted', because?: string): void;
  commands(time: string, command: Command): void;
  readonly state: State;
  /** Disruptive actions in the budget's window. */
  readonly paid: number;
  readonly deeds: readonly string[];
  /** The whole story so far, to be compared with what is expected. */
  read(): string;
}

const widthLimit = 112;

// A transcript stands in its test as the text it is, without quotes around it.
expect.addSnapshotSerializer({ test: (value) => typeof value === 'string', serialize: String });

export function transcript(rules: Rules = acting, before: State = initialState): Transcript {
  const lines: string[] = [];
  const deeds: string[] = [];
  let state = before;
  let shown = '';
  const take = (event: Event, now: Instant): void => {
    const next = decide(state, event, now, rules);
    // Through JSON, as the journal does: nothing may live outside what is persisted.
    state = JSON.parse(JSON.stringify(next.state)) as State;
    deeds.push(...next.actions.map(({ step }) => step.kind));
    const time = spellMoment(now).padStart(9);
    const stands = standsWords(state);
    if (stands !== shown) lines.push(...wrapped(`${time}  `, `${stands}${reason(next)}`));
    shown = stands;
    for (const { kind, text } of next.notices) lines.push(...wrapped(`${time}  `, `[${kind}] ${text}`));
  };
  const look = (now: Instant, seen: Sight): void => take({ kind: 'observed', evidence: seen(now) }, now);
  return {
    sees: (time, words, seen) => {
      lines.push(`${time}  ${words}`);
      look(moment(time), seen);
    },
    keepsSeeing: ([from, to, everyS = 5], words, seen) => {
      lines.push(`${from} to ${to}  ${words}`);
      for (let now = moment(from); now <= moment(to); now = instant(now + everyS * 1_000)) look(now, seen);
    },
    ends: (time, how, because = 'so it went') => {
      const actionId = `A${state.nextAction - 1}`;
      lines.push(`${time}  ${actionId} ${how === 'interrupted' ? 'is interrupted: the watchdog died' : how}`);
      if (how === 'interrupted') return take({ kind: how, actionId }, moment(time));
      return take({ kind: 'finished', actionId, outcome: { kind: how, because } }, moment(time));
    },
    commands: (time, command) => {
      lines.push(`${time}  the operator types "immune ${command.kind}"`);
      take({ kind: 'commanded', command }, moment(time));
    },
    get state() {
      return state;
    },
    get paid() {
      return state.spent.length;
    },
    get deeds() {
      return deeds;
    },
    read: () => lines.join('\n'),
  };
}

/** The gateway has been serving since before the story begins. */
export function transcriptOfServing(rules: Rules = acting): Transcript {
  const story = transcript(rules);
  story.sees('00:00', 'the gateway serves', serving());
  return story;
}

function standsWords({ phase, cause, also }: State): string {
  const others = also.filter((each) => each !== cause);
  return `${phaseWords(phase)}: ${cause}${others.length === 0 ? '' : ` (also ${others.join(', ')})`}`;
}

function phaseWords(phase: Phase): string {
  if (phase.kind !== 'suspended') return phase.kind;
  const until = phase.until === null ? '' : ` until ${spellMoment(phase.until)}`;
  return `suspended${until} (${phase.cause})`;
}

/** Not said twice where a notice of the same moment says it. */
function reason({ because, notices }: Decision): string {
  return notices.some(({ text }) => text.includes(because)) ? '' : ` | ${because}`;
}

function wrapped(head: string, text: string): readonly string[] {
  const lines = [head.trimEnd()];
  for (const word of text.split(' ')) {
    const last = lines.length - 1;
    const joined = `${lines[last]}${last === 0 && lines[0] === head.trimEnd() ? '  ' : ' '}${word}`;
    if (joined.length <= widthLimit) lines[last] = joined;
    else lines.push(`${' '.repeat(head.length + 2)}${word}`);
  }
  return lines;
}
