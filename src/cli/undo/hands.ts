import { UserError } from '../../core/errors.ts';
import type { Answer } from '../../daemon/commands.ts';
import { handsOn } from '../../daemon/open-packages.ts';
import { isPackageRepair } from '../../daemon/package-hands.ts';
import { finishSwap, undoSwap } from '../../repairs/config-swap.ts';
import { finishRepairs } from '../../repairs/finish-repairs.ts';
import { openChangeGround } from '../change-ground.ts';
import type { Context } from '../context.ts';
import { askPatiently, silentDaemon } from '../daemon-process.ts';
import { exitCodes } from '../exit-codes.ts';
import { underLease, withOwnHands } from '../own-hands.ts';
import { packagesOf } from '../package-shop.ts';
import { createProgress } from '../progress.ts';
import { changeWithinMs } from '../propose.ts';
import { openWorkshop } from '../workshop.ts';

/** Undoes one: by the watchdog if it runs, for two must never be at work on one config; else by ourselves. */
export async function undoAsked(id: string, context: Context): Promise<Answer> {
  const progress = createProgress(context, false);
  progress.show(`undoing ${id}`);
  const asked = await askPatiently({ kind: 'undo', id, by: 'immune undo' }, context, {
    timeoutMs: changeWithinMs,
    onAsked: () => undefined,
  }).finally(progress.end);
  switch (asked.kind) {
    case 'answer':
      return asked.answer;
    case 'none':
      return undoHere(id, context);
    case 'silent':
      throw silentDaemon(context.uid, changeWithinMs);
    case 'interrupted':
      throw interrupted('interrupted: the watchdog finishes what it has begun');
    default:
      return asked satisfies never;
  }
}

export const interrupted = (text: string): UserError =>
  new UserError('interrupted', text, { hint: 'immune undo', exitCode: exitCodes.interrupted });

async function undoHere(id: string, context: Context): Promise<Answer> {
  const undone = (await isPackageRepair(context.paths.quarantine, id))
    ? await undoRepairHere(id, context)
    : await undoChangeHere(id, context);
  if (!undone.ok) return undone;
  const text = `${undone.text}\nthe watchdog does not run: if the gateway is down, "immune restart" starts it`;
  return { ok: true, text };
}

async function undoChangeHere(id: string, context: Context): Promise<Answer> {
  const ground = await openChangeGround(context, 'the undo');
  try {
    return await withOwnHands({ role: 'undo', ground, again: `undo ${id}` }, context, async (deps) => {
      await finishSwap(deps);
      const outcome = await undoSwap(id, deps, { why: 'asked', signal: context.signal });
      if (outcome.kind !== 'done') return notDone(outcome);
      const { folder } = outcome.kept;
      const later = outcome.unfinished === null ? '' : `; ${outcome.unfinished}`;
      const text = `the change ${id} was taken back; what it had put in place is kept in ${folder}${later}`;
      return { ok: true, text };
    });
  } finally {
    ground.shop.log.close();
  }
}

async function undoRepairHere(id: string, context: Context): Promise<Answer> {
  const shop = await openWorkshop(context, { name: 'the undo', keeps: false });
  const { processes } = shop;
  try {
    return await underLease({ role: 'undo', processes, again: `undo ${id}` }, context, async () => {
      const packages = packagesOf(shop, context);
      await finishRepairs(packages.repair());
      const outcome = await handsOn(packages).undo(id, { why: 'asked', signal: context.signal });
      if (outcome.kind === 'done') return { ok: true, text: outcome.because };
      return notDone(outcome);
    });
  } finally {
    shop.log.close();
  }
}

const notDone = ({ kind, because }: { readonly kind: string; readonly because: string }): Answer =>
  kind === 'failed' ? { ok: false, text: because, why: 'failed' } : { ok: false, text: because };
