import type { Paths } from '../config/paths.ts';
import type { Clock } from '../core/time.ts';
import { listerOf } from '../gateway/live-processes.ts';
import { findPackageWork } from '../gateway/package-managers.ts';
import { misfitOf, readSurroundings } from '../probes/reinstall-fit.ts';
import type { ReinstallPlace, ReinstallSources } from '../probes/reinstall-parts.ts';
import { createReinstallSources } from '../probes/reinstall-sources.ts';
import { soundTree } from '../probes/sound-tree.ts';
import { readUpdate } from '../probes/update-sight.ts';
import { createNpmFetch } from '../repairs/fetch-with-npm.ts';
import { type PackageRepairDeps, vaultIn } from '../repairs/package-ground.ts';
import { createPackageRepairs, takeBack } from '../repairs/reinstall.ts';
import type { Processes } from '../system/process.ts';
import type { Run } from '../system/run.ts';
import type { ServiceManager } from '../system/service-manager.ts';
import type { ManifestHead } from '../vault/manifest.ts';
import { packagePlansIn, readPackagePlan } from '../vault/package-plans.ts';
import type { GatewaySight } from './gateway-sight.ts';
import type { PackageHandParts } from './package-hands.ts';

export interface PackageParts {
  readonly paths: Pick<Paths, 'archives' | 'quarantine' | 'state'>;
  readonly sight: () => GatewaySight;
  readonly run: Run;
  readonly clock: Pick<Clock, 'now'>;
  readonly processes: Pick<Processes, 'list'>;
  readonly manager: Pick<ServiceManager, 'read' | 'labels'>;
  /** Of the gateway's job. */
  readonly label: string;
  /** Of the incident that a repair belongs to. */
  readonly incident: () => string | null;
}

export interface Packages {
  readonly sources: ReinstallSources;
  readonly place: () => ReinstallPlace;
  /** Asked for each repair anew: an update may have moved the package. */
  readonly repair: () => PackageRepairDeps;
}

/** What a package is mended with, by the daemon and by a command that stands in for it. */
export function openPackages(parts: PackageParts): Packages {
  const { paths, sight, run, clock, manager, label } = parts;
  const processes = listerOf(parts.processes);
  const update = async () => {
    const state = await manager.read(label);
    return readUpdate({ now: clock.now(), files: sight().files, processes, state, manager });
  };
  const place = (): ReinstallPlace => {
    const { packageRoot, stateDir, version, prefix, node } = sight().ground;
    return { packageRoot, stateDir, version, prefix, node };
  };
  const sources = createReinstallSources({ ...paths, run, processes, update });
  // A plan waits for its turn, and for a person's yes: a gateway that was started meanwhile may have migrated the state.
  const misfit = async (head: ManifestHead): Promise<string | null> => {
    const around = await readSurroundings({ place: place(), sources });
    return typeof around === 'string' ? around : misfitOf(head, around);
  };
  return {
    sources,
    place,
    repair: () => ({
      quarantine: paths.quarantine,
      vault: vaultIn(paths.archives),
      plan: (id) => readPackagePlan(packagePlansIn(paths.state), id),
      packageWork: () => findPackageWork({ processes, update }),
      sound: (root) => soundTree({ root, processes, signal: new AbortController().signal }),
      misfit,
      fetch: createNpmFetch({ run, node: () => place().node }),
      incident: parts.incident,
      now: clock.now,
      sync: run,
    }),
  };
}

/** The hands of `createPackageHands`, the real ones. */
export function handsOn({ repair }: Packages): Pick<PackageHandParts, 'plan' | 'reinstall' | 'undo'> {
  return {
    plan: async (id) => {
      const read = await repair().plan(id);
      return read.kind === 'read' ? read.plan : read.because;
    },
    reinstall: createPackageRepairs(repair).reinstall,
    undo: (id, how) => takeBack(id, how, repair()),
  };
}
