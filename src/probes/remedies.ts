import type { GroundEvidence } from '../core/ground-evidence.ts';
import { type Clock, type Millis, millis, minutes } from '../core/time.ts';
import { spell } from '../core/words.ts';
import { findConfigWriter } from '../gateway/config-writers.ts';
import type { ListProcesses } from '../gateway/live-processes.ts';
import { findPackageWork, isDoubt } from '../gateway/package-managers.ts';
import type { Remedies } from './ground.ts';
import type { ReinstallPlanner } from './reinstall-planner.ts';
import { adviseTo, fixCommand } from './reinstall-words.ts';
import type { RollbackPlanner } from './rollback-planner.ts';

interface RemedyParts {
  readonly planner: Pick<RollbackPlanner, 'look'> | null;
  readonly reinstaller?: Pick<ReinstallPlanner, 'look'> | null;
  readonly processes: ListProcesses;
  /** Who may be changing the package now, in words. */
  readonly packageWork?: () => Promise<string | null>;
  readonly clock: Pick<Clock, 'elapsed'>;
}

type Remedy = GroundEvidence['rollback'];

/** `openclaw doctor` takes up to half a minute; one that waits for an answer in some terminal may stay for days. */
const writerMs = minutes(10);
/** The slowest install measured took two minutes; one that hangs on a network ends by itself, or never. */
const installMs = minutes(10);

/**
 * Both come from their planners, where there are any: a look of a command that ends at once has none. Whoever is at work
 * on the same files is given time first.
 */
export function createRemedies(parts: RemedyParts): Remedies {
  const { planner, reinstaller = null, processes, clock } = parts;
  const packageWork = parts.packageWork ?? (() => findPackageWork({ processes }));
  const writing = createPatience(clock, writerMs);
  const installing = createPatience(clock, installMs);

  return {
    rollback: async (config) => {
      if (planner === null) {
        const because = adviseTo('no rollback is worked out by a single look', 'immune fix-config');
        return { kind: 'unavailable', because };
      }
      const found = await planner.look(config);
      if (found.kind !== 'ready') return found;
      // A swap under the hands of a command would be refused, or lost.
      const wait = writing(await findConfigWriter(processes));
      if (wait === null) return found;
      return wait.kind === 'pending'
        ? wait
        : { kind: 'unavailable', because: `${wait.because}: end it, or mend the config` };
    },
    reinstall: async (dependencies, plugins, how) => {
      if (reinstaller === null) {
        const because = adviseTo('no repair of the package is worked out by a single look', fixCommand);
        return { kind: 'unavailable', because };
      }
      // Asked first: what a package manager is changing is nothing to compare with anything.
      const wait = installing(await packageWork());
      if (wait === null) return reinstaller.look(dependencies, plugins, how);
      if (wait.kind === 'pending') return wait;
      const advice = isDoubt(wait.because) ? 'put that right' : 'end it';
      return { kind: 'unavailable', because: adviseTo(`${wait.because}: ${advice}`, fixCommand) };
    },
  };
}

/** Gives somebody at work his time, from when he was first seen; null when nobody is. */
function createPatience(clock: Pick<Clock, 'elapsed'>, limitMs: Millis) {
  let since: Millis | null = null;
  return (work: string | null): Extract<Remedy, { readonly kind: 'pending' | 'unavailable' }> | null => {
    if (work === null) {
      since = null;
      return null;
    }
    since ??= clock.elapsed();
    const spent = millis(clock.elapsed() - since);
    return spent < limitMs
      ? { kind: 'pending', because: `${work}: it is given time to end` }
      : { kind: 'unavailable', because: `${work}, for ${spell(spent)} by now` };
  };
}
