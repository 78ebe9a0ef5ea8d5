import { realpathSync } from 'node:fs';
import { dirname, isAbsolute, relative, resolve } from 'node:path';
import { parseJson5 } from '../config/json5.ts';
import { type ConfigSource, readSource } from './config-source.ts';
import type { Environment } from './env-file.ts';

export type ConfigRecord = Readonly<Record<string, unknown>>;

export type GatewayConfig =
  | {
      readonly kind: 'ok';
      /** With `$include`s merged in and `${VAR}`s replaced. */
      readonly config: ConfigRecord;
      /** Every file that was read, the main one first. */
      readonly files: readonly string[];
      /** What could not be resolved; the rest of the config is still usable. */
      readonly problems: readonly string[];
    }
  | { readonly kind: 'missing'; readonly because: string }
  | { readonly kind: 'unreadable'; readonly because: string }
  | { readonly kind: 'invalid'; readonly because: string };

/** OpenClaw's own limit of nesting. */
const maxIncludeLevels = 10;
/** Files of one config: far above any real one, and an include that fans out cannot keep us reading. */
const maxFiles = 64;

export const isRecord = (value: unknown): value is ConfigRecord =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** An `$include` that could not be used. */
export interface LostInclude {
  readonly name: string;
  readonly path: string;
  /**
   * `limit`: a bound of ours or a place outside the config's directory, where OpenClaw may see more than we do.
   * `missing`, `unreadable` and `broken` hold for OpenClaw too; `unknown` is the machine's trouble.
   */
  readonly loss: 'missing' | 'unreadable' | 'broken' | 'unknown' | 'limit';
  readonly because: string;
}

/** The config with all that a judgement of its files needs. */
export interface ConfigReading {
  readonly config: GatewayConfig;
  /** Every file that was tried, the main one first, readable or not. */
  readonly sources: readonly ConfigSource[];
  readonly lost: readonly LostInclude[];
  /** Why the main file's text is no config; null when it is one, or when there was no text. */
  readonly flaw: 'syntax' | 'not-an-object' | null;
}

interface Reading {
  /** The main file's folder, as written and without links. */
  readonly directory: string;
  readonly root: string;
  readonly sources: ConfigSource[];
  readonly files: string[];
  readonly problems: string[];
  readonly lost: LostInclude[];
}

/** How a failure to read looks to OpenClaw, which runs as the same user. */
export function lossOf(code: string): 'missing' | 'unreadable' | 'unknown' {
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return 'missing';
    // EPERM is not among them: macOS answers so where it keeps a folder from us that the gateway may open.
    case 'EACCES':
    case 'EISDIR':
    case 'ELOOP':
    case 'NOT-REGULAR':
      return 'unreadable';
    default:
      return 'unknown';
  }
}

/** Reads the gateway's config as the gateway would, without ever writing or leaving the config's own directory. */
export function readGatewayConfig(configPath: string, env: Environment): GatewayConfig {
  try {
    return readConfigFiles(configPath, env).config;
  } catch (error) {
    // Thousands of brackets within each other: nothing a gateway or we could read, and no reason to fail.
    if (!(error instanceof RangeError)) throw error;
    return { kind: 'invalid', because: `${configPath} is nested too deeply` };
  }
}

/** The same, with every file that was tried and every include that was lost. */
export function readConfigFiles(configPath: string, env: Environment): ConfigReading {
  const main = readSource(configPath);
  const bare = (config: GatewayConfig, flaw: ConfigReading['flaw'] = null): ConfigReading => ({
    config,
    sources: [main],
    lost: [],
    flaw,
  });
  if (main.kind === 'failed') {
    if (lossOf(main.code) === 'missing')
      return bare({ kind: 'missing', because: `there is no ${configPath}` });
    const kind = main.code === 'TOO-LARGE' ? 'invalid' : 'unreadable';
    return bare({ kind, because: main.because });
  }
  const parsed = parseJson5(main.bytes.toString('utf8'));
  if (parsed.kind === 'invalid') {
    const place = parsed.line === null ? '' : `:${parsed.line}:${parsed.column ?? 1}`;
    return bare({ kind: 'invalid', because: `${configPath}${place}: ${parsed.because}` }, 'syntax');
  }
  const noObject: GatewayConfig = { kind: 'invalid', because: `${configPath} does not hold an object` };
  if (!isRecord(parsed.value)) return bare(noObject, 'not-an-object');
  const directory = dirname(configPath);
  const reading: Reading = {
    directory,
    root: dirname(realPath(configPath) ?? configPath),
    sources: [main],
    files: [configPath],
    problems: [],
    lost: [],
  };
  const merged = resolveIncludes(parsed.value, { directory, level: 0 }, reading);
  const config = substitute(merged, env, reading.problems);
  const { sources, files, problems, lost } = reading;
  if (!isRecord(config)) return { config: noObject, sources, lost, flaw: 'not-an-object' };
  return { config: { kind: 'ok', config, files, problems }, sources, lost, flaw: null };
}

