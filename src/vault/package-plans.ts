import { createHash } from 'node:crypto';
import { readdir, rm, stat, utimes } from 'node:fs/promises';
import { dirname, isAbsolute, join, normalize } from 'node:path';
import {
  ensurePrivateDirectory,
  type FileOutcome,
  readIfExists,
  syncDirectory,
  writeDurable,
} from '../system/durable-file.ts';
import type { UnitName } from './manifest.ts';
import { isHash, isPlainName, isRecord, isTextOrNull, parseRecord } from './stored-text.ts';

/** A repair of the installed package, worked out: what is put where, and out of what. */
export interface PackagePlan {
  readonly version: 1;
  /** Says what is restored and out of what: the same repair worked out again has the same id. */
  readonly id: string;
  /**
   * `aside`: npm's own copy of before is put back. `packages`: single units out of an archive. `tree`: the whole package
   * out of an archive. `network`: units that no archive of ours holds, fetched by npm into a staging prefix.
   */
  readonly kind: 'aside' | 'packages' | 'tree' | 'network';
  /** The version that will stand there. */
  readonly openclaw: string;
  /** Absolute, links resolved: where the package is, or should be. */
  readonly root: string;
  /** Name of the archive whose manifest is trusted; for `aside` null where none of that version is kept. */
  readonly archive: string | null;
  /** What is replaced; empty for `aside` and `tree`. */
  readonly units: readonly (UnitName & { readonly digest: string })[];
  /** npm's copy of before; for `aside` alone. */
  readonly aside: string | null;
  /** The command's link, where it is missing or points elsewhere: `<prefix>/bin/openclaw`. */
  readonly link: { readonly path: string; readonly target: string } | null;
  /** Bytes that are written beside the package. */
  readonly bytes: number;
  /** One sentence for people. */
  readonly because: string;
}

/** A plan before it is stored: what it does gives it its name. */
export type PackagePlanDraft = Omit<PackagePlan, 'version' | 'id'>;

export type WrittenPackagePlan =
  | { readonly kind: 'written'; readonly plan: PackagePlan }
  | { readonly kind: 'failed'; readonly because: string };

export type ReadPackagePlan =
  | { readonly kind: 'read'; readonly plan: PackagePlan }
  | { readonly kind: 'missing'; readonly because: string }
  | { readonly kind: 'failed'; readonly because: string };

/** Every package of a tree, and some. */
const maxUnits = 5_000;
const maxPlanBytes = 2_097_152;
/** One is in use at a time; the others let a person see what was worked out before. */
const keptPlans = 8;
const planName = 'plan.json';

/** Where repairs of the package lie between being worked out and being made. */
export const packagePlansIn = (stateDir: string): string => join(stateDir, 'package-plans');

/** The same for the same repair, and another one for every other: what is told about it, and its cost, do not count. */
function packagePlanId({
  kind,
  openclaw,
  root,
  archive,
  units,
  aside,
}: Omit<PackagePlanDraft, 'because' | 'bytes' | 'link'>): string {
  const named = units.map(({ tree, path, part, digest }) => [tree, path, part, digest]);
  const all = JSON.stringify([kind, openclaw, root, archive, named, aside]);
  return `${kind}-${createHash('sha256').update(all).digest('hex').slice(0, 12)}`;
}

/** A draft with its name. */
export const packagePlanOf = (draft: PackagePlanDraft): PackagePlan => ({
  version: 1,
  id: packagePlanId(draft),
  kind: draft.kind,
  openclaw: draft.openclaw,
  root: draft.root,
  archive: draft.archive,
  units: draft.units.map(({ tree, path, part, digest }) => ({ tree, path, part, digest })),
  aside: draft.aside,
  link: draft.link,
  bytes: draft.bytes,
  because: draft.because,
});

/** Stores a plan in `<directory>/<id>/`, durable when it resolves. The same plan again only becomes the newest one. */
export async function writePackagePlan(
  directory: string,
  draft: PackagePlanDraft,
): Promise<WrittenPackagePlan> {
  const flaw = flawOf(draft);
  if (flaw !== null) return { kind: 'failed', because: `this is no plan of a repair: ${flaw}` };
  const plan = packagePlanOf(draft);
  const text = `${JSON.stringify(plan, null, 2)}\n`;
  if (Buffer.byteLength(text) > maxPlanBytes) {
    return { kind: 'failed', because: `the plan ${plan.id} is too long to be stored` };
  }
  const folder = join(directory, plan.id);
  const known = await readPackagePlan(directory, plan.id);
  if (known.kind === 'read' && JSON.stringify(known.plan) === JSON.stringify(plan)) {
    // Only its place among the newest hangs on this.
    await utimes(join(folder, planName), new Date(), new Date()).catch(() => undefined);
    return { kind: 'written', plan };
  }
  const steps: readonly (() => Promise<FileOutcome>)[] = [
    () => ensurePrivateDirectory(directory),
    () => ensurePrivateDirectory(folder),
    () => writeDurable(join(folder, planName), text, { mode: 0o600 }),
    () => syncDirectory(directory),
  ];
  for (const step of steps) {
    const outcome = await step();
    if (outcome.kind === 'failed') return outcome;
  }
  return { kind: 'written', plan };
}

