import { noteAudit } from './audit-seen.ts';
import { noteConfig } from './blocker-config.ts';
import { forget } from './budget.ts';
import { type Decision, decision, inDoubt, pause, suspend } from './decision.ts';
import { diagnose } from './diagnosis.ts';
import type { Evidence } from './evidence.ts';
import { noteLoss } from './flap.ts';
import { noteGeneration } from './generation.ts';
import { noteRollback } from './in-place.ts';
import { open, reopen } from './incident.ts';
import { deadlineMsOf } from './ladder.ts';
import type { Assessment, Diagnosis, Rules } from './look.ts';
import { notePackage } from './package-seen.ts';
import { noteMemory } from './resources.ts';
import { type Moment, unknown, untouchable } from './respond-doubt.ts';
import { failing } from './respond-failing.ts';
import { handsOff } from './respond-hands-off.ts';
import { ready } from './respond-ready.ts';
import { changeOf, completed, standing } from './standing.ts';
import { isOpen, type State } from './state.ts';
import { noteServing } from './strain.ts';
import { type Instant, instant, millis, plus, seconds } from './time.ts';
import { spell } from './words.ts';

/** A delay below this is ordinary scheduling; a longer one is no part of what the gateway is charged with. */
const ordinaryDelayMs = seconds(5);

/** Turns one look at the world into the next state, and at most one action. */
export function respond(before: State, evidence: Evidence, now: Instant, rules: Rules): Decision {
  const { policy } = rules;
  const seen = remember(expirePause(forget(before, now, policy), now), evidence, now);
  const overdue =
    seen.phase.kind === 'repairing' &&
    now > plus(seen.phase.action.deadlineAt, deadlineMsOf(seen.phase.action.step, policy));
  const rested = slept(seen, evidence, now);
  const held: State =
    evidence.gapMs > policy.gapMs
      ? { ...rested, failing: null, graceUntil: plus(now, policy.wakeGraceMs) }
      : rested;
  // Liveness is held while an action is in flight: its outcome, not a look, ends this phase.
  if (held.phase.kind === 'repairing' && !overdue) return decision(held);

  // An outcome that does not come is given up on, and the gateway is looked at anew. Should the action still be at work,
  // the loop does not begin another before it has ended.
  const state: State = overdue ? { ...held, failing: null, phase: { kind: 'starting' } } : held;
  const assessment = diagnose({ evidence, state, now, rules });
  const named = name(state, assessment, evidence);
  if (inDoubt(state)) return decision({ ...named, phase: state.phase, failing: null });
  return answer(mark(named, assessment.lead, { now, rules, evidence }), assessment, { now, rules, evidence });
}

function answer(named: State, assessment: Assessment, moment: Moment): Decision {
  const { lead } = assessment;
  const { now, rules } = moment;
  if (lead.stance === 'ready') return ready(named, assessment, moment);
  if (named.pause !== null) return decision(pause(named, now));
  if (lead.stance === 'hands-off') return handsOff(named, lead, moment);
  if (lead.stance === 'wait') return wait(named, lead, moment);
  // Longer than it was ever granted means that the clock was set back since: that is no grace.
  const grace = named.graceUntil === null ? 0 : named.graceUntil - now;
  if (grace > 0 && grace <= rules.policy.wakeGraceMs) {
    const because = `this machine slept or was starved; nothing counts as failure for ${spell(grace)}`;
    return decision(suspend(named, { cause: 'woken', because }, { now, until: named.graceUntil }));
  }
  switch (lead.stance) {
    case 'unknown':
      return unknown(named, moment);
    case 'untouchable':
      return untouchable(named, { ...assessment, lead }, moment);
    case 'failing':
      return failing(named, { ...assessment, lead }, moment);
    /* v8 ignore next -- @preserve: the compiler proves that nothing gets here */
    default:
      return lead satisfies never;
  }
}

