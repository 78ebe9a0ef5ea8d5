import { type Instant, instant } from '../../core/time.ts';

/** One local snapshot of Time Machine, as `tmutil listlocalsnapshots` names it. */
export interface LocalSnapshot {
  /** What mount_apfs is given. */
  readonly name: string;
  /** The name tells it in the local time of the machine. */
  readonly at: Instant;
}

export type ListedSnapshots =
  | {
      readonly kind: 'listed';
      /** Newest first. */
      readonly snapshots: readonly LocalSnapshot[];
      /** Of a system update, or of another program: nothing of the user's is looked for in them. */
      readonly others: number;
    }
  /** It is no list: the first line of what it says instead. */
  | { readonly kind: 'unclear'; readonly because: string };

/** macOS keeps about a day of them; more than this is no list of a healthy disk. */
const maxSnapshots = 1_000;
const maxQuoted = 200;

/** Older systems leave out the ".local". */
const snapshotName = /^com\.apple\.TimeMachine\.(\d{4})-(\d{2})-(\d{2})-(\d{2})(\d{2})(\d{2})(?:\.local)?$/;
/** "Snapshots for disk /:", "Snapshots for volume group containing disk /:". */
const header = /^snapshots for .*:$/i;
const otherName = /^[A-Za-z][\w-]*(?:\.[\w-]+)+$/;

/** Reads what `tmutil listlocalsnapshots /` prints. Notes between the lines are passed over. */
export function parseLocalSnapshots(text: string): ListedSnapshots {
  const lines = text.split(/\r?\n/).flatMap((line) => (line.trim() === '' ? [] : [line.trim()]));
  const snapshots = lines.slice(0, maxSnapshots).flatMap((line) => snapshotOf(line) ?? []);
  const others = lines.filter((line) => otherName.test(line) && snapshotOf(line) === null).length;
  const isList =
    lines.length === 0 || snapshots.length + others > 0 || lines.some((line) => header.test(line));
  if (!isList) return { kind: 'unclear', because: firstLine(text) };
  return { kind: 'listed', snapshots: snapshots.sort((one, other) => other.at - one.at), others };
}

function snapshotOf(line: string): LocalSnapshot | null {
  const match = snapshotName.exec(line);
  if (match === null) return null;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1).map(Number);
  if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60) return null;
  return { name: line, at: instant(new Date(year, month - 1, day, hour, minute, second).getTime()) };
}

/** For a message: one line, of a bounded length, without control characters. */
export function firstLine(text: string): string {
  const line = text.split(/\r?\n/).find((each) => each.trim() !== '') ?? '';
  return line.trim().replace(/\p{C}/gu, '?').slice(0, maxQuoted);
}
