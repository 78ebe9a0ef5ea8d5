import type { GroundEvidence } from '../core/ground-evidence.ts';
import { type Clock, type Millis, millis, minutes } from '../core/time.ts';
import { spell } from '../core/words.ts';
import { findConfigWriter } from '../gateway/config-writers.ts';
import type { ListProcesses } from '../gateway/live-processes.ts';
import type { Remedies } from './ground.ts';
import { adviceOf } from './plan-words.ts';
import type { RollbackPlanner } from './rollback-planner.ts';

/** The installation as a person has to name it. */
interface RemedyPlace {
  readonly configPath: string;
  readonly version: string | null;
  /** The npm prefix, when the package lies where a global install puts it. */
  readonly prefix: string | null;
}

interface RemedyParts {
  readonly place: () => RemedyPlace;
  readonly planner: Pick<RollbackPlanner, 'look'> | null;
  readonly processes: ListProcesses;
  readonly clock: Pick<Clock, 'elapsed'>;
}

type Remedy = GroundEvidence['rollback'];

/** `openclaw doctor` takes up to half a minute; one that waits for an answer in some terminal may stay for days. */
const writerMs = minutes(10);

/**
 * The rollback comes from the planner, where there is one: a look of a command that ends at once has none. With no
 * archive to restore, a reinstall is a person's: the answer names the command to type.
 */
export function createRemedies({ place, planner, processes, clock }: RemedyParts): Remedies {
  let writingSince: Millis | null = null;

  /** A command at work on the file is given time: a swap under its hands would be refused, or lost. */
  const unlessWritten = async (ready: Remedy): Promise<Remedy> => {
    const writer = await findConfigWriter(processes);
    if (writer === null) {
      writingSince = null;
      return ready;
    }
    writingSince ??= clock.elapsed();
    const spent = millis(clock.elapsed() - writingSince);
    return spent < writerMs
      ? { kind: 'pending', because: `${writer}: it is given time to end` }
      : { kind: 'unavailable', because: `${writer}, for ${spell(spent)} by now: end it, or mend the config` };
  };

  return {
    rollback: async (config) => {
      if (planner === null) {
        const because = adviceOf(place().configPath, 'no rollback is worked out by a single look');
        return { kind: 'unavailable', because };
      }
      const found = await planner.look(config);
      return found.kind === 'ready' ? unlessWritten(found) : found;
    },
    reinstall: async () => ({
      kind: 'unavailable',
      because: `no verified archive of the package is kept; run "${installCommand(place())}"`,
    }),
  };
}

/** The same version into the same place: an upgrade in the middle of an outage is a second change. */
function installCommand({ version, prefix }: RemedyPlace): string {
  const what = version === null ? 'openclaw' : `openclaw@${version}`;
  const where = prefix === null ? '' : ` --prefix ${quoted(prefix)}`;
  return `npm install -g ${what}${where}`;
}

/** As a shell takes it for one word. */
const quoted = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
