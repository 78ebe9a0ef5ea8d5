import { isDisruptive, isPaid } from './budget.ts';
import type { Cause } from './cause.ts';
import { type Change, tell } from './incident.ts';
import { deadlineMsOf, type Failing, type Permit, permit, rungOf, stepWords } from './ladder.ts';
import type { Rules } from './look.ts';
import type { Action, ActionStep, Open, State } from './state.ts';
import { strained } from './strain.ts';
import { type Instant, plus } from './time.ts';

/** What came of it: announced (in observe mode only told), or why not. */
type Act =
  | (Change & { readonly kind: 'go'; readonly actions: readonly Action[] })
  | Exclude<Permit, { readonly kind: 'go' }>;

/**
 * Announces the step if the ladder permits it. The attempt is recorded here, before it is made, so that dying in the
 * middle costs it.
 */
export function act(
  state: Open,
  diagnosis: Failing & { readonly step: ActionStep },
  now: Instant,
  rules: Rules,
): Act {
  const permitted = permit(state, diagnosis, { now, policy: rules.policy });
  if (permitted.kind !== 'go') return permitted;
  const { step, cause } = diagnosis;
  if (rules.mode === 'observe') {
    const text = `observing only: would ${stepWords(step)} now, because ${diagnosis.because}`;
    return {
      kind: 'go',
      ...tell({ ...state, because: text }, text, `would:${state.incident.id}:${cause}`, now),
      actions: [],
    };
  }
  return { kind: 'go', ...announce(state, diagnosis, now, rules) };
}

type Announced = Change & { readonly actions: readonly Action[] };

/** Records the attempt and what it costs. Whoever calls it has settled that the action may be made. */
export function announce(
  state: Open,
  {
    step,
    cause,
    because,
    asked,
  }: {
    readonly step: ActionStep;
    readonly cause: Cause;
    readonly because: string;
    /** By a person, who needs no telling. */
    readonly asked?: true;
  },
  now: Instant,
  { policy }: Pick<Rules, 'policy'>,
): Announced {
  const { incident } = state;
  const action: Action = {
    id: `A${state.nextAction}`,
    incident: incident.id,
    rung: rungOf(step),
    step,
    because,
    deadlineAt: plus(now, deadlineMsOf(step, policy)),
  };
  const text = `${stepWords(step)} (${action.id}): ${because}`;
  const mark = asked === undefined ? {} : { asked };
  const attempt = {
    actionId: action.id,
    rung: action.rung,
    kind: step.kind,
    cause,
    at: now,
    remedy: remedyOf(step),
    left: null,
    outcome: 'unknown' as const,
    ...mark,
  };
  return {
    state: {
      ...charge(state, action, now),
      phase: { kind: 'repairing', action, startedAt: now },
      because: text,
      incident: { ...incident, attempts: [...incident.attempts, attempt] },
      nextAction: state.nextAction + 1,
    },
    actions: [action],
    notices: [{ kind: 'action', at: now, incident: incident.id, text, ...mark }],
  };
}

function remedyOf(step: ActionStep): string | null {
  if (step.kind === 'undo') return step.of;
  return step.kind === 'reinstall' || step.kind === 'rollback' ? step.remedy : null;
}

/** What an action costs: repairs made while the gateway is down and the one start after them are one disruption. */
function charge(state: State, { id, step }: Action, now: Instant): State {
  const paid = isDisruptive(state, step) ? pay(state, id, now) : state;
  switch (step.kind) {
    case 'reinstall':
      return {
        ...paid,
        // No start belongs to what is mended while it serves on.
        round: state.cause === 'serving' ? null : (paid.round ?? id),
        reinstalls: [...paid.reinstalls, now],
        bootsSinceRepair: 0,
      };
    case 'rollback':
      return { ...paid, round: paid.round ?? id, rollbacks: [...paid.rollbacks, now], bootsSinceRepair: 0 };
    case 'undo':
      return paid;
    case 'end-orphan': {
      const { pid, startedAt } = step.orphan;
      return { ...paid, round: null, orphanEnded: { pid, startedAt, actionId: id, at: now } };
    }
    case 'restart':
    case 'start':
      return { ...paid, round: null };
    case 'reload':
      return { ...paid, round: null, reloads: [...paid.reloads, now], bootsSinceReload: 0 };
    case 'unpark':
      return { ...paid, round: null, unparks: [...paid.unparks, now], bootsSinceUnpark: 0 };
    /* v8 ignore next -- @preserve: the compiler proves that nothing gets here */
    default:
      return step satisfies never;
  }
}

