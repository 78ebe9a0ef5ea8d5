import { createHash } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { parseJson5 } from '../config/json5.ts';
import { restoreKeys } from '../config/json5-edit.ts';
import type { Mount } from '../core/blame.ts';
import type { KeyChange, KeyPath } from '../core/config-change.ts';
import { checkConfigFile, type KnownConfig } from '../gateway/config-check.ts';
import { type ConfigRecord, isRecord, type LostInclude, readConfigFiles } from '../gateway/config-file.ts';
import type { Environment } from '../gateway/env-file.ts';
import { withStagedConfig } from '../gateway/stage-config.ts';
import type { RecordedFile } from '../vault/snapshot.ts';

/** The files of one config: the main one, and `includes/` with the path from the config's directory. */
export type ConfigTexts = ReadonlyMap<string, Buffer>;

export const mainName = 'openclaw.json';
const includeFolder = 'includes/';

/** OpenClaw's own limit of nesting. */
const maxIncludeLevels = 10;
const maxMounts = 256;
/** Far deeper than any config of OpenClaw's. */
const maxDepth = 256;

/** Where such a file lives around this config. */
export const livePathOf = (configPath: string, name: string): string =>
  name === mainName ? configPath : join(dirname(configPath), name.slice(includeFolder.length));

/** The config's files of a snapshot, by the place each had around the main one: the store may name them otherwise. */
export function configFilesOf(files: readonly RecordedFile[]): ReadonlyMap<string, RecordedFile> {
  const main = files.find(({ role }) => role === 'config');
  if (main === undefined) return new Map();
  const included = files
    .filter(({ role }) => role === 'include')
    .map((file) => [nameIn(main.path, file.path), file] as const)
    // Nothing is ever put beside the config's own directory.
    .filter(([name]) => !name.split('/').includes('..'));
  return new Map([[mainName, main], ...included]);
}

/** The config as it lies there now, with all that could be read of it. */
export interface LiveConfig {
  readonly texts: ConfigTexts;
  readonly hash: string | null;
  readonly verdict: ReturnType<typeof checkConfigFile>['verdict'];
  /** Includes that OpenClaw cannot use either, by name. */
  readonly lost: readonly string[];
  /** Its main file parses, so that single keys of it can be put right. */
  readonly parses: boolean;
  /** Nested so deep that nothing more of it was read. */
  readonly isTooDeep: boolean;
}

/** Reads the live config. `known`: of a size that it had when it was sound. */
export function readLive(
  { configPath, env }: { readonly configPath: string; readonly env: Environment },
  known: KnownConfig | null,
): LiveConfig {
  const { verdict, config: judged } = checkConfigFile(configPath, env, known);
  const hash = verdict.kind === 'unknown' ? null : verdict.hash;
  const reading = isTooDeep(judged) ? null : readShallow(configPath, env);
  if (reading === null) {
    const because = `${configPath} is nested too deeply`;
    const verdict = { kind: 'unknown', because } as const;
    return { texts: new Map(), hash, verdict, lost: [], parses: false, isTooDeep: true };
  }
  const { config, sources, lost } = reading;
  const nameOf = (path: string): string => nameIn(configPath, path);
  return {
    texts: new Map(
      sources.flatMap((source) =>
        source.kind === 'read' ? [[nameOf(source.path), source.bytes] as const] : [],
      ),
    ),
    hash,
    verdict,
    lost: lost.filter(isLost).map(({ path }) => nameOf(path)),
    parses: config.kind === 'ok',
    isTooDeep: false,
  };
}

