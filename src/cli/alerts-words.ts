import { suggest } from '../config/suggest.ts';
import { shown } from './shown.ts';

/** What `immune alerts` is asked for. */
export type AlertsAsk =
  | { readonly kind: 'list' }
  /** `about`: an incident or an alert; null for all. */
  | { readonly kind: 'why'; readonly about: string | null }
  | { readonly kind: 'test' }
  | { readonly kind: 'retry'; readonly id: string }
  | { readonly kind: 'drop'; readonly id: string; readonly yes: boolean };

type ParsedAsk =
  | { readonly kind: 'ask'; readonly ask: AlertsAsk }
  | { readonly kind: 'refused'; readonly because: string; readonly hint: string };

const names = ['list', 'why', 'test', 'retry', 'drop'] as const;

const plainId = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

/** Reads what follows `immune alerts`. */
export function parseAlerts(words: readonly string[], switches: ReadonlySet<string>): ParsedAsk {
  const [first = 'list', id = null] = words;
  const what = names.find((known) => known === first);
  if (what === undefined) {
    const near = suggest(first, names);
    const meant = near === null ? '' : `; did you mean "${near}"?`;
    return refused(
      `"${shown(first)}" is nothing "immune alerts" does${meant}`,
      `immune alerts ${near ?? 'list'}`,
    );
  }
  if (switches.has('yes') && what !== 'drop')
    return refused('--yes goes with drop only', `immune alerts ${what}`);
  if (id !== null && !plainId.test(id))
    return refused(`"${shown(id)}" is not the id of an alert`, 'immune alerts list');
  switch (what) {
    case 'list':
    case 'test':
      if (id !== null)
        return refused(`${what} takes no id, so not "${shown(id)}" either`, `immune alerts ${what}`);
      return { kind: 'ask', ask: { kind: what } };
    case 'why':
      return { kind: 'ask', ask: { kind: 'why', about: id } };
    case 'retry':
    case 'drop':
      if (id === null) return refused(`${what} needs the id of an alert`, 'immune alerts list');
      return {
        kind: 'ask',
        ask: what === 'retry' ? { kind: what, id } : { kind: what, id, yes: switches.has('yes') },
      };
    default:
      return what satisfies never;
  }
}

const refused = (because: string, hint: string): ParsedAsk => ({ kind: 'refused', because, hint });
