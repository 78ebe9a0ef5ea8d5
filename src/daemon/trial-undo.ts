import type { Instant } from '../core/time.ts';
import { isUndoDue, type Trial, type TrialEnd, type Undoing, type UndoPurpose } from '../core/trial.ts';
import type { OpenTrial, TrialBook } from './trial-book.ts';
import type { TrialParts } from './trial-parts.ts';
import { leftNow, overAfterTry } from './trial-standing.ts';
import { maxReasonsTold, notice, reasonKey, undoingText } from './trial-words.ts';

export interface TrialUndo {
  takeBack(trial: OpenTrial, because: string, why?: UndoPurpose): Promise<TrialEnd | string>;
  leave(trial: OpenTrial, because: string): Promise<void>;
  /** Half of it is back, and the time to go on has not come. */
  isWaiting(trial: OpenTrial): boolean;
}

/** Taking a change back, as often as it takes. */
export function createTrialUndo(
  { clock, log, loop, hands }: Pick<TrialParts, 'clock' | 'log' | 'loop' | 'hands'>,
  { keep, finish }: Pick<TrialBook, 'keep' | 'finish'>,
): TrialUndo {
  let isHalfBack = false;

  /** A sentence: not done, and tried again by the looks to come, by the next life of ours as well. */
  const takeBack = async (
    trial: OpenTrial,
    because: string,
    why: UndoPurpose = purposeOf(trial, clock.now()),
  ): Promise<TrialEnd | string> => {
    const outcome = await loop
      .exclusive(() => hands.undo(trial.id, why))
      .catch((error: unknown) => ({ kind: 'failed' as const, because: String(error) }));
    if (outcome.kind === 'done') return finish(trial, 'reverted', `${because}${await startedAnew(trial)}`);
    const over = overAfterTry(trial, { because, kept: await hands.kept(trial.id), live: hands.live() });
    if (over !== null) return finish(trial, over.kind, over.because);
    await putOff(trial, { because, why }, outcome.because);
    return outcome.because;
  };

  /** A gateway that was restarted into the change, and may not reload by itself, would serve on with it. */
  const startedAnew = async (trial: OpenTrial): Promise<string> => {
    const { generation } = loop.state();
    const serves = generation !== null && (generation.readyAt ?? 0) >= trial.appliedAt;
    if (trial.restart !== 'asked' || !serves || generation.pid === trial.pidBefore) return '';
    const outcome = await loop.exclusive(() => hands.restart(generation.pid));
    return outcome.kind === 'done' || outcome.kind === 'refused'
      ? ''
      : `; the gateway may still run with the change, for it could not be restarted: ${outcome.because}`;
  };

  const putOff = async (
    trial: OpenTrial,
    { because, why }: { readonly because: string; readonly why: UndoPurpose },
    reason: string,
  ): Promise<void> => {
    const { tries, told }: Pick<Undoing, 'tries' | 'told'> = trial.undoing ?? { tries: 0, told: [] };
    const key = reasonKey(reason);
    const undoing = {
      because,
      why,
      tries: tries + 1,
      triedAt: clock.now(),
      told,
    };
    await keep({ ...trial, undoing });
    log.warn(`${trial.id} could not be taken back (try ${undoing.tries}): ${reason}`);
    if (told.includes(key) || told.length >= maxReasonsTold) return;
    const text = undoingText(trial, because, reason);
    if (await loop.note(text, [notice(text, clock.now())]))
      await keep({ ...trial, undoing: { ...undoing, told: [...told, key] } });
  };

  /** The config is not the one the trial left; that may be the rest of an interrupted swap, and not somebody's edit. */
  const leave = async (trial: OpenTrial, because: string): Promise<void> => {
    const kept = await hands.kept(trial.id);
    const left = leftNow(kept, hands.live());
    if (left !== null) return keep({ ...trial, left });
    const { undoing } = trial;
    isHalfBack = undoing !== null && kept.kind === 'read' && kept.state === 'begun';
    if (undoing === null || !isHalfBack) await finish(trial, 'superseded', because);
    else if (isUndoDue(undoing, clock.now())) await takeBack(trial, undoing.because);
  };

  const isWaiting = ({ undoing }: OpenTrial): boolean =>
    undoing !== null && isHalfBack && !isUndoDue(undoing, clock.now());

  return { takeBack, leave, isWaiting };
}

/** A gateway that fails is judged only while the time to confirm is not over (see `judgeTrial`). */
function purposeOf({ undoing, confirmBy, confirmed }: Trial, now: Instant): UndoPurpose {
  if (undoing?.why !== undefined) return undoing.why;
  return confirmBy !== null && !confirmed && now >= confirmBy ? 'unconfirmed' : 'unhelpful';
}
