import { constants, type Stats } from 'node:fs';
import { access, lstat, readdir, realpath } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { readJson } from '../gateway/file-look.ts';
import { errorCode } from '../system/file-failure.ts';
import type { Manifest } from '../vault/manifest.ts';

/** The installed package as it lies there. */
export interface ReinstallGround {
  /** Absolute, links resolved: where the package is, or should be. */
  readonly root: string;
  /** By its package.json; null where that is missing, torn or another package's. */
  readonly version: string | null;
  /** Nothing is left of it that npm would not leave behind after an uninstall. */
  readonly isGone: boolean;
}

type GroundFound =
  | ({ readonly kind: 'found' } & ReinstallGround)
  | { readonly kind: 'refused'; readonly because: string };

const refused = (because: string): GroundFound => ({ kind: 'refused', because });

/** Where a repair may put something, and where never: outside of the package's own folder, or over somebody's work. */
export async function findGround(packageRoot: string | null, uid: number): Promise<GroundFound> {
  if (packageRoot === null) return refused('where the openclaw package lies is not known');
  const modules = await realpath(dirname(packageRoot)).catch(() => null);
  if (modules === null) return refused(`${dirname(packageRoot)} is not there`);
  const named = await statOf(packageRoot);
  const place = join(modules, basename(packageRoot));
  const root = named?.isSymbolicLink() === true ? await realpath(packageRoot).catch(() => null) : place;
  if (root === null) return refused(`${packageRoot} is a link to nothing`);
  if (relative(modules, root).startsWith('..')) {
    return refused(`${packageRoot} is a link to ${root}, outside of ${modules}`);
  }
  const found = await statOf(root);
  if (found !== null && !found.isDirectory()) return refused(`${root} is no folder`);
  if ((await statOf(join(root, '.git'))) !== null) return refused(`${root} is a git checkout`);
  const foreign = await foreignTo({ root, found, uid });
  if (foreign !== null) return refused(foreign);
  const parts = await Promise.all(
    ['package.json', 'dist', 'node_modules'].map((name) => statOf(join(root, name))),
  );
  return {
    kind: 'found',
    root,
    version: await readVersion(root),
    isGone: parts.every((part) => part === null),
  };
}

async function foreignTo(of: {
  readonly root: string;
  readonly found: Stats | null;
  readonly uid: number;
}): Promise<string | null> {
  const { root, found, uid } = of;
  const parent = dirname(root);
  const owner = (await statOf(parent))?.uid;
  // What root has made for all users may be open to us by its mode; another user may take it away at any time.
  if (owner !== uid && owner !== 0) return `${parent} belongs to another user`;
  if (found !== null && found.uid !== uid) return `${root} belongs to another user`;
  try {
    await access(parent, constants.W_OK | constants.X_OK);
    return null;
  } catch (error) {
    return `${parent} cannot be written to (${errorCode(error)})`;
  }
}

export async function readVersion(root: string): Promise<string | null> {
  const manifest = await readJson(join(root, 'package.json'));
  if (manifest.kind !== 'value' || typeof manifest.value !== 'object' || manifest.value === null) return null;
  const { name, version } = manifest.value as Readonly<Record<string, unknown>>;
  return name === 'openclaw' && typeof version === 'string' ? version : null;
}

/** Without its package.json a tree is of the manifest's version when nearly all of its program files are. */
const sameShare = 0.9;
/** Ten times the longest list measured (2026.9.6: 10 821 files). */
const maxDistFiles = 100_000;

/** Whether the files below `dist` are those of this manifest; null where there are none to tell by. */
export async function isOfManifest(root: string, manifest: Manifest): Promise<boolean | null> {
  const entries = await readdir(join(root, 'dist'), { recursive: true, withFileTypes: true }).catch(() => []);
  const present = entries
    .slice(0, maxDistFiles)
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
  if (present.length === 0) return null;
  const known = new Set(
    manifest.units
      .filter(({ tree }) => tree === 'openclaw')
      .flatMap(({ entries: all }) => all.map(({ path }) => path)),
  );
  return present.filter((path) => known.has(path)).length >= present.length * sameShare;
}

/** Null when nothing is there. Throws what proves no absence: no permission, a failing disk. */
export async function statOf(path: string): Promise<Stats | null> {
  try {
    return await lstat(path);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(error))) return null;
    throw error;
  }
}
