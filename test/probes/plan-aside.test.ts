import {
  chownSync,
  cpSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { write } from '../gateway/package-fixture.ts';
import { workspace } from '../system/workspace.ts';
import { reinstallWorld } from './reinstall-world.ts';

let world: ReturnType<typeof reinstallWorld>;
let aside: string;
beforeEach(() => {
  world = reinstallWorld(workspace());
  world.install();
  aside = join(world.modules, '.openclaw-tw5YBlZG');
});

/** As npm leaves it when it is killed while it unpacks: the old package and the old link renamed, half of a new one. */
function interrupt(): void {
  renameSync(world.root, aside);
  mkdirSync(world.root);
  write(join(world.root, '.openclaw-lifecycle-pending'), '');
  write(join(world.root, 'dist', 'chunk-of-another-version.mjs'), 'js');
  rmSync(world.command);
}
const plan = () => world.plan({ aside });
async function refusal(): Promise<string> {
  const found = await plan();
  if (found.kind === 'unavailable') return found.because;
  return found.kind === 'ready' ? `offered: ${found.plan.kind}` : found.kind;
}

test("npm's own copy of before is put back, with the command's link", async () => {
  await world.record();
  interrupt();
  expect(await plan()).toMatchObject({
    kind: 'ready',
    plan: {
      kind: 'aside',
      openclaw: '2026.9.6',
      root: world.root,
      archive: '2026.9.6-20261122T184000Z',
      units: [],
      aside,
      bytes: 0,
      link: { path: world.command, target: '../lib/node_modules/openclaw/openclaw.mjs' },
    },
  });
});

test('it needs no archive where the half-made package cannot have run', async () => {
  interrupt();
  expect(await plan()).toMatchObject({ kind: 'ready', plan: { kind: 'aside', archive: null } });
});

test('it is put back where the package itself is gone: npm was ended between two renames', async () => {
  interrupt();
  rmSync(world.root, { recursive: true });
  expect(await plan()).toMatchObject({ kind: 'ready', plan: { kind: 'aside' } });
});

test('it goes before all else, and what did not help is not offered again', async () => {
  await world.record();
  interrupt();
  const first = await plan();
  if (first.kind !== 'ready') throw new Error('no plan');
  const { id } = first.plan;
  expect((await plan()).kind === 'ready' && id).toBe(id);
  world.repairs.push({
    id: 'A1',
    at: world.now,
    planId: id,
    planKind: 'aside',
    state: 'undone',
    undoneFor: 'unhelpful',
  });
  expect(await refusal()).toContain('A1');
});

test.each(['index.js', 'index.mjs', 'entry.js', 'entry.mjs'])(
  'with nothing recorded it stays where it is when the half-made package has dist/%s: that may have migrated the state',
  async (name) => {
    interrupt();
    write(join(world.root, 'dist', name), 'start()');
    expect(await refusal()).toContain('may have run');
  },
);

test('with its version recorded, the state tells whether the half-made package has migrated it', async () => {
  await world.record();
  interrupt();
  write(join(world.root, 'dist', 'index.js'), 'start()');
  expect(await refusal()).toBe('offered: aside');
  world.state.versions['state/openclaw.sqlite'] = 13;
  expect(await refusal()).toContain('state/openclaw.sqlite was migrated');
});

test('a database that only the half-made package can have made counts when that may have run', async () => {
  await world.record();
  interrupt();
  world.state.versions['state/new.sqlite'] = 1;
  expect(await refusal()).toBe('offered: aside');
  write(join(world.root, 'dist', 'index.js'), 'start()');
  expect(await refusal()).toContain('state/new.sqlite');
});

test.each([
  ['another Node ABI', { nodeAbi: '137' }, 'Node ABI 137'],
  ['another processor', { arch: 'x64' }, 'on x64'],
])('it is not put back under %s than it was proven with', async (_what, head, why) => {
  await world.record(head);
  interrupt();
  expect(await refusal()).toContain(why);
});

test('it is not put back when it lacks something by its own lists', async () => {
  interrupt();
  rmSync(join(aside, 'node_modules', 'ws'), { recursive: true });
  expect(await refusal()).toContain('ws is missing');
});

test('it is not put back when npm had begun to take it away, and only our manifest tells', async () => {
  await world.record();
  interrupt();
  writeFileSync(join(aside, 'node_modules', 'ws', 'index.js'), '');
  expect(await refusal()).toContain('node_modules/ws/index.js is truncated');
});

test('it is not put back without a version, without being a folder, or under a name that npm does not give', async () => {
  interrupt();
  const sound = async () => ({ kind: 'sound', version: '2026.9.6' }) as const;
  world.more = { sound };
  rmSync(join(aside, 'package.json'));
  expect(await refusal()).toContain('tells no version');
  rmSync(aside, { recursive: true });
  expect(await refusal()).toContain('is not there');
  symlinkSync('/tmp', aside);
  expect(await refusal()).toContain('is not there');
  aside = join(world.modules, 'openclaw-copy');
  world.install = () => undefined;
  mkdirSync(aside);
  expect(await refusal()).toContain('is not there');
});

test.runIf(process.getuid?.() === 0)('it is not put back when it belongs to another user', async () => {
  interrupt();
  chownSync(aside, 4_321, -1);
  expect(await refusal()).toContain('belongs to another user');
});

test('a copy that was left over before another version proved healthy is none of before: that version is mended', async () => {
  const manifest = readFileSync(join(world.root, 'package.json'), 'utf8');
  writeFileSync(join(world.root, 'package.json'), manifest.replaceAll('2026.9.6', '2026.6.6'));
  await world.record({ openclaw: '2026.6.6' }, { archive: '2026.6.6-20261001T000000Z' });
  cpSync(world.root, aside, { recursive: true, preserveTimestamps: true });
  writeFileSync(join(world.root, 'package.json'), manifest);
  await world.record();
  rmSync(join(world.root, 'node_modules', 'ws'), { recursive: true });
  expect(await plan()).toMatchObject({ kind: 'ready', plan: { kind: 'packages', openclaw: '2026.9.6' } });
  expect(await plan()).toMatchObject({
    explain: { refused: expect.arrayContaining([expect.stringContaining('has served from there since')]) },
  });
  rmSync(world.root, { recursive: true });
  expect(await refusal()).toContain('looks like an uninstall');
});
