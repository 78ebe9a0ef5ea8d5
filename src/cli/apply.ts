import { resolve } from 'node:path';
import { UserError } from '../core/errors.ts';
import { run } from '../system/run.ts';
import { openChangeGround } from './change-ground.ts';
import type { ApplyAsk } from './change-words.ts';
import type { Context } from './context.ts';
import { exitCodes } from './exit-codes.ts';
import { isRefused, judgeCandidate, verdictLines } from './judge-file.ts';
import { propose } from './propose.ts';
import type { Terminal } from './terminal.ts';
import { readCandidate } from './validate.ts';

/** `immune apply <file>`: 0 it holds (or waits to be confirmed), 3 it was taken back, 4 refused before anything changed. */
export async function runApply(ask: ApplyAsk, context: Context, terminal: Terminal): Promise<number> {
  const ground = await openChangeGround(context, 'the change');
  try {
    const shownAs = resolve(ask.file);
    const bytes = await readCandidate(shownAs);
    const tools = { run, timeoutMs: ground.settings.policy.validatorMs, signal: context.signal };
    const verdict = await judgeCandidate({ bytes, shownAs }, ground.place, tools);
    if (isRefused(verdict))
      throw new UserError(
        'invalid',
        [`nothing was changed, ${shownAs} is`, ...verdictLines(verdict, ground.version)].join('\n'),
        { hint: `mend it, then immune validate ${ask.file}`, exitCode: exitCodes.refused },
      );
    const proposal = { ...ask, bytes, shownAs, verdict, by: 'immune apply' };
    return await propose(proposal, { context, ground, terminal });
  } finally {
    ground.shop.log.close();
  }
}
