import { readFileSync } from 'node:fs';

export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export const noCounts: Counts = { passed: 0, failed: 0, skipped: 0 };

/** The counts a run left in `file`; a run that left none broke, which is one failure. */
export function readCounts(file: string): Counts {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Counts;
  } catch {
    // It ended before its reporter could write: nothing it did can be counted as passed.
    return { ...noCounts, failed: 1 };
  }
}

export const formatCounts = (counts: Counts): string =>
  `${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`;

/** Nothing run is no success. */
export const succeeded = (counts: Counts): boolean => counts.failed === 0 && counts.passed > 0;
