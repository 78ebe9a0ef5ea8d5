import { readFileSync, realpathSync } from 'node:fs';
import { dirname, isAbsolute, relative, resolve } from 'node:path';
import { parseJson5 } from '../config/json5.ts';
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
/** A config is kilobytes; a file beyond this is not one. */
const maxFileChars = 8_388_608;

const isRecord = (value: unknown): value is ConfigRecord =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

interface Reading {
  readonly root: string;
  readonly files: string[];
  readonly problems: string[];
}

/** Reads the gateway's config as the gateway would, without ever writing or leaving the config's own directory. */
export function readGatewayConfig(configPath: string, env: Environment): GatewayConfig {
  let text: string;
  try {
    text = readFileSync(configPath, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return { kind: 'missing', because: `there is no ${configPath}` };
    return { kind: 'unreadable', because: `${configPath} cannot be read: ${message}` };
  }
  if (text.length > maxFileChars)
    return { kind: 'invalid', because: `${configPath} is too large for a config` };
  const parsed = parseJson5(text);
  if (parsed.kind === 'invalid') {
    const place = parsed.line === null ? '' : `:${parsed.line}:${parsed.column ?? 1}`;
    return { kind: 'invalid', because: `${configPath}${place}: ${parsed.because}` };
  }
  if (!isRecord(parsed.value)) return { kind: 'invalid', because: `${configPath} does not hold an object` };
  const reading: Reading = { root: realDirectory(configPath), files: [configPath], problems: [] };
  const merged = resolveIncludes(parsed.value, { directory: dirname(configPath), level: 0 }, reading);
  const config = substitute(merged, env, reading.problems);
  if (!isRecord(config)) return { kind: 'invalid', because: `${configPath} does not hold an object` };
  return { kind: 'ok', config, files: reading.files, problems: reading.problems };
}

function realDirectory(path: string): string {
  try {
    return dirname(realpathSync(path));
  } catch {
    // The file was there a moment ago; a broken link on the way is judged by its plain path.
    return dirname(path);
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
  const fail = (because: string): unknown => {
    reading.problems.push(`$include "${name}": ${because}`);
    return {};
  };
  if (at.level >= maxIncludeLevels) return fail(`nested deeper than ${maxIncludeLevels} levels`);
  if (reading.files.length >= maxFiles) return fail(`more than ${maxFiles} files`);
  let text: string;
  let real: string;
  try {
    real = realpathSync(path);
    const inside = relative(reading.root, real);
    if (inside.startsWith('..') || isAbsolute(inside)) return fail('outside the config directory');
    text = readFileSync(real, 'utf8');
  } catch (error) {
    return fail((error as Error).message);
  }
  if (text.length > maxFileChars) return fail('too large for a config');
  reading.files.push(real);
  const parsed = parseJson5(text);
  if (parsed.kind === 'invalid') return fail(parsed.because);
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
