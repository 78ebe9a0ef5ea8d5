import type { Instant } from '../core/time.ts';
import type { Run } from '../system/run.ts';
import { readArchive } from '../vault/archives.ts';
import { type CheckAsk, checkTrees } from '../vault/compare-tree.ts';
import type { Manifest, ManifestHead, TreeCheck, UnitName } from '../vault/manifest.ts';
import { readManifest, readUnits } from '../vault/manifest-file.ts';
import type { PackagePlan, ReadPackagePlan } from '../vault/package-plans.ts';
import type { Repair, RepairRecord } from '../vault/repair-records.ts';
import { extractUnit, unitFileOf } from '../vault/unit-file.ts';
import type { RepairFiles } from './package-moves.ts';
import type { Supply } from './stage-units.ts';

export interface PackageRepairDeps {
  readonly quarantine: string;
  readonly vault: RepairVault;
  readonly plan: (id: string) => Promise<ReadPackagePlan>;
  /** Who may be changing the package now, in a sentence's words; null when nobody is. */
  readonly packageWork: () => Promise<string | null>;
  /** By its own lists: where no manifest of ours speaks of it. */
  readonly sound: (root: string) => Promise<Soundness>;
  /** Why what was proven under this head is not for this machine and this state (any more); null when it is. */
  readonly misfit?: (head: ManifestHead) => Promise<string | null>;
  /** Fetches what no archive of ours holds; absent where nothing may be fetched. */
  readonly fetch?: Fetch;
  readonly incident: () => string | null;
  readonly now: () => Instant;
  readonly sync?: Run;
  /** Only tests bring their own: a full disk, or one that is another. */
  readonly files?: RepairFiles;
}

type Soundness = { readonly kind: 'sound' } | { readonly kind: 'unsound'; readonly because: string };

/** Brings a package from the network into a folder of ours. What it brings is compared with the manifest where there is one. */
export type Fetch = (ask: {
  readonly plan: PackagePlan;
  /** With the units that are wanted; null where nothing is recorded of this version. */
  readonly manifest: Manifest | null;
  /** Private, empty, and removed afterwards. */
  readonly into: string;
  readonly signal: AbortSignal;
}) => Promise<Fetched>;

export type Fetched =
  /** `roots`: folders that stand for the package's root; a unit is taken from the first that has exactly it. */
  | { readonly kind: 'fetched'; readonly roots: readonly string[] }
  | { readonly kind: 'failed'; readonly because: string };

type Reading =
  | { readonly kind: 'read'; readonly manifest: Manifest }
  | { readonly kind: 'failed'; readonly because: string };

/** What is kept of installations that were proven. */
export interface RepairVault {
  /** With the named units alone; null for all of them. */
  read(archive: string, wanted: readonly UnitName[] | null): Promise<Reading>;
  check(manifest: Manifest, ask: CheckAsk): ReturnType<typeof checkTrees>;
  /** How units come out of an archive. */
  supply(manifest: Manifest): Supply;
}

export const vaultIn = (archivesDir: string): RepairVault => ({
  read: async (name, wanted) => {
    const archive = await readArchive(archivesDir, name);
    if (archive.kind === 'missing') return { kind: 'failed', because: `the archive ${name} is gone` };
    if (archive.kind === 'failed') return archive;
    const { manifestFile } = archive;
    const read = await (wanted === null ? readManifest(manifestFile) : readUnits(manifestFile, wanted));
    if (read.kind === 'read') return read;
    const why = read.kind === 'missing' ? 'it is gone' : read.because;
    return { kind: 'failed', because: `the manifest of the archive ${name} cannot be read: ${why}` };
  },
  check: checkTrees,
  supply:
    ({ head }) =>
    (unit, into, signal) =>
      extractUnit({ unitFile: unitFileOf(archivesDir, unit.digest), unit, trees: head.trees, into, signal }),
});

/** `failed` and `refused`: nothing was replaced. */
export type RepairOutcome =
  /** `unfinished`: a sentence where all is in place, and only that could not be written down; else null. */
  { readonly kind: 'done'; readonly repair: Repair; readonly unfinished: string | null } | RepairStop;

export interface RepairStop {
  readonly kind: 'failed' | 'refused';
  readonly because: string;
  /** Of the file system, where it was that. */
  readonly code?: string;
}

export const refused = (because: string): RepairStop => ({ kind: 'refused', because });
export const failed = (because: string): RepairStop => ({ kind: 'failed', because });
export const late = failed('its deadline passed before anything was replaced');

/** One repair at a time in this process; between processes the lease sees to it. */
const busy = new Set<string>();

/** Null when another repair is at work. */
export async function alone<T>(quarantine: string, work: () => Promise<T>): Promise<T | null> {
  if (busy.has(quarantine)) return null;
  busy.add(quarantine);
  try {
    return await work();
  } finally {
    busy.delete(quarantine);
  }
}

/** Never for what is to come: a check that is under way must not be cut off in the middle of a repair. */
const unhurried: AbortSignal = new AbortController().signal;

/**
 * Whether what a repair put there is there, by a quick check: a sentence where it is not, null where it is. Where the
 * manifest is gone by now nothing more can be said than that the moves were made: what was put was proven before them.
 */
export async function verifyPut(
  { planKind, archive, units, trees }: RepairRecord,
  { vault, sound }: Pick<PackageRepairDeps, 'vault' | 'sound'>,
): Promise<string | null> {
  const root = trees.find(({ name }) => name === packageTree)?.root;
  if (archive === null) {
    if (root === undefined) return null;
    const found = await sound(root);
    return found.kind === 'sound' ? null : found.because;
  }
  const isWhole = planKind === 'tree' || planKind === 'aside';
  const read = await vault.read(archive, isWhole ? null : units);
  if (read.kind === 'failed') return null;
  return differencesOf(isWhole ? onlyPackage(read.manifest) : read.manifest, vault);
}

/** A sentence that names what differs from the manifest; extra files do no harm. */
export async function differencesOf(
  manifest: Manifest,
  vault: RepairVault,
  depth: TreeCheck['depth'] = 'quick',
): Promise<string | null> {
  const check = await vault.check(manifest, { depth, signal: unhurried, isPart: true });
  if ('kind' in check) return check.because;
  const [first, ...more] = check.differences.filter(({ kind }) => kind !== 'extra');
  if (first === undefined) return null;
  return `${first.path} is ${first.kind}${more.length === 0 ? '' : `, and ${more.length} more differ`}`;
}

export const packageTree = 'openclaw';
/** The command's link stands outside of the package: it is exchanged as if its folder were a tree. */
export const commandTree = 'command';

export const onlyPackage = ({ head, units }: Manifest): Manifest => ({
  head,
  units: units.filter(({ tree }) => tree === packageTree),
});

/** As if the package stood elsewhere. */
export const standingAt = ({ head, units }: Manifest, root: string): Manifest => ({
  head: {
    ...head,
    trees: head.trees.map((tree) => (tree.name === packageTree ? { ...tree, root } : tree)),
  },
  units,
});
