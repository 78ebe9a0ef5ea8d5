import { UserError } from '../core/errors.ts';
import type { Millis } from '../core/time.ts';
import type { Request } from '../daemon/commands.ts';
import type { Context } from './context.ts';
import { askDaemon, kickstartCommand, silentDaemon } from './daemon-process.ts';

/** The daemon takes a command within a second; in the middle of a restart it may be slower. */
const answerWithinMs = 10_000;

export async function runPause(forMs: Millis | null, context: Context): Promise<number> {
  return tell({ kind: 'pause', forMs, by: 'immune pause' }, context);
}

export async function runResume(context: Context): Promise<number> {
  return tell({ kind: 'resume', by: 'immune resume' }, context);
}

async function tell(request: Request, context: Context): Promise<number> {
  const asked = await askDaemon(request, context, answerWithinMs);
  switch (asked.kind) {
    case 'none':
      throw new UserError(
        'no-daemon',
        `the watchdog does not run, so there is nothing to ${request.kind}: without it nobody touches the gateway`,
        { hint: kickstartCommand(context.uid, { kill: false }), exitCode: 3 },
      );
    case 'silent':
      throw silentDaemon(context.uid, answerWithinMs);
    case 'answer':
      if (!asked.answer.ok)
        throw new UserError('refused', asked.answer.text, { hint: 'immune status', exitCode: 4 });
      context.out.write(`${asked.answer.text}\n`);
      return 0;
    default:
      return asked satisfies never;
  }
}
