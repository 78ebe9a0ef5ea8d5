import { stat } from 'node:fs/promises';
import type { ServiceOutcome, ServiceState } from '../../core/service.ts';
import { type Clock, type Millis, millis, seconds } from '../../core/time.ts';
import { readIfExists } from '../../system/durable-file.ts';
import type { ServiceManager } from '../../system/service-manager.ts';
import { done, failed, type Step, type StepOutcome, type Undo } from './steps.ts';

type ServiceStep = Extract<Step, { kind: 'unload' | 'load' | 'confirm' | 'enable' }>;

export interface ServiceDoor {
  readonly manager: ServiceManager;
  /** Puts the disabled override back; only a rollback asks for it. */
  readonly disable: (label: string) => Promise<ServiceOutcome>;
  readonly clock: Clock;
}

/** From the kickstart to a process with a fresh heartbeat: well under a second, but a Mac that has just logged in is
 *  busy with everything else. */
const aliveWithinMs: Millis = seconds(30);
/** A process that fails in its first second has not started: its pid must still be the same after this. */
const settleMs: Millis = seconds(1);
/** The daemon beats several times in this. */
const freshMs: Millis = seconds(60);
const pollMs: Millis = millis(200);
/** launchd may hold a start back; a kickstart always clears that, so it is repeated this often. */
const kickAgainMs: Millis = seconds(5);

/** Performs one step that speaks to launchd. */
export async function performServiceStep(step: ServiceStep, door: ServiceDoor): Promise<StepOutcome> {
  switch (step.kind) {
    case 'enable':
      return outcome(await door.manager.enable(step.label), null);
    case 'unload':
      return outcome(await door.manager.bootout(step.label), () => putBack(step, door));
    case 'confirm':
      return confirm(step, door);
    case 'load':
      return load(step, door);
    default:
      return step satisfies never;
  }
}

function outcome(result: ServiceOutcome, undo: Undo | null): StepOutcome {
  return result.kind === 'done' ? done(undo) : failed(result.because);
}

/** A rollback has restored the plist by now; the job goes back to what it was. */
async function putBack(
  step: Extract<Step, { kind: 'unload' }>,
  { manager }: ServiceDoor,
): Promise<string | null> {
  const loaded = await manager.bootstrap(step.label, step.plistPath);
  if (loaded.kind === 'failed') return `could not load ${step.label} again: ${loaded.because}`;
  if (!step.running) return null;
  const started = await manager.kickstart(step.label, { kill: false });
  return started.kind === 'failed' ? `could not start ${step.label} again: ${started.because}` : null;
}

/** enable -> bootout and wait -> bootstrap (the door retries) -> kickstart -> see it live. */
async function load(step: Extract<Step, { kind: 'load' }>, door: ServiceDoor): Promise<StepOutcome> {
  const undo: Undo = async () => {
    const removed = await door.manager.bootout(step.label);
    const restored = step.wasDisabled ? await door.disable(step.label) : removed;
    const worst = removed.kind === 'failed' ? removed : restored;
    return worst.kind === 'failed' ? `could not take ${step.label} back: ${worst.because}` : null;
  };
  const before = await heartbeatOf(step.heartbeat);
  const requests: readonly (() => Promise<ServiceOutcome>)[] = [
    () => door.manager.enable(step.label),
    () => door.manager.bootout(step.label),
    () => door.manager.bootstrap(step.label, step.plistPath),
  ];
  for (const request of requests) {
    const result = await request();
    if (result.kind === 'failed') return failedAfter(result.because, undo);
  }
  const problem = await seen(step.label, step.heartbeat, before, door);
  return problem === null ? done(undo) : failedAfter(`${problem}${await complaintIn(step.log)}`, undo);
}

/** More of a log than this is not searched. */
const tailBytes = 65_536;
const longestLine = 300;

/** What the job said when it failed: the file itself may be gone after the rollback. */
async function complaintIn(path: string): Promise<string> {
  const log = await readIfExists(path, tailBytes);
  const lines = log.kind === 'read' ? log.bytes.toString('utf8').trim().split('\n') : [];
  // Node ends a crash with its stack and version; the line with the error says more.
  const line = lines.findLast((each) => /error|cannot|denied|not found/i.test(each)) ?? lines.at(-1) ?? '';
  return line === '' ? '' : ` ${path} says: ${line.trim().slice(0, longestLine)}`;
}

