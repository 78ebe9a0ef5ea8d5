import { type Command, decide, type Event } from '../../src/core/decide.ts';
import { inDoubt } from '../../src/core/decision.ts';
import type { Evidence } from '../../src/core/evidence.ts';
import type { Rules } from '../../src/core/look.ts';
import type { Notice } from '../../src/core/notice.ts';
import { begunAnew, restoreState } from '../../src/core/restore-state.ts';
import { type Action, type ActionOutcome, initialState, type State } from '../../src/core/state.ts';
import { instant, millis } from '../../src/core/time.ts';
import { chooseDelay, chooseDepth, needsCloser } from '../../src/daemon/pace.ts';
import { isTransition } from '../../src/daemon/transition.ts';
import type { Depth } from '../../src/probes/observe.ts';
import { isHung, type Machine, wall } from './machine.ts';
import { look } from './sight.ts';
import { isSame } from './skipping.ts';
import type { Tally } from './tally.ts';

/** A look that waits for an answer: of /healthz, and after that of the second witness. */
interface Waiting {
  readonly depth: Depth;
  readonly beganAt: number;
  readonly endsAt: number;
  readonly gapMs: number;
  /** Slept in the middle of it: what its pulse is late by. */
  readonly sleptMs: number;
}

/** What a person has ordered. */
export interface Order {
  readonly force: boolean;
}

/** What the outside hears of a decision. */
export interface Ears {
  decided(before: State, after: State, notices: readonly Notice[]): void;
  announced(
    action: Action,
    seen: { readonly evidence: Evidence; readonly depth: Depth; readonly beganAt: number },
    order?: Order | null,
  ): void;
}

export interface Watchdog {
  alive: boolean;
  bornAt: number;
  state: State;
  evidence: Evidence | null;
  /** Steady time minus true time. */
  skew: number;
  nextLookAt: number;
  dueAt: number;
  lastCloseAt: number | null;
  waiting: Waiting | null;
  /** Forward steps of the wall clock that steady time has taken over: it cannot tell them from time that passed. */
  forwardMs: number;
  /** States not made durable, after the one that was. */
  unsaved: State[];
  lastSavedAt: number;
  /** The world as the newest look saw it. */
  seenEpoch: number;
  /** The newest look taught nothing. */
  same: boolean;
  looks: number;
}

const witnessLookMs = 8_000;
const unansweredMs = 3_000;
/** Looks whose states are kept before older ones are sifted. */
const unsavedKept = 256;

export const createWatchdog = (): Watchdog => ({
  alive: false,
  bornAt: 0,
  state: initialState,
  evidence: null,
  skew: 0,
  nextLookAt: 0,
  dueAt: 0,
  lastCloseAt: null,
  waiting: null,
  forwardMs: 0,
  unsaved: [initialState],
  lastSavedAt: 0,
  seenEpoch: 0,
  same: false,
  looks: 0,
});

export const steady = (dog: Watchdog, machine: Machine) => instant(machine.t + dog.skew);

/** Takes one event to the core, and keeps of its answer what the journal would. */
function take(dog: Watchdog, machine: Machine, { event, rules, ears }: Taken): readonly Action[] {
  const before = dog.state;
  const next = decide(before, event, steady(dog, machine), rules);
  dog.state = next.state;
  const must = next.actions.length > 0 || next.notices.length > 0 || event.kind !== 'observed';
  if (must) save(dog, machine);
  // In a world that has changed the comparison is not worth its time.
  const still = dog.seenEpoch === machine.epoch;
  dog.seenEpoch = machine.epoch;
  dog.same = still && !must && isSame(before, next.state);
  if (dog.same) dog.unsaved[dog.unsaved.length - 1] = next.state;
  else if (!must) {
    dog.unsaved.push(next.state);
    if (dog.unsaved.length > unsavedKept) dog.unsaved = [newestSaved(dog), next.state];
  }
  ears.decided(before, next.state, next.notices);
  return next.actions;
}

interface Taken {
  readonly event: Event;
  readonly rules: Rules;
  readonly ears: Ears;
}

function save(dog: Watchdog, machine: Machine): void {
  dog.unsaved = [dog.state];
  dog.lastSavedAt = steady(dog, machine);
}

/** The newest state that differs from the one before it in something the journal is told of. */
function newestSaved({ unsaved }: Watchdog): State {
  for (let index = unsaved.length - 1; index > 0; index -= 1) {
    const [before, after] = [unsaved[index - 1], unsaved[index]];
    if (before !== undefined && after !== undefined && isTransition(before, after)) return after;
  }
  return unsaved[0] ?? initialState;
}

export function dies(dog: Watchdog): void {
  const saved = newestSaved(dog);
  dog.alive = false;
  dog.waiting = null;
  dog.state = restoreState(JSON.parse(JSON.stringify(saved)) as State);
  dog.unsaved = [dog.state];
}

