import { type Asked, answerRestart, orderWithinMs } from '../core/asked.ts';
import type { Cause } from '../core/cause.ts';
import type { Evidence } from '../core/evidence.ts';
import type { Rules } from '../core/look.ts';
import type { Attempt, State } from '../core/state.ts';
import { type Clock, type Millis, millis, seconds } from '../core/time.ts';
import { spell } from '../core/words.ts';
import type { Answer, Request } from './commands.ts';
import { lookBy } from './look-by.ts';
import type { Loop } from './loop.ts';

export interface RestartParts {
  /** The loop's own clock. */
  readonly clock: Clock;
  readonly rules: () => Rules;
  readonly loop: Pick<Loop, 'deepen' | 'command' | 'exclusive' | 'state'>;
}

type Order = Extract<Request, { readonly kind: 'restart' }>;

const pollMs = millis(50);
/** What is on its way may turn out to need the order after all (a job that ended and stays down): asked anew so often. */
const askAgainMs = seconds(10);
/** A config that was just changed is judged within seconds; the order waits for it rather than being refused. */
const judgedPollMs = seconds(1);
/** How `decide` begins what it says of an action that failed. */
const actionFailed = 'the action failed';

export const restartWithinMs = ({ policy }: Pick<Rules, 'policy'>): Millis => orderWithinMs(policy);

/** Starts or restarts the gateway as a person asked, and says when it serves. */
export async function restartGateway(order: Order, parts: RestartParts): Promise<Answer> {
  const { clock, loop, rules } = parts;
  const began = clock.elapsed();
  const until = began + restartWithinMs(rules());
  for (let waited = false; clock.elapsed() < until; waited = true) {
    const given = await giveOrder(order, { until, waited }, parts);
    switch (given.kind) {
      case 'refused':
        return given.answer;
      case 'serves':
        return waited ? served(began, null, parts) : given.answer;
      case 'begun':
        return follow(given.id, { began, until }, parts);
      case 'on-its-way':
        await waitUntil(() => serves(loop.state()), Math.min(until, clock.elapsed() + askAgainMs), parts);
        if (serves(loop.state())) return served(began, null, parts);
        break;
      default:
        return given satisfies never;
    }
  }
  return late(parts);
}

type Given =
  | { readonly kind: 'refused'; readonly answer: Answer }
  | { readonly kind: 'begun'; readonly id: string }
  | { readonly kind: 'serves'; readonly answer: Answer }
  | { readonly kind: 'on-its-way' };

/** Looks, judges and begins, with nothing else in anybody's hands meanwhile. */
async function giveOrder(
  order: Order,
  { until, waited }: { readonly until: number; readonly waited: boolean },
  parts: RestartParts,
): Promise<Given> {
  const { clock, loop } = parts;
  // Said at once; what else there may be to wait for is short, or a person's own.
  const { phase, because } = loop.state();
  if (phase.kind === 'repairing') {
    const text = `an action is in flight already (${phase.action.id}): ${because}`;
    return refused({ ok: false, why: 'busy', text, next: 'immune status' });
  }
  const working = loop.exclusive(async (): Promise<Given> => {
    // Whoever asked has been told by then that it was too late.
    if (clock.elapsed() >= until) return refused(late(parts));
    const judged = await judge(order, until, parts);
    if (judged === null) return refused(late(parts));
    const { answer, evidence } = judged;
    // An orphan answers as well as the job's own.
    const isAgreed = order.unlessServing !== true || evidence.listener.kind === 'orphan';
    if ((waited || !isAgreed) && serves(loop.state())) return { kind: 'serves', answer: servesByItself };
    if (answer.kind === 'nothing') return { kind: 'on-its-way' };
    if (answer.kind === 'refused') {
      const busy = loop.state().phase.kind === 'repairing' ? ({ why: 'busy' } as const) : {};
      return refused({ ok: false, ...busy, text: answer.because, next: answer.next });
    }
    return begin(order, evidence, parts);
  });
  const settled = new AbortController();
  const left = millis(Math.max(0, until - clock.elapsed()));
  const tooLate = clock.sleep(left, settled.signal).then(() => refused(late(parts)));
  try {
    return await Promise.race([working, tooLate]);
  } finally {
    settled.abort();
  }
}

interface Judged {
  readonly answer: Asked;
  readonly evidence: Evidence;
}

