import { answerRestart } from '../../core/asked.ts';
import { stepWords } from '../../core/ladder.ts';
import { millis } from '../../core/time.ts';
import type { Answer } from '../../daemon/commands.ts';
import type { AskWithin } from '../ask-or-do.ts';
import type { NuclearAsk } from '../change-words.ts';
import type { Context } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import type { PortView } from '../port/look.ts';
import { orderWithinMs } from '../restart.ts';
import { noSessionWords } from '../session-words.ts';
import { gatherStatus } from '../status/gather.ts';
import { gatewayOf, type StatusFacts, watchdogOf } from '../status/view.ts';
import type { Found, Step } from './steps.ts';

const by = 'immune nuclear';
/** An action of the watchdog's own is waited for: it may be the very one that helps. */
const busyPollMs = millis(2_000);
const maxBusy = 90;
const overBudget = 'immune restart --force';

/** The last step: whether the gateway serves, and its one start where it does not. */
export function gatewayStep(ask: NuclearAsk, context: Context, port: () => Promise<PortView>): Step {
  return {
    name: 'gateway',
    looking: 'looking at the gateway',
    doing: 'waiting until the gateway serves',
    look: async (afterOthers) => {
      const facts = await gatherStatus(context);
      if (facts.healthz.kind === 'live') {
        // An orphan answers as well as the job's own.
        const { verdict } = await port();
        if (verdict !== 'orphan') return { kind: 'clean', because: 'it serves' };
      }
      return whatIsDue(facts, afterOthers);
    },
  };

  function whatIsDue(facts: StatusFacts, afterOthers: boolean): Found {
    const due = (because: string, plan: string): Found => {
      const carry = (askFor: AskWithin): Promise<Answer> => start(askFor, facts);
      return { kind: 'due', because, plan: [`  ${plan}`], did: 'started', carry };
    };
    if (facts.gatewayJob.state.kind === 'no-domain') {
      const rest = { next: 'immune status', exitCode: exitCodes.unhealthy };
      return { kind: 'blocked', because: noSessionWords, ...rest };
    }
    const { because, summary } = gatewayOf(facts);
    const words = `${summary}: ${because}`;
    if (afterOthers) return due(words, 'start it once that is done, and wait until it serves');
    // A living watchdog judges by more than one look.
    if (facts.found === null || watchdogOf(facts).kind === 'alive')
      return due(words, 'start it, or wait for it where it is on its way');
    const { evidence, state, rules } = facts.found;
    const asked = answerRestart(state, evidence, { now: facts.now, rules, force: ask.force });
    switch (asked.kind) {
      case 'go': {
        const over = asked.over === null ? '' : ` (by force, though ${asked.over})`;
        return due(words, `${stepWords(asked.step)}${over}, and wait until it serves`);
      }
      case 'nothing':
        return due(words, `wait until it serves: ${asked.because}`);
      case 'refused': {
        const rest = { exitCode: exitCodes.unhealthy } as const;
        if (asked.next !== overBudget)
          return { kind: 'blocked', because: asked.because, next: asked.next, ...rest };
        // Where the ladder has given up, one more start is no advice.
        const next = state.phase.kind === 'exhausted' ? 'immune check --why' : `${by} --force`;
        return { kind: 'blocked', because: `${words}; ${asked.because}`, next, ...rest };
      }
      default:
        return asked satisfies never;
    }
  }

  async function start(askFor: AskWithin, { policy }: StatusFacts): Promise<Answer> {
    // It may come up by itself while the plan is read, or by the watchdog's hand while that is waited for.
    const request = { kind: 'restart', force: ask.force, by, unlessServing: true } as const;
    let answer = await askFor(request, orderWithinMs(policy));
    for (let n = 0; n < maxBusy && answer.why === 'busy' && !context.signal.aborted; n += 1) {
      await context.clock.sleep(busyPollMs, context.signal);
      answer = await askFor(request, orderWithinMs(policy));
    }
    return answer;
  }
}
