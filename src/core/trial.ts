import type { Evidence } from './evidence.ts';
import { readiness } from './health.ts';
import type { Policy } from './policy.ts';
import type { Generation, State } from './state.ts';
import { type Instant, type Millis, millis, minutes, plus, seconds, since } from './time.ts';
import { spell } from './words.ts';

/** How a trial ended. */
export interface TrialEnd {
  /**
   * `holds`: the change stays. `reverted`: what it replaced is back. `superseded`: somebody else has changed the config
   * since. `failed`: it could not be taken back, or never came to be.
   */
  readonly kind: 'holds' | 'reverted' | 'superseded' | 'failed';
  readonly at: Instant;
  readonly because: string;
  /** Whether the journal has it. */
  readonly told: boolean;
}

/** A change of the config that stays only if it proves itself: `<state>/trial.json`, on disk before the change is made. */
export interface Trial {
  readonly version: 1;
  /** T3 */
  readonly id: string;
  readonly kind: 'apply' | 'fix';
  /** When it was in place; before that, when it was begun. */
  readonly appliedAt: Instant;
  /** A gateway that is not ready by then will not be. */
  readonly watchUntil: Instant;
  /** Without a confirmation by then it is taken back. */
  readonly confirmBy: Instant | null;
  readonly confirmed: boolean;
  /** `wanted`: a start with the new config is still to be asked for. */
  readonly restart: 'none' | 'wanted' | 'asked';
  /** Hash of the config it replaces, and of the one it left (see `checkConfigFile`); null before it is in place. */
  readonly replaced: string | null;
  readonly left: string | null;
  readonly planId: string | null;
  /** By key, without values. */
  readonly changes: readonly string[];
  readonly by: string;
  /** The gateway's process as it was applied, and how many starts in a row had failed by then. */
  readonly pidBefore: number | null;
  readonly bootsBefore: number;
  /** A start may have been under way then, with the config that was replaced. */
  readonly downBefore?: boolean;
  /** Settled, and not done yet: from then on nothing but the taking back ends it. */
  readonly undoing: Undoing | null;
  readonly end: TrialEnd | null;
}

/**
 * What a change is taken back for: the gateway did not come up with it; a person asked for what was there before; or
 * a person had said that it is to go unless it is confirmed.
 */
export type UndoPurpose = 'unhelpful' | 'asked' | 'unconfirmed';

/** A change that is to be taken back, and could not be so far: somebody writes the config, or the disk is full. */
export interface Undoing {
  readonly because: string;
  readonly why?: UndoPurpose;
  readonly tries: number;
  readonly triedAt: Instant;
  /** What stood in the way, as far as the operator was told: each once. */
  readonly told: readonly string[];
}

/** What the looks since the change have shown. */
export interface TrialWatch {
  /** Since when the gateway has been ready without a break, and in which life. */
  readonly ready: { readonly since: Instant; readonly life: string } | null;
  /** When it had last been ready for long enough; a confirmation may be waited for much longer than that. */
  readonly provenAt: Instant | null;
  /** Sleep, pauses and other hands: no time in which the gateway could have become ready. */
  readonly heldMs: Millis;
  readonly lookedAt: Instant | null;
}

export const unwatched: TrialWatch = { ready: null, provenAt: null, heldMs: millis(0), lookedAt: null };

/** What the files are at this moment; unknown where that cannot be told. */
export type LiveHash =
  | { readonly kind: 'known'; readonly hash: string | null }
  | { readonly kind: 'unknown' };

export interface TrialLook {
  readonly state: State;
  readonly evidence: Evidence;
  readonly live: LiveHash;
  readonly now: Instant;
  readonly policy: Policy;
}

export type TrialVerdict =
  | { readonly kind: 'keep'; readonly because: string }
  | { readonly kind: 'revert'; readonly because: string }
  /** Somebody else has changed the config since: nothing of ours is left to take back. */
  | { readonly kind: 'superseded'; readonly because: string }
  /** The config from before is in place again. */
  | { readonly kind: 'gone' }
  | { readonly kind: 'wait'; readonly because: string };

/** The command line of sysexits.h for a config that cannot be used: OpenClaw's answer to one. */
const badConfigExit = 78;
/** The first start after a change may fail for other reasons; a second one is a proof. */
const startsGranted = 2;

/** Before taking it back is tried again: twice as long each time. */
const firstUndoPauseMs = seconds(10);
const longestUndoPauseMs = minutes(5);

