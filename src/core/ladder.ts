import { type Budget, budget, isDisruptive, isPaid } from './budget.ts';
import type { Cause } from './cause.ts';
import type { Diagnosis } from './look.ts';
import type { Policy } from './policy.ts';
import { isSilence } from './silence.ts';
import type { ActionStep, Attempt, Incident, Open, Rung, State } from './state.ts';
import { backoffUntil } from './strain.ts';
import { type Instant, type Millis, millis, plus, seconds } from './time.ts';
import { spell, spellUntil } from './words.ts';

/** How long the step may take, from its beginning. */
export const deadlineMsOf = (step: ActionStep, policy: Policy): Millis =>
  rungOf(step) === 'L2' ? policy.reinstallMs : policy.actionDeadlineMs;

export type Permit =
  | { readonly kind: 'go' }
  /** Waiting helps. */
  | { readonly kind: 'wait'; readonly because: string }
  /** A person is needed. */
  | { readonly kind: 'spent'; readonly because: string };

export function rungOf(step: ActionStep): Rung {
  switch (step.kind) {
    case 'restart':
    case 'start':
    case 'reload':
    case 'unpark':
    case 'end-orphan':
      return 'L1';
    case 'reinstall':
      return 'L2';
    case 'rollback':
      return 'L3';
    case 'undo':
      return step.what === 'reinstall' ? 'L2' : 'L3';
    /* v8 ignore next -- @preserve: the compiler proves that nothing gets here */
    default:
      return step satisfies never;
  }
}

/** The attempts that count: those made since what the incident rests on last changed. */
const attemptsNow = (incident: Incident): readonly Attempt[] =>
  incident.attempts.slice(incident.attemptsFrom);

/** An action is refused when the world changed between the look and the deed: a few in a row are bad luck, more is a
 *  disagreement between our eyes and our hands that no repetition mends. */
const refusalsAllowed = 5;

/** What refused once is tried again at once; a command at work on the config, say, is given up to a minute to end. */
const refusalPausesMs: readonly Millis[] = [0, 5, 15, 45].map((length) => seconds(length));

const longestPauseMs = Math.max(...refusalPausesMs);

/** When the next try may be made after a refusal; null where there was none. */
export function refusedUntil({ refusals, refused }: State): Instant | null {
  const pauseMs = refusalPausesMs[refusals - 1];
  return refused === null || pauseMs === undefined ? null : plus(refused.at, pauseMs);
}

function afterRefusals(state: State, now: Instant): Permit | null {
  const { refusals, refused } = state;
  if (refusals >= refusalsAllowed) {
    const last = refused === null ? '' : `; the last time: ${refused.because}`;
    return { kind: 'spent', because: `every attempt to act was refused${last}` };
  }
  const until = refusedUntil(state);
  // Longer than it was ever granted means that the clock was set back since: that is no reason to wait.
  if (until === null || until <= now || until - now > longestPauseMs) return null;
  return { kind: 'wait', because: `it was refused just now, next try in ${spellUntil(until, now)}` };
}

/** Whether the step may be made now: attempts of its rung, its own limit, the one budget, the pause after the last. */
export function permit(
  state: Open,
  { step, cause }: { readonly step: ActionStep; readonly cause: Cause },
  { now, policy }: { readonly now: Instant; readonly policy: Policy },
): Permit {
  const resisted = afterRefusals(state, now);
  if (resisted !== null) return resisted;
  const tried = triedAlready(state, { step, cause }, policy);
  if (tried !== null) return { kind: 'spent', because: tried };
  const limited = ownLimit(state, step, { now, policy });
  if (limited !== null) return limited;
  // The start that follows a repair was paid for with it; what is made beside a gateway that serves disrupts nothing.
  if (!isDisruptive(state, step) || isPaid(state)) return { kind: 'go' };
  const room = budget(state, now, policy);
  if (room.kind !== 'free') return { kind: room.kind, because: budgetWords(room, now, policy) };
  const until = backoffUntil(state, policy);
  // Longer than it was ever granted means that the clock was set back since: that is no reason to wait.
  if (until !== null && until > now && until - now <= policy.backoffMaxMs) {
    return {
      kind: 'wait',
      because: `the action before it is given time to help: next one in ${spellUntil(until, now)}`,
    };
  }
  return { kind: 'go' };
}

