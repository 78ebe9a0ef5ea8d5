import { execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { finishSwap, swapConfig, undoSwap } from '../../src/repairs/config-swap.ts';
import { listKept } from '../../src/vault/kept.ts';
import { bad, good, never, plan, type SwapWorld, swapWorld, tree, write } from '../repairs/swap-world.ts';
import type { SwapErrand } from './swap-child.ts';

/**
 * A change of the config is killed (SIGKILL) at each of its calls that changes a file, a write torn in its middle. With
 * IMMUNE_KILL_POINTS=all at every one of every story, otherwise at every sixth, elsewhere in each story.
 */
const every = process.env['IMMUNE_KILL_POINTS'] === 'all';
const run = promisify(execFile);
const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

interface Story {
  readonly what: string;
  readonly lay: (world: SwapWorld) => void;
  readonly texts: Readonly<Record<string, string>>;
  /** Between two renames a folder leaves its place before the file comes: that moment is only bridged by the finish. */
  readonly oneRename: boolean;
}

const stories: readonly Story[] = [
  {
    what: 'one file',
    lay: ({ config }) => write(config, bad, 0o640),
    texts: { 'openclaw.json': good },
    oneRename: true,
  },
  {
    what: 'no file',
    lay: () => undefined,
    texts: { 'openclaw.json': good },
    oneRename: true,
  },
  {
    what: 'three files, one of them behind a link and one that is new in a new folder',
    lay: ({ config, folder, home }) => {
      write(config, '{ $include: ["a.json5", "inc/b.json5"], bogus: 1 }');
      write(join(home, 'a-real'), '{ a: 0 }', 0o644);
      chmodSync(join(home, 'a-real'), 0o644);
      symlinkSync('../a-real', join(folder, 'a.json5'));
    },
    texts: { 'openclaw.json': good, 'a.json5': '{ a: 1 }', 'inc/b.json5': '{ b: 1 }' },
    oneRename: false,
  },
  {
    what: 'a folder in its place',
    lay: ({ config }) => write(join(config, 'mine.txt'), 'mine'),
    texts: { 'openclaw.json': good },
    oneRename: false,
  },
  {
    what: 'a file too large to be copied',
    lay: ({ config }) => write(config, 'x'.repeat(8_388_609)),
    texts: { 'openclaw.json': good },
    oneRename: true,
  },
];

async function send(
  world: SwapWorld,
  errand: Pick<SwapErrand, 'swap' | 'undo'>,
  killAt: number,
): Promise<{ readonly survived: boolean; readonly calls: readonly string[] }> {
  const notes = join(world.root, 'calls.txt');
  const { processes: _processes, now: _now, ...deps } = world.deps;
  const text: SwapErrand = { deps, now: world.deps.now(), ...errand };
  const argv = ['--import', file('./killer.mjs'), file('./swap-child.ts'), JSON.stringify(text)];
  const env = { ...process.env, KILL_AT: String(killAt), KILL_NOTES: notes };
  const ended = await run(process.execPath, argv, { env }).catch(
    (error: unknown) => error as { signal?: string },
  );
  const survived = !('signal' in ended) || ended.signal === undefined;
  if (survived) expect(ended).toMatchObject({ stdout: expect.stringContaining('"done"') });
  else expect(ended).toMatchObject({ signal: 'SIGKILL' });
  return { survived, calls: existsSync(notes) ? readFileSync(notes, 'utf8').trim().split('\n') : [] };
}

/** The config's own files: what the watchdog keeps is looked at apart. Folders that were made on the way do not count. */
const config = (world: SwapWorld): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(tree(world.home)).filter(([name]) => !name.endsWith('/inc')));

/** What the files were, wherever they are now: live or kept. */
async function isSomewhere(world: SwapWorld, text: string): Promise<boolean> {
  const all = { ...tree(world.home), ...tree(world.deps.quarantine) };
  return Object.values(all).some((each) => each.endsWith(` ${text}`));
}

