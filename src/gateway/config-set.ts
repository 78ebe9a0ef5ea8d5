import { type BigIntStats, lstatSync, readlinkSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { treeName } from '../system/tree-name.ts';
import { checkConfigFile, type KnownConfig } from './config-check.ts';
import { type ConfigReading, readConfigFiles } from './config-file.ts';
import type { Environment } from './env-file.ts';

/** One file of the live config, byte for byte. */
interface ConfigSetFile {
  /** Its name where configs are kept: the main file is always `openclaw.json`, whatever it is called here. */
  readonly name: string;
  readonly role: 'config' | 'include';
  /** As the gateway names it; a link is not resolved. */
  readonly path: string;
  readonly mode: number;
  readonly bytes: Buffer;
}

/** When a file, or a link that leads to one, was changed last; no editor can set the change time back. */
export interface ConfigTimes {
  readonly path: string;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
}

export type ConfigSetReading =
  | {
      readonly kind: 'read';
      /** The main file first. */
      readonly files: readonly ConfigSetFile[];
      /** Of each file and of each link on the way to it. */
      readonly times: readonly ConfigTimes[];
      /** As `checkConfigFile` gives it for these very bytes. */
      readonly hash: string | null;
      /** Why this is a clobbered config and no candidate to go back to; null when it may be one. */
      readonly aside: string | null;
    }
  | { readonly kind: 'missing' | 'unreadable'; readonly because: string };

/** A writer that replaces the file each time we look, for longer than this, is not worth waiting for. */
const maxTries = 3;
/** The system itself follows 32 to 40. */
const maxLinks = 40;

/** Reads the main file and each include that our own reader can read, all of one moment. Never throws. */
export function readConfigSet(
  configPath: string,
  env: Environment,
  known: KnownConfig | null,
): ConfigSetReading {
  for (let tries = 0; tries < maxTries; tries += 1) {
    const { verdict, stamps, config } = checkConfigFile(configPath, env, known);
    const reading = readAll(configPath, env);
    if (reading.sources.some(({ path, stamp }) => stamps.get(path) !== stamp)) continue;
    const [main] = reading.sources;
    if (main === undefined || main.kind === 'failed') {
      const kind = reading.config.kind === 'missing' ? 'missing' : 'unreadable';
      return { kind, because: main?.because ?? `${configPath} was not looked at` };
    }
    const files = filesOf(configPath, reading);
    if (files === null) continue;
    const hash = verdict.kind === 'unknown' ? null : verdict.hash;
    // A config that cannot be parsed, or lost most of itself, is none, whatever stood in it.
    const clobbered = verdict.kind === 'faulty' && (verdict.fault === 'clobbered' || config === null);
    return { kind: 'read', ...files, hash, aside: clobbered ? verdict.because : null };
  }
  return { kind: 'unreadable', because: `${configPath} is being written at this moment` };
}

function readAll(configPath: string, env: Environment): Pick<ConfigReading, 'sources' | 'config'> {
  try {
    return readConfigFiles(configPath, env);
  } catch (error) {
    // Nested so deep that reading it overflows the stack: nothing is known of its includes either.
    const because = `${configPath} cannot be read: ${error instanceof Error ? error.name : 'an unknown error'}`;
    return { config: { kind: 'unreadable', because }, sources: [] };
  }
}

/** Null when a file went or changed since it was read. */
function filesOf(
  configPath: string,
  { sources }: Pick<ConfigReading, 'sources'>,
): { readonly files: readonly ConfigSetFile[]; readonly times: readonly ConfigTimes[] } | null {
  const files = new Map<string, ConfigSetFile>();
  const times: ConfigTimes[] = [];
  const names = new Set<string>();
  for (const source of sources) {
    if (source.kind === 'failed' || files.has(source.path)) continue;
    const stat = statSync(source.path, { bigint: true, throwIfNoEntry: false });
    if (stat === undefined) return null;
    const { dev, ino, size, mtimeNs, ctimeNs } = stat;
    if ([dev, ino, size, mtimeNs, ctimeNs].join(':') !== source.stamp) return null;
    const main = source.path === configPath;
    let name = main ? 'openclaw.json' : join('includes', treeName(dirname(configPath), source.path));
    // Names that differ in their case alone are one name where most Macs keep their files.
    while (names.has(name.toLowerCase())) name = join(dirname(name), `again-${basename(name)}`);
    names.add(name.toLowerCase());
    files.set(source.path, {
      name,
      role: main ? 'config' : 'include',
      path: source.path,
      mode: Number(stat.mode) & 0o777,
      bytes: source.bytes,
    });
    times.push(timesOf(source.path, stat), ...linkTimes(source.path));
  }
  return { files: [...files.values()], times };
}

const timesOf = (path: string, { mtimeNs, ctimeNs }: BigIntStats): ConfigTimes => ({
  path,
  mtimeMs: Number(mtimeNs) / 1e6,
  ctimeMs: Number(ctimeNs) / 1e6,
});

/** A link turned to another file changes the config and no file of it. */
function linkTimes(path: string): readonly ConfigTimes[] {
  const times: ConfigTimes[] = [];
  let at = path;
  for (let links = 0; links < maxLinks; links += 1) {
    const found = lstatSync(at, { bigint: true, throwIfNoEntry: false });
    if (found?.isSymbolicLink() !== true) break;
    times.push(timesOf(at, found));
    at = resolve(dirname(at), readlinkSync(at));
  }
  return times;
}
