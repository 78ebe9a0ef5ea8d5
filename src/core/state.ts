import type { Cause } from './cause.ts';
import type { ProcessIdentity } from './service.ts';
import type { Standing } from './standing.ts';
import { type Instant, type Millis, millis } from './time.ts';

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
  | { readonly kind: 'unpark'; readonly label: string }
  /** Ends exactly this gateway of ours that the service manager did not start; does not start anything. */
  | {
      readonly kind: 'end-orphan';
      readonly label: string;
      /** What comes up in its place: a job that waits for the port, or one that OpenClaw parked over its lock. */
      readonly job: 'loaded' | 'parked';
      readonly orphan: ProcessIdentity;
      readonly port: number;
    }
  /** Puts the openclaw package right from exactly this archive (or way); does not start anything. */
  | { readonly kind: 'reinstall'; readonly remedy: string }
  /** Puts exactly this snapshot in the place of exactly this config file; does not start anything. */
  | { readonly kind: 'rollback'; readonly remedy: string; readonly replaces: string | null }
  /** Puts back what a repair replaced, because it did not help. */
  | { readonly kind: 'undo'; readonly of: string; readonly what: 'reinstall' | 'rollback' };

/** The rungs of the ladder that act. L4 is to tell a person. */
export type Rung = 'L1' | 'L2' | 'L3';

export interface Action {
  readonly id: string;
  readonly incident: string;
  readonly rung: Rung;
  readonly step: ActionStep;
  readonly because: string;
  readonly deadlineAt: Instant;
}

export type ActionOutcome =
  | { readonly kind: 'done'; readonly because: string }
  | { readonly kind: 'failed'; readonly because: string }
  /** Nothing was changed because the world no longer matched the action. */
  | { readonly kind: 'refused'; readonly because: string };

/** One action of an incident. */
export interface Attempt {
  readonly actionId: string;
  readonly rung: Rung;
  readonly kind: ActionStep['kind'];
  readonly cause: Cause;
  readonly at: Instant;
  /** The snapshot or archive of a repair: none is tried twice in one incident. */
  readonly remedy: string | null;
  /** What the config file looked like after a rollback (see `configKey`); null until that was seen. */
  readonly left: string | null;
  /**
   * `unknown`: in flight, or the watchdog died over it. `undone`: it did not help and was taken back. `kept`: it helped,
   * or somebody else has changed its place since.
   */
  readonly outcome: 'unknown' | 'done' | 'failed' | 'undone' | 'kept';
  /** A person ordered it. */
  readonly asked?: true;
}

export interface Incident {
  readonly id: string;
  /** First failed look, or the moment the connection closed. */
  readonly openedAt: Instant;
  readonly cause: Cause;
  readonly because: string;
  readonly attempts: readonly Attempt[];
  /** Attempts before this one belong to an earlier try: what the incident rests on has changed since. */
  readonly attemptsFrom: number;
  readonly exhaustedAt: Instant | null;
  /** What it rested on when nothing was left (see `standing.ts`): when that changes, there may be something again. */
  readonly exhaustedOn: Standing | null;
  readonly acknowledgedAt: Instant | null;
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
  | {
      readonly kind: 'suspended';
      readonly cause: Cause | 'paused' | 'journal-in-doubt' | 'own-fault';
      readonly since: Instant;
      /** When it ends, or when the operator is told that it has not. Null: only a person ends it. */
      readonly until: Instant | null;
    };

interface Failing {
  readonly cause: Cause;
  readonly since: Instant;
  /** The newest look that counted. */
  readonly seenAt: Instant;
  readonly misses: number;
}

interface MemoryTrend {
  readonly pid: number;
  readonly firstAt: Instant;
  readonly firstBytes: number;
  readonly lastAt: Instant;
  readonly lastBytes: number;
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
  /** The kinds of these, and since when each look has had them. */
  readonly noted: readonly { readonly key: string; readonly since: Instant }[];
  /** Causes that hold beside the leading one. */
  readonly also: readonly Cause[];
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
  /** The charged action whose one start is still to come: repairs made while it is down and that start count as one. */
  readonly round: string | null;
  readonly reinstalls: readonly Instant[];
  readonly rollbacks: readonly Instant[];
  /** Since when the config file looks as it does; key of `configKey`. */
  readonly configSeen: { readonly key: string; readonly since: Instant } | null;
  /** The same of the installed package; key of `packageKey`. */
  readonly packageSeen: { readonly key: string; readonly since: Instant } | null;
  /** Disruptive actions not yet forgiven by healthy time: each makes the next one wait longer. */
  readonly strain: {
    readonly count: number;
    readonly lastAt: Instant | null;
    readonly servingSince: Instant | null;
  };
  /** When the gateway was last lost while it served: many of them are a flapping gateway. */
  readonly losses: readonly Instant[];
  readonly flapping: boolean;
  /** First and newest sample of the process's memory. */
  readonly memory: MemoryTrend | null;
  readonly reloads: readonly Instant[];
  readonly unparks: readonly Instant[];
  /** The gateway that launchd did not start and that we last set out to end: another one after it is somebody's. */
  readonly orphanEnded: (ProcessIdentity & { readonly actionId: string; readonly at: Instant }) | null;
  /** Generations seen since our last reload: a reload that took, and was then undone by somebody. */
  readonly bootsSinceReload: number;
  /** The same since our last unpark. */
  readonly bootsSinceUnpark: number;
  /** The stop or park line that counted: it goes on counting until the gateway is ready, whatever the clocks do. */
  readonly auditSeen: Instant | null;
  /** The same since our last repair of package or config: a repair is judged by the starts that follow it. */
  readonly bootsSinceRepair: number;
  /** Somebody unloaded the job again soon after our reload: it stays down until somebody else loads it. */
  readonly leftDown: boolean;
  /** Sleep and starvation since the generation was first seen: no boot makes progress in it. */
  readonly asleepMs: Millis;
  /** Actions of the open incident that were refused: each is free, but they end somewhere. */
  readonly refusals: number;
  /** The newest of them. */
  readonly refused: { readonly at: Instant; readonly because: string } | null;
  readonly pause: Pause | null;
  /** Conditions already told, so that each is told once. */
  readonly told: readonly string[];
  /** The newest boots, spawn to ready: only used to say "slower than usual". */
  readonly bootTimes: readonly Millis[];
  readonly nextIncident: number;
  readonly nextAction: number;
}

/** With an incident open. */
export type Open = State & { readonly incident: Incident };
export const isOpen = (state: State): state is Open => state.incident !== null;

export const initialState: State = {
  phase: { kind: 'starting' },
  cause: 'unknown',
  because: 'the watchdog has just started and has not looked yet',
  notes: [],
  noted: [],
  also: [],
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
  round: null,
  reinstalls: [],
  rollbacks: [],
  configSeen: null,
  packageSeen: null,
  strain: { count: 0, lastAt: null, servingSince: null },
  losses: [],
  flapping: false,
  memory: null,
  reloads: [],
  unparks: [],
  orphanEnded: null,
  bootsSinceReload: 0,
  bootsSinceUnpark: 0,
  auditSeen: null,
  bootsSinceRepair: 0,
  leftDown: false,
  asleepMs: millis(0),
  refusals: 0,
  refused: null,
  pause: null,
  told: [],
  bootTimes: [],
  nextIncident: 1,
  nextAction: 1,
};
