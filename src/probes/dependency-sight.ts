import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Clock, hours, type Millis, minutes, seconds } from '../core/time.ts';
import { readDependencies } from '../gateway/dependencies.ts';
import type { ListProcesses } from '../gateway/live-processes.ts';
import { readPlugins } from '../gateway/plugins.ts';
import type { ManifestInForce } from '../vault/manifest.ts';
import { type DependencyLook, lookWithManifest } from './tree-damage.ts';

export type { DependencyLook };

export interface DependencySight {
  /** Never throws, and answers within `longestMs`. */
  look(ask: {
    readonly failing: boolean;
    /** The log tells of damaged code and no look finds it: every byte is compared, once for each state of the package. */
    readonly deep?: boolean;
  }): Promise<DependencyLook>;
  /** Somebody has changed the package: what was seen before is nothing any more. */
  forget(): void;
}

export interface DependencySightParts {
  readonly clock: Clock;
  readonly place: () => {
    /** Where the package is or should be, even when nothing is there any more. */
    readonly packageRoot: string | null;
    readonly stateDir: string;
  };
  readonly processes: ListProcesses;
  /** The manifest that counts now; without one the package's own lists decide alone. */
  readonly manifest?: () => Promise<ManifestInForce | null>;
  /** The reading itself, for tests of the memory around it. */
  readonly read?: (place: Place, depth: 'quick' | 'full') => Promise<DependencyLook>;
}

type Place = ReturnType<DependencySightParts['place']>;

/** A package lost from deep inside changes no time of the folders in the key. */
const failingAgeMs = seconds(30);
/** While the gateway serves, the files tell of its next start only; a look costs a third of a second of processor. */
const intactAgeMs = hours(6);
/** Damage and doubt on a serving gateway: whoever mends it by hand should not read of it for hours. */
const doubtAgeMs = minutes(10);
/** Ten times a look on a cold disk; one that hangs on a lost volume must not hold up the look at everything else. */
const longestMs = seconds(10);

/** A full comparison on a cold disk takes half a minute; what takes longer hangs. */
const longestReadMs = minutes(5);

interface Memory {
  readonly key: string;
  readonly at: Millis;
  readonly look: DependencyLook;
}

/** Keeps the last judgement of package and plugins, and makes it anew when it may have changed. */
export function createDependencySight(parts: DependencySightParts): DependencySight {
  const { clock } = parts;
  const read = parts.read ?? createRead(parts);
  let memory: Memory | null = null;
  /** Counts what was forgotten: a reading that began before it is not remembered. */
  let age = 0;
  /** The state of the package that was compared byte by byte last. */
  let comparedKey: string | null = null;
  let flight: { readonly depth: 'quick' | 'full'; readonly look: Promise<DependencyLook> } | null = null;

  const refresh = async (depth: 'quick' | 'full'): Promise<DependencyLook> => {
    const place = parts.place();
    // The key is taken before the reading: what changes meanwhile is looked at again.
    const [key, begunAt] = [await keyOf(place), age];
    // Also where it fails: every byte is not read again at every look.
    if (depth === 'full') comparedKey = key;
    const look = await read(place, depth);
    if (begunAt !== age) return look;
    memory = { key, at: clock.elapsed(), look };
    return look;
  };
  const remembered = async (failing: boolean): Promise<DependencyLook | null> => {
    if (memory === null) return null;
    const { at, key, look } = memory;
    const age = clock.elapsed() - at;
    if (age > longestAge(look, failing)) return null;
    return key === (await keyOf(parts.place())) ? look : null;
  };
  const fly = async (depth: 'quick' | 'full'): Promise<DependencyLook> => {
    // A quick look under way does not answer the deeper question.
    if (depth === 'full' && flight?.depth === 'quick') await flight.look.catch(() => undefined);
    flight ??= {
      depth,
      look: refresh(depth).finally(() => {
        flight = null;
      }),
    };
    return flight.look;
  };
  const answer = async (failing: boolean, deep: boolean): Promise<DependencyLook> => {
    if (deep && comparedKey !== (await keyOf(parts.place()))) return fly('full');
    return (await remembered(failing)) ?? fly('quick');
  };

  return {
    look: async ({ failing, deep = false }) => {
      const end = new AbortController();
      try {
        const late = clock.sleep(longestMs, end.signal).then(() => doubt('reading the files takes too long'));
        return await Promise.race([answer(failing, deep), late]);
      } catch (error) {
        return doubt(error instanceof Error ? error.message : String(error));
      } finally {
        end.abort();
      }
    },
    forget: () => {
      age += 1;
      memory = null;
      comparedKey = null;
    },
  };
}

function longestAge({ dependencies, plugins }: DependencyLook, failing: boolean): Millis {
  if (failing) return failingAgeMs;
  return dependencies.kind === 'intact' && plugins.kind === 'intact' ? intactAgeMs : doubtAgeMs;
}

function createRead({
  processes,
  manifest,
}: DependencySightParts): NonNullable<DependencySightParts['read']> {
  const suspects = new Set<string>();
  return async ({ packageRoot, stateDir }, depth) => {
    // One after the other: together they would only share the same disk.
    const dependencies = await readDependencies({ packageRoot, processes });
    const look = { dependencies, plugins: await readPlugins({ stateDir, processes }) };
    const inForce = packageRoot === null ? null : ((await manifest?.()) ?? null);
    if (packageRoot === null || inForce === null) return look;
    const signal = AbortSignal.timeout(longestReadMs);
    return lookWithManifest(look, { packageRoot, stateDir, processes, inForce, depth, suspects, signal });
  };
}

const doubt = (because: string): DependencyLook => ({
  dependencies: { kind: 'unknown', because: `the openclaw package could not be judged: ${because}` },
  plugins: { kind: 'unknown', because: `the plugins could not be judged: ${because}` },
});

/** What npm and people change first when they touch an installation; eight stat calls. */
async function keyOf({ packageRoot, stateDir }: Place): Promise<string> {
  const ofPackage =
    packageRoot === null
      ? []
      : [
          dirname(packageRoot),
          packageRoot,
          ...['package.json', 'node_modules', 'dist'].map((name) => join(packageRoot, name)),
        ];
  const paths = [...ofPackage, join(stateDir, 'npm', 'projects')];
  const marks = await Promise.all(paths.map(async (path) => `${path}=${await markOf(path)}`));
  return marks.join('\n');
}

async function markOf(path: string): Promise<string> {
  try {
    const { ino, mtimeMs, ctimeMs } = await stat(path);
    return `${ino}:${mtimeMs}:${ctimeMs}`;
  } catch {
    // Gone or closed to us: a change of that is a change of the key too.
    return 'none';
  }
}
