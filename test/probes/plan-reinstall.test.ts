import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { instant } from '../../src/core/time.ts';
import type { ReinstallOutcome, ReinstallSources } from '../../src/probes/reinstall-parts.ts';
import { readPackagePlan, writePackagePlan } from '../../src/vault/package-plans.ts';
import { write } from '../gateway/package-fixture.ts';
import { workspace } from '../system/workspace.ts';
import { byUser } from '../user/by-user.ts';
import { build, hour, now, reinstallWorld } from './reinstall-world.ts';

let world: ReturnType<typeof reinstallWorld>;
beforeEach(() => {
  world = reinstallWorld(workspace());
  world.install();
});

const remove = (...path: string[]): void => rmSync(join(world.root, ...path), { recursive: true });
const kindOf = (found: ReinstallOutcome): string => (found.kind === 'ready' ? found.plan.kind : found.kind);
async function kind(...args: Parameters<typeof world.plan>): Promise<string> {
  return kindOf(await world.plan(...args));
}
/** Why nothing is offered; a plan that is offered all the same is told instead. */
async function refusal(...args: Parameters<typeof world.plan>): Promise<string> {
  const found = await world.plan(...args);
  return found.kind === 'unavailable' ? found.because : `offered: ${kindOf(found)}`;
}

describe('single packages', () => {
  test('are put back out of the archive of the same version, exactly the damaged ones', async () => {
    const manifest = await world.record();
    remove('node_modules', 'ws');
    world.damage('dist', 'run-A1.mjs');
    const found = await world.plan();
    const digests = new Map(manifest.units.map(({ path, part, digest }) => [`${path} ${part}`, digest]));
    if (found.kind !== 'ready') throw new Error(JSON.stringify(found));
    expect(found.plan).toMatchObject({
      kind: 'packages',
      openclaw: '2026.9.6',
      root: world.root,
      archive: '2026.9.6-20261122T184000Z',
      aside: null,
      link: null,
      because: expect.stringContaining('node_modules/ws'),
    });
    expect(found.plan.units.map(({ path }) => path).sort()).toEqual(['dist', 'node_modules/ws']);
    for (const { path, part, digest } of found.plan.units)
      expect(digest).toBe(digests.get(`${path} ${part}`));
    expect(found.plan.bytes).toBeGreaterThan(0);
    expect(found.explain.check?.differences.length).toBeGreaterThan(1);
  });

  test('have a plan of the same name when it is worked out again, and another one for other damage', async () => {
    await world.record();
    remove('node_modules', 'ws');
    const [one, two] = [await world.plan(), await world.plan()];
    remove('node_modules', 'gamma');
    const three = await world.plan();
    if (one.kind !== 'ready' || two.kind !== 'ready' || three.kind !== 'ready') throw new Error('no plan');
    expect(two.plan.id).toBe(one.plan.id);
    expect(three.plan.id).not.toBe(one.plan.id);
  });

  test('can be stored as they are planned', async () => {
    await world.record();
    remove('node_modules', 'ws');
    const found = await world.plan();
    if (found.kind !== 'ready') throw new Error('no plan');
    const plans = join(workspace(), 'package-plans');
    expect(await writePackagePlan(plans, found.plan)).toEqual({ kind: 'written', plan: found.plan });
    expect(await readPackagePlan(plans, found.plan.id)).toEqual({ kind: 'read', plan: found.plan });
  });

  test('are more than a hundred: then the whole tree is put back', async () => {
    const packages = world.packages(101);
    await world.record();
    for (const path of packages.slice(1)) rmSync(path, { recursive: true });
    expect(await kind()).toBe('packages');
    rmSync(packages[0] ?? '', { recursive: true });
    expect(await kind()).toBe('tree');
  });

  test('of another archive of the same version will do where the newest one has lost a file', async () => {
    const first = await world.record();
    await world.record({}, { archive: '2026.9.6-older' });
    remove('node_modules', 'ws');
    // The same content has the same file: only where the older one holds another can it be there still.
    const lost = first.units.find(({ path }) => path === 'node_modules/ws')?.digest ?? '';
    world.lacking.add(lost);
    const found = await world.plan();
    expect(found).toMatchObject({ kind: 'ready', plan: { kind: 'network' } });
    world.lacking.clear();
    expect(await kind()).toBe('packages');
  });
});

