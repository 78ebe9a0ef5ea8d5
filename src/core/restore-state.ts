import { type Incident, initialState, type State } from './state.ts';
import { type Instant, millis } from './time.ts';

/** A state an older watchdog wrote down: what it did not know yet begins as it does in a new one. */
export function restoreState(written: State): State {
  const { phase, incident, lastIncident } = written;
  return {
    ...initialState,
    ...written,
    phase:
      phase.kind === 'suspended' ? { ...phase, since: phase.since ?? 0, until: phase.until ?? null } : phase,
    incident: incident === null ? null : restoreIncident(incident),
    lastIncident: lastIncident === null ? null : restoreIncident(lastIncident),
  };
}

const restoreIncident = (incident: Incident): Incident => ({
  ...incident,
  attempts: incident.attempts.map((each) => ({
    ...each,
    rung: each.rung ?? 'L1',
    kind: each.kind ?? 'restart',
    remedy: each.remedy ?? null,
    left: each.left ?? null,
    outcome: each.outcome ?? 'done',
  })),
  attemptsFrom: incident.attemptsFrom ?? 0,
  exhaustedOn: incident.exhaustedOn ?? null,
  acknowledgedAt: incident.acknowledgedAt ?? null,
});

/**
 * What was failing, and what was last seen, is from another life of the watchdog: it is looked at anew. Nobody knows how
 * much of the time between was sleep, or whose hands were at work: a boot under way has its grace from the beginning,
 * and a repair is judged only by starts that were seen.
 */
export function begunAnew(state: State, now: Instant): State {
  const { generation } = state;
  const booting = generation !== null && generation.readyAt === null;
  return {
    ...state,
    failing: null,
    noted: [],
    unknownSince: null,
    graceUntil: null,
    runsSeen: null,
    bootsSinceRepair: 0,
    generation: booting ? { ...generation, firstSeenAt: now } : generation,
    asleepMs: booting ? millis(0) : state.asleepMs,
  };
}
