import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { swapConfig, undoSwap } from '../../src/repairs/config-swap.ts';
import { readKept } from '../../src/vault/kept.ts';
import { byUser } from '../user/by-user.ts';
import { bad, good, never, plan, swapTo, swapWorld, tree, write } from './swap-world.ts';

describe('a config that is put in place', () => {
  it('holds exactly the bytes of the plan, keeps its mode, and what it replaced is kept', async () => {
    const world = swapWorld();
    write(world.config, bad, 0o640);
    chmodSync(world.config, 0o640);
    const outcome = await swapTo(world, { 'openclaw.json': good });
    if (outcome.kind !== 'done') throw new Error(outcome.because);
    expect(tree(world.folder)).toEqual({ 'openclaw.json': `640 ${good}` });
    const { record, folder } = outcome.kept;
    expect(folder).toBe(join(world.deps.quarantine, 'A1'));
    expect(tree(folder)).toEqual({ '0-openclaw.json': `600 ${bad}`, 'kept.json': expect.any(String) });
    expect(record).toMatchObject({ state: 'made', planId: 'keys-1', planKind: 'keys', incident: 'I1' });
    expect(await readKept(world.deps.quarantine, 'A1')).toEqual({ kind: 'read', folder, record });
    expect(statSync(folder).mode & 0o777).toBe(0o700);
  });

  it('takes the mode of the plan, but never one that keeps the gateway out', async () => {
    const world = swapWorld();
    write(world.config, bad);
    expect((await swapTo(world, { 'openclaw.json': good }, { mode: 0o644 })).kind).toBe('done');
    expect(statSync(world.config).mode & 0o777).toBe(0o644);
    expect((await swapTo(world, { 'openclaw.json': bad }, { mode: 0o044, change: 'A2' })).kind).toBe('done');
    expect(statSync(world.config).mode & 0o777).toBe(0o600);
  });

  it('may be missing before', async () => {
    const world = swapWorld();
    const outcome = await swapTo(world, { 'openclaw.json': good });
    expect(outcome).toMatchObject({
      kind: 'done',
      kept: { record: { replaced: null, files: [{ kept: null }] } },
    });
    expect(tree(world.folder)).toEqual({ 'openclaw.json': `600 ${good}` });
  });

  it('may come with included files, also where their folder is gone', async () => {
    const world = swapWorld();
    write(world.config, '{ $include: ["inc/a.json5", "inc/deep/b.json5"] }');
    write(join(world.folder, 'inc', 'a.json5'), '{ old: 1 }', 0o640);
    const next = { 'openclaw.json': good, 'inc/a.json5': '{ a: 1 }', 'inc/deep/b.json5': '{ b: 1 }' };
    expect((await swapTo(world, next)).kind).toBe('done');
    expect(tree(world.folder)).toEqual({
      inc: 'folder 755',
      'inc/a.json5': '640 { a: 1 }',
      'inc/deep': 'folder 700',
      'inc/deep/b.json5': '600 { b: 1 }',
      'openclaw.json': `600 ${good}`,
    });
  });

  it('takes the place of a folder, which is kept with all that is in it', async () => {
    const world = swapWorld();
    write(join(world.config, 'notes', 'mine.txt'), 'mine');
    const outcome = await swapTo(world, { 'openclaw.json': good });
    if (outcome.kind !== 'done') throw new Error(outcome.because);
    expect(tree(world.folder)).toEqual({ 'openclaw.json': `600 ${good}` });
    const [file] = outcome.kept.record.files;
    expect(readFileSync(join(file?.kept ?? '', 'notes', 'mine.txt'), 'utf8')).toBe('mine');
  });

  // To root every file is readable; the next case shows the same for what not even root takes for a config.
  byUser('takes the place of a file that its mode hides, which is kept as it is', async () => {
    const world = swapWorld();
    write(world.config, bad);
    chmodSync(world.config, 0o000);
    const outcome = await swapTo(world, { 'openclaw.json': good });
    if (outcome.kind !== 'done') throw new Error(outcome.because);
    expect(tree(world.folder)).toEqual({ 'openclaw.json': `600 ${good}` });
    const kept = outcome.kept.record.files[0]?.kept ?? '';
    expect(statSync(kept).mode & 0o777).toBe(0);
    expect((await undoSwap('A1', world.deps)).kind).toBe('done');
    expect(statSync(world.config).mode & 0o777).toBe(0);
    chmodSync(world.config, 0o600);
    expect(readFileSync(world.config, 'utf8')).toBe(bad);
  });

  it('takes the place of a file too large to be one, which gets a second name instead of a copy', async () => {
    const world = swapWorld();
    write(world.config, 'x'.repeat(8_388_609));
    const { ino } = statSync(world.config);
    const outcome = await swapTo(world, { 'openclaw.json': good });
    if (outcome.kind !== 'done') throw new Error(outcome.because);
    expect(outcome.kept.record.files[0]).toMatchObject({ how: 'linked', sha256: null });
    expect(statSync(outcome.kept.record.files[0]?.kept ?? '').ino).toBe(ino);
    expect(readFileSync(world.config, 'utf8')).toBe(good);
  });
});