function triedAlready(
  state: Open,
  { step, cause }: { readonly step: ActionStep; readonly cause: Cause },
  policy: Policy,
): string | null {
  const { incident } = state;
  if (step.kind === 'reinstall' || step.kind === 'rollback') {
    // Over the whole incident: the same archive or snapshot would be the same again. Only one that could not be put
    // in place is worth another try, when something has changed or a person asks for it.
    // One after which the package was whole has helped: what is damaged by now was damaged anew.
    const helped = (kind: Attempt['kind'], outcome: Attempt['outcome']): boolean =>
      kind === 'reinstall' && outcome === 'kept';
    const same = incident.attempts.some(
      ({ kind, remedy, outcome }, n) =>
        kind === step.kind &&
        remedy === step.remedy &&
        !helped(kind, outcome) &&
        (n >= incident.attemptsFrom || outcome !== 'failed'),
    );
    return same ? `the ${step.kind} with ${step.remedy} has been tried already and did not help` : null;
  }
  if (step.kind === 'undo') {
    const undone = incident.attempts.filter(({ kind, remedy }) => kind === 'undo' && remedy === step.of);
    return undone.length >= policy.restartAttempts
      ? `the ${step.what} ${step.of} did not help and could not be taken back`
      : null;
  }
  // The one start that follows a repair is the repair's own, however many starts there were before.
  if (isPaid(state)) return null;
  const sameCause = ({ cause: before }: Attempt): boolean =>
    before === cause || (isSilence(before) && isSilence(cause));
  const tried = attemptsNow(incident).filter((each) => each.rung === 'L1' && sameCause(each)).length;
  if (tried < policy.restartAttempts) return null;
  const what = step.kind === 'end-orphan' ? 'attempt to end such a gateway' : 'restart';
  return `${tried} ${tried === 1 ? what : what.replace(/^\w+/, '$&s')} did not help`;
}

/** Which of the two windows is full, and until when. */
export function budgetWords(
  room: Exclude<Budget, { readonly kind: 'free' }>,
  now: Instant,
  policy: Policy,
): string {
  const until = spellUntil(room.until, now);
  const { limit, windowMs } = room.kind === 'wait' ? policy.burst : policy.sustained;
  return room.kind === 'wait'
    ? `the budget of ${limit} in ${spell(windowMs)} is used up, next action in ${until}`
    : `the budget of ${limit} actions in ${spell(windowMs)} is used up; the next one is possible in ${until}`;
}

function ownLimit(
  state: State,
  step: ActionStep,
  { now, policy }: { readonly now: Instant; readonly policy: Policy },
): Permit | null {
  if (step.kind !== 'reinstall' && step.kind !== 'rollback') return null;
  const { limit, windowMs } = step.kind === 'reinstall' ? policy.reinstalls : policy.rollbacks;
  const made = step.kind === 'reinstall' ? state.reinstalls : state.rollbacks;
  const inside = made.filter((at) => now - at < windowMs);
  const freeing = inside[inside.length - limit];
  if (freeing === undefined) return null;
  return {
    kind: 'spent',
    because: `the limit of ${limit} automatic ${step.kind}s in ${spell(windowMs)} is reached; the next one is possible in ${spellUntil(plus(freeing, millis(windowMs)), now)}`,
  };
}

/** What the ladder would do for a diagnosis, in a few words. */
export function stepWords(step: ActionStep): string {
  switch (step.kind) {
    case 'restart':
      return 'restart the gateway';
    case 'start':
      return 'start the gateway';
    case 'reload':
      return "load the gateway's job and start it";
    case 'unpark':
      return "enable and load the gateway's job and start it";
    case 'end-orphan':
      return `end the gateway that launchd did not start (pid ${step.orphan.pid})`;
    case 'reinstall':
      return `repair the openclaw package with ${step.remedy}`;
    case 'rollback':
      return `roll the config back to ${step.remedy}`;
    case 'undo':
      return `take back the ${step.what} ${step.of}, which did not help`;
    /* v8 ignore next -- @preserve: the compiler proves that nothing gets here */
    default:
      return step satisfies never;
  }
}

export type Failing = Diagnosis & { readonly stance: 'failing' };
