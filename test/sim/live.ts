import type { Rules } from '../../src/core/look.ts';
import { defaultPolicy } from '../../src/core/policy.ts';
import type { Action } from '../../src/core/state.ts';
import { instant } from '../../src/core/time.ts';
import { type Asked, createChecks, Violation } from './checks.ts';
import { carryOut, type Flight, launch, outcomeOf } from './flight.ts';
import type { Happening, Story } from './happening.ts';
import { nextChange, settle } from './launchd.ts';
import { createMachine, dawnMs, holds, isHung, never } from './machine.ts';
import { carryOutOrder } from './orders.ts';
import { noteLeft } from './orphan.ts';
import { markAfter, planSkip } from './skipping.ts';
import { sleep, strike } from './strike.ts';
import { createTally, noteDecision, type Tally } from './tally.ts';
import {
  begins,
  command,
  createWatchdog,
  dies,
  doubts,
  type Ears,
  endLook,
  finish,
  nudge,
  type Order,
  startLook,
  steady,
} from './watchdog.ts';

const label = 'ai.openclaw.gateway';
/** After a story a person mends everything, and so long is then waited for peace. */
const afterwardsS = 3_600;

export interface Life {
  /** What the watchdog did wrong; null when nothing. */
  readonly violation: string | null;
  readonly at: number;
  readonly tally: Tally;
  /** Every notice, action and phase with its moment: kept only on demand. */
  readonly transcript: readonly string[];
}

export interface How {
  readonly skip: boolean;
  readonly transcript: boolean;
}