describe('the whole tree', () => {
  test.each(['node_modules', 'dist'])('is put back when %s is gone', async (folder) => {
    await world.record();
    remove(folder);
    expect(await kind()).toBe('tree');
  });

  test('is put back when the folder of all packages has become a link to somewhere else', async () => {
    await world.record();
    const elsewhere = join(workspace(), 'modules');
    renameSync(join(world.root, 'node_modules'), elsewhere);
    symlinkSync(elsewhere, join(world.root, 'node_modules'));
    expect(await kind()).toBe('tree');
  });

  test('is not needed for a scope that is gone with its packages', async () => {
    await world.record();
    remove('node_modules', '@scope');
    expect(await kind()).toBe('packages');
  });

  test("brings the command's link back, and leaves one that leads elsewhere, and somebody's own program", async () => {
    await world.record();
    remove('node_modules');
    const link = async () => {
      const found = await world.plan();
      return found.kind === 'ready' ? found.plan.link : found;
    };
    expect(await link()).toBeNull();
    rmSync(world.command);
    expect(await link()).toEqual({
      path: world.command,
      target: '../lib/node_modules/openclaw/openclaw.mjs',
    });
    symlinkSync('/bin/sh', world.command);
    expect(await link()).toBeNull();
    rmSync(world.command);
    writeFileSync(world.command, '#!/bin/sh\n');
    expect(await link()).toBeNull();
    rmSync(world.command);
    symlinkSync('/nowhere/at/all', world.command);
    expect(await link()).toMatchObject({ path: world.command });
  });
});

describe('what was tried and did not help', () => {
  test('is not offered again: the next kind is, and at the end a command to type', async () => {
    await world.record();
    remove('node_modules', 'ws');
    const kinds: string[] = [];
    for (let round = 0; round < 3; round += 1) {
      kinds.push(await kind());
      await world.tried();
    }
    expect(kinds).toEqual(['packages', 'tree', 'network']);
    const found = await world.plan();
    expect(found).toMatchObject({ kind: 'unavailable', command: expect.stringContaining('npm install -g') });
    expect(found.kind === 'unavailable' && found.because).toContain('A3');
  });

  test('is offered again after a day; what npm could not fetch after an hour', async () => {
    await world.record();
    remove('node_modules', 'ws');
    await world.tried({ at: instant(now - 24 * hour + 1) });
    expect(await kind()).toBe('tree');
    world.repairs[0] = { ...(world.repairs[0] as (typeof world.repairs)[0]), at: instant(now - 24 * hour) };
    expect(await kind()).toBe('packages');
    world.repairs.pop();
    await world.tried({ state: 'failed', undoneFor: null });
    expect(await kind()).toBe('tree');
    await world.tried();
    await world.tried({ state: 'failed', undoneFor: null, at: instant(now - hour + 1) });
    expect(await kind()).toBe('unavailable');
    world.repairs[2] = { ...(world.repairs[2] as (typeof world.repairs)[0]), at: instant(now - hour) };
    expect(await kind()).toBe('network');
  });

  test('for other damage of single packages speaks for the whole tree', async () => {
    await world.record();
    remove('node_modules', 'ws');
    await world.tried();
    remove('node_modules', 'gamma');
    expect(await kind()).toBe('tree');
  });

  test('does not count where it was only interrupted', async () => {
    await world.record();
    remove('node_modules', 'ws');
    await world.tried({ undoneFor: 'interrupted' });
    expect(await kind()).toBe('packages');
  });

  test('because a person took it back is not done again unattended, in no other way either', async () => {
    await world.record();
    remove('node_modules', 'ws');
    await world.tried({ undoneFor: 'asked' });
    expect(await world.plan()).toMatchObject({ kind: 'unavailable', command: 'immune fix-deps' });
    world.by = 'person';
    expect(await kind()).toBe('packages');
  });

  test('is left to npm where only the manifest in force has no archive', async () => {
    const manifest = await world.record({}, { archive: null });
    await world.record();
    remove('node_modules', 'ws');
    for (const { digest } of manifest.units) world.lacking.add(digest);
    expect(await world.plan()).toMatchObject({
      kind: 'ready',
      plan: { kind: 'network', archive: '2026.9.6-20261122T184000Z' },
    });
  });

  test('that a person has taken back only now is not done again, however long ago it was made', async () => {
    await world.record();
    remove('node_modules', 'ws');
    const made = instant(now - 30 * hour);
    await world.tried({ at: made, undoneFor: 'asked', undoneAt: instant(now - hour) });
    expect(await world.plan()).toMatchObject({ kind: 'unavailable', command: 'immune fix-deps' });
    world.repairs[0] = {
      ...(world.repairs[0] as (typeof world.repairs)[0]),
      undoneAt: instant(now - 24 * hour),
    };
    expect(await kind()).toBe('packages');
  });
});

