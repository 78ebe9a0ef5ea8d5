import type { Evidence } from '../../src/core/evidence.ts';
import { deadlineMsOf, refusedUntil } from '../../src/core/ladder.ts';
import type { Policy } from '../../src/core/policy.ts';
import { initialState, type State } from '../../src/core/state.ts';
import { backoffUntil } from '../../src/core/strain.ts';
import { instant, millis } from '../../src/core/time.ts';
import { chooseDepth } from '../../src/daemon/pace.ts';
import { dawnMs, never } from './machine.ts';
import type { Watchdog } from './watchdog.ts';

/** The deep probe's own schedule. */
const markMs = 180_000;
export const markAfter = (t: number): number => dawnMs + Math.floor((t - dawnMs) / markMs + 1) * markMs;

interface Skip {
  readonly goTo: number;
  readonly nextMark: number;
  readonly lastCloseAt: number;
  readonly state: State;
  readonly ticks: number;
}

type Looker = Pick<Watchdog, 'state' | 'evidence' | 'skew' | 'nextLookAt' | 'lastCloseAt'>;

/** The tick to go to: the last on the grid before `until` and before every deadline of the core; null for the next one. */
export function planSkip(
  { state, evidence, skew, nextLookAt, lastCloseAt }: Looker,
  { t, until, policy }: { readonly t: number; readonly until: number; readonly policy: Policy },
): Skip | null {
  // What only a deep look sees keeps the looks of other depths apart from it.
  if (evidence === null || evidence.readiness.kind === 'not-ready' || evidence.healthz.kind === 'timeout')
    return null;
  const delay = Math.round(nextLookAt - t);
  if (delay <= 0) return null;
  const deadline = nextDeadline(state, evidence, policy, t + skew) - skew;
  const target = Math.min(until, deadline, latentMark({ state, evidence, skew, t, policy }) + 1);
  // A deep probe is made at its mark whatever the grid, and the grid begins anew with it.
  const lastMark = markAfter(target - 1) - markMs;
  const from = Math.max(lastMark, t);
  const goTo = from + Math.max(0, Math.ceil((target - from) / delay) - 1) * delay;
  if (goTo <= nextLookAt) return null;
  const closeFrom = lastMark > t && lastMark < goTo ? lastMark : (lastCloseAt ?? t);
  const period = closePeriod(state, evidence, delay);
  const closes = Math.max(0, Math.ceil((goTo - closeFrom) / period) - 1);
  const ticks = Math.round((goTo - t) / delay) - 1;
  return {
    goTo,
    nextMark: goTo === lastMark ? lastMark : markAfter(goTo - 1),
    lastCloseAt: period === never ? closeFrom : closeFrom + closes * period,
    state: caughtUp(state, { last: goTo - delay + skew, ticks }),
    ticks,
  };
}

/** A package that is mended beside a gateway that serves is mended at a deep look, once its time has come. */
function latentMark(of: {
  readonly state: State;
  readonly evidence: Evidence;
  readonly skew: number;
  readonly t: number;
  readonly policy: Policy;
}): number {
  const { state, evidence, skew, t, policy } = of;
  if (state.cause !== 'serving' || evidence.ground.reinstall.kind !== 'ready') return never;
  const dueAt = (state.packageSeen?.since ?? 0) + policy.latentMendMs - skew;
  return markAfter(Math.max(t, dueAt) - 1);
}

/**
 * Ticks may be skipped while nothing changes: the world stands still (its next change is known), the look before and
 * this one left the same state, and no length of time the core compares with ends before the tick that is gone to.
 * `deadlines` lists those ends. That this is the whole list is proven by living a sample of worlds both ways.
 */
