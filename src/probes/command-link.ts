import { readlink, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import type { PackagePlan } from '../vault/package-plans.ts';
import { statOf } from './reinstall-ground.ts';

/**
 * The link of the `openclaw` command, where npm has taken it away and not put it back. A link that leads somewhere, and
 * a program that somebody put there instead, stay as they are. Null where there is nothing to mend.
 */
export async function commandLink(of: {
  readonly root: string;
  /** Relative to the package. */
  readonly program: string;
  /** Npm's copy of before: what leads there leads nowhere once it is back in its place. */
  readonly aside: string | null;
}): Promise<PackagePlan['link']> {
  const { root, program, aside } = of;
  const modules = dirname(root);
  if (basename(modules) !== 'node_modules' || basename(dirname(modules)) !== 'lib') return null;
  const path = join(dirname(dirname(modules)), 'bin', 'openclaw');
  if ((await statOf(dirname(path)))?.isDirectory() !== true) return null;
  const link = { path, target: relative(dirname(path), join(root, program)) };
  const found = await statOf(path);
  if (found === null) return link;
  if (!found.isSymbolicLink()) return null;
  const leadsTo = resolve(dirname(path), await readlink(path));
  if (leadsTo === join(root, program)) return null;
  if (aside !== null && leadsTo.startsWith(`${aside}/`)) return link;
  return (await stat(path).catch(() => null)) === null ? link : null;
}
