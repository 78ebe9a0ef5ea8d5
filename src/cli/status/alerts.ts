import { since } from '../../core/time.ts';
import { spell } from '../../core/words.ts';
import type { AlertsView } from '../../daemon/alert-worker.ts';
import type { StatusFacts } from './view.ts';

/** What the watchdog told of its alerts; null where it told nothing, or never ran. */
export function alertsOf({ file }: StatusFacts): AlertsView | null {
  return file.kind === 'read' ? (file.status.alerts ?? null) : null;
}

/** Less than this is a message on its way. */
const worthTellingMs = 60_000;

/** What somebody should see to: one line where something waits, was given up, or cannot be used. */
export function alertProblems(facts: StatusFacts): readonly string[] {
  const view = alertsOf(facts);
  if (view === null) return [];
  const waits = view.since !== null && since(view.since, facts.now) >= worthTellingMs;
  if (!waits && view.givenUp === 0 && !view.isBroken) return [];
  const parts = [
    `${view.channels} channel${view.channels === 1 ? '' : 's'}`,
    ...(waits && view.since !== null
      ? [`${view.waiting} waiting for ${spell(since(view.since, facts.now))}`]
      : []),
    ...(view.givenUp > 0 ? [`${view.givenUp} given up`] : []),
  ];
  const problem = view.problem === null ? '' : `; ${view.problem}`;
  return [`${parts.join(', ')}${problem} ("immune alerts")`];
}
