import type { ProcessIdentity, ServiceOutcome, ServiceState } from '../core/service.ts';
import type { Action, ActionOutcome, ActionStep } from '../core/state.ts';
import { type Clock, millis } from '../core/time.ts';
import type { Processes } from '../system/process.ts';
import type { ServiceManager } from '../system/service-manager.ts';
import { endListener, type PortHands, termWaitMs } from './free-port.ts';

type Step<K extends ActionStep['kind']> = ActionStep & { readonly kind: K };

/** Repairs of what a start stands on. Each keeps what it replaces under the action's id, and starts nothing. */
export interface Repairs {
  reinstall(step: Step<'reinstall'>, actionId: string, signal: AbortSignal): Promise<ActionOutcome>;
  rollback(step: Step<'rollback'>, actionId: string, signal: AbortSignal): Promise<ActionOutcome>;
  undo(step: Step<'undo'>, signal: AbortSignal): Promise<ActionOutcome>;
}

const notAvailable = async (): Promise<ActionOutcome> => ({
  kind: 'refused',
  because: 'this watchdog keeps neither snapshots nor archives to repair with: not available',
});

/** A rung without anything to repair with answers so, and the ladder goes on to tell the operator. */
export const noRepairs: Repairs = { reinstall: notAvailable, rollback: notAvailable, undo: notAvailable };

/** The only hands that change the gateway. */
export interface Hands {
  readonly repairs: Repairs;
  readonly manager: ServiceManager;
  readonly processes: Processes;
  readonly clock: Clock;
  readonly uid: number;
  /** The gateway's LaunchAgent. */
  readonly plist: string;
  /** How long after `kickstart -k` the old process may live: OpenClaw's ExitTimeOut of 20 s, and some. */
  readonly exitWaitMs: number;
  /** What proves who holds the gateway's port. */
  readonly port: Pick<PortHands, 'listeners' | 'orphanProof'>;
  /** Aborted at the action's deadline: nothing is changed after that. */
  readonly signal: AbortSignal;
}

const pollMs = millis(500);

/** Carries out one announced action, or refuses when the world is no longer the one it was decided for. */
export async function perform(action: Action, hands: Hands): Promise<ActionOutcome> {
  const step = action.step;
  switch (step.kind) {
    case 'restart':
      return restart(step, hands);
    case 'start':
      return start(step, hands);
    case 'reload':
      return load(step, hands, []);
    case 'unpark':
      return load(step, hands, [() => hands.manager.enable(step.label)]);
    case 'end-orphan':
      return endOrphan(step, hands);
    case 'reinstall':
      return hands.repairs.reinstall(step, action.id, hands.signal);
    case 'rollback':
      return hands.repairs.rollback(step, action.id, hands.signal);
    case 'undo':
      return hands.repairs.undo(step, hands.signal);
    default:
      return step satisfies never;
  }
}

async function restart(step: Step<'restart'>, hands: Hands): Promise<ActionOutcome> {
  const { manager, processes } = hands;
  const { expected, label } = step;
  const service = await manager.read(label);
  if (service.kind !== 'running' || service.pid !== expected.pid) {
    return refused(`the job no longer runs as process ${expected.pid}`);
  }
  if (!(await isSame(expected, processes)))
    return refused(`process ${expected.pid} is not the one that was judged`);
  if (hands.signal.aborted) return late;
  const asked = await manager.kickstart(label, { kill: true });
  const ended = await waitForEnd(expected, hands);
  if (ended)
    return asked.kind === 'done' ? done('the gateway was restarted') : ensureStarted(label, asked, hands);
  if (asked.kind === 'failed') {
    // Unless launchd has begun to end it, the request never arrived: the gateway may have recovered since.
    const now = await manager.read(label);
    const ending = now.kind === 'stopping' && (now.pid === null || now.pid === expected.pid);
    if (!ending) return failed(`launchd did not take the request, so nothing was killed: ${asked.because}`);
  }
  if (hands.signal.aborted) return late;
  // launchd's own time-out is over and exactly this process is still there: only SIGKILL ends a blocked event loop.
  const killed = await processes.signalProven({ ...expected, uid: hands.uid }, 'SIGKILL');
  if (killed.kind === 'refused' || killed.kind === 'failed') {
    return failed(`the old process ${expected.pid} did not end, and SIGKILL was not sent: ${killed.because}`);
  }
  return ensureStarted(label, asked, hands);
}