describe('while the gateway serves', () => {
  test('what is lost is put back, and what somebody has patched or linked stays', async () => {
    await world.record();
    remove('node_modules', 'ws');
    remove('node_modules', 'gamma');
    symlinkSync(world.stateDir, join(world.root, 'node_modules', 'gamma'));
    writeFileSync(join(world.root, 'node_modules', 'alpha', 'lib', 'index.js'), 'patched');
    const unitsOf = async (serving: boolean): Promise<readonly string[]> => {
      const found = await world.plan({ serving });
      return found.kind === 'ready' ? found.plan.units.map(({ path }) => path) : [found.kind];
    };
    expect(await unitsOf(true)).toEqual(['node_modules/ws']);
    expect(await unitsOf(false)).toEqual(['node_modules/alpha', 'node_modules/gamma', 'node_modules/ws']);
    write(join(world.root, 'node_modules', 'ws', 'package.json'), 'patched, and the rest is lost');
    expect(await world.plan({ serving: true })).toMatchObject({
      kind: 'unavailable',
      because: expect.stringContaining('may be a work of somebody'),
      command: 'immune fix-deps',
    });
    expect(await kind({ serving: false })).toBe('packages');
  });
});

describe('never', () => {
  const misfits: readonly (readonly [string, () => Promise<unknown>, string])[] = [
    ['of another version', () => world.record({ openclaw: '2026.6.6' }), 'is of OpenClaw 2026.6.6'],
    ['for another Node ABI', () => world.record({ nodeAbi: '137' }), 'Node ABI 137'],
    ['for another platform', () => world.record({ platform: 'linux' }), 'of linux'],
    ['for another processor', () => world.record({ arch: 'x64' }), 'on x64'],
    [
      'from before a migration',
      () => world.record({ databases: { 'state/openclaw.sqlite': 11 } }),
      'migrated',
    ],
    [
      'from before a migration of every database of this name',
      () => world.record({ databases: { 'agents/other/agent/openclaw-agent.sqlite': 2 } }),
      'migrated',
    ],
  ];
  test.each(misfits)('out of an archive %s', async (_what, record, why) => {
    await record();
    remove('node_modules', 'ws');
    const found = await world.plan();
    if (found.kind !== 'unavailable') throw new Error(kindOf(found));
    expect(found.because).toContain(why);
    expect(found.command).toBe(`npm install -g openclaw@2026.9.6 --prefix ${world.prefix}`);
  });

  test('where a state database that was recorded does not tell its version', async () => {
    await world.record();
    remove('node_modules', 'ws');
    world.state.unread.push('strange.sqlite');
    expect(await kind()).toBe('packages');
    world.state.unread.push('state/openclaw.sqlite');
    expect(await refusal()).toContain('state/openclaw.sqlite does not tell');
  });

  test('is a new agent taken for a migration', async () => {
    await world.record();
    remove('node_modules', 'ws');
    world.state.versions['agents/new/agent/openclaw-agent.sqlite'] = 3;
    world.state.versions['some/plugin.sqlite'] = 9;
    expect(await kind()).toBe('packages');
    world.state.versions['agents/new/agent/openclaw-agent.sqlite'] = 4;
    expect(await refusal()).toContain('agents/new');
  });

  const deaf = async () => ({ kind: 'unknown', because: 'no answer' }) as const;
  test.each<readonly [string, Partial<ReinstallSources>]>([
    ['no state can be read', { databases: deaf }],
    ["the gateway's Node does not answer", { nodeBuild: deaf }],
  ])('where %s', async (_what, more) => {
    await world.record();
    remove('node_modules', 'ws');
    world.more = more;
    expect(await refusal()).toContain('no answer');
  });

  test("where the gateway's Node is not known", async () => {
    await world.record();
    remove('node_modules', 'ws');
    world.node = null;
    expect(await refusal()).toContain("gateway's Node is not known");
  });

  test('where a package manager is at work', async () => {
    await world.record();
    remove('node_modules', 'ws');
    world.more = { busy: async () => 'process 7 (npm install) may be changing the package' };
    expect(await world.plan()).toEqual({ kind: 'busy', because: expect.stringContaining('process 7') });
  });

  test('where there is not a fifth more room than it takes', async () => {
    await world.record();
    remove('node_modules', 'ws');
    const found = await world.plan();
    if (found.kind !== 'ready') throw new Error('no plan');
    const needed = Math.ceil(found.plan.bytes * 1.2);
    const asked: string[] = [];
    world.more = {
      freeBytes: async (path) => {
        asked.push(path);
        return needed - 1;
      },
    };
    expect(await refusal()).toContain('too little room');
    expect(asked[0]).toBe(world.modules);
    world.more = { freeBytes: async () => needed };
    expect(await kind()).toBe('packages');
    world.more = { freeBytes: async () => ({ kind: 'failed', because: 'the disk is gone' }) };
    expect(await refusal()).toContain('the disk is gone');
  });

  test('into a package that is a link to somewhere else', async () => {
    await world.record();
    const elsewhere = join(workspace(), 'openclaw');
    renameSync(world.root, elsewhere);
    symlinkSync(elsewhere, world.root);
    rmSync(join(elsewhere, 'node_modules', 'ws'), { recursive: true });
    expect(await refusal()).toContain('outside of');
  });

  test('but into one that is a link beside itself, as other package managers make it', async () => {
    await world.record();
    const store = join(world.modules, '.store', 'openclaw');
    mkdirSync(join(world.modules, '.store'));
    renameSync(world.root, store);
    symlinkSync('.store/openclaw', world.root);
    const { head, read } = world.kept.pop() ?? { head: null, read: null };
    if (head === null) throw new Error('nothing was recorded');
    const trees = [{ name: 'openclaw', root: store }];
    world.kept.push({
      archive: 'one',
      head: { ...head, trees },
      read: async () => {
        const manifest = await read();
        return 'kind' in manifest ? manifest : { ...manifest, head: { ...manifest.head, trees } };
      },
    });
    rmSync(join(store, 'node_modules', 'ws'), { recursive: true });
    expect(await world.plan()).toMatchObject({ kind: 'ready', plan: { kind: 'packages', root: store } });
  });

  test('into a git checkout', async () => {
    await world.record();
    remove('node_modules', 'ws');
    mkdirSync(join(world.root, '.git'));
    expect(await refusal()).toContain('git checkout');
  });

  test('into a package, or a folder, of another user', async () => {
    await world.record();
    remove('node_modules', 'ws');
    world.uid += 1;
    expect(await refusal()).toContain('belongs to another user');
  });

  test.runIf(process.getuid?.() === 0)(
    'beside what another user may rename, unless that is root',
    async () => {
      await world.record();
      remove('node_modules', 'ws');
      chownSync(world.modules, 4_321, -1);
      expect(await refusal()).toContain(`${world.modules} belongs to another user`);
      world.uid = 4_321;
      chownSync(world.root, 4_321, -1);
      chownSync(world.modules, 0, -1);
      expect(await kind()).toBe('packages');
    },
  );

  byUser('into a folder that cannot be written to', async () => {
    await world.record();
    remove('node_modules', 'ws');
    chmodSync(world.modules, 0o500);
    try {
      expect(await refusal()).toContain('cannot be written to');
    } finally {
      chmodSync(world.modules, 0o700);
    }
  });

  test('of what was recorded in another place', async () => {
    await world.record();
    remove('node_modules', 'ws');
    const [kept] = world.kept;
    if (kept === undefined) throw new Error('nothing was recorded');
    world.kept = [{ ...kept, head: { ...kept.head, trees: [{ name: 'openclaw', root: '/opt/openclaw' }] } }];
    expect(await refusal()).toContain('/opt/openclaw');
  });

  test('where nothing was ever recorded', async () => {
    remove('node_modules', 'ws');
    expect(await refusal()).toContain('no verified archive');
  });
});

