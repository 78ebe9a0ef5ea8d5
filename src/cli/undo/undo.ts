import { UserError } from '../../core/errors.ts';
import type { Answer } from '../../daemon/commands.ts';
import type { UndoAsk } from '../change-words.ts';
import type { Context } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { consent } from '../propose.ts';
import { report, reported } from '../report.ts';
import type { Terminal } from '../terminal.ts';
import { interrupted, undoAsked } from './hands.ts';
import { undoByLifeboat } from './lifeboat.ts';
import {
  insteadOf,
  nameOf,
  nothingToUndo,
  notUndoable,
  renderUndoable,
  undoableJson,
  undoPlan,
} from './render.ts';
import { isUndoOf, listUndoable, type Undoable } from './undoable.ts';

interface Undoing {
  readonly ask: UndoAsk;
  readonly context: Context;
  readonly terminal: Terminal;
  readonly all: readonly Undoable[];
}

/**
 * `immune undo [id]`: puts back what a change or a repair replaced, by the watchdog if it runs, else by ourselves. Who
 * names one has said yes to it; the undo of a change can be undone itself.
 */
export async function runUndo(ask: UndoAsk, context: Context, terminal: Terminal): Promise<number> {
  const on: Undoing = { ask, context, terminal, all: await listUndoable(context) };
  const to = { json: ask.json, context, blank: { id: ask.id, undo: null, plan: [], changes: [] } };
  return reported(to, () => (ask.id === null ? undoNewest(on) : undoOne(ask.id, on)));
}

async function undoNewest(on: Undoing): Promise<number> {
  const { ask, context, terminal, all } = on;
  const changes = all.filter((entry) => !isUndoOf(entry));
  const [newest] = changes;
  if (newest === undefined) return end(on, { outcome: 'nothing', because: nothingToUndo });
  const possible = changes.find(({ standing }) => standing === 'in-place');
  // Typed twice it must not take back one more each time: a lost line makes people type things twice.
  if (ask.yes && !ask.dryRun)
    return newest.standing === 'undone' ? already(newest, on) : undoOne(newest.id, on);
  if (ask.dryRun) {
    if (possible !== undefined) return undoOne(possible.id, on);
    return end(on, { outcome: 'nothing', because: 'nothing of what is kept can be undone now' });
  }
  if (!ask.json) context.out.write(renderUndoable(all));
  if (possible === undefined || ask.json || !terminal.interactive) {
    const because =
      possible === undefined
        ? 'none of them can be undone now; what they replaced is kept: immune undo --json says where'
        : `undo one with its id: immune undo ${possible.id} (--dry-run shows what it would put back)`;
    return end(on, { outcome: 'listed', because });
  }
  await consent(ask, terminal, `Undo ${nameOf(possible)}?`);
  return undoOne(possible.id, on);
}

async function undoOne(id: string, on: Undoing): Promise<number> {
  const { ask, context, all } = on;
  const entry = all.find((each) => each.id === id) ?? null;
  if (entry?.standing === 'undone') return already(entry, on);
  if (ask.dryRun) return showPlan(entry, id, on);
  if (entry?.standing === 'nothing-before') throw notUndoable(entry, all);
  const byLifeboat = entry?.of.kind === 'lifeboat';
  const answer = byLifeboat ? await undoByLifeboat(id, context) : await undoAsked(id, context);
  if (!answer.ok) {
    // Another operator, or the watchdog, may have been faster.
    const now = (await listUndoable(context)).find((each) => each.id === id);
    if (now?.standing === 'undone') return already(now, on);
    if (context.signal.aborted) throw interrupted(`interrupted: ${answer.text}`);
    throw notMade(answer, entry, on);
  }
  const redo = entry?.of.kind === 'config' ? `${id}.undo` : null;
  const because = redo === null ? answer.text : `${answer.text}\nundo this with "immune undo ${redo}"`;
  return end(on, { outcome: 'undone', because, id, undo: redo });
}

async function showPlan(entry: Undoable | null, id: string, on: Undoing): Promise<number> {
  if (entry === null)
    throw new UserError('unknown', `nothing is kept of a change named ${id}`, {
      hint: 'immune undo',
      exitCode: exitCodes.refused,
    });
  if (entry.standing !== 'in-place' && entry.standing !== 'unfinished') throw notUndoable(entry, on.all);
  const plan = await undoPlan(entry);
  if (!on.ask.json) on.context.out.write([nameOf(entry), ...plan.map((line) => `  ${line}`), ''].join('\n'));
  return end(on, { outcome: 'dry-run', because: 'nothing was changed', id, plan });
}

function already(entry: Undoable, on: Undoing): number {
  const before = on.all.find((each) => each.standing === 'in-place' && !isUndoOf(each));
  const next = before === undefined ? '' : `; the newest that can be undone: immune undo ${before.id}`;
  const because = `${entry.id} was undone already: nothing to do${on.ask.id === null ? next : ''}`;
  return end(on, { outcome: 'undone-already', because, id: entry.id });
}

function notMade({ text, why, next }: Answer, entry: Undoable | null, { all, ask }: Undoing): UserError {
  const id = entry?.id ?? ask.id ?? '';
  const hint = next ?? insteadOf(entry, all);
  switch (why) {
    case 'busy':
      return new UserError('busy', text, {
        hint: entry?.of.kind === 'lifeboat' ? insteadOf(entry, all) : `immune undo ${id}, once that is done`,
        exitCode: exitCodes.busy,
      });
    case 'failed':
      return new UserError('failed', text, { hint, exitCode: exitCodes.unhealthy });
    case undefined:
      return new UserError('refused', text, { hint, exitCode: exitCodes.refused });
    default:
      return why satisfies never;
  }
}

interface Ending {
  readonly outcome: 'undone' | 'undone-already' | 'nothing' | 'listed' | 'dry-run';
  readonly because: string;
  readonly id?: string | null;
  /** What takes this undo back. */
  readonly undo?: string | null;
  readonly plan?: readonly string[];
}

/** The last words; with `--json` an object whose keys are always all there. */
function end(
  { ask, context, all }: Undoing,
  { outcome, because, id = null, undo = null, plan = [] }: Ending,
): number {
  const changes = outcome === 'listed' || outcome === 'nothing' ? all.map(undoableJson) : [];
  const more = { id, undo, plan, changes };
  return report({ exitCode: exitCodes.ok, outcome, because, more }, { json: ask.json, context });
}
