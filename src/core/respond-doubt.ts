import { act } from './act.ts';
import { type Decision, decision } from './decision.ts';
import type { Evidence } from './evidence.ts';
import { exhaust, open, tell } from './incident.ts';
import type { Assessment, Diagnosis, Rules } from './look.ts';
import { count, keepExhausted } from './run-of-failures.ts';
import { standing } from './standing.ts';
import type { State } from './state.ts';
import { type Instant, millis, since } from './time.ts';
import { unhelpful } from './undo.ts';
import { spell } from './words.ts';

/** One look under way: when, by which rules, on what evidence. */
export interface Moment {
  readonly now: Instant;
  readonly rules: Rules;
  readonly evidence: Evidence;
}

type Over<D extends Diagnosis> = Assessment & { readonly lead: D };

/** Nothing can be told: nothing is done, and after a while the operator hears that. */
export function unknown(named: State, { now, rules: { policy } }: Moment): Decision {
  const began = named.unknownSince ?? now;
  const state: State = { ...named, unknownSince: began, failing: null };
  if (since(began, now) < policy.unknownTellMs) return decision(state);
  const told = tell(
    state,
    `cannot tell for ${spell(policy.unknownTellMs)}: ${named.because}`,
    'unknown',
    now,
  );
  return decision(told.state, told.notices);
}

/** Something no rung may touch: told once it has held. A repair of ours that did not help is taken back first. */
export function untouchable(
  named: State,
  assessment: Over<Diagnosis & { stance: 'untouchable' }>,
  { now, rules, evidence }: Moment,
): Decision {
  const { lead } = assessment;
  const { policy } = rules;
  const state = count(named, { cause: lead.cause, at: now, now, policy });
  const { since: began } = state.failing;
  const held = since(began, now);
  if (held < lead.dueAfterMs) return decision({ ...state, phase: keepExhausted(state, { kind: 'suspect' }) });
  const opened = open(state, began, { now, policy });
  const step = unhelpful(opened.state, assessment, { evidence, state, now, rules });
  const undo = { stance: 'failing', opensAfterMs: millis(0), dueAfterMs: millis(0) } as const;
  const acted = step === null ? null : act(opened.state, { ...lead, ...undo, step }, now, rules);
  if (acted?.kind === 'go') {
    return decision(acted.state, [...opened.notices, ...acted.notices], acted.actions);
  }
  // Nothing is left to the operator while our own repair stands there and can still be taken back.
  if (acted?.kind === 'wait')
    return decision(
      {
        ...opened.state,
        phase: keepExhausted(opened.state, { kind: 'suspect' }),
        because: `${lead.because}; ${acted.because}`,
      },
      opened.notices,
    );
  const why = acted === null ? lead.because : `${lead.because}; ${acted.because}`;
  const given = exhaust(opened.state, { why, on: standing(evidence, policy) }, now);
  return decision(given.state, [...opened.notices, ...given.notices]);
}
