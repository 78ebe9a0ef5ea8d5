import { UserError } from '../core/errors.ts';
import type { Answer, Request } from '../daemon/commands.ts';
import { readStatus } from '../daemon/status-file.ts';
import type { Context } from './context.ts';
import { askPatiently, silentDaemon, startCommand, watchdogLives } from './daemon-process.ts';
import { withErrand } from './errand.ts';
import { exitCodes } from './exit-codes.ts';

export interface Asking {
  /** What holds the lease where no watchdog runs: the name of the command. */
  readonly role: string;
  readonly timeoutMs: number;
  /** A watchdog lives and was asked. */
  readonly onAsked?: () => void;
}

/** Has the watchdog do it; where none is alive, does it as the watchdog would, by its journal and under its lease. */
export async function askOrDo(request: Request, context: Context, asking: Asking): Promise<Answer> {
  const answer = await askWatchdog(request, context, asking);
  return answer ?? withErrand(context, asking, (ask) => ask(request));
}

/** Asks for one thing of several. `withinMs` bounds the wait for a watchdog. */
export type AskWithin = (request: Request, withinMs: number) => Promise<Answer>;

/** The same for several requests in a row: with one lease, or one watchdog, for all of them. */
export async function withHands<T>(
  context: Context,
  { role }: Pick<Asking, 'role'>,
  work: (ask: AskWithin) => Promise<T>,
): Promise<T> {
  const file = await readStatus(context.paths.state);
  if (file.kind !== 'read' || !(await watchdogLives(file.status, context)))
    return withErrand(context, { role }, (ask) => work((request) => ask(request)));
  return work(async (request, timeoutMs) => {
    const answer = await askWatchdog(request, context, { role, timeoutMs });
    if (answer !== null) return answer;
    throw new UserError('no-daemon', 'the watchdog has ended meanwhile', {
      hint: `immune ${role}, or ${startCommand(context, true)}`,
      exitCode: exitCodes.unhealthy,
    });
  });
}

/** Null where no watchdog is alive. */
async function askWatchdog(request: Request, context: Context, asking: Asking): Promise<Answer | null> {
  const asked = await askPatiently(request, context, {
    timeoutMs: asking.timeoutMs,
    onAsked: asking.onAsked ?? (() => undefined),
  });
  switch (asked.kind) {
    case 'answer':
      return asked.answer;
    case 'none':
      return null;
    case 'silent':
      throw silentDaemon(context.uid, null);
    case 'interrupted':
      throw new UserError('interrupted', 'interrupted: the watchdog finishes what it has begun', {
        hint: 'immune status',
        exitCode: exitCodes.interrupted,
      });
    default:
      return asked satisfies never;
  }
}

/** What a person is told where it was not done. */
export function refusalOf({ text, why, next = 'immune status' }: Answer): UserError {
  switch (why) {
    case 'busy':
      return new UserError('busy', text, { hint: next, exitCode: exitCodes.busy });
    case 'failed':
      return new UserError('failed', text, { hint: next, exitCode: exitCodes.unhealthy });
    case undefined:
      return new UserError('refused', text, { hint: next, exitCode: exitCodes.refused });
    default:
      return why satisfies never;
  }
}
