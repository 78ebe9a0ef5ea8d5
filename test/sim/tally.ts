import type { State } from '../../src/core/state.ts';

/** Counts what was reached, by name. */
export interface Tally {
  note(what: string, times?: number): void;
  readonly counts: ReadonlyMap<string, number>;
  add(other: ReadonlyMap<string, number>): void;
}

export function createTally(): Tally {
  const counts = new Map<string, number>();
  const note = (what: string, times = 1): void => void counts.set(what, (counts.get(what) ?? 0) + times);
  return {
    note,
    counts,
    add: (other) => {
      for (const [what, times] of other) note(what, times);
    },
  };
}

/** What a decision reached: phases and the ways between them, causes that lead and that hold beside. */
export function noteDecision({ note }: Tally, before: State, after: State): void {
  const { phase, cause, also } = after;
  const was = before.phase;
  if (was.kind !== phase.kind) {
    note(`${was.kind} > ${phase.kind}`);
    note(`phase ${phase.kind}`);
  }
  if (phase.kind === 'suspended' && (was.kind !== 'suspended' || was.cause !== phase.cause)) {
    note(`suspended ${phase.cause}`);
  }
  if (before.cause !== cause) note(`lead ${cause}`);
  if (also.length > 0 && also.join() !== before.also.join()) for (const each of also) note(`also ${each}`);
  if (after.flapping && !before.flapping) note('flapping');
  const rested = (before.incident?.exhaustedOn ?? null) !== null;
  if (rested && after.incident !== null && after.incident.exhaustedOn === null) note('re-opened');
}