describe('a config that is a link', () => {
  it('is replaced where it leads to, once, and stays a link', async () => {
    const world = swapWorld();
    const real = join(world.home, 'dotfiles', 'openclaw.json');
    write(real, bad, 0o644);
    symlinkSync('../middle', world.config);
    symlinkSync('dotfiles/openclaw.json', join(world.home, 'middle'));
    expect((await swapTo(world, { 'openclaw.json': good })).kind).toBe('done');
    expect(lstatSync(world.config).isSymbolicLink()).toBe(true);
    expect(readFileSync(real, 'utf8')).toBe(good);
    expect(readdirSync(join(world.home, 'dotfiles'))).toEqual(['openclaw.json']);
    expect((await undoSwap('A1', world.deps)).kind).toBe('done');
    expect(readFileSync(real, 'utf8')).toBe(bad);
  });

  it('gets its lost target again', async () => {
    const world = swapWorld();
    mkdirSync(join(world.home, 'dotfiles'));
    symlinkSync('../dotfiles/openclaw.json', world.config);
    expect((await swapTo(world, { 'openclaw.json': good })).kind).toBe('done');
    expect(readFileSync(join(world.home, 'dotfiles', 'openclaw.json'), 'utf8')).toBe(good);
  });

  it('may stand in a folder that is a link to anywhere', async () => {
    const world = swapWorld();
    const disk = join(world.root, 'disk');
    mkdirSync(disk);
    rmSync(world.folder, { recursive: true });
    symlinkSync(disk, world.folder);
    write(world.config, bad);
    expect((await swapTo(world, { 'openclaw.json': good })).kind).toBe('done');
    expect(readFileSync(join(disk, 'openclaw.json'), 'utf8')).toBe(good);
  });

  it.each([
    [
      'out of the home',
      (root: string) => write(join(root, 'etc', 'x.json'), bad),
      '../../etc/x.json',
      'outside',
    ],
    ['to a folder', (root: string) => mkdirSync(join(root, 'home', 'docs')), '../docs', 'remove the link'],
    ['to itself', () => undefined, 'openclaw.json', 'leads to itself'],
  ])('is not followed %s', async (_where, prepare, target, because) => {
    const world = swapWorld();
    prepare(world.root);
    symlinkSync(target, world.config);
    const before = tree(world.root);
    const outcome = await swapTo(world, { 'openclaw.json': good });
    expect(outcome).toEqual({ kind: 'refused', because: expect.stringContaining(because) });
    rmSync(world.deps.plans, { recursive: true });
    expect(tree(world.root)).toEqual(before);
  });

  it('is not undone once it leads somewhere else', async () => {
    const world = swapWorld();
    for (const name of ['one', 'two']) write(join(world.home, name), bad);
    symlinkSync('../one', world.config);
    await swapTo(world, { 'openclaw.json': good });
    rmSync(world.config);
    symlinkSync('../two', world.config);
    writeFileSync(join(world.home, 'two'), good);
    expect(await undoSwap('A1', world.deps)).toMatchObject({
      kind: 'refused',
      because: expect.stringContaining('leads to'),
    });
  });
});

