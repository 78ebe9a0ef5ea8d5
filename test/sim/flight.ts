import type { Action, ActionOutcome } from '../../src/core/state.ts';
import { type Deed, perform } from './hands.ts';
import { holds, type Machine } from './machine.ts';

/** An action on its way: its deed is done soon after it was announced, and later its outcome is learnt. */
export interface Flight {
  readonly action: Action;
  readonly deedAt: number;
  readonly outcomeAt: number;
  deed: Deed | null;
  /** It hangs until its deadline aborts it. */
  readonly stuck: boolean;
}

/** An abort is noticed this soon by whatever hangs. */
const abortMs = 5_000;

export function launch(
  action: Action,
  { machine, skew, seed }: { readonly machine: Machine; readonly skew: number; readonly seed: number },
): Flight {
  const n = numberOf(action) * 7_919 + seed;
  const stuck = holds(machine, 'hands-stuck');
  const deedAt = machine.t + (n % 4) * 200;
  const outcomeAt = stuck ? action.deadlineAt - skew + abortMs : deedAt + 500 + (n % 23) * 1_000;
  return { action, deedAt, outcomeAt, deed: null, stuck };
}

/** Half of the actions that hang have done their deed before. */
export function carryOut({ stuck, action }: Flight, machine: Machine): Deed {
  if (stuck && numberOf(action) % 2 === 0) return { kind: 'failed', disrupted: false };
  return perform(machine, action.id, action.step);
}

const numberOf = ({ id }: Action): number => Number(id.slice(1));

/**
 * What is told of it in the end. One that hangs is given up on, whatever it has done; but a repair of files never says
 * that it failed where it has replaced something.
 */
export function outcomeOf({ action: { step }, deed, stuck }: Flight): ActionOutcome['kind'] {
  if (deed === null) return 'failed';
  const isOfFiles = step.kind === 'rollback' || step.kind === 'reinstall' || step.kind === 'undo';
  return stuck && deed.kind === 'done' && !isOfFiles ? 'failed' : deed.kind;
}
