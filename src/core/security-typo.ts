import { diffValues, type KeyPath } from './config-change.ts';
import { isCredential, isOpening, isSecurityKey, isWayIn } from './security-keys.ts';

type Container = Readonly<Record<string | number, unknown>>;

/** Slips of the hand within one name. */
const maxSlips = 2;
/** Longer names are no setting of OpenClaw's. */
const maxNameChars = 32;
const letters = [...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'];
/** No setting stands deeper, and what is nested without end must not keep us at it. */
const maxDepth = 16;

/** Two names that one may have meant by the other: a letter too many, too few, another one, or two swapped. */
export function resembles(one: string, other: string): boolean {
  const [a, b] = [one.toLowerCase(), other.toLowerCase()];
  if (Math.max(a.length, b.length) > maxNameChars) return false;
  // Among short names two slips make anything out of anything.
  const allowed = Math.min(a.length, b.length) < 5 ? 1 : maxSlips;
  return Math.abs(a.length - b.length) <= allowed && slipsBetween(a, b) <= allowed;
}

function slipsBetween(a: string, b: string): number {
  let last: readonly number[] = [];
  let row: readonly number[] = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const change = at(row, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      next.push(Math.min(at(row, j) + 1, at(next, j - 1) + 1, change, isSwap ? at(last, j - 2) + 1 : change));
    }
    [last, row] = [row, next];
  }
  return at(row, b.length);
}

const at = (row: readonly number[], index: number): number => Number(row[index]);

/** A key that is to be taken out because OpenClaw does not know it, with what stood in its place before. */
export interface TakenOut {
  readonly path: KeyPath;
  readonly value: unknown;
  /** What it stands in, in the verified content and in the one at fault; undefined where it has none. */
  readonly verified: unknown;
  readonly own: unknown;
}

export interface Guards {
  /** To be taken from the verified content as well. */
  readonly restore: readonly KeyPath[];
  /** Nobody can tell what was meant by the key; `meant` is what it may have been. */
  readonly doubts: readonly { readonly meant: KeyPath | null }[];
}

/**
 * What has to happen beside a key that is taken out, for it may be a security setting with a slip in its name. A
 * setting that is missing beside it comes back where that opens no more than the key itself was meant to; else it is
 * for a person to say.
 */
export function guardsBeside(taken: TakenOut): Guards {
  const { path, value, verified, own } = taken;
  const above = path.slice(0, -1);
  const name = String(path.at(-1));
  const restore: KeyPath[] = [];
  const doubts: { meant: KeyPath | null }[] = [];
  let isExplained = false;
  for (const [key, older] of Object.entries(
    isContainer(verified) && !Array.isArray(verified) ? verified : {},
  )) {
    const meant = [...above, key];
    if (Object.hasOwn(Object(own), key) || !holdsSecurity(meant, older)) continue;
    const isSameValue = diffValues(older, value, '').length === 0;
    const isMeant = resembles(name, key) || isSameValue;
    if (isSameValue || (isMeant ? isNoLooser(key, older, value) : deny.test(key))) restore.push(meant);
    else if (!closesByAbsence(meant)) doubts.push({ meant });
    isExplained ||= isMeant;
  }
  if (!isExplained && !isWayIn(path) && (mayMeanSecurity(path) || holdsGuard(value)))
    doubts.push({ meant: null });
  return { restore, doubts };
}

const deny = /^(?:deny|denied|block)|(?:Deny|Blocklist)$/;
const allow = /^(?:also)?allow|Allow/;

/** A list that lets in no one besides, or that keeps out everyone. */
function isNoLooser(key: string, older: unknown, meant: unknown): boolean {
  if (!Array.isArray(older) || !Array.isArray(meant)) return false;
  if (deny.test(key)) return meant.every((entry) => older.includes(entry));
  return allow.test(key) && older.every((entry) => meant.includes(entry));
}

/** Without it there is less, so that nothing need be done. */
const closesByAbsence = (path: KeyPath): boolean =>
  isWayIn(path) || isOpening(path) || (path.length === 1 && (path[0] === 'channels' || path[0] === 'hooks'));

/** One letter from a security setting, or one that this OpenClaw does not know by this name. */
function mayMeanSecurity(path: KeyPath): boolean {
  const name = path.at(-1);
  if (typeof name !== 'string' || name.length > maxNameChars) return false;
  const parent = path.slice(0, -1);
  // Within a setting all is security: there the name alone has to tell.
  const base = isSecurityKey(parent) ? [] : parent;
  return variantsOf(name).some((variant) => isSecurityKey([...base, variant]));
}

function variantsOf(name: string): readonly string[] {
  const positions = Array.from({ length: name.length + 1 }, (_, index) => index);
  return positions.flatMap((index) => {
    const [head, tail] = [name.slice(0, index), name.slice(index)];
    const [first = '', second = ''] = tail;
    const less = head + tail.slice(1);
    const swapped = `${head}${second}${first}${tail.slice(2)}`;
    return [
      name,
      less,
      swapped,
      ...letters.flatMap((letter) => [`${head}${letter}${tail}`, `${head}${letter}${tail.slice(1)}`]),
    ];
  });
}

const holdsSecurity = (path: KeyPath, value: unknown): boolean =>
  isSecurityKey(path) || isWayIn(path) || anyIn(path, value, isSecurityKey);

/** Something that keeps others out: a credential does by itself only in its own place. */
const holdsGuard = (value: unknown): boolean =>
  anyIn([], value, (below) => isSecurityKey(below) && !isOpening(below) && !isCredential(below));

function anyIn(path: KeyPath, value: unknown, isMeant: (path: KeyPath) => boolean): boolean {
  if (!isContainer(value) || path.length >= maxDepth) return false;
  return Object.entries(value).some(
    ([key, entry]) => isMeant([...path, key]) || anyIn([...path, key], entry, isMeant),
  );
}

const isContainer = (value: unknown): value is Container => typeof value === 'object' && value !== null;
