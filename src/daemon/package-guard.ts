import type { Paths } from '../config/paths.ts';
import type { Evidence } from '../core/evidence.ts';
import { isInPlace } from '../core/in-place.ts';
import type { Policy } from '../core/policy.ts';
import type { Action, ActionOutcome, State } from '../core/state.ts';
import { type Clock, hours, millis } from '../core/time.ts';
import type { GroundSightParts } from '../probes/ground-sights.ts';
import { finishRepairs } from '../repairs/finish-repairs.ts';
import type { Repairs } from '../repairs/perform.ts';
import { createPackageRepairs } from '../repairs/reinstall.ts';
import type { Log } from '../system/log.ts';
import type { Processes } from '../system/process.ts';
import type { Run } from '../system/run.ts';
import { currentManifest } from '../vault/archives.ts';
import type { ManifestInForce } from '../vault/manifest.ts';
import { packagePlansIn, sweepPackagePlans, writePackagePlan } from '../vault/package-plans.ts';
import { readRepair, sweepRepairs } from '../vault/repair-records.ts';
import { createArchivesWatch } from './archives-view.ts';
import type { GatewaySight } from './gateway-sight.ts';
import type { Loop } from './loop.ts';
import { handsOn, openPackages, type PackageParts } from './open-packages.ts';
import { createPackageHands, type PackageHands } from './package-hands.ts';
import { createPackageKeeper } from './package-keeper.ts';
import { createRepairFinisher } from './repair-finisher.ts';
import { createSafeStartWatch } from './safe-start-watch.ts';
import type { ArchivesView } from './status-file.ts';

export interface PackageGuardParts {
  /** The loop's own clock, for what is compared with its moments. */
  readonly steady: Clock;
  readonly clock: Clock;
  readonly paths: Paths;
  readonly policy: () => Policy;
  readonly mode: () => 'act' | 'observe';
  readonly processes: Processes;
  readonly manager: PackageParts['manager'];
  /** Of the gateway's job. */
  readonly label: string;
  readonly run: Run;
  readonly log: Log;
  readonly sight: () => GatewaySight;
  /** Asked only once everything is put together. */
  readonly loop: () => Loop;
  readonly archive: () => Promise<void>;
  /** Our hands have been at the package: what was seen of it before is past. */
  readonly onChanged: () => void;
}

/** All that keeps the installed package: its manifest, what a repair is worked out from, its hands, and the archives. */
export interface PackageGuard {
  readonly ground: NonNullable<GroundSightParts['packages']>;
  readonly repairs: Pick<Repairs, 'reinstall' | 'undo'>;
  readonly hands: PackageHands;
  /** After each look. Returns at once and never throws. */
  seen(state: State, evidence: Evidence): void;
  /** As of the newest look at them; null before the first. */
  view(): ArchivesView | null;
  /** Before anything is decided: completes or takes back the repair that an earlier life of ours has left half done. */
  finish(): Promise<void>;
  /** A repair without a record has replaced nothing: the record comes first. */
  neverBegun(action: Action): Promise<boolean>;
  /** Before the first look, and daily from then on: removes what earlier repairs have left for long enough. */
  begin(state: State): Promise<void>;
  close(): Promise<void>;
}

/** A watchdog runs for months, and each repair may leave half a gigabyte. */
const sweepEveryMs = hours(24);

