import { since } from '../../core/time.ts';
import { spell, spellBytes, spellUntil } from '../../core/words.ts';
import type { SnapshotsView, TrialView } from '../../daemon/status-file.ts';
import { type StatusFacts, watchdogOf } from './view.ts';

/** The history is kept whole; from here on it is said how large it has become. */
const largeBytes = 200 * 1_048_576;

/** What the watchdog told of the snapshots; null where it told nothing, or never ran. */
export function snapshotsOf({ file }: StatusFacts): SnapshotsView | null {
  return file.kind === 'read' ? (file.status.snapshots ?? null) : null;
}

export function snapshotLines(facts: StatusFacts): readonly string[] {
  const view = snapshotsOf(facts);
  if (view === null) return [];
  const { newestAt, verifiedAt } = view;
  if (newestAt === null) return ['none yet'];
  const newest = `newest ${spell(since(newestAt, facts.now))} old`;
  if (verifiedAt === null)
    return [`${newest}, none verified yet: until then a broken config can only be mended by hand`];
  return [`${newest}, newest verified ${spell(since(verifiedAt, facts.now))} old`];
}

/** What somebody should see to. */
export function snapshotProblems(facts: StatusFacts): readonly string[] {
  const { problem = null, bytes = null } = snapshotsOf(facts) ?? {};
  return [
    ...(problem === null ? [] : [`the snapshots need a look ("immune snapshots verify"): ${problem}`]),
    ...(bytes === null || bytes <= largeBytes
      ? []
      : [`the snapshots take ${spellBytes(bytes)}; their history is kept whole`]),
  ];
}

export function trialOf({ file }: StatusFacts): TrialView | null {
  return file.kind === 'read' ? (file.status.trial ?? null) : null;
}

export function trialLines(facts: StatusFacts): readonly string[] {
  const trial = trialOf(facts);
  if (trial === null) return [];
  const { id, kind, until, mustConfirm } = trial;
  const what = kind === 'apply' ? 'an applied config' : 'a mended config';
  if (watchdogOf(facts).kind !== 'alive')
    return [`${id}: ${what} is on trial, and the watchdog judges it when it runs again`];
  // A status written by an older watchdog does not have it.
  if ((trial.undoing ?? null) !== null)
    return [`${id}: ${what} is being taken back, and that is tried again until it is done: ${trial.undoing}`];
  const left = spellUntil(until, facts.now);
  return [
    mustConfirm
      ? `${id}: ${what} is taken back in ${left}, unless it is confirmed: immune confirm`
      : `${id}: ${what} is on trial for ${left} at most, and taken back if the gateway is not ready with it`,
  ];
}
