import type { State } from '../core/state.ts';

/**
 * Whether two states differ in something that must survive us: what is only counted anew at each look (misses, the time
 * something has been failing for) does not.
 */
export function isTransition(before: State, after: State): boolean {
  return key(before) !== key(after);
}

function key(state: State): string {
  const { phase, cause, also, wanted, incident, generation, spent, reloads, unparks, pause, told } = state;
  return JSON.stringify([
    phase,
    cause,
    also,
    wanted,
    incident === null
      ? null
      : [
          incident.id,
          incident.attempts,
          incident.attemptsFrom,
          incident.exhaustedAt,
          incident.acknowledgedAt,
        ],
    state.lastIncident?.id ?? null,
    generation === null
      ? null
      : [generation.pid, generation.startedAt, generation.readyAt, generation.bootId],
    spent.length,
    reloads.length,
    unparks.length,
    pause,
    told,
    state.round,
    state.strain.count,
    state.flapping,
    state.losses.length,
    state.configSeen?.key ?? null,
    state.asleepMs,
    state.leftDown,
  ]);
}