/** After the old process is gone launchd starts the job by itself; a plain kickstart makes sure, and never doubles. */
async function ensureStarted(label: string, asked: ServiceOutcome, hands: Hands): Promise<ActionOutcome> {
  if (hands.signal.aborted) return late;
  const started = await hands.manager.kickstart(label, { kill: false });
  if (started.kind === 'done') return done('the old process was ended and the gateway started');
  const first = asked.kind === 'failed' ? `${asked.because}; then ` : '';
  return failed(`${first}${started.because}`);
}

async function start(step: Step<'start'>, { manager, signal }: Hands): Promise<ActionOutcome> {
  const service = await manager.read(step.label);
  if (service.kind === 'running') return refused('the job has a process again');
  if (service.kind !== 'pended' && service.kind !== 'stopped' && service.kind !== 'scheduled') {
    return refused(`the job is ${service.kind} now`);
  }
  if (signal.aborted) return late;
  return outcomeOf(await manager.kickstart(step.label, { kill: false }), 'the gateway was started');
}

async function endOrphan(step: Step<'end-orphan'>, hands: Hands): Promise<ActionOutcome> {
  const { orphan, port } = step;
  const { processes, clock, signal, uid } = hands;
  const other = await otherJob(step, hands.manager);
  if (other !== null) return refused(other);
  const identity = { ...orphan, uid };
  return endListener(
    { identity, port, proof: 'orphan' },
    { ...hands.port, processes, clock, signal, termWaitMs },
  );
}

/** What has changed about the job, beside which nothing would start in the orphan's place; null: nothing. */
async function otherJob({ label, job }: Step<'end-orphan'>, manager: ServiceManager): Promise<string | null> {
  const service = await manager.read(label);
  if (job === 'loaded') return isLoaded(service) ? null : `the job is ${service.kind} now`;
  if (service.kind !== 'not-loaded') return `the job is ${service.kind} now`;
  // Somebody who enables it is about to load it.
  return (await manager.readDisabled(label)) === 'disabled' ? null : 'the job is not parked any more';
}

const isLoaded = ({ kind }: ServiceState): boolean =>
  kind === 'running' || kind === 'scheduled' || kind === 'pended' || kind === 'stopped';

async function load(
  step: Step<'reload' | 'unpark'>,
  { manager, plist, signal }: Hands,
  before: readonly (() => Promise<ServiceOutcome>)[],
): Promise<ActionOutcome> {
  const service = await manager.read(step.label);
  if (service.kind !== 'not-loaded') return refused(`the job is ${service.kind} now`);
  const moves = [
    ...before,
    () => manager.bootstrap(step.label, plist),
    () => manager.kickstart(step.label, { kill: false }),
  ];
  for (const move of moves) {
    if (signal.aborted) return late;
    const outcome = await move();
    if (outcome.kind === 'failed') return failed(outcome.because);
  }
  return done('the job was loaded and started again');
}

async function isSame(expected: ProcessIdentity, processes: Processes): Promise<boolean> {
  return (await processes.isAlive({ ...expected, startKey: null })) === 'alive';
}

async function waitForEnd(
  expected: ProcessIdentity,
  { processes, clock, exitWaitMs, signal }: Hands,
): Promise<boolean> {
  const deadline = clock.elapsed() + exitWaitMs;
  for (;;) {
    if ((await processes.isAlive({ ...expected, startKey: null })) === 'dead') return true;
    if (clock.elapsed() >= deadline || signal.aborted) return false;
    await clock.sleep(pollMs);
  }
}

function outcomeOf(outcome: ServiceOutcome, because: string): ActionOutcome {
  return outcome.kind === 'done' ? done(because) : failed(outcome.because);
}

const done = (because: string): ActionOutcome => ({ kind: 'done', because });
const failed = (because: string): ActionOutcome => ({ kind: 'failed', because });
const late: ActionOutcome = { kind: 'failed', because: 'its deadline passed before it was through' };
const refused = (because: string): ActionOutcome => ({ kind: 'refused', because });
