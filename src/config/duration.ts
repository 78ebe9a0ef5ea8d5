import { type Millis, millis } from '../core/time.ts';

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
/** Longer than any sensible wait, and still exact in milliseconds. */
const longestMs = 366 * 86_400_000;

/** `10s`, `1.5h`, `250ms`, `1h30m`; null when it is none of these, negative or longer than a year. */
export function parseDuration(text: string): Millis | null {
  const length = lengthOf(text);
  return length !== null && length <= longestMs ? millis(length) : null;
}

/** Why a text that a person typed is not taken, as the end of a sentence that begins with it. */
export function durationFault(text: string): string {
  const length = lengthOf(text);
  return length !== null && length > longestMs
    ? `is too long: ${formatDuration(millis(longestMs))} is the longest`
    : 'is not a length of time';
}

/** In whole milliseconds, however long. */
function lengthOf(text: string): number | null {
  const compact = text.trim().toLowerCase();
  if (!/^(?:\d+(?:\.\d+)?(?:ms|[smhd]))+$/.test(compact)) return null;
  let total = 0;
  for (const [, amount, unit = ''] of compact.matchAll(/(\d+(?:\.\d+)?)(ms|[smhd])/g)) {
    total += Number(amount) * (unitMs[unit] ?? Number.NaN);
  }
  return Math.round(total);
}

/** The shortest exact spelling `parseDuration` reads back: `90000` is `90s`, `3600000` is `1h`. */
export function formatDuration(length: Millis): string {
  for (const unit of ['d', 'h', 'm', 's']) {
    const size = unitMs[unit] ?? 1;
    if (length >= size && length % size === 0) return `${length / size}${unit}`;
  }
  return `${length}ms`;
}
