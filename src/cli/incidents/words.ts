import { suggest } from '../../config/suggest.ts';
import { shown } from '../shown.ts';

/** What `immune incidents` is asked for. */
export type IncidentsAsk =
  | { readonly kind: 'list'; readonly limit: number }
  /** `id` null: the newest. */
  | { readonly kind: 'show'; readonly id: string | null };

type ParsedAsk =
  | { readonly kind: 'ask'; readonly ask: IncidentsAsk }
  | { readonly kind: 'refused'; readonly because: string; readonly hint: string };

/** A screen or two. */
const usualLimit = 20;
const mostLimit = 1_000;

/** Reads what follows `immune incidents`. */
export function parseIncidents(words: readonly string[], limitText: string | null): ParsedAsk {
  const [first = 'list', name = null] = words;
  const isName = /^(?:[Ii]?\d{1,9}|newest)$/.test(first);
  if (isName && name === null) return parseShow(first, limitText);
  switch (first) {
    case 'list': {
      if (name !== null)
        return refused(`list takes no id, so not "${shown(name)}" either`, 'immune incidents');
      const limit =
        limitText === null ? usualLimit : Number(/^\d{1,5}$/.test(limitText) ? limitText : Number.NaN);
      if (limit >= 1 && limit <= mostLimit) return { kind: 'ask', ask: { kind: 'list', limit } };
      const because = `--limit needs a whole number from 1 to ${mostLimit}, not "${shown(limitText ?? '')}"`;
      return refused(because, 'immune incidents --limit 50');
    }
    case 'show':
      return parseShow(name ?? 'newest', limitText);
    default: {
      const near = suggest(first, ['list', 'show']);
      const meant = near === null ? '' : `; did you mean "${near}"?`;
      return refused(
        `"${shown(first)}" is nothing "immune incidents" does${meant}`,
        `immune incidents ${near ?? 'list'}`,
      );
    }
  }
}

function parseShow(name: string, limitText: string | null): ParsedAsk {
  if (limitText !== null) return refused('--limit goes with list only', 'immune incidents --limit 50');
  if (name === 'newest') return { kind: 'ask', ask: { kind: 'show', id: null } };
  const number = /^[Ii]?(\d{1,9})$/.exec(name)?.[1];
  if (number !== undefined) return { kind: 'ask', ask: { kind: 'show', id: `I${Number(number)}` } };
  return refused(`"${shown(name)}" is not the id of an incident`, 'immune incidents list');
}

const refused = (because: string, hint: string): ParsedAsk => ({ kind: 'refused', because, hint });
