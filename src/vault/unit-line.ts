import type { ManifestEntry, Unit, UnitName } from './manifest.ts';
import { isHash, isMode, isRecord } from './stored-text.ts';

/**
 * A unit as one line of a manifest. The entries are lists without names of fields, their paths below the folder of the
 * unit: so the largest package known (6 300 files) is read within a slice of the event loop.
 */
export function printUnit(unit: Unit): string {
  const { package: named, digest, bytes, entries } = unit;
  const rest = JSON.stringify({ package: named, digest, bytes, entries: entries.map(rowOf(unit)) });
  return `${unitStart(unit)}${rest.slice(1)}`;
}

/** How the line of a unit begins: by it a unit is found without reading its entries. */
export const unitStart = ({ tree, path, part }: UnitName): string =>
  `${JSON.stringify({ tree, path, part }).slice(0, -1)},`;

export type ParsedUnit =
  | { readonly kind: 'unit'; readonly unit: Unit }
  | { readonly kind: 'unwanted' }
  | { readonly kind: 'torn'; readonly because: string };

/** No name is longer (see `maxPath`), each of its characters as six at most. */
const longestStart = 30_000;
/** No file system takes a longer one. */
const maxPath = 4_096;

/** `wanted`: the beginnings of the lines that are read; null for all. */
export function parseUnit(line: Buffer, wanted: ReadonlySet<string> | null): ParsedUnit {
  if (wanted !== null && !isWanted(line, wanted)) return { kind: 'unwanted' };
  try {
    const value: unknown = JSON.parse(line.toString('utf8'));
    return isRecord(value) ? unitOfRecord(value) : torn('it is no object');
  } catch {
    // The parser's words quote the line, which may be a megabyte.
    return torn('it is not JSON');
  }
}

/** Within a text a quote is written with a backslash before it, so that these ten characters cannot be of a name. */
const afterName = ',"package"';

function isWanted(line: Buffer, wanted: ReadonlySet<string>): boolean {
  const end = line.subarray(0, longestStart).indexOf(afterName);
  return end >= 0 && wanted.has(line.toString('utf8', 0, end + 1));
}

const torn = (because: string): ParsedUnit => ({ kind: 'torn', because });

function unitOfRecord(value: Readonly<Record<string, unknown>>): ParsedUnit {
  const { tree, path, part, package: named, digest, bytes, entries } = value;
  if (typeof tree !== 'string' || typeof path !== 'string') return torn('it has no name');
  if (part !== 'whole' && !isCount(part)) return torn('it tells no part');
  if (!isHash(digest) || !isCount(bytes)) return torn('it has no digest');
  if (named !== null && !isPackage(named)) return torn('its package has no name');
  if (!Array.isArray(entries)) return torn('it has no entries');
  const start = path === '' ? '' : `${path}/`;
  const parsed: ManifestEntry[] = [];
  for (const row of entries) {
    const entry = entryOf(row, { path, start });
    if (entry === null) return torn(`entry ${parsed.length + 1} is none`);
    parsed.push(entry);
  }
  return { kind: 'unit', unit: { tree, path, part, package: named, digest, bytes, entries: parsed } };
}

type Row = readonly (string | number)[];

/** A path below the unit's folder; for the folder itself it is empty. */
const rowOf =
  ({ path }: UnitName) =>
  (entry: ManifestEntry): Row => {
    const below = path === '' ? entry.path : entry.path.slice(path.length + 1);
    switch (entry.kind) {
      case 'file':
        return [below, entry.size, entry.sha256, entry.mode, entry.mtimeMs];
      case 'link':
        return [below, entry.target];
      case 'directory':
        return [below, entry.mode];
      default:
        return entry satisfies never;
    }
  };

function entryOf(
  row: unknown,
  unit: { readonly path: string; readonly start: string },
): ManifestEntry | null {
  if (!Array.isArray(row)) return null;
  const [below, second, sha256, mode, mtimeMs]: readonly unknown[] = row;
  if (typeof below !== 'string' || below.length > maxPath) return null;
  const path = below === '' ? unit.path : unit.start + below;
  if (path === '') return null;
  if (row.length === 5) {
    if (!isCount(second) || !isHash(sha256) || !isMode(mode) || !isMoment(mtimeMs)) return null;
    return { kind: 'file', path, mode, size: second, mtimeMs, sha256 };
  }
  if (row.length !== 2) return null;
  if (typeof second === 'string') return { kind: 'link', path, target: second };
  return isMode(second) ? { kind: 'directory', path, mode: second } : null;
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;

const isMoment = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);

const isPackage = (value: unknown): value is { readonly name: string; readonly version: string } =>
  isRecord(value) && typeof value['name'] === 'string' && typeof value['version'] === 'string';
