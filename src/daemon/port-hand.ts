import { inDoubt } from '../core/decision.ts';
import type { Evidence } from '../core/evidence.ts';
import type { Notice } from '../core/notice.ts';
import type { ServiceState } from '../core/service.ts';
import type { ActionOutcome } from '../core/state.ts';
import { type Clock, instant, type Millis, millis } from '../core/time.ts';
import { endListener, type PortHands, type PortTarget, termWaitMs } from '../repairs/free-port.ts';
import { ancestorsOf } from '../system/ancestors.ts';
import type { Log } from '../system/log.ts';
import type { Processes } from '../system/process.ts';
import type { Answer, Request } from './commands.ts';
import { lookBy } from './look-by.ts';
import type { Loop } from './loop.ts';
import { servicePidOf } from './port-sight.ts';

export interface PortHandParts extends Pick<PortHands, 'listeners' | 'orphanProof'> {
  /** The loop's own clock. */
  readonly clock: Clock;
  readonly loop: Pick<Loop, 'exclusive' | 'note' | 'state' | 'nudge' | 'deepen'>;
  readonly log: Log;
  readonly processes: Processes;
  /** Where the gateway is to listen. */
  readonly port: () => number;
  readonly service: () => Promise<ServiceState>;
  /** Whether the ladder would start a job that does not run. */
  readonly mode: () => 'act' | 'observe';
  /** How long the gateway may take to serve once the port is free; a value for tests. */
  readonly serveWithinMs?: Millis;
}

type FixPort = Extract<Request, { readonly kind: 'fix-port' }>;

/** Both signals and what each waits for, with room for slow looks between them. */
const endWithinMs = millis(60_000);
/** A gateway that waits for its port tries again every 16 s and then boots: 14 s, several times that on a busy machine. */
const serveMs = millis(90_000);
const pollMs = millis(1_000);
/** As for every comparison of start times: ps rounds them. */
const startToleranceMs = 2_000;
/** From a command up to the login of its operator; deeper chains are cut off, and process 1 is refused anyway. */
const levels = 16;

/** What `immune fix-port` leaves room for when it waits for the answer. */
export const freePortWithinMs = endWithinMs + serveMs;

/**
 * Ends the process that holds the gateway's port, as a person asked: a gateway of ours that is proven so, or whatever
 * was named by its pid. The gateway is not restarted: one that waits for its port comes up by itself.
 */
export async function freePort(request: FixPort, parts: PortHandParts): Promise<Answer> {
  const { loop, log } = parts;
  const state = loop.state();
  if (inDoubt(state)) {
    return refuse({ because: `the watchdog decides nothing: ${state.because}`, next: 'immune status' });
  }
  const outcome = await loop.exclusive(async (): Promise<ActionOutcome | Refusal> => {
    const target = await targetOf(request, parts);
    if (target.kind !== 'target') return target;
    const what = `Process ${request.pid}, which holds the gateway's port ${target.target.port}`;
    if (!(await loop.note(`${what}, is being ended, as asked by ${request.by}`, []))) {
      return refused('the journal cannot be written', 'immune logs');
    }
    const ended = await within((signal) => endListener(target.target, handsOf(parts, signal)), parts);
    const because = `${what}, asked by ${request.by}: ${ended.because}`;
    const told: Notice = { kind: 'told', at: parts.clock.now(), incident: null, text: because, asked: true };
    if (!(await loop.note(because, [told]))) log.warn(`The journal could not be written: ${because}`);
    return ended;
  });
  loop.nudge();
  if (outcome.kind === 'refused') return refuse(outcome);
  if (outcome.kind === 'failed') {
    return { ok: false, why: 'failed', text: outcome.because, next: 'immune fix-port' };
  }
  return afterwards(outcome.because, parts);
}

/** Nothing was sent. `next` is the command to type. */
export interface Refusal {
  readonly kind: 'refused';
  readonly because: string;
  readonly next?: string;
}

type Target = { readonly kind: 'target'; readonly target: PortTarget } | ActionOutcome | Refusal;

async function targetOf(request: FixPort, parts: PortHandParts): Promise<Target> {
  const { pid, foreign, force } = request;
  const never = await neverEnded(pid, parts);
  if (never !== null) return never;
  const found = await parts.processes.row(pid);
  if (found.kind === 'gone')
    return { kind: 'done', because: `process ${pid} has ended already; nothing was sent` };
  if (found.kind === 'unknown') return refused(found.because);
  const { startedAt, uid } = found.row;
  if (Math.abs(startedAt - request.startedAt) > startToleranceMs) {
    return refused(`process ${pid} is not the one that was shown: its start time differs`);
  }
  const port = parts.port();
  const identity = { pid, startedAt: instant(request.startedAt), uid };
  if (foreign) return { kind: 'target', target: { identity, port, proof: 'named' } };
  const proof = await parts.orphanProof(pid);
  if (proof.kind !== 'proven') {
    return refused(`it is not proven to be a gateway of ours: ${proof.because}`);
  }
  if (proof.hasTerminal !== false && !force) {
    return refused(
      `the gateway ${pid} ${startedByHand(proof)} in a terminal, so somebody may be at work with it`,
      'immune fix-port --force',
    );
  }
  return { kind: 'target', target: { identity, port, proof: 'orphan' } };
}

