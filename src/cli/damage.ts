import type { Difference, TreeCheck, Unit, UnitName } from '../vault/manifest.ts';

/** One folder of an installation that is not as it was proven: a package, or a part of the program. */
export interface DamagedPart {
  readonly tree: string;
  /** The folder, below the tree's root; empty for the root itself. */
  readonly path: string;
  readonly package: { readonly name: string; readonly version: string } | null;
  /** The folder itself is not there. */
  readonly isGone: boolean;
  readonly missing: readonly string[];
  readonly truncated: readonly string[];
  readonly altered: readonly string[];
}

type Lists = Record<'missing' | 'truncated' | 'altered', string[]>;

/** The differences by folder, in the order of the check. What is there besides is no damage. */
export function damagedParts({ differences, damaged }: TreeCheck): readonly DamagedPart[] {
  const parts = new Map<string, { readonly unit: UnitName; readonly lists: Lists }>();
  for (const { unit, kind, path } of differences) {
    if (kind === 'extra') continue;
    // The files of one folder may be spread over several units: a person thinks of the folder.
    const key = keyOf(unit);
    const part = parts.get(key) ?? { unit, lists: { missing: [], truncated: [], altered: [] } };
    part.lists[kind].push(path);
    parts.set(key, part);
  }
  const packages = new Map(damaged.map((unit) => [keyOf(unit), unit.package]));
  return [...parts.values()].map(({ unit: { tree, path }, lists }) => ({
    tree,
    path,
    package: packages.get(keyOf({ tree, path })) ?? null,
    isGone: path !== '' && lists.missing.includes(path),
    ...lists,
  }));
}

const keyOf = ({ tree, path }: Pick<UnitName, 'tree' | 'path'>): string => `${tree}\n${path}`;

export const extraFiles = (differences: readonly Difference[]): readonly Difference[] =>
  differences.filter(({ kind }) => kind === 'extra');

/** Folders told one by one; the JSON has them all. */
const maxParts = 20;
const maxFiles = 3;

/** One line a folder. */
export function damageLines(parts: readonly DamagedPart[]): readonly string[] {
  const more = parts.length - maxParts;
  return [
    ...parts.slice(0, maxParts).map((part) => `  ${nameOf(part)}: ${lossOf(part)}`),
    ...(more > 0 ? [`  and ${more} more`] : []),
  ];
}

function nameOf({ tree, path, package: pack }: DamagedPart): string {
  const where = path === '' ? 'the package itself' : path;
  const what = pack === null || path === '' ? where : `${pack.name} ${pack.version} (${where})`;
  return tree === 'openclaw' ? what : `${tree}, ${what}`;
}

function lossOf({ path, isGone, missing, truncated, altered }: DamagedPart): string {
  if (isGone) return 'missing';
  const counts = (
    [
      [missing, 'missing'],
      [truncated, 'truncated'],
      [altered, 'altered'],
    ] as const
  )
    .filter(([files]) => files.length > 0)
    .map(([files, word]) => `${files.length} file${files.length === 1 ? '' : 's'} ${word}`);
  const files = [...missing, ...truncated, ...altered].map((file) => within(file, path));
  const more = files.length - maxFiles;
  const named = files.slice(0, maxFiles).join(', ');
  return `${counts.join(', ')}: ${named}${more > 0 ? ` and ${more} more` : ''}`;
}

const within = (file: string, folder: string): string =>
  folder !== '' && file.startsWith(`${folder}/`) ? file.slice(folder.length + 1) : file;

/** Paths of one folder in the JSON; `files` counts them all. */
const maxPaths = 200;

export function damageJson(parts: readonly DamagedPart[]): readonly object[] {
  return parts.map(({ tree, path, package: pack, isGone, missing, truncated, altered }) => ({
    tree,
    path,
    package: pack?.name ?? null,
    version: pack?.version ?? null,
    gone: isGone,
    files: missing.length + truncated.length + altered.length,
    missing: missing.slice(0, maxPaths),
    truncated: truncated.slice(0, maxPaths),
    altered: altered.slice(0, maxPaths),
  }));
}

/** Names told in one line. */
const maxNames = 40;

/** `ws`, `@scope/x`, `dist`, `plugin:feishu x`: the folders that a plan puts something into, each once. */
export function unitNames(units: readonly Pick<Unit, 'tree' | 'path'>[]): readonly string[] {
  const names = [...new Set(units.map(({ tree, path }) => shortName(tree, path)))];
  const more = names.length - maxNames;
  return more > 0 ? [...names.slice(0, maxNames), `and ${more} more`] : names;
}

function shortName(tree: string, path: string): string {
  const name = path === '' ? 'the files beside package.json' : path.replace(/^node_modules\//, '');
  return tree === 'openclaw' ? name : `${tree} ${name}`;
}
