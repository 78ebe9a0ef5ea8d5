import { budget, forget } from './budget.ts';
import { type Decision, decision, pausedText, suspend } from './decision.ts';
import { diagnose } from './diagnosis.ts';
import type { Evidence } from './evidence.ts';
import { noteGeneration } from './generation.ts';
import { act, close, exhaust, open, tell } from './incident.ts';
import type { Diagnosis, Rules } from './look.ts';
import type { Notice } from './notice.ts';
import type { State } from './state.ts';
import { type Instant, plus, since } from './time.ts';
import { spell, spellUntil } from './words.ts';

/** Turns one look at the world into the next state, and at most one action. */
export function respond(before: State, evidence: Evidence, now: Instant, rules: Rules): Decision {
  const { policy } = rules;
  const seen = expirePause(noteGeneration(forget(before, now, policy), evidence, now), now);
  const overdue =
    seen.phase.kind === 'repairing' && now > plus(seen.phase.action.deadlineAt, policy.actionDeadlineMs);
  // Liveness is held while an action is in flight: its outcome, not a look, ends this phase.
  if (seen.phase.kind === 'repairing' && !overdue) return decision(seen);

  const gapped = evidence.gapMs > policy.gapMs;
  const state: State = gapped ? { ...seen, failing: null, graceUntil: plus(now, policy.wakeGraceMs) } : seen;
  const diagnosis = diagnose({ evidence, state, now, rules });
  const notes = diagnosis.stance === 'ready' ? diagnosis.notes : [];
  const named: State = { ...state, cause: diagnosis.cause, because: diagnosis.because, notes };

  if (diagnosis.stance === 'ready') return ready(named, now, rules);
  if (state.pause !== null) return decision(suspend(named, 'paused', pausedText(state, now)));
  if (state.phase.kind === 'suspended' && state.phase.cause === 'journal-in-doubt')
    return decision({ ...named, phase: state.phase });
  if (diagnosis.stance === 'hands-off') return handsOff(named, diagnosis, now);
  if (diagnosis.stance === 'wait') return wait(named, diagnosis, now);
  if (state.graceUntil !== null && now < state.graceUntil) {
    return decision(
      suspend(
        named,
        'woken',
        `this machine slept or was starved; nothing counts as failure for ${spellUntil(state.graceUntil, now)}`,
      ),
    );
  }
  switch (diagnosis.stance) {
    case 'unknown':
      return unknown(named, now, rules);
    case 'untouchable':
      return untouchable(named, diagnosis, now);
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
  const quiet: State = { ...calm, told: [...told, ...news] };
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

function handsOff(named: State, diagnosis: Diagnosis & { stance: 'hands-off' }, now: Instant): Decision {
  const byOperator = diagnosis.endsIncident === true;
  const state: State = {
    ...suspend(named, diagnosis.cause, diagnosis.because),
    wanted: byOperator ? 'down' : 'up',
  };
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

function untouchable(named: State, diagnosis: Diagnosis & { stance: 'untouchable' }, now: Instant): Decision {
  const state = count(named, diagnosis.cause, now);
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
  const counted = count(named, diagnosis.cause, diagnosis.since ?? now);
  const began = counted.failing?.since ?? now;
  const misses = counted.failing?.misses ?? 1;
  const held = since(began, now);
  const quiet = held < diagnosis.opensAfterMs || misses < policy.missesToOpen;
  if (quiet && counted.incident === null) {
    return decision({ ...counted, phase: { kind: diagnosis.opensAfterMs > 0 ? 'starting' : 'suspect' } });
  }
  const opened = open(counted, began, now);
  const suspect: State = { ...opened.state, phase: keepExhausted(opened.state, { kind: 'suspect' }) };
  if (held < diagnosis.dueAfterMs || misses < policy.missesToOpen) {
    const left = spell(Math.max(0, diagnosis.dueAfterMs - held));
    return decision(
      { ...suspect, because: `${diagnosis.because}; acts in ${left} unless it recovers` },
      opened.notices,
    );
  }
  if (suspect.phase.kind === 'exhausted' && suspect.phase.cause === diagnosis.cause)
    return decision(suspect, opened.notices);
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
        : `${diagnosis.because}; ${policy.restartAttempts} attempts did not help`;
  const given = exhaust(suspect, why, now);
  return decision(given.state, [...opened.notices, ...given.notices]);
}

function expirePause(state: State, now: Instant): State {
  const until = state.pause?.until ?? null;
  return until !== null && now >= until ? { ...state, pause: null } : state;
}

function count(state: State, cause: State['cause'], at: Instant): State {
  const run = state.failing;
  const same = run !== null && run.cause === cause;
  return {
    ...state,
    unknownSince: null,
    wanted: 'up',
    failing: same ? { ...run, misses: run.misses + 1 } : { cause, since: at, misses: 1 },
  };
}

function keepExhausted(state: State, otherwise: State['phase']): State['phase'] {
  return state.phase.kind === 'exhausted' ? state.phase : otherwise;
}