/** Takes in one look. */
export function noteTrialLook(trial: Trial, before: TrialWatch, look: TrialLook): TrialWatch {
  const { state, evidence, now, policy } = look;
  // A clock that was set back: what was timed by it before proves nothing.
  const watch = before.lookedAt !== null && before.lookedAt > now ? unwatched : before;
  const { generation } = state;
  const held = state.phase.kind === 'suspended' || evidence.gapMs > policy.gapMs;
  const passed = watch.lookedAt === null ? 0 : since(watch.lookedAt, now);
  const next = {
    ready: generation === null || !isReady(evidence) ? null : readyIn(generation, watch, now),
    heldMs: millis(watch.heldMs + (held ? passed : 0)),
    lookedAt: now,
  };
  return { ...next, provenAt: isProven(trial, next.ready, look) ? now : watch.provenAt };
}

/** A gateway that restarts inside its process keeps the pid and gets a new boot id. */
function readyIn({ pid, bootId }: Generation, { ready }: TrialWatch, now: Instant): TrialWatch['ready'] {
  const life = `${pid} ${bootId}`;
  return ready?.life === life ? ready : { since: now, life };
}

/** Ready for long enough, and in a life that began with the change where a restart was asked for. */
function isProven(trial: Trial, ready: TrialWatch['ready'], { state, now, policy }: TrialLook): boolean {
  return (
    ready !== null && isNewEnough(trial, state.generation) && since(ready.since, now) >= policy.trialWatchMs
  );
}

const isNewEnough = (trial: Trial, generation: Generation | null): boolean =>
  trial.restart === 'none' || generation?.pid !== trial.pidBefore;

/**
 * What is to become of the change, after a look that `noteTrialLook` has taken in. What is unknown never reverts. A
 * pause and the mode `observe` hold repairs, which are the watchdog's idea; that an unproven change is taken back was
 * the operator's own order, so it happens in them all the same.
 */
export function judgeTrial(trial: Trial, watch: TrialWatch, look: TrialLook): TrialVerdict {
  if (trial.left === null) return wait('it is being put in place');
  const { live, now } = look;
  if (live.kind === 'known' && live.hash !== trial.left) {
    if (live.hash === trial.replaced) return { kind: 'gone' };
    return { kind: 'superseded', because: 'the config was changed again since' };
  }
  const { confirmBy, confirmed, appliedAt, undoing } = trial;
  if (undoing !== null) {
    return isUndoDue(undoing, now)
      ? revert(undoing.because)
      : wait(`it is to be taken back: ${undoing.because}`);
  }
  const confirmation = confirmBy === null || confirmed;
  if (!confirmation && now >= confirmBy)
    return revert(`nobody confirmed it within ${spell(confirmBy - appliedAt)}`);
  const failure = failureOf(trial, look);
  if (failure !== null) return revert(failure);
  return confirmation ? proofOf(trial, watch, look) : unconfirmed(trial, watch, look);
}

/** A clock that was set back tells no length: it is tried at once. */
export function isUndoDue({ tries, triedAt }: Pick<Undoing, 'tries' | 'triedAt'>, now: Instant): boolean {
  const pause = Math.min(firstUndoPauseMs * 2 ** (tries - 1), longestUndoPauseMs);
  return now < triedAt || since(triedAt, now) >= pause;
}

/** Why the gateway will not come up with it; null while that is not proven. */
function failureOf(trial: Trial, { state, evidence }: TrialLook): string | null {
  const { config } = evidence.ground;
  if (config.kind === 'faulty' && config.hash === trial.left)
    return `OpenClaw cannot start with it: ${config.because}`;
  // An update stops and starts the gateway as it needs to, and says nothing of the config.
  if (state.cause === 'update-running') return null;
  const { service } = evidence;
  const starts = startsSince(trial, state);
  const isDown =
    service.kind === 'scheduled' ||
    service.kind === 'pended' ||
    service.kind === 'stopped' ||
    service.kind === 'not-loaded';
  const exit = 'lastExit' in service ? service.lastExit : null;
  if (isDown && starts >= 1 && exit?.kind === 'code' && exit.code === badConfigExit)
    return `the gateway ended with exit code ${badConfigExit}, which stands for a config it cannot use`;
  if (starts > startsGranted || (isDown && starts === startsGranted))
    return `the gateway did not come up with it, and ${starts} starts failed`;
  const gaveUp = state.cause === 'parked' || state.cause === 'parked-again' || state.cause === 'crash-loop';
  if (gaveUp && starts >= 1 && isDown) return 'the gateway did not come up with it and gave up';
  return null;
}

