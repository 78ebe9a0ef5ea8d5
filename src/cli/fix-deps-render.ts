import { spellBytes } from '../core/words.ts';
import { isDoubt } from '../gateway/package-managers.ts';
import type { PackagePlan } from '../vault/package-plans.ts';
import { unitNames } from './damage.ts';

/** What to type where somebody else may be at work on the package. */
export const nextWhileBusy = (because: string, command: string): string =>
  isDoubt(because) ? `put that right, then ${command}` : `${command}, once that is done`;

/** What will be done, before it is asked for. */
export function planLines(plan: PackagePlan): readonly string[] {
  const { id, because, link, bytes } = plan;
  const written =
    bytes === 0
      ? 'nothing is copied'
      : `up to ${spellBytes(bytes)} are written beside the package and compared before they are used`;
  return [
    `the plan ${id}: ${because}`,
    ...detailsOf(plan).map((detail) => `  ${detail}`),
    ...(link === null ? [] : [`  the command ${link.path} is made anew`]),
    `  ${written}; what is replaced is kept`,
  ];
}

/** The sentence of the plan names a few parts; a person may want to read them all. */
const fewUnits = 4;

function detailsOf({ kind, units, root, aside }: PackagePlan): readonly string[] {
  const names = unitNames(units);
  const all = names.length > fewUnits ? [`parts: ${names.join(', ')}`] : [];
  switch (kind) {
    case 'aside':
      return [`${aside} goes back to ${root}`];
    case 'packages':
    case 'tree':
      return all;
    case 'network':
      return [
        ...all,
        units.length === 0
          ? "it is taken once OpenClaw's own lists agree with it; nothing of ours was recorded of this version"
          : 'a part is taken only where every hash is the recorded one',
      ];
    default:
      return kind satisfies never;
  }
}

/** Units named in the JSON; the plan's own file has them all. */
const maxUnits = 500;

export function planJson(plan: PackagePlan): object {
  const { id, kind, openclaw, archive, units, aside, link, bytes, because } = plan;
  return {
    id,
    kind,
    openclaw,
    archive,
    units: units.slice(0, maxUnits).map(({ tree, path, part }) => ({ tree, path, part })),
    unitCount: units.length,
    aside,
    link: link?.path ?? null,
    bytes,
    because,
  };
}
