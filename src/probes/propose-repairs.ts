import { join } from 'node:path';
import { type Difference, type Manifest, type TreeCheck, type Unit, unitText } from '../vault/manifest.ts';
import type { PackagePlanDraft } from '../vault/package-plans.ts';
import { unitKey } from '../vault/unit-layout.ts';
import { commandLink } from './command-link.ts';
import { planAside } from './plan-aside.ts';
import { findFitting, readSurroundings } from './reinstall-fit.ts';
import { type ReinstallGround, statOf } from './reinstall-ground.ts';
import type { KeptManifest, ReinstallParts, SeenDamage, Tried } from './reinstall-parts.ts';
import { archiveWords, unitsWords } from './reinstall-words.ts';

interface Scene {
  readonly parts: ReinstallParts;
  readonly ground: ReinstallGround;
  readonly seen: SeenDamage;
  readonly tried: readonly Tried[];
}

type Proposal =
  | { readonly kind: 'draft'; readonly draft: PackagePlanDraft }
  | { readonly kind: 'refused'; readonly because: string }
  | { readonly kind: 'checked'; readonly check: TreeCheck; readonly archive: string | null }
  | { readonly kind: 'whole'; readonly because: string }
  /** It looks like an uninstall, or like somebody's work: only a person decides that it was none. */
  | { readonly kind: 'gone'; readonly because: string };

/** More damaged units than this are put back faster, and more surely, with all the others. */
const maxSingleUnits = 100;
/** Archives looked into: as many as are kept, and the manifest in force. */
const maxCompared = 4;
/** What npm writes for each byte of the package: its cache of what it fetched, and the tree. */
const fetchFactor = 1.5;
/** With no manifest nobody knows before; the largest version measured has 0.56 GB. */
const unknownTreeBytes = 800_000_000;

const refused = (because: string): Proposal => ({ kind: 'refused', because });

/**
 * Ways to mend the package, the smallest change first: npm's own copy of before, the damaged units, the whole tree, the
 * network. Each is worked out only when the one before it will not do.
 */
export async function* proposeRepairs(scene: Scene): AsyncGenerator<Proposal> {
  const { parts, ground, seen } = scene;
  const surroundings = await readSurroundings(parts);
  if (seen.aside !== null) {
    const found = await planAside(parts, ground, { aside: seen.aside, surroundings });
    yield found.kind === 'found' ? { kind: 'draft', draft: found.draft } : found;
  }
  if (ground.isGone && parts.by === 'watchdog') {
    const because = `nothing is left of the package in ${ground.root}, which looks like an uninstall`;
    return yield { kind: 'gone', because };
  }
  if (typeof surroundings === 'string') return yield refused(surroundings);
  const fitting = await findFitting(parts, ground, surroundings);
  for (const because of fitting.refused) yield refused(because);
  let first: Damage | null = null;
  for (const kept of fitting.manifests.slice(0, maxCompared)) {
    const damage = await compare(scene, kept);
    if (typeof damage === 'string') {
      yield refused(damage);
      continue;
    }
    yield { kind: 'checked', check: damage.check, archive: kept.archive };
    if (damage.package.length === 0 && damage.patched !== null && seen.serving === true) {
      const because = `${damage.patched} differs and may be a work of somebody, so it stays while the gateway serves`;
      return yield { kind: 'gone', because };
    }
    if (damage.package.length + damage.plugins.length === 0) {
      const because = 'every file of the package is as it was when the gateway last proved healthy';
      return yield { kind: 'whole', because };
    }
    yield* fromArchive(scene, damage);
    // Only an archive's manifest can be read again by the hands that compare with it.
    if (first === null || first.kept.archive === null) first = damage;
  }
  yield* fromNetwork(scene, first);
}

interface Damage {
  readonly kept: KeptManifest;
  readonly manifest: Manifest;
  readonly check: TreeCheck;
  readonly package: readonly Unit[];
  readonly plugins: readonly Unit[];
  /** The first unit with something in it that is there and differs. */
  readonly patched: string | null;
  /** Folders that hold all others are gone, or are no folders any more. */
  readonly isHollow: boolean;
}

async function compare({ parts, ground, seen }: Scene, kept: KeptManifest): Promise<Damage | string> {
  const { sources, signal } = parts;
  const manifest = await kept.read();
  if ('kind' in manifest) return manifest.because;
  const look = async (depth: TreeCheck['depth']): Promise<Damage | string> => {
    const check = await sources.check(manifest, { depth, signal });
    if ('kind' in check) return check.because;
    const damaged = check.damaged.filter(({ tree }) => tree === 'openclaw');
    const differing = new Set(check.differences.filter(isThere).map(({ unit }) => unitKey(unit)));
    const patched = damaged.find((unit) => differing.has(unitKey(unit)));
    const mine = seen.serving === true ? damaged.filter((unit) => !differing.has(unitKey(unit))) : damaged;
    const plugins = seen.plugins ? await mendablePlugins(manifest, check) : [];
    return {
      kept,
      manifest,
      check,
      package: mine,
      plugins,
      patched: patched === undefined ? null : unitText(patched),
      isHollow: await isHollow(ground.root, manifest),
    };
  };
  const found = await look(seen.depth);
  const isClean =
    typeof found !== 'string' && found.patched === null && found.package.length + found.plugins.length === 0;
  // What the package's own lists call damaged must show somewhere: a byte may differ where size and time do not.
  return isClean && seen.depth === 'quick' ? look('full') : found;
}

const isThere = ({ kind }: Difference): boolean => kind === 'altered' || kind === 'truncated';

