import { announce } from './act.ts';
import { type Blocker, blockers } from './blockers.ts';
import { budget, isPaid } from './budget.ts';
import type { Cause } from './cause.ts';
import { type Decision, decision, inDoubt } from './decision.ts';
import { diagnose } from './diagnosis.ts';
import { isBooting } from './diagnosis-running.ts';
import type { Evidence } from './evidence.ts';
import { noteGeneration } from './generation.ts';
import { open } from './incident.ts';
import { budgetWords, stepWords } from './ladder.ts';
import type { Diagnosis, Look, Rules } from './look.ts';
import type { Notice } from './notice.ts';
import type { Policy } from './policy.ts';
import type { ActionStep, State } from './state.ts';
import { type Instant, type Millis, millis, since } from './time.ts';

/** What comes of a person's order to start or restart the gateway. */
export type Asked =
  | {
      readonly kind: 'go';
      readonly step: ActionStep;
      readonly cause: Cause;
      readonly because: string;
      /** Which budget is overridden, in words. */
      readonly over: string | null;
    }
  /** Waiting is all that is due: it is on its way already. */
  | { readonly kind: 'nothing'; readonly because: string }
  | {
      readonly kind: 'refused';
      readonly because: string;
      /** What to type next. */
      readonly next: string;
    };

export interface Order {
  readonly evidence: Evidence;
  /** Beyond the budget too. Nothing else is overridden. */
  readonly force: boolean;
  readonly by: string;
}

interface AskedMoment {
  readonly now: Instant;
  readonly rules: Rules;
  readonly force: boolean;
}

/**
 * The order is a person's, so a pause and `observe` do not hold it, and neither does a gateway that serves. What a start
 * could not survive does, for whoever restarts a gateway wants it back; so does what nobody can tell.
 */
export function answerRestart(state: State, evidence: Evidence, { now, rules, force }: AskedMoment): Asked {
  // Whoever asks without a daemon has a state that does not know this process yet.
  const look: Look = { evidence, state: noteGeneration(state, evidence, now), now, rules };
  const { lead } = diagnose(look);
  const hindrance = ownState(state) ?? othersAtWork(look, lead) ?? inTheWay(look, lead);
  if (hindrance !== null) return hindrance;
  const step = stepFor(look, lead);
  if (step.kind === 'nothing' || step.kind === 'refused') return step;
  const room = isPaid(state) ? ({ kind: 'free' } as const) : budget(state, now, rules.policy);
  const { cause, because } = lead;
  if (room.kind === 'free') return { kind: 'go', step, cause, because, over: null };
  const full = budgetWords(room, now, rules.policy);
  return force ? { kind: 'go', step, cause, because, over: full } : refused(full, 'immune restart --force');
}

/** Both the action and a boot of the slowest kind are given up on, and so is the order. */
export const orderWithinMs = ({ actionDeadlineMs, bootGraceMs, validatorMs }: Policy): Millis =>
  millis(2 * actionDeadlineMs + bootGraceMs + validatorMs);

/** Carries the order into the state: charged like every action, in an incident like every action. */
export function restartAsked(
  before: State,
  { evidence, force, by }: Order,
  now: Instant,
  rules: Rules,
): Decision {
  const asked = answerRestart(before, evidence, { now, rules, force });
  if (asked.kind !== 'go') return decision(before);
  const { step, cause } = asked;
  const over = asked.over === null ? '' : `; by force, though ${asked.over}`;
  const because = `asked by ${by}: ${asked.because}${over}`;
  // An order to start overrules every stop before it.
  const wanted: State = { ...before, cause, wanted: 'up', leftDown: false, failing: null };
  const named: State =
    before.incident === null ? { ...wanted, because: `asked by ${by} to ${stepWords(step)}` } : wanted;
  const opened = open(named, now, { now, policy: rules.policy, cause });
  const announced = announce(opened.state, { step, cause, because, asked: true }, now, rules);
  const begun = opened.notices.map((notice): Notice => ({ ...notice, asked: true }));
  return decision(announced.state, [...begun, ...announced.notices], announced.actions);
}

const refused = (because: string, next: string): Asked & { readonly kind: 'refused' } => ({
  kind: 'refused',
  because,
  next,
});
const nothing = (because: string): Asked & { readonly kind: 'nothing' } => ({ kind: 'nothing', because });

type Held = Exclude<Asked, { readonly kind: 'go' }>;

function ownState(state: State): Held | null {
  const { phase } = state;
  if (phase.kind === 'repairing') {
    const { id, step } = phase.action;
    return refused(`an action is in flight already: ${stepWords(step)} (${id})`, 'immune status');
  }
  return inDoubt(state)
    ? refused(
        'the watchdog is in doubt about itself, and decides nothing before "immune resume"',
        'immune resume',
      )
    : null;
}

