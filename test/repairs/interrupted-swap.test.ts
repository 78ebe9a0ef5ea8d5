import {
  chmodSync,
  existsSync,
  mkdirSync,
  promises as nodeFiles,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { finishSwap, undoSwap } from '../../src/repairs/config-swap.ts';
import type { SwapFiles } from '../../src/repairs/keep-file.ts';
import { createConfigRepairs } from '../../src/repairs/rollback.ts';
import { listKept, readKept } from '../../src/vault/kept.ts';
import { bad, good, never, plan, type SwapWorld, swapTo, swapWorld, tree, write } from './swap-world.ts';

const full = (): Error => Object.assign(new Error('ENOSPC: injected'), { code: 'ENOSPC' });
const calls = ['open', 'rename', 'unlink', 'mkdir', 'chmod', 'link', 'rm'] as const;
type Call = (typeof calls)[number];

/** File operations that ask before each call; where the answer is false the call fails. */
function asking(allows: (call: Call, path: string) => boolean): SwapFiles {
  const wrap = (call: Call) => {
    const real = nodeFiles[call] as (...of: readonly unknown[]) => Promise<unknown>;
    return async (...args: readonly unknown[]) => {
      if (!allows(call, String(args[0]))) throw full();
      return real(...args);
    };
  };
  return Object.fromEntries(calls.map((call) => [call, wrap(call)])) as unknown as SwapFiles;
}

/** All works but the last step of a change: the record still says `begun`, as it does after a death there. */
function unrecorded(): SwapFiles {
  let records = 0;
  return asking((call, path) => {
    if (call === 'open' && path.includes('.kept.json')) records += 1;
    return records < 2;
  });
}

/** Nothing works any more from the first call that fits: on the disk that is a death at that call. */
function deadFrom(at: (call: Call, path: string) => boolean): SwapFiles {
  let dead = false;
  return asking((call, path) => {
    dead ||= at(call, path);
    return !dead;
  });
}

const mine = '{ mine: 1 }';
const deeds: readonly (readonly [string, (path: string) => void])[] = [
  ['rewritten', (path) => writeFileSync(path, mine)],
  ['removed', (path) => rmSync(path, { recursive: true, force: true })],
  [
    'replaced by a folder',
    (path) => {
      rmSync(path, { recursive: true, force: true });
      mkdirSync(path);
    },
  ],
];

const keptIn = ({ deps }: SwapWorld, change = 'A1'): string => join(deps.quarantine, change);
const text = (path: string): string => readFileSync(path, 'utf8');

describe('a change that was in place when it was interrupted', () => {
  it.each(deeds)('never loses what it replaced when the config was %s since', async (_what, deed) => {
    const world = swapWorld();
    write(world.config, bad);
    expect((await swapTo(world, { 'openclaw.json': good }, { deps: { files: unrecorded() } })).kind).toBe(
      'done',
    );
    expect(await readKept(world.deps.quarantine, 'A1')).toMatchObject({ record: { state: 'begun' } });
    deed(world.config);
    const after = tree(world.folder);
    expect(await finishSwap(world.deps)).toEqual([
      { id: 'A1', kind: 'kept', because: expect.stringContaining(keptIn(world)) },
    ]);
    expect(tree(world.folder)).toEqual(after);
    expect(text(join(keptIn(world), '0-openclaw.json'))).toBe(bad);
    expect(await readKept(world.deps.quarantine, 'A1')).toMatchObject({
      record: { state: 'made', left: null },
    });
    expect(await finishSwap(world.deps)).toEqual([]);
  });

  it('is not put back over an edit, and its folder is named', async () => {
    const world = swapWorld();
    write(world.config, bad);
    await swapTo(world, { 'openclaw.json': good }, { deps: { files: unrecorded() } });
    writeFileSync(world.config, mine);
    expect(await undoSwap('A1', world.deps)).toEqual({
      kind: 'refused',
      because: expect.stringContaining(keptIn(world)),
    });
    expect(text(world.config)).toBe(mine);
  });

  it('can be put back where the config was removed since', async () => {
    const world = swapWorld();
    write(world.config, bad);
    await swapTo(world, { 'openclaw.json': good }, { deps: { files: unrecorded() } });
    rmSync(world.config);
    expect((await undoSwap('A1', world.deps)).kind).toBe('done');
    expect(text(world.config)).toBe(bad);
  });

  it('is not taken for one that replaced nothing when only the mode tells them apart', async () => {
    const world = swapWorld();
    write(world.config, bad);
    chmodSync(world.config, 0o640);
    const files = unrecorded();
    await swapTo(world, { 'openclaw.json': bad }, { mode: 0o600, deps: { files } });
    expect((await finishSwap(world.deps)).map(({ kind }) => kind)).toEqual(['completed']);
    expect((await undoSwap('A1', world.deps)).kind).toBe('done');
    expect(statSync(world.config).mode & 0o777).toBe(0o640);
  });

  it('says that it is finished at the next start', async () => {
    const world = swapWorld();
    write(world.config, bad);
    const made = await swapTo(world, { 'openclaw.json': good }, { deps: { files: unrecorded() } });
    expect(made).toMatchObject({ kind: 'done', unfinished: expect.stringContaining('at the next start') });
    expect(made).toMatchObject({ unfinished: expect.stringContaining('the disk is full') });
    expect(await finishSwap(world.deps)).toMatchObject([{ kind: 'completed' }]);
    const undone = await undoSwap('A1', { ...world.deps, files: unrecorded() });
    expect(undone).toMatchObject({ kind: 'done', unfinished: expect.stringContaining('at the next start') });
    const whole = await swapTo(world, { 'openclaw.json': good }, { change: 'A2' });
    expect(whole).toMatchObject({ kind: 'done', unfinished: null });
  });

  it('is told so by a rollback and by its undo', async () => {
    const world = swapWorld();
    write(world.config, bad);
    const hands = createConfigRepairs({
      swap: () => ({ ...world.deps, files: unrecorded() }),
      incident: () => 'I1',
      isConfigBlamed: () => false,
      label: async () => ({ kind: 'done' }),
    });
    const { planId, replaces } = await plan(world, { 'openclaw.json': good });
    const step = { kind: 'rollback', remedy: planId ?? '', replaces } as Parameters<typeof hands.rollback>[0];
    const told = { kind: 'done', because: expect.stringContaining('finished at the next start') };
    expect(await hands.rollback(step, 'A1', never)).toEqual(told);
    await finishSwap(world.deps);
    expect(await hands.undo({ kind: 'undo', of: 'A1', what: 'rollback' }, never)).toEqual(told);
  });
});

describe('a change that was interrupted before its first rename', () => {
  const torn = async (): Promise<SwapWorld> => {
    const world = swapWorld();
    write(world.config, bad);
    const files = deadFrom((call, path) => call === 'rename' && path.includes('.immune-A1'));
    expect((await swapTo(world, { 'openclaw.json': good }, { deps: { files } })).kind).toBe('failed');
    expect(existsSync(join(world.folder, '.openclaw.json.immune-A1.tmp'))).toBe(true);
    return world;
  };

  it('is dropped without a trace where all is as it was', async () => {
    const world = await torn();
    expect((await finishSwap(world.deps)).map(({ kind }) => kind)).toEqual(['dropped']);
    expect(readdirSync(world.deps.quarantine)).toEqual([]);
    expect(readdirSync(world.folder)).toEqual(['openclaw.json']);
  });

  it.each(deeds)('keeps its copy when the config was %s since, and replaces nothing', async (_what, deed) => {
    const world = await torn();
    deed(world.config);
    expect(await finishSwap(world.deps)).toEqual([
      { id: 'A1', kind: 'kept', because: expect.stringContaining(keptIn(world)) },
    ]);
    expect(text(join(keptIn(world), '0-openclaw.json'))).toBe(bad);
    expect(await readKept(world.deps.quarantine, 'A1')).toMatchObject({ record: { state: 'undone' } });
    expect(readdirSync(world.folder).filter((name) => name.includes('.immune-'))).toEqual([]);
    if (existsSync(world.config) && statSync(world.config).isFile()) expect(text(world.config)).toBe(mine);
    expect(await finishSwap(world.deps)).toEqual([]);
  });

  it('keeps its copy when the config is rewritten while it is dropped', async () => {
    const world = await torn();
    const files = asking((call, path) => {
      if (call === 'unlink' && path.endsWith('/kept.json')) writeFileSync(world.config, mine);
      return true;
    });
    await finishSwap({ ...world.deps, files });
    expect(text(world.config)).toBe(mine);
    expect(text(join(keptIn(world), '0-openclaw.json'))).toBe(bad);
  });

  it('keeps its copies as long as its record cannot be removed', async () => {
    const world = swapWorld();
    write(world.config, bad);
    const files = asking(
      (call, path) =>
        !(call === 'unlink' && path.endsWith('/kept.json')) && !path.includes('.openclaw.json.immune-A1'),
    );
    expect((await swapTo(world, { 'openclaw.json': good }, { deps: { files } })).kind).toBe('failed');
    expect(text(join(keptIn(world), '0-openclaw.json'))).toBe(bad);
    expect((await finishSwap(world.deps)).map(({ kind }) => kind)).toEqual(['dropped']);
    expect(readdirSync(world.deps.quarantine)).toEqual([]);
  });
});

const main = '{ $include: ["a.json5", "inc/b.json5"], bogus: 1 }';
const three = { 'inc/b.json5': '{ b: 1 }', 'openclaw.json': good, 'a.json5': '{ a: 1 }' };

function layThree(): SwapWorld {
  const world = swapWorld();
  write(world.config, main);
  write(join(world.folder, 'a.json5'), '{ a: 0 }');
  write(join(world.folder, 'inc', 'b.json5'), '{ b: 0 }');
  return world;
}

/** Two files are new and the third is old. */
async function tearThree(): Promise<SwapWorld> {
  const world = layThree();
  const files = deadFrom((call, path) => call === 'rename' && path.includes('.a.json5.immune-A1'));
  expect((await swapTo(world, three, { deps: { files } })).kind).toBe('failed');
  expect(text(world.config)).toBe(good);
  expect(text(join(world.folder, 'a.json5'))).toBe('{ a: 0 }');
  return world;
}

describe('a change that was interrupted in the middle', () => {
  it('names its folder where it could not put back all', async () => {
    const world = await tearThree();
    writeFileSync(world.config, mine);
    expect(await finishSwap(world.deps)).toEqual([
      { id: 'A1', kind: 'taken-back', because: expect.stringContaining(keptIn(world)) },
    ]);
    expect(text(world.config)).toBe(mine);
    expect(text(join(keptIn(world), '1-openclaw.json'))).toBe(main);
    expect(text(join(world.folder, 'inc', 'b.json5'))).toBe('{ b: 0 }');
  });

  it.each([
    ['is gone', (path: string) => rmSync(path)],
    ['was altered', (path: string) => writeFileSync(path, 'altered')],
  ])('is not looked at for ever where what it kept %s', async (_what, deed) => {
    const world = await tearThree();
    writeFileSync(join(world.folder, 'a.json5'), mine);
    deed(join(keptIn(world), '1-openclaw.json'));
    expect((await finishSwap(world.deps)).map(({ kind }) => kind)).toEqual(['taken-back']);
    expect(text(join(world.folder, 'inc', 'b.json5'))).toBe('{ b: 0 }');
    expect(text(world.config)).toBe(good);
    expect(await finishSwap(world.deps)).toEqual([]);
  });

  it('is not looked at for ever where the folder of a file is gone', async () => {
    const world = await tearThree();
    writeFileSync(join(world.folder, 'a.json5'), mine);
    rmSync(join(world.folder, 'inc'), { recursive: true });
    expect((await finishSwap(world.deps)).map(({ kind }) => kind)).toEqual(['taken-back']);
    expect(text(join(keptIn(world), '0-b.json5'))).toBe('{ b: 0 }');
    expect(text(world.config)).toBe(main);
    expect(await finishSwap(world.deps)).toEqual([]);
  });

  it.each(deeds)(
    'at any call at all has every text somewhere when the config was %s',
    async (_what, deed) => {
      let begun = 0;
      for (let at = 1; ; at += 1) {
        expect(at).toBeLessThan(200);
        const world = layThree();
        let seen = 0;
        const files = deadFrom(() => {
          seen += 1;
          return seen === at;
        });
        await swapTo(world, three, { deps: { files } });
        const died = await listKept(world.deps.quarantine);
        deed(world.config);
        const after = existsSync(world.config) ? tree(world.folder)['openclaw.json'] : null;
        const finished = await finishSwap(world.deps);
        expect(finished.map(({ kind }) => kind)).not.toContain('failed');
        expect(await finishSwap(world.deps)).toEqual([]);
        if (died.some(({ record }) => record.state === 'begun')) {
          begun += 1;
          const all = Object.values(tree(world.root));
          for (const old of [main, '{ a: 0 }', '{ b: 0 }']) {
            expect(all.filter((each) => each.endsWith(` ${old}`))).not.toEqual([]);
          }
          if (after !== null) expect(tree(world.folder)['openclaw.json']).toBe(after);
        }
        if (seen < at) break;
      }
      expect(begun).toBeGreaterThan(10);
    },
  );
});

describe('taking a change back that was interrupted', () => {
  it('says for whom once it is finished', async () => {
    const world = swapWorld();
    write(world.config, bad);
    await swapTo(world, { 'openclaw.json': good });
    await undoSwap('A1', { ...world.deps, files: unrecorded() }, { why: 'asked' });
    await finishSwap(world.deps);
    expect(await readKept(world.deps.quarantine, 'A1')).toMatchObject({
      record: { state: 'undone', undoneFor: 'asked' },
    });
  });

  it.each(deeds)('loses neither text when the config was %s since', async (_what, deed) => {
    const world = swapWorld();
    write(world.config, bad);
    await swapTo(world, { 'openclaw.json': good });
    // The record of the change itself cannot be marked either.
    await undoSwap('A1', { ...world.deps, files: unrecorded() });
    deed(world.config);
    expect(await finishSwap(world.deps)).toEqual([
      { id: 'A1.undo', kind: 'kept', because: expect.stringContaining(keptIn(world, 'A1.undo')) },
    ]);
    expect(text(join(keptIn(world, 'A1.undo'), '0-openclaw.json'))).toBe(good);
    expect(text(join(keptIn(world), '0-openclaw.json'))).toBe(bad);
    expect(await readKept(world.deps.quarantine, 'A1')).toMatchObject({ record: { state: 'undone' } });
    expect(await finishSwap(world.deps)).toEqual([]);
  });

  it('leaves a file alone that somebody put where a folder had come back', async () => {
    const world = swapWorld();
    write(join(world.config, 'theirs.txt'), 'theirs');
    write(join(world.folder, 'a.json5'), '{ a: 0 }');
    write(join(world.folder, 'inc', 'b.json5'), '{ b: 0 }');
    await swapTo(world, three);
    const files = deadFrom((call, path) => call === 'rename' && path.includes('.a.json5.immune-A1'));
    expect((await undoSwap('A1', { ...world.deps, files })).kind).toBe('failed');
    expect(text(join(world.config, 'theirs.txt'))).toBe('theirs');
    rmSync(world.config, { recursive: true });
    writeFileSync(world.config, mine);
    expect((await finishSwap(world.deps)).map(({ kind }) => kind)).toEqual(['taken-back']);
    expect(text(world.config)).toBe(mine);
    expect(text(join(keptIn(world, 'A1.undo'), '1-openclaw.json'))).toBe(good);
    expect(existsSync(join(keptIn(world), '1-openclaw.json'))).toBe(false);
  });

  it('is undone by nobody over a file that somebody put where a folder had come back', async () => {
    const world = swapWorld();
    write(join(world.config, 'theirs.txt'), 'theirs');
    await swapTo(world, { 'openclaw.json': good });
    await undoSwap('A1', { ...world.deps, files: unrecorded() });
    rmSync(world.config, { recursive: true });
    writeFileSync(world.config, mine);
    expect((await finishSwap(world.deps)).map(({ kind }) => kind)).toEqual(['kept']);
    expect((await undoSwap('A1.undo', world.deps)).kind).toBe('refused');
    expect(text(world.config)).toBe(mine);
    expect(text(join(keptIn(world, 'A1.undo'), '0-openclaw.json'))).toBe(good);
  });
});
