import type { Processes, RowOutcome } from './process.ts';
import type { ProcessRow } from './ps.ts';

/** Parents, nearest first, without process 1. Whoever asks decides what a list that may be too short is good for. */
export type Ancestry =
  | { readonly kind: 'known'; readonly pids: readonly number[] }
  /** One of them could not be read: these lie below it. */
  | { readonly kind: 'unknown'; readonly pids: readonly number[]; readonly because: string };

export interface Climb {
  /** One process; one child process (ps). */
  readonly row: Processes['row'];
  /** How many parents at most. */
  readonly levels: number;
  /** Whose own parents do not matter. */
  readonly until?: number | null;
}

/** A wrapper script and a shell between the job and its gateway: deeper chains are nobody's. */
export const gatewayLevels = 3;

/** Of a process, or of a row of it that was read already. */
export async function ancestorsOf(
  of: number | Pick<ProcessRow, 'ppid'>,
  { row, levels, until }: Climb,
): Promise<Ancestry> {
  const pids: number[] = [];
  let found: RowOutcome | { readonly kind: 'row'; readonly row: Pick<ProcessRow, 'ppid'> } =
    typeof of === 'number' ? await row(of) : { kind: 'row', row: of };
  for (;;) {
    if (found.kind === 'unknown') return { ...found, pids };
    // A parent that has just ended hands its children to process 1.
    if (found.kind === 'gone' || found.row.ppid <= 1) break;
    const { ppid } = found.row;
    pids.push(ppid);
    if (ppid === until || pids.length >= levels) break;
    found = await row(ppid);
  }
  return { kind: 'known', pids };
}