async function tryPoint(story: Story, killAt: number): Promise<boolean> {
  const world = swapWorld();
  story.lay(world);
  mkdirSync(world.deps.quarantine, { recursive: true });
  const old = config(world);
  const texts = Object.values(old)
    .filter((each) => /^\d/.test(each))
    .map((each) => each.slice(each.indexOf(' ') + 1));
  const request = { ...(await plan(world, story.texts)), id: 'A1' };
  const { survived } = await send(world, { swap: request, undo: null }, killAt);
  const main = join('.openclaw', 'openclaw.json');
  if (story.oneRename) {
    const now = config(world)[main];
    expect([old[main], `600 ${good}`, `640 ${good}`]).toContain(now);
  }
  for (const text of texts) expect(await isSomewhere(world, text)).toBe(true);
  const finished = await finishSwap(world.deps);
  expect(finished.map(({ kind }) => kind)).not.toContain('failed');
  expect(finished.map(({ kind }) => kind)).not.toContain('taken-back');
  const after = config(world);
  const isOld = after[main] === old[main];
  if (isOld) {
    // Not a trace beside the config, and the same change can be made now.
    expect(after).toEqual(old);
    expect((await swapConfig({ ...request, id: 'A2', signal: never }, world.deps)).kind).toBe('done');
  }
  for (const [name, text] of Object.entries(story.texts)) {
    expect(readFileSync(join(world.folder, name), 'utf8')).toBe(text);
  }
  expect(Object.keys(config(world)).filter((name) => name.includes('.immune-'))).toEqual([]);
  for (const text of texts) expect(await isSomewhere(world, text)).toBe(true);
  expect((await listKept(world.deps.quarantine)).map(({ record }) => record.state)).toEqual(['made']);
  if (Object.keys(old).includes(main)) {
    expect((await undoSwap(isOld ? 'A2' : 'A1', world.deps)).kind).toBe('done');
    expect(config(world)).toEqual(old);
  }
  return survived;
}

async function tryUndo(story: Story, killAt: number): Promise<boolean> {
  const world = swapWorld();
  story.lay(world);
  const old = config(world);
  const request = { ...(await plan(world, story.texts)), id: 'A1' };
  expect((await swapConfig({ ...request, signal: never }, world.deps)).kind).toBe('done');
  const made = config(world);
  const { survived } = await send(world, { swap: null, undo: 'A1' }, killAt);
  const finished = await finishSwap(world.deps);
  expect(finished.map(({ kind }) => kind)).not.toContain('failed');
  const after = config(world);
  if (JSON.stringify(after) === JSON.stringify(made)) {
    expect((await undoSwap('A1', world.deps)).kind).toBe('done');
  }
  expect(config(world)).toEqual(old);
  const [record] = (await listKept(world.deps.quarantine)).filter((kept) => kept.record.id === 'A1');
  expect(record?.record.state).toBe('undone');
  for (const text of Object.values(story.texts)) expect(await isSomewhere(world, text)).toBe(true);
  return survived;
}

/** Kills at one call after the other until the change outlives it. */
async function tryAll(story: Story, attempt: (killAt: number) => Promise<boolean>): Promise<void> {
  let killed = 0;
  for (let killAt = every ? 1 : 1 + stories.indexOf(story); ; killAt += every ? 1 : 6) {
    expect(killAt).toBeLessThan(200);
    if (await attempt(killAt)) break;
    killed += 1;
  }
  // A killer that never kills would prove nothing.
  expect(killed).toBeGreaterThan(2);
}

describe('a change of the config that is killed at any call is old or new, never mixed, never lost', () => {
  it.each(stories)(
    'replacing $what',
    async (story) => tryAll(story, (killAt) => tryPoint(story, killAt)),
    300_000,
  );

  it.each(stories.filter(({ what }) => what !== 'no file'))(
    'taking it back: $what',
    async (story) => tryAll(story, (killAt) => tryUndo(story, killAt)),
    300_000,
  );

  it('leaves an edit alone that somebody made meanwhile', async () => {
    const world = swapWorld();
    write(world.config, '{ $include: "a.json5", bogus: 1 }');
    write(join(world.folder, 'a.json5'), '{ a: 0 }');
    const request = { ...(await plan(world, { 'a.json5': '{ a: 1 }', 'openclaw.json': good })), id: 'A1' };
    const { calls } = await send(world, { swap: request, undo: null }, 0);
    const renames = calls.flatMap((call, at) =>
      call.includes('rename') && call.includes('.immune-') ? [at + 1] : [],
    );
    expect(renames.length).toBe(2);
    expect((await undoSwap('A1', world.deps)).kind).toBe('done');
    // Between the two renames: the included file is new, the main one still old.
    const again = { ...(await plan(world, { 'a.json5': '{ a: 1 }', 'openclaw.json': good })), id: 'A2' };
    const second = await send(world, { swap: again, undo: null }, renames[1] ?? 0);
    expect(second.survived).toBe(false);
    expect(readFileSync(join(world.folder, 'a.json5'), 'utf8')).toBe('{ a: 1 }');
    writeFileSync(world.config, '{ mine: 1 }');
    expect((await finishSwap(world.deps)).map(({ kind }) => kind)).toEqual(['taken-back']);
    expect(readFileSync(world.config, 'utf8')).toBe('{ mine: 1 }');
    expect(readFileSync(join(world.folder, 'a.json5'), 'utf8')).toBe('{ a: 0 }');
  });
});
