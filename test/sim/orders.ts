import { answerRestart } from '../../src/core/asked.ts';
import type { Rules } from '../../src/core/look.ts';
import type { Action } from '../../src/core/state.ts';
import type { Machine } from './machine.ts';
import type { Tally } from './tally.ts';
import { command, type Ears, type Order, steady, type Watchdog } from './watchdog.ts';

interface Given {
  readonly dog: Watchdog;
  readonly machine: Machine;
  readonly rules: Rules;
  readonly ears: Ears;
  readonly tally: Tally;
  readonly say: (line: string) => void;
}

/** As the daemon does: on a deep look of this moment, whatever the watchdog itself has just decided on it. */
export function carryOutOrder(
  order: Order,
  { dog, machine, rules, ears, tally, say }: Given,
): readonly Action[] {
  const { state, evidence } = dog;
  if (evidence === null) return [];
  const { force } = order;
  const { kind } = answerRestart(state, evidence, { now: steady(dog, machine), rules, force });
  tally.note(`order ${kind}`);
  tally.note(`order in ${state.phase.kind}`);
  if (kind === 'go' && state.pause !== null) tally.note('order through a pause');
  if (kind === 'go' && state.cause === 'serving') tally.note('order to a gateway that serves');
  say(`order ${kind}${force ? ' by force' : ''}`);
  const restart = { kind: 'restart', evidence, force, by: 'ops' } as const;
  const actions = command(dog, machine, restart, { rules, ears });
  if (actions.length > 0 !== (kind === 'go'))
    throw new Error('what an order came to is not what was answered');
  for (const action of actions) {
    if (action.because.includes('by force')) tally.note('order by force');
    ears.announced(action, { evidence, depth: 'deep', beganAt: machine.t }, order);
  }
  return actions;
}
