import { blamed, type Mount } from '../core/blame.ts';
import { diffValues, type KeyChange } from '../core/config-change.ts';
import { isRecord } from '../gateway/config-file.ts';
import { type ConfigTexts, includedName, includesIn, mainName, parsedOf, valueAt } from './config-set.ts';
import type { Issues } from './staged-judge.ts';

/** A change that is held to be at fault, and the words that say so. */
export interface Blame {
  readonly change: KeyChange;
  readonly because: string;
}

export interface Suspects {
  /** Named so exactly that nothing else can be meant. */
  readonly certain: readonly Blame[];
  /** One of them, or some: the validator named what they are in (2026.6 does, for a key it does not know). */
  readonly among: readonly Blame[];
}

/** What the newer set has against the older one, file by file. Files that only one of them has are left out. */
export function changesBetween(older: ConfigTexts, newer: ConfigTexts): readonly KeyChange[] {
  return [...newer.keys()].flatMap((file) => {
    const [before, after] = [parsedOf(older, file), parsedOf(newer, file)];
    return isRecord(before) && isRecord(after)
      ? withIncludesWhole(diffValues(before, after, file), { before, after })
      : [];
  });
}

/** What stands beside an `$include` is one with it: either without the other was never a config. */
function withIncludesWhole(
  changes: readonly KeyChange[],
  { before, after }: { readonly before: unknown; readonly after: unknown },
): readonly KeyChange[] {
  const wholes = changes
    .filter(({ path }) => path.length > 1 && path.includes('$include'))
    .map(({ path }) => path.slice(0, path.indexOf('$include')))
    .filter((path) => valueAt(before, path).found && valueAt(after, path).found);
  const keyOf = (path: KeyChange['path']): string => JSON.stringify(path).slice(0, -1);
  const kept = changes.filter(
    ({ path }) => !wholes.some((whole) => keyOf(path).startsWith(`${keyOf(whole)},`)),
  );
  const distinct = new Map(wholes.map((path) => [keyOf(path), path] as const));
  const file = changes[0]?.file ?? '';
  return [...kept, ...[...distinct.values()].map((path) => ({ file, path, kind: 'changed' as const }))];
}

interface Scene {
  readonly changes: readonly KeyChange[];
  readonly mounts: readonly Mount[];
  readonly live: ConfigTexts;
}

/** Sorts the changes by what the validator says of the live config. */
export function suspectsOf({ changes, mounts, live }: Scene, issues: Issues): Suspects {
  const certain = new Map<string, Blame>();
  const among = new Map<string, Blame>();
  for (const issue of issues) {
    const found = accused(changes, { ...issue, path: asWritten(issue.path, live) }, mounts);
    const into = found.length > 1 && !namesKeys(issue.message) ? among : certain;
    // Our own sentences begin with the key.
    const isNamed = issue.message.startsWith(`${issue.path} `);
    const because = isNamed ? issue.message : `${issue.path}: ${issue.message}`;
    for (const change of found) into.set(idOf(change), { change, because });
  }
  for (const key of certain.keys()) among.delete(key);
  return { certain: [...certain.values()], among: [...among.values()] };
}

/** 2026.9 reads agents.list into agents.entries before it judges, and names an agent by its id. */
function asWritten(path: string, live: ConfigTexts): string {
  const [, id, rest] = /^agents\.entries\.([^.]+)(.*)$/.exec(path) ?? [];
  const list = valueAt(parsedOf(live, mainName), ['agents', 'list']).value;
  if (id === undefined || !Array.isArray(list)) return path;
  const index = list.findIndex((entry) => isRecord(entry) && entry['id'] === id);
  return index < 0 ? path : `agents.list.${index}${rest}`;
}

/** The changes that brought an `$include` of a file that cannot be used. */
export function includersOf({
  changes,
  live,
  lost,
  place,
}: Scene & {
  readonly lost: readonly string[];
  readonly place: { readonly configPath: string };
}): readonly KeyChange[] {
  return changes.filter(({ file, path }) => {
    const { value } = valueAt(parsedOf(live, file), path);
    const whole = path.at(-1) === '$include' ? { $include: value } : value;
    return includesIn(whole, []).some(({ include }) =>
      lost.includes(includedName(place.configPath, file, include)),
    );
  });
}

const namesKeys = (message: string): boolean => /Unrecognized keys?: "/.test(message);

function accused(
  changes: readonly KeyChange[],
  issue: Issues[number],
  mounts: readonly Mount[],
): readonly KeyChange[] {
  const depthOf = (change: KeyChange): number =>
    change.path.length + (mounts.find(({ file }) => file === change.file)?.at.length ?? 0);
  const isRoot = issue.path === '<root>';
  const found = isRoot && !namesKeys(issue.message) ? changes : blamed(changes, [issue], mounts);
  if (found.length < 2 || namesKeys(issue.message)) return found;
  // Without a name it is mostly a key that is one too many, and that stands in the very place that was named.
  const depth = isRoot ? 0 : issue.path.split('.').length;
  const added = found.filter((change) => change.kind === 'added' && depthOf(change) === depth + 1);
  return added.length > 0 ? added : found;
}

export const idOf = ({ file, path }: KeyChange): string => JSON.stringify([file, path]);
