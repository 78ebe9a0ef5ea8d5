import { type Instant, instant } from '../core/time.ts';

/** One process as `ps` tells it. */
export interface ProcessRow {
  readonly pid: number;
  readonly ppid: number;
  readonly uid: number;
  /** ps's state letters: `T` stopped by a signal, `Z` dead but not yet collected. */
  readonly stat: string;
  readonly startedAt: Instant;
  /** Processor time used since its start. */
  readonly cpuMs: number;
  /** Memory it holds now; none of a process that is dead but not yet collected. */
  readonly residentBytes: number;
  /** Whether a terminal controls it: one that a person started by hand, and may be working with. */
  readonly hasTerminal: boolean;
  readonly command: string;
}

/**
 * One `-o` for each column: to macOS's ps everything behind an `=` is header text, commas included. The empty headers
 * suppress the header line; `-ww` keeps long command lines whole. To be read with LC_ALL=C and TZ=UTC.
 */
export const psColumns: readonly string[] = [
  'pid=',
  'ppid=',
  'uid=',
  'stat=',
  'lstart=',
  'time=',
  'rss=',
  'tty=',
  'command=',
].flatMap((column) => ['-o', column]);

const line =
  /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(\w{3}\s+\w{3}\s+\d+\s+[\d:]+\s+\d{4})\s+(\S+)\s+(\d+)\s+(\S+)(?:\s+(.*))?$/;
/** Both systems count resident memory in these. */
const kibibyte = 1_024;
/** `?` of procps, `??` of macOS. */
const noTerminal = /^[?-]+$/;
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** Parses the whole output; lines that do not look like a process are left out. */
export function parsePs(text: string): readonly ProcessRow[] {
  return text.split('\n').flatMap((each) => {
    const row = parsePsLine(each);
    return row === null ? [] : [row];
  });
}

function parsePsLine(text: string): ProcessRow | null {
  const match = line.exec(text);
  if (match === null) return null;
  const [, pid = '', ppid = '', uid = '', stat = '', started = '', time = '', rss, tty = '', command = ''] =
    match;
  const startedAt = parseLstart(started);
  const cpuMs = parseCpuTime(time);
  if (startedAt === null || cpuMs === null) return null;
  return {
    pid: Number(pid),
    ppid: Number(ppid),
    uid: Number(uid),
    stat,
    startedAt,
    cpuMs,
    residentBytes: Number(rss) * kibibyte,
    hasTerminal: !noTerminal.test(tty),
    command,
  };
}

/** `Sun Nov 22 11:13:55 2026` in UTC, as ps prints a start time in the C locale. */
function parseLstart(text: string): Instant | null {
  const match = /^\w{3}\s+(\w{3})\s+(\d{1,2})\s+(\d{2}):(\d{2}):(\d{2})\s+(\d{4})$/.exec(text);
  if (match === null) return null;
  const [, monthName = '', day, hour, minute, second, year] = match;
  const month = months.indexOf(monthName);
  if (month < 0) return null;
  return instant(Date.UTC(Number(year), month, Number(day), Number(hour), Number(minute), Number(second)));
}

/** procps prints `[days-]hours:minutes:seconds`; macOS prints `minutes:seconds.hundredths`, minutes beyond 59 too. */
export function parseCpuTime(text: string): number | null {
  const match = /^(?:(\d+)-)?(?:(\d+):)?(\d+):(\d{1,2}(?:\.\d+)?)$/.exec(text);
  if (match === null) return null;
  const [, days = '0', hours = '0', minutes = '0', seconds = '0'] = match;
  const total = ((Number(days) * 24 + Number(hours)) * 60 + Number(minutes)) * 60 + Number(seconds);
  return Math.round(total * 1_000);
}
