import { checkReport, renderCheck } from '../core/check-report.ts';
import type { Evidence } from '../core/evidence.ts';
import type { Context } from './context.ts';
import { askDaemon } from './daemon-process.ts';
import { exitCodes } from './exit-codes.ts';

/** A deep probe has a witness of 5 s, a health request of 10 s and a few child processes of 5 s each. */
const answerWithinMs = 40_000;

interface CheckResult {
  readonly by: 'watchdog' | 'command';
  readonly ok: boolean;
  readonly lines: readonly string[];
}

/** `immune check`: one deep probe now, by the daemon if it answers, else by `lookDeep`. 0 when all is well, else 3. */
export async function runCheck(
  options: { readonly json: boolean },
  context: Context,
  lookDeep: () => Promise<Evidence>,
): Promise<number> {
  const result = await check(context, lookDeep);
  const text = options.json
    ? JSON.stringify({ version: 1, at: new Date(context.clock.now()).toISOString(), ...result }, null, 2)
    : [
        result.by === 'watchdog'
          ? 'looked at by the watchdog:'
          : 'the watchdog does not answer; looked at from here:',
        ...result.lines,
      ].join('\n');
  context.out.write(`${text}\n`);
  return result.ok ? exitCodes.ok : exitCodes.unhealthy;
}

async function check(context: Context, lookDeep: () => Promise<Evidence>): Promise<CheckResult> {
  const asked = await askDaemon({ kind: 'check', by: 'immune check' }, context, answerWithinMs);
  if (asked.kind === 'answer') {
    return { by: 'watchdog', ok: asked.answer.ok, lines: asked.answer.text.split('\n') };
  }
  const report = checkReport(await lookDeep());
  return { by: 'command', ok: report.ok, lines: renderCheck(report.lines).split('\n') };
}
