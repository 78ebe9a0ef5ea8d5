import { access, constants, stat } from 'node:fs/promises';
import { delimiter, isAbsolute, join } from 'node:path';
import type { Run } from '../../system/run.ts';

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
  /** Only macOS has it; nothing is lost without. */
  readonly tmutil: string | null;
  /** Only for what is done now; not recorded. */
  readonly plutil: string | null;
  readonly xcodeSelect: string | null;
}

export async function findTools(path: string | undefined): Promise<FoundTools> {
  // macOS keeps netstat and lsof in /usr/sbin, which a trimmed PATH may lack.
  const extended = `${path ?? ''}${delimiter}/usr/bin:/bin:/usr/sbin:/sbin`;
  const [launchctl, ps, lsof, netstat, git, tar, tmutil, plutil, xcodeSelect] = await Promise.all([
    // Only the caller's own PATH decides this one: it decides whether this machine has launchd at all.
    findOnPath('launchctl', path),
    findOnPath('ps', extended),
    findOnPath('lsof', extended),
    findOnPath('netstat', extended),
    findOnPath('git', extended),
    findOnPath('tar', extended),
    findOnPath('tmutil', extended),
    findOnPath('plutil', extended),
    findOnPath('xcode-select', extended),
  ]);
  return { launchctl, ps, lsof, netstat, git, tar, tmutil, plutil, xcodeSelect };
}

const selectTimeoutMs = 10_000;

/**
 * On a Mac without the command line tools /usr/bin/git is only a stand-in that opens a window asking to install them:
 * from a background job that would be a window every hour. Such a git counts as none.
 */
export async function withoutGitStandIn(tools: FoundTools, run: Run): Promise<FoundTools> {
  if (tools.git !== '/usr/bin/git' || tools.xcodeSelect === null) return tools;
  const chosen = await run({ file: tools.xcodeSelect, args: ['-p'], timeoutMs: selectTimeoutMs });
  return chosen.kind === 'exited' && chosen.code === 0 ? tools : { ...tools, git: null };
}

const consequences = {
  lsof: 'who listens on the port is then asked of netstat alone',
  netstat: 'listeners of other users then stay unknown',
  git: 'settings cannot be snapshotted (on a Mac: xcode-select --install); put its path into the config later',
  tar: 'the package cannot be archived',
} as const satisfies Partial<Record<keyof FoundTools, string>>;

/** A sentence for each program that was not found and what is missing without it. */
export function missingTools(tools: FoundTools): readonly string[] {
  return (Object.keys(consequences) as (keyof typeof consequences)[])
    .filter((name) => tools[name] === null)
    .map((name) => `${name} was not found: ${consequences[name]}`);
}
