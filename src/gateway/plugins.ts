import { lstat, readlink, realpath } from 'node:fs/promises';
import { join, sep } from 'node:path';
import type { PluginEvidence } from '../core/ground-evidence.ts';
import { errorCode } from '../system/file-failure.ts';
import { readJson, sizeOf } from './file-look.ts';
import { isUpdater, type ListProcesses } from './live-processes.ts';
import { findIncomplete } from './package-tree.ts';
import { type PluginRecord, readPluginRegistry } from './plugin-registry.ts';

interface PluginsInput {
  readonly stateDir: string;
  readonly processes: ListProcesses;
}

interface Fault {
  readonly id: string;
  readonly because: string;
}

/**
 * Judges the plugins that OpenClaw installed with npm below its state directory and that its registry says are in use.
 * Never throws. Projects no record points to (older generations, stages, backups) are not looked at, and neither are
 * plugins a person linked from elsewhere. As with the package itself, damage counts at the second look only.
 */
export async function readPlugins(input: PluginsInput): Promise<PluginEvidence> {
  try {
    const first = await lookAtPlugins(input.stateDir);
    if (first.kind !== 'broken') return first;
    const installer = (await input.processes()).find(isUpdater);
    if (installer !== undefined) {
      return {
        kind: 'unknown',
        because: `plugin ${first.id} is incomplete, and an install is running: process ${installer.pid}`,
      };
    }
    return await lookAtPlugins(input.stateDir);
  } catch (error) {
    // No permission, a failing disk, no process list: proves nothing about a plugin.
    return { kind: 'unknown', because: `the plugins could not be judged: ${(error as Error).message}` };
  }
}

async function lookAtPlugins(stateDir: string): Promise<PluginEvidence> {
  const projects = join(stateDir, 'npm', 'projects');
  const registry = await readPluginRegistry(stateDir);
  if (registry.kind === 'unknown') return registry;
  if (registry.kind === 'none') {
    if ((await sizeOf(projects)) === null) return { kind: 'intact' };
    return { kind: 'unknown', because: `no registry tells which plugins of ${projects} are in use` };
  }
  const roots = await projectRoots(stateDir);
  for (const record of registry.records) {
    if (!roots.some((root) => record.installPath.startsWith(root))) continue;
    const fault = await findFault(record);
    if (fault !== null) return { kind: 'broken', ...fault };
  }
  return { kind: 'intact' };
}

/** A plugin in use, and the npm project that holds it with all it needs. */
export interface PluginProject {
  readonly id: string;
  /** Name of the folder below `npm/projects`. */
  readonly folder: string;
  /** Absolute, links resolved; as it is written where nothing is there. */
  readonly root: string;
  /** Null when the plugin is whole, as far as its files tell. */
  readonly fault: string | null;
}

type PluginProjects =
  | { readonly kind: 'projects'; readonly projects: readonly PluginProject[] }
  | { readonly kind: 'unknown'; readonly because: string };

/** The projects below the state directory that the registry says are in use, each once. Never throws. */
export async function readPluginProjects(stateDir: string): Promise<PluginProjects> {
  try {
    const registry = await readPluginRegistry(stateDir);
    if (registry.kind === 'unknown') return registry;
    const records = registry.kind === 'none' ? [] : registry.records;
    const roots = await projectRoots(stateDir);
    const projects = new Map<string, PluginProject>();
    for (const record of records) {
      const root = roots.find((each) => record.installPath.startsWith(each));
      const [folder = ''] = root === undefined ? [] : record.installPath.slice(root.length).split(sep);
      if (root === undefined || ['', '.', '..'].includes(folder)) continue;
      const fault = (await findFault(record))?.because ?? null;
      // One faulty plugin is enough: the folder is one tree.
      const known = projects.get(folder);
      if (known !== undefined && (known.fault !== null || fault === null)) continue;
      projects.set(folder, { id: record.id, folder, root: await realOf(join(root, folder)), fault });
    }
    return { kind: 'projects', projects: [...projects.values()] };
  } catch (error) {
    return { kind: 'unknown', because: `the plugins could not be judged: ${(error as Error).message}` };
  }
}

const projectRoots = async (stateDir: string): Promise<readonly string[]> => [
  `${join(stateDir, 'npm', 'projects')}${sep}`,
  `${await realOf(stateDir)}${sep}${join('npm', 'projects')}${sep}`,
];

async function findFault({ id, installPath }: PluginRecord): Promise<Fault | null> {
  if ((await sizeOf(installPath)) === null) return { id, because: `${installPath} is missing` };
  const [incomplete] = await findIncomplete(installPath, { depth: 'all' });
  if (incomplete !== undefined) return { id, because: incomplete.because };
  const entry = await findLostEntry(installPath);
  if (entry !== null) return { id, because: `${entry} is missing` };
  const link = join(installPath, 'node_modules', 'openclaw');
  const target = await readDangling(link);
  return target === null ? null : { id, because: `${link} points to ${target}, where nothing is` };
}

/** What the plugin says the gateway loads. `openclaw.extensions` names sources it does not ship, so only this one. */
async function findLostEntry(directory: string): Promise<string | null> {
  const manifest = await readJson(join(directory, 'package.json'));
  if (manifest.kind !== 'value') return null;
  const { openclaw } = (manifest.value ?? {}) as Readonly<Record<string, unknown>>;
  const { runtimeExtensions } = (openclaw ?? {}) as Readonly<Record<string, unknown>>;
  for (const entry of Array.isArray(runtimeExtensions) ? runtimeExtensions.slice(0, maxEntries) : []) {
    if (typeof entry !== 'string') continue;
    const path = join(directory, entry);
    if ((await sizeOf(path)) === null) return path;
  }
  return null;
}

/** A plugin has one or two. */
const maxEntries = 20;

/** OpenClaw links each plugin to its own package; the link breaks when the npm prefix moves. No link is no fault. */
async function readDangling(link: string): Promise<string | null> {
  try {
    if (!(await lstat(link)).isSymbolicLink()) return null;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(error))) return null;
    throw error;
  }
  return (await sizeOf(link)) === null ? readlink(link) : null;
}

/** A home reached through a link is recorded by its real path. */
async function realOf(directory: string): Promise<string> {
  try {
    return await realpath(directory);
  } catch {
    // Gone since the look before: then no record leads into it either.
    return directory;
  }
}
