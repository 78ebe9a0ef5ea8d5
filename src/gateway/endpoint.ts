import { isIPv4 } from 'node:net';
import type { ConfigRecord } from './config-file.ts';
import type { Environment } from './env-file.ts';
import { type Secret, secret } from './secret.ts';

type Bind = 'loopback' | 'lan' | 'tailnet' | 'custom' | 'auto';

export interface Endpoint {
  /** Where to probe: 127.0.0.1, on which every bind mode of 2026.9.6 listens. */
  readonly host: string;
  /** Where an older version listens instead (bind custom or tailnet listened on that address only). */
  readonly otherHost: string | null;
  readonly port: number;
  readonly portSource: 'argument' | 'environment' | 'config' | 'profile' | 'default';
  readonly bind: Bind;
  readonly tls: boolean;
  readonly auth: AuthDescription;
  readonly problems: readonly string[];
}

/** How the gateway wants to be logged in to; never the secret itself. */
export type AuthDescription =
  | { readonly kind: 'none' }
  | { readonly kind: 'secret'; readonly mode: 'token' | 'password'; readonly source: string }
  /** Nothing we could send would be accepted; `/healthz` and the listener's identity must do. */
  | { readonly kind: 'unavailable'; readonly mode: string; readonly because: string };

export type SecretResult =
  | { readonly kind: 'none-needed' }
  | { readonly kind: 'secret'; readonly mode: 'token' | 'password'; readonly secret: Secret }
  /** `unset`: the config names a variable that is not there, so the gateway made up a secret that nobody knows. */
  | { readonly kind: 'unavailable'; readonly because: string; readonly unset: boolean };

export interface EndpointInput {
  /** The config with includes and variables resolved; null when it cannot be read. */
  readonly config: ConfigRecord | null;
  /** The gateway's environment (service file, plist, `.env`), not ours. */
  readonly env: Environment;
  /** The service's arguments: `--port` and `--bind` there beat everything. */
  readonly programArguments: readonly string[];
  /** This machine's address in 100.64.0.0/10, if it has one. */
  readonly tailnetAddress?: string | null;
}

const defaultPort = 18_789;
const binds: readonly string[] = ['loopback', 'lan', 'tailnet', 'custom', 'auto'];

const record = (value: unknown): ConfigRecord =>
  typeof value === 'object' && value !== null ? (value as ConfigRecord) : {};
const filled = (value: unknown): string | null =>
  typeof value === 'string' && value.trim() !== '' ? value.trim() : null;

/** Works out where the gateway listens and how it authenticates, by the order OpenClaw itself uses. Pure. */
export function resolveEndpoint(input: EndpointInput): Endpoint {
  const gateway = record(input.config?.['gateway']);
  const problems: string[] = [];
  const { port, portSource } = resolvePort(gateway, input, problems);
  const wanted = argument(input.programArguments, '--bind') ?? filled(gateway['bind']) ?? 'loopback';
  if (!binds.includes(wanted)) problems.push(`gateway.bind "${wanted}" is not a mode we know`);
  const bind = binds.includes(wanted) ? (wanted as Bind) : 'loopback';
  const custom = filled(gateway['customBindHost']);
  return {
    host: '127.0.0.1',
    otherHost: otherHostOf(bind, custom, input.tailnetAddress ?? null),
    port,
    portSource,
    bind,
    tls: record(gateway['tls'])['enabled'] === true,
    auth: describeAuth(gateway, input),
    problems,
  };
}

/** The secret itself, looked up anew: call it right before connecting, and again after an auth failure. */
export function readSecret(input: EndpointInput): SecretResult {
  const found = findAuth(record(input.config?.['gateway']), input);
  switch (found.kind) {
    case 'none':
      return { kind: 'none-needed' };
    case 'unavailable':
      return { kind: 'unavailable', because: found.because, unset: found.unset };
    case 'secret':
      return { kind: 'secret', mode: found.mode, secret: secret(found.text) };
    default:
      return found satisfies never;
  }
}

/** 2026.6.6 and older listen at a custom or tailnet address only. */
function otherHostOf(bind: Bind, custom: string | null, tailnet: string | null): string | null {
  if (bind === 'tailnet') return tailnet;
  return bind === 'custom' && custom !== null && isIPv4(custom) && custom !== '0.0.0.0' ? custom : null;
}

function argument(words: readonly string[], name: string): string | null {
  const at = words.indexOf(name);
  if (at >= 0) return filled(words[at + 1]);
  const joined = words.find((word) => word.startsWith(`${name}=`));
  return joined === undefined ? null : filled(joined.slice(name.length + 1));
}

