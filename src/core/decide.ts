import { refund, settle } from './act.ts';
import { type Order, restartAsked } from './asked.ts';
import { type Decision, decision, inDoubt, pause } from './decision.ts';
import type { Evidence } from './evidence.ts';
import { reopen } from './incident.ts';
import type { Rules } from './look.ts';
import type { Notice } from './notice.ts';
import { changedByHand } from './package-seen.ts';
import { respond } from './respond.ts';
import { type Action, type ActionOutcome, isOpen, type Open, type State } from './state.ts';
import type { Instant } from './time.ts';

export type Command =
  | { readonly kind: 'pause'; readonly until: Instant | null; readonly because: string }
  | { readonly kind: 'resume' }
  /** A person wants another try now: fresh attempts, the same budgets. */
  | { readonly kind: 'repair' }
  /** A person knows of the open incident. */
  | { readonly kind: 'acknowledge' }
  /** A person has put the package right, or taken that back, beside the ladder. */
  | { readonly kind: 'package-changed' }
  /** A person wants it started or restarted now, on what this look has seen. */
  | ({ readonly kind: 'restart' } & Order);

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
      return finished(state, event, now);
    case 'interrupted':
      return interrupted(state, event.actionId);
    case 'commanded':
      return commanded(state, event.command, now, rules);
    /* v8 ignore next -- @preserve: the compiler proves that nothing gets here */
    default:
      return event satisfies never;
  }
}

function finished(
  state: State,
  { actionId, outcome }: Event & { readonly kind: 'finished' },
  now: Instant,
): Decision {
  const { phase } = state;
  if (phase.kind !== 'repairing' || phase.action.id !== actionId || !isOpen(state)) return decision(state);
  const after: Open = {
    ...state,
    failing: null,
    phase: { kind: outcome.kind === 'done' ? 'starting' : 'suspect' },
  };
  switch (outcome.kind) {
    case 'done': {
      const because = `${outcome.because}; waiting for the gateway to serve`;
      const settled = { ...settle(after, phase.action, 'done'), because };
      return decision(settled, replaces(phase.action) ? [told(after, outcome, now)] : []);
    }
    case 'failed':
      return decision({
        ...settle(after, phase.action, 'failed'),
        because: `the action failed: ${outcome.because}`,
      });
    case 'refused':
      return decision({
        ...refund(after, phase, { at: now, because: outcome.because }),
        because: `nothing was done: ${outcome.because}`,
      });
    /* v8 ignore next -- @preserve: the compiler proves that nothing gets here */
    default:
      return outcome satisfies never;
  }
}

/** What it put in the place of the operator's files, where those are, and how to get them back. */
const told = ({ incident }: Open, { because }: ActionOutcome, now: Instant): Notice => ({
  kind: 'told',
  at: now,
  incident: incident.id,
  text: because,
});

const replaces = ({ step }: Action): boolean =>
  step.kind === 'rollback' || step.kind === 'reinstall' || step.kind === 'undo';

function interrupted(state: State, actionId: string): Decision {
  if (state.phase.kind !== 'repairing' || state.phase.action.id !== actionId) return decision(state);
  return decision({
    ...state,
    failing: null,
    phase: { kind: 'starting' },
    because: 'the watchdog died during an action; it looks first and counts the action as made',
  });
}

function commanded(state: State, command: Command, now: Instant, rules: Rules): Decision {
  switch (command.kind) {
    case 'pause': {
      const asked = { since: now, until: command.until, because: command.because };
      const paused: State = { ...state, pause: asked };
      if (state.phase.kind === 'repairing' || inDoubt(state)) return decision(paused);
      return decision(pause(paused, now));
    }
    case 'resume': {
      const resumed: State = { ...state, pause: null, because: 'resumed; looking at the gateway' };
      return decision(
        state.phase.kind === 'suspended' ? { ...resumed, phase: { kind: 'starting' } } : resumed,
      );
    }
    case 'repair': {
      if (!isOpen(state) || state.phase.kind === 'repairing' || inDoubt(state)) return decision(state);
      const again = { ...reopen(state), because: 'asked to try again; looking at the gateway' };
      return decision(
        state.pause === null ? again : { ...again, phase: state.phase, because: state.because },
      );
    }
    case 'acknowledge': {
      if (state.incident === null) return decision(state);
      return decision({ ...state, incident: { ...state.incident, acknowledgedAt: now } });
    }
    case 'package-changed':
      return decision(changedByHand(state, now));
    case 'restart':
      return restartAsked(state, command, now, rules);
    /* v8 ignore next -- @preserve: the compiler proves that nothing gets here */
    default:
      return command satisfies never;
  }
}
