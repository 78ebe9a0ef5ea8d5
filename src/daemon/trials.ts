import type { Cause } from '../core/cause.ts';
import { inDoubt } from '../core/decision.ts';
import type { Evidence } from '../core/evidence.ts';
import type { State } from '../core/state.ts';
import { millis, plus, seconds } from '../core/time.ts';
import {
  judgeTrial,
  noteTrialLook,
  resumeTrial,
  type Trial,
  type TrialVerdict,
  type TrialWatch,
  unwatched,
} from '../core/trial.ts';
import type { Answer } from './commands.ts';
import { createTrialBook, type OpenTrial } from './trial-book.ts';
import { nextTrialId, writeTrial } from './trial-file.ts';
import type { ChangeRequest, TrialParts, Trials } from './trial-parts.ts';
import { createTakeUp } from './trial-take-up.ts';
import { createTrialUndo } from './trial-undo.ts';
import { changedKeys, placedText } from './trial-words.ts';

/** A restart that launchd refuses twice is not going to prove anything. */
const restartTries = 2;
/** launchd kills us 20 s after it asked us to stop. */
const closeWithinMs = seconds(5);

/** Changes of the config that stay only if they prove themselves. One at a time; every deadline is data on the disk. */
export function createTrials(parts: TrialParts): Trials {
  const { stateDir, clock, log, loop, hands } = parts;
  const book = createTrialBook(parts);
  const { open, keep, finish } = book;
  const { takeBack, leave, isWaiting } = createTrialUndo(parts, book);
  const takeUp = createTakeUp(parts, book);
  let watch: TrialWatch = unwatched;
  let restarts = 0;
  /** Until then the state is what another life saw last. */
  let hasLooked = false;
  /** What is at work, one after the other: looks go on, and judge nothing meanwhile. */
  let turn: Promise<unknown> = Promise.resolve();
  let atWork = 0;

  const alone = <T>(work: () => Promise<T>): Promise<T> => {
    atWork += 1;
    const mine = turn.then(work).finally(() => {
      atWork -= 1;
      loop.nudge();
    });
    // The turn only orders; a failure belongs to whoever asked.
    turn = mine.catch(() => undefined);
    return mine;
  };

  const restart = async (trial: OpenTrial): Promise<void> => {
    restarts += 1;
    const outcome = await loop.exclusive(() => hands.restart(trial.pidBefore));
    if (outcome.kind === 'done' || outcome.kind === 'refused') {
      // Refused means that it is not that process any more: the one there now began with the change, or is watched.
      await keep({ ...trial, restart: 'asked' });
      loop.nudge();
      return;
    }
    log.warn(`The restart for ${trial.id} failed: ${outcome.because}`);
    if (restarts >= restartTries)
      await takeBack(trial, `the gateway could not be restarted with it: ${outcome.because}`);
  };

  /** Beside the looks; a bug in it must not end the loop. */
  const inBackground = (work: () => Promise<unknown>): void => {
    alone(work).catch((error: unknown) => log.error(`A bug of the watchdog in a trial: ${String(error)}`));
  };

  /** How the gateway stands as the change is made. */
  const standing = ({ bootsSinceReady, cause }: State) => ({
    bootsBefore: bootsSinceReady,
    downBefore: !hasLooked || !withoutStart.has(cause),
  });

  const onLook = (state: State, evidence: Evidence): void => {
    hasLooked = true;
    const trial = open();
    if (atWork > 0) return;
    if (trial === null || trial.left === null) {
      if (takeUp.isDue()) inBackground(takeUp.now);
      return;
    }
    if (trial.restart === 'wanted' && trial.undoing === null) {
      // A watchdog that died over the restart does not do it again where it took.
      const made = state.generation !== null && state.generation.pid !== trial.pidBefore;
      inBackground(() => (made ? keep({ ...trial, restart: 'asked' }) : restart(trial)));
      return;
    }
    const now = clock.now();
    const policy = parts.policy();
    if (now < trial.appliedAt) {
      inBackground(() => keep(resumeTrial(trial, now, policy)));
      return;
    }
    const look = { state, evidence, live: hands.live(), now, policy };
    watch = noteTrialLook(trial, watch, look);
    const work = toDo(trial, judgeTrial(trial, watch, look));
    if (work !== null) inBackground(work);
  };

  const toDo = (trial: OpenTrial, verdict: TrialVerdict): (() => Promise<unknown>) | null => {
    switch (verdict.kind) {
      case 'wait':
        return null;
      case 'keep':
        return () => finish(trial, 'holds', verdict.because);
      case 'superseded':
        return isWaiting(trial) ? null : () => leave(trial, verdict.because);
      case 'gone':
        return () => finish(trial, 'reverted', trial.undoing?.because ?? 'somebody put it back');
      case 'revert':
        return () => takeBack(trial, verdict.because);
      default:
        return verdict satisfies never;
    }
  };

  const place = async (request: ChangeRequest): Promise<Answer> => {
    const state = loop.state();
    const plan = await hands.plan(request.staged);
    if (typeof plan === 'string') return refuse(plan);
    const notes = await hands.record();
    const trial = await announced(request, { plan, state });
    if (trial === null) return refuse(notDurable);
    const made = await loop.exclusive(() =>
      hands.swap(request.staged, { id: trial.id, replaces: plan.replaces }),
    );
    if (made.kind !== 'done') {
      const end = { kind: 'failed', at: clock.now(), because: made.because, told: true } as const;
      await keep({ ...trial, end });
      return refuse(`nothing was changed: ${made.because}`);
    }
    const now = clock.now();
    const inPlace: Trial = {
      ...trial,
      appliedAt: now,
      watchUntil: plus(now, parts.policy().trialMaxMs),
      confirmBy: trial.confirmBy === null ? null : plus(now, millis(trial.confirmBy - trial.appliedAt)),
      left: made.left,
      ...standing(loop.state()),
    };
    watch = unwatched;
    restarts = 0;
    await keep(inPlace);
    await loop.note(
      `Change ${trial.id} of the config, asked by ${request.by}: ${changedKeys(plan.changes)}`,
      [],
    );
    return { ok: true, text: placedText(inPlace, notes, now), trial: trial.id };
  };

  /** Durable before the change is made: whoever comes after us knows of it. */
  const announced = async (
    request: ChangeRequest,
    { plan, state }: { plan: { replaces: string | null; changes: readonly string[] }; state: State },
  ): Promise<Trial | null> => {
    const now = clock.now();
    const { generation } = state;
    const confirmWithinMs = request.kind === 'apply' ? request.confirmWithinMs : null;
    const trial: Trial = {
      version: 1,
      id: await nextTrialId(parts.quarantine, book.last()),
      kind: request.kind === 'apply' ? 'apply' : 'fix',
      appliedAt: now,
      watchUntil: plus(now, parts.policy().trialMaxMs),
      confirmBy: confirmWithinMs === null ? null : plus(now, millis(confirmWithinMs)),
      confirmed: false,
      restart: request.kind === 'apply' && request.restart ? 'wanted' : 'none',
      replaced: plan.replaces,
      left: null,
      planId: request.staged,
      changes: plan.changes,
      by: request.by,
      pidBefore: generation?.pid ?? null,
      ...standing(state),
      undoing: null,
      end: null,
    };
    const written = await writeTrial(stateDir, trial);
    if (written.kind === 'failed') {
      log.error(`The trial cannot be written down, so nothing is changed: ${written.because}`);
      return null;
    }
    book.take(trial);
    return trial;
  };

  /** An open trial must not keep a person out whose next change it has nothing to say to. */
  const settle = async ({ kind }: ChangeRequest): Promise<void> => {
    const trial = open();
    if (trial === null || trial.left === null) return;
    const live = hands.live();
    if (live.kind === 'known' && live.hash !== trial.left) {
      // Somebody was at the file since the last look, or nobody has looked since.
      const because = 'the config was changed again since';
      const isBack = live.hash === trial.replaced;
      await toDo(trial, isBack ? { kind: 'gone' } : { kind: 'superseded', because })?.();
    } else if (kind === 'fix-config' && trial.kind === 'fix' && trial.undoing === null) {
      // A repair is only planned where OpenClaw does not accept what the last one has put in place.
      await finish(trial, 'superseded', 'another repair of the config takes its place');
    }
  };

  const whyNot = (request: ChangeRequest): Answer | null => {
    const trial = open();
    const state = loop.state();
    if (inDoubt(state)) return refuse(`the watchdog decides nothing: ${state.because}`);
    // A new change over one that cut its owner off would make that one permanent.
    if (trial !== null && trial.undoing !== null)
      return refuse(
        `the change ${trial.id} of the config is being taken back, which was not possible so far; a change of the file by hand ends that`,
      );
    if (trial !== null)
      return refuse(
        `the change ${trial.id} of the config is still under watch; "immune undo ${trial.id}" takes it back`,
      );
    if (request.kind === 'apply' && request.restart && state.wanted === 'down')
      return refuse(`the gateway is not meant to run, so it is not restarted: ${state.because}`);
    return null;
  };

  const confirm = async (by: string): Promise<Answer> => {
    const trial = open();
    if (trial === null) return refuse('there is no change of the config that waits to be confirmed');
    if (trial.confirmBy === null)
      return { ok: true, text: `the change ${trial.id} needs no confirmation; it proves itself` };
    if (trial.confirmed) return { ok: true, text: `the change ${trial.id} is confirmed already` };
    if (trial.undoing !== null || clock.now() >= trial.confirmBy)
      return refuse(`too late: the change ${trial.id} is being taken back`);
    const confirmed: Trial = { ...trial, confirmed: true };
    const written = await writeTrial(stateDir, confirmed);
    if (written.kind === 'failed') return refuse(notDurable);
    book.take(confirmed);
    await loop.note(`Change ${trial.id} of the config was confirmed by ${by}`, []);
    const when = 'it stays once the gateway has been ready with it for long enough';
    return { ok: true, text: `the change ${trial.id} is confirmed; ${when}`, trial: trial.id };
  };

  return {
    begin: takeUp.now,
    onLook,
    current: open,
    close: async () => {
      const ended = new AbortController();
      await Promise.race([turn, clock.sleep(closeWithinMs, ended.signal)]);
      ended.abort();
    },
    apply: (request) =>
      alone(async () => {
        await settle(request);
        return whyNot(request) ?? place(request);
      }),
    confirm: (by) => alone(() => confirm(by)),
    undo: (id, by) =>
      alone(async () => {
        const trial = open();
        if (trial?.id === id) {
          const end = await takeBack(trial, `${by} asked for it`, 'asked');
          if (typeof end === 'string') return refuse(`${end}; it is tried again by itself until it is done`);
          if (end.kind !== 'reverted') return refuse(end.because);
          return { ok: true, text: `the change ${id} was taken back: the config from before is in place` };
        }
        const outcome = await loop.exclusive(() => hands.undo(id, 'asked'));
        if (outcome.kind !== 'done') return refuse(outcome.because);
        await loop.note(`${by} took back the change ${id} of the config: ${outcome.because}`, []);
        return { ok: true, text: outcome.because };
      }),
  };
}

/** Under these no start of the gateway is under way, and nothing begins one by itself. */
const withoutStart: ReadonlySet<Cause> = new Set([
  'serving',
  'job-stopped',
  'unloaded',
  'unloaded-again',
  'parked',
  'parked-cause-present',
  'parked-again',
  'stopped-by-operator',
  'disabled-by-operator',
  'not-installed',
]);

const notDurable = 'nothing was changed, because it cannot be written down; "immune logs" says why';
const refuse = (text: string): Answer => ({ ok: false, text });
