import { isPaid } from './budget.ts';
import { noteLoss } from './flap.ts';
import { isInPlace } from './in-place.ts';
import { deadlineMsOf, type Failing, type Permit, permit, rungOf, stepWords } from './ladder.ts';
import type { Rules } from './look.ts';
import type { Notice } from './notice.ts';
import type { Policy } from './policy.ts';
import type { Standing } from './standing.ts';
import {
  type Action,
  type ActionStep,
  type Cause,
  type Incident,
  isOpen,
  type Open,
  type State,
} from './state.ts';
import { strained } from './strain.ts';
import { type Instant, plus, since } from './time.ts';
import { spell } from './words.ts';

interface Change<S extends State = State> {
  readonly state: S;
  readonly notices: readonly Notice[];
}

interface Opening {
  readonly now: Instant;
  readonly policy: Policy;
  /** What it is about, where the gateway serves on: then nothing was lost. */
  readonly cause?: Cause;
}

/** Opens an incident unless one is open. `began` is the first failed look, `now` the moment we are sure. */
export function open(before: State, began: Instant, { now, policy, cause }: Opening): Change<Open> {
  if (isOpen(before)) return { state: before, notices: [] };
  const state = cause === undefined ? noteLoss(before, now, policy) : before;
  // A repair that nobody has judged (its incident ended with a stop of the operator) is still to be answered for.
  const carried = state.lastIncident?.attempts.filter(isInPlace) ?? [];
  const incident: Incident = {
    id: `I${state.nextIncident}`,
    openedAt: began,
    cause: cause ?? state.cause,
    because: state.because,
    attempts: carried,
    attemptsFrom: carried.length,
    exhaustedAt: null,
    exhaustedOn: null,
    acknowledgedAt: null,
    servingAt: null,
    closedAt: null,
    outcome: null,
  };
  return {
    state: { ...state, incident, refusals: 0, refused: null, nextIncident: state.nextIncident + 1 },
    notices: [
      { kind: 'opened', at: now, incident: incident.id, text: `incident ${incident.id}: ${state.because}` },
    ],
  };
}

/** How many actions were made in it: attempts that were carried over are of the incident before. */
export const actionsOf = ({ attempts, openedAt }: Incident): number =>
  attempts.filter(({ at }) => at >= openedAt).length;

type End =
  | { readonly kind: 'resolved'; readonly servingAt: Instant }
  /** `because` where it was no stop of the operator's. */
  | { readonly kind: 'closed'; readonly because?: string };

/** Ends the open incident: `resolved` when the gateway serves again, `closed` when somebody stopped it on purpose. */
export function close(state: Open, end: End, now: Instant): Change {
  const { incident } = state;
  const made = actionsOf(incident);
  const hand =
    made === 0
      ? 'without any action of the watchdog'
      : `after ${made} action${made === 1 ? '' : 's'} of the watchdog`;
  const outcome =
    end.kind === 'closed'
      ? (end.because ?? 'the gateway was stopped on purpose')
      : hasServedOn(state)
        ? `mended ${hand}; the gateway served on all the time`
        : `serving again ${hand}; it was away for ${spell(since(incident.openedAt, end.servingAt))}`;
  const ended: Incident = { ...incident, closedAt: now, outcome };
  return {
    state: { ...state, incident: null, lastIncident: ended, round: null },
    notices: [
      {
        kind: end.kind,
        at: now,
        incident: incident.id,
        text: `incident ${incident.id} (${incident.cause}): ${outcome}`,
      },
    ],
  };
}

/** The process that serves was ready before the incident was opened: it was about the next start alone. */
function hasServedOn({ incident, generation }: Open): boolean {
  const readyAt = generation?.readyAt ?? null;
  return incident.cause === 'dependency-latent' && readyAt !== null && readyAt <= incident.openedAt;
}

