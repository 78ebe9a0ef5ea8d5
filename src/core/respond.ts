import { budget, forget } from './budget.ts';
import { type Decision, decision, inDoubt, pausedText, suspend } from './decision.ts';
import { diagnose } from './diagnosis.ts';
import type { Evidence } from './evidence.ts';
import { noteGeneration } from './generation.ts';
import { act, close, exhaust, open, tell, tooManyRefusals } from './incident.ts';
import type { Diagnosis, Rules } from './look.ts';
import type { Notice } from './notice.ts';
import type { Policy } from './policy.ts';
import type { Cause, State } from './state.ts';
import { type Instant, instant, millis, plus, seconds, since } from './time.ts';
import { spell, spellUntil } from './words.ts';

/** A delay below this is ordinary scheduling; a longer one is no part of what the gateway is charged with. */
const ordinaryDelayMs = seconds(5);

/** Turns one look at the world into the next state, and at most one action. */
export function respond(before: State, evidence: Evidence, now: Instant, rules: Rules): Decision {
  const { policy } = rules;
  const seen = expirePause(noteGeneration(forget(before, now, policy), evidence, now), now);
  const overdue =
    seen.phase.kind === 'repairing' && now > plus(seen.phase.action.deadlineAt, policy.actionDeadlineMs);
  // Liveness is held while an action is in flight: its outcome, not a look, ends this phase.
  if (seen.phase.kind === 'repairing' && !overdue) return decision(slept(seen, evidence, now));

  const held = slept(seen, evidence, now);
  // An outcome that never came is an action we died in: look anew before anything else is done.
  const alone: State = overdue ? { ...held, failing: null, phase: { kind: 'starting' } } : held;
  const gapped = evidence.gapMs > policy.gapMs;
  const state: State = gapped
    ? { ...alone, failing: null, graceUntil: plus(now, policy.wakeGraceMs) }
    : alone;
  const diagnosis = diagnose({ evidence, state, now, rules });
  const notes = diagnosis.stance === 'ready' ? diagnosis.notes : [];
  const leftDown = diagnosis.cause === 'unloaded-again' || (state.leftDown && !isLoaded(evidence));
  const named: State = { ...state, cause: diagnosis.cause, because: diagnosis.because, notes, leftDown };

  if (inDoubt(state)) return decision({ ...named, phase: state.phase, failing: null });
  if (diagnosis.stance === 'ready') return ready(named, now, rules);
  if (state.pause !== null) return decision(suspend(named, 'paused', pausedText(state, now)));
  if (diagnosis.stance === 'hands-off') return handsOff(named, diagnosis, now, policy);
  if (diagnosis.stance === 'wait') return wait(named, diagnosis, now);
  // Longer than it was ever granted means that the clock was set back since: that is no grace.
  const grace = state.graceUntil === null ? 0 : state.graceUntil - now;
  if (grace > 0 && grace <= policy.wakeGraceMs) {
    return decision(
      suspend(
        named,
        'woken',
        `this machine slept or was starved; nothing counts as failure for ${spell(grace)}`,
      ),
    );
  }
  switch (diagnosis.stance) {
    case 'unknown':
      return unknown(named, now, rules);
    case 'untouchable':
      return untouchable(named, diagnosis, now, policy);
    case 'failing':
      return failing(named, diagnosis, now, rules);
    default:
      return diagnosis satisfies never;
  }
}

function ready(named: State, now: Instant, { policy }: Rules): Decision {
  const calm: State = { ...named, failing: null, unknownSince: null, wanted: 'up' };
  const told = calm.told.filter((key) => calm.notes.includes(key));
  const news = calm.notes.filter((note) => !told.includes(note));
  const notices = news.map(
    (note): Notice => ({ kind: 'told', at: now, incident: calm.incident?.id ?? null, text: note }),
  );
  if (told.length < calm.told.length && news.length === 0) {
    notices.push({
      kind: 'told',
      at: now,
      incident: calm.incident?.id ?? null,
      text: 'what was told before is over: the gateway serves',
    });
  }
  const quiet: State = { ...calm, graceUntil: null, told: [...told, ...news] };
  if (quiet.incident === null) {
    const phase =
      quiet.pause === null
        ? { kind: 'healthy' as const }
        : { kind: 'suspended' as const, cause: 'paused' as const };
    return decision({ ...quiet, phase }, notices);
  }
  const serving = quiet.phase.kind === 'probation' ? quiet.phase.since : now;
  const steady = since(serving, now);
  const incident = { ...quiet.incident, servingAt: serving };
  if (steady < policy.stableMs) {
    return decision(
      {
        ...quiet,
        incident,
        phase: { kind: 'probation', since: serving },
        because: `serving again for ${spell(steady)}; the incident closes after ${spell(policy.stableMs)}`,
      },
      notices,
    );
  }
  const closed = close({ ...quiet, incident, phase: { kind: 'healthy' } }, 'resolved', now);
  return decision(closed.state, [...notices, ...closed.notices]);
}

function wait(named: State, diagnosis: Diagnosis & { stance: 'wait' }, now: Instant): Decision {
  const phase = named.phase.kind === 'exhausted' ? named.phase : { kind: 'starting' as const };
  const state: State = { ...named, phase, failing: null, unknownSince: null, wanted: 'up' };
  if (!diagnosis.opens || state.incident !== null) return decision(state);
  const opened = open(state, now, now);
  return decision(opened.state, opened.notices);
}