function nextDeadline(state: State, evidence: Evidence, policy: Policy, now: number): number {
  let next = Number.POSITIVE_INFINITY;
  const end = (at: number | null): void => {
    // Some comparisons say "from then on", others "after it": the first tick past the moment is one of interest too.
    if (at !== null && at >= now) next = Math.min(next, Math.max(at, now + 1));
  };
  const { phase, failing, generation } = state;
  if (phase.kind === 'probation') {
    for (const length of [policy.stableMs, policy.flapStableMs]) {
      end(phase.since + length);
      end(phase.since + 2 * length);
    }
  }
  if (phase.kind === 'suspended') {
    end(phase.until);
    end(phase.since + policy.suspendTellMs);
  }
  if (phase.kind === 'repairing') end(phase.action.deadlineAt + deadlineMsOf(phase.action.step, policy));
  end(state.pause?.until ?? null);
  end(state.graceUntil);
  if (state.unknownSince !== null) end(state.unknownSince + policy.unknownTellMs);
  if (failing !== null) {
    for (const due of dues(policy)) {
      end(failing.since + due);
      end(failing.since + due + policy.unknownTellMs);
    }
  }
  for (const { at } of state.spent) {
    end(at + policy.burst.windowMs);
    end(at + policy.sustained.windowMs);
  }
  end(backoffUntil(state, policy));
  end(refusedUntil(state));
  for (const at of state.reloads) end(at + policy.reloadWindowMs);
  for (const at of state.unparks) end(at + policy.reloadWindowMs);
  for (const at of state.reinstalls) end(at + policy.reinstalls.windowMs);
  for (const at of state.rollbacks) end(at + policy.rollbacks.windowMs);
  for (const { since } of state.noted) end(since + policy.noteTellMs);
  if (state.configSeen !== null && evidence.ground.config.kind === 'faulty') {
    end(state.configSeen.since + policy.editGraceMs);
    end(state.configSeen.since + policy.latentTellMs);
  }
  if (state.packageSeen !== null) {
    end(state.packageSeen.since + policy.editGraceMs);
    end(state.packageSeen.since + policy.latentMendMs);
  }
  if (generation !== null && generation.readyAt === null) {
    end(generation.firstSeenAt + policy.bootGraceMs + state.asleepMs);
  }
  const { socket } = evidence;
  if (socket.kind === 'closed' && socket.shutdown !== null) end(socket.shutdown.at + policy.drainGraceMs);
  return next;
}

const dues = (policy: Policy): readonly number[] => [
  0,
  policy.drainGraceMs / 4,
  policy.drainGraceMs,
  policy.hangActMs,
  policy.hangActAloneMs,
  policy.relaunchGraceMs,
  policy.pendedGraceMs,
  policy.reloadAfterMs / 2,
  policy.reloadAfterMs,
  policy.portGraceMs,
];

const keys = Object.keys(initialState) as (keyof State)[];

/** Whether two looks left the same, but for what only says how often and how lately it was looked. */
export function isSame(a: State, b: State): boolean {
  // What differs most often, first.
  if (a.cause !== b.cause || a.phase.kind !== b.phase.kind || a.bootsSinceReady !== b.bootsSinceReady)
    return false;
  for (const key of keys) {
    if (key === 'because' || a[key] === b[key]) continue;
    if (key === 'failing') {
      const same = a.failing?.cause === b.failing?.cause && a.failing?.since === b.failing?.since;
      if (!same || (b.failing !== null && (a.failing?.misses ?? 0) < 2)) return false;
    } else if (key === 'memory') {
      if (a.memory?.pid !== b.memory?.pid || a.memory?.lastBytes !== b.memory?.lastBytes) return false;
    } else if (!isDeepEqual(a[key], b[key])) return false;
  }
  return true;
}

function isDeepEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length) return false;
    for (let index = 0; index < a.length; index += 1) if (!isDeepEqual(a[index], b[index])) return false;
    return true;
  }
  const left = a as Record<string, unknown>;
  const right = b as Record<string, unknown>;
  const names = Object.keys(left);
  if (names.length !== Object.keys(right).length) return false;
  for (const name of names) if (!isDeepEqual(left[name], right[name])) return false;
  return true;
}

/** As if the ticks in between had been looked at: the run of failures was not broken. */
function caughtUp(state: State, { last, ticks }: { readonly last: number; readonly ticks: number }): State {
  if (state.failing === null) return state;
  return {
    ...state,
    failing: { ...state.failing, seenAt: instant(last), misses: state.failing.misses + ticks },
  };
}

/** No look that is due by itself lies further apart. */
const longestPeriodMs = 180_000;

/** How often the looks of such a state are close ones, on the grid of its ticks; infinite where none is by itself. */
function closePeriod(state: State, evidence: Evidence, delay: number): number {
  for (let sinceClose = delay; sinceClose <= longestPeriodMs; sinceClose += delay) {
    const depth = chooseDepth({ state, evidence, deepWanted: false, sinceCloseMs: millis(sinceClose) });
    if (depth === 'full' || depth === 'deep') return sinceClose;
  }
  return Number.POSITIVE_INFINITY;
}
