import { configKey } from '../core/blocker-config.ts';
import type { Evidence } from '../core/evidence.ts';
import type { ConfigEvidence } from '../core/ground-evidence.ts';
import { changedSince, followSoak, judgeSoak, type Soak, type SoakVerdict } from '../core/soak.ts';
import type { State } from '../core/state.ts';
import { type Clock, type Instant, type Millis, millis, minutes, seconds } from '../core/time.ts';
import { spell } from '../core/words.ts';
import type { Log } from '../system/log.ts';
import type { KeptStore } from '../vault/snapshot-store.ts';
import type { AssembledSnapshot } from './snapshot-content.ts';
import type { SnapshotsView } from './status-file.ts';

export interface KeeperParts {
  readonly clock: Clock;
  readonly soakMs: () => Millis;
  /** Null where there is nothing to record with. */
  readonly store: KeptStore | null;
  /** `bootId` of the gateway that runs; null when none does. */
  readonly live: (bootId: string | null) => Promise<AssembledSnapshot>;
  /** Whether a changed config is on trial at this moment. */
  readonly trial: () => boolean;
  readonly log: Pick<Log, 'info' | 'warn'>;
}

export interface ConfigKeeper {
  /** To be called after each look. Returns at once and never throws. */
  seen(state: State, evidence: Evidence): void;
  /** As of the newest work; null before the first. */
  view(): SnapshotsView | null;
  /** Waits for what is under way, within a bound. */
  close(): Promise<void>;
}

/** After a failure: a repository that is locked for a moment is free soon, a full disk takes longer. */
const firstPauseMs = seconds(10);
const longestPauseMs = minutes(15);
/** The hourly job records too, so what `status` shows is read anew from time to time. */
const viewEveryMs = minutes(10);
/** Snapshots that are looked through for the newest verified one: months of ordinary edits. */
const listed = 200;
/** Reasons that were told; a text that changes each time must not fill our memory. */
const maxTold = 32;
/** launchd kills us 20 s after it asked us to stop; the store survives that too. */
const closeWithinMs = seconds(5);

type Work = () => Promise<{ readonly kind: 'done' } | { readonly kind: 'failed'; readonly because: string }>;
type Faulty = Extract<ConfigEvidence, { readonly kind: 'faulty' }>;
type Assembled = Extract<AssembledSnapshot, { readonly kind: 'assembled' }>;
type Over = Extract<SoakVerdict, { readonly kind: 'over' }>;
const done = { kind: 'done' } as const;

