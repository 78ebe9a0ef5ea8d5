import { access } from 'node:fs/promises';
import { type Paths, resolvePaths } from '../../config/paths.ts';
import { UserError } from '../../core/errors.ts';
import type { ServiceOutcome } from '../../core/service.ts';
import { type Clock, seconds } from '../../core/time.ts';
import { launchdManager } from '../../system/launchd/door.ts';
import type { Run } from '../../system/run.ts';
import { chooseHome } from './home.ts';
import type { ServiceDoor } from './load.ts';
import { type FoundTools, findTools, withoutGitStandIn } from './tools.ts';

/** What `install` and `uninstall` need from outside; `main.ts` fills it. */
export interface InstallerDeps {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly uid: number;
  /** The home in the user database, not $HOME. */
  readonly accountHome: string;
  /** Absolute path of the program now running: `dist/immune.mjs`, `src/main.ts`, or an installed `app/immune.mjs`. */
  readonly entry: string;
  /** The Node now running; it is what gets installed. */
  readonly node: { readonly path: string; readonly version: string };
  readonly run: Run;
  readonly clock: Clock;
  readonly say: (line: string) => void;
  /** Aborted by Ctrl-C or SIGTERM; an installation then takes itself back. */
  readonly signal?: AbortSignal;
}

/** Who and where: settled before anything is looked at. */
export interface Ground {
  readonly home: string;
  readonly paths: Paths;
  readonly tools: FoundTools & { readonly launchctl: string };
  readonly service: ServiceDoor;
  readonly notes: readonly string[];
}

const disableTimeoutMs = seconds(15);

/** Settles user, home, directories and launchctl; refuses root and a machine without launchctl. */
export async function standGround(
  verb: 'install' | 'uninstall',
  deps: InstallerDeps,
  options: { readonly dryRun: boolean },
): Promise<Ground> {
  const { env, uid, run, clock } = deps;
  if (uid === 0 && !options.dryRun) {
    throw new UserError(
      'root',
      `immune ${verb} does not run as root: it serves the gateway of one user, in that user's launchd domain, and files of root there would be refused`,
      { hint: `as that user and without sudo: immune ${verb}`, exitCode: 4 },
    );
  }
  const tools = await withoutGitStandIn(await findTools(env['PATH']), run);
  const { launchctl } = tools;
  if (launchctl === null) {
    throw new UserError('no-launchctl', 'there is no launchctl on PATH, so LaunchAgents cannot be used', {
      hint: 'see it work with "./install.sh --demo", or run the watchdog yourself with "immune daemon --foreground" (in a checkout: npm exec -- immune daemon --foreground)',
      exitCode: 4,
    });
  }
  const { home, note } = await chooseHome({ uid, home: deps.accountHome }, env);
  const disable = async (label: string): Promise<ServiceOutcome> => {
    const args = ['disable', `gui/${uid}/${label}`];
    const result = await run({ file: launchctl, args, timeoutMs: disableTimeoutMs });
    if (result.kind === 'exited' && result.code === 0) return { kind: 'done' };
    return { kind: 'failed', code: null, because: `launchctl disable of ${label} did not succeed.` };
  };
  return {
    home,
    // launchctl on PATH means the macOS layout, on any system: that is what lets a double of it stand in.
    paths: resolvePaths({ home, layout: 'macos', env }),
    tools: { ...tools, launchctl },
    service: { manager: launchdManager({ launchctl, uid, run, clock }), disable, clock },
    notes: note === null ? [] : [note],
  };
}

export async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    // Whatever the reason, for the caller it is not there.
    return false;
  }
}
