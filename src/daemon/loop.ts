import { isUntimed } from '../core/budget.ts';
import { type Command, decide, type Event } from '../core/decide.ts';
import { inDoubt } from '../core/decision.ts';
import type { Evidence } from '../core/evidence.ts';
import { deadlineMsOf } from '../core/ladder.ts';
import type { Rules } from '../core/look.ts';
import type { Notice } from '../core/notice.ts';
import type { Action, ActionOutcome, State } from '../core/state.ts';
import { type Instant, type Millis, millis } from '../core/time.ts';
import type { Depth } from '../probes/observe.ts';
import type { Log } from '../system/log.ts';
import type { Journal, JournalEntry } from './journal.ts';
import { createNudge } from './nudge.ts';
import { chooseDelay, chooseDepth, needsCloser } from './pace.ts';
import { startPulse } from './pulse.ts';
import type { SteadyClock } from './steady-time.ts';
import { isTransition } from './transition.ts';

export interface LoopParts {
  readonly clock: SteadyClock;
  readonly rules: () => Rules;
  readonly observe: (how: {
    readonly depth: Depth;
    readonly gapMs: Millis;
    readonly previous: Evidence | null;
  }) => Promise<Evidence>;
  /** Must end by itself soon after the signal aborts, and change nothing from then on. */
  readonly perform: (action: Action, signal: AbortSignal) => Promise<ActionOutcome>;
  readonly journal: Journal;
  readonly log: Log;
  /** Told after the journal has the notices; never blocks a repair for long and never throws. */
  readonly tell: (state: State, notices: readonly Notice[]) => Promise<void>;
  /** After what was decided on a look; never throws, and returns at once. */
  readonly onLook?: (state: State, evidence: Evidence) => void;
  /** The heartbeat. */
  readonly beat: (state: State, evidence: Evidence | null, lastDeepAt: Instant | null) => Promise<void>;
}

export interface Loop {
  /** Looks until the signal aborts. */
  run(signal: AbortSignal): Promise<void>;
  /** Brings the next look forward. */
  nudge(): void;
  /** Asks for a deep look, now. Resolves with its evidence. */
  deepen(): Promise<Evidence>;
  /** False when it could not be made durable, and so was not done. */
  command(command: Command, because: string): Promise<boolean>;
  /** Does what changes the gateway's files for other reasons than an action: between two actions, never beside one. */
  exclusive<T>(work: () => Promise<T>): Promise<T>;
  /** Makes it durable and tells it; the state stays as it is. False when the journal cannot be written. */
  note(because: string, notices: readonly Notice[]): Promise<boolean>;
  state(): State;
}

interface DeepWanted {
  readonly seen: (evidence: Evidence) => void;
  readonly failed: (error: unknown) => void;
}

/** A bug in the loop is journaled and the loop goes on; this many in a row and it stops deciding. */
const faultsToSuspend = 3;

