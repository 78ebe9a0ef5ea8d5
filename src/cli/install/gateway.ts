import { join } from 'node:path';
import type { Settings } from '../../config/settings.ts';
import { renderSettings } from '../../config/template.ts';
import { UserError } from '../../core/errors.ts';
import type { Disabled, ServiceState } from '../../core/service.ts';
import { readGatewayConfig } from '../../gateway/config-file.ts';
import { type AuthDescription, type Endpoint, resolveEndpoint } from '../../gateway/endpoint.ts';
import { type GatewaySurroundings, readGatewayEnvironment } from '../../gateway/environment.ts';
import { findInstallation, type Installation } from '../../gateway/installation.ts';
import { readText } from '../../gateway/read-text.ts';
import { parsePlist } from '../../system/launchd/plist.ts';
import type { Ground } from './context.ts';

/** The gateway as it was found; down, damaged or missing is told and never a reason not to install. */
export interface GatewayReport {
  readonly installation: Installation;
  /** For people, the finding first and what is wrong with it after. */
  readonly lines: readonly string[];
  readonly surroundings: GatewaySurroundings;
  readonly endpoint: Endpoint;
  readonly state: ServiceState;
}

/** Finds the gateway: the one an existing config names, else the one this user has. Changes nothing. */
export async function findGateway(
  ground: Ground,
  request: {
    readonly env: Readonly<Record<string, string | undefined>>;
    readonly known: Settings['gateway'] | null;
  },
): Promise<GatewayReport> {
  const { known } = request;
  const { installation, problems } = findInstallation({
    home: ground.home,
    env: request.env,
    launchAgentsDir: ground.paths.launchAgents,
    parsePlist,
    ...(known === null ? {} : { given: { label: known.label, configPath: known.configPath } }),
  });
  const surroundings = readGatewayEnvironment(installation, { readText, parsePlist });
  const config = readGatewayConfig(installation.configPath, surroundings.env);
  const endpoint = resolveEndpoint({ ...surroundings, config: config.kind === 'ok' ? config.config : null });
  const { manager } = ground.service;
  const state = await manager.read(installation.label);
  const disabled = state.kind === 'not-loaded' ? await manager.readDisabled(installation.label) : 'unread';
  const trouble = [
    ...problems.map(({ because }) => because),
    ...(config.kind === 'ok' ? config.problems : config.kind === 'missing' ? [] : [config.because]),
    ...endpoint.problems,
    ...serviceTrouble(state, disabled),
  ];
  const lines = [...describe(installation, endpoint, state), ...trouble.map(problemLine)];
  return { installation, lines, surroundings, endpoint, state };
}

const problemLine = (because: string): string => `  problem  ${because}`;

function describe(found: Installation, endpoint: Endpoint, state: ServiceState): readonly string[] {
  const version = found.version === null ? '' : `, OpenClaw ${found.version}`;
  const profile = found.profile === null ? '' : `, profile ${found.profile}`;
  const prefix = found.prefix === null ? '' : ` (npm prefix ${found.prefix})`;
  const { port, portSource, bind, tls, auth } = endpoint;
  return [
    `Gateway ${found.label}${version}${profile}`,
    `  config   ${found.configPath}`,
    `  listens  port ${port} (${portSource}), bind ${bind}, TLS ${tls ? 'on' : 'off'}, auth ${describeAuth(auth)}`,
    `  package  ${found.packageRoot === null ? 'not found' : `${found.packageRoot}${prefix}`}`,
    `  launchd  ${state.kind === 'running' ? `running, process ${state.pid}` : state.kind}`,
  ];
}

function describeAuth(auth: AuthDescription): string {
  switch (auth.kind) {
    case 'none':
      return 'none';
    case 'secret':
      return `${auth.mode} from ${auth.source}`;
    case 'unavailable':
      return `${auth.mode}, which cannot be used from here: ${auth.because}`;
    default:
      return auth satisfies never;
  }
}

function serviceTrouble(state: ServiceState, disabled: Disabled): readonly string[] {
  switch (state.kind) {
    case 'running':
    case 'scheduled':
      return [];
    case 'not-loaded':
      return disabled === 'disabled'
        ? [
            'The gateway is disabled and not loaded: somebody stopped it for good, or OpenClaw parked it itself.',
          ]
        : ['The gateway is not loaded, so it does not run; openclaw gateway start loads it.'];
    case 'stopping':
      return ['The gateway is just stopping.'];
    case 'stopped':
      return ['The gateway is loaded but does not run.'];
    case 'pended':
      return [`The gateway does not run: launchd holds its start back (${state.reason}).`];
    case 'no-domain':
    case 'unknown':
      return [state.because];
    default:
      return state satisfies never;
  }
}

/** The first config.json5: what was found, absolute, with a comment at each. */
export function renderConfig(
  { home, tools }: Ground,
  { installation }: GatewayReport,
  mode: Settings['mode'],
): string {
  if (tools.ps === null) {
    throw new UserError(
      'tools',
      'there is no ps on PATH, and without it no process can be told from another',
      {
        hint: 'PATH="$PATH:/bin:/usr/bin" ./install.sh',
        exitCode: 4,
      },
    );
  }
  const { label, stateDir, configPath, packageRoot, nodePath, profile, prefix, version } = installation;
  return renderSettings({
    mode,
    serviceManager: 'launchd',
    gateway: {
      label,
      // Also when it is not there yet: this is where OpenClaw will write it.
      plist: installation.plist ?? join(home, 'Library', 'LaunchAgents', `${label}.plist`),
      stateDir,
      configPath,
      packageRoot,
      nodePath,
      profile,
      prefix,
      version,
      // Read from OpenClaw's own config at every start, so that a changed port needs no change here.
      host: null,
      port: null,
    },
    tools: {
      launchctl: tools.launchctl,
      ps: tools.ps,
      lsof: tools.lsof,
      netstat: tools.netstat,
      git: tools.git,
      tar: tools.tar,
      tmutil: tools.tmutil,
    },
  });
}