/** What the order comes to on a look of this moment; null when the time is up. */
async function judge({ force }: Order, until: number, parts: RestartParts): Promise<Judged | null> {
  const { clock, loop, rules } = parts;
  const judgedBy = clock.elapsed() + rules().policy.validatorMs;
  for (;;) {
    const evidence = await lookBy(until, parts);
    if (evidence === null) return null;
    const answer = answerRestart(loop.state(), evidence, { now: clock.now(), rules: rules(), force });
    const { config } = evidence.ground;
    const pending = config.kind === 'sound' && config.validator === 'pending';
    if (answer.kind !== 'refused' || !pending || clock.elapsed() >= judgedBy) return { answer, evidence };
    await clock.sleep(judgedPollMs);
  }
}

async function begin({ force, by }: Order, evidence: Evidence, { loop }: RestartParts): Promise<Given> {
  const because = `Restart asked by ${by}${force ? ' by force' : ''}`;
  if (!(await loop.command({ kind: 'restart', evidence, force, by }, because))) {
    const text = 'nothing was done, because the journal cannot be written';
    return refused({ ok: false, text, next: 'immune logs' });
  }
  const { phase } = loop.state();
  // Nothing is carried out before this work has ended, so that it is still in flight.
  const isOurs = phase.kind === 'repairing' && phase.action.because.startsWith(`asked by ${by}`);
  if (isOurs) return { kind: 'begun', id: phase.action.id };
  const text = 'nothing was done: what is seen of the gateway has changed at this very moment';
  return refused({ ok: false, why: 'busy', text, next: 'immune restart' });
}

async function follow(
  id: string,
  { began, until }: { readonly began: number; readonly until: number },
  parts: RestartParts,
): Promise<Answer> {
  const { loop } = parts;
  await waitUntil(() => !isInFlight(loop.state(), id), until, parts);
  const state = loop.state();
  if (isInFlight(state, id)) return late(parts);
  const attempt = attemptOf(state, id);
  if (attempt === undefined) {
    return { ok: false, text: state.refused?.because ?? state.because, next: 'immune restart' };
  }
  if (attempt.outcome === 'failed') {
    // A look may have had its say since.
    const text = state.because.startsWith(actionFailed) ? state.because : `${actionFailed} (${id})`;
    return { ok: false, why: 'failed', text, next: 'immune logs' };
  }
  const isStuck = watchForStandstill(parts);
  await waitUntil(() => serves(loop.state()) || isStuck(), until, parts);
  return serves(loop.state()) ? served(began, id, parts) : late(parts);
}

const isInFlight = ({ phase }: State, id: string): boolean =>
  phase.kind === 'repairing' && phase.action.id === id;

/** An attempt that was refused leaves none. */
const attemptOf = ({ incident, lastIncident }: State, id: string): Attempt | undefined =>
  [...(incident?.attempts ?? []), ...(lastIncident?.attempts ?? [])].find(({ actionId }) => actionId === id);

/** Seen by a look: right after an action the cause is still that of the look before it. */
const serves = ({ cause, phase }: State): boolean =>
  cause === 'serving' && phase.kind !== 'repairing' && phase.kind !== 'starting';

/** Nothing is left to wait for: the ladder has given up, or it is held back and the gateway does not come by itself. */
function watchForStandstill({ clock, loop, rules }: RestartParts): () => boolean {
  let since: number | null = null;
  return () => {
    const { phase, pause, cause } = loop.state();
    if (phase.kind === 'exhausted') return true;
    const { mode, policy } = rules();
    const isHeld = pause !== null || mode === 'observe' || phase.kind === 'suspended';
    if (!isHeld || onItsWay.has(cause)) since = null;
    else since ??= clock.elapsed();
    return since !== null && clock.elapsed() - since >= policy.relaunchGraceMs;
  };
}

const onItsWay: ReadonlySet<Cause> = new Set<Cause>(['serving', 'booting', 'crashed', 'draining']);

const servesByItself: Answer = { ok: true, text: 'the gateway serves by now, and was not restarted' };

const refused = (answer: Answer): Given => ({ kind: 'refused', answer });

function served(began: number, id: string | null, { clock }: RestartParts): Answer {
  const length = spell(clock.elapsed() - began);
  const text = `the gateway serves again after ${length}`;
  return id === null ? { ok: true, text } : { ok: true, text: `${text} (${id})`, action: id };
}

function late({ loop }: RestartParts): Answer {
  const text = `the gateway does not serve: ${loop.state().because}`;
  return { ok: false, why: 'failed', text, next: 'immune check --why' };
}

async function waitUntil(
  isOver: () => boolean,
  until: number,
  { clock }: Pick<RestartParts, 'clock'>,
): Promise<void> {
  while (!isOver() && clock.elapsed() < until) await clock.sleep(pollMs);
}