export function createLoop(parts: LoopParts, initial: State): Loop {
  const { clock, log } = parts;
  let state = initial;
  let evidence: Evidence | null = null;
  let lastCloseAt: Millis | null = null;
  let lastDeepAt: Instant | null = null;
  let faults = 0;
  let deepWanted: DeepWanted[] = [];
  /** Set by the signal: a look or an action that is still on its way changes nothing any more. */
  let over = false;
  const nudge = createNudge(clock);

  // Decisions are taken one by one, whoever asks: the loop, a command, or the end of an action.
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = turn.then(work);
    // The queue only orders the turns; a failure belongs to the one who asked.
    turn = mine.catch(() => undefined);
    return mine;
  };

  /** Decides, persists, acts, tells; false when it could not be made durable. */
  const step = (event: Event, kind: JournalEntry['kind']): Promise<boolean> =>
    inTurn(async () => {
      if (over) return false;
      const now = clock.now();
      const before = state;
      const next = decide(before, event, now, parts.rules());
      const must = next.actions.length > 0 || next.notices.length > 0 || event.kind !== 'observed';
      if (must || isTransition(before, next.state)) {
        const entry: JournalEntry = {
          at: now,
          kind: next.actions.length > 0 ? 'intent' : kind,
          because: next.because,
          notices: next.notices,
          state: next.state,
        };
        const written = await parts.journal.append(entry);
        if (written.kind === 'failed') {
          log.error(`The journal cannot be written, so nothing is done: ${written.because}`);
          // What was not made durable did not happen, except that looks go on and outcomes are remembered.
          if (event.kind === 'observed' || event.kind === 'commanded') return false;
        }
      }
      state = next.state;
      if (before.because !== state.because) report(log, before, state);
      await parts.tell(state, next.notices);
      // The alert file says "needs you" until it is told otherwise.
      if (inDoubt(before) && !inDoubt(state)) {
        await parts.tell(state, [{ kind: 'told', at: now, incident: null, text: state.because }]);
      }
      for (const action of next.actions) {
        flying = flying
          .then(() => carryOut(action))
          .catch((error: unknown) =>
            log.error(`A bug of the watchdog in action ${action.id}: ${String(error)}`),
          );
      }
      return true;
    });

  /** The action in flight, if any: one that is given up on may still be at work, and the next begins only after it. */
  let flying: Promise<void> = Promise.resolve();

  const carryOut = async (action: Action): Promise<void> => {
    log.warn(`Action ${action.id} begins: ${action.step.kind} because ${action.because}`, {
      incident: action.incident,
    });
    const deadline = new AbortController();
    const settled = new AbortController();
    // It may have waited for a change that was made beside the ladder: its time counts from here.
    void clock
      .sleep(deadlineMsOf(action.step, parts.rules().policy), settled.signal)
      .then(() => deadline.abort());
    // Its end is waited for even past the deadline: two actions must never run beside each other.
    const outcome = await parts.perform(action, deadline.signal).catch(
      (error: unknown): ActionOutcome => ({
        kind: 'failed',
        because: `a bug of the watchdog: ${String(error)}`,
      }),
    );
    settled.abort();
    log.warn(`Action ${action.id} is ${outcome.kind}: ${outcome.because}`, { incident: action.incident });
    await step({ kind: 'finished', actionId: action.id, outcome }, 'outcome');
    nudge.now();
  };

  const look = async (gapMs: Millis): Promise<void> => {
    const waiting = deepWanted;
    deepWanted = [];
    try {
      const seen = await lookOnce(gapMs, waiting.length > 0);
      for (const one of waiting) one.seen(seen);
    } catch (error) {
      // Whoever asked for this look must not wait for ever.
      for (const one of waiting) one.failed(error);
      throw error;
    }
  };

  const lookOnce = async (gapMs: Millis, deepAsked: boolean): Promise<Evidence> => {
    const depth = chooseDepth({
      state,
      evidence,
      deepWanted: deepAsked,
      sinceCloseMs: lastCloseAt === null ? null : millis(clock.elapsed() - lastCloseAt),
    });
    const pulse = startPulse(clock);
    let last: Evidence;
    let closer = false;
    let lateMs: number;
    try {
      const quick = await parts.observe({ depth, gapMs, previous: evidence });
      closer = needsCloser(state, depth, { before: evidence, seen: quick });
      last = closer ? await parts.observe({ depth: 'full', gapMs, previous: quick }) : quick;
    } finally {
      lateMs = pulse.stop();
    }
    // What stood still in the middle of a look was sleep, or a starved machine.
    const seen: Evidence = lateMs > 0 ? { ...last, gapMs: millis(last.gapMs + lateMs) } : last;
    const close = closer || depth === 'full' || depth === 'deep';
    evidence = seen;
    if (close) lastCloseAt = clock.elapsed();
    if (depth === 'deep') lastDeepAt = clock.now();
    await step({ kind: 'observed', evidence: seen }, 'decided');
    parts.onLook?.(state, seen);
    if (isUntimed(state, clock.now(), parts.rules().policy)) clock.anchor();
    return seen;
  };

  const fault = async (error: unknown): Promise<void> => {
    faults += 1;
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    log.error(`A bug of the watchdog in one look (${faults} in a row): ${text}`);
    let notices: readonly Notice[] = [];
    if (faults >= faultsToSuspend && !inDoubt(state)) {
      state = {
        ...state,
        phase: { kind: 'suspended', cause: 'own-fault', since: clock.now(), until: null },
        because:
          'three looks in a row failed by a bug of the watchdog; it decides nothing until "immune resume"',
      };
      notices = [
        { kind: 'told', at: clock.now(), incident: state.incident?.id ?? null, text: state.because },
      ];
    }
    await parts.journal.append({
      at: clock.now(),
      kind: 'fault',
      because: text.slice(0, 2_000),
      notices,
      state,
    });
    await parts.tell(state, notices);
  };

  const run = async (signal: AbortSignal): Promise<void> => {
    let due = clock.elapsed();
    // One listener for life, and a new way out for each look: a promise that lives on would keep every look it raced.
    let leave: () => void = () => undefined;
    const stop = (): void => {
      over = true;
      leave();
    };
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
    while (!signal.aborted) {
      try {
        // A look may watch a witness for seconds; whoever stops us does not wait for it.
        await new Promise<void>((resolve, reject) => {
          leave = resolve;
          look(millis(Math.max(0, clock.elapsed() - due))).then(resolve, reject);
        });
        faults = 0;
      } catch (error) {
        await fault(error);
      }
      // A status that cannot be written (full disk) must not end the loop; the log says so once.
      await parts
        .beat(state, evidence, lastDeepAt)
        .catch((error: unknown) => log.warn(`The status file cannot be written: ${String(error)}`));
      const delay = chooseDelay(state, evidence, parts.rules().policy);
      due = millis(clock.elapsed() + delay);
      const early = await nudge.wait(delay, signal);
      // A nudge right after a wake must not hide how late this look is.
      if (early) due = millis(Math.min(due, clock.elapsed()));
    }
    await turn;
  };

  return {
    run,
    nudge: nudge.now,
    deepen: () =>
      new Promise((seen, failed) => {
        deepWanted.push({ seen, failed });
        nudge.now();
      }),
    command: async (command, because) => {
      const done = await step({ kind: 'commanded', command }, 'commanded');
      if (done) log.info(because);
      nudge.now();
      return done;
    },
    exclusive: (work) => {
      const mine = flying.then(work);
      flying = mine.then(
        () => undefined,
        () => undefined,
      );
      return mine;
    },
    note: (because, notices) =>
      inTurn(async () => {
        const written = await parts.journal.append({
          at: clock.now(),
          kind: 'change',
          because,
          notices,
          state,
        });
        await parts.tell(state, notices);
        return written.kind !== 'failed';
      }),
    state: () => state,
  };
}

function report(log: Log, before: State, after: State): void {
  const sentence = `${label(after)}: ${after.because}`;
  if (before.phase.kind === after.phase.kind && before.cause === after.cause) log.debug(sentence);
  else log.info(sentence, { phase: after.phase.kind, cause: after.cause });
}

const label = (state: State): string =>
  state.incident === null
    ? `Gateway ${state.phase.kind}`
    : `Gateway ${state.phase.kind} (incident ${state.incident.id})`;
