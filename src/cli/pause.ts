import { loadSettings } from '../config/settings.ts';
import { UserError } from '../core/errors.ts';
import { defaultPolicy } from '../core/policy.ts';
import type { Millis } from '../core/time.ts';
import type { Request } from '../daemon/commands.ts';
import { readIfExists } from '../system/durable-file.ts';
import type { Context } from './context.ts';
import { askDaemon, silentDaemon, startCommand } from './daemon-process.ts';

/** The daemon takes a command within a second; in the middle of a restart it may be slower. */
const answerWithinMs = 10_000;

export async function runPause(forMs: Millis | null, context: Context): Promise<number> {
  return tell({ kind: 'pause', forMs: forMs ?? (await usualLength(context)), by: 'immune pause' }, context);
}

export async function runResume(context: Context): Promise<number> {
  return tell({ kind: 'resume', by: 'immune resume' }, context);
}

/** What a person asks of an open incident. */
export async function runAsk(kind: 'repair' | 'acknowledge', context: Context): Promise<number> {
  return tell({ kind, by: `immune ${kind}` }, context);
}

/** A pause nobody ends must end by itself: without a length it lasts as long as the settings say. */
async function usualLength({ paths }: Context): Promise<Millis> {
  const loaded = await loadSettings(paths.config, readIfExists);
  return (loaded.kind === 'ok' ? loaded.settings.policy : defaultPolicy).pauseMs;
}

async function tell(request: Request, context: Context): Promise<number> {
  const asked = await askDaemon(request, context, answerWithinMs);
  switch (asked.kind) {
    case 'none':
      throw new UserError(
        'no-daemon',
        `the watchdog does not run, so there is nothing to ${request.kind}: without it nobody touches the gateway`,
        { hint: startCommand(context, asked.everRan), exitCode: 3 },
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
