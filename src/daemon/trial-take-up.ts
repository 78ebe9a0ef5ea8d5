import { isUndoDue, resumeTrial, type Undoing } from '../core/trial.ts';
import type { TrialBook } from './trial-book.ts';
import { readTrial } from './trial-file.ts';
import type { TrialParts } from './trial-parts.ts';
import { standingOf } from './trial-standing.ts';
import { doubtText, maxReasonsTold, notice, reasonKey } from './trial-words.ts';

type Doubt = Pick<Undoing, 'tries' | 'triedAt' | 'told'>;

export interface TakeUp {
  /** Whether there is a trial of which nothing certain could be told so far, and it is time to look again. */
  isDue(): boolean;
  now(): Promise<void>;
}

/** Takes up the trial that an earlier life of the watchdog, or a swap that ended by a bug, left open. */
export function createTakeUp(parts: TrialParts, book: TrialBook): TakeUp {
  const { stateDir, clock, log, loop, hands } = parts;
  let doubt: Doubt | null = null;

  /** At the start, and again at later looks for as long as nothing certain can be told. */
  const now = async (): Promise<void> => {
    const tries = (doubt?.tries ?? 0) + 1;
    const again = { tries, triedAt: clock.now(), told: doubt?.told ?? [] };
    const known = book.last();
    const read = known === null ? await readTrial(stateDir) : ({ kind: 'read', trial: known } as const);
    if (read.kind === 'unreadable') {
      const text = `whether a change of the config is under watch cannot be told, for its record cannot be read: ${read.because}; none is taken back by itself meanwhile; "immune snapshots" lists the configs from before`;
      doubt = await tellDoubt(again, text);
      return;
    }
    doubt = null;
    if (read.kind === 'none') return;
    book.take(read.trial);
    const trial = book.open();
    if (trial === null) {
      const { end } = read.trial;
      if (end !== null && !end.told) await book.tellEnd(read.trial, end);
      return;
    }
    const stands = standingOf(trial, { kept: await hands.kept(trial.id), live: hands.live() });
    if (stands.kind === 'untold') {
      doubt = await tellDoubt(again, doubtText(trial, stands.because));
    } else if (stands.kind === 'in-place') {
      await book.keep({ ...resumeTrial(trial, clock.now(), parts.policy()), left: stands.left });
      log.info(`The change ${trial.id} of the config is watched on`);
      if (stands.doubt !== null) await tellDoubt(again, doubtText(trial, stands.doubt));
    } else {
      await book.finish(trial, stands.kind, stands.because);
    }
  };

  const tellDoubt = async (before: Doubt, text: string): Promise<Doubt> => {
    const key = reasonKey(text);
    if (before.told.includes(key)) return before;
    log.error(text);
    const noted = await loop.note(text, [notice(text, clock.now())]);
    return noted ? { ...before, told: [...before.told, key].slice(-maxReasonsTold) } : before;
  };

  const isDue = (): boolean => (doubt === null ? book.open() !== null : isUndoDue(doubt, clock.now()));

  return { isDue, now };
}