/** Reads a plan back. One that does something else than its name says was altered, and is none. */
export async function readPackagePlan(directory: string, id: string): Promise<ReadPackagePlan> {
  if (!isPlainName(id)) return { kind: 'failed', because: `"${id.slice(0, 80)}" is not the name of a plan` };
  const folder = join(directory, id);
  const read = await readIfExists(join(folder, planName), maxPlanBytes);
  if (read.kind === 'missing') return { kind: 'missing', because: `there is no plan ${id}` };
  if (read.kind !== 'read') return { kind: 'failed', because: read.because };
  const plan = parsePlan(read.bytes.toString('utf8'));
  if (plan === null || plan.id !== id) {
    return { kind: 'failed', because: `the plan ${id} in ${folder} cannot be understood` };
  }
  if (packagePlanId(plan) !== id) {
    return { kind: 'failed', because: `the plan ${id} was altered: it is not what its name stands for` };
  }
  return { kind: 'read', plan };
}

/** Removes all but the newest plans; those in `keep` stay whatever their age. */
export async function sweepPackagePlans(directory: string, keep: readonly string[] = []): Promise<void> {
  const names = (await readdir(directory).catch(() => [])).filter(isPlainName);
  const aged = await Promise.all(
    names.map(async (name) => ({ name, at: await changedAt(join(directory, name)) })),
  );
  for (const { name } of aged.sort((one, other) => other.at - one.at).slice(keptPlans)) {
    if (keep.includes(name)) continue;
    // What cannot be removed now is tried again at the next sweep.
    await rm(join(directory, name), { recursive: true, force: true }).catch(() => undefined);
  }
}

/** Of the plan's own file; of the folder where there is none yet. */
async function changedAt(folder: string): Promise<number> {
  const found = await stat(join(folder, planName)).catch(() => stat(folder).catch(() => null));
  return found?.mtimeMs ?? 0;
}

/** What makes it no plan, whoever wrote it: the hands that carry it out take its paths as they stand. */
function flawOf({
  kind,
  openclaw,
  root,
  archive,
  units,
  aside,
  link,
  bytes,
}: PackagePlanDraft): string | null {
  if (!/^[0-9A-Za-z][0-9A-Za-z.+-]{0,63}$/.test(openclaw)) return 'it names no version';
  if (!isPlace(root)) return 'it names no absolute path of the package';
  if (archive !== null && !isPlainName(archive)) return 'it names no archive';
  if ((kind === 'packages' || kind === 'tree') && archive === null) return 'it names no archive';
  if ((kind === 'aside') !== (aside !== null)) return 'a copy of before belongs to one kind alone';
  if (aside !== null && (!isPlace(aside) || dirname(aside) !== dirname(root) || aside === root)) {
    return 'the copy of before does not lie beside the package';
  }
  if ((kind === 'aside' || kind === 'tree') && units.length > 0) return 'the whole is replaced, and no parts';
  if (kind === 'packages' && units.length === 0) return 'it replaces nothing';
  if (archive === null && units.length > 0) return 'it names parts, and no archive to know them by';
  if (units.length > maxUnits || !units.every(isPlannedUnit)) return 'it does not name parts of a package';
  const keys = units.map(({ tree, path, part }) => `${tree}\0${path}\0${part}`);
  if (new Set(keys).size !== keys.length) return 'it names a part twice';
  if (link !== null && !isPlace(link.path)) return 'it names no absolute path of the link';
  return Number.isSafeInteger(bytes) && bytes >= 0 ? null : 'it does not say how much it writes';
}

const isPlace = (path: string): boolean =>
  isAbsolute(path) && path !== '/' && normalize(path) === path && !path.includes('\0');

function parsePlan(text: string): PackagePlan | null {
  const value = parseRecord(text);
  if (value === null || value['version'] !== 1) return null;
  const { id, kind, openclaw, root, archive, units, aside, link, bytes, because } = value;
  if (typeof id !== 'string' || typeof openclaw !== 'string' || typeof root !== 'string') return null;
  if (kind !== 'aside' && kind !== 'packages' && kind !== 'tree' && kind !== 'network') return null;
  if (!isTextOrNull(archive) || !isTextOrNull(aside) || typeof because !== 'string') return null;
  if (!isLinkOrNull(link)) return null;
  if (!Array.isArray(units) || !units.every(isPlannedUnit) || typeof bytes !== 'number') return null;
  const plan: PackagePlan = {
    version: 1,
    id,
    kind,
    openclaw,
    root,
    archive,
    units,
    aside,
    link,
    bytes,
    because,
  };
  return flawOf(plan) === null ? plan : null;
}

function isPlannedUnit(value: unknown): value is PackagePlan['units'][number] {
  if (!isRecord(value)) return false;
  const { tree, path, part, digest } = value;
  if (typeof tree !== 'string' || !/^(?:openclaw|plugin:[^/\0]+)$/.test(tree)) return false;
  if (typeof path !== 'string' || !isInside(path)) return false;
  const isShare = typeof part === 'number' && Number.isInteger(part) && part >= 0;
  return (part === 'whole' || isShare) && isHash(digest);
}

/** Empty for the root itself. */
const isInside = (path: string): boolean =>
  path === '' || (!isAbsolute(path) && path.split('/').every((step) => !['', '.', '..'].includes(step)));

const isLinkOrNull = (value: unknown): value is PackagePlan['link'] =>
  value === null ||
  (isRecord(value) && typeof value['path'] === 'string' && typeof value['target'] === 'string');
