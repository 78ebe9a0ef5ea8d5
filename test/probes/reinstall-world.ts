import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { instant } from '../../src/core/time.ts';
import { planReinstall } from '../../src/probes/plan-reinstall.ts';
import type {
  KeptManifest,
  ReinstallOutcome,
  ReinstallParts,
  ReinstallSources,
  SeenDamage,
  Tried,
} from '../../src/probes/reinstall-parts.ts';
import { soundTree } from '../../src/probes/sound-tree.ts';
import { checkTrees } from '../../src/vault/compare-tree.ts';
import type { Manifest, ManifestHead, Tree } from '../../src/vault/manifest.ts';
import { recordTrees } from '../../src/vault/read-tree.ts';
import { installOpenclaw, write } from '../gateway/package-fixture.ts';

export const hour = 3_600_000;
export const now = instant(1_800_000_000_000);
export const build = {
  kind: 'build',
  version: 'v26.10.0',
  abi: '147',
  platform: 'darwin',
  arch: 'arm64',
} as const;
const databases = { 'state/openclaw.sqlite': 12, 'agents/main/agent/openclaw-agent.sqlite': 3 };

/** An installation in a temporary prefix, recorded as proven, with what a plan is worked out from in our hands. */
export function reinstallWorld(folder: string) {
  const prefix = join(folder, 'prefix');
  const modules = join(prefix, 'lib', 'node_modules');
  const root = join(modules, 'openclaw');
  const stateDir = join(folder, 'home', '.openclaw');
  const world = {
    prefix,
    root,
    stateDir,
    modules,
    now,
    command: join(prefix, 'bin', 'openclaw'),
    node: '/opt/node/bin/node' as string | null,
    packageRoot: root as string | null,
    uid: process.getuid?.() ?? 0,
    by: 'watchdog' as ReinstallParts['by'],
    kept: [] as KeptManifest[],
    repairs: [] as Tried[],
    lacking: new Set<string>(),
    checks: [] as string[],
    more: {} as Partial<ReinstallSources>,
    state: {
      kind: 'read',
      versions: { ...databases } as Record<string, number>,
      unread: [] as string[],
    } as const,
    install: (): void => {
      installOpenclaw(root);
      write(join(root, 'openclaw.mjs'), 'cli');
      mkdirSync(join(prefix, 'bin'), { recursive: true });
      symlinkSync('../lib/node_modules/openclaw/openclaw.mjs', join(prefix, 'bin', 'openclaw'));
      mkdirSync(stateDir, { recursive: true });
    },
    /** Enough of them that single ones are no longer worth it. */
    packages: (count: number): readonly string[] => {
      const names = Array.from({ length: count }, (_, at) => join(root, 'node_modules', `p${at}`));
      for (const name of names) write(join(name, 'index.js'), 'js');
      return names;
    },
    record: async (
      more: Partial<ManifestHead> = {},
      { archive = '2026.9.6-20261122T184000Z', trees = [] }: { archive?: string | null; trees?: Tree[] } = {},
    ): Promise<Manifest> => {
      const { signal } = new AbortController();
      const head = {
        version: 1,
        openclaw: '2026.9.6',
        nodeAbi: build.abi,
        platform: build.platform,
        arch: build.arch,
        takenAt: now,
        provenBy: instant(Date.now() + 1_000_000),
        databases,
      } as const;
      const asked = { head: { ...head, ...more }, trees: [{ name: 'openclaw', root }, ...trees], signal };
      const recorded = await recordTrees(asked, null);
      if (recorded.kind === 'failed') throw new Error(recorded.because);
      const { manifest } = recorded;
      world.kept.push({ archive, head: manifest.head, read: async () => manifest });
      return manifest;
    },
    sources: (): ReinstallSources => ({
      busy: async () => null,
      manifests: async () => world.kept,
      hasUnit: async (digest) => !world.lacking.has(digest),
      check: (manifest, ask) => {
        world.checks.push(ask.depth);
        return checkTrees(manifest, ask);
      },
      sound: (place, signal) => soundTree({ root: place, processes: async () => [], signal }),
      databases: async () => world.state,
      nodeBuild: async () => build,
      hasNpm: () => true,
      freeBytes: async () => 10 ** 12,
      repairs: async () => world.repairs,
      ...world.more,
    }),
    plan: (
      seen: Partial<SeenDamage> = {},
      signal: AbortSignal = new AbortController().signal,
    ): Promise<ReinstallOutcome> => {
      const { packageRoot, node, uid, by } = world;
      const place = { packageRoot, stateDir, version: '2026.9.6', prefix, node };
      return planReinstall(
        { place, sources: world.sources(), by, uid, now, signal },
        { aside: null, depth: 'quick', plugins: false, ...seen },
      );
    },
    /** What became of the plan that is offered now. */
    tried: async (more: Partial<Tried> = {}): Promise<void> => {
      const found = await world.plan();
      if (found.kind !== 'ready') throw new Error(JSON.stringify(found));
      const { id, kind } = found.plan;
      const base = { id: `A${world.repairs.length + 1}`, at: now, planId: id, planKind: kind } as const;
      world.repairs.push({ ...base, state: 'undone', undoneFor: 'unhelpful', ...more });
    },
    damage: (...path: string[]): void => writeFileSync(join(root, ...path), ''),
  };
  return world;
}
