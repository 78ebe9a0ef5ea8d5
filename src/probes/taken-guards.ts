import type { Mount } from '../core/blame.ts';
import type { KeyChange, KeyPath } from '../core/config-change.ts';
import { guardsBeside } from '../core/security-typo.ts';
import { isRecord } from '../gateway/config-file.ts';
import { type ConfigTexts, parsedOf, valueAt } from './config-set.ts';
import { doubtWords } from './plan-words.ts';
import type { Blame } from './suspects.ts';

/** The config in place and the verified one, by file and merged. */
export interface Sides {
  readonly live: ConfigTexts;
  readonly snapshot: ConfigTexts;
  readonly mounts: readonly Mount[];
  readonly whole: { readonly live: unknown; readonly snapshot: unknown };
}

/** Where in the whole config a key of a file stands. */
export const placeOf = (
  mounts: readonly Mount[],
  { file, path }: Pick<KeyChange, 'file' | 'path'>,
): KeyPath => [...(mounts.find((mount) => mount.file === file)?.at ?? []), ...path];

/** What comes back with the keys that are taken out, and why a person has to look at them first, if so. */
export function guardsOf(
  sides: Sides,
  changes: readonly KeyChange[],
): { readonly blames: readonly Blame[]; readonly doubt: string | null } {
  const { live, snapshot, mounts, whole } = sides;
  const blames: Blame[] = [];
  const doubts: string[] = [];
  for (const { file, path } of changes) {
    const own = valueAt(parsedOf(live, file), path);
    if (!own.found || valueAt(parsedOf(snapshot, file), path).found) continue;
    const place = placeOf(mounts, { file, path });
    const above = place.slice(0, -1);
    const there = namesake(whole, above);
    const guards = guardsBeside({
      path: place,
      value: own.value,
      verified: there?.value,
      own: valueAt(whole.live, above).value,
    });
    for (const meant of guards.restore) {
      const back = [...path.slice(0, -1), ...meant.slice(-1)];
      const isHere = there?.isInPlace === true && valueAt(parsedOf(snapshot, file), back).found;
      const change = { file, path: back, kind: 'removed' } as const;
      if (isHere) blames.push({ change, because: `it is missing, and ${doubtWords(place, meant)}` });
      else doubts.push(doubtWords(place, meant));
    }
    doubts.push(...guards.doubts.map(({ meant }) => doubtWords(place, meant)));
  }
  const [doubt] = doubts;
  return { blames, doubt: doubt === undefined ? null : `${doubt}, and no snapshot may decide it` };
}

/** The same part of the verified config: an entry of a list is known by its id, and may stand elsewhere there. */
function namesake(
  { live, snapshot }: Sides['whole'],
  path: KeyPath,
): { readonly value: unknown; readonly isInPlace: boolean } | null {
  let [mine, theirs] = [live, snapshot];
  let isInPlace = true;
  for (const step of path) {
    mine = valueAt(mine, [step]).value;
    const id = typeof step === 'number' && isRecord(mine) ? mine['id'] : undefined;
    const index =
      id !== undefined && Array.isArray(theirs)
        ? theirs.findIndex((entry) => isRecord(entry) && entry['id'] === id)
        : step;
    if (index === -1) return null;
    isInPlace &&= index === step;
    theirs = valueAt(theirs, [index]).value;
  }
  return { value: theirs, isInPlace };
}
