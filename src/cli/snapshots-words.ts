import { suggest } from '../config/suggest.ts';
import { shown } from './shown.ts';

/** What `immune snapshots` is asked for. */
export type SnapshotsAsk =
  | { readonly kind: 'list'; readonly limit: number }
  | { readonly kind: 'show'; readonly id: string }
  /** `other` null: the config on disk. */
  | { readonly kind: 'diff'; readonly id: string; readonly other: string | null }
  | { readonly kind: 'verify' };

type ParsedAsk =
  | { readonly kind: 'ask'; readonly ask: SnapshotsAsk }
  | { readonly kind: 'refused'; readonly because: string; readonly hint: string };

const defaultLimit = 20;
/** More is a job for git itself. */
const mostLimit = 1_000;
const names = ['list', 'show', 'diff', 'verify'] as const;
type Name = (typeof names)[number];

/** Words that stand for a snapshot without its id. */
const idWords = ['newest', 'verified'] as const;
/** Fewer digits of an id would soon name several. */
const id = /^[0-9a-f]{4,40}$/;

/** Reads what follows `immune snapshots`. */
export function parseSnapshots(words: readonly string[], limitText: string | null): ParsedAsk {
  const [first = 'list', ...ids] = words;
  const name = names.find((known) => known === first);
  if (name === undefined) {
    const near = suggest(first, names);
    const meant = near === null ? '' : `; did you mean "${near}"?`;
    return refused(
      `"${shown(first)}" is nothing "immune snapshots" does${meant}`,
      hintOf(names.find((known) => known === near) ?? 'list'),
    );
  }
  const wrong = ids.find((word) => !id.test(word) && !idWords.some((known) => known === word));
  if (wrong !== undefined)
    return refused(
      `"${shown(wrong)}" is not the id of a snapshot: at least four of its digits, or "newest", or "verified"`,
      hintOf('list'),
    );
  if (limitText !== null && name !== 'list') return refused(`--limit goes with the list only`, hintOf(name));
  switch (name) {
    case 'list': {
      const limit = limitText === null ? defaultLimit : limitOf(limitText);
      if (ids.length > 0) return refused('the list takes no id', hintOf('show'));
      if (limit !== null) return { kind: 'ask', ask: { kind: 'list', limit } };
      return refused(
        `--limit needs a whole number from 1 to ${mostLimit}, not "${shown(limitText ?? '')}"`,
        'immune snapshots --limit 100',
      );
    }
    case 'show': {
      const [one, ...more] = ids;
      // The newest and the verified one may not exist yet; the list names what does.
      if (one === undefined || more.length > 0)
        return refused('show needs the id of one snapshot', hintOf('list'));
      return { kind: 'ask', ask: { kind: 'show', id: one } };
    }
    case 'diff': {
      const [one, other = null] = ids;
      if (one === undefined) return refused('diff needs the id of a snapshot, or of two', hintOf('list'));
      return { kind: 'ask', ask: { kind: 'diff', id: one, other } };
    }
    case 'verify':
      if (ids.length > 0) return refused('verify looks at all of them and takes no id', hintOf('verify'));
      return { kind: 'ask', ask: { kind: 'verify' } };
    default:
      return name satisfies never;
  }
}

function limitOf(text: string): number | null {
  const limit = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return limit >= 1 && limit <= mostLimit ? limit : null;
}

function hintOf(name: Name): string {
  const id = name === 'show' || name === 'diff' ? ' verified' : '';
  return `immune snapshots ${name}${id}`;
}

const refused = (because: string, hint: string): ParsedAsk => ({ kind: 'refused', because, hint });