/** Records each new content of the config, and calls verified what the gateway booted with and stood through. */
export function createConfigKeeper(parts: KeeperParts): ConfigKeeper {
  const { clock, store, log } = parts;
  let soak: Soak | null = null;
  /** What was recorded last, and the generation with content that needs no more thought. */
  let recorded: string | null = null;
  let settled: string | null = null;
  let view: SnapshotsView | null = null;
  let viewedAt: Millis | null = null;
  let busy: Promise<void> | null = null;
  let closed = false;
  let pauseMs: Millis | null = null;
  let restUntil = clock.elapsed();
  const told = new Set<string>();

  const record = (from: KeptStore, config: Content, { key, bootId }: Subject): Work => {
    return async () => {
      const live = await parts.live(bootId);
      if (live.kind !== 'assembled') return notThere(live);
      // It has changed again since that look: the next one says what it is now.
      if (live.hash !== config.hash) return done;
      // The look knows what the file was like before; the reading compares it with what was recorded last.
      const aside = isClobbered(config) ? config.because : live.aside;
      const outcome = await from.record(live.content, { aside });
      if (outcome.kind === 'failed') return outcome;
      recorded = key;
      viewedAt = null;
      told.clear();
      if (outcome.note !== undefined) log.warn(`The snapshots: ${outcome.note}`);
      if (outcome.kind === 'recorded') log.info(`The config was recorded as snapshot ${short(outcome.id)}`);
      if (outcome.kind === 'aside')
        log.warn(`The config was put aside as ${short(outcome.id)}, and no rollback takes it: ${aside}`);
      return done;
    };
  };

  const verify = (from: KeptStore, { mark, config, startedAt }: Over, runs: Runs): Work => {
    return async () => {
      const live = await parts.live(runs.bootId);
      if (live.kind !== 'assembled') return notThere(live);
      if (live.hash !== config) return done;
      const doubt = doubtOf(live, startedAt, runs);
      if (doubt !== null) {
        settled = mark;
        log.info(`The config stays recorded and becomes verified by a later boot: ${doubt}`);
        return done;
      }
      const outcome = await from.record(live.content, { aside: null });
      if (outcome.kind === 'failed') return outcome;
      const labelled = await from.label(outcome.id, 'verified');
      if (labelled.kind === 'failed') return labelled;
      settled = mark;
      viewedAt = null;
      log.info(
        `The config is verified (${short(outcome.id)}): the gateway booted with it and has been ready for ${spell(parts.soakMs())}`,
      );
      return done;
    };
  };

  const look = (from: KeptStore): Work => {
    return async () => {
      viewedAt = clock.elapsed();
      const tended = await from.tend();
      if (tended.kind === 'mended') log.warn(`The snapshots: ${tended.note}`);
      view = await viewOf(from, view);
      // The repository was removed, or made anew: what is in force is recorded and verified once more.
      if (tended.kind === 'mended' || view.problem !== null) recorded = settled = null;
      return tended.kind === 'failed' ? tended : done;
    };
  };

  const choose = (from: KeptStore, state: State, evidence: Evidence): Work | null => {
    const { config } = evidence.ground;
    const bootId = state.generation?.bootId ?? null;
    if (hasContent(config)) {
      const key = `${configKey(config)}${isClobbered(config) ? ' clobbered' : ''}`;
      if (key !== recorded) return record(from, config, { key, bootId });
    }
    const rules = { soakMs: parts.soakMs(), trial: parts.trial() };
    const verdict = judgeSoak(soak, { state, evidence, elapsed: clock.elapsed() }, rules);
    if (verdict.kind === 'over' && verdict.mark !== settled)
      return verify(from, verdict, { bootId, version: versionOf(evidence) });
    const isOld = viewedAt === null || clock.elapsed() - viewedAt >= viewEveryMs;
    return isOld ? look(from) : null;
  };

  const failed = (because: string): void => {
    pauseMs = pauseMs === null ? firstPauseMs : millis(Math.min(2 * pauseMs, longestPauseMs));
    restUntil = millis(clock.elapsed() + pauseMs);
    if (told.has(because)) return;
    if (told.size >= maxTold) told.clear();
    told.add(because);
    log.warn(`The config could not be recorded, and is tried again: ${because}`);
  };

  const start = (work: Work): void => {
    busy = work()
      .catch((error: unknown) => ({
        kind: 'failed' as const,
        because: `a bug of the watchdog: ${String(error)}`,
      }))
      .then((outcome) => {
        busy = null;
        if (outcome.kind === 'failed') return failed(outcome.because);
        pauseMs = null;
      });
  };

  return {
    seen: (state, evidence) => {
      soak = followSoak(soak, { state, evidence, elapsed: clock.elapsed() });
      if (closed || store === null || busy !== null || clock.elapsed() < restUntil) return;
      const work = choose(store, state, evidence);
      if (work !== null) start(work);
    },
    view: () => view,
    close: async () => {
      closed = true;
      if (busy === null) return;
      const ended = new AbortController();
      await Promise.race([busy, clock.sleep(closeWithinMs, ended.signal)]);
      ended.abort();
    },
  };
}

interface Subject {
  readonly key: string;
  readonly bootId: string | null;
}

/** The gateway that runs. */
interface Runs {
  readonly bootId: string | null;
  readonly version: string | null;
}

type Content = (Extract<ConfigEvidence, { readonly kind: 'sound' }> | Faulty) & { readonly hash: string };

/** Something was read. What cannot be told now, or is not there, leaves nothing to record. */
const hasContent = (config: ConfigEvidence): config is Content =>
  (config.kind === 'sound' || config.kind === 'faulty') && config.hash !== null;

/** A file that went since the look is the next look's business. */
const notThere = ({ kind, because }: Exclude<AssembledSnapshot, Assembled>): Awaited<ReturnType<Work>> =>
  kind === 'missing' ? done : { kind: 'failed', because };

const isClobbered = (config: Content): config is Content & Faulty =>
  config.kind === 'faulty' && config.fault === 'clobbered';

/** As the gateway says it of itself. */
const versionOf = ({ socket }: Evidence): string | null => (socket.kind === 'open' ? socket.version : null);

/** Why this is not what the running process booted with; null when it is. */
function doubtOf({ content, times }: Assembled, startedAt: Instant, { version }: Runs): string | null {
  const young = changedSince(times, startedAt);
  if (young !== null) return `${young.path} was changed after the gateway was started`;
  // A snapshot says under which OpenClaw it is verified, and that is the one that runs, not the one on disk.
  if (version !== null && content.openclaw !== null && version !== content.openclaw)
    return `OpenClaw ${version} runs, and ${content.openclaw} is installed`;
  return null;
}

async function viewOf(from: KeptStore, before: SnapshotsView | null): Promise<SnapshotsView> {
  const [listing, bytes] = await Promise.all([from.list(listed), from.size()]);
  const known = { newestAt: before?.newestAt ?? null, verifiedAt: before?.verifiedAt ?? null, bytes };
  if (listing.kind === 'failed') return { ...known, problem: listing.because };
  const verified = listing.entries.find(({ label }) => label === 'verified');
  return {
    newestAt: listing.entries[0]?.takenAt ?? null,
    verifiedAt: verified?.takenAt ?? (listing.entries.length < listed ? null : known.verifiedAt),
    bytes,
    problem: listing.problem,
  };
}

const short = (id: string): string => id.slice(0, 12);
