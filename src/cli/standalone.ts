import { homedir } from 'node:os';
import { join } from 'node:path';
import { renderSettings } from '../config/template.ts';
import { UserError } from '../core/errors.ts';
import { readGatewayConfig } from '../gateway/config-file.ts';
import { resolveEndpoint } from '../gateway/endpoint.ts';
import { readGatewayEnvironment } from '../gateway/environment.ts';
import { findInstallation, type Installation } from '../gateway/installation.ts';
import { readText } from '../gateway/read-text.ts';
import {
  ensurePrivateDirectory,
  type FileOutcome,
  readIfExists,
  writeDurable,
} from '../system/durable-file.ts';
import { buildPlist, parsePlist } from '../system/launchd/plist.ts';
import type { Context } from './context.ts';
import { exitCodes } from './exit-codes.ts';
import { findTools } from './install/tools.ts';

/**
 * Without launchd nobody installs anything: the first `immune daemon --foreground` finds the gateway, writes the
 * settings and the job it will supervise by itself, and says where. What exists already is never touched.
 */
export async function prepareStandalone(context: Context): Promise<void> {
  const { paths, env } = context;
  if (context.layout === 'macos') return;
  if ((await readIfExists(paths.config, 0)).kind !== 'missing') return;
  const { installation } = findInstallation({ home: homedir(), env, launchAgentsDir: null, parsePlist });
  const { packageRoot, nodePath } = installation;
  if (packageRoot === null || nodePath === null) {
    throw new UserError(
      'no-gateway',
      'there is no launchd here, and no openclaw package was found to start either',
      {
        hint: 'npm install -g openclaw, then immune daemon --foreground again; or see it work: ./install.sh --demo',
        exitCode: exitCodes.unhealthy,
      },
    );
  }
  const plist = join(paths.launchAgents, `${installation.label}.plist`);
  const { ps, lsof, netstat, git, tar, tmutil } = await findTools(env['PATH']);
  if (ps === null) {
    throw new UserError(
      'tools',
      'there is no ps on PATH, and without it no process can be told from another',
      {
        hint: 'install procps, then immune daemon --foreground again',
        exitCode: exitCodes.refused,
      },
    );
  }
  const { label, stateDir, configPath, profile, prefix, version } = installation;
  const settings = renderSettings({
    mode: 'act',
    serviceManager: 'embedded',
    gateway: {
      label,
      plist,
      stateDir,
      configPath,
      packageRoot,
      nodePath,
      profile,
      prefix,
      version,
      host: null,
      port: null,
    },
    tools: { launchctl: null, ps, lsof, netstat, git, tar, tmutil },
  });
  orThrow(await ensurePrivateDirectory(paths.data));
  orThrow(await ensurePrivateDirectory(paths.launchAgents));
  const port = portOf(installation);
  const job = gatewayJob({
    label,
    nodePath,
    packageRoot,
    port,
    stateDir,
    logs: paths.logs,
    path: env['PATH'] ?? '',
  });
  orThrow(await writeDurable(plist, job, { mode: 0o600 }));
  orThrow(await writeDurable(paths.config, settings, { mode: 0o600 }));
  context.err.write(
    `There is no launchd here, so the watchdog starts and supervises the gateway itself (port ${port}).\n` +
      `  settings  ${paths.config}\n  job       ${plist}\n`,
  );
}

function portOf(installation: Installation): number {
  const { env } = readGatewayEnvironment(installation, { readText, parsePlist });
  const config = readGatewayConfig(installation.configPath, env);
  return resolveEndpoint({ config: config.kind === 'ok' ? config.config : null, env, programArguments: [] })
    .port;
}

/** What OpenClaw's own LaunchAgent says, as far as it means something without launchd. */
function gatewayJob(from: {
  readonly label: string;
  readonly nodePath: string;
  readonly packageRoot: string;
  readonly port: number;
  readonly stateDir: string;
  readonly logs: string;
  readonly path: string;
}): string {
  const log = join(from.logs, 'gateway.log');
  return buildPlist({
    label: from.label,
    programArguments: [
      from.nodePath,
      join(from.packageRoot, 'dist', 'index.js'),
      'gateway',
      '--port',
      String(from.port),
    ],
    runAtLoad: true,
    keepAlive: true,
    throttleInterval: 10,
    exitTimeOut: 20,
    umask: 0o77,
    workingDirectory: from.stateDir,
    environmentVariables: { HOME: homedir(), PATH: from.path },
    standardInPath: '/dev/null',
    standardOutPath: log,
    standardErrorPath: log,
  });
}

function orThrow(outcome: FileOutcome): void {
  if (outcome.kind === 'done') return;
  throw new UserError('unwritable', `the watchdog cannot write its files: ${outcome.because}`, {
    hint: 'make that folder writable for this user, then immune daemon --foreground again',
    exitCode: exitCodes.unhealthy,
  });
}
