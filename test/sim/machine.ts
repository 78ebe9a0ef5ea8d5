import type { LogFinding } from '../../src/core/ground-evidence.ts';
import type { LastExit } from '../../src/core/service.ts';
import {
  type Archive,
  type ConfigFault,
  type Damage,
  type Snapshot,
  type Spell,
  spells,
  type Witness,
} from './happening.ts';

/** Where every world begins, on its own true clock and on the wall. */
export const dawnMs = 1_800_000_000_000;
export const never = Number.POSITIVE_INFINITY;

/** What the config file holds, and whose it is. `hollow`: it validates, and the gateway does not start with it. */
export interface Content {
  readonly id: string;
  readonly by: 'user' | 'snapshot' | 'minimal';
  readonly fault: ConfigFault | null;
  readonly hollow: boolean;
  /** True time. */
  readonly changedAt: number;
  /** Wall time: what the file system says. */
  readonly mtime: number;
}

export interface Pack {
  readonly id: number;
  readonly damage: Damage | null;
}

/** One process of the gateway. All times but `startedAt` are true time. */
export interface Process {
  readonly pid: number;
  /** Wall time at its spawn. */
  readonly startedAt: number;
  readonly spawnedAt: number;
  /** The content it was started with. */
  readonly configId: string;
  listensAt: number;
  failsAt: number;
  failure: Failure | null;
  waitsForPort: boolean;
  served: boolean;
  hungFrom: number;
  hungUntil: number;
  hungWhy: 'plain' | 'descriptors' | 'host' | 'memory';
  witness: Witness;
  deafUntil: number;
  /** Goodbye said; it ends then. */
  leavesAt: number;
  suppressedUntil: number;
  residentBytes: number;
  growsAt: number;
  growHangs: boolean;
}

export interface Failure {
  readonly code: number;
  readonly sign: LogFinding['sign'] | null;
  readonly text: string;
  readonly parks: boolean;
}

/** A gateway that launchd did not start, while it has the port. */
export interface Orphan {
  readonly pid: number;
  /** Wall time. */
  readonly startedAt: number;
  /** True time. */
  readonly tookPortAt: number;
  readonly hasTerminal: boolean | null;
  readonly holdsLock: boolean;
  /** Somebody starts it again when it is ended. */
  readonly comesBack: boolean;
}

/** The world as it is, whatever anybody sees of it. */
export interface Machine {
  t: number;
  wallOffset: number;
  /** Changes whenever a look might see something else than before. */
  epoch: number;
  foreseen: { readonly epoch: number; readonly at: number };
  loaded: boolean;
  disabledBy: 'operator' | 'park' | null;
  plist: boolean;
  process: Process | null;
  scheduledAt: number;
  /** launchd holds the next start back, whatever it says. */
  pended: boolean;
  jobStopped: boolean;
  stoppingUntil: number;
  runs: number;
  lastExit: LastExit;
  nextPid: number;
  audit: { readonly kind: 'stop' | 'park'; readonly at: number } | null;
  parkCause: 'gone' | 'present' | 'lies' | 'unclear';
  holder: 'none' | 'ours' | 'foreign' | 'orphan';
  orphan: Orphan | null;
  orphans: number;
  /** When one was last ended by the watchdog. */
  orphanEndedAt: number;
  stallNext: boolean;
  config: Content;
  userConfig: Content;
  edits: number;
  pack: Pack;
  packs: number;
  snapshots: readonly Snapshot[];
  archives: readonly Archive[];
  offersAgain: boolean;
  usedSnapshots: number;
  usedArchives: number;
  /** What each repair replaced, by action. */
  kept: Map<
    string,
    { readonly config: Content; readonly left: string } | { readonly pack: Pack; readonly left: number }
  >;
  /** Repairs whose outcome was lost: what served meanwhile was not looked at. */
  unjudged: Set<string>;
  from: Record<Spell, number>;
  until: Record<Spell, number>;
  /** Unclean ends, for OpenClaw's own breaker. */
  unclean: number[];
  findings: LogFinding[];
  lastBroken: { readonly at: number; readonly goodbye: boolean } | null;
  servingSince: number;
  /** Starts that failed since the last repair of ours. */
  failedBoots: number[];
  /** The newest of all that ended before they served. */
  failedBootAt: number;
  servedSinceRepair: boolean;
  /** Contents of the config it has served with. */
  servedWith: Set<string>;
  /** How long the machine slept since the process was spawned. */
  asleepMs: number;
  wokeAt: number;
  /** How long it slept then. */
  sleptMs: number;
  /** The longest time it served since the last repair of ours. */
  longestServeMs: number;
  /** When the newest repair was made: a process from before proves nothing of it. */
  repairedAt: number;
  /** When the process that serves was spawned. */
  servingBornAt: number;
}