/** In words that claim no more than was seen. */
export const startedByHand = ({ hasTerminal }: { readonly hasTerminal: boolean | null }): string =>
  hasTerminal === null ? 'may have been started by hand' : 'was started by hand';

/** Why no signal may ever go to this process, whoever asks for it; null where one may. */
export async function neverEnded(
  pid: number,
  { processes, service }: Pick<PortHandParts, 'processes' | 'service'>,
): Promise<Refusal | null> {
  if (!Number.isSafeInteger(pid) || pid <= 1) return refused(`process ${pid} is never ended`);
  if (pid === process.pid) return refused(`process ${pid} is openclaw-immune itself`, 'immune status');
  const { row } = processes;
  const own = await ancestorsOf(process.pid, { row, levels, until: pid });
  if (pid === process.ppid || own.pids.includes(pid)) {
    return refused(`process ${pid} is one that runs openclaw-immune`, 'immune status');
  }
  if (own.kind === 'unknown') {
    return refused(`which processes run openclaw-immune cannot be told: ${own.because}`);
  }
  const state = await service();
  if (state.kind === 'unknown') {
    const because = `the service manager does not tell which process is the gateway's own: ${state.because}`;
    return refused(because, 'immune check --why');
  }
  // Without a session there is no job, and so none of its processes.
  if (state.kind === 'no-domain') return null;
  const jobPid = servicePidOf(state);
  if (jobPid === 'unknown') {
    return refused(
      "the service manager is stopping the gateway, and does not tell which process is the gateway's own",
    );
  }
  if (jobPid === null) return null;
  const isOwn = refused(`process ${pid} is the gateway's own`, 'immune restart');
  if (pid === jobPid) return isOwn;
  const above = await ancestorsOf(pid, { row, levels, until: jobPid });
  if (above.pids.includes(jobPid)) return isOwn;
  return above.kind === 'known'
    ? null
    : refused(`whether process ${pid} is the gateway's own cannot be told: ${above.because}`);
}

const handsOf = (
  { processes, listeners, orphanProof, clock }: PortHandParts,
  signal: AbortSignal,
): PortHands => ({ processes, listeners, orphanProof, clock, signal, termWaitMs });

async function within(
  work: (signal: AbortSignal) => Promise<ActionOutcome>,
  { clock }: PortHandParts,
): Promise<ActionOutcome> {
  const deadline = new AbortController();
  const settled = new AbortController();
  void clock.sleep(endWithinMs, settled.signal).then(() => deadline.abort());
  try {
    return await work(deadline.signal);
  } catch (error) {
    return { kind: 'failed', because: `a bug of the watchdog: ${String(error)}` };
  } finally {
    settled.abort();
  }
}

/** Whether the gateway takes the port that is free now, or what still stands in its way. */
async function afterwards(because: string, parts: PortHandParts): Promise<Answer> {
  const { clock, loop } = parts;
  const began = clock.elapsed();
  const deadline = began + (parts.serveWithinMs ?? serveMs);
  for (;;) {
    const seen = await lookBy(deadline, parts);
    const answer = seen === null ? null : judged(seen, parts);
    if (answer === 'serves') {
      const seconds = Math.round((clock.elapsed() - began) / 1_000);
      return { ok: true, text: `${because}; the gateway serves again after ${seconds} s` };
    }
    if (answer !== null) return { ...answer, text: `${because}; ${answer.text}` };
    if (clock.elapsed() >= deadline) break;
    await clock.sleep(pollMs);
  }
  const text = `${because}; the gateway does not serve yet: ${loop.state().because}`;
  return { ok: false, why: 'failed', text, next: 'immune status' };
}

/** Null: to be waited for. */
function judged({ healthz, listener, service }: Evidence, parts: PortHandParts): 'serves' | Answer | null {
  if (listener.kind === 'foreign' || listener.kind === 'orphan') {
    const who = `process ${listener.pid ?? 'unknown'} (${listener.command || 'without a name'})`;
    return { ok: false, why: 'failed', text: `now ${who} holds the port`, next: 'immune fix-port' };
  }
  if (healthz.kind === 'live') return 'serves';
  const { mode, loop } = parts;
  const { pause, wanted } = loop.state();
  const acts = mode() === 'act' && pause === null && wanted === 'up';
  const down = /^(?:stopped|pended|not-loaded|no-domain)$/.test(service.kind);
  if (!down || acts) return null;
  return { ok: true, text: "the port is free, and the gateway's job does not run", next: 'immune restart' };
}

const refused = (because: string, next = 'immune fix-port'): Refusal => ({ kind: 'refused', because, next });
const refuse = ({ because, next = 'immune fix-port' }: Omit<Refusal, 'kind'>): Answer => ({
  ok: false,
  text: `nothing was sent: ${because}`,
  next,
});