/** Nothing left that could help: said once per incident, and the watchdog goes on looking. */
export function exhaust(
  state: Open,
  { why, on }: { readonly why: string; readonly on: Standing },
  now: Instant,
): Change {
  const { incident, cause } = state;
  const next: State = { ...state, phase: { kind: 'exhausted', cause }, because: why };
  const resting: Incident = { ...incident, exhaustedOn: incident.exhaustedOn ?? on };
  if (incident.exhaustedAt !== null) return { state: { ...next, incident: resting }, notices: [] };
  return {
    state: { ...next, incident: { ...resting, exhaustedAt: now } },
    notices: [{ kind: 'exhausted', at: now, incident: incident.id, text: `needs you: ${why}` }],
  };
}

/** A fresh series of attempts, within the same incident and the same budgets. */
export function reopen(state: Open): Open {
  const { incident } = state;
  return {
    ...state,
    refusals: 0,
    refused: null,
    failing: null,
    phase: { kind: 'suspect' },
    incident: { ...incident, attemptsFrom: incident.attempts.length, exhaustedOn: null },
  };
}

/** Tells one condition once, until the gateway is ready again without it. */
export function tell(state: State, text: string, key: string, now: Instant): Change {
  if (state.told.includes(key)) return { state, notices: [] };
  return {
    state: { ...state, told: [...state.told, key] },
    notices: [{ kind: 'told', at: now, incident: state.incident?.id ?? null, text }],
  };
}

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
  const { incident } = state;
  const { step, cause } = diagnosis;
  if (rules.mode === 'observe') {
    const text = `observing only: would ${stepWords(step)} now, because ${diagnosis.because}`;
    return {
      kind: 'go',
      ...tell({ ...state, because: text }, text, `would:${incident.id}:${cause}`, now),
      actions: [],
    };
  }
  const action: Action = {
    id: `A${state.nextAction}`,
    incident: incident.id,
    rung: rungOf(step),
    step,
    because: diagnosis.because,
    deadlineAt: plus(now, deadlineMsOf(step, rules.policy)),
  };
  const text = `${stepWords(step)} (${action.id}): ${diagnosis.because}`;
  const attempt = {
    actionId: action.id,
    rung: action.rung,
    kind: step.kind,
    cause,
    at: now,
    remedy: remedyOf(step),
    left: null,
    outcome: 'unknown' as const,
  };
  return {
    kind: 'go',
    state: {
      ...charge(state, action, now),
      phase: { kind: 'repairing', action, startedAt: now },
      because: text,
      incident: { ...incident, attempts: [...incident.attempts, attempt] },
      nextAction: state.nextAction + 1,
    },
    actions: [action],
    notices: [{ kind: 'action', at: now, incident: incident.id, text }],
  };
}

function remedyOf(step: ActionStep): string | null {
  if (step.kind === 'undo') return step.of;
  return step.kind === 'reinstall' || step.kind === 'rollback' ? step.remedy : null;
}

/** What an action costs: repairs made while the gateway is down and the one start after them are one disruption. */
function charge(state: State, { id, step }: Action, now: Instant): State {
  const serves = state.cause === 'serving';
  const paid = step.kind === 'undo' || serves ? state : pay(state, id, now);
  switch (step.kind) {
    case 'reinstall':
      return {
        ...paid,
        // No start belongs to what is mended while it serves on.
        round: serves ? null : (paid.round ?? id),
        reinstalls: [...paid.reinstalls, now],
        bootsSinceRepair: 0,
      };
    case 'rollback':
      return { ...paid, round: paid.round ?? id, rollbacks: [...paid.rollbacks, now], bootsSinceRepair: 0 };
    case 'undo':
      return paid;
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
    if (each.actionId === id) return { ...each, outcome };
    // What an undo has put back no longer stands; what it could not is left to the operator.
    const undone = step.kind === 'undo' && each.actionId === step.of && outcome === 'done';
    return undone ? { ...each, outcome: 'undone' as const } : each;
  });
  const settled: State = { ...state, incident: { ...incident, attempts } };
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
    reinstalls: without('reinstall', state.reinstalls),
    rollbacks: without('rollback', state.rollbacks),
    spent: state.spent.filter((entry) => entry.actionId !== actionId),
    incident: { ...incident, attempts },
  };
}
