import { createHash } from 'node:crypto';
import type { GroundEvidence } from '../core/ground-evidence.ts';
import { type Clock, type Millis, millis, minutes, seconds } from '../core/time.ts';
import { stampOf } from '../gateway/config-source.ts';
import { sweepStages } from '../gateway/stage-config.ts';
import type { Run } from '../system/run.ts';
import type { KeptRecord } from '../vault/kept.ts';
import type { PlanDraft, WrittenPlan } from '../vault/plans.ts';
import type { SnapshotStore } from '../vault/snapshot.ts';
import { type PlanOutcome, type PlanPlace, planRollback, type Seen } from './plan-rollback.ts';
import { adviceOf } from './plan-words.ts';
import type { Issues } from './staged-judge.ts';

export interface RollbackPlannerParts {
  readonly clock: Clock;
  readonly run: Run;
  readonly place: () => PlanPlace;
  readonly store: Pick<SnapshotStore, 'list' | 'read'>;
  /** What changes of the config replaced, in any order. */
  readonly kept: () => Promise<readonly KeptRecord[]>;
  readonly write: (draft: PlanDraft) => Promise<WrittenPlan>;
  readonly validatorTimeoutMs: () => Millis;
  /** The validator's words on the config of this hash, where they are known already: that saves a run. */
  readonly issuesOf: (hash: string) => Issues | null;
  /** A planning has come to an end: its answer is there for the next look. */
  readonly onSettled: () => void;
  /** A planning is given up on after this long. */
  readonly limitMs?: Millis;
}

export interface RollbackPlanner {
  /** Answers at once, and plans in the background. Never throws. */
  look(config: GroundEvidence['config']): Promise<GroundEvidence['rollback']>;
  /** Ends a planning that runs. */
  close(): Promise<void>;
}

/** Five runs of a validator that takes a minute on a busy machine. */
const planMs = minutes(5);
/** After an answer that may become another one by itself. */
const firstAgainMs = seconds(60);
const longestAgainMs = minutes(15);
/** Labels move among the newest snapshots. */
const listedForLook = 50;

type Answer = Extract<GroundEvidence['rollback'], { readonly kind: 'ready' | 'unavailable' }>;
type Fault = Extract<GroundEvidence['config'], { readonly kind: 'faulty' }>;

interface Remembered {
  readonly subject: string;
  readonly answer: Answer;
  /** Null where only a change of the subject changes the answer. */
  readonly againAt: Millis | null;
  readonly pauseMs: Millis;
}

interface Planning {
  readonly subject: string;
  readonly controller: AbortController;
  readonly done: Promise<void>;
}

const pending = { kind: 'pending', because: 'which config to restore is being worked out' } as const;

