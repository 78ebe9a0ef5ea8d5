import { UserError } from '../core/errors.ts';
import type { Context } from './context.ts';
import { exitCodes } from './exit-codes.ts';

/** How one of the operator's commands ended. */
export interface Report {
  readonly exitCode: number;
  readonly outcome: string;
  /** One line. */
  readonly because: string;
  /** The command to type next; null where there is nothing left to do. */
  readonly next?: string | null;
  /** More keys for `--json`. */
  readonly more?: Readonly<Record<string, unknown>>;
}

/** The last line for a person, or the one JSON object. Answers the exit code. */
export function report(
  { exitCode, outcome, because, next = null, more = {} }: Report,
  { json, context }: { readonly json: boolean; readonly context: Pick<Context, 'out'> },
): number {
  const told = { version: 1, outcome, because, next, exitCode, ...more };
  const hint = next === null ? '' : `\n  next: ${next}`;
  context.out.write(`${json ? JSON.stringify(told, null, 2) : `${because}${hint}`}\n`);
  return exitCode;
}

/** With `--json` a refusal is an object too; a person hears of it as of every other one. */
export async function reported(
  to: {
    readonly json: boolean;
    readonly context: Context;
    /** Keys that the object always has, as they are where nothing came of them. */
    readonly blank?: Readonly<Record<string, unknown>>;
    /** Keys that the object always has, as they are in the end. */
    readonly more?: () => Readonly<Record<string, unknown>>;
  },
  work: () => Promise<number>,
): Promise<number> {
  try {
    return await work();
  } catch (error) {
    if (!to.json || !(error instanceof UserError)) throw error;
    return reportRefusal(error, to.context.out, { ...to.blank, ...to.more?.() });
  }
}

/** The one JSON object of a command that ended with an error for people. Answers the exit code. */
export function reportRefusal(
  { exitCode, message, hint }: UserError,
  out: Context['out'],
  more: Readonly<Record<string, unknown>> = {},
): number {
  const told = { exitCode, outcome: outcomeOf(exitCode), because: message, next: hint, more };
  return report(told, { json: true, context: { out } });
}

function outcomeOf(exitCode: number): string {
  switch (exitCode) {
    case exitCodes.refused:
      return 'refused';
    case exitCodes.busy:
      return 'busy';
    case exitCodes.interrupted:
      return 'interrupted';
    default:
      return 'failed';
  }
}
