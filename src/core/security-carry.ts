import { diffValues, type KeyPath } from './config-change.ts';
import { isCredential, isOpening, isSecurityKey, isWayIn } from './security-keys.ts';
import { resembles } from './security-typo.ts';

type Container = Readonly<Record<string | number, unknown>>;

/** An entry of a list that has an `id` is known by it: entries come, go and move. */
type Step = string | number | { readonly id: string };

/** A security setting to be carried over. */
export interface SecurityCarry {
  /** Where it goes. */
  readonly path: KeyPath;
  /** The number of the content it comes from, and where it stands there; null: it has none, so it goes. */
  readonly from: number;
  readonly source: KeyPath | null;
  /** It is missing there, but this may be meant to be it: then nobody can tell what was wanted. */
  readonly mistyped: KeyPath | null;
}

/** A config has some hundred of them; one that is made of nothing else must not keep us at it. */
const maxRoots = 4_096;
/** No security setting of OpenClaw's stands deeper. */
const maxDepth = 16;

/** A newer content, and whether all of it could be read: what a lost part held was not removed. */
export interface NewerContent {
  readonly content: unknown;
  readonly isWhole: boolean;
}

/**
 * The security settings that must be carried into the content that is to be restored: all that differ from what the
 * newest of the others says, be it that it has none. `newest` has the newest one first. A setting is not carried into
 * a channel or a list entry that the restored content does not have; a channel that the newest has removed goes, and
 * what it has switched off stays off.
 */
export function securityToCarry(
  restored: unknown,
  newest: readonly NewerContent[],
): readonly SecurityCarry[] {
  const roots = new Map(
    [restored, ...newest.map(({ content }) => content)]
      .flatMap(rootsIn)
      .map((steps) => [JSON.stringify(steps), steps] as const),
  );
  const carries = [...roots.values()].flatMap((steps) => carryOf(steps, restored, newest));
  return carries.filter(({ path }) => !carries.some((other) => isBelow(path, other.path)));
}

function carryOf(
  steps: readonly Step[],
  restored: unknown,
  newest: readonly NewerContent[],
): readonly SecurityCarry[] {
  const parent = steps.slice(0, -1);
  const from = newest.findIndex((newer) => speaks(newer, steps));
  if (from < 0) return [];
  const content = newest[from]?.content;
  const keys = keysOf(steps);
  const [here, found] = [lookUp(restored, steps), lookUp(content, steps)];
  const there = isWayIn(keys) && isOff(found?.value) ? null : found;
  const above = lookUp(restored, parent);
  if (there === null && isWayIn(keys) && isOff(here?.value)) return [];
  if (!isSecurityKey(keys)) {
    // Ways in and switches: nothing is brought in by them, and nothing switched on.
    const isClosed = isWayIn(keys) ? there === null : isSwitchedOff(keys, there?.value);
    if (!isClosed || !isContainer(above?.value)) return [];
  }
  if (isSame(here, there, steps)) return [];
  if (keys.at(-1) === 'enabled' && isHarmlessSwitch(here?.value, there?.value)) return [];
  const path = here?.path ?? (isContainer(above?.value) ? placeIn(above.path, steps) : freshPlace(steps));
  if (path === null) return [];
  const mistyped = there === null ? mistypedIn(content, restored, steps) : null;
  return [{ path, from, source: there?.path ?? null, mistyped }];
}

/** Not there, or put as if it were not. */
const isOff = (value: unknown): boolean => value === undefined || value === null || value === false;

/** What has entries of its own making: one that is gone had guards of its own, which must not go without it. */
const collections =
  /^(?:accounts|channels|entries|groups|guilds|list|providers|profiles|servers|teams|topics|byProvider)$/;

/**
 * Whether the content says something of this setting, be it that there is none. It does where it has all that the
 * setting stands in. Where it lacks a part of that, an entire content has removed it: its defaults hold, as they do
 * for OpenClaw. Of an entry that is gone only what lets others in is to go too. `gateway` is in every config that
 * starts: a content without it was cut off, and has removed nothing.
 */
function speaks({ content, isWhole }: NewerContent, steps: readonly Step[]): boolean {
  const keys = keysOf(steps);
  for (let length = 0; length < steps.length; length += 1) {
    const value = lookUp(content, steps.slice(0, length))?.value;
    if (isContainer(value)) continue;
    const hasGateway = isContainer(lookUp(content, ['gateway'])?.value);
    if (!isOff(value) || !isWhole || !hasGateway) return false;
    const ofEntry = steps
      .slice(length - 1, -1)
      .some((step, index) => typeof step !== 'string' || collections.test(String(keys[length - 2 + index])));
    return !ofEntry || isOpening(keys) || isCredential(keys) || isWayIn(keys);
  }
  const own = lookUp(content, steps)?.value;
  if (own === undefined) return isWhole;
  return !isWayIn(keys) || isContainer(own) || isOff(own);
}

const isSwitch = (keys: KeyPath): boolean => keys.at(-1) === 'enabled' || keys.at(-1) === 'disabled';

