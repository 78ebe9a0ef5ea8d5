import { type Decision, decision, inDoubt, pausedText, suspend } from './decision.ts';
import type { Evidence } from './evidence.ts';
import type { Rules } from './look.ts';
import { respond } from './respond.ts';
import type { ActionOutcome, State } from './state.ts';
import type { Instant } from './time.ts';

export type Command =
  | { readonly kind: 'pause'; readonly until: Instant | null; readonly because: string }
  | { readonly kind: 'resume' };

export type Event =
  | { readonly kind: 'observed'; readonly evidence: Evidence }
  | { readonly kind: 'finished'; readonly actionId: string; readonly outcome: ActionOutcome }
  /** We died between announcing an action and learning its outcome. */
  | { readonly kind: 'interrupted'; readonly actionId: string }
  | { readonly kind: 'commanded'; readonly command: Command };

/** The one function: total over events, no clock, no I/O. `now` is the watchdog's own steady time. */
export function decide(state: State, event: Event, now: Instant, rules: Rules): Decision {
  switch (event.kind) {
    case 'observed':
      return respond(state, event.evidence, now, rules);
    case 'finished':
      return finished(state, event.actionId, event.outcome);
    case 'interrupted':
      return interrupted(state, event.actionId);
    case 'commanded':
      return commanded(state, event.command, now);
    default:
      return event satisfies never;
  }
}

function finished(state: State, actionId: string, outcome: ActionOutcome): Decision {
  if (state.phase.kind !== 'repairing' || state.phase.action.id !== actionId) return decision(state);
  const after: State = {
    ...state,
    failing: null,
    phase: { kind: outcome.kind === 'done' ? 'starting' : 'suspect' },
  };
  switch (outcome.kind) {
    case 'done':
      return decision({ ...after, because: `${outcome.because}; waiting for the gateway to serve` });
    case 'failed':
      return decision({ ...after, because: `the action failed: ${outcome.because}` });
    case 'refused':
      return decision({ ...refund(after, actionId), because: `nothing was done: ${outcome.because}` });
    default:
      return outcome satisfies never;
  }
}

/** An action that changed nothing costs nothing, but it is counted: refusing for ever must end somewhere too. */
function refund(state: State, actionId: string): State {
  const incident = state.incident;
  const announced = state.spent.find((entry) => entry.actionId === actionId)?.at;
  return {
    ...state,
    refusals: state.refusals + 1,
    reloads: state.reloads.filter((at) => at !== announced),
    unparks: state.unparks.filter((at) => at !== announced),
    spent: state.spent.filter((entry) => entry.actionId !== actionId),
    incident:
      incident === null
        ? null
        : { ...incident, attempts: incident.attempts.filter((attempt) => attempt.actionId !== actionId) },
  };
}

function interrupted(state: State, actionId: string): Decision {
  if (state.phase.kind !== 'repairing' || state.phase.action.id !== actionId) return decision(state);
  return decision({
    ...state,
    failing: null,
    phase: { kind: 'starting' },
    because: 'the watchdog died during an action; it looks first and counts the action as made',
  });
}

function commanded(state: State, command: Command, now: Instant): Decision {
  switch (command.kind) {
    case 'pause': {
      const pause = { since: now, until: command.until, because: command.because };
      const paused: State = { ...state, pause };
      if (state.phase.kind === 'repairing' || inDoubt(state)) return decision(paused);
      return decision(suspend(paused, 'paused', pausedText(paused, now)));
    }
    case 'resume': {
      const resumed: State = { ...state, pause: null, because: 'resumed; looking at the gateway' };
      return decision(
        state.phase.kind === 'suspended' ? { ...resumed, phase: { kind: 'starting' } } : resumed,
      );
    }
    default:
      return command satisfies never;
  }
}
