import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { inDoubt } from '../core/decision.ts';
import type { ActionOutcome } from '../core/state.ts';
import type { Clock, Millis } from '../core/time.ts';
import { isThere } from '../repairs/keep-file.ts';
import type { Log } from '../system/log.ts';
import { numberedFolders } from '../vault/numbered-folder.ts';
import type { PackagePlan } from '../vault/package-plans.ts';
import { repairRecordName } from '../vault/repair-records.ts';
import { isPlainName } from '../vault/stored-text.ts';
import type { Answer } from './commands.ts';
import type { Loop } from './loop.ts';

export interface PackageHandParts {
  /** The loop's own clock. */
  readonly clock: Clock;
  readonly loop: Pick<Loop, 'command' | 'exclusive' | 'note' | 'state' | 'nudge'>;
  readonly quarantine: string;
  readonly log: Log;
  readonly mode: () => 'act' | 'observe';
  /** How long one repair may take. */
  readonly deadlineMs: () => Millis;
  /** The staged plan; a sentence where it is none. */
  readonly plan: (id: string) => Promise<Pick<PackagePlan, 'id' | 'because'> | string>;
  readonly reinstall: (
    step: { readonly kind: 'reinstall'; readonly remedy: string },
    id: string,
    signal: AbortSignal,
  ) => Promise<ActionOutcome>;
  readonly undo: (
    id: string,
    how: { readonly why: 'asked'; readonly signal: AbortSignal },
  ) => Promise<ActionOutcome>;
}

/** What a person asks of the installed package, done between two actions. No budget pays for it. */
export interface PackageHands {
  mend(asked: { readonly staged: string; readonly by: string }): Promise<Answer>;
  undo(id: string, by: string): Promise<Answer>;
  /** Whether the newest thing of this id is a repair of the package. */
  owns(id: string): Promise<boolean>;
}

export function createPackageHands(parts: PackageHandParts): PackageHands {
  const { clock, loop, quarantine, log } = parts;
  let isBusy = false;

  /** Two people, or one in two terminals: the second one's plan was made for what the first is just changing. */
  const alone = async (work: () => Promise<Answer>): Promise<Answer> => {
    if (isBusy)
      return {
        ok: false,
        why: 'busy',
        text: 'a repair of the package is at work already; nothing else was begun',
      };
    isBusy = true;
    try {
      const state = loop.state();
      if (inDoubt(state))
        return refuse(`nothing was changed: the watchdog decides nothing: ${state.because}`);
      return await work();
    } finally {
      isBusy = false;
    }
  };

  const within = async (work: (signal: AbortSignal) => Promise<ActionOutcome>): Promise<ActionOutcome> => {
    const deadline = new AbortController();
    const settled = new AbortController();
    void clock.sleep(parts.deadlineMs(), settled.signal).then(() => deadline.abort());
    try {
      return await work(deadline.signal);
    } catch (error) {
      return { kind: 'failed', because: `a bug of the watchdog: ${String(error)}` };
    } finally {
      settled.abort();
    }
  };

  const told = async (because: string): Promise<void> => {
    await loop.command({ kind: 'package-changed' }, because);
    const at = clock.now();
    const durable = await loop.note(because, [
      { kind: 'told', at, incident: null, text: because, asked: true },
    ]);
    if (!durable) log.warn(`The journal could not be written: ${because}`);
    loop.nudge();
  };

  const mend = async ({ staged, by }: { readonly staged: string; readonly by: string }): Promise<Answer> => {
    const plan = await parts.plan(staged);
    if (typeof plan === 'string') return refuse(`nothing was changed: ${plan}`);
    const { id, outcome } = await loop.exclusive(async () => {
      // Only here nobody else is at work, so that no number is given away twice.
      const next = await nextRepairId(quarantine);
      const step = { kind: 'reinstall', remedy: plan.id } as const;
      return { id: next, outcome: await within((signal) => parts.reinstall(step, next, signal)) };
    });
    if (outcome.kind !== 'done') return { ...notDone(outcome), text: unchanged(outcome.because) };
    await told(`Repair ${id} of the openclaw package, asked by ${by}: ${withUndo(outcome.because, id)}`);
    return {
      ok: true,
      repair: id,
      text: `repair ${id}: ${withUndo(outcome.because, id)}\n${startWords(parts)}`,
    };
  };

  const undo = async (id: string, by: string): Promise<Answer> => {
    const outcome = await loop.exclusive(() => within((signal) => parts.undo(id, { why: 'asked', signal })));
    if (outcome.kind !== 'done') return { ...notDone(outcome), text: outcome.because };
    await told(`${by} took back the repair ${id} of the openclaw package: ${outcome.because}`);
    return { ok: true, repair: id, text: outcome.because };
  };

  return {
    mend: (asked) => alone(() => mend(asked)),
    undo: (id, by) => alone(() => undo(id, by)),
    owns: (id) => isPackageRepair(quarantine, id),
  };
}

const refuse = (text: string): Answer => ({ ok: false, text });

const notDone = ({ kind }: ActionOutcome): { readonly ok: false; readonly why?: 'failed' } =>
  kind === 'failed' ? { ok: false, why: 'failed' } : { ok: false };

/** Some reasons say it themselves. */
export const unchanged = (because: string): string =>
  because.includes('nothing was replaced') ? because : `nothing was changed: ${because}`;

/** Every repair says how it is taken back; not twice. */
export const withUndo = (because: string, id: string): string =>
  because.includes(`immune undo ${id}`) ? because : `${because}; undo with "immune undo ${id}"`;

/** What becomes of the gateway now. */
function startWords({ loop, mode }: Pick<PackageHandParts, 'loop' | 'mode'>): string {
  const state = loop.state();
  if (state.phase.kind === 'healthy') return 'the gateway serves, and is not restarted for it';
  const byHand = 'if the gateway is down: openclaw gateway start';
  if (mode() === 'observe') return `the watchdog only observes and starts nothing; ${byHand}`;
  if (state.pause !== null)
    return `the watchdog is paused and starts nothing before "immune resume"; ${byHand}`;
  if (state.wanted === 'down') return `the gateway is not meant to run; ${byHand}`;
  return 'if the gateway is down, the watchdog starts it by itself: "immune status" says how it stands';
}

const repairName = /^P(\d{1,9})(?:~\d+)?$/;

/** One above every repair that left something behind: what it replaced is kept under its number. */
export async function nextRepairId(quarantine: string): Promise<string> {
  const names = await readdir(quarantine).catch(() => []);
  return `P${Math.max(0, ...names.map((name) => Number(repairName.exec(name)?.[1] ?? 0))) + 1}`;
}

/**
 * Whether the newest thing kept under this id is a repair of the package, and not a change of the config: the counter of
 * actions begins anew when the journal is lost, so an id may stand for both.
 */
export async function isPackageRepair(quarantine: string, id: string): Promise<boolean> {
  if (!isPlainName(id)) return false;
  for (const { name } of (await numberedFolders(quarantine, id)).toReversed()) {
    if (await isThere(join(quarantine, name, repairRecordName))) return true;
    // A folder without any record was left by something that never began.
    if (await isThere(join(quarantine, name, 'kept.json'))) return false;
  }
  return false;
}
