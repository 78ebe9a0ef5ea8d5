import type { Evidence } from '../../src/core/evidence.ts';
import type { Notice } from '../../src/core/notice.ts';
import type { Action, ActionStep, State } from '../../src/core/state.ts';
import type { Depth } from '../../src/probes/observe.ts';
import type { Deed } from './hands.ts';
import type { Story } from './happening.ts';
import {
  holds,
  isFine,
  isIncomplete,
  isSuppressed,
  isVisiblyDamaged,
  type Machine,
  never,
  orphanServes,
  serves,
} from './machine.ts';
import type { Order, Watchdog } from './watchdog.ts';
import { wrongOrder, wrongTarget } from './wrong-target.ts';

/** A world in which the watchdog broke its word. */
export class Violation extends Error {}

/** What the operator asked of the watchdog, as the world knows it. */
export interface Asked {
  /** Steady time; null: not paused. */
  pausedUntil: number | null;
  inDoubt: boolean;
  /** True time of the newest request. */
  at: number;
}

interface Seen {
  readonly evidence: Evidence;
  readonly depth: Depth;
  readonly beganAt: number;
  /** A person's: then it is judged as one. */
  readonly order: Order | null;
}

export interface Checks {
  announced(action: Action, seen: Seen, inFlight: boolean): void;
  /** An action had its effect, or came to nothing. */
  did(action: Action, deed: Deed): void;
  noticed(notice: Notice, state: State): void;
  looked(state: State): void;
  ended(state: State): void;
}

const stateBytesAllowed = 24_000;
/** A gateway that serves on undisturbed has its incident closed by now, whatever kept it open. */
const quietMs = 45 * 60_000;

const refusalsAllowed = 5;
const undosAllowed = 2;
/** A pause, or a restart of the watchdog, may make it say something anew. */
const toldAllowed = 2;
/** So long an incident stays exhausted before a repair that did not help must have been taken back. */
const undoneMs = 20 * 60_000;

/** A job we loaded: what became of it counts only if a look saw its process. */
interface Loaded {
  readonly at: number;
  readonly pid: number;
  seen: boolean;
}

/** The limits we promise, written down once more: a policy that was changed by mistake must not excuse itself. */
const promised = {
  burst: { limit: 2, windowMs: 300_000 },
  sustained: { limit: 6, windowMs: 21_600_000 },
  rollbacks: { limit: 3, windowMs: 86_400_000 },
  reinstalls: { limit: 2, windowMs: 86_400_000 },
  againWindowMs: 3_600_000,
};
/** Nothing is touched so soon after a sleep that a look noticed. */
const wokenMs = 25_000;
const sleepMs = 40_000;

interface Window {
  readonly limit: number;
  readonly windowMs: number;
}

interface Context {
  readonly machine: Machine;
  readonly dog: Watchdog;
  readonly asked: Asked;
  readonly story: Story;
}

