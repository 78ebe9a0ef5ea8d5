import { readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import type { DependencyEvidence, PluginEvidence } from '../core/ground-evidence.ts';
import { isUpdater, type ListProcesses } from '../gateway/live-processes.ts';
import { readPackage } from '../gateway/package.ts';
import { type PluginProject, readPluginProjects } from '../gateway/plugins.ts';
import { checkTrees, suspectKey } from '../vault/compare-tree.ts';
import type { Difference, Manifest, ManifestInForce, TreeCheck } from '../vault/manifest.ts';
import { readManifest } from '../vault/manifest-file.ts';
import { tellDamage } from './damage-words.ts';

export interface DependencyLook {
  readonly dependencies: DependencyEvidence;
  readonly plugins: PluginEvidence;
}

interface TreeDamageAsk {
  readonly packageRoot: string;
  readonly stateDir: string;
  readonly processes: ListProcesses;
  readonly inForce: ManifestInForce;
  readonly depth: TreeCheck['depth'];
  /** Files whose bytes alone were wrong: read here, and kept up to date. */
  readonly suspects: Set<string>;
  readonly signal: AbortSignal;
}

/** Of a tree that rots; further ones are found again by the next full check. */
const maxSuspects = 1_000;

/**
 * What the manifest tells beyond the package's own lists: a file cut off inside a dependency, or one lost that nothing
 * declares. Where the manifest is of another version or place it tells nothing, and the look stays as it was. As ever,
 * damage counts at the second look only, and not while a package manager is at work.
 */
export async function lookWithManifest(look: DependencyLook, ask: TreeDamageAsk): Promise<DependencyLook> {
  const { inForce, depth, suspects, signal } = ask;
  if (look.dependencies.kind !== 'intact' || look.dependencies.version !== inForce.head.openclaw) return look;
  const read = await readManifest(inForce.file);
  if (read.kind !== 'read') return look;
  const projects = await readPluginProjects(ask.stateDir);
  const used = projects.kind === 'projects' ? projects.projects : [];
  const manifest = await inUse(read.manifest, { packageRoot: ask.packageRoot, used });
  if (manifest === null) return look;

  const first = await checkTrees(manifest, { depth, signal, suspects });
  if ('because' in first) return unknown(look, first.because);
  remember(suspects, first.differences);
  if (first.damaged.length === 0) return look;

  const installer = (await ask.processes()).find(isUpdater);
  if (installer !== undefined) {
    const because = `an install is running: process ${installer.pid}`;
    return { ...look, dependencies: { kind: 'installing', because } };
  }
  const part: Manifest = { head: manifest.head, units: first.damaged };
  const second = await checkTrees(part, { depth, signal, suspects, isPart: true });
  if ('because' in second) return unknown(look, second.because);
  // An update came to its end between the two looks: what differs now is the new version.
  if (readPackage(ask.packageRoot)?.version !== inForce.head.openclaw) return look;
  return judge(look, { check: second, manifest, used });
}

/** The trees that are still what they were recorded as: the package in its place, and plugin projects still in use. */
async function inUse(
  { head, units }: Manifest,
  { packageRoot, used }: { readonly packageRoot: string; readonly used: readonly PluginProject[] },
): Promise<Manifest | null> {
  const root = await realpath(packageRoot);
  const trees = head.trees.filter((tree) =>
    tree.name === 'openclaw'
      ? tree.root === root
      : used.some((project) => treeOf(project) === tree.name && project.root === tree.root),
  );
  if (!trees.some(({ name }) => name === 'openclaw')) return null;
  return { head: { ...head, trees }, units };
}

/** What the manifest calls the project of a plugin. */
export const treeOf = ({ folder }: Pick<PluginProject, 'folder'>): string => `plugin:${folder}`;

const unknown = (look: DependencyLook, because: string): DependencyLook => ({
  ...look,
  dependencies: {
    kind: 'unknown',
    because: `the package could not be compared with its manifest: ${because}`,
  },
});

function remember(suspects: Set<string>, differences: readonly Difference[]): void {
  const altered = differences.filter(({ kind }) => kind === 'altered');
  suspects.clear();
  for (const { unit, path } of altered.slice(0, maxSuspects)) suspects.add(suspectKey(unit.tree, path));
}

async function judge(
  look: DependencyLook,
  {
    check,
    manifest,
    used,
  }: {
    readonly check: TreeCheck;
    readonly manifest: Manifest;
    readonly used: readonly PluginProject[];
  },
): Promise<DependencyLook> {
  const damage = check.differences.filter(({ kind }) => kind !== 'extra');
  const ofPackage = damage.filter(({ unit }) => unit.tree === 'openclaw');
  const dependencies = tellDamage(ofPackage, manifest.units) ?? look.dependencies;
  if (look.plugins.kind !== 'intact') return { ...look, dependencies };
  for (const project of used) {
    const own = damage.filter(({ unit }) => unit.tree === treeOf(project));
    const told = tellDamage(own, manifest.units);
    if (told !== null && !(await wasInstalledAnew(project.root, own)))
      return { dependencies, plugins: { kind: 'broken', id: project.id, because: told.because } };
  }
  return { ...look, dependencies };
}

/** What npm writes into a project whenever it changes it. */
const npmFiles: ReadonlySet<string> = new Set([
  'package.json',
  'package-lock.json',
  'node_modules/.package-lock.json',
]);

/** OpenClaw updates plugins on its own: whole lists of npm's that differ tell of that, and not of damage. */
async function wasInstalledAnew(root: string, differences: readonly Difference[]): Promise<boolean> {
  for (const { path, kind } of differences) {
    if (kind === 'missing' || !npmFiles.has(path)) continue;
    try {
      JSON.parse(await readFile(join(root, path), 'utf8'));
      return true;
    } catch {
      // Cut off, or gone by now: that is damage, and no list of npm's.
    }
  }
  return false;
}
