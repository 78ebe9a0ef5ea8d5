import { readPackage } from '../gateway/package.ts';
import type { Manifest, TreeCheck, UnitName } from '../vault/manifest.ts';
import { unitText } from '../vault/manifest.ts';
import type { PackagePlan } from '../vault/package-plans.ts';
import {
  differencesOf,
  failed,
  late,
  onlyPackage,
  type PackageRepairDeps,
  packageTree,
  type RepairStop,
  refused,
  standingAt,
} from './package-ground.ts';
import { type Ground, plannedOf } from './stage-plan.ts';

/** Why not now; asked before anything is prepared, and once more right before the first rename. */
export async function stopped(
  plan: PackagePlan,
  signal: AbortSignal,
  { packageWork }: PackageRepairDeps,
): Promise<RepairStop | null> {
  if (signal.aborted) return late;
  const work = await packageWork();
  if (work !== null) return refused(`${work}: nothing was replaced`);
  if (signal.aborted) return late;
  const installed = readPackage(plan.root)?.version ?? null;
  // A half-made installation may say any version; the copy that was moved aside says its own.
  if (plan.kind === 'aside' || installed === null || installed === plan.openclaw) return null;
  return refused(`OpenClaw ${installed} is installed now, and the plan ${plan.id} is for ${plan.openclaw}`);
}

/** Reads what is to come, and whether the damage is still there. */
export async function lookAt(
  plan: PackagePlan,
  signal: AbortSignal,
  deps: PackageRepairDeps,
): Promise<Ground | RepairStop> {
  const { vault, sound } = deps;
  if (plan.archive === null) {
    if (plan.kind === 'packages' || plan.kind === 'tree')
      return failed(`the plan ${plan.id} names no archive to restore from`);
    if (plan.kind === 'aside') {
      const aside = await sound(plan.aside ?? plan.root);
      if (aside.kind === 'unsound') return refused(`${plan.aside} is not whole: ${aside.because}`);
    }
    const whole = await sound(plan.root);
    if (whole.kind === 'sound') return refused(`${plan.root} is whole again: nothing was replaced`);
    return { plan, manifest: null, damaged: new Set() };
  }
  const isWhole = plan.kind === 'aside' || plan.kind === 'tree';
  const wanted: readonly UnitName[] | null = isWhole ? null : [...plan.units, ...sharesOf(plan)];
  const read = await vault.read(plan.archive, wanted);
  if (read.kind === 'failed') return failed(read.because);
  const manifest = isWhole ? onlyPackage(read.manifest) : read.manifest;
  const flaw = flawOf(plan, manifest) ?? (await deps.misfit?.(manifest.head)) ?? null;
  if (flaw !== null) return refused(flaw);
  if (plan.kind === 'aside' && plan.aside !== null) {
    const differs = await differencesOf(standingAt(manifest, plan.aside), vault);
    if (differs !== null) return refused(`${plan.aside} is not what was recorded: ${differs}`);
  }
  const damaged = await damageOf({ plan, manifest }, signal, deps);
  if ('kind' in damaged) return damaged;
  if (damaged.size === 0) return refused('nothing of it is damaged any more: nothing was replaced');
  return { plan, manifest, damaged };
}

/** The same once more when all is staged: that may have taken a while. Null while it is as it was. */
export async function lookAgain(
  { plan, manifest, damaged }: Ground,
  signal: AbortSignal,
  deps: PackageRepairDeps,
): Promise<RepairStop | null> {
  if (manifest === null) {
    const whole = await deps.sound(plan.root);
    return whole.kind === 'sound' ? refused(`${plan.root} is whole again: nothing was replaced`) : null;
  }
  const misfit = (await deps.misfit?.(manifest.head)) ?? null;
  if (misfit !== null) return refused(`${misfit}: nothing was replaced`);
  const now = await damageOf({ plan, manifest }, signal, deps);
  if ('kind' in now) return now;
  const isSame = now.size === damaged.size && [...now].every((path) => damaged.has(path));
  return isSame ? null : refused(`${plan.root} was changed at this very moment: nothing was replaced`);
}

/** Paths that differ from the manifest, each behind its tree's name; extra files do no harm. */
async function damageOf(
  { plan, manifest }: { readonly plan: PackagePlan; readonly manifest: Manifest },
  signal: AbortSignal,
  deps: PackageRepairDeps,
): Promise<ReadonlySet<string> | RepairStop> {
  const isWhole = plan.kind === 'aside' || plan.kind === 'tree';
  const { units } = isWhole ? manifest : plannedOf(plan, manifest);
  const check = await checkDamage({ head: manifest.head, units }, { isWhole, signal }, deps);
  if (signal.aborted) return late;
  if ('kind' in check) return failed(check.because);
  const damage = check.differences.filter(({ kind }) => kind !== 'extra');
  return new Set(damage.map(({ unit, path }) => `${unit.tree}\0${path}`));
}

/** Single units by their hashes: a flipped byte shows no other way. The whole package only where that is needed. */
async function checkDamage(
  manifest: Manifest,
  { isWhole, signal }: { readonly isWhole: boolean; readonly signal: AbortSignal },
  { vault }: PackageRepairDeps,
): Promise<TreeCheck | { readonly kind: 'failed'; readonly because: string }> {
  if (!isWhole) return vault.check(manifest, { depth: 'full', signal, isPart: true });
  const quick = await vault.check(manifest, { depth: 'quick', signal });
  if ('kind' in quick || quick.differences.some(({ kind }) => kind !== 'extra')) return quick;
  return vault.check(manifest, { depth: 'full', signal });
}

/** The root's own share has the modes of the folders that hold units. */
const sharesOf = ({ units }: PackagePlan): readonly UnitName[] =>
  [...new Set(units.map(({ tree }) => tree))]
    .filter((tree) => !units.some((unit) => unit.tree === tree && unit.path === '' && unit.part === 0))
    .map((tree) => ({ tree, path: '', part: 0 }));

function flawOf(plan: PackagePlan, { head, units }: Manifest): string | null {
  if (head.openclaw !== plan.openclaw) return `the archive ${plan.archive} holds OpenClaw ${head.openclaw}`;
  const root = head.trees.find(({ name }) => name === packageTree)?.root;
  if (root !== plan.root) return `the archive ${plan.archive} was taken of ${root}, and not of ${plan.root}`;
  const digests = new Map(units.map((unit) => [unitText(unit), unit.digest]));
  const other = plan.units.find((unit) => digests.get(unitText(unit)) !== unit.digest);
  return other === undefined
    ? null
    : `the archive ${plan.archive} does not hold ${unitText(other)} as planned`;
}
