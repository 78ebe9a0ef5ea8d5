import { existsSync, realpathSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import { isAbsolute } from 'node:path';
import type { Context } from './cli/context.ts';
import { exitCodes } from './cli/exit-codes.ts';
import type { InstallerDeps } from './cli/install/context.ts';
import { type Command, parseCommand } from './cli/parse.ts';
import { type Layout, type Paths, resolvePaths } from './config/paths.ts';
import { UserError } from './core/errors.ts';
import { systemClock } from './system/clock.ts';

// Nothing of ours is for other users of this machine, whatever umask we were started with.
process.umask(0o077);

/** A reader that went away, or a lost terminal, ends none of these midway, and does not make a success of it. */
const finishing: ReadonlySet<string> = new Set<Command['kind']>([
  'restart',
  'nuclear',
  'fix-port',
  'fix-deps',
  'fix-config',
  'apply',
  'undo',
]);
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (finishing.has(process.argv[2] ?? '')) return;
    // The reader of our pipe went away ("immune logs -f | head"): nobody is left to tell anything.
    process.exit(error.code === 'EPIPE' ? 0 : exitCodes.bug);
  });
}
process.on('uncaughtException', (error) => {
  explain(error).then((code) => process.exit(code));
});

process.exit(await main(process.argv.slice(2)));

async function main(argv: readonly string[]): Promise<number> {
  try {
    const parsed = parseCommand(argv);
    if (parsed.kind === 'refused') {
      throw new UserError('usage', parsed.message, { hint: parsed.hint, exitCode: exitCodes.usage });
    }
    return await perform(parsed);
  } catch (error) {
    const code = await explain(error);
    // A program that reads our answer gets one; a person reads the same on standard error.
    if (error instanceof UserError && argv.includes('--json')) {
      const { reportRefusal } = await import('./cli/report.ts');
      reportRefusal(error, process.stdout);
    }
    return code;
  }
}

/** Each command's module is loaded when it is asked for: `status` must not pay for the daemon. */
async function perform(command: Command): Promise<number> {
  switch (command.kind) {
    case 'help': {
      const { renderHelp } = await import('./cli/help.ts');
      process.stdout.write(renderHelp(command.verb));
      return exitCodes.ok;
    }
    case 'version': {
      const { version } = await import('./cli/version.ts');
      process.stdout.write(`${version}\n`);
      return exitCodes.ok;
    }
    case 'status':
      return (await import('./cli/status/status.ts')).runStatus(command, await makeContext(command.watch));
    case 'logs':
      return (await import('./cli/logs.ts')).runLogs(command, await makeContext(command.follow));
    case 'pause':
      return (await import('./cli/pause.ts')).runPause(command.forMs, await makeContext(false));
    case 'resume':
      return (await import('./cli/pause.ts')).runResume(await makeContext(false));
    case 'repair':
    case 'acknowledge':
      return (await import('./cli/pause.ts')).runAsk(command.kind, await makeContext(false));
    case 'check': {
      const context = await makeContext(false);
      const { lookDeepOnce } = await import('./cli/look-deep.ts');
      return (await import('./cli/check.ts')).runCheck(command, context, () => lookDeepOnce(context));
    }
    case 'daemon': {
      const context = await makeContext(true);
      if (process.stdout.isTTY) {
        process.stdout.write(
          `The watchdog runs in this terminal until Ctrl-C; its log is in ${context.paths.logs}\n`,
        );
      }
      return (await import('./cli/daemon.ts')).runDaemonCommand(context);
    }
    case 'snapshots': {
      const context = await makeContext(false);
      const shop = await (await import('./cli/snapshot-shop.ts')).openSnapshotShop(context, 'snapshots');
      return (await import('./cli/snapshots.ts')).runSnapshots(command, context, shop);
    }
    case 'why-config':
      return (await import('./cli/why-config.ts')).runWhyConfig(command, await makeContext(true));
    case 'validate':
      return (await import('./cli/validate.ts')).runValidate(command, await makeContext(true));
    case 'apply': {
      const { systemTerminal } = await import('./cli/terminal.ts');
      const context = await makeContext(true);
      return (await import('./cli/apply.ts')).runApply(command.ask, context, systemTerminal());
    }
    case 'edit': {
      const { systemTerminal } = await import('./cli/terminal.ts');
      // The editor takes Ctrl-C for itself.
      const context = await makeContext(true);
      return (await import('./cli/edit.ts')).runEdit(command.ask, context, systemTerminal());
    }
    case 'confirm':
      return (await import('./cli/confirm.ts')).runConfirm(await makeContext(false));
    case 'undo':
      return (await import('./cli/undo/undo.ts')).runUndo(
        command.ask,
        await makeContext(true),
        (await import('./cli/terminal.ts')).systemTerminal(),
      );
    case 'timemachine':
      return (await import('./cli/timemachine/timemachine.ts')).runTimemachine(
        command,
        await makeContext(true),
      );
    case 'fix-config': {
      const { systemTerminal } = await import('./cli/terminal.ts');
      const context = await makeContext(true);
      return (await import('./cli/fix-config.ts')).runFixConfig(command.ask, context, systemTerminal());
    }
    case 'fix-deps': {
      const { systemTerminal } = await import('./cli/terminal.ts');
      const { openPackageShop } = await import('./cli/package-shop.ts');
      const context = await makeContext(true);
      const shop = await openPackageShop(context, 'the repair of the package');
      const { runFixDeps } = await import('./cli/fix-deps.ts');
      const on = { context, terminal: systemTerminal(), shop };
      return runFixDeps(command.ask, on).finally(shop.close);
    }
    case 'fix-port': {
      const { systemTerminal } = await import('./cli/terminal.ts');
      const context = await makeContext(true);
      return (await import('./cli/port/fix-port.ts')).runFixPort(command.ask, context, systemTerminal());
    }
    case 'restart': {
      const { systemTerminal } = await import('./cli/terminal.ts');
      const { restartParts } = await import('./cli/restart-parts.ts');
      const parts = restartParts(await makeContext(true), systemTerminal());
      return (await import('./cli/restart.ts')).runRestart(command.ask, parts);
    }
    case 'nuclear': {
      const { systemTerminal } = await import('./cli/terminal.ts');
      const context = await makeContext(true);
      return (await import('./cli/nuclear/parts.ts')).runNuclear(command.ask, context, systemTerminal());
    }
    case 'archives': {
      const { openArchivesShop } = await import('./cli/archives-shop.ts');
      const context = await makeContext(true);
      const shop = await openArchivesShop(context, 'the look at the archives');
      return (await import('./cli/archives.ts')).runArchives(command, context, shop).finally(shop.close);
    }
    case 'alerts': {
      const { systemTerminal } = await import('./cli/terminal.ts');
      return (await import('./cli/alerts.ts')).runAlerts(command, await makeContext(false), systemTerminal());
    }
    case 'incidents':
      return (await import('./cli/incidents/incidents.ts')).runIncidents(command, await makeContext(false));
    case 'support-bundle':
      return (await import('./cli/support/bundle.ts')).runSupportBundle(command, await makeContext(true));
    case 'job':
      return (await import('./cli/job.ts')).runJobCommand(command.job, await makeContext(false));
    case 'safe-start': {
      const context = await makeContext(true);
      const open = async () => (await import('./cli/package-shop.ts')).openPackageShop(context, 'safe start');
      return (await import('./cli/safe-start.ts')).runSafeStart(context, open);
    }
    case 'install':
      return (await import('./cli/install/install.ts')).runInstall(command, await installerDeps());
    case 'uninstall':
      return (await import('./cli/install/uninstall.ts')).runUninstall(command, await installerDeps());
    default:
      return command satisfies never;
  }
}

