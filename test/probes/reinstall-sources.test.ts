import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { instant } from '../../src/core/time.ts';
import { planReinstall } from '../../src/probes/plan-reinstall.ts';
import { createReinstallSources } from '../../src/probes/reinstall-sources.ts';
import { run } from '../../src/system/run.ts';
import { createArchive } from '../../src/vault/create-archive.ts';
import { unitFileOf } from '../../src/vault/unit-file.ts';
import { workspace } from '../system/workspace.ts';
import { reinstallWorld } from './reinstall-world.ts';

test('a plan is worked out of a real archive, with the real Node, the real state and the real disk', async () => {
  const folder = workspace();
  const world = reinstallWorld(folder);
  world.install();
  const [archives, quarantine] = [join(folder, 'archives'), join(folder, 'quarantine')];
  mkdirSync(archives);
  const { signal } = new AbortController();
  const sources = createReinstallSources({ archives, quarantine, run, processes: async () => [] });
  expect(await sources.manifests()).toEqual([]);
  const now = instant(Date.now());
  const made = await createArchive({
    archivesDir: archives,
    now: () => now,
    judge: async () => null,
    head: {
      version: 1,
      openclaw: '2026.9.6',
      nodeAbi: process.versions.modules,
      platform: process.platform,
      arch: process.arch,
      takenAt: now,
      provenBy: instant(now + 1_000_000),
      databases: {},
    },
    trees: [{ name: 'openclaw', root: world.root }],
    signal,
  });
  if (made.kind === 'failed') throw new Error(made.because);
  rmSync(join(world.root, 'node_modules', 'ws'), { recursive: true });
  const plan = () =>
    planReinstall(
      {
        place: {
          packageRoot: world.root,
          stateDir: world.stateDir,
          version: '2026.9.6',
          prefix: world.prefix,
          node: process.execPath,
        },
        sources,
        by: 'watchdog',
        uid: world.uid,
        now,
        signal,
      },
      { aside: null, depth: 'quick', plugins: false },
    );
  const found = await plan();
  expect(found).toMatchObject({
    kind: 'ready',
    plan: { kind: 'packages', archive: made.archive.name, units: [{ path: 'node_modules/ws' }] },
  });
  const digest = found.kind === 'ready' ? (found.plan.units[0]?.digest ?? '') : '';
  rmSync(unitFileOf(archives, digest));
  const without = await plan();
  const refused = 'explain' in without ? without.explain.refused.join('; ') : '';
  expect(refused).toContain('lacks node_modules/ws');
  expect(await sources.freeBytes(join(folder, 'nowhere'))).toMatchObject({ kind: 'failed' });
  expect(await sources.repairs()).toEqual([]);
  expect(await sources.busy()).toBeNull();
});