/** Starts of the gateway that speak against the change: those since it, or since the gateway was last ready with it. */
function startsSince(trial: Trial, { bootsSinceReady, lastReady }: State): number {
  const wasReady = lastReady?.readyAt !== undefined && (lastReady.readyAt ?? 0) >= trial.appliedAt;
  if (wasReady) return bootsSinceReady;
  // It had failed before: what goes on failing has another cause, or the one the change is to mend.
  if (trial.bootsBefore >= startsGranted) return 0;
  // On 2026.9.6 one that cannot use its config takes 5 to 7 s to end: what began before the change ends after it.
  const begun = trial.downBefore === true ? 1 : 0;
  return Math.max(0, bootsSinceReady - trial.bootsBefore - begun);
}

function proofOf(trial: Trial, watch: TrialWatch, look: TrialLook): TrialVerdict {
  const { state, evidence, now, policy } = look;
  const { config } = evidence.ground;
  const until = watch.provenAt === null ? trial.watchUntil : plus(watch.provenAt, policy.trialMaxMs);
  const isOver = now >= plus(until, watch.heldMs);
  if (isProven(trial, watch.ready, look)) {
    const judged = config.kind === 'sound' && config.hash === trial.left && config.validator !== 'pending';
    // What cannot be told for so long speaks against nothing: the gateway serves with it.
    if (judged || now >= plus(trial.watchUntil, watch.heldMs))
      return keep(`the gateway has been ready with it for ${spell(policy.trialWatchMs)}`);
    return wait('the gateway is ready; the config is still being judged');
  }
  if (state.wanted === 'down') {
    if (since(trial.appliedAt, now) < policy.trialWatchMs) return wait('the gateway is not meant to run');
    return keep('the gateway is not meant to run, so its next start will prove it');
  }
  const isNew = isNewEnough(trial, state.generation);
  if (isOver && !isNew && watch.ready !== null)
    return revert(`the gateway was not restarted with it within ${spell(policy.trialMaxMs)}`);
  if (watch.ready !== null) return wait(isNew ? provingText(watch.ready, look) : restarting);
  const doubtful = state.phase.kind === 'suspended' || isUnknown(look);
  if (isOver && !doubtful) return revert(`the gateway was not ready within ${spell(policy.trialMaxMs)}`);
  return wait(doubtful ? state.because : `waiting for the gateway to be ready: ${state.because}`);
}

const restarting = 'the gateway is being restarted with it';

function provingText(ready: { readonly since: Instant }, { now, policy }: TrialLook): string {
  const left = policy.trialWatchMs - since(ready.since, now);
  return `the gateway is ready; it has to stay so for another ${spell(left)}`;
}

function unconfirmed(trial: Trial, watch: TrialWatch, look: TrialLook): TrialVerdict {
  // Not ready is not ready, whether or not somebody means to confirm it.
  const proof = proofOf(trial, watch, look);
  return proof.kind === 'keep' ? wait('it holds so far and waits to be confirmed') : proof;
}

/** Somebody else's gateway does not count: it may run on another config. */
const isReady = (evidence: Evidence): boolean =>
  readiness(evidence).ready && evidence.listener.kind !== 'orphan';

function isUnknown({ state, evidence }: TrialLook): boolean {
  const { healthz, service, listener } = evidence;
  return (
    state.unknownSince !== null ||
    // It serves, with this config or another one: no proof either way.
    listener.kind === 'orphan' ||
    healthz.kind === 'unreachable' ||
    healthz.kind === 'error' ||
    service.kind === 'unknown' ||
    service.kind === 'no-domain'
  );
}

const wait = (because: string): TrialVerdict => ({ kind: 'wait', because });
const keep = (because: string): TrialVerdict => ({ kind: 'keep', because });
const revert = (because: string): TrialVerdict => ({ kind: 'revert', because });

/**
 * For another watchdog, or by a clock that was set back: no deadline is ever longer than it was, and the boot under way
 * has its time from the beginning, for nobody knows how much of the time between was sleep.
 */
export function resumeTrial(trial: Trial, now: Instant, policy: Policy): Trial {
  const { confirmBy, appliedAt, undoing } = trial;
  return {
    ...trial,
    // What stood in the way of a life that is over may be gone with it.
    undoing: undoing === null ? null : { ...undoing, tries: 0 },
    appliedAt: earlier(appliedAt, now),
    confirmBy: confirmBy === null ? null : earlier(confirmBy, plus(now, since(appliedAt, confirmBy))),
    watchUntil: plus(now, policy.trialMaxMs),
  };
}

const earlier = (one: Instant, other: Instant): Instant => (one < other ? one : other);
