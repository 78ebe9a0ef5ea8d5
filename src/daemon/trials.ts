import { inDoubt } from '../core/decision.ts';
import type { Evidence } from '../core/evidence.ts';
import type { State } from '../core/state.ts';
import { millis, plus, seconds } from '../core/time.ts';
import {
  judgeTrial,
  noteTrialLook,
  resumeTrial,
  type Trial,
  type TrialEnd,
  type TrialVerdict,
  type TrialWatch,
  unwatched,
} from '../core/trial.ts';
import type { Answer } from './commands.ts';
import { nextTrialId, readTrial, writeTrial } from './trial-file.ts';
import type { ChangeRequest, TrialParts, Trials } from './trial-parts.ts';
import { changedKeys, endNotice, endText, placedText } from './trial-words.ts';

type OpenTrial = Trial & { readonly end: null };

/** A restart that launchd refuses twice is not going to prove anything. */
const restartTries = 2;
/** launchd kills us 20 s after it asked us to stop. */
const closeWithinMs = seconds(5);

/** Changes of the config that stay only if they prove themselves. One at a time; every deadline is data on the disk. */
export function createTrials(parts: TrialParts): Trials {
  const { stateDir, clock, log, loop, hands } = parts;
  let last: Trial | null = null;
  let watch: TrialWatch = unwatched;
  let restarts = 0;
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

  const open = (): OpenTrial | null => (last !== null && isOpen(last) ? last : null);

  /** In memory first: what the disk does not take is still watched for as long as we live. */
  const keep = async (trial: Trial): Promise<void> => {
    last = trial;
    const written = await writeTrial(stateDir, trial);
    if (written.kind === 'failed') log.error(`The trial cannot be written down: ${written.because}`);
  };

  const finish = async (trial: Trial, kind: TrialEnd['kind'], because: string): Promise<TrialEnd> => {
    const end: TrialEnd = { kind, at: clock.now(), because, told: false };
    await keep({ ...trial, end });
    await tellEnd({ ...trial, end }, end);
    loop.nudge();
    return end;
  };

  const tellEnd = async (trial: Trial, end: TrialEnd): Promise<void> => {
    log.info(endText(trial, end));
    const noted = await loop.note(endText(trial, end), [endNotice(trial, end)]);
    // Said once more at the next start where the journal could not take it.
    if (noted) await keep({ ...trial, end: { ...end, told: true } });
  };

  const takeBack = async (trial: Trial, because: string): Promise<TrialEnd> => {
    const outcome = await loop.exclusive(() => hands.undo(trial.id));
    if (outcome.kind === 'done') return finish(trial, 'reverted', because);
    const how = outcome.kind === 'refused' ? 'it was not taken back' : 'it could not be taken back';
    return finish(
      trial,
      'failed',
      `${because}; ${how}: ${outcome.because}; try it with "immune undo ${trial.id}"`,
    );
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

  const onLook = (state: State, evidence: Evidence): void => {
    const trial = open();
    if (trial === null || atWork > 0) return;
    if (trial.restart === 'wanted' && trial.left !== null) {
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
        return () => finish(trial, 'superseded', verdict.because);
      case 'gone':
        return () => finish(trial, 'reverted', 'somebody put it back');
      case 'revert':
        return () => takeBack(trial, verdict.because);
      default:
        return verdict satisfies never;
    }
  };

  const begin = async (): Promise<void> => {
    const read = await readTrial(stateDir);
    if (read.kind === 'unreadable') log.error(`The trial under watch cannot be read: ${read.because}`);
    if (read.kind !== 'read') return;
    last = read.trial;
    const { end, id } = last;
    if (end !== null) {
      if (!end.told) await tellEnd(last, end);
      return;
    }
    const kept = await hands.kept(id);
    if (kept === null || kept.state === 'begun') {
      await finish(last, 'failed', 'the watchdog ended before it was in place, and nothing was changed');
    } else if (kept.state === 'undone') {
      await finish(last, 'reverted', 'the watchdog ended while it was taken back, which is done');
    } else if (last.left === null && kept.left === null) {
      const because = 'the watchdog ended as it was put in place, and what is there now cannot be read';
      await finish(last, 'failed', `${because}; nothing was taken back, "immune undo ${id}" tries it`);
    } else {
      await keep({ ...resumeTrial(last, clock.now(), parts.policy()), left: last.left ?? kept.left });
      log.info(`The change ${id} of the config is watched on`);
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
      id: await nextTrialId(parts.quarantine, last),
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
      bootsBefore: state.bootsSinceReady,
      end: null,
    };
    const written = await writeTrial(stateDir, trial);
    if (written.kind === 'failed') {
      log.error(`The trial cannot be written down, so nothing is changed: ${written.because}`);
      return null;
    }
    last = trial;
    return trial;
  };

  const whyNot = (request: ChangeRequest): Answer | null => {
    const trial = open();
    const state = loop.state();
    if (inDoubt(state)) return refuse(`the watchdog decides nothing: ${state.because}`);
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
    if (clock.now() >= trial.confirmBy) return refuse(`too late: the change ${trial.id} is being taken back`);
    const confirmed: Trial = { ...trial, confirmed: true };
    const written = await writeTrial(stateDir, confirmed);
    if (written.kind === 'failed') return refuse(notDurable);
    last = confirmed;
    await loop.note(`Change ${trial.id} of the config was confirmed by ${by}`, []);
    const when = 'it stays once the gateway has been ready with it for long enough';
    return { ok: true, text: `the change ${trial.id} is confirmed; ${when}`, trial: trial.id };
  };

  return {
    begin,
    onLook,
    current: open,
    close: async () => {
      const ended = new AbortController();
      await Promise.race([turn, clock.sleep(closeWithinMs, ended.signal)]);
      ended.abort();
    },
    apply: (request) => alone(async () => whyNot(request) ?? place(request)),
    confirm: (by) => alone(() => confirm(by)),
    undo: (id, by) =>
      alone(async () => {
        const trial = open();
        if (trial?.id === id) {
          const end = await takeBack(trial, `${by} asked for it`);
          if (end.kind !== 'reverted') return refuse(end.because);
          return { ok: true, text: `the change ${id} was taken back: the config from before is in place` };
        }
        const outcome = await loop.exclusive(() => hands.undo(id));
        if (outcome.kind !== 'done') return refuse(outcome.because);
        await loop.note(`${by} took back the change ${id} of the config: ${outcome.because}`, []);
        return { ok: true, text: outcome.because };
      }),
  };
}

const isOpen = (trial: Trial): trial is OpenTrial => trial.end === null;

const notDurable = 'nothing was changed, because it cannot be written down; "immune logs" says why';
const refuse = (text: string): Answer => ({ ok: false, text });
