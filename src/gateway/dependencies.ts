import { dirname, join } from 'node:path';
import type { DependencyEvidence } from '../core/ground-evidence.ts';
import { lookAtDist } from './dist-inventory.ts';
import { inBatches, type JsonFile, readJson, sizeOf } from './file-look.ts';
import { readInstallTraces } from './half-install.ts';
import { isUpdater, type ListProcesses } from './live-processes.ts';
import { findIncomplete } from './package-tree.ts';

/** What a look at the files alone says; who is changing them at the moment is another question. */
interface PackageLook {
  readonly version: string | null;
  /** Nothing that a start could begin with: neither package.json nor entry. */
  readonly isShell: boolean;
  readonly missing: readonly string[];
  readonly files: readonly string[];
  /** Empty when the package is whole. */
  readonly because: readonly string[];
}

/** Enough for a person to see what happened, and for the log's name of a module to be among them. */
const maxNames = 20;
const maxFiles = 5;

/**
 * Judges the installed package by its files. Never throws. Damage counts only when a second look, after the process
 * list showed no package manager at work, finds it still: an installation in progress is half a package by nature.
 */
export async function readDependencies({
  packageRoot,
  processes,
}: {
  /** Where the package is or should be; null when that is not known. */
  readonly packageRoot: string | null;
  readonly processes: ListProcesses;
}): Promise<DependencyEvidence> {
  if (packageRoot === null)
    return { kind: 'unknown', because: 'where the openclaw package lies is not known' };
  try {
    const first = await lookAtPackage(packageRoot);
    if (first.because.length === 0) return intact(first);
    // Without the folder of all packages it may be a volume that is not mounted: that is nothing to install into.
    const modules = dirname(packageRoot);
    if ((await sizeOf(modules)) === null) return { kind: 'unknown', because: `${modules} is not there` };
    const installer = (await processes()).find(isUpdater);
    if (installer !== undefined) {
      return { kind: 'installing', because: `an install is running: process ${installer.pid}` };
    }
    const second = await lookAtPackage(packageRoot);
    return second.because.length === 0 ? intact(second) : await judge(packageRoot, second);
  } catch (error) {
    // No permission, a failing disk, no process list: proves nothing about the package.
    return {
      kind: 'unknown',
      because: `the openclaw package at ${packageRoot} could not be judged: ${(error as Error).message}`,
    };
  }
}

const intact = ({ version }: PackageLook): DependencyEvidence =>
  version === null
    ? { kind: 'unknown', because: 'the openclaw package tells no version' }
    : { kind: 'intact', version };

async function judge(root: string, look: PackageLook): Promise<DependencyEvidence> {
  const because = look.because.join('; ');
  const { aside, pending } = await readInstallTraces(root);
  const trace = aside ?? pending;
  // A whole package never comes here, so a trace left over by an installation that was mended since does no harm.
  if (trace !== null) {
    return { kind: 'half-installed', aside, because: `npm did not finish, it left ${trace}: ${because}` };
  }
  if (look.isShell)
    return { kind: 'half-installed', aside, because: `the package is a fragment: ${because}` };
  if (look.missing.length > 0) return { kind: 'missing', names: look.missing.slice(0, maxNames), because };
  return {
    kind: 'corrupted',
    files: look.files.slice(0, maxFiles),
    lost: await areLost(root, look.files),
    because,
  };
}

async function areLost(root: string, files: readonly string[]): Promise<boolean> {
  const sizes = await inBatches(files, (file) => sizeOf(join(root, file)));
  return sizes.every((size) => size === null);
}

async function lookAtPackage(root: string): Promise<PackageLook> {
  const gone = { version: null, isShell: false, missing: ['openclaw'], files: [] };
  if ((await sizeOf(root)) === null) return { ...gone, because: [`${root} is missing`] };
  const manifest = await readJson(join(root, 'package.json'));
  const { name, version } = manifest.kind === 'value' ? asRecord(manifest.value) : {};
  const isNamed = name === 'openclaw';
  const entry = await findEntry(root);
  const incomplete = isNamed ? await findIncomplete(root, { depth: 'all' }) : [];
  const dist = await lookAtDist(root);
  const files = [
    ...(isNamed ? [] : ['package.json']),
    ...(entry ? [] : [join('dist', 'index.js')]),
    ...(dist.kind === 'damaged' ? dist.files : []),
  ];
  const damage = [
    ...(isNamed ? [] : [manifestFault(root, manifest)]),
    // The list of files says the same of a lost entry.
    ...(entry || dist.kind === 'damaged' ? [] : [`${join(root, 'dist', 'index.js')} is missing or empty`]),
    ...describe(incomplete.map((each) => each.because)),
    ...(dist.kind === 'damaged' ? [dist.because] : []),
  ];
  return {
    version: isNamed && typeof version === 'string' ? version : null,
    isShell: manifest.kind === 'absent' && !entry,
    missing: incomplete.map((each) => each.name),
    files: [...new Set(files)],
    because: damage.length > 0 && dist.kind === 'unread' ? [...damage, dist.because] : damage,
  };
}

/** A cheap look for whoever asks often: entry file and direct dependencies. Null when nothing is wrong. */
export async function findPlainDamage(root: string): Promise<string | null> {
  const manifest = await readJson(join(root, 'package.json'));
  if (manifest.kind !== 'value') return manifestFault(root, manifest);
  if (!(await findEntry(root))) return `${join(root, 'dist', 'index.js')} is missing or empty`;
  const [first] = await findIncomplete(root, { depth: 'direct' });
  return first?.because ?? null;
}

async function findEntry(root: string): Promise<boolean> {
  const sizes = await Promise.all(['index.js', 'index.mjs'].map((name) => sizeOf(join(root, 'dist', name))));
  // An empty file loads without an error and does nothing.
  return sizes.some((size) => size !== null && size > 0);
}

function manifestFault(root: string, manifest: JsonFile): string {
  const path = join(root, 'package.json');
  if (manifest.kind === 'absent') return `${path} is missing`;
  return manifest.kind === 'torn' ? manifest.because : `${path} does not name openclaw`;
}

const describe = (reasons: readonly string[]): readonly string[] => {
  const [first] = reasons;
  if (first === undefined) return [];
  return [reasons.length === 1 ? first : `${first}, and ${reasons.length - 1} more packages are missing`];
};

const asRecord = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