describe('a package without its package.json', () => {
  test('is told by its program files', async () => {
    await world.record();
    remove('package.json');
    expect(await kind()).toBe('packages');
  });

  test('is left alone when more than a tenth of them are of another version', async () => {
    for (let at = 0; at < 20; at += 1) write(join(world.root, 'dist', `chunk-${at}.mjs`), 'js');
    await world.record();
    remove('package.json');
    write(join(world.root, 'dist', 'other-1.mjs'), 'js');
    write(join(world.root, 'dist', 'other-2.mjs'), 'js');
    expect(await kind()).toBe('packages');
    write(join(world.root, 'dist', 'other-3.mjs'), 'js');
    expect(await refusal()).toContain('are not those of OpenClaw 2026.9.6');
  });

  test('and without program files is nothing to judge by', async () => {
    await world.record();
    remove('package.json');
    remove('dist');
    expect(await refusal()).toContain('tells which version');
  });
});

describe('a package of which nothing is left', () => {
  test.each([
    ['with its folder', () => remove()],
    [
      'but its empty folder',
      () => ['package.json', 'dist', 'node_modules', 'openclaw.mjs'].map((name) => remove(name)),
    ],
  ])(
    '%s looks like an uninstall: unattended it stays away, and a person may have it back',
    async (_what, lose) => {
      await world.record();
      lose();
      expect(await world.plan()).toMatchObject({
        kind: 'unavailable',
        command: 'immune fix-deps',
        because: expect.stringContaining('looks like an uninstall'),
      });
      world.by = 'person';
      expect(await world.plan()).toMatchObject({
        kind: 'ready',
        plan: { kind: 'tree', openclaw: '2026.9.6' },
      });
    },
  );
});