/** Single units cannot be put where the folder that holds them is missing, or is a link to who knows where. */
async function isHollow(root: string, { units }: Manifest): Promise<boolean> {
  const containers = units
    .filter(({ tree, path }) => tree === 'openclaw' && path === '')
    .flatMap(({ entries }) => entries.filter(({ kind }) => kind === 'directory'));
  for (const { path } of containers) {
    const found = await statOf(join(root, path));
    // A missing scope is made anew with the package in it.
    if (found === null ? !path.includes('/') : !found.isDirectory()) return true;
  }
  return false;
}

/** Of projects that are still there, in the version that was recorded: plugins come, go and change on their own. */
async function mendablePlugins({ head }: Manifest, check: TreeCheck): Promise<readonly Unit[]> {
  const damaged = check.damaged.filter(({ tree }) => tree !== 'openclaw');
  const changed = new Set(
    check.differences
      .filter(({ kind, path }) => kind !== 'missing' && /^package(?:-lock)?\.json$/.test(path))
      .map(({ unit }) => unit.tree),
  );
  const there = new Set<string>();
  for (const { name, root } of head.trees) {
    const found = await statOf(root);
    if (found?.isDirectory() === true && !changed.has(name)) there.add(name);
  }
  return damaged.filter(({ tree }) => there.has(tree));
}

async function* fromArchive(scene: Scene, damage: Damage): AsyncGenerator<Proposal> {
  const { parts, ground, tried } = scene;
  const { kept, manifest, isHollow: hollow } = damage;
  const { archive } = kept;
  if (archive === null) return yield refused(`the archive of OpenClaw ${kept.head.openclaw} was not written`);
  const all = manifest.units.filter(({ tree }) => tree === 'openclaw');
  const base = { openclaw: kept.head.openclaw, root: ground.root, archive, aside: null };
  const units = [...damage.package, ...damage.plugins];
  const lacks = await lacking(parts, units);
  const undone = tried.find(({ planKind, state }) => planKind === 'packages' && state === 'undone');
  if (lacks !== null) yield refused(`${archiveWords(archive)} lacks ${lacks}`);
  else if (undone !== undefined)
    yield refused(`single packages were put back as ${undone.id} and did not help`);
  else if (!hollow && damage.package.length <= maxSingleUnits) {
    const because = `${unitsWords(units)} ${units.length === 1 ? 'is' : 'are'} put back out of ${archiveWords(archive)}`;
    yield { kind: 'draft', draft: { ...base, ...planned(units), kind: 'packages', link: null, because } };
  }
  // All of it would be exchanged, what somebody has patched too: only where single units have no place to go.
  if (damage.package.length === 0 || (scene.seen.serving === true && damage.patched !== null && !hollow))
    return;
  const lost = await lacking(parts, all);
  if (lost !== null) return yield refused(`${archiveWords(archive)} lacks ${lost}`);
  const link = await commandLink({ root: ground.root, program: 'openclaw.mjs', aside: null });
  const because = `the whole package is put back out of ${archiveWords(archive)}`;
  const { bytes } = planned(all);
  yield { kind: 'draft', draft: { ...base, kind: 'tree', units: [], bytes, link, because } };
}

/** The first unit whose file is no longer there, in words. */
async function lacking({ sources }: ReinstallParts, units: readonly Unit[]): Promise<string | null> {
  const missing: Unit[] = [];
  for (const unit of units) if (!(await sources.hasUnit(unit.digest))) missing.push(unit);
  return missing.length === 0 ? null : unitsWords(missing);
}

const planned = (units: readonly Unit[]): Pick<PackagePlanDraft, 'units' | 'bytes'> => ({
  units: units.map(({ tree, path, part, digest }) => ({ tree, path, part, digest })),
  bytes: units.reduce((sum, { bytes }) => sum + bytes, 0),
});

/** What npm brings is trusted by the manifest alone; without one only a person may have it. */
async function* fromNetwork({ parts, ground, seen }: Scene, damage: Damage | null): AsyncGenerator<Proposal> {
  const { place, sources, by } = parts;
  const may = damage !== null ? damage.package.length > 0 : by === 'person' && seen.network === true;
  if (!may) return;
  if (damage?.kept.archive === null) {
    return yield refused('what npm brings could not be compared with an archive');
  }
  if (place.node === null || !sources.hasNpm(place.node)) {
    return yield refused("there is no npm beside the gateway's Node");
  }
  if (damage === null) {
    const openclaw = ground.version ?? place.version;
    if (openclaw === null) return yield refused('which version was installed is not known');
    const because = `npm fetches OpenClaw ${openclaw} anew, beside the package`;
    const whole = { units: [], bytes: unknownTreeBytes, archive: null, aside: null, link: null, because };
    return yield { kind: 'draft', draft: { ...whole, kind: 'network', openclaw, root: ground.root } };
  }
  const { kept, manifest } = damage;
  const { units } = planned(damage.package);
  const tree = planned(manifest.units.filter((unit) => unit.tree === 'openclaw')).bytes;
  yield {
    kind: 'draft',
    draft: {
      kind: 'network',
      openclaw: kept.head.openclaw,
      root: ground.root,
      archive: kept.archive,
      units,
      aside: null,
      link: null,
      bytes: Math.ceil(tree * fetchFactor),
      because: `npm fetches OpenClaw ${kept.head.openclaw} beside the package, and ${unitsWords(damage.package)} ${damage.package.length === 1 ? 'is' : 'are'} taken from it`,
    },
  };
}