/** A step that fails half-way takes its own half back. */
async function failedAfter(because: string, undo: Undo): Promise<StepOutcome> {
  const left = await undo();
  return failed(left === null ? because : `${because} And ${left}`);
}

async function confirm(step: Extract<Step, { kind: 'confirm' }>, door: ServiceDoor): Promise<StepOutcome> {
  const enabled = await door.manager.enable(step.label);
  if (enabled.kind === 'failed') return failed(enabled.because);
  // A fresh heartbeat is proof enough; only a stale one must be seen to change.
  const beat = await heartbeatOf(step.heartbeat);
  const fresh = beat !== null && Math.abs(door.clock.now() - beat) < freshMs;
  const problem = await seen(step.label, step.heartbeat, fresh ? null : beat, door);
  return problem === null ? done() : failed(problem);
}

/** Null when the job is as it should be, else a sentence. */
async function seen(
  label: string,
  heartbeat: string | null,
  before: number | null,
  door: ServiceDoor,
): Promise<string | null> {
  if (heartbeat !== null) return startedAndAlive(label, heartbeat, before, door);
  const state = await door.manager.read(label);
  return isLoaded(state) ? null : `${label} is not loaded: ${describeState(state)}`;
}

async function startedAndAlive(
  label: string,
  heartbeat: string,
  before: number | null,
  { manager, clock }: ServiceDoor,
): Promise<string | null> {
  const startedAt = clock.elapsed();
  let kickedAt: Millis | null = null;
  let pid: number | null = null;
  let pidSeenAt = startedAt;
  let state: ServiceState = { kind: 'unknown', because: 'it has not been looked at' };
  for (;;) {
    const now = clock.elapsed();
    if (now - startedAt > aliveWithinMs) break;
    if (kickedAt === null || (state.kind !== 'running' && now - kickedAt >= kickAgainMs)) {
      const kicked = await manager.kickstart(label, { kill: false });
      if (kicked.kind === 'failed') return kicked.because;
      kickedAt = now;
    }
    state = await manager.read(label);
    if (state.kind !== 'running') pid = null;
    else if (pid !== state.pid) {
      pid = state.pid;
      pidSeenAt = clock.elapsed();
    } else if (clock.elapsed() - pidSeenAt >= settleMs) {
      const beat = await heartbeatOf(heartbeat);
      // Changed, not "later than": a clock that was set back must not fail an installation.
      if (beat !== null && beat !== before) return null;
    }
    await clock.sleep(pollMs);
  }
  const waited = `${aliveWithinMs / 1000} s after its start`;
  return state.kind === 'running'
    ? `${label} runs as process ${state.pid}, but ${waited} it has written no heartbeat to ${heartbeat}.`
    : `${label} is not running ${waited}: ${describeState(state)}.`;
}

async function heartbeatOf(path: string | null): Promise<number | null> {
  if (path === null) return null;
  try {
    return (await stat(path)).mtimeMs;
  } catch {
    // No heartbeat yet, which is what null says; why it cannot be read is told when the wait is over.
    return null;
  }
}

export function isLoaded(state: ServiceState): boolean {
  switch (state.kind) {
    case 'running':
    case 'scheduled':
    case 'stopping':
    case 'pended':
    case 'stopped':
      return true;
    case 'not-loaded':
    case 'no-domain':
    case 'unknown':
      return false;
    default:
      return state satisfies never;
  }
}

function describeState(state: ServiceState): string {
  switch (state.kind) {
    case 'unknown':
    case 'no-domain':
      return state.because;
    case 'pended':
      return `launchd holds its start back (${state.reason})`;
    case 'scheduled':
    case 'stopped':
      return state.lastExit?.kind === 'code'
        ? `it is ${state.kind}, its last exit code was ${state.lastExit.code}`
        : `it is ${state.kind}`;
    case 'running':
    case 'stopping':
    case 'not-loaded':
      return `launchd says "${state.kind}"`;
    default:
      return state satisfies never;
  }
}
