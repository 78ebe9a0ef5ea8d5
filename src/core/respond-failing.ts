import { act } from './act.ts';
import { type Decision, decision } from './decision.ts';
import { exhaust, open } from './incident.ts';
import type { Failing } from './ladder.ts';
import type { Assessment } from './look.ts';
import type { Moment } from './respond-doubt.ts';
import { count, keepExhausted } from './run-of-failures.ts';
import { standing } from './standing.ts';
import type { ActionStep, Open, State } from './state.ts';
import { millis, since } from './time.ts';
import { unhelpful } from './undo.ts';
import { spell } from './words.ts';

/** A cause a rung claims: suspected, opened as an incident, acted on when due and permitted, else told. */
export function failing(
  named: State,
  assessment: Assessment & { readonly lead: Failing },
  moment: Moment,
): Decision {
  const { now, rules, evidence } = moment;
  const { policy } = rules;
  const { lead } = assessment;
  const counted = count(named, { cause: lead.cause, at: lead.since ?? now, now, policy });
  const { since: began, misses } = counted.failing;
  const sure = lead.proven === true || misses >= policy.missesToOpen;
  // Silence counts up to the last question that stayed unanswered, not through our own slower lookups after it.
  const held = since(began, lead.until ?? now);
  if ((held < lead.opensAfterMs || !sure) && counted.incident === null) {
    return decision({ ...counted, phase: { kind: lead.opensAfterMs > 0 ? 'starting' : 'suspect' } });
  }
  const opened = open(counted, began, { now, policy });
  const suspect: Open = { ...opened.state, phase: keepExhausted(opened.state, { kind: 'suspect' }) };
  if (held < lead.dueAfterMs || !sure) {
    return decision({ ...suspect, because: notDue(lead, held) }, opened.notices);
  }
  const undo = unhelpful(suspect, assessment, { evidence, state: suspect, now, rules });
  const step = undo ?? lead.step;
  // One look at the process that failed proves nothing: only a lasting one is told, and a later proof still counts.
  if (step === null && held < lead.dueAfterMs + policy.unknownTellMs) {
    const because = `${lead.because}; which process that is could not be proven yet`;
    return decision({ ...suspect, because }, opened.notices);
  }
  if (step === null) return giveUp(suspect, 'which process that is could not be proven, so nothing was done');
  return climb(step);

  function climb(next: ActionStep): Decision {
    const acted = act(suspect, { ...lead, step: next }, now, rules);
    switch (acted.kind) {
      case 'go':
        return decision(acted.state, [...opened.notices, ...acted.notices], acted.actions);
      case 'wait':
        return decision({ ...suspect, because: `${lead.because}; ${acted.because}` }, opened.notices);
      case 'spent':
        return giveUp(suspect, acted.because);
      /* v8 ignore next -- @preserve: the compiler proves that nothing gets here */
      default:
        return acted satisfies never;
    }
  }

  function giveUp(state: Open, why: string): Decision {
    const given = exhaust(state, { why: `${lead.because}; ${why}`, on: standing(evidence, policy) }, now);
    return decision(given.state, [...opened.notices, ...given.notices]);
  }
}

function notDue(lead: Failing, held: number): string {
  if (lead.step === null || lead.dueAfterMs === Number.MAX_SAFE_INTEGER) return lead.because;
  if (held >= lead.dueAfterMs) return `${lead.because}; looking once more before anything is done`;
  const left = spell(millis(lead.dueAfterMs - held));
  return `${lead.because}; acts in ${left} unless it recovers`;
}
