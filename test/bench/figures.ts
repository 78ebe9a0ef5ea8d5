import { cpus, loadavg } from 'node:os';

/** Samples of one figure, in the unit its row names. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly count: number;
}

export function spreadOf(samples: readonly number[]): Spread {
  const sorted = samples.toSorted((a, b) => a - b);
  const first = sorted[0];
  const last = sorted.at(-1);
  if (first === undefined || last === undefined) throw new Error('a figure without a single sample');
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? last;
  const median = sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
  return { median, min: first, max: last, count: sorted.length };
}

export interface Row {
  readonly what: string;
  readonly value: string;
  /** The goal in words, and whether it was met; null where the issue sets none. */
  readonly goal: { readonly text: string; readonly met: boolean } | null;
}

export interface Section {
  readonly title: string;
  /** How it was measured, in sentences. */
  readonly method: readonly string[];
  readonly rows: readonly Row[];
}

export const digits = (value: number): string =>
  value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);

export const show = ({ median, min, max, count }: Spread, unit: string): string =>
  count === 1
    ? `${digits(median)} ${unit}`
    : `${digits(median)} ${unit} (${digits(min)}–${digits(max)}, n=${count})`;

export const row = (what: string, value: string, goal: Row['goal'] = null): Row => ({ what, value, goal });

export const atMost = (value: number, limit: number, unit: string): Row['goal'] => ({
  text: `≤ ${limit} ${unit}`,
  met: value <= limit,
});

/** A table in Markdown, so that what was printed can stand in the docs as it is. */
export function renderSection({ title, method, rows }: Section): string {
  return [
    `## ${title}`,
    '',
    ...method,
    '',
    '| figure | median (min–max) | goal |',
    '|---|---|---|',
    ...rows.map(({ what, value, goal }) => `| ${what} | ${value} | ${goalText(goal)} |`),
    '',
  ].join('\n');
}

const goalText = (goal: Row['goal']): string =>
  goal === null ? '' : `${goal.text}: ${goal.met ? 'met' : '**missed**'}`;

/** How busy the machine is at this moment: medians of a busy machine are not those of a quiet one. */
export const load = (): string =>
  loadavg()
    .map((each) => each.toFixed(1))
    .join(' ');

export const machine = (): string =>
  `${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${process.platform} ${process.arch}, Node ${process.versions.node}`;
