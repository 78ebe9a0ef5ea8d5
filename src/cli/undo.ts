import { UserError } from '../core/errors.ts';
import { finishSwap, undoSwap } from '../repairs/config-swap.ts';
import { openChangeGround } from './change-ground.ts';
import type { Context } from './context.ts';
import { askDaemon, silentDaemon } from './daemon-process.ts';
import { exitCodes } from './exit-codes.ts';
import { withOwnHands } from './own-hands.ts';
import { changeWithinMs } from './propose.ts';

/** `immune undo <id>`: puts back what a change replaced, by the watchdog if it runs, else by ourselves. */
export async function runUndo(id: string, context: Context): Promise<number> {
  const asked = await askDaemon({ kind: 'undo', id, by: 'immune undo' }, context, changeWithinMs);
  if (asked.kind === 'silent') throw silentDaemon(context.uid, changeWithinMs);
  const answer = asked.kind === 'answer' ? asked.answer : await undoHere(id, context);
  if (!answer.ok)
    throw new UserError('refused', answer.text, { hint: 'immune status', exitCode: exitCodes.refused });
  context.out.write(`${answer.text}\n`);
  return exitCodes.ok;
}

async function undoHere(
  id: string,
  context: Context,
): Promise<{ readonly ok: boolean; readonly text: string }> {
  const ground = await openChangeGround(context, 'the undo');
  try {
    return await withOwnHands({ role: 'undo', ground }, context, async (deps) => {
      await finishSwap(deps);
      const outcome = await undoSwap(id, deps, { why: 'asked', signal: context.signal });
      if (outcome.kind !== 'done') return { ok: false, text: outcome.because };
      const { folder } = outcome.kept;
      const later = outcome.unfinished === null ? '' : `; ${outcome.unfinished}`;
      const text = `the change ${id} was taken back; what it had put in place is kept in ${folder}${later}`;
      return {
        ok: true,
        text: `${text}\nthe watchdog does not run: start the gateway yourself if it is down`,
      };
    });
  } finally {
    ground.shop.log.close();
  }
}