/** Lives one story from end to end. The same story gives the same life. */
export function live(story: Story, how: How): Life {
  const machine = createMachine();
  const dog = createWatchdog();
  const tally = createTally();
  const asked: Asked = { pausedUntil: null, inDoubt: false, at: 0 };
  const rules: Rules = { policy: defaultPolicy, mode: story.mode, label };
  const checks = createChecks({ machine, dog, asked, story });
  const transcript: string[] = [];
  let endAt = never;
  const happenings = [
    ...story.happenings,
    { atS: story.lengthS, what: { kind: 'resume' } as const },
    { atS: story.lengthS, what: { kind: 'mend' } as const },
  ];
  let next = 0;
  let flight: Flight | null = null;
  let reviveAt = dawnMs;
  let nextMark = markAfter(dawnMs);
  let dieAt: 'before-deed' | 'after-deed' | null = null;
  let dieForS = 0;
  let loseOutcome = false;
  let connected = false;
  /** Ordered, and waiting for the next look to begin; and carried out when that look has ended. */
  let ordered: Order | null = null;
  let looksFor: Order | null = null;
  let still = { epoch: 0, close: false };

  const say = (line: string): void => {
    if (how.transcript) transcript.push(`${((machine.t - dawnMs) / 1_000).toFixed(1)} ${line}`);
  };

  const ears: Ears = {
    decided: (before, after, notices) => {
      if (asked.pausedUntil !== null && steady(dog, machine) >= asked.pausedUntil) asked.pausedUntil = null;
      for (const notice of notices) {
        tally.note(`notice ${notice.kind}`);
        say(`notice ${notice.kind}: ${notice.text}`);
        checks.noticed(notice, after);
      }
      noteDecision(tally, before, after);
      if (
        before.phase.kind !== after.phase.kind &&
        after.phase.kind === 'exhausted' &&
        after.cause === 'port-orphan'
      )
        noteLeft(tally, machine);
      if (before.phase.kind !== after.phase.kind) say(`phase ${after.phase.kind} (${after.cause})`);
    },
    announced: (action, seen, order = null) => {
      checks.announced(action, { ...seen, order }, flight !== null);
      tally.note(`action ${action.step.kind}`);
      tally.note(`rung ${action.rung}`);
      say(`action ${action.step.kind} ${action.id}: ${action.because}`);
      flight = launch(action, { machine, skew: dog.skew, seed: story.seed });
      if (dieAt === 'before-deed') die(dieForS);
    },
  };

  const die = (forS: number): void => {
    tally.note(
      flight === null ? 'death' : flight.deed === null ? 'death before the deed' : 'death after the deed',
    );
    say('we die');
    dies(dog);
    flight = null;
    dieAt = null;
    ordered = null;
    looksFor = null;
    reviveAt = machine.t + forS * 1_000;
  };

  const doDeed = (flying: Flight): void => {
    const deed = carryOut(flying, machine);
    flying.deed = deed;
    settle(machine);
    say(`deed ${flying.action.id} ${deed.kind}`);
    checks.did(flying.action, { ...deed, kind: outcomeOf(flying) });
    if (dieAt === 'after-deed') die(dieForS);
  };

  const land = (flying: Flight): void => {
    const kind = outcomeOf(flying);
    flight = null;
    if (loseOutcome) {
      loseOutcome = false;
      machine.unjudged.add(flying.action.id);
      tally.note('outcome lost');
      return;
    }
    tally.note(`outcome ${kind}`);
    tally.note(`${flying.action.step.kind} ${kind}`);
    say(`outcome ${kind}`);
    finish(dog, machine, { actionId: flying.action.id, kind }, { rules, ears });
  };

  const happen = (what: Happening): void => {
    tally.note(`happening ${what.kind === 'spell' ? what.spell : what.kind}`);
    say(`* ${JSON.stringify(what)}`);
    switch (what.kind) {
      case 'resume':
        // Whoever wants it back sees to it that it runs.
        if (!dog.alive) begins(dog, machine, rules, ears);
        asked.pausedUntil = null;
        asked.at = machine.t;
        asked.inDoubt = false;
        command(dog, machine, { kind: 'resume' }, { rules, ears });
        return;
      case 'repair':
      case 'acknowledge':
        if (dog.alive) command(dog, machine, { kind: what.kind }, { rules, ears });
        return;
      case 'pause': {
        if (!dog.alive) return;
        const until = what.forS === null ? null : instant(steady(dog, machine) + what.forS * 1_000);
        asked.pausedUntil = until ?? never;
        asked.at = machine.t;
        command(dog, machine, { kind: 'pause', until, because: 'asked for' }, { rules, ears });
        return;
      }
      case 'order':
        if (!dog.alive) return;
        ordered = { force: what.force };
        nudge(dog, machine);
        return;
      case 'own-fault':
        if (!dog.alive || flight !== null) return;
        asked.inDoubt = true;
        doubts(dog, machine);
        tally.note('suspended own-fault');
        return;
      case 'lose-outcome':
        loseOutcome = true;
        return;
      case 'we-die':
        dieForS = what.downS;
        if (what.when !== 'now') dieAt = what.when;
        else if (dog.alive) die(what.downS);
        return;
      case 'starve':
        if (dog.alive && dog.waiting === null) dog.nextLookAt += what.forS * 1_000;
        return;
      case 'sleep':
        doze(what.forS * 1_000);
        return;
      default:
        strike(machine, what);
    }
  };

  const doze = (ms: number): void => {
    const { t } = machine;
    sleep(machine, ms);
    if (flight !== null)
      flight = {
        ...flight,
        deedAt: flight.deedAt >= t ? flight.deedAt + ms : flight.deedAt,
        outcomeAt: flight.outcomeAt + ms,
      };
    if (dog.waiting !== null) {
      const { endsAt, sleptMs } = dog.waiting;
      dog.waiting = { ...dog.waiting, endsAt: endsAt + ms, sleptMs: sleptMs + ms };
    }
    if (reviveAt !== never) reviveAt += ms;
    if (dog.alive) dog.nextLookAt = Math.max(dog.nextLookAt, machine.t);
    nextMark = markAfter(machine.t);
  };

  const act = (actions: readonly Action[]): void => {
    if (actions.length > 1) throw new Error('more than one action at once');
  };

  const lookNow = (): void => {
    if (dog.waiting === null) {
      looksFor = ordered;
      ordered = null;
    }
    const deep = machine.t >= nextMark || looksFor !== null;
    if (machine.t >= nextMark) nextMark = markAfter(machine.t);
    const looking = { rules, ears, tally, deep };
    act(
      dog.waiting === null ? startLook(dog, machine, looking) : endLook(dog, machine, looking, dog.waiting),
    );
    if (!dog.alive || dog.waiting !== null) return;
    checks.looked(dog.state);
    const order = looksFor;
    looksFor = null;
    // One that was given up on may still be at work: the order waits for its end.
    if (order !== null && flight !== null && dog.state.phase.kind !== 'repairing') ordered = order;
    else if (order !== null) {
      asked.at = machine.t;
      act(carryOutOrder(order, { dog, machine, rules, ears, tally, say }));
    }
    if (!dog.alive) return;
    connected = dog.evidence?.socket.kind === 'open';
    if (how.skip) skipAhead();
  };

  /** Goes to the last tick before anything may change, if nothing changed between the last two. */
  const skipAhead = (): void => {
    const known = still.epoch === machine.epoch;
    const close = dog.lastCloseAt === machine.t || (known && still.close);
    still = { epoch: machine.epoch, close };
    if (!known || !close || !dog.same || flight !== null || isHung(machine)) return;
    if (holds(machine, 'not-ready')) return;
    const story = happenings[next];
    const until = Math.min(story === undefined ? endAt : momentOf(story), nextChange(machine), endAt);
    const plan = planSkip(dog, { t: machine.t, until, policy: rules.policy });
    if (plan === null) return;
    dog.lastCloseAt = plan.lastCloseAt;
    dog.state = plan.state;
    dog.nextLookAt = plan.goTo;
    dog.dueAt = plan.goTo;
    nextMark = plan.nextMark;
    tally.note('ticks skipped', plan.ticks);
  };

  const step = (): boolean => {
    const story = happenings[next];
    const storyAt = story === undefined ? never : momentOf(story);
    const lookAt = !dog.alive
      ? never
      : dog.waiting !== null
        ? dog.waiting.endsAt
        : Math.min(dog.nextLookAt, nextMark);
    const deedAt = flight === null ? never : flight.deed === null ? flight.deedAt : flight.outcomeAt;
    const worldAt = nextChange(machine);
    const at = Math.min(storyAt, lookAt, deedAt, worldAt, dog.alive ? never : reviveAt);
    if (at >= endAt) return false;
    machine.t = Math.max(machine.t, at);
    if (worldAt <= at) {
      settle(machine);
    } else if (storyAt <= at) {
      next += 1;
      if (story !== undefined) happen(story.what);
      if (next === happenings.length) endAt = machine.t + afterwardsS * 1_000;
    } else if (deedAt <= at && flight !== null) {
      if (flight.deed === null) doDeed(flight);
      else land(flight);
    } else if (!dog.alive) {
      begins(dog, machine, rules, ears);
    } else {
      lookNow();
      return true;
    }
    // The held connection closing brings the next look forward.
    if (connected && dog.alive && machine.lastBroken !== null) {
      connected = false;
      nudge(dog, machine);
    }
    return true;
  };

  let violation: string | null = null;
  try {
    while (step());
    checks.ended(dog.state);
  } catch (error) {
    violation =
      error instanceof Violation
        ? error.message
        : `a bug: ${error instanceof Error ? error.stack : String(error)}`;
  }
  tally.note('looks', dog.looks);
  if (dog.state.nextIncident > 1) tally.note('incidents', dog.state.nextIncident - 1);
  return { violation, at: machine.t - dawnMs, tally, transcript };
}

const momentOf = ({ atS }: Story['happenings'][number]): number => dawnMs + atS * 1_000;