describe('a change is refused and leaves everything as it is', () => {
  const refusal = async (
    spoil: (world: ReturnType<typeof swapWorld>) => void,
    options: { readonly signal?: AbortSignal; readonly id?: string; readonly planId?: string } = {},
  ) => {
    const world = swapWorld();
    write(world.config, bad);
    const request = await plan(world, { 'openclaw.json': good });
    spoil(world);
    const before = tree(world.folder);
    const outcome = await swapConfig({ id: 'A1', signal: never, ...request, ...options }, world.deps);
    expect(tree(world.folder)).toEqual(before);
    expect(existsSync(join(world.deps.quarantine, 'A1'))).toBe(false);
    return outcome;
  };

  it('when the config was edited since it was judged', async () => {
    const outcome = await refusal(({ config }) => writeFileSync(config, `${bad} `));
    expect(outcome).toEqual({ kind: 'refused', because: expect.stringContaining('it was changed') });
  });

  it('when the config is gone since it was judged', async () => {
    expect((await refusal(({ config }) => rmSync(config))).kind).toBe('refused');
  });

  it('while a command of OpenClaw may be writing it', async () => {
    const outcome = await refusal((world) => {
      world.processes = [{ pid: 77, ppid: 1, command: 'openclaw-doctor' }];
    });
    expect(outcome).toEqual({ kind: 'refused', because: expect.stringContaining('process 77') });
  });

  it('when its deadline has passed, which is a failure and no refusal', async () => {
    const outcome = await refusal(() => undefined, { signal: AbortSignal.abort() });
    expect(outcome).toEqual({ kind: 'failed', because: expect.stringContaining('deadline') });
  });

  it('when there is no such plan, or it was altered', async () => {
    expect((await refusal(() => undefined, { planId: 'keys-2' })).kind).toBe('refused');
    const altered = await refusal(({ deps }) => writeFileSync(join(deps.plans, 'keys-1', 'file-0'), '{}'));
    expect(altered).toEqual({ kind: 'refused', because: expect.stringContaining('altered') });
  });

  it('when its id would leave the quarantine', async () => {
    expect((await refusal(() => undefined, { id: '../A1' })).kind).toBe('failed');
  });

  it('when the plan reaches outside of the folder of the config, or is for another one', async () => {
    const world = swapWorld();
    write(world.config, bad);
    const outside = await swapTo(world, { '../other.json': good });
    expect(outside).toEqual({ kind: 'refused', because: expect.stringContaining('not in the folder') });
    const other = await swapTo(world, { 'openclaw.json': good }, { configPath: '/x/openclaw.json' });
    expect(other.kind).toBe('refused');
    const stale = await swapTo(world, { 'openclaw.json': good }, { replaces: 'f'.repeat(64) });
    expect(stale.kind).toBe('refused');
    expect(tree(world.folder)).toEqual({ 'openclaw.json': `600 ${bad}` });
  });

  it('when the file or its folder belongs to another user', async () => {
    const world = swapWorld();
    write(world.config, bad);
    const outcome = await swapTo(world, { 'openclaw.json': good }, { deps: { uid: world.deps.uid + 1 } });
    expect(outcome).toEqual({ kind: 'refused', because: expect.stringContaining('belongs to user') });
  });

  it('when two names of a plan are one file', async () => {
    const world = swapWorld();
    write(world.config, bad);
    symlinkSync('openclaw.json', join(world.folder, 'twin.json'));
    const outcome = await swapTo(world, { 'openclaw.json': good, 'twin.json': good });
    expect(outcome).toEqual({ kind: 'refused', because: expect.stringContaining('one by a link') });
  });

  it('when the folder of the config is gone', async () => {
    const world = swapWorld();
    rmSync(world.folder, { recursive: true });
    expect((await swapTo(world, { 'openclaw.json': good })).kind).toBe('refused');
    expect(existsSync(world.folder)).toBe(false);
  });

  it('while another change is being made: of two at once one is made, and nothing is mixed', async () => {
    const world = swapWorld();
    write(world.config, bad);
    const request = await plan(world, { 'openclaw.json': good });
    const both = await Promise.all(
      ['A1', 'A2'].map((id) => swapConfig({ ...request, id, signal: never }, world.deps)),
    );
    expect(both.map(({ kind }) => kind).sort()).toEqual(['done', 'refused']);
    expect(readdirSync(world.deps.quarantine)).toEqual(['A1']);
    expect(tree(world.folder)).toEqual({ 'openclaw.json': `600 ${good}` });
  });
});