describe('the network', () => {
  test("is the last way, and needs an npm beside the gateway's Node", async () => {
    const manifest = await world.record();
    remove('node_modules', 'ws');
    for (const { digest } of manifest.units) world.lacking.add(digest);
    const found = await world.plan();
    expect(found).toMatchObject({
      kind: 'ready',
      plan: { kind: 'network', units: [{ path: 'node_modules/ws' }] },
    });
    expect(found.kind === 'ready' && found.explain.refused.join()).toContain('lacks node_modules/ws');
    world.more = { hasNpm: () => false };
    expect(await refusal()).toContain('no npm beside');
  });

  test('is not for what no archive can be compared with, but for a person who asks for it', async () => {
    remove('node_modules', 'ws');
    expect(await kind({ network: true })).toBe('unavailable');
    world.by = 'person';
    expect(await kind()).toBe('unavailable');
    expect(await world.plan({ network: true })).toMatchObject({
      kind: 'ready',
      plan: { kind: 'network', archive: null, units: [], openclaw: '2026.9.6' },
    });
  });

  test('is not where the archive itself could not be written', async () => {
    await world.record({}, { archive: null });
    remove('node_modules', 'ws');
    expect(await refusal()).toContain('could not be compared');
  });
});

describe('damage that no list shows', () => {
  const flip = (): void => {
    const file = join(world.root, 'node_modules', 'ws', 'index.js');
    const { atime, mtime } = statSync(file);
    const bytes = readFileSync(file);
    bytes[0] = (bytes[0] ?? 0) ^ 1;
    writeFileSync(file, bytes);
    utimesSync(file, atime, mtime);
  };

  test('is found by comparing every byte, and put back', async () => {
    await world.record();
    flip();
    expect(await world.plan({ depth: 'full' })).toMatchObject({
      kind: 'ready',
      plan: { kind: 'packages', units: [{ path: 'node_modules/ws' }] },
    });
    expect(world.checks).toEqual(['full']);
  });

  test('is looked for as well where the quick comparison finds nothing', async () => {
    await world.record();
    flip();
    expect(await kind({ depth: 'quick' })).toBe('packages');
    expect(world.checks).toEqual(['quick', 'full']);
  });

  test('is not there: every file is as it was', async () => {
    await world.record();
    expect(await world.plan({ depth: 'full' })).toMatchObject({
      kind: 'whole',
      because: 'every file of the package is as it was when the gateway last proved healthy',
    });
  });
});

