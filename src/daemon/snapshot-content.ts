import { readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Paths } from '../config/paths.ts';
import type { Settings } from '../config/settings.ts';
import type { Instant } from '../core/time.ts';
import { type ConfigTimes, readConfigSet } from '../gateway/config-set.ts';
import { readSource } from '../gateway/config-source.ts';
import { envFileOf } from '../gateway/env-wrapper.ts';
import { readUserVersion } from '../gateway/sqlite.ts';
import { treeName } from '../system/tree-name.ts';
import type { RecordedFile, SnapshotContent } from '../vault/snapshot.ts';
import type { GatewaySight } from './gateway-sight.ts';

export type AssembledSnapshot =
  | {
      readonly kind: 'assembled';
      readonly content: SnapshotContent;
      /** Of each of the config's own files, and of each link that leads to one. */
      readonly times: readonly ConfigTimes[];
      /** The evidence hash of exactly this content (see `checkConfigFile`). */
      readonly hash: string | null;
      /** Why it may only be set aside; null for a candidate. */
      readonly aside: string | null;
    }
  | { readonly kind: 'missing' | 'unreadable'; readonly because: string };

/** Launchers and scripts of ours: a handful, and a few kilobytes each. */
const maxTools = 16;
const maxToolBytes = 262_144;

/** Everything one snapshot holds, as it is on disk now. */
export async function assembleSnapshot(from: {
  readonly settings: Settings;
  readonly paths: Paths;
  readonly sight: GatewaySight;
  readonly bootId: string | null;
  readonly now: Instant;
}): Promise<AssembledSnapshot> {
  const { settings, paths, sight, bootId, now } = from;
  const { configPath } = settings.gateway;
  // What was recorded last stands in for the last sound config: a file that lost half of it was cut off.
  const recorded = statSync(join(paths.configBackup, 'openclaw.json'), { throwIfNoEntry: false });
  const known = recorded?.isFile() === true ? { bytes: recorded.size } : null;
  const set = readConfigSet(configPath, sight.inputs.env, known);
  if (set.kind !== 'read') return set;
  const files = [...set.files, ...serviceFiles(settings, sight), ...ownFiles(paths)];
  return {
    kind: 'assembled',
    content: {
      files: distinct(files),
      openclaw: sight.version,
      bootId,
      schemas: await readSchemas(sight.files.sqlite),
      takenAt: now,
    },
    times: set.times,
    hash: set.hash,
    aside: set.aside,
  };
}

/** The gateway's job: its plist, and the wrapper and environment file of OpenClaw's where it starts through them. */
function serviceFiles({ gateway }: Settings, { inputs }: GatewaySight): readonly RecordedFile[] {
  const words = inputs.programArguments;
  const named = envFileOf(words);
  const wrapper = named === null ? undefined : words[words.indexOf(named) - 1];
  return [
    fileOf('service', join('service', treeName('/', `/${gateway.label}.plist`)), gateway.plist),
    ...[named ?? join(gateway.stateDir, 'service-env', `${gateway.label}.env`), wrapper].map((path) =>
      path === undefined
        ? null
        : fileOf('service', join('service', treeName('/', `/${basename(path)}`)), path),
    ),
  ].filter((file) => file !== null);
}

/** Our own settings and what an operator could start us by. */
function ownFiles(paths: Paths): readonly RecordedFile[] {
  const tools = namesIn(paths.bin).slice(0, maxTools);
  return [
    fileOf('immune', join('immune', 'config.json5'), paths.config),
    ...tools.map((name) =>
      fileOf('immune', join('immune', 'bin', treeName('/', `/${name}`)), join(paths.bin, name)),
    ),
  ].filter((file) => file !== null);
}

/** Null for what is not there, not readable, or no text of a few kilobytes: a snapshot without it is better than none. */
function fileOf(role: 'service' | 'immune', name: string, path: string): RecordedFile | null {
  const source = readSource(path);
  if (source.kind === 'failed' || source.bytes.length > maxToolBytes) return null;
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat === undefined ? null : { name, role, path, mode: stat.mode & 0o777, bytes: source.bytes };
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder).toSorted();
  } catch {
    // Not installed, as in a test or a checkout: there are no launchers to keep.
    return [];
  }
}

/** The first of a name counts: a plist and a wrapper of one name would be a curious choice of the operator's. */
const distinct = (files: readonly RecordedFile[]): readonly RecordedFile[] => [
  ...new Map(files.toReversed().map((file) => [file.name.toLowerCase(), file])).values(),
];

/** By file name. A database that is missing, or cannot be read at this moment, is left out. */
async function readSchemas(path: string): Promise<Readonly<Record<string, number>>> {
  const version = await readUserVersion(path);
  return version === null ? {} : { [basename(path)]: version };
}
