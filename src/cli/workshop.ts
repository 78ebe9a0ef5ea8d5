import { existsSync } from 'node:fs';
import type { Settings } from '../config/settings.ts';
import { UserError } from '../core/errors.ts';
import { sightGateway } from '../daemon/gateway-sight.ts';
import { type LiveSettings, openSettings } from '../daemon/live-settings.ts';
import { ensurePrivateDirectory } from '../system/durable-file.ts';
import { launchdManager } from '../system/launchd/door.ts';
import { createLog, type Log } from '../system/log.ts';
import { createProcesses, type Processes } from '../system/process.ts';
import { createRedactor } from '../system/redact.ts';
import { run } from '../system/run.ts';
import type { ServiceManager } from '../system/service-manager.ts';
import type { Context } from './context.ts';
import { exitCodes } from './exit-codes.ts';

/** What the daemon, its jobs and a deep look share: settings, log, and the doors to the system. */
export interface Workshop {
  readonly live: LiveSettings;
  readonly log: Log;
  readonly processes: Processes;
  readonly registerSecret: (text: string) => void;
  readonly redact: (text: string) => string;
}

/** Opens settings and log. A config that was never valid ends here, with path, key and hint, exit code 2. */
export async function openWorkshop(
  context: Context,
  { name, keeps }: { readonly name: string; readonly keeps: boolean },
): Promise<Workshop> {
  const { paths, clock } = context;
  const redactor = createRedactor();
  const log = await createLog({
    dir: paths.logs,
    clock,
    level: context.env['OPENCLAW_IMMUNE_DEBUG'] === undefined ? 'info' : 'debug',
    redact: redactor.redact,
  });
  const prepared = await ensurePrivateDirectory(paths.state);
  if (prepared.kind === 'failed') {
    throw new UserError('state-unwritable', `${name} cannot write its state: ${prepared.because}`, {
      hint: `make ${paths.data} writable for this user, then start it again`,
      exitCode: exitCodes.unhealthy,
    });
  }
  const opened = await openSettings(paths.config, { stateDir: paths.state, log, keeps });
  if (opened.kind === 'invalid') {
    const text = opened.problems
      .map(({ path, key, hint }) => `${path}${key === '' ? '' : `, ${key}`}: ${hint}`)
      .join('\n');
    log.error(`${name} does not start: ${text}`);
    throw new UserError('settings-invalid', text, {
      hint: existsSync(paths.config) ? `mend ${paths.config}, then try again` : firstCommand(context),
      exitCode: exitCodes.usage,
    });
  }
  const { problem } = opened.live.current();
  if (problem !== null) context.err.write(`immune: ${problem}; going on by the last valid settings\n`);
  const { tools } = opened.live.current().settings;
  return {
    live: opened.live,
    log,
    processes: createProcesses({ ps: tools.ps, run, clock }),
    registerSecret: redactor.register,
    redact: redactor.redact,
  };
}

/** What writes the settings where there are none. */
const firstCommand = ({ layout }: Context): string =>
  layout === 'macos' ? './install.sh' : 'immune daemon --foreground';

/** The door to launchd, as recorded at install. */
export function launchdOf(settings: Settings, context: Context): ServiceManager {
  const { launchctl } = settings.tools;
  if (launchctl === null) {
    throw new UserError('no-launchctl', 'the settings name launchd as service manager, but no launchctl', {
      hint: `run ./install.sh again, or set serviceManager: 'embedded' in ${context.paths.config}`,
      exitCode: exitCodes.usage,
    });
  }
  return launchdManager({ launchctl, uid: context.uid, run, clock: context.clock });
}

/** The installed package as it is now; null when it is not there or has no readable version. */
export function installedPackage(settings: Settings, uid: number): { root: string; version: string } | null {
  const sight = sightGateway(settings, uid);
  const root = sight.files.packageRoot;
  return root === null || sight.version === null ? null : { root, version: sight.version };
}
