import { UserError } from '../core/errors.ts';
import type { Context } from './context.ts';
import { askDaemon, silentDaemon, startCommand } from './daemon-process.ts';
import { exitCodes } from './exit-codes.ts';

/** The daemon takes a command within a second; in the middle of a restart it may be slower. */
const answerWithinMs = 10_000;

/** `immune confirm`: the change that waits for it stays, once it has proven itself. */
export async function runConfirm(context: Context): Promise<number> {
  const asked = await askDaemon({ kind: 'confirm', by: 'immune confirm' }, context, answerWithinMs);
  switch (asked.kind) {
    case 'none':
      throw new UserError(
        'no-daemon',
        'the watchdog does not run, so nothing was confirmed; at its start it takes back what is overdue',
        { hint: startCommand(context, asked.everRan), exitCode: exitCodes.unhealthy },
      );
    case 'silent':
      throw silentDaemon(context.uid, answerWithinMs);
    case 'answer':
      if (!asked.answer.ok)
        throw new UserError('refused', asked.answer.text, {
          hint: 'immune status',
          exitCode: exitCodes.refused,
        });
      context.out.write(`${asked.answer.text}\n`);
      return exitCodes.ok;
    default:
      return asked satisfies never;
  }
}
