import { readFile } from 'node:fs/promises';

/** What Linux tells of a process without a child process; a Mac has no /proc, then this is never there. */
export interface ProcStat {
  /** User plus system time in ticks of 10 ms (USER_HZ is 100 wherever Node runs). */
  readonly cpuMs: number;
  readonly stat: string;
  /**
   * Boot id and start tick: never changes and never repeats. A start time on the wall clock does change on Linux when
   * the clock is stepped, because it is reckoned from the time of boot.
   */
  readonly startKey: string;
}

const tickMs = 10;

export async function readProcStat(pid: number): Promise<ProcStat | null> {
  try {
    const [text, boot] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'utf8'),
      readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
    ]);
    return parseProcStat(text, boot.trim());
  } catch {
    // No /proc, no such process, or hidden from us: the caller asks ps instead.
    return null;
  }
}

/** The command name stands in parentheses and may hold spaces and parentheses: fields count from the last `)`. */
export function parseProcStat(text: string, bootId: string): ProcStat | null {
  const fields = text
    .slice(text.lastIndexOf(')') + 1)
    .trim()
    .split(/\s+/);
  const stat = fields[0];
  const user = Number(fields[11]);
  const system = Number(fields[12]);
  const start = Number(fields[19]);
  if (stat === undefined || stat === '') return null;
  if (!Number.isSafeInteger(user) || !Number.isSafeInteger(system) || !Number.isSafeInteger(start))
    return null;
  return { cpuMs: (user + system) * tickMs, stat, startKey: `${bootId}:${start}` };
}