export function createPackageGuard(parts: PackageGuardParts): PackageGuard {
  const { steady, clock, paths, policy, processes, run, log, sight } = parts;
  const packages = openPackages({
    paths,
    sight,
    run,
    clock: steady,
    processes,
    manager: parts.manager,
    label: parts.label,
    incident: () => parts.loop().state().incident?.id ?? null,
  });
  const plans = packagePlansIn(paths.state);
  const finisher = createRepairFinisher({
    clock,
    finish: () => finishRepairs(packages.repair()),
    exclusive: (work) => parts.loop().exclusive(work),
    onChanged: parts.onChanged,
    log,
  });
  const noticed = async <T extends ActionOutcome>(work: Promise<T>): Promise<T> => {
    const outcome = await work;
    parts.onChanged();
    if (outcome.kind !== 'done') finisher.doubt();
    return outcome;
  };
  const repairs = createPackageRepairs(packages.repair);
  const byHand = handsOn(packages);
  const keeper = createPackageKeeper({
    clock,
    soakMs: () => policy().soakMs,
    stateDir: paths.state,
    place: () => sight().ground,
    archive: parts.archive,
    log,
  });
  const safeStart = createSafeStartWatch({
    directory: paths.safeStart,
    programArguments: () => sight().ground.programArguments,
    tell: (text) => {
      const notice = { kind: 'told', at: steady.now(), incident: null, text } as const;
      void parts.loop().note(text, [notice]);
    },
  });
  const view = createArchivesWatch({ archivesDir: paths.archives, stateDir: paths.state, clock, log });
  let sweepAt = millis(clock.elapsed() + sweepEveryMs);
  const sweep = async ({ incident, lastIncident }: State): Promise<void> => {
    const attempts = [...(incident?.attempts ?? []), ...(lastIncident?.attempts ?? [])];
    const keep = attempts.filter(isInPlace).map(({ actionId }) => actionId);
    const removed = await sweepRepairs(paths.quarantine, { now: clock.now(), keep });
    for (const { id, because } of removed)
      log.info(`What the repair ${id} had replaced was removed: ${because}`);
  };
  /** Between two actions, and only while there is none to be expected: it may take away a hundred thousand files. */
  const sweepDaily = ({ phase }: State): void => {
    if (phase.kind !== 'healthy' || clock.elapsed() < sweepAt) return;
    sweepAt = millis(clock.elapsed() + sweepEveryMs);
    const { exclusive, state } = parts.loop();
    void exclusive(() => sweep(state())).catch((error: unknown) =>
      log.warn(`What earlier repairs have replaced could not be looked through: ${String(error)}`),
    );
  };
  return {
    ground: {
      sources: packages.sources,
      manifest: () => manifestIn(paths.archives),
      write: async (plan) => {
        const written = await writePackagePlan(plans, plan);
        await sweepPackagePlans(plans, [plan.id]);
        return written;
      },
    },
    repairs: {
      reinstall: (step, actionId, signal) => noticed(repairs.reinstall(step, actionId, signal)),
      undo: (step, signal) => noticed(repairs.undo(step, signal)),
    },
    hands: createPackageHands({
      plan: byHand.plan,
      reinstall: (step, id, signal) => noticed(byHand.reinstall(step, id, signal)),
      undo: (id, how) => noticed(byHand.undo(id, how)),
      clock: steady,
      loop: {
        command: (command, because) => parts.loop().command(command, because),
        exclusive: (work) => parts.loop().exclusive(work),
        note: (because, notices) => parts.loop().note(because, notices),
        state: () => parts.loop().state(),
        nudge: () => parts.loop().nudge(),
      },
      quarantine: paths.quarantine,
      log,
      mode: parts.mode,
      deadlineMs: () => policy().reinstallMs,
    }),
    seen: (state, evidence) => {
      keeper.seen(state, evidence);
      finisher.onLook();
      sweepDaily(state);
      safeStart.look();
      view.onLook();
    },
    view: view.view,
    finish: finisher.begin,
    neverBegun: async ({ id, step }) =>
      step.kind === 'reinstall' && (await readRepair(paths.quarantine, id)).kind === 'missing',
    begin: sweep,
    close: async () => {
      await Promise.all([keeper.close(), finisher.close()]);
    },
  };
}

/** The manifest that counts now; one that cannot be read is none: the package's own lists decide alone then. */
async function manifestIn(archives: string): Promise<ManifestInForce | null> {
  const found = await currentManifest(archives);
  return found.kind === 'found' ? found : null;
}
