import type { ProcessIdentity } from './service.ts';
import { type Instant, type Millis, millis } from './time.ts';

/** Every cause the watchdog can name. docs/architecture.md says how each looks and what is done. */
export type Cause =
  | 'serving'
  | 'booting'
  | 'draining'
  | 'crashed'
  | 'crash-loop'
  | 'hung'
  | 'boot-stalled'
  | 'listener-lost'
  | 'relaunch-late'
  | 'pended'
  | 'job-stopped'
  | 'unloaded'
  | 'unloaded-again'
  | 'parked'
  | 'parked-cause-present'
  | 'parked-again'
  | 'stopped-by-operator'
  | 'disabled-by-operator'
  | 'not-installed'
  | 'port-foreign'
  | 'port-orphan'
  | 'update-running'
  | 'host-suspended'
  | 'woken'
  | 'no-domain'
  | 'unknown';

/** One life of the gateway. `startedAt` comes from the operating system; the other times are the watchdog's own. */
export interface Generation {
  readonly pid: number;
  readonly startedAt: Instant | null;
  readonly bootId: string | null;
  readonly firstSeenAt: Instant;
  readonly listenedAt: Instant | null;
  readonly readyAt: Instant | null;
}

/** What one action does, in full: execution has no choice left, and refuses when the world no longer matches. */
export type ActionStep =
  /** `kickstart -k`; SIGKILL to exactly this process if launchd's own time-out did not end it. */
  | { readonly kind: 'restart'; readonly label: string; readonly expected: ProcessIdentity }
  /** Plain kickstart of a loaded job without a process. */
  | { readonly kind: 'start'; readonly label: string }
  /** bootstrap + kickstart of a job that was lost. */
  | { readonly kind: 'reload'; readonly label: string }
  /** enable + bootstrap + kickstart of a job OpenClaw parked. */
  | { readonly kind: 'unpark'; readonly label: string };

export interface Action {
  readonly id: string;
  readonly incident: string;
  readonly rung: 'L1';
  readonly step: ActionStep;
  readonly because: string;
  readonly deadlineAt: Instant;
}

export type ActionOutcome =
  | { readonly kind: 'done'; readonly because: string }
  | { readonly kind: 'failed'; readonly because: string }
  /** Nothing was changed because the world no longer matched the action. */
  | { readonly kind: 'refused'; readonly because: string };

export interface Incident {
  readonly id: string;
  /** First failed look, or the moment the connection closed. */
  readonly openedAt: Instant;
  readonly cause: Cause;
  readonly because: string;
  readonly attempts: readonly { readonly actionId: string; readonly cause: Cause; readonly at: Instant }[];
  readonly exhaustedAt: Instant | null;
  readonly servingAt: Instant | null;
  readonly closedAt: Instant | null;
  /** How it ended, in a sentence. */
  readonly outcome: string | null;
}

export type Phase =
  | { readonly kind: 'healthy' }
  | { readonly kind: 'starting' }
  | { readonly kind: 'suspect' }
  | { readonly kind: 'repairing'; readonly action: Action; readonly startedAt: Instant }
  | { readonly kind: 'probation'; readonly since: Instant }
  | { readonly kind: 'exhausted'; readonly cause: Cause }
  | { readonly kind: 'suspended'; readonly cause: Cause | 'paused' | 'journal-in-doubt' | 'own-fault' };

interface Failing {
  readonly cause: Cause;
  readonly since: Instant;
  /** The newest look that counted. */
  readonly seenAt: Instant;
  readonly misses: number;
}

interface Pause {
  readonly since: Instant;
  /** null: until resumed. */
  readonly until: Instant | null;
  readonly because: string;
}

export interface State {
  readonly phase: Phase;
  readonly cause: Cause;
  readonly because: string;
  /** Facts worth telling that are no failure: an auth mismatch, a 503 readiness. */
  readonly notes: readonly string[];
  /** What the operator asked of the service manager. */
  readonly wanted: 'up' | 'down';
  readonly incident: Incident | null;
  readonly lastIncident: Incident | null;
  readonly generation: Generation | null;
  readonly lastReady: Generation | null;
  /** Different processes seen since the gateway was last ready: a crash loop shows here. */
  readonly bootsSinceReady: number;
  /** The service manager's own count of starts at the last close look. */
  readonly runsSeen: number | null;
  readonly failing: Failing | null;
  readonly unknownSince: Instant | null;
  readonly graceUntil: Instant | null;
  /** When each disruptive action was announced: the one budget, across rungs and our own restarts. */
  readonly spent: readonly { readonly actionId: string; readonly at: Instant }[];
  readonly reloads: readonly Instant[];
  readonly unparks: readonly Instant[];
  /** Generations seen since our last reload: a reload that took, and was then undone by somebody. */
  readonly bootsSinceReload: number;
  /** The same since our last unpark. */
  readonly bootsSinceUnpark: number;
  /** Somebody unloaded the job again soon after our reload: it stays down until somebody else loads it. */
  readonly leftDown: boolean;
  /** Sleep and starvation since the generation was first seen: no boot makes progress in it. */
  readonly asleepMs: Millis;
  /** Actions of the open incident that were refused: each is free, but they end somewhere. */
  readonly refusals: number;
  readonly pause: Pause | null;
  /** Conditions already told, so that each is told once. */
  readonly told: readonly string[];
  /** The newest boots, spawn to ready: only used to say "slower than usual". */
  readonly bootTimes: readonly Millis[];
  readonly nextIncident: number;
  readonly nextAction: number;
}

export const initialState: State = {
  phase: { kind: 'starting' },
  cause: 'unknown',
  because: 'the watchdog has just started and has not looked yet',
  notes: [],
  wanted: 'up',
  incident: null,
  lastIncident: null,
  generation: null,
  lastReady: null,
  bootsSinceReady: 0,
  runsSeen: null,
  failing: null,
  unknownSince: null,
  graceUntil: null,
  spent: [],
  reloads: [],
  unparks: [],
  bootsSinceReload: 0,
  bootsSinceUnpark: 0,
  leftDown: false,
  asleepMs: millis(0),
  refusals: 0,
  pause: null,
  told: [],
  bootTimes: [],
  nextIncident: 1,
  nextAction: 1,
};
