import { accessSync, constants, realpathSync, statSync } from 'node:fs';
import { basename, delimiter, dirname, join } from 'node:path';
import { readText } from './read-text.ts';

/** Where npm put OpenClaw; `version` is null when the package is there but damaged. */
export interface OpenclawPackage {
  readonly root: string;
  readonly version: string | null;
  /** The npm prefix, when the package lies where a global install puts it. */
  readonly prefix: string | null;
}

const entryPattern = /^(.*\/openclaw)\/(?:dist\/(?:index|entry)\.m?js|openclaw\.mjs)$/;

/** The package root an entry file belongs to: `…/openclaw/dist/index.js` or `…/openclaw/openclaw.mjs`. */
export const rootOfEntry = (entry: string): string | null => entryPattern.exec(entry)?.[1] ?? null;

/** Reads what can be read of the package; null when nothing of it is there. */
export function readPackage(root: string): OpenclawPackage | null {
  if (!isDirectory(root)) return null;
  const modules = dirname(root);
  const global = basename(modules) === 'node_modules' && basename(dirname(modules)) === 'lib';
  return { root, version: readVersion(root), prefix: global ? dirname(dirname(modules)) : null };
}

function readVersion(root: string): string | null {
  try {
    const manifest: unknown = JSON.parse(readText(join(root, 'package.json')) ?? '');
    const { name, version } = manifest as Readonly<Record<string, unknown>>;
    return name === 'openclaw' && typeof version === 'string' ? version : null;
  } catch {
    // Half an install: the caller tells that the package is damaged.
    return null;
  }
}

const isDirectory = (path: string): boolean =>
  statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    // Missing or not ours to run: either way it cannot start a gateway.
    return false;
  }
}

/** The first executable of this name on a PATH. */
export function findOnPath(name: string, path: string): string | null {
  const directories = path.split(delimiter).filter((directory) => directory.startsWith('/'));
  return directories.map((directory) => join(directory, name)).find(isExecutable) ?? null;
}

/** Finds the package without a plist: by the command on PATH, then where npm and Homebrew usually put it. */
export function findPackage(paths: readonly string[], home: string): OpenclawPackage | null {
  for (const path of paths) {
    const command = findOnPath('openclaw', path);
    const root = command === null ? null : rootOfEntry(realpathSync(command));
    const found = root === null ? null : readPackage(root);
    if (found !== null) return found;
  }
  const prefixes = ['/opt/homebrew', '/usr/local', join(home, '.npm-global'), join(home, '.local'), '/usr'];
  for (const prefix of prefixes) {
    const found = readPackage(join(prefix, 'lib', 'node_modules', 'openclaw'));
    if (found !== null) return found;
  }
  return null;
}
