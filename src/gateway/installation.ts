import { existsSync, readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Environment } from './env-file.ts';
import { commandAfterEnv, envFileOf } from './env-wrapper.ts';
import { commandOf, type ParsePlist, readGatewayEnvironment, type ServiceJob } from './environment.ts';
import {
  findOnPath,
  findPackage,
  isExecutable,
  type OpenclawPackage,
  readPackage,
  rootOfEntry,
} from './package.ts';
import type { GatewayPlace } from './places.ts';
import { readText } from './read-text.ts';
import { isOurWrapper } from './safe-start-hook.ts';

/** One gateway as it was found. What could not be found is null and named among the problems. */
export interface Installation extends GatewayPlace {
  readonly profile: string | null;
  readonly packageRoot: string | null;
  readonly prefix: string | null;
  readonly version: string | null;
  /** The Node that runs the gateway. */
  readonly nodePath: string | null;
  /** The program that stands in for Node and entry when the official wrapper hook is used. */
  readonly wrapper: string | null;
  /** The service manager's own log files, where output before the first log line goes. */
  readonly serviceLogs: readonly string[];
}

export interface Problem {
  readonly code:
    | 'plist-missing'
    | 'plist-invalid'
    | 'several-gateways'
    | 'env-file-missing'
    | 'package-missing'
    | 'package-damaged'
    | 'node-missing'
    | 'wrapper-missing'
    | 'config-missing';
  /** A whole sentence for people. */
  readonly because: string;
}

export interface FindRequest {
  readonly home: string;
  /** Our own environment: it names a profile or label, and PATH finds the command. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Null where there is no launchd. */
  readonly launchAgentsDir: string | null;
  readonly parsePlist: ParsePlist;
  /** What the operator said outright. */
  readonly given?: { readonly label?: string; readonly configPath?: string; readonly packageRoot?: string };
}

const defaultLabel = 'ai.openclaw.gateway';
/** LaunchAgents that are looked into: a folder of thousands is not a person's. */
const maxPlists = 200;

/** Finds the gateway of this user. Always answers, whatever state it is in: the paths alone can be worked out. */
export function findInstallation(request: FindRequest): {
  readonly installation: Installation;
  readonly problems: readonly Problem[];
} {
  const problems: Problem[] = [];
  const tell = (code: Problem['code'], because: string): void => {
    problems.push({ code, because });
  };
  const { label, plist, job } = findJob(request, tell);
  const own = job === null ? request.env : {};
  const words = job?.programArguments ?? [];
  const guess = guessStateDir(label, words, request);
  const first: GatewayPlace = { label, plist, stateDir: guess, configPath: join(guess, 'openclaw.json') };
  const { env } = readGatewayEnvironment(first, { readText, parsePlist: request.parsePlist });
  const envFile = envFileOf(words);
  if (envFile !== null && readText(envFile) === null) {
    tell('env-file-missing', `The service's environment file ${envFile} is missing or unreadable.`);
  }
  const stateDir = resolveHome(env['OPENCLAW_STATE_DIR'] ?? own['OPENCLAW_STATE_DIR'], request.home) ?? guess;
  const configured = request.given?.configPath ?? env['OPENCLAW_CONFIG_PATH'] ?? own['OPENCLAW_CONFIG_PATH'];
  const configPath = resolveHome(configured, request.home) ?? join(stateDir, 'openclaw.json');
  if (!existsSync(configPath)) tell('config-missing', `There is no config at ${configPath}.`);
  const program = findProgram(words, env, request, tell);
  const logs = [job?.standardOutPath, job?.standardErrorPath].filter(
    (path): path is string => typeof path === 'string' && path !== '/dev/null',
  );
  const installation: Installation = {
    label,
    plist,
    profile: profileOf(label, env, request),
    stateDir,
    configPath,
    ...program,
    serviceLogs: [...new Set(logs)],
  };
  return { installation, problems };
}

type Tell = (code: Problem['code'], because: string) => void;

interface FoundJob {
  readonly label: string;
  readonly plist: string | null;
  readonly job: ServiceJob | null;
}

function findJob({ env, launchAgentsDir, parsePlist, given }: FindRequest, tell: Tell): FoundJob {
  const named = given?.label ?? env['OPENCLAW_LAUNCHD_LABEL'] ?? labelOfProfile(env['OPENCLAW_PROFILE']);
  if (launchAgentsDir === null) return { label: named ?? defaultLabel, plist: null, job: null };
  const wanted = [...new Set([...(named === null ? [] : [named]), defaultLabel])];
  const others = named === null ? otherGateways(launchAgentsDir) : [];
  const present = [...wanted, ...others].filter((label) =>
    existsSync(join(launchAgentsDir, `${label}.plist`)),
  );
  const label = present.find((name) => named === null || name === named) ?? named ?? defaultLabel;
  const plist = join(launchAgentsDir, `${label}.plist`);
  if (named === null && present.length > 1) {
    tell('several-gateways', `Several gateways are installed (${present.join(', ')}); ${label} was chosen.`);
  }
  const text = readText(plist);
  if (text === null) {
    tell(
      'plist-missing',
      `There is no readable LaunchAgent at ${plist}; openclaw gateway install writes it.`,
    );
    return { label, plist, job: null };
  }
  const parsed = parsePlist(text);
  if (parsed.kind === 'ok') return { label, plist, job: parsed.job };
  tell('plist-invalid', `${plist} is not a valid LaunchAgent: ${parsed.because}`);
  return { label, plist, job: null };
}

