import { shellWord } from '../core/shell-word.ts';
import { type Unit, unitText } from '../vault/manifest.ts';
import type { PackagePlan } from '../vault/package-plans.ts';
import type { ReinstallPlace } from './reinstall-parts.ts';

/** Names told in one sentence. */
const maxToldUnits = 4;

/** The same version into the same place: an upgrade in the middle of an outage is a second change. */
export function installCommand({ version, prefix }: Pick<ReinstallPlace, 'version' | 'prefix'>): string {
  const what = version === null ? 'openclaw' : `openclaw@${version}`;
  const where = prefix === null ? '' : ` --prefix ${shellWord(prefix)}`;
  return `npm install -g ${what}${where}`;
}

export const fixCommand = 'immune fix-deps';

/** Every reason ends with what a person can do about it. */
export const adviseTo = (because: string, command: string): string => `${because}; run "${command}"`;

/** `archive 2026.9.6-20261122T184000Z`. */
export const archiveWords = (archive: string | null): string =>
  archive === null ? 'the recorded manifest' : `archive ${archive}`;

export function unitsWords(units: readonly Unit[]): string {
  const names = units.map(unitText);
  const more = names.length - maxToldUnits;
  return `${names.slice(0, maxToldUnits).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/** As the subject of a sentence. */
export const wayWords: Readonly<Record<PackagePlan['kind'], string>> = {
  aside: "putting npm's copy of before back",
  packages: 'putting these packages back',
  tree: 'putting the whole package back',
  network: 'fetching it with npm',
};