/** The path without links; null where that cannot be told, and the reading that follows says why. */
function realPath(path: string): string | null {
  try {
    return realpathSync(path);
  } catch {
    // A missing file or a broken link: judged by its plain path.
    return null;
  }
}

function resolveIncludes(
  value: unknown,
  at: { directory: string; level: number },
  reading: Reading,
): unknown {
  if (Array.isArray(value)) return value.map((entry) => resolveIncludes(entry, at, reading));
  if (!isRecord(value)) return value;
  const { $include: include, ...rest } = value;
  const own = Object.fromEntries(
    Object.entries(rest).map(([key, entry]) => [key, resolveIncludes(entry, at, reading)]),
  );
  if (include === undefined) return own;
  const names = (Array.isArray(include) ? include : [include]).filter((name) => typeof name === 'string');
  const included = names.map((name) => readInclude(name, at, reading));
  return [...included, own].reduce<unknown>(merge, {});
}

function readInclude(name: string, at: { directory: string; level: number }, reading: Reading): unknown {
  const path = resolve(at.directory, name);
  const fail = (loss: LostInclude['loss'], because: string): unknown => {
    reading.problems.push(`$include "${name}": ${because}`);
    reading.lost.push({ name, path, loss, because });
    return {};
  };
  if (at.level >= maxIncludeLevels) return fail('limit', `nested deeper than ${maxIncludeLevels} levels`);
  if (reading.sources.length >= maxFiles) return fail('limit', `more than ${maxFiles} files`);
  const real = realPath(path);
  const inside = real === null ? relative(reading.directory, path) : relative(reading.root, real);
  if (inside.startsWith('..') || isAbsolute(inside)) return fail('limit', 'outside the config directory');
  // By the path as written, so that a link that is turned elsewhere shows in its stamp.
  const source = readSource(path);
  reading.sources.push(source);
  if (source.kind === 'failed')
    return fail(source.code === 'TOO-LARGE' ? 'limit' : lossOf(source.code), source.because);
  reading.files.push(real ?? path);
  const parsed = parseJson5(source.bytes.toString('utf8'));
  if (parsed.kind === 'invalid') return fail('broken', parsed.because);
  return resolveIncludes(parsed.value, { directory: dirname(path), level: at.level + 1 }, reading);
}

/** Later wins; objects merge, lists are joined, as OpenClaw does it. */
function merge(one: unknown, other: unknown): unknown {
  if (Array.isArray(one) && Array.isArray(other)) return [...one, ...other];
  if (!isRecord(one) || !isRecord(other)) return other;
  const merged: Record<string, unknown> = { ...one };
  for (const [key, value] of Object.entries(other)) {
    merged[key] = key in one ? merge(one[key], value) : value;
  }
  return merged;
}

/** Replaces `${NAME}`; `$${NAME}` is the escape for the literal text. An unset name stays as written and is told. */
function substitute(value: unknown, env: Environment, problems: string[]): unknown {
  if (Array.isArray(value)) return value.map((entry) => substitute(entry, env, problems));
  if (isRecord(value)) {
    return Object.fromEntries(
      Object.entries(value).map(([key, entry]) => [key, substitute(entry, env, problems)]),
    );
  }
  if (typeof value !== 'string' || !value.includes('${')) return value;
  return value.replace(/(\$?)\$\{([A-Z_][A-Z0-9_]*)\}/g, (whole, escaped: string, name: string) => {
    if (escaped !== '') return whole.slice(1);
    const found = env[name];
    if (found !== undefined && found !== '') return found;
    problems.push(`the config asks for the environment variable ${name}, which is not set`);
    return whole;
  });
}
