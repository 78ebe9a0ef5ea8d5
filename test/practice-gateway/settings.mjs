import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

/** Reads the JSON5 people write by hand: comments, trailing commas, bare keys, single quotes. Strict JSON goes first. */
function parseRelaxed(text) {
  try {
    return JSON.parse(text);
  } catch {
    // Not strict JSON: relax it token by token, so that quoted text is never touched.
    const token =
      /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\/\/[^\n]*|\/\*[\s\S]*?\*\/|,(?=\s*[}\]])|[A-Za-z_$][\w$]*(?=\s*:)/g;
    const strict = text.replace(/\/\/[^\n"']*$/gm, '').replace(token, (part) => {
      if (part.startsWith('//') || part.startsWith('/*') || part === ',') return '';
      if (part.startsWith("'")) return JSON.stringify(part.slice(1, -1).replaceAll("\\'", "'"));
      return part.startsWith('"') ? part : JSON.stringify(part);
    });
    return JSON.parse(strict);
  }
}

function flag(argv, name) {
  const at = argv.indexOf(`--${name}`);
  if (at >= 0) return argv[at + 1];
  return argv.find((word) => word.startsWith(`--${name}=`))?.slice(name.length + 3);
}

export function resolvePaths(env, argv) {
  const home = env.HOME ?? homedir();
  const stateDir = resolve(flag(argv, 'state-dir') ?? env.OPENCLAW_STATE_DIR ?? join(home, '.openclaw'));
  const configPath = resolve(
    flag(argv, 'config') ?? env.OPENCLAW_CONFIG_PATH ?? join(stateDir, 'openclaw.json'),
  );
  const lockDir = join(stateDir, 'tmp', `openclaw-${process.getuid?.() ?? 0}`);
  const hash = createHash('sha256').update(configPath).digest('hex').slice(0, 8);
  return {
    stateDir,
    configPath,
    lockDir,
    locks: [join(lockDir, 'gateway.state.lock'), join(lockDir, `gateway.${hash}.lock`)],
    auditLog: join(stateDir, 'logs', 'gateway-restart.log'),
    /** Standing faults, read at boot and again whenever the file changes. */
    standing: env.PRACTICE_SETTINGS ?? join(stateDir, 'practice.json'),
    /** One-shot faults: taken (unlinked) before they are carried out, so that a relaunch does not repeat them. */
    once: env.PRACTICE_DO ?? join(stateDir, 'practice-do.json'),
  };
}

/** The gateway's own settings, or { refuse: text } when the real one would exit 78. */
export function readConfig(paths, env, argv) {
  const flags = { port: flag(argv, 'port'), token: flag(argv, 'token'), bind: flag(argv, 'bind') };
  if (!existsSync(paths.configPath)) {
    if (flags.port === undefined || !argv.includes('--allow-unconfigured')) {
      return {
        refuse:
          'Missing config. Run `openclaw setup` or set gateway.mode=local (or pass --allow-unconfigured).',
      };
    }
    return withDefaults(
      { auth: { mode: flags.token ? 'token' : 'none', token: flags.token } },
      flags,
      env,
      paths,
    );
  }
  let config;
  try {
    config = parseRelaxed(readFileSync(paths.configPath, 'utf8'));
  } catch {
    // The real one says the same misleading sentence for a file it cannot parse.
    config = {};
  }
  if (typeof config?.gateway?.mode !== 'string') {
    return {
      refuse:
        'Gateway start blocked: existing config is missing gateway.mode. Treat this as suspicious or clobbered config',
    };
  }
  const known = new Set([
    '$schema',
    'meta',
    'gateway',
    'update',
    'agents',
    'channels',
    'plugins',
    'logging',
    'wizard',
    'skills',
  ]);
  const odd = Object.keys(config).find((key) => !known.has(key));
  if (odd !== undefined) {
    return { refuse: `Invalid config at ${paths.configPath}:\n<root>: Unrecognized key: "${odd}"` };
  }
  if (config.gateway.port !== undefined && typeof config.gateway.port !== 'number') {
    return { refuse: `Invalid config at ${paths.configPath}:\ngateway.port: Invalid input: expected number` };
  }
  return withDefaults(config.gateway, flags, env, paths);
}

function withDefaults(gateway, flags, env, paths) {
  const expand = (text) =>
    typeof text === 'string'
      ? text.replace(/\$\{([A-Z_][A-Z0-9_]*)\}/g, (all, name) => env[name] ?? all)
      : undefined;
  const auth = gateway.auth ?? {};
  const token = expand(auth.token) ?? env.OPENCLAW_GATEWAY_TOKEN;
  const password = expand(auth.password) ?? env.OPENCLAW_GATEWAY_PASSWORD;
  const tlsDir = join(dirname(paths.configPath), 'gateway', 'tls');
  return {
    port: Number(flags.port ?? env.OPENCLAW_GATEWAY_PORT ?? gateway.port ?? 18789),
    bind: flags.bind ?? gateway.bind ?? 'loopback',
    customBindHost: gateway.customBindHost,
    mode: auth.mode ?? (password ? 'password' : 'token'),
    token,
    password,
    tls: gateway.tls?.enabled
      ? {
          certPath: gateway.tls.certPath ?? join(tlsDir, 'gateway-cert.pem'),
          keyPath: gateway.tls.keyPath ?? join(tlsDir, 'gateway-key.pem'),
        }
      : undefined,
  };
}

/** Standing faults; an absent or half-written file means none. */
export function readStanding(paths, env) {
  const fromEnv = env.PRACTICE_BOOT_MS ? { bootMs: Number(env.PRACTICE_BOOT_MS) } : {};
  try {
    return { ...fromEnv, ...JSON.parse(readFileSync(paths.standing, 'utf8')) };
  } catch {
    return fromEnv;
  }
}