export function createRollbackPlanner(parts: RollbackPlannerParts): RollbackPlanner {
  const { clock } = parts;
  let memory: Remembered | null = null;
  let planning: Planning | null = null;
  let closed = false;

  const plan = async (seen: Seen, signal: AbortSignal): Promise<PlanOutcome> => {
    await sweepStages(clock.now());
    const { place, store, kept, run } = parts;
    return planRollback(
      { place: place(), store, kept, run, timeoutMs: parts.validatorTimeoutMs(), signal },
      seen,
    );
  };

  /** All that the answer hangs on. */
  const subjectOf = async (fault: Fault): Promise<string> => {
    const { configPath, node, packageRoot, version } = parts.place();
    const [listing, kept] = await Promise.all([parts.store.list(listedForLook), parts.kept()]);
    const labels =
      listing.kind === 'failed'
        ? listing.because
        : // A content that is merely recorded, as each new one is, is nothing to go back to.
          listing.entries.filter(({ label }) => label !== 'recorded').map(({ id, label }) => [id, label]);
    const undone = kept.filter(({ state, replaced }) => state === 'undone' && replaced === fault.hash);
    const judge = [node, packageRoot, version, stampOf(`${packageRoot ?? ''}/package.json`)];
    const all = [
      configPath,
      fault.hash,
      fault.fault,
      labels,
      undone.map(({ planId, undoneFor }) => [planId, undoneFor ?? null]),
      judge,
    ];
    return createHash('sha256').update(JSON.stringify(all)).digest('hex');
  };

  const remember = (subject: string, answer: Answer, again: boolean): void => {
    const before = memory?.subject === subject ? memory : null;
    const pauseMs = before === null ? firstAgainMs : millis(Math.min(before.pauseMs * 2, longestAgainMs));
    const againAt = again ? millis(clock.elapsed() + pauseMs) : null;
    memory = { subject, answer, againAt, pauseMs };
  };

  const answerOf = async (outcome: PlanOutcome): Promise<{ answer: Answer; again: boolean } | null> => {
    const no = (because: string, again: boolean) => ({
      answer: { kind: 'unavailable', because } as const,
      again,
    });
    switch (outcome.kind) {
      case 'ready': {
        const written = await parts.write(outcome.draft);
        if (written.kind === 'failed')
          return no(`the plan of a rollback could not be stored: ${written.because}`, true);
        const { id, because } = written.plan;
        return { answer: { kind: 'ready', id, because }, again: false };
      }
      case 'sound':
        return no('OpenClaw takes the config as it is by now', true);
      case 'unavailable':
        return no(outcome.because, outcome.again);
      case 'overtaken':
        return null;
      default:
        return outcome satisfies never;
    }
  };

  const work = async (fault: Fault, subject: string, controller: AbortController): Promise<void> => {
    const seen = {
      hash: fault.hash,
      isClobbered: fault.fault === 'clobbered',
      issues: fault.hash === null ? null : parts.issuesOf(fault.hash),
    };
    try {
      const found = await answerOf(await plan(seen, controller.signal));
      if (found !== null && !controller.signal.aborted) remember(subject, found.answer, found.again);
    } catch (error) {
      // Ended from outside; else a bug of ours, which must not end the daemon from behind, nor bring us back at once.
      if (controller.signal.aborted) return;
      const why = error instanceof Error ? error.message : 'an unknown error';
      const because = adviceOf(parts.place().configPath, `no rollback could be worked out: ${why}`);
      remember(subject, { kind: 'unavailable', because }, true);
    }
  };

  const start = (fault: Fault, subject: string): void => {
    const controller = new AbortController();
    const settled = new AbortController();
    const limitMs = parts.limitMs ?? planMs;
    const late = clock.sleep(limitMs, settled.signal).then(() => {
      if (settled.signal.aborted) return;
      const because = adviceOf(parts.place().configPath, `no rollback was worked out within ${limitMs} ms`);
      if (!controller.signal.aborted) remember(subject, { kind: 'unavailable', because }, true);
      controller.abort();
    });
    const done = Promise.race([work(fault, subject, controller), late]).then(() => {
      settled.abort();
      planning = null;
      if (!closed) parts.onSettled();
    });
    planning = { subject, controller, done };
  };

  const look = async (config: GroundEvidence['config']): Promise<GroundEvidence['rollback']> => {
    if (config.kind !== 'faulty' || closed) return { kind: 'unread' };
    const subject = await subjectOf(config);
    const known = memory?.subject === subject ? memory : null;
    const due = known === null || (known.againAt !== null && clock.elapsed() >= known.againAt);
    // One at a time: what runs for another content is ended, and its end brings the next look.
    if (planning !== null && planning.subject !== subject) planning.controller.abort();
    else if (planning === null && due && !closed) start(config, subject);
    return known?.answer ?? pending;
  };

  return {
    look: async (config) => {
      try {
        return await look(config);
      } catch (error) {
        // A probe never throws; what it did not find out proves nothing.
        const why = error instanceof Error ? error.message : 'an unknown error';
        return { kind: 'unknown', because: `the snapshots of the config could not be looked at: ${why}` };
      }
    },
    close: async () => {
      closed = true;
      planning?.controller.abort();
      await planning?.done;
    },
  };
}
