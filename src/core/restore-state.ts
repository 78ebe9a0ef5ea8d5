import { initialState, type State } from './state.ts';

/** A state an older watchdog wrote down: what it did not know yet begins as it does in a new one. */
export function restoreState(written: State): State {
  const { phase, incident } = written;
  return {
    ...initialState,
    ...written,
    phase:
      phase.kind === 'suspended' ? { ...phase, since: phase.since ?? 0, until: phase.until ?? null } : phase,
    incident:
      incident === null
        ? null
        : {
            ...incident,
            attemptsFrom: incident.attemptsFrom ?? 0,
            exhaustedOn: incident.exhaustedOn ?? null,
            acknowledgedAt: incident.acknowledgedAt ?? null,
          },
  };
}
