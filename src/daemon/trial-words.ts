import type { Notice } from '../core/notice.ts';
import type { Instant } from '../core/time.ts';
import type { Trial, TrialEnd } from '../core/trial.ts';
import { spell } from '../core/words.ts';

/** Keys told in one sentence; `immune undo` and the kept record know the rest. */
const maxKeysTold = 8;

/** "gateway.port was changed; agents.list was added; and 3 more" */
export function changedKeys(changes: readonly string[]): string {
  if (changes.length === 0) return 'no key differs';
  const told = changes.slice(0, maxKeysTold);
  const more = changes.length - told.length;
  return `${told.join('; ')}${more > 0 ? `; and ${more} more` : ''}`;
}

const nameOf = ({ id, kind }: Trial): string =>
  kind === 'apply' ? `the change ${id} of the config` : `the repair ${id} of the config`;

/** What the one who asked is told once it is in place. */
export function placedText(trial: Trial, notes: readonly string[], now: Instant): string {
  const { id, confirmBy, restart } = trial;
  const lines = [
    `${nameOf(trial)} is in place${restart === 'none' ? '' : ', and the gateway is restarted with it'}; what it replaced is kept`,
    confirmBy === null
      ? `it is taken back by itself unless the gateway is ready with it; "immune undo ${id}" takes it back now`
      : `it is taken back by itself in ${spell(Math.max(0, confirmBy - now))} unless you type "immune confirm"`,
    ...notes,
  ];
  return lines.join('\n');
}

/** One sentence for the journal, the log and the alert: what, why, which keys, and what to type. */
export function endText(trial: Trial, end: TrialEnd): string {
  const { id, changes } = trial;
  const keys = `(${changedKeys(changes)})`;
  switch (end.kind) {
    case 'holds':
      return `${nameOf(trial)} holds: ${end.because} ${keys}; undo with "immune undo ${id}"`;
    case 'reverted':
      return `${nameOf(trial)} was taken back, and the config from before is in place again: ${end.because} ${keys}`;
    case 'superseded':
      return `${nameOf(trial)} is watched no longer: ${end.because}; nothing was taken back ${keys}`;
    case 'failed':
      return `${nameOf(trial)} was not made good: ${end.because} ${keys}`;
    default:
      return end.kind satisfies never;
  }
}

/** What was asked for and holds is no news to whoever asked. */
export const endNotice = (trial: Trial, end: TrialEnd): Notice => ({
  ...notice(endText(trial, end), end.at),
  ...(end.kind === 'holds' ? { asked: true } : {}),
});

/** What the operator is told while a change cannot be taken back. */
export const undoingText = (trial: Trial, because: string, reason: string): string =>
  `${nameOf(trial)} is to be taken back (${because}), and could not be so far: ${reason}; it is tried again by itself until it is done, and at once with "immune undo ${trial.id}"`;

/** What the operator is told of a change that an earlier life of the watchdog left in doubt. */
export const doubtText = (trial: Trial, doubt: string): string =>
  `${nameOf(trial)} is still under watch: ${doubt}; "immune undo ${trial.id}" takes it back`;

export const notice = (text: string, at: Instant): Notice => ({ kind: 'told', at, incident: null, text });

/** Whoever was told of so many different ones knows that it does not work. */
export const maxReasonsTold = 16;

/** The same reason with another process id is no news. */
export const reasonKey = (reason: string): string => reason.replaceAll(/\d+/g, '#');
