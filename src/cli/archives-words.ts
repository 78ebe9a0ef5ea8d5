import { suggest } from '../config/suggest.ts';
import { shown } from './shown.ts';

/** What `immune archives` is asked for. A name is null for the newest. */
export type ArchivesAsk =
  | { readonly kind: 'list' }
  | { readonly kind: 'verify'; readonly name: string | null }
  | { readonly kind: 'check'; readonly full: boolean }
  | { readonly kind: 'restore'; readonly name: string | null; readonly dryRun: boolean };

type ParsedAsk =
  | { readonly kind: 'ask'; readonly ask: ArchivesAsk }
  | { readonly kind: 'refused'; readonly because: string; readonly hint: string };

const names = ['list', 'verify', 'check', 'restore'] as const;

/** A name becomes part of a path: nothing that could lead out of its folder. */
const plainName = /^[A-Za-z0-9][A-Za-z0-9._+-]{0,99}$/;

/** Reads what follows `immune archives`. */
export function parseArchives(words: readonly string[], switches: ReadonlySet<string>): ParsedAsk {
  const [first = 'list', archive = null] = words;
  const what = names.find((known) => known === first);
  if (what === undefined) {
    const near = suggest(first, names);
    const meant = near === null ? '' : `; did you mean "${near}"?`;
    return refused(`"${shown(first)}" is nothing "immune archives" does${meant}`, hintOf(near ?? 'list'));
  }
  if (switches.has('full') && what !== 'check')
    return refused('--full goes with check only', 'immune archives check --full');
  if (switches.has('dry-run') && what !== 'restore')
    return refused('--dry-run goes with restore only', 'immune archives restore --dry-run');
  if (archive !== null && (what === 'list' || what === 'check'))
    return refused(`${what} takes no name, so not "${shown(archive)}" either`, hintOf(what));
  if (archive !== null && !plainName.test(archive))
    return refused(`"${shown(archive)}" is not the name of an archive`, hintOf('list'));
  const name = archive === 'newest' ? null : archive;
  switch (what) {
    case 'list':
      return { kind: 'ask', ask: { kind: 'list' } };
    case 'verify':
      return { kind: 'ask', ask: { kind: 'verify', name } };
    case 'check':
      return { kind: 'ask', ask: { kind: 'check', full: switches.has('full') } };
    case 'restore':
      return { kind: 'ask', ask: { kind: 'restore', name, dryRun: switches.has('dry-run') } };
    default:
      return what satisfies never;
  }
}

const hintOf = (what: string): string => `immune archives ${what}${what === 'restore' ? ' --dry-run' : ''}`;

const refused = (because: string, hint: string): ParsedAsk => ({ kind: 'refused', because, hint });
