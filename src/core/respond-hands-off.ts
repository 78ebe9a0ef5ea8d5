import { type Decision, decision, suspend } from './decision.ts';
import { close, tell } from './incident.ts';
import type { Diagnosis } from './look.ts';
import type { Moment } from './respond-doubt.ts';
import { isOpen, type State } from './state.ts';
import { plus, since } from './time.ts';
import { spell } from './words.ts';

/** Somebody else is at work, or wants it down: nothing is done, for as long as the reason holds, visibly. */
export function handsOff(
  named: State,
  lead: Diagnosis & { stance: 'hands-off' },
  { now, rules: { policy } }: Moment,
): Decision {
  const byOperator = lead.endsIncident === true;
  const kept = named.phase.kind === 'suspended' && named.phase.cause === lead.cause ? named.phase.since : now;
  const until = byOperator ? null : plus(kept, policy.suspendTellMs);
  const state: State = {
    ...suspend(named, lead, { now, until }),
    wanted: byOperator ? 'down' : named.wanted,
  };
  if (lead.needsPerson === true) {
    const began = named.unknownSince ?? now;
    const waiting: State = { ...state, unknownSince: began };
    if (since(began, now) < policy.unknownTellMs) return decision(waiting);
    const told = tell(waiting, lead.because, lead.cause, now);
    return decision(told.state, told.notices);
  }
  if (until !== null && now >= until) {
    const text = `for ${spell(policy.suspendTellMs)} nothing has been touched: ${lead.because}`;
    const told = tell(state, text, `long:${lead.cause}`, now);
    return decision(told.state, told.notices);
  }
  if (!byOperator || !isOpen(state)) return decision(state);
  const closed = close(state, { kind: 'closed' }, now);
  return decision(closed.state, closed.notices);
}
