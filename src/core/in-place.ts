import { type Attempt, type Generation, type Incident, isOpen, type State } from './state.ts';

/** A repair that was made, or may have been when we died over it, and that nobody has taken back. */
export const isInPlace = ({ kind, outcome }: Attempt): boolean =>
  (kind === 'reinstall' || kind === 'rollback') && (outcome === 'done' || outcome === 'unknown');

/** What stands is no longer a question: the gateway has served with it, or somebody else has changed it since. */
function kept(incident: Incident, which: (attempt: Attempt) => boolean): Incident {
  const isMeant = (each: Attempt): boolean => isInPlace(each) && which(each);
  if (!incident.attempts.some(isMeant)) return incident;
  const attempts = incident.attempts.map((each) =>
    isMeant(each) ? { ...each, outcome: 'kept' as const } : each,
  );
  return { ...incident, attempts };
}

/**
 * The gateway has served for long enough: every repair made before this life of it has helped, and none is taken back.
 * A process that was there before the repair proves nothing of it, for it never read what the repair has left; but one
 * that was still booting then, with a config nothing can start with, has read the one that was put back.
 */
export const keptIn = (incident: Incident, { firstSeenAt, readyAt }: Generation): Incident =>
  kept(
    incident,
    ({ kind, at }) => firstSeenAt > at || (kind === 'rollback' && readyAt !== null && readyAt > at),
  );

/**
 * The package is whole again: the repairs of it have helped, whatever the gateway does. What is damaged after that is
 * damaged anew, may be mended with the same remedy, and is no reason to take anything back.
 */
export function noteMended(state: State): State {
  const mended = (incident: Incident | null): Incident | null =>
    incident === null ? null : kept(incident, ({ kind }) => kind === 'reinstall');
  return { ...state, incident: mended(state.incident), lastIncident: mended(state.lastIncident) };
}

/**
 * The config file has changed. The first change after a rollback was announced is the rollback's own; one after that
 * is the operator's, whose file is never put aside for an older one.
 */
export function noteRollback(before: State, after: State): State {
  const key = after.configSeen?.key ?? null;
  if (!isOpen(after) || key === null || key === before.configSeen?.key) return after;
  const { incident } = after;
  const newest = incident.attempts.filter((each) => each.kind === 'rollback' && isInPlace(each)).at(-1);
  // What it left is back: an undo of ours has put it there.
  if (newest === undefined || newest.left === key) return after;
  if (newest.left !== null) {
    return { ...after, incident: kept(incident, (each) => each === newest) };
  }
  const attempts = incident.attempts.map((each) => (each === newest ? { ...each, left: key } : each));
  return { ...after, incident: { ...incident, attempts } };
}
