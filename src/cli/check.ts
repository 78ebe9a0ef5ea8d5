import { checkReport, renderCheck } from '../core/check-report.ts';
import type { Evidence } from '../core/evidence.ts';
import type { Rules } from '../core/look.ts';
import { initialState } from '../core/state.ts';
import { why } from '../core/why.ts';
import type { Context } from './context.ts';
import { askDaemon } from './daemon-process.ts';
import { exitCodes } from './exit-codes.ts';

/** A deep probe has a witness of 5 s, a health request of 10 s and a few children and sights of 5 to 10 s each. */
const answerWithinMs = 60_000;

/** What a look from here found, and by which rules it is judged. */
export interface Looked {
  readonly evidence: Evidence;
  readonly rules: Rules;
}

interface CheckResult {
  readonly by: 'watchdog' | 'command';
  readonly ok: boolean;
  readonly lines: readonly string[];
}

/** `immune check`: one deep probe now, by the daemon if it answers, else by `lookDeep`. 0 when all is well, else 3. */
export async function runCheck(
  options: { readonly json: boolean; readonly why: boolean },
  context: Context,
  lookDeep: () => Promise<Looked>,
): Promise<number> {
  const result = await check(options.why, context, lookDeep);
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

async function check(
  chain: boolean,
  context: Context,
  lookDeep: () => Promise<Looked>,
): Promise<CheckResult> {
  const asked = await askDaemon({ kind: 'check', by: 'immune check', why: chain }, context, answerWithinMs);
  if (asked.kind === 'answer') {
    return { by: 'watchdog', ok: asked.answer.ok, lines: asked.answer.text.split('\n') };
  }
  const { evidence, rules } = await lookDeep();
  const report = checkReport(evidence);
  const lines = chain
    ? // Nobody remembers anything here: the chain is that of a watchdog which has just started.
      why({ evidence, state: initialState, now: context.clock.now(), rules })
    : renderCheck(report.lines).split('\n');
  return { by: 'command', ok: report.ok, lines };
}