function othersAtWork({ evidence: { update, ground } }: Look, lead: Diagnosis): Held | null {
  if (leftAlone.has(lead.cause)) return refused(lead.because, 'immune status');
  if (lead.cause === 'not-installed') return refused(lead.because, 'openclaw gateway install');
  const marker =
    update.kind === 'running'
      ? update.marker
      : ground.dependencies.kind === 'installing'
        ? ground.dependencies.because
        : null;
  // A gateway that serves leads the diagnosis, and is no reason to cut into an update of it.
  if (marker !== null) return refused(`an OpenClaw update is running (${marker})`, 'immune status');
  return update.kind === 'unknown'
    ? refused(`whether an OpenClaw update is running cannot be told: ${update.because}`, 'immune check --why')
    : null;
}

const leftAlone: ReadonlySet<Cause> = new Set<Cause>(['update-running', 'host-suspended', 'no-domain']);

/** What a start would run into. */
function inTheWay(look: Look, lead: Diagnosis): Held | null {
  const { listener, ground, parkCause, service } = look.evidence;
  if (listener.kind === 'orphan') {
    const because = `a gateway that the service manager did not start (pid ${listener.pid}) holds the port`;
    return refused(because, 'immune fix-port');
  }
  if (listener.kind === 'foreign' && lead.stance !== 'ready') {
    const holder =
      listener.pid === null ? 'another program' : `process ${listener.pid} (${listener.command})`;
    return refused(`the gateway's port is held by ${holder}`, 'immune fix-port');
  }
  // A suspicion may be older than the hand that mended it; of a gateway that serves even that is reason enough.
  const blocker = blockers(look).find(
    ({ confidence, mend }) =>
      confidence === 'certain' ||
      (confidence === 'likely' && mend.kind !== 'itself' && lead.stance === 'ready'),
  );
  if (blocker !== undefined)
    return refused(`a start could not succeed: ${blocker.because}`, nextFor(blocker));
  if (service.kind === 'not-loaded' && parkCause.kind === 'present') {
    return refused(`OpenClaw parked itself, and would again: ${parkCause.because}`, 'immune fix-deps');
  }
  const { config } = ground;
  return config.kind === 'sound' && config.validator === 'pending'
    ? refused(
        'the config was changed, and whether a start would take it is still being judged',
        'immune restart',
      )
    : null;
}

function nextFor({ cause }: Pick<Blocker, 'cause'>): string {
  switch (cause) {
    case 'config-invalid':
    case 'config-clobbered':
      return 'immune fix-config';
    case 'half-install':
    case 'dependency-missing':
    case 'dist-corrupted':
      return 'immune fix-deps';
    default:
      // Disk, Node, database, another gateway's lock: the chain says which, and what a person can do.
      return 'immune check --why';
  }
}

function stepFor(look: Look, lead: Diagnosis): ActionStep | Held {
  const { evidence, rules } = look;
  const { service, disabled, plist } = evidence;
  const { label } = rules;
  switch (service.kind) {
    case 'running':
      return restartOf(look, lead, service.pid);
    case 'scheduled':
      return isJustStarting(look, lead) ? nothing('launchd is just starting it') : { kind: 'start', label };
    case 'pended':
    case 'stopped':
      return { kind: 'start', label };
    case 'stopping':
      return nothing('the gateway was asked to stop and is on its way');
    case 'not-loaded':
      if (plist === 'present' && disabled === 'enabled') return { kind: 'reload', label };
      if (plist === 'present' && disabled === 'disabled') return { kind: 'unpark', label };
      return refused(
        'the job is not loaded, and whether it is installed and enabled cannot be told',
        'immune check --why',
      );
    case 'no-domain':
    case 'unknown':
      return refused(`the service manager gave no usable answer: ${service.because}`, 'immune check --why');
    case 'unread':
      return refused('the service manager was not asked', 'immune check --why');
    /* v8 ignore next -- @preserve: the compiler proves that nothing gets here */
    default:
      return service satisfies never;
  }
}

/** A restart names the one process it may end. One that boots is left to it: ended now it would only begin anew. */
function restartOf(look: Look, lead: Diagnosis, pid: number): ActionStep | Held {
  const { process } = look.evidence;
  const { label } = look.rules;
  if (process.kind === 'gone') return nothing(`process ${pid} is gone; launchd relaunches it by itself`);
  if (lead.stance === 'wait') return nothing(lead.because);
  if (lead.stance !== 'ready' && isBooting(look)) return nothing(`process ${pid} is still starting`);
  if (process.kind !== 'alive' || process.pid !== pid) {
    return refused(`which process ${pid} is could not be proven`, 'immune check --why');
  }
  return { kind: 'restart', label, expected: { pid, startedAt: process.startedAt } };
}

/** launchd throttles a relaunch for 10 s; for a little longer than that it is taken at its word. */
function isJustStarting({ state: { failing }, now, rules }: Look, lead: Diagnosis): boolean {
  if (lead.cause === 'crashed') return true;
  if (lead.cause !== 'relaunch-late' || failing?.cause !== 'relaunch-late') return false;
  return since(failing.since, now) < rules.policy.pendedGraceMs;
}
