import type { DependencyEvidence, LogFinding } from './ground-evidence.ts';
import { noteMended } from './in-place.ts';
import type { Look } from './look.ts';
import type { State } from './state.ts';
import { type Instant, instant, since } from './time.ts';

/** Tells one look of the installed package from another; null when it could not be told. */
export function packageKey(dependencies: DependencyEvidence): string | null {
  switch (dependencies.kind) {
    case 'intact':
      return `intact ${dependencies.version}`;
    case 'missing':
      return `missing ${dependencies.names.join(' ')}`;
    case 'corrupted':
      return `corrupted ${dependencies.files.join(' ')}`;
    case 'half-installed':
    case 'installing':
      return dependencies.kind;
    case 'unread':
    case 'unknown':
      return null;
    /* v8 ignore next -- @preserve: the compiler proves that nothing gets here */
    default:
      return dependencies satisfies never;
  }
}

const isWhole = (key: string): boolean => key.startsWith('intact ');

/** Remembers since when the package looks as it does. The first sight of it proves no change. */
export function notePackage(state: State, dependencies: DependencyEvidence, now: Instant): State {
  const key = packageKey(dependencies);
  const known = state.packageSeen;
  if (key === null || key === known?.key) return state;
  const seen: State = { ...state, packageSeen: { key, since: known === null ? instant(0) : now } };
  const isMended = known !== null && isWhole(key) && !isWhole(known.key);
  return isMended ? noteMended(seen) : seen;
}

/**
 * Somebody has changed it just now, and said so. What it looks like the next look tells; there may have been none while it
 * was damaged, and what was said of it then is no word about this one.
 */
export const changedByHand = (state: State, now: Instant): State => ({
  ...state,
  packageSeen: { key: 'changed by hand', since: now },
});

/** Words about the package count only while it is the one they were said of: a mended one has not been started yet. */
export function isOfThisPackage({ at }: LogFinding, { evidence, state, now }: Look): boolean {
  if (state.packageSeen === null) return true;
  // Words without a time are younger than the newest moment in which the gateway served, and may be older than a change
  // of the package that came after that.
  if (at === null) return (state.lastReady?.readyAt ?? 0) >= state.packageSeen.since;
  return since(state.packageSeen.since, now) >= evidence.at - at;
}