/** `handlesSignals`: the command ends by itself when the signal aborts; others keep the system's way of ending. */
async function makeContext(handlesSignals: boolean): Promise<Context> {
  const { paths, layout } = await findPlace();
  return {
    paths,
    layout,
    clock: systemClock(),
    env: process.env,
    uid: process.getuid?.() ?? 0,
    out: process.stdout,
    err: process.stderr,
    signal: handlesSignals ? abortOnSignals() : new AbortController().signal,
  };
}

/** The first signal asks for an orderly end; a second one of the same kind ends the process at once. */
function abortOnSignals(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(name, () => controller.abort());
  return controller.signal;
}

async function installerDeps(): Promise<InstallerDeps> {
  const { run } = await import('./system/run.ts');
  return {
    env: process.env,
    uid: process.getuid?.() ?? 0,
    accountHome: accountHome() ?? homedir(),
    entry: process.argv[1] === undefined ? '' : realpathSync(process.argv[1]),
    node: { path: process.execPath, version: process.versions.node },
    run,
    clock: systemClock(),
    say: (line) => process.stdout.write(`${line}\n`),
    signal: abortOnSignals(),
  };
}

/** The home of the account; null for a uid without an entry in the user database. */
function accountHome(): string | null {
  try {
    return userInfo().homedir;
  } catch {
    // There is no such entry: the environment must say it.
    return null;
  }
}

async function findPlace(): Promise<{ readonly paths: Paths; readonly layout: Layout }> {
  // $HOME may be missing or nonsense (an empty environment); the account's own home is always known.
  const home = isAbsolute(homedir()) ? homedir() : (accountHome() ?? '/');
  const { findOnPath } = await import('./cli/install/tools.ts');
  const hasLaunchd =
    process.platform === 'darwin' || (await findOnPath('launchctl', process.env['PATH'])) !== null;
  const layout = hasLaunchd ? 'macos' : 'xdg';
  return { layout, paths: resolvePaths({ home, layout, env: process.env }) };
}

/** Says what went wrong and what to type next; answers the exit code. */
async function explain(error: unknown): Promise<number> {
  if (error instanceof UserError) {
    process.stderr.write(`immune: ${error.message}\n  next: ${error.hint}\n`);
    return error.exitCode;
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`immune: sorry, this is a mistake in openclaw-immune itself: ${message}\n`);
  if ((process.env['DEBUG'] ?? '') !== '') process.stderr.write(`${stack}\n`);
  else
    process.stderr.write(`  next: ${(await noteInLog(stack)) ?? 'run the same with DEBUG=1 to see where'}\n`);
  return exitCodes.bug;
}

/** Leaves the stack in the log of an installation; null where there is none, or where even that failed. */
async function noteInLog(stack: string): Promise<string | null> {
  try {
    const { logs } = (await findPlace()).paths;
    if (!existsSync(logs)) return null;
    const [{ createLog }, { createRedactor }] = await Promise.all([
      import('./system/log.ts'),
      import('./system/redact.ts'),
    ]);
    const { redact } = createRedactor();
    const log = await createLog({ dir: logs, clock: systemClock(), level: 'info', redact });
    log.error('A command of openclaw-immune met a mistake of its own.', { stack });
    log.close();
    return 'immune logs';
  } catch {
    // The first mistake is the one to tell; a log that cannot be written must not hide it.
    return null;
  }
}
