import type { Trial, TrialEnd } from '../core/trial.ts';
import { writeTrial } from './trial-file.ts';
import type { TrialParts } from './trial-parts.ts';
import { endNotice, endText } from './trial-words.ts';

export type OpenTrial = Trial & { readonly end: null };

/** The newest trial, in memory and on the disk, and how it ends. */
export interface TrialBook {
  last(): Trial | null;
  open(): OpenTrial | null;
  /** What is on the disk already. */
  take(trial: Trial): void;
  keep(trial: Trial): Promise<void>;
  finish(trial: Trial, kind: TrialEnd['kind'], because: string): Promise<TrialEnd>;
  tellEnd(trial: Trial, end: TrialEnd): Promise<void>;
}

export function createTrialBook({
  stateDir,
  clock,
  log,
  loop,
}: Pick<TrialParts, 'stateDir' | 'clock' | 'log' | 'loop'>): TrialBook {
  let last: Trial | null = null;

  /** In memory first: what the disk does not take is still watched for as long as we live. */
  const keep = async (trial: Trial): Promise<void> => {
    last = trial;
    const written = await writeTrial(stateDir, trial);
    if (written.kind === 'failed') log.error(`The trial cannot be written down: ${written.because}`);
  };

  const finish = async (trial: Trial, kind: TrialEnd['kind'], because: string): Promise<TrialEnd> => {
    const end: TrialEnd = { kind, at: clock.now(), because, told: false };
    await keep({ ...trial, end });
    await tellEnd({ ...trial, end }, end);
    loop.nudge();
    return end;
  };

  const tellEnd = async (trial: Trial, end: TrialEnd): Promise<void> => {
    log.info(endText(trial, end));
    const noted = await loop.note(endText(trial, end), [endNotice(trial, end)]);
    // Said once more at the next start where the journal could not take it.
    if (noted) await keep({ ...trial, end: { ...end, told: true } });
  };

  return {
    last: () => last,
    open: () => (last !== null && isOpen(last) ? last : null),
    take: (trial) => {
      last = trial;
    },
    keep,
    finish,
    tellEnd,
  };
}

const isOpen = (trial: Trial): trial is OpenTrial => trial.end === null;