function resolvePort(
  gateway: ConfigRecord,
  { env, programArguments }: EndpointInput,
  problems: string[],
): Pick<Endpoint, 'port' | 'portSource'> {
  const given = argument(programArguments, '--port');
  const fromArgument = parsePort(given);
  if (fromArgument !== null) return { port: fromArgument, portSource: 'argument' };
  if (given !== null) problems.push(`the service's --port "${given}" is not a port`);
  // OpenClaw takes `18789` and `host:18789` alike.
  const fromEnv = parsePort(env['OPENCLAW_GATEWAY_PORT']?.trim().split(':').at(-1) ?? null);
  if (fromEnv !== null) return { port: fromEnv, portSource: 'environment' };
  const configured = gateway['port'];
  if (
    typeof configured === 'number' &&
    Number.isInteger(configured) &&
    configured > 0 &&
    configured < 65_536
  ) {
    return { port: configured, portSource: 'config' };
  }
  if (configured !== undefined) problems.push('gateway.port in the config is not a port');
  const profile = filled(env['OPENCLAW_PROFILE']);
  if (profile !== null && profile.toLowerCase() !== 'default') {
    return { port: profilePort(profile), portSource: 'profile' };
  }
  return { port: defaultPort, portSource: 'default' };
}

function parsePort(text: string | null): number | null {
  if (text === null || !/^\d{1,5}$/.test(text)) return null;
  const port = Number(text);
  return port > 0 && port < 65_536 ? port : null;
}

/** 2026.9.6 gives a named profile without a configured port one of its own: FNV-1a of the name, from 20000 up. */
function profilePort(profile: string): number {
  let hash = 2_166_136_261;
  for (const byte of Buffer.from(profile, 'utf8')) hash = Math.imul(hash ^ byte, 16_777_619) >>> 0;
  return 20_000 + (hash % 40_000);
}

type FoundAuth =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'secret';
      readonly mode: 'token' | 'password';
      readonly text: string;
      readonly source: string;
    }
  | {
      readonly kind: 'unavailable';
      readonly mode: string;
      readonly because: string;
      readonly unset: boolean;
    };

function describeAuth(gateway: ConfigRecord, input: EndpointInput): AuthDescription {
  const found = findAuth(gateway, input);
  if (found.kind === 'unavailable') return { kind: 'unavailable', mode: found.mode, because: found.because };
  if (found.kind === 'none') return found;
  return { kind: 'secret', mode: found.mode, source: found.source };
}

/** OpenClaw's order: the config's value first, then the environment; without a mode a password wins over a token. */
function findAuth(gateway: ConfigRecord, { config, env }: EndpointInput): FoundAuth {
  if (config === null) {
    return {
      kind: 'unavailable',
      mode: 'unknown',
      because: "the gateway's config cannot be read",
      unset: false,
    };
  }
  const auth = record(gateway['auth']);
  const password = lookUp(auth['password'], 'gateway.auth.password', 'OPENCLAW_GATEWAY_PASSWORD', env);
  const token = lookUp(auth['token'], 'gateway.auth.token', 'OPENCLAW_GATEWAY_TOKEN', env);
  const mode = filled(auth['mode']) ?? (password.kind === 'text' ? 'password' : 'token');
  if (mode === 'none') return { kind: 'none' };
  if (mode !== 'token' && mode !== 'password') {
    return {
      kind: 'unavailable',
      mode,
      because: `gateway.auth.mode is "${mode}", which needs another way in`,
      unset: false,
    };
  }
  const found = mode === 'token' ? token : password;
  if (found.kind === 'text') return { kind: 'secret', mode, text: found.text, source: found.source };
  return { kind: 'unavailable', mode, because: found.because, unset: found.unset ?? false };
}

type LookUp =
  | { readonly kind: 'text'; readonly text: string; readonly source: string }
  | { readonly kind: 'missing'; readonly because: string; readonly unset?: boolean };

function lookUp(value: unknown, key: string, variable: string, env: Environment): LookUp {
  const fromEnv = (name: string): LookUp | null => {
    const text = filled(env[name]);
    return text === null ? null : { kind: 'text', text, source: `${name} in the gateway's environment` };
  };
  const plain = filled(value);
  if (plain !== null) {
    // Left over from substitution: the gateway made up a token of its own for this start.
    const unset = /\$\{([A-Z_][A-Z0-9_]*)\}/.exec(plain);
    if (unset === null) return { kind: 'text', text: plain, source: `${key} in the config` };
    return {
      kind: 'missing',
      because: `${key} asks for the environment variable ${unset[1]}, which is not set`,
      unset: true,
    };
  }
  const reference = record(value);
  const source = filled(reference['source']);
  const id = filled(reference['id']);
  if (source === 'env' && id !== null) {
    return (
      fromEnv(id) ?? { kind: 'missing', because: `${key} refers to the variable ${id}, which is not set` }
    );
  }
  if (source !== null) {
    // Running the operator's secret provider or reading its files is not a watchdog's business.
    return {
      kind: 'missing',
      because: `${key} is a SecretRef of source "${source}", which we do not resolve`,
    };
  }
  return fromEnv(variable) ?? { kind: 'missing', because: `neither ${key} nor ${variable} is set` };
}
