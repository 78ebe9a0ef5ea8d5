import type { Paths } from '../config/paths.ts';
import type { Settings } from '../config/settings.ts';
import { isInPlace } from '../core/in-place.ts';
import type { Policy } from '../core/policy.ts';
import type { Action, State } from '../core/state.ts';
import type { Clock } from '../core/time.ts';
import { isConfigBlamed } from '../core/undo.ts';
import { listerOf } from '../gateway/live-processes.ts';
import type { GroundSightParts } from '../probes/ground-sights.ts';
import { finishSwap, type SwapDeps } from '../repairs/config-swap.ts';
import type { Hands, Repairs } from '../repairs/perform.ts';
import { createConfigRepairs } from '../repairs/rollback.ts';
import type { Log } from '../system/log.ts';
import type { Processes } from '../system/process.ts';
import type { Run } from '../system/run.ts';
import { listKept, readKept, sweepKept } from '../vault/kept.ts';
import { plansIn, sweepPlans, writePlan } from '../vault/plans.ts';
import { type ConfigKeeper, createConfigKeeper } from './config-keeper.ts';
import type { GatewaySight } from './gateway-sight.ts';
import type { Loop } from './loop.ts';
import { openStore } from './open-store.ts';
import { assembleSnapshot } from './snapshot-content.ts';
import { createTrialHands } from './trial-hands.ts';
import type { Trials } from './trial-parts.ts';
import { createTrials } from './trials.ts';

export interface ConfigGuardParts {
  /** The loop's own clock, for what is compared with its moments. */
  readonly steady: Clock;
  readonly clock: Clock;
  readonly paths: Paths;
  /** Of the start: which gateway is guarded stays as it was. */
  readonly settings: Settings;
  readonly policy: () => Policy;
  readonly processes: Processes;
  readonly run: Run;
  readonly log: Log;
  readonly uid: number;
  readonly sight: () => GatewaySight;
  /** Asked only once everything is put together. */
  readonly loop: () => Loop;
  readonly hands: (signal: AbortSignal) => Hands;
  readonly undoReinstall: Repairs['undo'];
}

/** All that keeps the gateway's config: snapshots, what a rollback is worked out from, its hands, and trials. */
export interface ConfigGuard {
  readonly snapshots: NonNullable<GroundSightParts['snapshots']>;
  readonly repairs: Pick<Repairs, 'rollback' | 'undo'>;
  readonly keeper: ConfigKeeper;
  readonly trials: Trials;
  /** Before the first look: takes up the trial that an earlier life of ours has left. */
  begin(state: State): Promise<void>;
}

/** Before anything is decided: completes or drops what an earlier life of ours left half done. */
export async function finishChanges(quarantine: string, log: Log): Promise<void> {
  for (const { because, kind } of await finishSwap({ quarantine })) {
    log[kind === 'failed' ? 'error' : 'warn'](`A change of the config that was interrupted: ${because}`);
  }
}

/** A rollback without a record of what it keeps has replaced nothing: the record comes first. */
export const neverBegun =
  (quarantine: string) =>
  async ({ id, step }: Action): Promise<boolean> =>
    step.kind === 'rollback' && (await readKept(quarantine, id)).kind === 'missing';

export function createConfigGuard(parts: ConfigGuardParts): ConfigGuard {
  const { steady, clock, paths, settings, policy, processes, run, log, uid } = parts;
  const store = openStore({ paths, settings, run, clock, processes });
  const plans = plansIn(paths.state);
  const swap = (): SwapDeps => ({
    configPath: settings.gateway.configPath,
    home: parts.sight().ground.home,
    uid,
    plans,
    quarantine: paths.quarantine,
    processes: listerOf(processes),
    now: steady.now,
  });
  const live = (bootId: string | null) =>
    assembleSnapshot({ settings, paths, sight: parts.sight(), bootId, now: clock.now() });
  const record = async (): Promise<string | null> => {
    const seen = await live(parts.loop().state().generation?.bootId ?? null);
    if (seen.kind !== 'assembled') return seen.because;
    const outcome = await store.record(seen.content, { aside: seen.aside });
    return outcome.kind === 'failed' ? outcome.because : null;
  };
  const trials = createTrials({
    stateDir: paths.state,
    quarantine: paths.quarantine,
    clock: steady,
    policy,
    log,
    loop: {
      exclusive: (work) => parts.loop().exclusive(work),
      note: (because, notices) => parts.loop().note(because, notices),
      state: () => parts.loop().state(),
      nudge: () => parts.loop().nudge(),
    },
    hands: createTrialHands({
      swap,
      record,
      tmutil: settings.tools.tmutil,
      run,
      label: settings.gateway.label,
      hands: parts.hands,
      restartWithinMs: () => policy().actionDeadlineMs,
    }),
  });
  return {
    snapshots: {
      store,
      kept: async () => (await listKept(paths.quarantine)).map((kept) => kept.record),
      write: async (draft) => {
        const written = await writePlan(plans, draft);
        await sweepPlans(plans);
        return written;
      },
    },
    repairs: createConfigRepairs({
      swap,
      incident: () => parts.loop().state().incident?.id ?? null,
      isConfigBlamed: () => isConfigBlamed(parts.loop().state()),
      label: store.label,
      undoReinstall: parts.undoReinstall,
    }),
    keeper: createConfigKeeper({
      clock,
      soakMs: () => policy().soakMs,
      store,
      live,
      trial: () => trials.current() !== null,
      log,
    }),
    trials,
    begin: async ({ incident, lastIncident }) => {
      const attempts = [...(incident?.attempts ?? []), ...(lastIncident?.attempts ?? [])];
      const keep = attempts.filter(isInPlace).map(({ actionId }) => actionId);
      await sweepKept(paths.quarantine, { now: clock.now(), keep });
      await trials.begin();
    },
  };
}
