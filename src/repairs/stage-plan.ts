import { promises as nodeFiles } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileFailure } from '../system/file-failure.ts';
import type { Manifest, Tree } from '../vault/manifest.ts';
import type { PackagePlan } from '../vault/package-plans.ts';
import type { Move, RepairedTree } from '../vault/repair-records.ts';
import { unitKey } from '../vault/unit-layout.ts';
import { supplyFetched } from './fetched-units.ts';
import { commandTree, type PackageRepairDeps, packageTree, type RepairStop } from './package-ground.ts';
import { identityOf, putRoot, realFiles } from './package-moves.ts';
import { findPlace } from './package-place.ts';
import { moveOf, type Staged, type Supply, stageUnits, syncStaged } from './stage-units.ts';

/** What a repair is made of, once all was looked at. */
export interface Ground {
  readonly plan: PackagePlan;
  /** The units that are put, each whole; null where nothing is recorded of this version. */
  readonly manifest: Manifest | null;
  /** Paths that differ from the manifest, each behind its tree's name. */
  readonly damaged: ReadonlySet<string>;
}

interface StagePlanAsk {
  readonly trees: readonly RepairedTree[];
  readonly signal: AbortSignal;
  readonly deps: PackageRepairDeps;
}

/** The units of the plan alone; by keys, for both may be thousands. */
export function plannedOf(plan: PackagePlan, { head, units }: Manifest): Manifest {
  const planned = new Set(plan.units.map(unitKey));
  return { head, units: units.filter((unit) => planned.has(unitKey(unit))) };
}

/** The trees that are touched, what their roots are now, and where their staging goes. */
export async function layOut(
  { plan, manifest }: Ground,
  where: { readonly folder: string; readonly beside: boolean },
): Promise<readonly RepairedTree[] | RepairStop> {
  const touched = new Set([packageTree, ...plan.units.map(({ tree }) => tree)]);
  const own: Tree = { name: packageTree, root: plan.root };
  const others = (manifest?.head.trees ?? []).filter(({ name }) => name !== packageTree && touched.has(name));
  const trees: RepairedTree[] = [];
  try {
    for (const [at, { name, root }] of [own, ...others].entries()) {
      const found = await findPlace(root, where);
      if (found.kind === 'failed') return found;
      const folder = at === 0 ? packageTree : `plugin-${at}`;
      trees.push({ name, root, rootWas: await identityOf(root), place: found.place, folder });
    }
    const place = trees[0]?.place ?? where.folder;
    const command = await commandOf(plan, place);
    return command === null ? trees : [...trees, command];
  } catch (error) {
    return fileFailure(`look at ${plan.root}`, error);
  }
}

async function commandOf({ link }: PackagePlan, place: string): Promise<RepairedTree | null> {
  if (link === null) return null;
  const now = await nodeFiles.readlink(link.path).catch(() => null);
  if (now === link.target) return null;
  const root = dirname(link.path);
  const rootWas = await identityOf(root);
  return rootWas?.kind === 'directory'
    ? { name: commandTree, root, rootWas, place, folder: commandTree }
    : null;
}

/** Stages all that a plan names, so that only renames are left to do. */
export async function stagePlan(ground: Ground, ask: StagePlanAsk): Promise<Staged> {
  const { files = realFiles } = ask.deps;
  try {
    const staged = await stagePackage(ground, ask);
    const { link } = ground.plan;
    const command = ask.trees.find(({ name }) => name === commandTree);
    if (staged.kind === 'failed' || link === null || command === undefined) return staged;
    await files.mkdir(putRoot(command), { recursive: true, mode: 0o700 });
    await files.symlink(link.target, join(putRoot(command), basename(link.path)));
    const move = await moveOf(command, basename(link.path), null);
    return move === null ? staged : { ...staged, moves: [...staged.moves, move] };
  } catch (error) {
    return fileFailure('stage what is to come', error);
  }
}

async function stagePackage(ground: Ground, ask: StagePlanAsk): Promise<Staged> {
  const { plan, manifest } = ground;
  const { vault, fetch } = ask.deps;
  const own = ask.trees.find(({ name }) => name === packageTree);
  if (own === undefined) return { kind: 'failed', because: `the plan ${plan.id} is about no package` };
  switch (plan.kind) {
    case 'aside':
      return whole(await moveOf(own, '', plan.aside), ground);
    case 'packages':
    case 'tree':
      return manifest === null
        ? { kind: 'failed', because: `the plan ${plan.id} has no manifest` }
        : stageWith(vault.supply(manifest), { ground, manifest, ask });
    case 'network': {
      if (fetch === undefined)
        return { kind: 'failed', because: 'nothing may be fetched from the network here' };
      const into = join(own.place, 'new', 'fetch');
      const { files = realFiles } = ask.deps;
      await files.mkdir(into, { recursive: true, mode: 0o700 });
      const wanted = manifest === null ? null : plannedOf(plan, manifest);
      const fetched = await fetch({ plan, manifest: wanted, into, signal: ask.signal });
      if (fetched.kind === 'failed') return fetched;
      if (manifest !== null) return stageWith(supplyFetched(fetched.roots, files), { ground, manifest, ask });
      return stageFetched(ground, { own, root: fetched.roots[0] ?? into, ask });
    }
    default:
      return plan.kind satisfies never;
  }
}

function stageWith(
  supply: Supply,
  of: { readonly ground: Ground; readonly manifest: Manifest; readonly ask: StagePlanAsk },
): Promise<Staged> {
  const { ground, manifest, ask } = of;
  const { plan, damaged } = ground;
  const { files = realFiles, sync } = ask.deps;
  const units = plan.kind === 'tree' ? manifest.units : plannedOf(plan, manifest).units;
  return stageUnits(
    {
      units,
      trees: ask.trees.filter(({ name }) => name !== commandTree),
      shares: manifest.units.filter(({ path, part }) => path === '' && part === 0),
      isWanted: (tree, path) => damaged.has(`${tree}\0${path}`),
      wholeRoot: plan.kind === 'tree',
      supply,
      signal: ask.signal,
    },
    { files, ...(sync === undefined ? {} : { sync }) },
  );
}

/** Nothing is recorded of this version: the package's own lists have to do, and all of it is exchanged. */
async function stageFetched(
  ground: Ground,
  of: { readonly own: RepairedTree; readonly root: string; readonly ask: StagePlanAsk },
): Promise<Staged> {
  const { own, root, ask } = of;
  const { files = realFiles, sync, sound } = ask.deps;
  const found = await sound(root);
  if (found.kind === 'unsound')
    return { kind: 'failed', because: `what was fetched is not whole: ${found.because}` };
  await files.mkdir(dirname(putRoot(own)), { recursive: true, mode: 0o700 });
  await files.rename(root, putRoot(own));
  const unsynced = await syncStaged([own], {
    count: Number.POSITIVE_INFINITY,
    files,
    signal: ask.signal,
    ...(sync === undefined ? {} : { sync }),
  });
  if (unsynced !== null) return unsynced;
  await files.rm(join(own.place, 'new'), { recursive: true, force: true });
  return whole(await moveOf(own, '', null), ground);
}

function whole(move: Move | null, { plan, manifest }: Ground): Staged {
  if (move === null) return { kind: 'failed', because: `${plan.aside ?? 'what was fetched'} is gone` };
  const entries = (manifest?.units ?? []).flatMap((unit) => unit.entries);
  return { kind: 'staged', moves: [move], files: entries.filter(({ kind }) => kind === 'file').length };
}
