import { diffValues, type KeyPath } from './config-change.ts';
import { isSecurityKey } from './security-keys.ts';

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
}

/** A config has some hundred of them; one that is made of nothing else must not keep us at it. */
const maxRoots = 4_096;
/** No security setting of OpenClaw's stands deeper. */
const maxDepth = 16;

/**
 * The security settings that must be carried into the content that is to be restored: all that differ from what the
 * newest of the others says, be it that it has none. `newest` has the newest one first. A content that lost all the
 * part they stand in (the whole of `gateway`, a channel) says nothing about them; nor is a setting carried into a
 * channel or a list entry that the restored content does not have.
 */
export function securityToCarry(restored: unknown, newest: readonly unknown[]): readonly SecurityCarry[] {
  const roots = new Map(
    [restored, ...newest].flatMap(rootsIn).map((steps) => [JSON.stringify(steps), steps] as const),
  );
  const carries = [...roots.values()].flatMap((steps) => carryOf(steps, restored, newest));
  return carries.filter(({ path }) => !carries.some((other) => isBelow(path, other.path)));
}

function carryOf(
  steps: readonly Step[],
  restored: unknown,
  newest: readonly unknown[],
): readonly SecurityCarry[] {
  const parent = steps.slice(0, -1);
  const from = newest.findIndex((content) => isContainer(lookUp(content, parent)?.value));
  if (from < 0) return [];
  const [here, there] = [lookUp(restored, steps), lookUp(newest[from], steps)];
  if (isSame(here, there, steps)) return [];
  const above = lookUp(restored, parent);
  const path = here?.path ?? (isContainer(above?.value) ? placeIn(above.path, steps) : freshPlace(steps));
  return path === null ? [] : [{ path, from, source: there?.path ?? null }];
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

/** Where what it belongs to is not there either. Features have their defaults, a channel does not come by itself. */
function freshPlace(steps: readonly Step[]): KeyPath | null {
  const plain = steps.filter((step) => typeof step === 'string');
  return plain.length < steps.length || plain[0] === 'channels' ? null : plain;
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
      const isSecurity = isSecurityKey(keysOf(below));
      if (isSecurity) roots.push(below);
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
