import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { Ending } from './fault.ts';

/** One case of the matrix: what was injected, what the watchdog made of it. */
export interface MatrixRow {
  readonly version: string;
  readonly fault: string;
  readonly expected: readonly string[];
  readonly allowed: readonly Ending[];
  /** What it named when it came to its end. */
  readonly diagnosed: readonly string[];
  /** What else it held for broken then, and should not have. */
  readonly besides: readonly string[];
  readonly ends: readonly Ending[];
  /** Every cause on the way, in order. */
  readonly named: readonly string[];
  readonly said: readonly string[];
  /** From the injection to the first right name; null when there was none. */
  readonly namedAfterMs: number | null;
  /** To the repair, the alert or the notice; null where nothing was said. */
  readonly endedAfterMs: number | null;
}

/** Where `OPENCLAW_IMMUNE_TEST_MATRIX` asks for the rows, they are added to that file, each fault and version once. */
export function keepRow(row: MatrixRow): void {
  const path = process.env['OPENCLAW_IMMUNE_TEST_MATRIX'];
  if (path === undefined) return;
  const others = readRows(path).filter((one) => one.fault !== row.fault || one.version !== row.version);
  const partial = `${path}.${process.pid}`;
  writeFileSync(partial, `${JSON.stringify([...others, row], null, 2)}\n`);
  renameSync(partial, path);
}

export const readRows = (path: string): readonly MatrixRow[] =>
  existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as readonly MatrixRow[]) : [];
