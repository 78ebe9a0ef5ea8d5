import { readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { sizeOf } from './file-look.ts';
import { readPackage } from './package.ts';

/** What npm leaves beside and in a package when it is ended in the middle. None of it is damage by itself. */
export interface InstallTraces {
  /** The complete package of before, moved aside by npm; it takes it away when it is done. */
  readonly aside: string | null;
  /** OpenClaw ships its package with this file, and its script removes it as the last step of an installation. */
  readonly pending: string | null;
}

/** npm renames `openclaw` to `.openclaw-<8 random>` before it unpacks the new one. */
export const asidePattern = /^\.openclaw-[A-Za-z0-9]{6,12}$/;

export const pendingMarkerOf = (root: string): string => join(root, '.openclaw-lifecycle-pending');

/** Throws when a folder cannot be read; a folder that is not there holds no traces. */
export async function readInstallTraces(root: string): Promise<InstallTraces> {
  const pending = pendingMarkerOf(root);
  return {
    aside: await findAside(dirname(root)),
    pending: (await sizeOf(pending)) === null ? null : pending,
  };
}

/** The newest one whose package.json still names openclaw: npm may have been ended while it took it away. */
async function findAside(modules: string): Promise<string | null> {
  if ((await sizeOf(modules)) === null) return null;
  const names = (await readdir(modules)).filter((name) => asidePattern.test(name));
  const candidates: { readonly path: string; readonly movedAt: number }[] = [];
  for (const name of names) {
    const path = join(modules, name);
    const version = readPackage(path)?.version ?? null;
    // A rename changes the inode, so ctime tells when it was moved aside.
    if (version !== null) candidates.push({ path, movedAt: (await stat(path)).ctimeMs });
  }
  candidates.sort((one, other) => other.movedAt - one.movedAt);
  return candidates[0]?.path ?? null;
}
