import { type Attempt, isOpen, type Open, type State } from './state.ts';

/** A repair that was made, or may have been when we died over it, and that nobody has taken back. */
export const isInPlace = ({ kind, outcome }: Attempt): boolean =>
  (kind === 'reinstall' || kind === 'rollback') && (outcome === 'done' || outcome === 'unknown');

/** What stands is no longer a question: the gateway has served with it, or somebody else has changed it since. */
const keep = (state: Open, which: (attempt: Attempt) => boolean): Open => {
  const attempts = state.incident.attempts.map((each) =>
    isInPlace(each) && which(each) ? { ...each, outcome: 'kept' as const } : each,
  );
  return { ...state, incident: { ...state.incident, attempts } };
};

/** The gateway has served for long enough: every repair before that has helped, and none is taken back. */
export const keepAll = (state: Open): Open => keep(state, () => true);

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
  if (newest.left !== null) return keep(after, (each) => each === newest);
  const attempts = incident.attempts.map((each) => (each === newest ? { ...each, left: key } : each));
  return { ...after, incident: { ...incident, attempts } };
}