/** Labels of named profiles; the node host and updaters are not gateways. */
function otherGateways(directory: string): readonly string[] {
  let names: readonly string[];
  try {
    names = readdirSync(directory);
  } catch {
    // Without the folder there is no LaunchAgent; the caller tells that the plist is missing.
    return [];
  }
  const gateways = names.slice(0, maxPlists).filter((name) => /^ai\.openclaw\.[^.]+\.plist$/.test(name));
  const labels = gateways.map((name) => name.slice(0, -'.plist'.length));
  return labels.filter((label) => label !== 'ai.openclaw.node' && label !== defaultLabel).sort();
}

const labelOfProfile = (profile: string | undefined): string | null => {
  const name = profile?.trim() ?? '';
  return name === '' || name.toLowerCase() === 'default' ? null : `ai.openclaw.${name}`;
};

function profileOf(label: string, env: Environment, { env: ours }: FindRequest): string | null {
  const said = (env['OPENCLAW_PROFILE'] ?? ours['OPENCLAW_PROFILE'])?.trim() ?? '';
  if (said !== '' && said.toLowerCase() !== 'default') return said;
  const named = /^ai\.openclaw\.([^.]+)$/.exec(label)?.[1];
  return named === undefined || named === 'gateway' ? null : named;
}

/** OpenClaw keeps the service's environment file inside its state directory, which makes it the best witness. */
function guessStateDir(label: string, words: readonly string[], { home, env }: FindRequest): string {
  const envFile = envFileOf(words);
  if (envFile !== null) return dirname(dirname(envFile));
  const named = words.length === 0 ? resolveHome(env['OPENCLAW_STATE_DIR'], home) : null;
  if (named !== null) return named;
  const profile = /^ai\.openclaw\.([^.]+)$/.exec(label)?.[1];
  const plain = profile === undefined || profile === 'gateway';
  return join(home, plain ? '.openclaw' : `.openclaw-${profile}`);
}

function resolveHome(path: string | undefined, home: string): string | null {
  const text = path?.trim() ?? '';
  if (text === '') return null;
  return resolve(text === '~' || text.startsWith('~/') ? join(home, text.slice(1)) : text);
}

type Program = Pick<Installation, 'packageRoot' | 'prefix' | 'version' | 'nodePath' | 'wrapper'>;

function findProgram(words: readonly string[], env: Environment, request: FindRequest, tell: Tell): Program {
  const command = commandOf(words);
  const entry = command.find((word) => rootOfEntry(word) !== null);
  const [program] = commandAfterEnv(words);
  const wrapper = entry === undefined || isOurWrapper(program) ? (program ?? null) : null;
  const found = findRoot(entry, env, request);
  if (found === null) {
    tell(
      'package-missing',
      `The openclaw package was not found${entry === undefined ? '' : ` at ${entry}`}.`,
    );
  } else if (found.version === null) {
    tell('package-damaged', `The openclaw package at ${found.root} has no readable package.json.`);
  }
  if (wrapper !== null && !isExecutable(wrapper)) {
    tell('wrapper-missing', `The service starts ${wrapper}, which is missing or not executable.`);
  }
  const paths = [env['PATH'], request.env['PATH']].filter((path) => path !== undefined);
  const fromPath = paths.map((path) => findOnPath('node', path)).find((path) => path !== null) ?? null;
  const nodePath = entry === undefined ? fromPath : (command[0] ?? null);
  if (nodePath === null || !isExecutable(nodePath)) {
    tell('node-missing', `The gateway's Node ${nodePath ?? ''} was not found or is not executable.`);
  }
  return {
    packageRoot: found?.root ?? null,
    prefix: found?.prefix ?? null,
    version: found?.version ?? null,
    nodePath,
    wrapper,
  };
}

function findRoot(entry: string | undefined, env: Environment, request: FindRequest): OpenclawPackage | null {
  const given = request.given?.packageRoot ?? (entry === undefined ? null : rootOfEntry(entry));
  if (given !== null) return readPackage(given);
  const paths = [env['PATH'], request.env['PATH']].filter((path) => path !== undefined);
  return findPackage(paths, request.home);
}
