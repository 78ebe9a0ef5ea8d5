import type { DependencyEvidence, LogFinding } from './ground-evidence.ts';
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

/** Remembers since when the package looks as it does. The first sight of it proves no change. */
export function notePackage(state: State, dependencies: DependencyEvidence, now: Instant): State {
  const key = packageKey(dependencies);
  const known = state.packageSeen;
  if (key === null || key === known?.key) return state;
  return { ...state, packageSeen: { key, since: known === null ? instant(0) : now } };
}

/** Words about the package count only while it is the one they were said of: a mended one has not been started yet. */
export function isOfThisPackage({ at }: LogFinding, { evidence, state, now }: Look): boolean {
  if (state.packageSeen === null) return true;
  // Words without a time are younger than the newest moment in which the gateway served, and may be older than a change
  // of the package that came after that.
  if (at === null) return (state.lastReady?.readyAt ?? 0) >= state.packageSeen.since;
  return since(state.packageSeen.since, now) >= evidence.at - at;
}