/** Begins anew, as the daemon does after its journal was read. */
export function begins(dog: Watchdog, machine: Machine, rules: Rules, ears: Ears): void {
  const was = dog.skew;
  dog.skew = Math.max(wall(machine), dog.lastSavedAt) - machine.t;
  if (dog.looks > 0 && dog.skew > was) dog.forwardMs += dog.skew - was;
  dog.alive = true;
  dog.bornAt = machine.t;
  dog.evidence = null;
  dog.lastCloseAt = null;
  dog.nextLookAt = machine.t;
  dog.dueAt = machine.t;
  if (dog.state.phase.kind === 'repairing') {
    take(dog, machine, { event: { kind: 'interrupted', actionId: dog.state.phase.action.id }, rules, ears });
  }
  dog.state = begunAnew(dog.state, steady(dog, machine));
  // What came of a repair while nobody looked cannot be known.
  for (const id of machine.kept.keys()) machine.unjudged.add(id);
  save(dog, machine);
}

export function command(
  dog: Watchdog,
  machine: Machine,
  given: Command,
  how: Omit<Taken, 'event'>,
): readonly Action[] {
  // In doubt about itself it judges nothing, repairs that help meanwhile neither.
  if (given.kind === 'resume' && inDoubt(dog.state)) {
    for (const id of machine.kept.keys()) machine.unjudged.add(id);
  }
  const actions = take(dog, machine, { event: { kind: 'commanded', command: given }, ...how });
  nudge(dog, machine);
  return actions;
}

export function finish(
  dog: Watchdog,
  machine: Machine,
  ended: { readonly actionId: string; readonly kind: ActionOutcome['kind'] },
  how: Omit<Taken, 'event'>,
): void {
  const outcome: ActionOutcome = { kind: ended.kind, because: 'so it went' };
  take(dog, machine, { event: { kind: 'finished', actionId: ended.actionId, outcome }, ...how });
  nudge(dog, machine);
}

export function nudge(dog: Watchdog, machine: Machine): void {
  if (!dog.alive || dog.waiting !== null) return;
  dog.nextLookAt = Math.min(dog.nextLookAt, machine.t);
}

/** Three looks in a row failed by a bug of the watchdog. */
export function doubts(dog: Watchdog, machine: Machine): void {
  if (inDoubt(dog.state)) return;
  const since = steady(dog, machine);
  dog.state = { ...dog.state, phase: { kind: 'suspended', cause: 'own-fault', since, until: null } };
  save(dog, machine);
}

interface Looking {
  readonly rules: Rules;
  readonly ears: Ears;
  readonly tally: Tally;
  readonly deep: boolean;
}

/** A look begins: it is through at once, unless nobody answers. */
export function startLook(dog: Watchdog, machine: Machine, how: Looking): readonly Action[] {
  const { t } = machine;
  const gapMs = Math.max(0, t - dog.dueAt);
  const depth = chooseDepth({
    state: dog.state,
    evidence: dog.evidence,
    deepWanted: how.deep,
    sinceCloseMs: dog.lastCloseAt === null ? null : millis(t - dog.lastCloseAt),
  });
  if (!isHung(machine) || machine.holder !== 'ours')
    return endLook(dog, machine, how, { depth, beganAt: t, endsAt: t, gapMs, sleptMs: 0 });
  const close = depth === 'full' || depth === 'deep';
  dog.waiting = { depth, beganAt: t, endsAt: t + (close ? witnessLookMs : unansweredMs), gapMs, sleptMs: 0 };
  return [];
}

export function endLook(dog: Watchdog, machine: Machine, how: Looking, waited: Waiting): readonly Action[] {
  const { t } = machine;
  const { rules, ears } = how;
  const { beganAt } = waited;
  const asking = {
    depth: waited.depth,
    gapMs: millis(waited.gapMs + waited.sleptMs),
    previous: dog.evidence,
    skew: dog.skew,
    silentFrom: t > beganAt ? instant(beganAt + dog.skew) : null,
    bornAt: dog.bornAt,
  };
  dog.waiting = null;
  dog.looks += 1;
  const quick = look(machine, asking);
  const closer = needsCloser(dog.state, waited.depth, { before: dog.evidence, seen: quick });
  const seen = closer ? look(machine, { ...asking, depth: 'full', previous: quick }) : quick;
  const depth = closer ? 'full' : waited.depth;
  dog.evidence = seen;
  if (depth === 'full' || depth === 'deep') dog.lastCloseAt = t;
  const actions = take(dog, machine, { event: { kind: 'observed', evidence: seen }, rules, ears });
  for (const action of actions) ears.announced(action, { evidence: seen, depth, beganAt });
  anchor(dog, machine);
  dog.dueAt = t + chooseDelay(dog.state, seen, rules.policy);
  dog.nextLookAt = dog.dueAt;
  return actions;
}

/** Takes over the wall clock while no limit is counting. */
function anchor(dog: Watchdog, machine: Machine): void {
  const { phase, spent, pause } = dog.state;
  if (phase.kind !== 'healthy' || spent.length > 0 || pause !== null) return;
  if (machine.wallOffset > dog.skew) dog.forwardMs += machine.wallOffset - dog.skew;
  dog.skew = machine.wallOffset;
}