/** Each guard of the watchdog, judged by what the world knows and not by what the core remembers. */
export function createChecks({ machine, dog, asked, story }: Context): Checks {
  /** Time as far as the watchdog can know it: a forward step it had to take over counts as time that passed. */
  const known = (): number => machine.t + dog.forwardMs;
  const announcedAt = new Map<string, number>();
  const forced = new Set<string>();
  const undosFailed = new Map<string, number>();
  const disruptions: number[] = [];
  const repairs = { reinstall: [] as number[], rollback: [] as number[] };
  const remedies = new Map<string, Set<string>>();
  const refusals = new Map<string, number>();
  const heard = new Map<string, Notice['kind'][]>();
  let reloaded: Loaded | null = null;
  let unparked: Loaded | null = null;
  /** The unpark before the orphan was ended that it has parked over since: this is another park. */
  let unparkedBefore: Loaded | null = null;
  let exhaustedSince: number | null = null;
  let wellAt = 0;
  let openSince = { id: '', at: 0 };
  let stepped = { at: 0, forwardMs: 0 };
  const told = { epoch: 0, times: new Map<string, number>() };

  const fail = (what: string): never => {
    throw new Violation(what);
  };

  const within = (made: readonly number[], at: number, { limit, windowMs }: Window, what: string): void => {
    const inside = made.filter((each) => at - each < windowMs).length;
    if (inside > limit) fail(`${inside} ${what} within ${windowMs / 1_000} s`);
  };

  const forbidden = (step: ActionStep, { beganAt, depth }: Seen): string | null => {
    if (story.mode === 'observe') return 'while only observing';
    if (asked.inDoubt) return 'while in doubt about itself';
    if (asked.pausedUntil !== null && machine.t + dog.skew < asked.pausedUntil) return 'while paused';
    if (depth !== 'full' && depth !== 'deep') return `on a ${depth} look`;
    const mends = step.kind === 'reinstall' && isIncomplete(machine);
    if (serves(machine) && machine.servingSince <= beganAt && !mends) return 'on a gateway that serves';
    if (orphanServes(machine)) return 'beside a gateway that serves';
    if (holds(machine, 'update')) return 'during an update';
    if (holds(machine, 'update-unclear')) return 'while an update may be running';
    if (holds(machine, 'blind') || holds(machine, 'no-domain')) return 'while the service manager is unknown';
    const slept = machine.sleptMs > sleepMs && dog.bornAt < machine.wokeAt - machine.sleptMs;
    // Once it was seen to serve after the wake, what comes then is no effect of the sleep.
    const woken = slept && machine.t - machine.wokeAt < wokenMs && wellAt < machine.wokeAt;
    if (woken) return 'right after this machine woke';
    if (!machine.plist && !machine.loaded) return 'on a gateway that is not installed';
    if (!machine.loaded && machine.disabledBy === 'operator') return 'against the operator who disabled it';
    if (!machine.loaded && machine.disabledBy === null && machine.audit?.kind === 'stop')
      return 'against the operator who stopped it';
    return wrongTarget(machine, step, stepped.at);
  };

  /** What not even a person's order may do. */
  const forbiddenOrder = (step: ActionStep, { depth }: Seen): string | null => {
    if (asked.inDoubt) return 'while in doubt about itself';
    return depth === 'deep' ? wrongOrder(machine, step) : `on a ${depth} look`;
  };

  const again = (action: Action): string | null => {
    const { step } = action;
    if (step.kind === 'reload') {
      const second = reloaded !== null && known() - reloaded.at < promised.againWindowMs && reloaded.seen;
      return second ? 'against somebody who unloaded it again' : null;
    }
    if (step.kind === 'unpark') {
      const second = unparked !== null && known() - unparked.at < promised.againWindowMs && unparked.seen;
      return second ? 'though it parked itself again after the last one' : null;
    }
    if (step.kind !== 'reinstall' && step.kind !== 'rollback') return null;
    const used = remedies.get(action.incident) ?? new Set();
    remedies.set(action.incident, used);
    const name = `${step.kind} ${step.remedy}`;
    if (used.has(name)) return 'with what was tried before in the same incident';
    used.add(name);
    return null;
  };

  return {
    announced: (action, seen, inFlight) => {
      const { step } = action;
      if (inFlight) fail(`${step.kind} ${action.id} while another action is in flight`);
      const why = seen.order === null ? (forbidden(step, seen) ?? again(action)) : forbiddenOrder(step, seen);
      if (seen.order?.force === true) forced.add(action.id);
      // Whoever orders a start wants it up: what was left down before is overruled, whatever comes of the order.
      if (seen.order !== null && step.kind === 'reload') reloaded = null;
      if (seen.order !== null && step.kind === 'unpark') unparked = null;
      if (step.kind === 'end-orphan') [unparkedBefore, unparked] = [unparked, null];
      if (why !== null) fail(`${step.kind} ${action.id} ${why} (${action.because})`);
      announcedAt.set(action.id, known());
    },
    did: (action, deed) => {
      const { step } = action;
      const at = announcedAt.get(action.id) ?? known();
      // What came to nothing may be tried again, once something has changed.
      if (deed.kind !== 'done' && (step.kind === 'reinstall' || step.kind === 'rollback')) {
        remedies.get(action.incident)?.delete(`${step.kind} ${step.remedy}`);
      }
      if (step.kind === 'end-orphan' && deed.kind === 'refused') unparked = unparkedBefore;
      if (step.kind === 'undo' && deed.kind === 'failed')
        undosFailed.set(step.of, (undosFailed.get(step.of) ?? 0) + 1);
      if (deed.kind === 'refused') {
        refusals.set(action.incident, (refusals.get(action.incident) ?? 0) + 1);
        return;
      }
      if (step.kind === 'reinstall' || step.kind === 'rollback') {
        repairs[step.kind].push(at);
        within(
          repairs[step.kind],
          at,
          step.kind === 'reinstall' ? promised.reinstalls : promised.rollbacks,
          `${step.kind}s`,
        );
      }
      if (!deed.disrupted) return;
      disruptions.push(at);
      // Force is for the budget alone; what it has used up is used up for whatever comes after it.
      if (!forced.has(action.id)) {
        within(disruptions, at, promised.burst, 'disruptions');
        within(disruptions, at, promised.sustained, 'disruptions');
      }
      if (step.kind === 'reload') reloaded = { at, pid: machine.nextPid - 1, seen: false };
      if (step.kind === 'unpark') unparked = { at, pid: machine.nextPid - 1, seen: false };
    },
    noticed: (notice, state) => {
      const bytes = JSON.stringify(state).length;
      if (bytes > stateBytesAllowed) fail(`the state has grown to ${bytes} bytes`);
      const { incident, kind } = notice;
      if (kind === 'told') toldAgain(notice.text);
      if (kind === 'opened') toldAgain('an incident is opened');
      if (incident === null) return;
      const before = heard.get(incident) ?? [];
      heard.set(incident, [...before, kind]);
      if (before.some((each) => each === 'resolved' || each === 'closed'))
        fail(`"${kind}" of ${incident} after its end`);
      if (before.length === 0 && kind !== 'opened') fail(`"${kind}" of ${incident} before it was opened`);
      if ((kind === 'opened' || kind === 'exhausted') && before.includes(kind))
        fail(`"${kind}" of ${incident} twice`);
      if (kind === 'resolved' && isSuppressed(machine) && serves(machine))
        fail(`"resolved" of ${incident} while its channels are suppressed`);
      if (kind === 'resolved' && !isFine(machine)) fail(`"resolved" of ${incident} while nothing serves`);
    },
    looked: (state) => {
      const { t } = machine;
      if (state.cause === 'serving') wellAt = t;
      if (stepped.forwardMs !== dog.forwardMs) stepped = { at: t, forwardMs: dog.forwardMs };
      for (const loaded of [reloaded, unparked]) {
        if (loaded !== null && (state.generation?.pid ?? 0) >= loaded.pid) loaded.seen = true;
      }
      // Hidden damage looks whole to whoever only looks.
      if (!isVisiblyDamaged(machine)) forgetReinstalls();
      if (state.phase.kind !== 'exhausted') exhaustedSince = null;
      else exhaustedSince ??= t;
      if (state.incident === null) return;
      // One about the next start alone is opened while it serves.
      if (openSince.id !== state.incident.id) openSince = { id: state.incident.id, at: t };
      const quietSince = Math.max(openSince.at, machine.servingSince, dog.bornAt, asked.at, machine.wokeAt);
      const held = asked.inDoubt || isSuppressed(machine) || holds(machine, 'hands-stuck');
      if (machine.servingSince !== never && t - quietSince > quietMs && !held) {
        fail(
          `${state.incident.id} is still open (${state.phase.kind}) though the gateway has served for ${quietMs / 60_000} min`,
        );
      }
      if (exhaustedSince !== null && t - Math.max(exhaustedSince, dog.bornAt) > undoneMs) {
        // So many refusals are a case for a person, by design.
        if ((refusals.get(state.incident.id) ?? 0) < refusalsAllowed) unhelped();
      }
    },
    ended: (state) => {
      if (state.phase.kind !== 'healthy' || state.incident !== null) {
        fail(
          `all is mended, and the watchdog is ${state.phase.kind} (${state.cause}; ${state.because}), incident ${state.incident?.id ?? 'none'}`,
        );
      }
      for (const [incident, kinds] of heard) {
        const ends = kinds.filter((kind) => kind === 'resolved' || kind === 'closed').length;
        if (ends !== 1) fail(`${incident} ended ${ends} times`);
      }
    },
  };

  /** The package is whole, by whoever's hand: what is damaged after that may be mended as before. */
  function forgetReinstalls(): void {
    for (const used of remedies.values()) {
      for (const remedy of used) if (remedy.startsWith('reinstall ')) used.delete(remedy);
    }
  }

  /** In a world that stands still nothing is news twice. */
  function toldAgain(text: string): void {
    if (told.epoch !== machine.epoch) {
      told.epoch = machine.epoch;
      told.times.clear();
    }
    const times = (told.times.get(text) ?? 0) + 1;
    told.times.set(text, times);
    if (times > toldAllowed) fail(`told ${times} times though nothing changed: ${text}`);
  }

  /** A snapshot of ours that does not start the gateway must not stay in the place of the user's file. */
  function unhelped(): void {
    const { config, t } = machine;
    const outside = (
      [
        'disk',
        'node',
        'environment',
        'lock',
        'foreign',
        'orphan',
        'blind',
        'no-domain',
        'update-unclear',
        'package-unclear',
      ] as const
    ).some((spell) => machine.until[spell] > t - undoneMs);
    const hands =
      machine.until['hands-fail'] > t - undoneMs * 3 ||
      machine.until['hands-refuse'] > t - undoneMs * 3 ||
      machine.until['hands-stuck'] > t - undoneMs * 3;
    // A death of ours in the middle of an undo costs one of its few attempts.
    if (config.by === 'user' || outside || hands || isVisiblyDamaged(machine)) return;
    if (machine.unjudged.size > 0) return;
    // What our hands failed at twice is left to a person, and told.
    if ([...undosFailed.values()].some((times) => times >= undosAllowed)) return;
    if (asked.pausedUntil !== null || !machine.loaded || machine.process?.served === true) return;
    if (machine.servedSinceRepair || machine.servedWith.has(config.id) || machine.failedBoots.length < 4)
      return;
    fail(`${config.id} did not help and is still in the place of the user's config`);
  }
}