/** What every look teaches, whatever is decided. */
function remember(state: State, evidence: Evidence, now: Instant): State {
  const generation = noteAudit(noteGeneration(state, evidence, now), evidence);
  const config = noteRollback(generation, noteConfig(generation, evidence.ground.config, now));
  return noteMemory(notePackage(config, evidence.ground.dependencies, now), evidence, now);
}

function name(state: State, { lead, also }: Assessment, evidence: Evidence): State {
  const leftDown = lead.cause === 'unloaded-again' || (state.leftDown && !isLoaded(evidence));
  return {
    ...state,
    cause: lead.cause,
    because: lead.because,
    notes: lead.stance === 'ready' ? [...also.map(({ because }) => because), ...lead.notes] : [],
    noted: lead.stance === 'ready' ? state.noted : [],
    also: also.map(({ cause }) => cause),
    leftDown,
    // Whoever started it: no start belongs to a repair any more.
    round: lead.stance === 'ready' ? null : state.round,
    auditSeen: lead.stance === 'ready' ? null : state.auditSeen,
  };
}

/** Losses of a serving gateway, healthy time, and whether an exhausted incident stands on other ground now. */
function mark(state: State, lead: Diagnosis, { now, rules, evidence }: Moment): State {
  const { policy } = rules;
  if (lead.stance === 'unknown') return state;
  const serves = lead.stance === 'ready';
  const timed = noteServing(state, serves, { now, policy });
  const lost =
    !serves && lead.stance !== 'hands-off' && lead.cause !== 'draining' && lead.cause !== 'booting';
  const inIncident = state.phase.kind === 'probation';
  const marked = lost && inIncident ? noteLoss(timed, now, policy) : timed;
  if (serves || !isOpen(marked)) return marked;
  const { exhaustedOn: on } = marked.incident;
  if (on === null) return marked;
  const is = standing(evidence, policy);
  if (changeOf(on, is) !== null) return reopen(marked);
  return { ...marked, incident: { ...marked.incident, exhaustedOn: completed(on, is) } };
}

function wait(named: State, diagnosis: Diagnosis & { stance: 'wait' }, { now, rules }: Moment): Decision {
  const phase = named.phase.kind === 'exhausted' ? named.phase : { kind: 'starting' as const };
  // A start that has just ended before a port somebody else holds says nothing of that port.
  const failing = diagnosis.cause === 'crashed' && holdsPort(named.failing) ? named.failing : null;
  const state: State = { ...named, phase, failing, unknownSince: null, wanted: 'up' };
  if (!diagnosis.opens || state.incident !== null) return decision(state);
  const opened = open(state, now, { now, policy: rules.policy });
  return decision(opened.state, opened.notices);
}

const holdsPort = (run: State['failing']): boolean =>
  run?.cause === 'port-foreign' || run?.cause === 'port-orphan';

/** Time in which this machine slept, or starved us, is neither silence nor booting of the gateway. */
function slept(state: State, { gapMs }: Evidence, now: Instant): State {
  if (gapMs <= ordinaryDelayMs) return state;
  const { failing: run, generation } = state;
  const seenBefore = generation !== null && generation.firstSeenAt < now;
  return {
    ...state,
    failing: run === null ? null : { ...run, since: instant(Math.min(now, run.since + gapMs)) },
    asleepMs: seenBefore ? millis(state.asleepMs + gapMs) : state.asleepMs,
  };
}

function isLoaded({ service }: Evidence): boolean {
  switch (service.kind) {
    case 'running':
    case 'scheduled':
    case 'stopping':
    case 'pended':
    case 'stopped':
      return true;
    case 'not-loaded':
    case 'unread':
    case 'no-domain':
    case 'unknown':
      return false;
    /* v8 ignore next -- @preserve: the compiler proves that nothing gets here */
    default:
      return service satisfies never;
  }
}

function expirePause(state: State, now: Instant): State {
  const until = state.pause?.until ?? null;
  return until !== null && now >= until ? { ...state, pause: null } : state;
}
