import type { LogFinding } from '../core/ground-evidence.ts';
import { type Instant, instant } from '../core/time.ts';
import { safeText } from '../system/log-text.ts';
import { type Said, signOf } from './crash-signs.ts';

/** A piece of one log file. */
export interface LogText {
  readonly text: string;
  /** When the file was last written: the age of its last lines where they carry no timestamp. */
  readonly writtenAt: Instant;
  /** Older lines are left out; null takes all. */
  readonly notBefore: Instant | null;
}

interface LogLine extends Said {
  /** Its own time, or the nearest that is known. */
  readonly around: Instant;
}

/** A finding is one line in an alert, and the whole log is at hand for whoever needs more. */
const maxTextLength = 200;
/** Chat and tool output may fill a line with megabytes; what a sign needs stands at its beginning. */
const maxLineLength = 4_096;

const stamped = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)) (.*)$/;
const named = /^\[([\w./:-]{1,64})\] (.*)$/;

/**
 * Finds the signs of a failure in the gateway's console log, each kind once with its newest line. Only lines of known
 * shape count: what a channel or an agent says may quote any error, and must never become a sign.
 */
export function findSigns(
  texts: readonly LogText[],
  redact: (text: string) => string,
): readonly LogFinding[] {
  const newest = new Map<LogFinding['sign'], { readonly around: Instant; readonly finding: LogFinding }>();
  for (const { text, writtenAt, notBefore } of texts) {
    const lines = parseLines(text, writtenAt);
    for (const [index, line] of lines.entries()) {
      if (notBefore !== null && line.around < notBefore) continue;
      const sign = signOf(lines, index);
      const known = sign === null ? undefined : newest.get(sign.sign);
      if (sign === null || (known !== undefined && known.around > line.around)) continue;
      const clean = redact(sign.text).slice(0, maxTextLength).toWellFormed();
      newest.set(sign.sign, {
        around: line.around,
        finding: { sign: sign.sign, at: line.at, text: clean },
      });
    }
  }
  return [...newest.values()].sort((one, other) => one.around - other.around).map(({ finding }) => finding);
}

/**
 * A line without a timestamp belongs to the one before it. The last lines of a file are as old as the file's last
 * writing: a gateway that fails before it can tell the time adds nothing else for hours.
 */
function parseLines(text: string, writtenAt: Instant): readonly LogLine[] {
  const raw = text
    .split('\n')
    .map((line) => parseLine(line))
    .filter((line) => line.text !== '' || line.subsystem !== null);
  const lastStamped = raw.findLastIndex((line) => line.at !== null);
  let around = raw.find((line) => line.at !== null)?.at ?? writtenAt;
  return raw.map((line, index) => {
    around = line.at ?? (index > lastStamped && writtenAt > around ? writtenAt : around);
    return { ...line, around };
  });
}

function parseLine(raw: string): Said {
  const plain = safeText(raw.slice(0, maxLineLength), (text) => text).trimEnd();
  const [, stamp, rest] = stamped.exec(plain) ?? [];
  const time = Date.parse(stamp ?? '');
  const at = Number.isFinite(time) ? instant(time) : null;
  const body = at === null || rest === undefined ? plain : rest;
  const [, subsystem, said] = named.exec(body) ?? [];
  return { at, subsystem: subsystem ?? null, text: said ?? body };
}