/** What a round has paid counts from its newest move on: the start is what OpenClaw's breaker sees. */
function pay(state: State, id: string, now: Instant): State {
  if (!isPaid(state)) {
    return { ...state, spent: [...state.spent, { actionId: id, at: now }], strain: strained(state, now) };
  }
  const spent = state.spent.map((entry) => (entry.actionId === state.round ? { ...entry, at: now } : entry));
  return { ...state, spent };
}

type InFlight = State['phase'] & { readonly kind: 'repairing' };

/** The outcome of an attempt, written into its incident. */
export function settle(state: Open, { id, step }: Action, outcome: 'done' | 'failed'): State {
  const { incident } = state;
  const attempts = incident.attempts.map((each) => {
    // What was seen to hold while it was at work, or somebody else has changed since, stays settled.
    if (each.actionId === id) return each.outcome === 'kept' ? each : { ...each, outcome };
    // What an undo has put back no longer stands; what it could not is left to the operator.
    const undone = step.kind === 'undo' && each.actionId === step.of && outcome === 'done';
    return undone ? { ...each, outcome: 'undone' as const } : each;
  });
  const settled: State = { ...state, incident: { ...incident, attempts } };
  // Starts that ended at a port held by another say nothing of the next one.
  if (step.kind === 'end-orphan' && outcome === 'done') return { ...settled, bootsSinceReady: 0 };
  if (step.kind !== 'reinstall' && step.kind !== 'rollback') return settled;
  // Starts that failed before the repair say nothing of the ones after it. A repair that failed earns no start.
  return outcome === 'done'
    ? { ...settled, bootsSinceReady: 0, bootsSinceRepair: 0 }
    : { ...settled, round: state.round === id ? null : state.round };
}

/** An action that changed nothing costs nothing, but it is counted: refusing for ever must end somewhere too. */
export function refund(
  state: Open,
  { action: { id: actionId, step }, startedAt }: InFlight,
  refused: NonNullable<State['refused']>,
): State {
  const { incident } = state;
  // Of its own kind alone: after a step of the clock another one may bear the very same moment.
  const without = (kind: ActionStep['kind'], made: readonly Instant[]): readonly Instant[] =>
    step.kind === kind ? made.toSpliced(made.lastIndexOf(startedAt), 1) : made;
  const attempts = incident.attempts.filter((each) => each.actionId !== actionId);
  const paid = state.spent.some((entry) => entry.actionId === actionId);
  // One of a round has dated the round's own entry; the round is still open then.
  const round = state.spent.find(({ at }) => at === startedAt)?.actionId ?? state.round;
  return {
    ...state,
    refusals: state.refusals + 1,
    refused,
    strain: { ...state.strain, count: Math.max(0, state.strain.count - Number(paid)) },
    round: paid ? null : round,
    reloads: without('reload', state.reloads),
    unparks: without('unpark', state.unparks),
    orphanEnded: state.orphanEnded?.actionId === actionId ? null : state.orphanEnded,
    reinstalls: without('reinstall', state.reinstalls),
    rollbacks: without('rollback', state.rollbacks),
    spent: state.spent.filter((entry) => entry.actionId !== actionId),
    incident: { ...incident, attempts },
  };
}
