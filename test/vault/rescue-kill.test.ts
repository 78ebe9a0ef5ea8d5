import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, readdirSync, readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { workspace } from '../system/workspace.ts';
import { config, recorded, storeIn } from './store-ground.ts';

/**
 * A rescue is killed (SIGKILL) at its calls that change a folder or start a git. With IMMUNE_KILL_POINTS=all at every
 * such call, otherwise where the new repository is made and from there on, when folders change their names.
 */
const every = process.env['IMMUNE_KILL_POINTS'] === 'all';
const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** Two snapshots, the first of them verified, and the damage of a power cut. */
async function damagedGround(): Promise<string> {
  const root = workspace();
  const { store, dir } = storeIn(root);
  const first = await recorded(store, config('{ n: 1 }'));
  await store.label(first, 'verified');
  await recorded(store, config('{ n: 2 }'));
  truncateSync(join(dir, '.git', 'refs', 'heads', 'main'), 0);
  return root;
}

/** Records in a process of its own, which dies at that call; 0: at none. */
function recordAndDie(root: string, killAt: number): readonly string[] {
  const notes = join(workspace(), 'calls.txt');
  const argv = ['--import', file('../crash/killer.mjs'), file('./recording-child.ts'), root];
  const env = { ...process.env, KILL_AT: String(killAt), KILL_NOTES: notes };
  const ended = spawnSync(process.execPath, argv, { env, input: 'record { n: 3 }\n', encoding: 'utf8' });
  expect(ended.signal).toBe(killAt === 0 ? null : 'SIGKILL');
  return readFileSync(notes, 'utf8').trim().split('\n');
}

it('loses nothing, wherever a rescue is killed, and the next record ends it', {
  timeout: 240_000,
}, async () => {
  const origin = await damagedGround();
  const copy = (): string => {
    const root = join(workspace(), 'data');
    cpSync(origin, root, { recursive: true });
    return root;
  };
  const calls = recordAndDie(copy(), 0);
  const isChange = (call: string): boolean => / (rename|mkdir|rm|chmod|spawn) .*config-backup/.test(call);
  const begins = calls.findIndex(isChange);
  const turns = calls.findLastIndex((call) => / spawn .*config-backup\.new/.test(call));
  const ends = calls.findLastIndex((call) => call.includes('config-backup.ready'));
  expect(begins > 0 && turns > begins && ends > turns).toBe(true);
  const points = calls.flatMap((call, at) => {
    if (!isChange(call) || at < begins || at > ends) return [];
    const matters = at === turns || (at > turns && / (rename|mkdir|rm) /.test(call));
    return every || matters ? [at + 1] : [];
  });
  expect(points.length).toBeGreaterThan(5);
  for (const point of points) {
    const root = copy();
    recordAndDie(root, point);
    const where = calls[point - 1];
    // The old one or the whole new one: never neither.
    const has = (name: string): boolean => existsSync(join(root, name, '.git', 'HEAD'));
    expect(has('config-backup') || has('config-backup.ready'), where).toBe(true);
    const { store } = storeIn(root);
    expect(await store.record(config('{ n: 4 }'), { aside: null }), where).toMatchObject({
      kind: 'recorded',
    });
    expect(readdirSync(root).toSorted(), where).toEqual([
      'config-backup',
      expect.stringContaining('.broken-'),
      'state',
    ]);
    const listing = await store.list(10);
    const labels = listing.kind === 'listed' ? listing.entries.map(({ label }) => label) : [];
    expect(labels.slice(-3), where).toEqual(['recorded', 'recorded', 'verified']);
    expect(await store.verify(), where).toMatchObject({ ok: true });
  }
});
