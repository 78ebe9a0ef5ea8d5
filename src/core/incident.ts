import type { Cause } from './cause.ts';
import { noteLoss } from './flap.ts';
import { isInPlace } from './in-place.ts';
import type { Notice } from './notice.ts';
import type { Policy } from './policy.ts';
import type { Standing } from './standing.ts';
import { type Incident, isOpen, type Open, type State } from './state.ts';
import { type Instant, since } from './time.ts';
import { spell } from './words.ts';

export interface Change<S extends State = State> {
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
