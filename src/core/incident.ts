import { budget } from './budget.ts';
import type { Diagnosis, Rules } from './look.ts';
import type { Notice } from './notice.ts';
import type { Action, Incident, State } from './state.ts';
import { type Instant, plus, since } from './time.ts';
import { spell } from './words.ts';

interface Change {
  readonly state: State;
  readonly notices: readonly Notice[];
}

/** Opens an incident unless one is open. `began` is the first failed look, `now` the moment we are sure. */
export function open(state: State, began: Instant, now: Instant): Change {
  if (state.incident !== null) return { state, notices: [] };
  const incident: Incident = {
    id: `I${state.nextIncident}`,
    openedAt: began,
    cause: state.cause,
    because: state.because,
    attempts: [],
    exhaustedAt: null,
    servingAt: null,
    closedAt: null,
    outcome: null,
  };
  return {
    state: { ...state, incident, refusals: 0, nextIncident: state.nextIncident + 1 },
    notices: [
      { kind: 'opened', at: now, incident: incident.id, text: `incident ${incident.id}: ${state.because}` },
    ],
  };
}

/** An action is refused when the world changed between the look and the deed: a few in a row are bad luck, more is a
 *  disagreement between our eyes and our hands that no repetition mends. */
const refusalsAllowed = 5;

export const tooManyRefusals = (state: State): boolean => state.refusals >= refusalsAllowed;

/** Ends the open incident: `resolved` when the gateway serves again, `closed` when somebody stopped it on purpose. */
export function close(state: State, kind: 'resolved' | 'closed', now: Instant): Change {
  const incident = state.incident;
  if (incident === null) return { state, notices: [] };
  const until = kind === 'resolved' ? (incident.servingAt ?? now) : now;
  const down = spell(since(incident.openedAt, until));
  const made = incident.attempts.length;
  const hand =
    made === 0
      ? 'without any action of the watchdog'
      : `after ${made} action${made === 1 ? '' : 's'} of the watchdog`;
  const outcome =
    kind === 'resolved'
      ? `serving again ${hand}; it was away for ${down}`
      : `the gateway was stopped on purpose`;
  const ended: Incident = { ...incident, closedAt: now, outcome };
  return {
    state: { ...state, incident: null, lastIncident: ended },
    notices: [
      {
        kind,
        at: now,
        incident: incident.id,
        text: `incident ${incident.id} (${incident.cause}): ${outcome}`,
      },
    ],
  };
}

/** Nothing left that could help: said once per incident, and the watchdog goes on looking. */
export function exhaust(state: State, why: string, now: Instant): Change {
  const incident = state.incident;
  const cause = state.failing?.cause ?? state.cause;
  const next: State = { ...state, phase: { kind: 'exhausted', cause }, because: why };
  if (incident === null || incident.exhaustedAt !== null) return { state: next, notices: [] };
  return {
    state: { ...next, incident: { ...incident, exhaustedAt: now } },
    notices: [{ kind: 'exhausted', at: now, incident: incident.id, text: `needs you: ${why}` }],
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

/**
 * Announces the diagnosed repair if the incident still has attempts for this cause and the budget has room; null
 * otherwise. The attempt is recorded here, before it is made, so that dying in the middle costs it.
 */
export function act(
  state: State,
  diagnosis: Diagnosis & { stance: 'failing' },
  now: Instant,
  rules: Rules,
): (Change & { readonly actions: readonly Action[] }) | null {
  const { incident } = state;
  if (incident === null || diagnosis.step === null) return null;
  const tried = incident.attempts.filter((attempt) => attempt.cause === diagnosis.cause).length;
  if (tried >= rules.policy.restartAttempts || tooManyRefusals(state)) return null;
  if (budget(state, now, rules.policy).kind !== 'free') return null;
  if (rules.mode === 'observe') {
    const text = `observing only: would ${diagnosis.step.kind} the gateway now, because ${diagnosis.because}`;
    return {
      ...tell({ ...state, because: text }, text, `would:${incident.id}:${diagnosis.cause}`, now),
      actions: [],
    };
  }
  const action: Action = {
    id: `A${state.nextAction}`,
    incident: incident.id,
    rung: 'L1',
    step: diagnosis.step,
    because: diagnosis.because,
    deadlineAt: plus(now, rules.policy.actionDeadlineMs),
  };
  const kind = diagnosis.step.kind;
  return {
    state: {
      ...state,
      phase: { kind: 'repairing', action, startedAt: now },
      because: `${kind} (${action.id}): ${diagnosis.because}`,
      incident: {
        ...incident,
        attempts: [...incident.attempts, { actionId: action.id, cause: diagnosis.cause, at: now }],
      },
      spent: [...state.spent, { actionId: action.id, at: now }],
      reloads: kind === 'reload' ? [...state.reloads, now] : state.reloads,
      unparks: kind === 'unpark' ? [...state.unparks, now] : state.unparks,
      bootsSinceReload: kind === 'reload' ? 0 : state.bootsSinceReload,
      bootsSinceUnpark: kind === 'unpark' ? 0 : state.bootsSinceUnpark,
      nextAction: state.nextAction + 1,
    },
    actions: [action],
    notices: [
      {
        kind: 'action',
        at: now,
        incident: incident.id,
        text: `${kind} (${action.id}): ${diagnosis.because}`,
      },
    ],
  };
}
