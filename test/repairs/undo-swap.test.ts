import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { finishSwap, undoSwap } from '../../src/repairs/config-swap.ts';
import { readKept } from '../../src/vault/kept.ts';
import { readPlan } from '../../src/vault/plans.ts';
import { bad, good, swapTo, swapWorld, tree, write } from './swap-world.ts';

describe('a change that is taken back', () => {
  it('puts back every byte and mode, keeps what it replaced, and can be taken back in turn', async () => {
    const world = swapWorld();
    write(world.config, '{ $include: "a.json5" }', 0o640);
    chmodSync(world.config, 0o640);
    write(join(world.folder, 'a.json5'), bad, 0o604);
    chmodSync(join(world.folder, 'a.json5'), 0o604);
    const before = tree(world.folder);
    await swapTo(world, { 'openclaw.json': good, 'a.json5': '{}', 'new.json5': '{}' }, { mode: 0o600 });
    const after = tree(world.folder);
    expect((await undoSwap('A1', world.deps)).kind).toBe('done');
    expect(tree(world.folder)).toEqual(before);
    expect(await readKept(world.deps.quarantine, 'A1')).toMatchObject({ record: { state: 'undone' } });
    expect(await undoSwap('A1', world.deps)).toEqual({
      kind: 'refused',
      because: expect.stringContaining('already undone'),
    });
    expect((await undoSwap('A1.undo', world.deps)).kind).toBe('done');
    expect(tree(world.folder)).toEqual(after);
  });

  it('tells in its record for what it was taken back, and again for what that was', async () => {
    const world = swapWorld();
    write(world.config, bad);
    await swapTo(world, { 'openclaw.json': good });
    await undoSwap('A1', world.deps, { why: 'asked' });
    const of = async (id: string) => {
      const read = await readKept(world.deps.quarantine, id);
      return read.kind === 'read' ? read.record : null;
    };
    expect(await of('A1')).toMatchObject({ state: 'undone', undoneFor: 'asked' });
    expect(await of('A1.undo')).toMatchObject({ state: 'made', undoes: 'A1', undoesFor: 'asked' });
    await undoSwap('A1.undo', world.deps);
    expect(await of('A1.undo')).toMatchObject({
      state: 'undone',
      undoesFor: 'asked',
      undoneFor: 'unhelpful',
    });
    expect(await of('A1.undo.undo')).toMatchObject({ state: 'made', undoesFor: 'unhelpful' });
    expect(await of('A1')).toMatchObject({ undoneFor: 'asked' });
  });

  it('puts back a folder with all that is in it', async () => {
    const world = swapWorld();
    write(join(world.config, 'mine.txt'), 'mine');
    const before = tree(world.folder);
    await swapTo(world, { 'openclaw.json': good });
    const outcome = await undoSwap('A1', world.deps);
    if (outcome.kind !== 'done') throw new Error(outcome.because);
    expect(tree(world.folder)).toEqual(before);
    expect(readFileSync(outcome.kept.record.files[0]?.kept ?? '', 'utf8')).toBe(good);
    expect((await undoSwap('A1.undo', world.deps)).kind).toBe('done');
    expect(readFileSync(world.config, 'utf8')).toBe(good);
  });

  it('puts back a file nobody can read', async () => {
    const world = swapWorld();
    write(world.config, 'x'.repeat(8_388_609), 0o600);
    chmodSync(world.config, 0o200);
    const { ino } = statSync(world.config);
    await swapTo(world, { 'openclaw.json': good });
    expect((await undoSwap('A1', world.deps)).kind).toBe('done');
    expect(statSync(world.config)).toMatchObject({ ino, size: 8_388_609 });
    expect(statSync(world.config).mode & 0o777).toBe(0o200);
  });

  it('is not taken back when there was nothing before', async () => {
    const world = swapWorld();
    await swapTo(world, { 'openclaw.json': good });
    expect(await undoSwap('A1', world.deps)).toEqual({
      kind: 'failed',
      because: expect.stringContaining('there was no file before'),
    });
    expect(readFileSync(world.config, 'utf8')).toBe(good);
  });

  it('is not taken back over an edit made since', async () => {
    const world = swapWorld();
    write(world.config, bad);
    await swapTo(world, { 'openclaw.json': good });
    writeFileSync(world.config, `${good}// mine\n`);
    expect(await undoSwap('A1', world.deps)).toEqual({
      kind: 'refused',
      because: expect.stringContaining('changed after'),
    });
    expect(readFileSync(world.config, 'utf8')).toContain('// mine');
  });

  it('is not taken back while OpenClaw writes, past the deadline, or from a kept file that was altered', async () => {
    const world = swapWorld();
    write(world.config, bad);
    await swapTo(world, { 'openclaw.json': good });
    world.processes = [{ pid: 77, ppid: 1, command: 'openclaw-configure' }];
    expect((await undoSwap('A1', world.deps)).kind).toBe('refused');
    world.processes = [];
    expect((await undoSwap('A1', world.deps, { signal: AbortSignal.abort() })).kind).toBe('failed');
    writeFileSync(join(world.deps.quarantine, 'A1', '0-openclaw.json'), 'altered');
    expect((await undoSwap('A1', world.deps)).kind).toBe('refused');
    expect(readFileSync(world.config, 'utf8')).toBe(good);
    expect((await undoSwap('A7', world.deps)).kind).toBe('refused');
  });

  it('is the newest of its name when the counter of actions began anew', async () => {
    const world = swapWorld();
    write(world.config, bad);
    await swapTo(world, { 'openclaw.json': good });
    await swapTo(world, { 'openclaw.json': `${good}// two` });
    expect(readdirSync(world.deps.quarantine).sort()).toEqual(['A1', 'A1~2']);
    expect((await undoSwap('A1', world.deps)).kind).toBe('done');
    expect(readFileSync(world.config, 'utf8')).toBe(good);
  });
});

describe('a change that was interrupted', () => {
  it('finds nothing to finish where there is nothing', async () => {
    const world = swapWorld();
    expect(await finishSwap(world.deps)).toEqual([]);
    write(world.config, bad);
    await swapTo(world, { 'openclaw.json': good });
    expect(await finishSwap(world.deps)).toEqual([]);
    expect((await readPlan(world.deps.plans, 'keys-1')).kind).toBe('read');
  });
});
