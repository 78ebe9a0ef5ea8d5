import { mkdirSync, readFileSync, rmSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { instant, millis } from '../../src/core/time.ts';
import type { LiveProcess } from '../../src/gateway/live-processes.ts';
import { createDependencySight, type DependencySight } from '../../src/probes/dependency-sight.ts';
import type { ManifestInForce, Tree } from '../../src/vault/manifest.ts';
import { writeManifest } from '../../src/vault/manifest-file.ts';
import { recordTrees } from '../../src/vault/read-tree.ts';
import { installOpenclaw, write } from '../gateway/package-fixture.ts';
import { workspace } from '../system/workspace.ts';
import { asking, flip } from '../vault/tree-ground.ts';

const folder = 'openclaw-feishu-dc69f44688';
let root: string;
let stateDir: string;
let project: string;
let kept: ManifestInForce | null;
let alive: readonly LiveProcess[];
let listed: () => void;
let sight: DependencySight;
let passed: number;
const at = (path: string): string => join(root, path);

beforeEach(async () => {
  const home = workspace();
  root = join(home, 'lib', 'node_modules', 'openclaw');
  stateDir = join(home, '.openclaw');
  project = join(stateDir, 'npm', 'projects', folder);
  installOpenclaw(root);
  write(at('node_modules/ws/lib/websocket.js'), 'class WebSocket {}');
  write(at('node_modules/@scope/spare/package.json'), { name: '@scope/spare', version: '1.0.0' });
  installPlugin();
  alive = [];
  listed = () => undefined;
  passed = 0;
  await record();
  sight = createDependencySight({
    clock: {
      now: () => instant(passed),
      elapsed: () => millis(passed),
      sleep: (_length, signal) =>
        new Promise((resolve) => signal?.addEventListener('abort', () => resolve(), { once: true })),
    },
    place: () => ({ packageRoot: root, stateDir }),
    processes: async () => {
      listed();
      return alive;
    },
    manifest: async () => kept,
  });
});

function installPlugin(): void {
  const plugin = join(project, 'node_modules', '@openclaw', 'feishu');
  write(join(project, 'package.json'), { dependencies: { '@openclaw/feishu': '1.0.0' } });
  write(join(project, 'package-lock.json'), { lockfileVersion: 3 });
  write(join(plugin, 'package.json'), { name: '@openclaw/feishu', version: '1.0.0' });
  write(join(plugin, 'lib', 'a.js'), 'feishu');
  write(join(stateDir, 'plugins', 'installs.json'), {
    installRecords: { feishu: { installPath: plugin } },
  });
}

async function record(trees?: readonly Tree[]): Promise<void> {
  const both = [
    { name: 'openclaw', root },
    { name: `plugin:${folder}`, root: project },
  ];
  const outcome = await recordTrees(asking(root, { trees: trees ?? both }), null);
  if (outcome.kind !== 'recorded') throw new Error(outcome.because);
  const file = join(workspace(), 'manifest.ndjson');
  await writeManifest(file, outcome.manifest);
  kept = { archive: null, file, head: outcome.manifest.head };
}

/** Later by as much as every answer is kept at most. */
const look = (more: { readonly deep?: boolean } = {}) => {
  passed += 7 * 3_600_000;
  return sight.look({ failing: true, ...more });
};
const intact = { dependencies: { kind: 'intact', version: '2026.9.6' }, plugins: { kind: 'intact' } };

describe('with a manifest in force', () => {
  it('a whole installation is intact', async () => {
    expect(await look()).toEqual(intact);
    expect(await look({ deep: true })).toEqual(intact);
  });

  it('a file cut off inside a dependency is named, which no list of the package tells', async () => {
    truncateSync(at('node_modules/ws/lib/websocket.js'), 3);
    expect(await look()).toEqual({
      ...intact,
      dependencies: {
        kind: 'corrupted',
        files: ['node_modules/ws/lib/websocket.js'],
        lost: false,
        because: 'node_modules/ws/lib/websocket.js is cut off',
      },
    });
  });

  it('a package that nothing declares is named when it is gone, and other damage counted', async () => {
    rmSync(at('node_modules/@scope/spare'), { recursive: true });
    truncateSync(at('node_modules/ws/lib/websocket.js'), 3);
    expect(await look()).toEqual({
      ...intact,
      dependencies: {
        kind: 'missing',
        names: ['@scope/spare'],
        because: 'node_modules/@scope/spare is missing, and 1 more path is not as recorded',
      },
    });
  });

  it('what the package itself shows to be missing needs no manifest', async () => {
    rmSync(at('node_modules/gamma'), { recursive: true });
    expect(await look()).toMatchObject({ dependencies: { kind: 'missing', names: ['gamma'] } });
  });

  it('extra files are no damage', async () => {
    write(at('node_modules/by-hand/package.json'), '{}');
    expect(await look()).toEqual(intact);
  });

  it('damage does not count while a package manager is at work', async () => {
    truncateSync(at('node_modules/ws/lib/websocket.js'), 3);
    alive = [{ pid: 7, command: 'npm install -g openclaw@2026.9.6' }];
    expect(await look()).toMatchObject({ dependencies: { kind: 'installing' } });
  });

  it('damage that is mended before the second look is none', async () => {
    truncateSync(at('node_modules/ws/lib/websocket.js'), 3);
    listed = () => writeFileSync(at('node_modules/ws/lib/websocket.js'), 'class WebSocket {}');
    expect(await look()).toEqual(intact);
  });

  it('an update that ends between the two looks is none', async () => {
    truncateSync(at('node_modules/ws/lib/websocket.js'), 3);
    listed = () => {
      const manifest = JSON.parse(readFileSync(at('package.json'), 'utf8'));
      write(at('package.json'), { ...manifest, version: '2026.9.7' });
    };
    expect(await look()).toEqual(intact);
  });
});

describe('a byte that rots under the same size and time', () => {
  const path = 'node_modules/ws/lib/websocket.js';
  beforeEach(() => flip(at(path), Buffer.from('class WebSocket {{')));
  const rotten = { dependencies: { kind: 'corrupted', files: [path] } };

  it('is found by a deep look alone, and from then on by each', async () => {
    expect(await look()).toEqual(intact);
    expect(await look({ deep: true })).toMatchObject(rotten);
    expect(await look()).toMatchObject(rotten);
    flip(at(path), Buffer.from('class WebSocket {}'));
    expect(await look()).toEqual(intact);
  });

  it('is looked for once for each state of the package', async () => {
    flip(at(path), Buffer.from('class WebSocket {}'));
    expect(await look({ deep: true })).toEqual(intact);
    flip(at(path), Buffer.from('class WebSocket {{'));
    expect(await look({ deep: true })).toEqual(intact);
    // A folder changed: it is another state.
    mkdirSync(at('node_modules/new'));
    expect(await look({ deep: true })).toMatchObject(rotten);
  });
});

describe('a manifest tells nothing', () => {
  beforeEach(() => truncateSync(at('node_modules/ws/lib/websocket.js'), 3));

  it('of another version', async () => {
    if (kept !== null) kept = { ...kept, head: { ...kept.head, openclaw: '2026.9.5' } };
    expect(await look()).toEqual(intact);
  });

  it('of another place', async () => {
    const elsewhere = join(workspace(), 'openclaw');
    installOpenclaw(elsewhere);
    await record([{ name: 'openclaw', root: elsewhere }]);
    expect(await look()).toEqual(intact);
  });

  it('that was cut off, or is not there', async () => {
    if (kept !== null) truncateSync(kept.file, 500);
    expect(await look()).toEqual(intact);
    kept = null;
    expect(await look()).toEqual(intact);
  });
});

describe('a plugin project', () => {
  const lose = (): void => unlinkSync(join(project, 'node_modules', '@openclaw', 'feishu', 'lib', 'a.js'));

  it('is broken when a file of it is gone', async () => {
    lose();
    expect(await look()).toEqual({
      dependencies: intact.dependencies,
      plugins: {
        kind: 'broken',
        id: 'feishu',
        because: 'node_modules/@openclaw/feishu/lib/a.js is missing',
      },
    });
  });

  it('is not, where npm has changed it since', async () => {
    lose();
    write(join(project, 'package-lock.json'), { lockfileVersion: 3, packages: {} });
    expect(await look()).toEqual(intact);
  });

  it("is, where npm's own list was cut off", async () => {
    truncateSync(join(project, 'package-lock.json'), 3);
    expect(await look()).toMatchObject({ plugins: { kind: 'broken', id: 'feishu' } });
  });

  it('is not looked at when it is no longer in use', async () => {
    lose();
    write(join(stateDir, 'plugins', 'installs.json'), { installRecords: {} });
    expect(await look()).toEqual(intact);
  });
});
