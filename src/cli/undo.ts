import { UserError } from '../core/errors.ts';
import { handsOn } from '../daemon/open-packages.ts';
import { isPackageRepair } from '../daemon/package-hands.ts';
import { finishSwap, undoSwap } from '../repairs/config-swap.ts';
import { finishRepairs } from '../repairs/finish-repairs.ts';
import { openChangeGround } from './change-ground.ts';
import type { Context } from './context.ts';
import { askDaemon, silentDaemon } from './daemon-process.ts';
import { exitCodes } from './exit-codes.ts';
import { underLease, withOwnHands } from './own-hands.ts';
import { packagesOf } from './package-shop.ts';
import { changeWithinMs } from './propose.ts';
import { openWorkshop } from './workshop.ts';

interface Undone {
  readonly ok: boolean;
  readonly text: string;
  readonly why?: 'failed' | 'busy';
}

/** `immune undo <id>`: puts back what a change or a repair replaced, by the watchdog if it runs, else by ourselves. */
export async function runUndo(id: string, context: Context): Promise<number> {
  const asked = await askDaemon({ kind: 'undo', id, by: 'immune undo' }, context, changeWithinMs);
  if (asked.kind === 'silent') throw silentDaemon(context.uid, changeWithinMs);
  const answer = asked.kind === 'answer' ? asked.answer : await undoHere(id, context);
  if (!answer.ok)
    throw new UserError('refused', answer.text, { hint: 'immune status', exitCode: exitCodeOf(answer) });
  context.out.write(`${answer.text}\n`);
  return exitCodes.ok;
}

function exitCodeOf({ why }: Undone): number {
  switch (why) {
    case 'busy':
      return exitCodes.busy;
    case 'failed':
      return exitCodes.unhealthy;
    case undefined:
      return exitCodes.refused;
    default:
      return why satisfies never;
  }
}

async function undoHere(id: string, context: Context): Promise<Undone> {
  const undone = (await isPackageRepair(context.paths.quarantine, id))
    ? await undoRepairHere(id, context)
    : await undoChangeHere(id, context);
  if (!undone.ok) return undone;
  const text = `${undone.text}\nthe watchdog does not run: start the gateway yourself if it is down`;
  return { ok: true, text };
}

async function undoChangeHere(id: string, context: Context): Promise<Undone> {
  const ground = await openChangeGround(context, 'the undo');
  try {
    return await withOwnHands({ role: 'undo', ground }, context, async (deps) => {
      await finishSwap(deps);
      const outcome = await undoSwap(id, deps, { why: 'asked', signal: context.signal });
      if (outcome.kind !== 'done') return { ok: false, text: outcome.because };
      const { folder } = outcome.kept;
      const later = outcome.unfinished === null ? '' : `; ${outcome.unfinished}`;
      const text = `the change ${id} was taken back; what it had put in place is kept in ${folder}${later}`;
      return { ok: true, text };
    });
  } finally {
    ground.shop.log.close();
  }
}

async function undoRepairHere(id: string, context: Context): Promise<Undone> {
  const shop = await openWorkshop(context, { name: 'the undo', keeps: false });
  const { processes } = shop;
  try {
    return await underLease({ role: 'undo', processes }, context, async () => {
      const packages = packagesOf(shop, context);
      await finishRepairs(packages.repair());
      const outcome = await handsOn(packages).undo(id, { why: 'asked', signal: context.signal });
      if (outcome.kind === 'done') return { ok: true, text: outcome.because };
      return { ok: false, text: outcome.because, ...(outcome.kind === 'failed' ? { why: 'failed' } : {}) };
    });
  } finally {
    shop.log.close();
  }
}
