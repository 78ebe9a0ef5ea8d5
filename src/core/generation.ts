import type { Evidence } from './evidence.ts';
import { readiness } from './health.ts';
import type { Generation, State } from './state.ts';
import { type Instant, millis } from './time.ts';

/** ps tells start times in whole seconds, computed from a boot time that may itself be re-read. */
const sameStartMs = 2_500;
/** Enough for a median; more would only remember older versions of OpenClaw. */
const bootTimesKept = 9;

/** Follows the gateway's lives through the looks: which process, since when, did it listen, was it ready. */
export function noteGeneration(state: State, evidence: Evidence, now: Instant): State {
  const next = countRuns(state, current(state, evidence, now), evidence);
  const generation = next.generation;
  if (generation === null) return next;
  const bootId = evidence.socket.kind === 'open' ? evidence.socket.bootId : generation.bootId;
  const listening = evidence.listener.kind === 'ours' || evidence.healthz.kind === 'live';
  const listened: Generation = {
    ...generation,
    bootId,
    listenedAt: generation.listenedAt ?? (listening ? now : null),
  };
  if (!readiness(evidence).ready || evidence.listener.kind === 'orphan')
    return { ...next, generation: listened };
  if (listened.readyAt !== null) {
    return { ...next, generation: listened, lastReady: listened, bootsSinceReady: 0 };
  }
  const ready: Generation = { ...listened, readyAt: now };
  const witnessed = generation.startedAt !== null && generation.firstSeenAt !== now;
  const bootMs = evidence.at - (generation.startedAt ?? evidence.at);
  return {
    ...next,
    generation: ready,
    lastReady: ready,
    bootsSinceReady: 0,
    bootTimes: witnessed
      ? [...state.bootTimes, millis(Math.max(0, bootMs))].slice(-bootTimesKept)
      : state.bootTimes,
  };
}

/** A process that dies within milliseconds is never seen: the service manager's count of starts tells of it. */
function countRuns(before: State, after: State, { service }: Evidence): State {
  if (service.kind === 'unread' || !('runs' in service) || service.runs === null) return after;
  const known = before.runsSeen;
  const started = known === null ? 0 : service.runs - known;
  const unseen = Math.max(0, started - (after.bootsSinceReady - before.bootsSinceReady));
  return {
    ...after,
    runsSeen: service.runs,
    bootsSinceReady: after.bootsSinceReady + unseen,
    bootsSinceRepair: after.bootsSinceRepair + unseen,
  };
}

function current(state: State, evidence: Evidence, now: Instant): State {
  const { service, process } = evidence;
  if (service.kind !== 'running' || process.kind === 'gone') return state;
  const startedAt = process.kind === 'alive' && process.pid === service.pid ? process.startedAt : null;
  const known = state.generation;
  if (known !== null && known.pid === service.pid && sameStart(known.startedAt, startedAt)) {
    return known.startedAt === null && startedAt !== null
      ? { ...state, generation: { ...known, startedAt } }
      : state;
  }
  return {
    ...state,
    generation: {
      pid: service.pid,
      startedAt,
      bootId: null,
      firstSeenAt: now,
      listenedAt: null,
      readyAt: null,
    },
    bootsSinceReady: state.bootsSinceReady + 1,
    bootsSinceReload: state.bootsSinceReload + 1,
    bootsSinceUnpark: state.bootsSinceUnpark + 1,
    bootsSinceRepair: state.bootsSinceRepair + 1,
    asleepMs: millis(0),
  };
}

function sameStart(a: Instant | null, b: Instant | null): boolean {
  return a === null || b === null || Math.abs(a - b) <= sameStartMs;
}
