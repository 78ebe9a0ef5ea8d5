import { expect } from 'vitest';
import type { GatewayHome } from './gateway-home.ts';
import { until } from './processes.ts';
import { type JournalEntry, phaseOf, type WatchdogHome } from './watchdog-home.ts';

// What a scenario reads out of the journal, of launchd's calls and of the heartbeat: who did what to the gateway, and when.

/** A point in both records; what a scenario did itself before it does not count. */
export interface Mark {
  readonly calls: number;
  readonly seq: number;
}

export const markNow = (gateway: GatewayHome, watchdog: WatchdogHome): Mark => ({
  calls: gateway.launchd.calls().length,
  seq: watchdog.journal().at(-1)?.seq ?? 0,
});

const changing: ReadonlySet<string> = new Set([
  ...['bootstrap', 'bootout', 'load', 'unload', 'remove'],
  ...['enable', 'disable', 'kickstart', 'kill', 'start', 'stop'],
]);

/** The launchctl calls since the mark that change the gateway's job, whoever made them, as verb and options. */
export function changesSince(gateway: GatewayHome, mark: Mark): readonly string[] {
  return gateway.launchd
    .calls()
    .slice(mark.calls)
    .filter(({ argv }) => changing.has(argv[0] ?? ''))
    .filter(({ argv }) => argv.includes(gateway.target) || argv.includes(gateway.plist))
    .map(({ argv }) => argv.filter((word) => !word.includes('/')).join(' '));
}

export const journalSince = (watchdog: WatchdogHome, mark: Mark): readonly JournalEntry[] =>
  watchdog.journal().filter((entry) => entry.seq > mark.seq);

/** The lines that announce an action. */
export const intentsSince = (watchdog: WatchdogHome, mark: Mark): readonly JournalEntry[] =>
  journalSince(watchdog, mark).filter(isIntent);

export const isIntent = (entry: JournalEntry): boolean => entry.kind === 'intent';

interface Told {
  readonly kind: string;
  readonly text: string;
}

export const noticesOf = (entry: JournalEntry): readonly Told[] =>
  (entry['notices'] ?? []) as readonly Told[];

/** For `waitForJournal`: a line that carries such a notice. */
export const tells =
  (kind: 'opened' | 'resolved' | 'closed' | 'exhausted' | 'told') =>
  (entry: JournalEntry): boolean =>
    noticesOf(entry).some((notice) => notice.kind === kind);

interface Incident {
  readonly cause: string;
  readonly because: string;
  readonly openedAt: number;
}

/** The parts of our state that scenarios look at. */
interface State {
  readonly cause: string;
  readonly because: string;
  readonly wanted: string;
  readonly incident: Incident | null;
  readonly generation: { readonly pid: number } | null;
  readonly phase: {
    readonly kind: string;
    readonly action?: {
      readonly because: string;
      readonly step: { readonly kind: string; readonly expected?: { readonly pid: number } };
    };
  };
}

export const stateOf = (told: Readonly<Record<string, unknown>>): State => told['state'] as State;

export const actionOf = (intent: JournalEntry) => {
  const { action } = stateOf(intent).phase;
  if (action === undefined) throw new Error(`journal line ${intent.seq} announces no action`);
  return action;
};

/** For `waitForJournal`: a line whose diagnosis is this cause. */
export const names =
  (cause: string) =>
  (entry: JournalEntry): boolean =>
    stateOf(entry).cause === cause;

export function expectNoAction(gateway: GatewayHome, watchdog: WatchdogHome, mark: Mark): void {
  expect(intentsSince(watchdog, mark).map((intent) => actionOf(intent))).toEqual([]);
  expect(changesSince(gateway, mark)).toEqual([]);
}

/** Until the watchdog calls the gateway healthy and holds a connection to it. */
export async function healthyAndHeld(watchdog: WatchdogHome, timeoutMs = 120_000): Promise<void> {
  await watchdog.waitForStatus(
    'healthy, with a held connection',
    (told) => {
      const evidence = told['evidence'] as { readonly socket?: { readonly kind: string } } | null;
      return phaseOf(told) === 'healthy' && evidence?.socket?.kind === 'open';
    },
    { timeoutMs },
  );
}

/** Beyond the wait itself: a look may take seconds, and a gateway that is meant to be down is looked at every 30 s. */
const lateMs = 90_000;

/** Until the watchdog has gone on looking for this long, by its own heartbeat: a dead one proves nothing by silence. */
export async function lookedFor(watchdog: WatchdogHome, milliseconds: number): Promise<void> {
  const from = Date.now();
  await watchdog.waitForStatus(
    `a look ${milliseconds} ms from now`,
    (told) => (told['at'] as number) >= from + milliseconds,
    { timeoutMs: milliseconds + lateMs },
  );
}

/** Until a look has just ended: the next ordinary one of a healthy gateway is then 10 s away. */
export async function justLooked(watchdog: WatchdogHome): Promise<void> {
  const before = watchdog.statusFile()?.['at'];
  await until(
    'the next look',
    () => {
      const at = watchdog.statusFile()?.['at'];
      return at !== undefined && at !== before ? true : null;
    },
    { timeoutMs: 60_000, everyMs: 20 },
  );
}
