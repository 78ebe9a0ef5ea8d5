import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { instant } from '../../src/core/time.ts';
import type { PackageRepairDeps } from '../../src/repairs/package-ground.ts';
import { manifestOf } from '../../src/vault/archives.ts';
import { createArchive } from '../../src/vault/create-archive.ts';
import type { Unit } from '../../src/vault/manifest.ts';
import { readManifest } from '../../src/vault/manifest-file.ts';
import type { PackagePlan } from '../../src/vault/package-plans.ts';
import { workspace } from '../system/workspace.ts';
import { depsOf } from './package-deps.ts';

export const never: AbortSignal = new AbortController().signal;
export const version = '2026.9.6';

/** An installed package, its archive, and what a repair needs. */
export interface PackageWorld {
  readonly home: string;
  readonly root: string;
  readonly plugin: string;
  readonly quarantine: string;
  readonly archives: string;
  readonly archive: string;
  readonly units: readonly Unit[];
  readonly deps: PackageRepairDeps;
  /** Who is at work on the package; a test may say so at any moment. */
  busy: string | null;
  /** As it was archived, with nothing of ours beside it. */
  reset(): void;
  unit(path: string, tree?: string): Unit;
}

const small: Readonly<Record<string, string>> = {
  'package.json': JSON.stringify({ name: 'openclaw', version }),
  'openclaw.mjs': '#!/usr/bin/env node\n',
  'README.md': 'read me',
  'dist/index.js': 'export const index = 1;\n',
  'dist/entry.js': 'export const entry = 1;\n',
  'dist/chunk-a.js': 'export const a = 1;\n',
  'dist/worker/run.js': 'export const run = 1;\n',
  'docs/start.md': 'start',
  'node_modules/.package-lock.json': '{}',
  'node_modules/ws/package.json': JSON.stringify({ name: 'ws', version: '8.0.0' }),
  'node_modules/ws/lib/websocket.js': 'export class WebSocket {}\n',
  'node_modules/zod/package.json': JSON.stringify({ name: 'zod', version: '4.0.0' }),
  'node_modules/@s/p/index.js': 'export {};\n',
};

export async function packageWorld(
  extra: Readonly<Record<string, string>> = {},
  home = realpathSync(workspace()),
): Promise<PackageWorld> {
  const root = join(home, 'prefix', 'lib', 'node_modules', 'openclaw');
  const plugin = join(home, 'state', 'npm', 'projects', 'feishu');
  const [pristine, quarantine, archives] = ['pristine', 'quarantine', 'archives'].map((name) =>
    join(home, name),
  );
  if (pristine === undefined || quarantine === undefined || archives === undefined)
    throw new Error('no places');
  for (const [path, text] of Object.entries({ ...small, ...extra })) put(join(root, path), text);
  put(join(plugin, 'node_modules', 'lark', 'index.js'), 'export const lark = 1;\n');
  put(join(plugin, 'package.json'), '{ "name": "feishu" }');
  mkdirSync(join(root, 'node_modules', '.bin'), { recursive: true });
  symlinkSync('../ws/package.json', join(root, 'node_modules', '.bin', 'ws'));
  const later = instant(Date.now() + 3_600_000);
  const made = await createArchive({
    archivesDir: archives,
    head: {
      version: 1,
      openclaw: version,
      nodeAbi: '1',
      platform: 'linux',
      arch: 'x64',
      takenAt: instant(Date.now()),
      provenBy: later,
      databases: {},
    },
    trees: [
      { name: 'openclaw', root },
      { name: 'plugin:feishu', root: plugin },
    ],
    signal: never,
    now: () => later,
    judge: async () => null,
  });
  if (made.kind === 'failed') throw new Error(made.because);
  const archive = made.archive.name;
  const read = await readManifest(manifestOf(archives, archive));
  if (read.kind !== 'read') throw new Error('the manifest cannot be read');
  const { units } = read.manifest;
  cpSync(join(home, 'prefix'), join(pristine, 'prefix'), keepAll);
  cpSync(join(home, 'state'), join(pristine, 'state'), keepAll);
  let ticks = 0;
  const world: PackageWorld = {
    home,
    root,
    plugin,
    quarantine,
    archives,
    archive,
    units,
    busy: null,
    deps: depsOf({ quarantine, archives }, () => instant(1_000 + ++ticks)),
    reset: () => {
      for (const name of ['prefix', 'state', 'quarantine'])
        rmSync(join(home, name), { recursive: true, force: true });
      for (const name of ['prefix', 'state']) cpSync(join(pristine, name), join(home, name), keepAll);
      mkdirSync(quarantine, { recursive: true });
    },
    unit: (path, tree = 'openclaw') => {
      const found = units.find(
        (unit) =>
          unit.tree === tree && (unit.path === path || unit.entries.some((entry) => entry.path === path)),
      );
      if (found === undefined) throw new Error(`no unit has ${path}`);
      return found;
    },
  };
  return {
    ...world,
    deps: { ...world.deps, packageWork: async () => world.busy },
    get busy() {
      return world.busy;
    },
    set busy(who) {
      world.busy = who;
    },
  };
}

const keepAll = { recursive: true, preserveTimestamps: true, verbatimSymlinks: true } as const;

export function planFor(
  world: PackageWorld,
  kind: PackagePlan['kind'],
  over: Partial<PackagePlan> & { readonly paths?: readonly string[] } = {},
): PackagePlan {
  const { paths = [], ...rest } = over;
  const units = paths.map((path) => {
    const [tree, below] = path.startsWith('plugin:') ? path.split(' ') : ['openclaw', path];
    const { part, path: at, digest, tree: name } = world.unit(below ?? '', tree);
    return { tree: name, path: at, part, digest };
  });
  return {
    version: 1,
    id: `${kind}-1`,
    kind,
    openclaw: version,
    root: world.root,
    archive: world.archive,
    units,
    aside: null,
    link: null,
    bytes: 1,
    because: 'something is missing',
    ...rest,
  };
}

/** Every file, link and folder below these with its content and mode; our own places beside the package left out. */
export function picture(world: PackageWorld): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const top of ['prefix', 'state']) {
    const base = join(world.home, top);
    for (const name of readdirSync(base, { recursive: true, encoding: 'utf8' }).sort()) {
      if (name.includes('.openclaw-immune-')) continue;
      const path = join(base, name);
      const facts = lstatSync(path);
      const mode = (facts.mode & 0o777).toString(8);
      if (facts.isDirectory()) found[join(top, name)] = `folder ${mode}`;
      else if (facts.isSymbolicLink()) found[join(top, name)] = `link ${readlinkSync(path)}`;
      else found[join(top, name)] = `${mode} ${readFileSync(path, 'latin1')}`;
    }
  }
  return found;
}

/** Whatever of ours lies about outside of the quarantine. */
export const besides = ({ home }: PackageWorld): readonly string[] =>
  ['prefix', 'state']
    .flatMap((top) => readdirSync(join(home, top), { recursive: true, encoding: 'utf8' }))
    .filter((name) => name.includes('immune'));

/** Files and links that the quarantine holds, records left out. */
export const kept = ({ quarantine }: PackageWorld): readonly string[] =>
  (existsSync(quarantine) ? readdirSync(quarantine, { recursive: true, encoding: 'utf8' }) : [])
    .filter((name) => !lstatSync(join(quarantine, name)).isDirectory() && !name.endsWith('.json'))
    .sort();

export function put(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text, { mode: 0o644 });
}
