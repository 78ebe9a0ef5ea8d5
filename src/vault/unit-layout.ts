import type { ManifestEntry, UnitName } from './manifest.ts';

type Place = Pick<UnitName, 'path' | 'part'>;

/** So that one lost file in the thousands directly below `dist` takes a small archive, and not all of them. */
const distShares = 16;

const root: Place = { path: '', part: 0 };
const scope = /^@[^/]/;

/**
 * The unit an entry belongs to; `path` is relative to the tree's root. A package, and any other folder of the root, is one
 * unit with all that is below it. The folders that only hold packages or units are entries of the root itself.
 */
export function unitOf(path: string, kind: ManifestEntry['kind']): Place {
  const [top = '', second, third] = path.split('/', 4);
  const isFolder = kind === 'directory';
  if (top === 'node_modules') {
    if (second === undefined) return root;
    if (!scope.test(second)) return inContainer('node_modules', second, isFolder || third !== undefined);
    if (third === undefined) return isFolder ? root : { path: 'node_modules', part: 0 };
    const below = path.length > top.length + second.length + third.length + 2;
    return inContainer(`node_modules/${second}`, third, isFolder || below);
  }
  if (second === undefined) return isFolder && top !== 'dist' ? { path: top, part: 'whole' } : root;
  if (top !== 'dist') return { path: top, part: 'whole' };
  if (isFolder || third !== undefined) return { path: `dist/${second}`, part: 'whole' };
  return { path: 'dist', part: shareOf(second) };
}

const inContainer = (container: string, name: string, isFolder: boolean): Place =>
  isFolder ? { path: `${container}/${name}`, part: 'whole' } : { path: container, part: 0 };

/** FNV-1a over the UTF-8 of the name: the same share on every machine, whatever else is in the folder. */
function shareOf(name: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(name)) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0) % distShares;
}

/** For maps: tells one unit from every other. */
export const unitKey = ({ tree, path, part }: UnitName): string => `${tree}\0${path}\0${part}`;

/** By tree as the manifest lists them, then by path, then by share. */
export function compareUnits(one: UnitName, other: UnitName): number {
  if (one.path !== other.path) return one.path < other.path ? -1 : 1;
  return numberOf(one.part) - numberOf(other.part);
}

const numberOf = (part: UnitName['part']): number => (part === 'whole' ? -1 : part);