function handsOff(
  named: State,
  diagnosis: Diagnosis & { stance: 'hands-off' },
  now: Instant,
  policy: Policy,
): Decision {
  const byOperator = diagnosis.endsIncident === true;
  const state: State = {
    ...suspend(named, diagnosis.cause, diagnosis.because),
    wanted: byOperator ? 'down' : named.wanted,
  };
  if (diagnosis.needsPerson === true) {
    const began = named.unknownSince ?? now;
    const waiting: State = { ...state, unknownSince: began };
    if (since(began, now) < policy.unknownTellMs) return decision(waiting);
    const told = tell(waiting, diagnosis.because, diagnosis.cause, now);
    return decision(told.state, told.notices);
  }
  if (!byOperator || state.incident === null) return decision(state);
  const closed = close(state, 'closed', now);
  return decision(closed.state, closed.notices);
}

function unknown(named: State, now: Instant, { policy }: Rules): Decision {
  const began = named.unknownSince ?? now;
  const state: State = { ...named, unknownSince: began, failing: null };
  if (since(began, now) < policy.unknownTellMs) return decision(state);
  const told = tell(
    state,
    `cannot tell for ${spell(policy.unknownTellMs)}: ${named.because}`,
    'unknown',
    now,
  );
  return decision(told.state, told.notices);
}

function untouchable(
  named: State,
  diagnosis: Diagnosis & { stance: 'untouchable' },
  now: Instant,
  policy: Policy,
): Decision {
  const state = count(named, { cause: diagnosis.cause, at: now, now, policy });
  const held = since(state.failing?.since ?? now, now);
  if (held < diagnosis.dueAfterMs)
    return decision({ ...state, phase: keepExhausted(state, { kind: 'suspect' }) });
  const opened = open(state, state.failing?.since ?? now, now);
  const given = exhaust(opened.state, diagnosis.because, now);
  return decision(given.state, [...opened.notices, ...given.notices]);
}

function failing(
  named: State,
  diagnosis: Diagnosis & { stance: 'failing' },
  now: Instant,
  rules: Rules,
): Decision {
  const { policy } = rules;
  const counted = count(named, { cause: diagnosis.cause, at: diagnosis.since ?? now, now, policy });
  const began = counted.failing?.since ?? now;
  const misses = counted.failing?.misses ?? 1;
  // Silence counts up to the last question that stayed unanswered, not through our own slower lookups after it.
  const held = since(began, diagnosis.until ?? now);
  const quiet = held < diagnosis.opensAfterMs || misses < policy.missesToOpen;
  if (quiet && counted.incident === null) {
    return decision({ ...counted, phase: { kind: diagnosis.opensAfterMs > 0 ? 'starting' : 'suspect' } });
  }
  const opened = open(counted, began, now);
  const suspect: State = { ...opened.state, phase: keepExhausted(opened.state, { kind: 'suspect' }) };
  if (held < diagnosis.dueAfterMs || misses < policy.missesToOpen) {
    const left = spell(Math.max(0, diagnosis.dueAfterMs - held));
    const because =
      diagnosis.step === null
        ? diagnosis.because
        : `${diagnosis.because}; acts in ${left} unless it recovers`;
    return decision({ ...suspect, because }, opened.notices);
  }
  // One look at the process that failed proves nothing: only a lasting one is told, and a later proof still counts.
  if (diagnosis.step === null && held < diagnosis.dueAfterMs + policy.unknownTellMs) {
    const because = `${diagnosis.because}; which process that is could not be proven yet`;
    return decision({ ...suspect, because }, opened.notices);
  }
  const acted = act(suspect, diagnosis, now, rules);
  if (acted !== null) return decision(acted.state, [...opened.notices, ...acted.notices], acted.actions);
  const room = budget(suspect, now, policy);
  if (room.kind === 'wait') {
    const text = `${diagnosis.because}; the budget of ${policy.burst.limit} in ${spell(policy.burst.windowMs)} is used up, next action in ${spellUntil(room.until, now)}`;
    return decision({ ...suspect, because: text }, opened.notices);
  }
  const why =
    diagnosis.step === null
      ? `${diagnosis.because}; which process that is could not be proven, so nothing was done`
      : room.kind === 'spent'
        ? `${diagnosis.because}; all ${policy.sustained.limit} actions of ${spell(policy.sustained.windowMs)} are used up`
        : `${diagnosis.because}; ${tooManyRefusals(suspect) ? 'the actions were refused' : `${policy.restartAttempts} attempts did not help`}`;
  const given = exhaust(suspect, why, now);
  return decision(given.state, [...opened.notices, ...given.notices]);
}

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
    default:
      return service satisfies never;
  }
}

function expirePause(state: State, now: Instant): State {
  const until = state.pause?.until ?? null;
  return until !== null && now >= until ? { ...state, pause: null } : state;
}

interface Miss {
  readonly cause: Cause;
  /** When it began, as far as this look proves. */
  readonly at: Instant;
  readonly now: Instant;
  readonly policy: Policy;
}

/** One more look that failed for a cause. Looks far apart, because we were dead or asleep, are no run. */
function count(state: State, { cause, at, now, policy }: Miss): State {
  const run = state.failing;
  const unbroken = run !== null && now - run.seenAt <= Math.max(policy.gapMs, 3 * policy.tickMs);
  const same = unbroken && run.cause === cause;
  return {
    ...state,
    // A single failing look among unknown ones settles nothing: unknown for long is still told.
    unknownSince: same ? null : state.unknownSince,
    wanted: 'up',
    failing: same
      ? { ...run, seenAt: now, misses: run.misses + 1 }
      : { cause, since: at, seenAt: now, misses: 1 },
  };
}

function keepExhausted(state: State, otherwise: State['phase']): State['phase'] {
  return state.phase.kind === 'exhausted' ? state.phase : otherwise;
}
