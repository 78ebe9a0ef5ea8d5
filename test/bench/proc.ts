import { readdirSync, readFileSync } from 'node:fs';

/** Processor time of one process in milliseconds; what its ended children used stands apart. */
export interface CpuTime {
  readonly ownMs: number;
  readonly childrenMs: number;
}

/** /proc counts in ticks of 10 ms (USER_HZ is 100 wherever Node runs). */
const tickMs = 10;

export function cpuOf(pid: number): CpuTime {
  const fields = readStat(pid);
  const ticks = (index: number): number => Number(fields[index]);
  return {
    ownMs: scheduledMs(pid) ?? (ticks(11) + ticks(12)) * tickMs,
    childrenMs: (ticks(13) + ticks(14)) * tickMs,
  };
}

/** The same by /proc/PID/stat alone: user plus system, in steps of 10 ms. */
export function statCpuMs(pid: number): number {
  const fields = readStat(pid);
  return (Number(fields[11]) + Number(fields[12])) * tickMs;
}

/** Fields after the command name, which stands in brackets and may hold spaces. */
function readStat(pid: number): readonly string[] {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}

/** The scheduler's own nanosecond count over all threads: an idle minute of ours is only a few ticks long. */
function scheduledMs(pid: number): number | null {
  let nanoseconds = 0;
  try {
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      nanoseconds += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
    }
  } catch {
    // A kernel without scheduler statistics, or a thread that ended meanwhile: the ticks have to do.
    return null;
  }
  return nanoseconds / 1_000_000;
}

export interface Memory {
  /** Pages no other process has: what the machine gets back when this one ends. */
  readonly privateMb: number;
  readonly pssMb: number;
  readonly rssMb: number;
  /** Private pages that are no file's: heap, stacks, compiled code. */
  readonly anonymousMb: number;
}

export function memoryOf(pid: number): Memory {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const mb = (name: string): number => {
    const found = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1];
    if (found === undefined) throw new Error(`smaps_rollup has no ${name}`);
    return Number(found) / 1_024;
  };
  return {
    privateMb: mb('Private_Clean') + mb('Private_Dirty'),
    pssMb: mb('Pss'),
    rssMb: mb('Rss'),
    anonymousMb: mb('Anonymous'),
  };
}
