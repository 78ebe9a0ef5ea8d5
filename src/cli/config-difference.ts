import { parseJson5 } from '../config/json5.ts';
import { diffValues, type KeyPath } from '../core/config-change.ts';
import { shownValue } from '../core/mask.ts';
import { type ConfigTexts, valueAt } from '../probes/config-set.ts';

/** One key that differs; the values as they may be shown, null where there is none. */
export interface KeyDifference {
  readonly file: string;
  readonly path: KeyPath;
  readonly kind: 'added' | 'removed' | 'changed';
  readonly before: string | null;
  readonly after: string | null;
}

/** Whole files that differ in another way: one of the two texts does not parse, or only its writing differs. */
export interface FileDifference {
  readonly file: string;
  readonly kind: 'unparseable' | 'wording';
}

export interface ConfigDifference {
  readonly keys: readonly KeyDifference[];
  readonly files: readonly FileDifference[];
}

/** The config of a snapshot, by the names its files have there. */
export const textsOfFiles = (
  files: readonly { readonly name: string; readonly role: string; readonly bytes: Buffer }[],
): ConfigTexts =>
  new Map(
    files
      .filter(({ role }) => role === 'config' || role === 'include')
      .map(({ name, bytes }) => [name, bytes] as const),
  );

/** What the newer config has against the older one. Nothing in it holds a value that `shownValue` would mask. */
export function differenceOf(older: ConfigTexts, newer: ConfigTexts): ConfigDifference {
  const names = [...new Set([...older.keys(), ...newer.keys()])].sort();
  const parts = names.map((name) => partOf(name, older.get(name), newer.get(name)));
  return { keys: parts.flatMap(({ keys }) => keys), files: parts.flatMap(({ files }) => files) };
}

function partOf(file: string, older: Buffer | undefined, newer: Buffer | undefined): ConfigDifference {
  if (older !== undefined && newer !== undefined) return changed(file, older, newer);
  const kind = older === undefined ? 'added' : 'removed';
  return { keys: [{ file, path: [], kind, before: null, after: null }], files: [] };
}

function changed(file: string, older: Buffer, newer: Buffer): ConfigDifference {
  if (older.equals(newer)) return { keys: [], files: [] };
  const [before, after] = [parseJson5(older.toString('utf8')), parseJson5(newer.toString('utf8'))];
  if (before.kind !== 'ok' || after.kind !== 'ok')
    return { keys: [], files: [{ file, kind: 'unparseable' }] };
  const keys = diffValues(before.value, after.value, file).map(({ path, kind }) => ({
    file,
    path,
    kind,
    before: kind === 'added' ? null : shownValue(path, valueAt(before.value, path).value),
    after: kind === 'removed' ? null : shownValue(path, valueAt(after.value, path).value),
  }));
  return { keys, files: keys.length === 0 ? [{ file, kind: 'wording' }] : [] };
}
