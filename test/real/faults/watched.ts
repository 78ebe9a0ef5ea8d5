import type { Cause } from '../../../src/core/cause.ts';
import type { Notice } from '../../../src/core/notice.ts';
import type { State } from '../../../src/core/state.ts';
import { journalSince, type Mark } from '../acts.ts';
import type { JournalEntry, WatchdogHome } from '../watchdog-home.ts';
import type { Ending } from './fault.ts';

// What the watchdog made of a fault, read from its journal: the causes it named, and how that ended for the operator.

interface Ended {
  readonly how: Ending;
  readonly text: string;
  /** What it named at that moment. */
  readonly causes: readonly Cause[];
  /** What else it held for broken then. */
  readonly besides: readonly Cause[];
  readonly at: number;
}

/** What a state names: the leading cause, or what it tells beside a gateway that serves. */
export function causesOf(state: State): readonly Cause[] {
  if (state.cause !== 'serving') return [state.cause];
  return state.also.length > 0 ? state.also : ['serving'];
}

const besidesOf = (state: State): readonly Cause[] =>
  state.also.filter((cause) => !causesOf(state).includes(cause));

const stateOf = (entry: JournalEntry): State => entry['state'] as State;

/** Each cause once, in the order they were first named. */
export function namedSince(watchdog: WatchdogHome, mark: Mark): readonly Cause[] {
  return [...new Set(journalSince(watchdog, mark).flatMap((entry) => causesOf(stateOf(entry))))];
}

/** When the watchdog first named one of these causes; null while it has not. */
export function firstNamedAt(watchdog: WatchdogHome, mark: Mark, causes: readonly string[]): number | null {
  const found = journalSince(watchdog, mark).find((entry) =>
    causesOf(stateOf(entry)).some((cause) => causes.includes(cause)),
  );
  return found?.at ?? null;
}

/** Every repair it would have made, every call for a person, everything it told. */
export function endingsSince(watchdog: WatchdogHome, mark: Mark): readonly Ended[] {
  return journalSince(watchdog, mark).flatMap((entry) => {
    const state = stateOf(entry);
    return ((entry['notices'] ?? []) as readonly Notice[]).flatMap((notice) => {
      const how = endingOf(notice);
      if (how === null) return [];
      return [{ how, text: notice.text, causes: causesOf(state), besides: besidesOf(state), at: entry.at }];
    });
  });
}

const repairs: readonly (readonly [Ending, RegExp])[] = [
  ['restart', /^restart the gateway/],
  ['start', /^start the gateway/],
  ['reload', /^load the gateway's job/],
  ['unpark', /^enable and load the gateway's job/],
  ['end-orphan', /^end the gateway that launchd did not start/],
  ['reinstall', /^repair the openclaw package/],
  ['rollback', /^roll the config back/],
];

function endingOf({ kind, text }: Notice): Ending | null {
  if (kind === 'exhausted') return 'alert';
  if (kind !== 'told' || text.startsWith('what was told before is over')) return null;
  const would = /^observing only: would (.*)/s.exec(text)?.[1];
  if (would === undefined) return 'tell';
  const repair = repairs.find(([, words]) => words.test(would));
  if (repair === undefined) throw new Error(`a repair nobody knows: ${would}`);
  return repair[0];
}
