import type { Remedies } from './ground.ts';

/** The installation as a person has to name it. */
export interface RemedyPlace {
  readonly configPath: string;
  readonly profile: string | null;
  readonly packageRoot: string | null;
  readonly version: string | null;
  /** The npm prefix, when the package lies where a global install puts it. */
  readonly prefix: string | null;
}

/** With no snapshot and no archive to restore, a repair is a person's: these name the command to type. */
export function remediesByHand(place: () => RemedyPlace): Remedies {
  return {
    rollback: async () => {
      const { configPath, profile } = place();
      const doctor = profile === null ? 'openclaw doctor' : `openclaw --profile ${quoted(profile)} doctor`;
      return {
        kind: 'unavailable',
        because: `no verified snapshot of the config is kept; run "${doctor}", or mend ${configPath} by hand`,
      };
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
