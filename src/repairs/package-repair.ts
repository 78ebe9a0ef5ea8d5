import type { PackagePlan } from '../vault/package-plans.ts';
import { openRepair, type Repair, type RepairRecord, writeRepair } from '../vault/repair-records.ts';
import { dropRepair, finishBegun, giveBack, settle } from './finish-repairs.ts';
import {
  alone,
  late,
  type PackageRepairDeps,
  type RepairOutcome,
  type RepairStop,
  refused,
} from './package-ground.ts';
import { lookAgain, lookAt, stopped } from './package-look.ts';
import { putAll, realFiles } from './package-moves.ts';
import { makeBeside } from './package-place.ts';
import { type Ground, layOut, stagePlan } from './stage-plan.ts';

export interface PlanRequest {
  /** Of the action: what is replaced is kept under it. */
  readonly id: string;
  readonly plan: PackagePlan;
  readonly signal: AbortSignal;
}

/** Puts exactly what a plan names in place, and keeps what it replaces. Starts nothing. */
export async function performPlan(request: PlanRequest, deps: PackageRepairDeps): Promise<RepairOutcome> {
  const outcome = await alone(deps.quarantine, async () => {
    const stuck = (await finishBegun(deps)).find(({ kind }) => kind === 'failed');
    if (stuck !== undefined) return refused(`an earlier repair is not finished: ${stuck.because}`);
    return repair(request, deps);
  });
  return outcome ?? refused('another repair of the package is being made right now');
}

async function repair(request: PlanRequest, deps: PackageRepairDeps): Promise<RepairOutcome> {
  const { plan, signal } = request;
  const stop = await stopped(plan, signal, deps);
  if (stop !== null) return stop;
  const found = await lookAt(plan, signal, deps);
  if ('kind' in found) return found;
  const near = await attempt(request, found, { deps, beside: false });
  // One device by its number, and yet another one: two mounts of one disk. Nothing was replaced.
  if (near.kind !== 'failed' || near.code !== 'EXDEV') return near;
  return attempt(request, found, { deps, beside: true });
}

async function attempt(
  request: PlanRequest,
  ground: Ground,
  { deps, beside }: { readonly deps: PackageRepairDeps; readonly beside: boolean },
): Promise<RepairOutcome> {
  const { files = realFiles, quarantine } = deps;
  const { plan, signal } = request;
  const opened = await openRepair(quarantine, request.id, files);
  if (opened.kind === 'failed') return opened;
  const { folder } = opened;
  const trees = await layOut(ground, { folder, beside });
  if ('kind' in trees) return drop({ folder, record: null }, trees, deps);
  const record: RepairRecord = { ...recordOf(request, deps), trees };
  const staging: Repair = { folder, record };
  const begun = await writeRepair(staging, files);
  if (begun.kind === 'failed') return drop(staging, begun, deps);
  const beyond = new Set(trees.map(({ place }) => place).filter((place) => place !== folder));
  for (const place of beyond) {
    const failure = await makeBeside(place, files);
    // The folder of this name may be somebody else's: nothing is taken away by its name.
    if (failure !== null) return fail({ folder, record: { ...record, trees: [] } }, failure, deps);
  }
  const staged = await stagePlan(ground, { trees, signal, deps });
  if (staged.kind === 'failed') {
    return signal.aborted ? drop(staging, late, deps) : fail(staging, staged, deps);
  }
  const { moves, files: count } = staged;
  const ready: Repair = { folder, record: { ...record, moves, files: count, state: 'begun' } };
  const written = await writeRepair(ready, files);
  if (written.kind === 'failed') return fail(staging, written, deps);
  // The last thing before the first rename; whether something changed there since is told by each move itself.
  const stop = (await lookAgain(ground, signal, deps)) ?? (await stopped(plan, signal, deps));
  if (stop !== null) return drop(staging, stop, deps);
  const failure = await putAll(ready.record, files);
  if (failure !== null) return giveBack(ready, failure, deps);
  return settle(ready, deps);
}

const recordOf = (
  { id, plan }: PlanRequest,
  { incident, now }: PackageRepairDeps,
): Omit<RepairRecord, 'trees'> => ({
  version: 1,
  id,
  incident: incident(),
  at: now(),
  planId: plan.id,
  planKind: plan.kind,
  openclaw: plan.openclaw,
  archive: plan.archive,
  units: plan.units.map(({ tree, path, part, digest }) => ({ tree, path, part, digest })),
  moves: [],
  files: 0,
  state: 'staging',
  undoneFor: null,
  because: plan.because,
});

/** It never came to the first rename, and nobody need know of it: takes away what was prepared. */
async function drop(
  { folder, record }: { readonly folder: string; readonly record: RepairRecord | null },
  outcome: RepairStop,
  deps: PackageRepairDeps,
): Promise<RepairOutcome> {
  await dropRepair({ folder, record }, deps.files ?? realFiles);
  return outcome;
}

/** The same, but the attempt stays on record: this plan need not be tried again at once. */
async function fail(repairing: Repair, outcome: RepairStop, deps: PackageRepairDeps): Promise<RepairOutcome> {
  const { files = realFiles } = deps;
  const { folder, record } = repairing;
  if (outcome.code === 'EXDEV') return drop(repairing, outcome, deps);
  await dropRepair(
    {
      folder,
      record: { ...record, moves: [], state: 'failed', undoneFor: 'failed', because: outcome.because },
    },
    files,
  );
  return { kind: 'failed', because: outcome.because };
}
