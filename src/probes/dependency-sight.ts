import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { DependencyEvidence, PluginEvidence } from '../core/ground-evidence.ts';
import { type Clock, hours, type Millis, minutes, seconds } from '../core/time.ts';
import { readDependencies } from '../gateway/dependencies.ts';
import type { ListProcesses } from '../gateway/live-processes.ts';
import { readPlugins } from '../gateway/plugins.ts';

export interface DependencyLook {
  readonly dependencies: DependencyEvidence;
  readonly plugins: PluginEvidence;
}

export interface DependencySight {
  /** Never throws, and answers within `longestMs`. */
  look(ask: { readonly failing: boolean }): Promise<DependencyLook>;
}

export interface DependencySightParts {
  readonly clock: Clock;
  readonly place: () => {
    /** Where the package is or should be, even when nothing is there any more. */
    readonly packageRoot: string | null;
    readonly stateDir: string;
  };
  readonly processes: ListProcesses;
  /** The reading itself, for tests of the memory around it. */
  readonly read?: (place: ReturnType<DependencySightParts['place']>) => Promise<DependencyLook>;
}

/** A package lost from deep inside changes no time of the folders in the key. */
const failingAgeMs = seconds(30);
/** While the gateway serves, the files tell of its next start only; a look costs a third of a second of processor. */
const intactAgeMs = hours(6);
/** Damage and doubt on a serving gateway: whoever mends it by hand should not read of it for hours. */
const doubtAgeMs = minutes(10);
/** Ten times a look on a cold disk; one that hangs on a lost volume must not hold up the look at everything else. */
const longestMs = seconds(10);

interface Memory {
  readonly key: string;
  readonly at: Millis;
  readonly look: DependencyLook;
}

/** Keeps the last judgement of package and plugins, and makes it anew when it may have changed. */
export function createDependencySight(parts: DependencySightParts): DependencySight {
  const { clock } = parts;
  const read = parts.read ?? ((place) => readBoth(place, parts.processes));
  let memory: Memory | null = null;
  let flight: Promise<DependencyLook> | null = null;

  const refresh = async (): Promise<DependencyLook> => {
    const place = parts.place();
    // The key is taken before the reading: what changes meanwhile is looked at again.
    const key = await keyOf(place);
    const look = await read(place);
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
  const fly = (): Promise<DependencyLook> => {
    flight ??= refresh().finally(() => {
      flight = null;
    });
    return flight;
  };

  return {
    look: async ({ failing }) => {
      const end = new AbortController();
      try {
        const late = clock.sleep(longestMs, end.signal).then(() => doubt('reading the files takes too long'));
        const answer = remembered(failing).then((known) => known ?? fly());
        return await Promise.race([answer, late]);
      } catch (error) {
        return doubt(error instanceof Error ? error.message : String(error));
      } finally {
        end.abort();
      }
    },
  };
}

function longestAge({ dependencies, plugins }: DependencyLook, failing: boolean): Millis {
  if (failing) return failingAgeMs;
  return dependencies.kind === 'intact' && plugins.kind === 'intact' ? intactAgeMs : doubtAgeMs;
}

async function readBoth(
  { packageRoot, stateDir }: ReturnType<DependencySightParts['place']>,
  processes: ListProcesses,
): Promise<DependencyLook> {
  // One after the other: together they would only share the same disk.
  const dependencies = await readDependencies({ packageRoot, processes });
  return { dependencies, plugins: await readPlugins({ stateDir, processes }) };
}

const doubt = (because: string): DependencyLook => ({
  dependencies: { kind: 'unknown', because: `the openclaw package could not be judged: ${because}` },
  plugins: { kind: 'unknown', because: `the plugins could not be judged: ${because}` },
});

/** What npm and people change first when they touch an installation; eight stat calls. */
async function keyOf({ packageRoot, stateDir }: ReturnType<DependencySightParts['place']>): Promise<string> {
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