describe('plugins', () => {
  const project = () => join(world.stateDir, 'npm', 'projects', 'feishu');
  const dependency = () => join(project(), 'node_modules', 'sdk');
  beforeEach(async () => {
    write(join(project(), 'package.json'), { name: 'feishu-project', version: '1.0.0' });
    write(join(dependency(), 'index.js'), 'js');
    await world.record({}, { trees: [{ name: 'plugin:feishu', root: project() }] });
  });

  test('are put back with the package when they are broken too, and only then', async () => {
    remove('node_modules', 'ws');
    rmSync(dependency(), { recursive: true });
    const trees = async (plugins: boolean) => {
      const found = await world.plan({ plugins });
      return found.kind === 'ready' ? found.plan.units.map(({ tree }) => tree) : found;
    };
    expect(await trees(false)).toEqual(['openclaw']);
    expect(await trees(true)).toEqual(['openclaw', 'plugin:feishu']);
  });

  test('that were updated or removed since are none of our business', async () => {
    remove('node_modules', 'ws');
    rmSync(dependency(), { recursive: true });
    write(join(project(), 'package.json'), { name: 'feishu-project', version: '1.0.10' });
    expect(await world.plan({ plugins: true })).toMatchObject({ plan: { units: [{ tree: 'openclaw' }] } });
    rmSync(project(), { recursive: true });
    expect(await world.plan({ plugins: true })).toMatchObject({ plan: { units: [{ tree: 'openclaw' }] } });
  });
});

test('nothing is changed by any of it', async () => {
  await world.record();
  remove('node_modules', 'ws');
  const before = lstatSync(world.root, { bigint: true }).ctimeNs;
  await world.plan();
  expect(lstatSync(world.root, { bigint: true }).ctimeNs).toBe(before);
});

test('a planning that is ended offers nothing', async () => {
  await world.record();
  remove('node_modules', 'ws');
  const ended = new AbortController();
  world.more = {
    nodeBuild: async () => {
      ended.abort();
      return build;
    },
  };
  await expect(world.plan({}, ended.signal)).rejects.toThrow();
});
