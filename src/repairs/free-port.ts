import type { ProcessIdentity } from '../core/service.ts';
import type { ActionOutcome } from '../core/state.ts';
import { type Clock, type Millis, millis } from '../core/time.ts';
import type { OrphanProof } from '../gateway/orphan-proof.ts';
import type { ListenersOutcome } from '../system/listeners.ts';
import type { Processes } from '../system/process.ts';

/** Exactly which process is to leave the port. */
export interface PortTarget {
  readonly identity: ProcessIdentity & { readonly uid: number };
  readonly port: number;
  /** `orphan`: it must prove anew that it is ours. `named`: a person has named it, as it was shown. */
  readonly proof: 'orphan' | 'named';
}

export interface PortHands {
  readonly processes: Processes;
  readonly listeners: (port: number) => Promise<ListenersOutcome>;
  readonly orphanProof: (pid: number) => Promise<OrphanProof>;
  readonly clock: Clock;
  /** Aborted at the deadline: nothing is sent after that. */
  readonly signal: AbortSignal;
  /** How long it may take to end after SIGTERM, before SIGKILL. */
  readonly termWaitMs: Millis;
}

/** OpenClaw drains for as long as it is granted under launchd, 20 s, and some. */
export const termWaitMs: Millis = millis(25_000);
/** The kernel ends a process at once; one in the middle of a disk write takes a moment. */
const killWaitMs = millis(5_000);
const pollMs = millis(200);

type Standing =
  /** It is still exactly that process, and still in the way. */
  | { readonly kind: 'due' }
  /** Nothing is left to do. */
  | { readonly kind: 'over'; readonly because: string }
  | { readonly kind: 'refused'; readonly because: string };

/**
 * Ends one listener: SIGTERM, and SIGKILL if it stays. What is known of it is proven anew right before each signal, and
 * what cannot be proven is left alone. Starts nothing: a gateway that waits for its port takes it by itself.
 */
export async function endListener(target: PortTarget, hands: PortHands): Promise<ActionOutcome> {
  const { processes, signal } = hands;
  const { identity } = target;
  const { pid } = identity;
  const own = pid === process.pid || pid === process.ppid;
  if (!Number.isSafeInteger(pid) || pid <= 1 || own) return refused(`process ${pid} is never ended`);
  const before = await standing(target, hands, { begun: false });
  if (before.kind === 'over') return done(`${before.because}; nothing was sent`);
  if (before.kind === 'refused') return refused(before.because);
  if (signal.aborted) return late;
  const asked = await processes.signalProven(identity, 'SIGTERM');
  if (asked.kind === 'gone') return done(`process ${pid} ended by itself; nothing was sent`);
  if (asked.kind !== 'sent') return { kind: asked.kind, because: asked.because };
  if (await waitForEnd(identity, hands, hands.termWaitMs)) {
    return done(`process ${pid} ended after SIGTERM`);
  }
  if (signal.aborted) return failed(`process ${pid} was sent SIGTERM, and had not ended at the deadline`);
  const after = await standing(target, hands, { begun: true });
  if (after.kind === 'over') return done(`after SIGTERM ${after.because}`);
  if (after.kind === 'refused')
    return failed(`process ${pid} was sent SIGTERM and no SIGKILL: ${after.because}`);
  const killed = await processes.signalProven(identity, 'SIGKILL');
  if (killed.kind === 'refused' || killed.kind === 'failed') {
    return failed(`process ${pid} did not end after SIGTERM, and SIGKILL was not sent: ${killed.because}`);
  }
  if (killed.kind === 'gone') return done(`process ${pid} ended after SIGTERM`);
  return (await waitForEnd(identity, hands, killWaitMs))
    ? done(`process ${pid} did not end after SIGTERM, and was ended by SIGKILL`)
    : failed(`process ${pid} has not ended, though it was sent SIGKILL`);
}

/** The cheapest proof last: between it and the signal lies only the look at start time and user. */
async function standing(
  target: PortTarget,
  hands: PortHands,
  { begun }: { readonly begun: boolean },
): Promise<Standing> {
  const { identity, port, proof } = target;
  const { pid } = identity;
  const found = await hands.listeners(port);
  const alive = await hands.processes.row(pid);
  if (alive.kind === 'gone') return over(`process ${pid} has ended`);
  if (alive.kind === 'unknown') return refuse(alive.because);
  if (found.kind === 'unknown')
    return refuse(`nobody can tell who listens on port ${port}: ${found.because}`);
  const listens = found.listeners.some((listener) => listener.pid === pid);
  // Without pids (netstat of an ordinary user) it may or may not be among them.
  if (!listens && found.listeners.some((listener) => listener.pid === null)) {
    return refuse(`somebody listens on port ${port}, but the system does not say who`);
  }
  if (proof === 'named') return listens ? due : over(`process ${pid} no longer listens on port ${port}`);
  // One that drains has let go of the port, and still keeps its successor out by the lock.
  if (!listens && !begun) return over(`process ${pid} no longer listens on port ${port}`);
  const proven = await hands.orphanProof(pid);
  if (proven.kind === 'proven') return due;
  if (proven.kind === 'not-ours' && begun && !listens) return over(`process ${pid} let go of port and lock`);
  return refuse(`process ${pid} is not proven to be a gateway of ours: ${proven.because}`);
}

async function waitForEnd(
  identity: PortTarget['identity'],
  { processes, clock, signal }: PortHands,
  forMs: Millis,
): Promise<boolean> {
  const deadline = clock.elapsed() + forMs;
  for (;;) {
    if ((await processes.isAlive({ ...identity, startKey: null })) === 'dead') return true;
    if (clock.elapsed() >= deadline || signal.aborted) return false;
    await clock.sleep(pollMs, signal);
  }
}

const due: Standing = { kind: 'due' };
const over = (because: string): Standing => ({ kind: 'over', because });
const refuse = (because: string): Standing => ({ kind: 'refused', because });
const done = (because: string): ActionOutcome => ({ kind: 'done', because });
const failed = (because: string): ActionOutcome => ({ kind: 'failed', because });
const refused = (because: string): ActionOutcome => ({ kind: 'refused', because });
const late: ActionOutcome = { kind: 'failed', because: 'its deadline passed before it was through' };
