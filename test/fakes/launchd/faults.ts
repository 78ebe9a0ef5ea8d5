import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

interface Failure {
  readonly code: number;
  /** How many more calls fail; each failing call counts one down. */
  readonly times: number;
  /** In place of the usual text. */
  readonly stderr?: string;
}

/** What the fake launchd does differently from a launchd in good health. A file of it is read at every call. */
export interface Faults {
  /** No GUI session: every call on the domain fails with this code. */
  readonly noDomain: 112 | 125 | null;
  /** The next calls of a verb fail with a code and do nothing. */
  readonly failures: Readonly<Record<string, Failure>>;
  /** A call of this verb is carried out this much later. */
  readonly delayMs: Readonly<Record<string, number>>;
  /** A call of one of these verbs never answers and does nothing. */
  readonly hang: readonly string[];
  /** Starts nobody demanded are held back for ever. */
  readonly pended: boolean;
  readonly managerName: string;
  /** A bootstrap is accepted and the label is not there. */
  readonly btmBlocked: boolean;
  readonly bootoutWait: 'known' | 'unknown';
  /** What a plain bootout answers while the process still stops. */
  readonly bootoutCode: 0 | 36;
  /** With rich errors bootstrap tells 17, 37, 109, 119, 122 or 2; without, as for ordinary users, always 5. */
  readonly richErrors: boolean;
  /** What a kickstart of a throttled job does. */
  readonly scheduledKickstart: 'starts' | 36;
  /** What a plain kickstart of a running job answers. */
  readonly runningKickstart: 0 | 37;
  /** `kickstart -k` of a KeepAlive job starts a short-lived extra instance first. */
  readonly doubleStart: boolean;
  /** The text of `print` of a job: as it is, with lines nobody knows, cut off, or something else altogether. */
  readonly print: 'plain' | 'extra' | 'truncated' | 'noise';
  readonly disabledFormat: 'words' | 'booleans';
  /** `Bad request.` before the message about an unknown label. */
  readonly badRequest: boolean;
  /** In place of the jobs' own ThrottleInterval, ExitTimeOut, and of the delay of a start after loading. */
  readonly throttleMs: number | null;
  readonly exitTimeOutMs: number | null;
  readonly startDelayMs: number | null;
}

export const noFaults: Faults = {
  noDomain: null,
  failures: {},
  delayMs: {},
  hang: [],
  pended: false,
  managerName: 'Aqua',
  btmBlocked: false,
  bootoutWait: 'known',
  bootoutCode: 0,
  richErrors: false,
  scheduledKickstart: 'starts',
  runningKickstart: 0,
  doubleStart: false,
  print: 'plain',
  disabledFormat: 'words',
  badRequest: false,
  throttleMs: null,
  exitTimeOutMs: null,
  startDelayMs: null,
};

export function readFaults(dir: string): Faults {
  return { ...noFaults, ...JSON.parse(readFileSync(join(dir, 'faults.json'), 'utf8')) };
}

export function writeFaults(dir: string, faults: Faults): void {
  const temporary = join(dir, `faults.${process.pid}.tmp`);
  writeFileSync(temporary, JSON.stringify(faults, null, 2));
  renameSync(temporary, join(dir, 'faults.json'));
}
