/**
 * The search for the fewest changes to take back, as data. It looks for one faulty change; where there are more, it
 * ends with a larger set or gives up, and never names a set that was not tried and found valid.
 */
export interface Bisect {
  /** What the one faulty change is among, if there is but one. */
  readonly suspects: readonly number[];
  /** The smallest set that was tried and found valid. */
  readonly valid: readonly number[] | null;
  readonly trialsLeft: number;
}

export type BisectStep =
  | { readonly kind: 'try'; readonly restore: readonly number[] }
  | { readonly kind: 'found'; readonly restore: readonly number[] }
  | { readonly kind: 'gave-up' };

/** For changes 0 to n - 1. Ten changes with one fault need at most five trials. */
export function beginBisect(n: number, maxTrials: number): Bisect {
  return { suspects: Array.from({ length: n }, (_, index) => index), valid: null, trialsLeft: maxTrials };
}

export function nextTrial({ suspects, valid, trialsLeft }: Bisect): BisectStep {
  const isProven = valid !== null && valid.length === suspects.length;
  const isOver = suspects.length === 0 || trialsLeft <= 0 || (isProven && suspects.length === 1);
  if (!isOver) return { kind: 'try', restore: firstHalf(suspects) };
  return valid === null ? { kind: 'gave-up' } : { kind: 'found', restore: valid };
}

/** What came of the set that `nextTrial` asked to try. */
export function noteTrial(bisect: Bisect, isValid: boolean): Bisect {
  const { suspects, valid } = bisect;
  const step = nextTrial(bisect);
  if (step.kind !== 'try') return bisect;
  const trialsLeft = bisect.trialsLeft - 1;
  if (isValid) return { suspects: step.restore, valid: step.restore, trialsLeft };
  // Not in this half alone, so it must be in the other one; where nothing is left, there were several faults.
  return { suspects: suspects.slice(step.restore.length), valid, trialsLeft };
}

const firstHalf = (all: readonly number[]): readonly number[] => all.slice(0, Math.ceil(all.length / 2));
