import { access, constants, stat } from 'node:fs/promises';
import { delimiter, isAbsolute, join } from 'node:path';

/** A PATH longer than this many folders is searched no further. */
const maxFolders = 200;

/** The first executable of that name on PATH, as an absolute path. What a shell would start, resolved once. */
export async function findOnPath(name: string, path: string | undefined): Promise<string | null> {
  for (const folder of (path ?? '').split(delimiter).slice(0, maxFolders)) {
    // A relative folder means something else in every directory: never recorded.
    if (!isAbsolute(folder)) continue;
    const candidate = join(folder, name);
    if (await isExecutable(candidate)) return candidate;
  }
  return null;
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    // Missing, or not ours to run: the next folder may have it, as for a shell.
    return false;
  }
}

export interface FoundTools {
  readonly launchctl: string | null;
  readonly ps: string | null;
  readonly lsof: string | null;
  readonly netstat: string | null;
  readonly git: string | null;
  readonly tar: string | null;
  /** Only for checking our plists now; it is not recorded. */
  readonly plutil: string | null;
}

export async function findTools(path: string | undefined): Promise<FoundTools> {
  // macOS keeps netstat and lsof in /usr/sbin, which a trimmed PATH may lack.
  const extended = `${path ?? ''}${delimiter}/usr/bin:/bin:/usr/sbin:/sbin`;
  const [launchctl, ps, lsof, netstat, git, tar, plutil] = await Promise.all([
    // Only the caller's own PATH decides this one: it decides whether this machine has launchd at all.
    findOnPath('launchctl', path),
    findOnPath('ps', extended),
    findOnPath('lsof', extended),
    findOnPath('netstat', extended),
    findOnPath('git', extended),
    findOnPath('tar', extended),
    findOnPath('plutil', extended),
  ]);
  return { launchctl, ps, lsof, netstat, git, tar, plutil };
}
