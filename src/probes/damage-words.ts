import type { DependencyEvidence } from '../core/ground-evidence.ts';
import type { Difference, Unit } from '../vault/manifest.ts';
import { unitKey } from '../vault/unit-layout.ts';

type Damage = DependencyEvidence & { readonly kind: 'missing' | 'corrupted' };

/** Enough for a person to see what happened. */
const maxNames = 20;
const maxFiles = 5;

/** Damage as evidence: packages that are gone by their names, all else by its files. Null where there is none. */
export function tellDamage(differences: readonly Difference[], units: readonly Unit[]): Damage | null {
  const [first] = differences;
  if (first === undefined) return null;
  const known = new Map(units.map((unit) => [unitKey(unit), unit]));
  const gone = differences.filter(({ unit, path, kind }) => kind === 'missing' && path === unit.path);
  const goneUnits = new Set(gone.map(({ unit }) => unitKey(unit)));
  const names = gone.flatMap(({ unit }) => known.get(unitKey(unit))?.package?.name ?? []);
  // A folder that is gone says all of what was in it.
  const files = differences.filter(({ unit, path }) => path === unit.path || !goneUnits.has(unitKey(unit)));
  const [head = first] = [...gone, ...files];
  const more = new Set(files.map(({ path }) => path)).size - 1;
  const rest = more > 0 ? `, and ${more} more ${more === 1 ? 'path is' : 'paths are'} not as recorded` : '';
  const because = `${head.path} ${stateOf(head)}${rest}`;
  if (names.length > 0) return { kind: 'missing', names: names.slice(0, maxNames), because };
  return {
    kind: 'corrupted',
    files: files.slice(0, maxFiles).map(({ path }) => path),
    lost: files.every(({ kind }) => kind === 'missing'),
    because,
  };
}

/** Reads on after the name of the file. */
function stateOf({ kind }: Difference): string {
  switch (kind) {
    case 'missing':
      return 'is missing';
    case 'truncated':
      return 'is cut off';
    case 'altered':
      return 'is not what the gateway proved healthy with';
    case 'extra':
      return 'was not there when the gateway proved healthy';
    default:
      return kind satisfies never;
  }
}