const every = (value: number): Record<Spell, number> =>
  Object.fromEntries(spells.map((spell) => [spell, value])) as Record<Spell, number>;

export function createMachine(): Machine {
  const config: Content = {
    id: 'user-0',
    by: 'user',
    fault: null,
    hollow: false,
    changedAt: dawnMs - 86_400_000,
    mtime: dawnMs - 86_400_000,
  };
  return {
    t: dawnMs,
    wallOffset: 0,
    epoch: 1,
    foreseen: { epoch: 0, at: 0 },
    loaded: true,
    disabledBy: null,
    plist: true,
    process: null,
    scheduledAt: dawnMs,
    pended: false,
    jobStopped: false,
    stoppingUntil: 0,
    runs: 0,
    lastExit: { kind: 'never' },
    nextPid: 101,
    audit: null,
    parkCause: 'gone',
    holder: 'none',
    orphan: null,
    orphans: 0,
    orphanEndedAt: Number.NEGATIVE_INFINITY,
    stallNext: false,
    config,
    userConfig: config,
    edits: 0,
    pack: { id: 0, damage: null },
    packs: 0,
    snapshots: ['good'],
    archives: ['mends'],
    offersAgain: false,
    usedSnapshots: 0,
    usedArchives: 0,
    kept: new Map(),
    unjudged: new Set(),
    from: every(0),
    until: every(0),
    unclean: [],
    findings: [],
    lastBroken: null,
    servingSince: never,
    failedBoots: [],
    failedBootAt: 0,
    servedSinceRepair: false,
    servedWith: new Set(),
    asleepMs: 0,
    wokeAt: 0,
    sleptMs: 0,
    longestServeMs: 0,
    repairedAt: 0,
    servingBornAt: 0,
  };
}

export const wall = (machine: Machine): number => machine.t + machine.wallOffset;
export const holds = (machine: Machine, spell: Spell): boolean => machine.until[spell] > machine.t;

export const isHung = ({ t, process }: Machine): boolean =>
  process !== null && t >= process.hungFrom && t < process.hungUntil;

/** Whether the job's own process answers. */
export function serves(machine: Machine): boolean {
  const { t, process, holder, loaded } = machine;
  return (
    process !== null &&
    loaded &&
    holder === 'ours' &&
    !isHung(machine) &&
    t >= process.deafUntil &&
    process.leavesAt === never
  );
}

/** Whether somebody whom the watchdog must leave alone answers as the gateway. */
export const isFine = (machine: Machine): boolean => serves(machine) || orphanServes(machine);

/** A gateway that launchd did not start answers, or has the port and answers nothing. */
export const orphanServes = ({ holder, nextPid }: Machine): boolean =>
  holder === 'orphan' && nextPid % 3 !== 0;

export const isSuppressed = (machine: Machine): boolean =>
  machine.process !== null && machine.process.suppressedUntil > machine.t;

/** The package says of itself that it is broken. `hidden` damage shows only when it runs. */
export const isVisiblyDamaged = ({ pack }: Machine): boolean =>
  pack.damage !== null && pack.damage !== 'hidden';

/** Something is not there: nobody's patch looks like that. */
export const isIncomplete = ({ pack }: Machine): boolean =>
  pack.damage === 'missing' || pack.damage === 'ws' || pack.damage === 'half';