function readShallow(configPath: string, env: Environment): ReturnType<typeof readConfigFiles> | null {
  try {
    return readConfigFiles(configPath, env);
  } catch (error) {
    // Nested so deep that reading it overflows the stack.
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** Whether comparing and editing it could overflow the stack. */
export function isTooDeep(config: unknown): boolean {
  const left: { readonly value: unknown; readonly depth: number }[] = [{ value: config, depth: 0 }];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const { value, depth } = next;
    if (typeof value !== 'object' || value === null) continue;
    if (depth >= maxDepth) return true;
    for (const entry of Object.values(value)) left.push({ value: entry, depth: depth + 1 });
  }
  return false;
}

const isLost = ({ loss }: LostInclude): boolean => loss !== 'limit';

/** Lays the files out as they lie around `configPath`, in a private place. */
export function staged<T>(
  configPath: string,
  texts: ConfigTexts,
  use: (stagedPath: string) => Promise<T>,
): Promise<T> {
  const folder = dirname(configPath);
  const files = new Map(
    [...texts.keys()].map((name) => [
      relative(folder, livePathOf(configPath, name)),
      withinStage(configPath, texts, name),
    ]),
  );
  return withStagedConfig({ configPath, files }, use);
}

/** An include named by its absolute path would lead from the copy back to the live file. */
function withinStage(configPath: string, texts: ConfigTexts, name: string): Buffer {
  const bytes = texts.get(name) ?? Buffer.alloc(0);
  const absolute = includesIn(parsedOf(texts, name), [])
    .map(({ include }) => include)
    .filter((include) => include.startsWith(`${dirname(configPath)}/`));
  if (absolute.length === 0) return bytes;
  const from = dirname(livePathOf(configPath, name));
  const rewritten = absolute.reduce(
    (text, include) => text.replaceAll(include, () => `./${relative(from, include)}`),
    bytes.toString('utf8'),
  );
  return Buffer.from(rewritten);
}

/** With its includes merged in; null when it does not parse, or when a part of it is not there. */
export function mergedOf(
  place: { readonly configPath: string; readonly env: Environment },
  texts: ConfigTexts,
): Promise<ConfigRecord | null> {
  return staged(place.configPath, texts, async (path) => {
    const { config, lost } = readConfigFiles(path, place.env);
    return config.kind === 'ok' && !lost.some(isLost) ? config.config : null;
  });
}

/** Names of the included files that are not there or do not parse; null when the main file does not. */
export function lostIn(
  place: { readonly configPath: string; readonly env: Environment },
  texts: ConfigTexts,
): Promise<readonly string[] | null> {
  return staged(place.configPath, texts, async (path) => {
    const { config, lost } = readConfigFiles(path, place.env);
    return config.kind === 'ok' ? lost.filter(isLost).map((one) => nameIn(path, one.path)) : null;
  });
}

/**
 * An included file beside the real config of a link, by a way that does not lead through the link's own folder:
 * OpenClaw reads it, and no copy of the config elsewhere can show it the same. Null where there is none.
 */
export function strayOf(configPath: string, texts: ConfigTexts): string | null {
  const root = realFolderOf(configPath);
  for (const name of texts.keys()) {
    for (const { include } of includesIn(parsedOf(texts, name), [])) {
      const path = resolve(dirname(livePathOf(configPath, name)), include);
      if (!isInside(dirname(configPath), path) && isInside(root, path)) return path;
    }
  }
  return null;
}

const isInside = (folder: string, path: string): boolean => {
  const way = relative(folder, path);
  return way.split('/')[0] !== '..' && !isAbsolute(way);
};

function realFolderOf(configPath: string): string {
  try {
    return dirname(realpathSync(configPath));
  } catch {
    // A missing file or a broken link has no other folder.
    return dirname(configPath);
  }
}

/** A file's own value; undefined where it does not parse or is not there. */
export function parsedOf(texts: ConfigTexts, name: string): unknown {
  const bytes = texts.get(name);
  if (bytes === undefined) return undefined;
  const parsed = parseJson5(bytes.toString('utf8'));
  return parsed.kind === 'ok' ? parsed.value : undefined;
}

/** The name of what a file includes. */
export const includedName = (configPath: string, name: string, include: string): string =>
  nameIn(configPath, resolve(dirname(livePathOf(configPath, name)), include));

const nameIn = (configPath: string, path: string): string =>
  path === configPath ? mainName : `${includeFolder}${relative(dirname(configPath), path)}`;

/** Where in the whole config each included file stands; the main file stands at its top. */
export function mountsOf(configPath: string, texts: ConfigTexts): readonly Mount[] {
  const mounts: Mount[] = [];
  const visit = (name: string, base: KeyPath, level: number): void => {
    for (const { at, include } of includesIn(parsedOf(texts, name), [])) {
      const file = includedName(configPath, name, include);
      if (!texts.has(file) || mounts.length >= maxMounts || level >= maxIncludeLevels) continue;
      mounts.push({ file, at: [...base, ...at] });
      visit(file, [...base, ...at], level + 1);
    }
  };
  visit(mainName, [], 0);
  return mounts;
}

export function includesIn(value: unknown, at: KeyPath): readonly { at: KeyPath; include: string }[] {
  if (Array.isArray(value)) return value.flatMap((entry, index) => includesIn(entry, [...at, index]));
  if (!isRecord(value)) return [];
  return Object.entries(value).flatMap(([key, entry]) => {
    if (key !== '$include') return includesIn(entry, [...at, key]);
    const names = Array.isArray(entry) ? entry : [entry];
    return names.filter((name) => typeof name === 'string').map((include) => ({ at, include }));
  });
}

/** One hash for the contents of a set. */
export function hashOfTexts(texts: ConfigTexts): string {
  const hash = createHash('sha256');
  for (const [name, bytes] of [...texts].sort(([one], [other]) => (one < other ? -1 : 1)))
    hash.update(`${name}\0${bytes.length}\0`).update(bytes);
  return hash.digest('hex');
}

/** The value at a path; `found` tells an absent one from one that is undefined. */
export function valueAt(value: unknown, path: KeyPath): { readonly found: boolean; readonly value: unknown } {
  let at = value;
  for (const step of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, step))
      return { found: false, value: undefined };
    at = (at as Readonly<Record<string | number, unknown>>)[step];
  }
  return { found: true, value: at };
}

/** Takes the keys back to what the donor has there, or out where it has nothing; null where that cannot be done. */
export function withKeysOf(
  texts: ConfigTexts,
  donor: ConfigTexts,
  keys: readonly Pick<KeyChange, 'file' | 'path'>[],
): ConfigTexts | null {
  const edited = new Map(texts);
  for (const name of new Set(keys.map(({ file }) => file))) {
    const paths = keys.filter(({ file }) => file === name).map(({ path }) => path);
    const source = donor.get(name)?.toString('utf8') ?? '{}';
    const outcome = restoreKeys(texts.get(name)?.toString('utf8') ?? '', source, paths);
    if (outcome.kind === 'failed') return null;
    edited.set(name, Buffer.from(outcome.text));
  }
  return edited;
}