/**
 * A switch that is no boolean was never taken by OpenClaw: what it was before may come back where that is off, or on
 * where what was written does not mean off.
 */
export function isHarmlessSwitch(before: unknown, now: unknown): boolean {
  if (typeof now === 'boolean' || now === undefined) return false;
  const meansOn = typeof now === 'string' ? /^\s*(?:yes|on|true|y|1|enabled?)\s*$/i.test(now) : now === 1;
  return before === false || (before === true && meansOn);
}

const isSwitchedOff = (keys: KeyPath, value: unknown): boolean => value === (keys.at(-1) === 'disabled');

/** The key that may have been meant where the first missing step should be: the content has it, the restored has not. */
function mistypedIn(content: unknown, restored: unknown, steps: readonly Step[]): KeyPath | null {
  const length = steps.findIndex((_, index) => lookUp(content, steps.slice(0, index + 1)) === null);
  const above = lookUp(content, steps.slice(0, length));
  const missing = steps[length];
  // What was added beside an entry that is gone is another entry.
  const isEntry = typeof missing !== 'string' || collections.test(String(steps[length - 1]));
  if (!isContainer(above?.value) || isEntry) return null;
  const isNew = (own: string): boolean => lookUp(restored, [...steps.slice(0, length), own]) === null;
  const key = Object.keys(above.value).find((own) => isNew(own) && resembles(own, missing));
  return key === undefined ? null : [...above.path, key];
}

function isSame(here: Found | null, there: Found | null, steps: readonly Step[]): boolean {
  if (here === null || there === null) return here === there;
  // A list of who is let in at all: what is set for each of them is judged by its own name.
  if (isMembership(steps) && isContainer(here.value) && isContainer(there.value)) return true;
  return diffValues(here.value, there.value, '').length === 0;
}

/** In a list, an entry without an id has no place but its own position. */
const placeIn = (above: KeyPath, steps: readonly Step[]): KeyPath | null => {
  const last = steps.at(-1);
  return typeof last === 'string' ? [...above, last] : null;
};

/**
 * Where what it belongs to is not there either. Features have their defaults, which may be wider; an entry of a
 * collection does not come by itself, and what only opens or proves something is of no use without the rest.
 */
function freshPlace(steps: readonly Step[]): KeyPath | null {
  const plain = steps.filter((step) => typeof step === 'string');
  const isOfEntry = plain.length < steps.length || plain.slice(0, -2).some((step) => collections.test(step));
  return isOfEntry || isOpening(plain) || isCredential(plain) ? null : plain;
}

const isBelow = (path: KeyPath, above: KeyPath): boolean =>
  path.length > above.length && above.every((step, index) => step === path[index]);

/** The topmost keys of all security settings; of lists of who is let in, those of their entries too. */
function rootsIn(content: unknown): readonly (readonly Step[])[] {
  const roots: (readonly Step[])[] = [];
  const left: { readonly value: unknown; readonly steps: readonly Step[] }[] = [
    { value: content, steps: [] },
  ];
  for (let next = left.pop(); next !== undefined && roots.length < maxRoots; next = left.pop()) {
    const { value, steps } = next;
    if (!isContainer(value) || steps.length >= maxDepth) continue;
    for (const [key, entry] of Object.entries(value)) {
      const below = [...steps, Array.isArray(value) ? stepOf(entry, Number(key)) : key];
      const keys = keysOf(below);
      const isSecurity = isSecurityKey(keys);
      if (isSecurity || isWayIn(keys) || isSwitch(keys)) roots.push(below);
      if (!isSecurity || isMembership(below)) left.push({ value: entry, steps: below });
    }
  }
  return roots;
}

const stepOf = (entry: unknown, index: number): Step => {
  const id = isContainer(entry) ? entry['id'] : undefined;
  return typeof id === 'string' ? { id } : index;
};

/** As `isSecurityKey` wants it, which does not look at positions. */
const keysOf = (steps: readonly Step[]): KeyPath =>
  steps.map((step) => (typeof step === 'object' ? 0 : step));

/** A security key that does not make all below it security too. */
const isMembership = (steps: readonly Step[]): boolean => !isSecurityKey([...keysOf(steps), 0, 0]);

const isContainer = (value: unknown): value is Container => typeof value === 'object' && value !== null;

interface Found {
  readonly value: unknown;
  readonly path: KeyPath;
}

function lookUp(content: unknown, steps: readonly Step[]): Found | null {
  const path: (string | number)[] = [];
  let value = content;
  for (const step of steps) {
    if (!isContainer(value)) return null;
    const key = typeof step === 'object' ? indexOf(value, step.id) : step;
    if (!Object.hasOwn(value, key)) return null;
    value = value[key];
    path.push(key);
  }
  return { value, path };
}

const indexOf = (list: Container, id: string): number =>
  Array.isArray(list) ? list.findIndex((entry) => isContainer(entry) && entry['id'] === id) : -1;
