import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createConfigRepairs } from '../../src/repairs/rollback.ts';
import { listKept } from '../../src/vault/kept.ts';
import { bad, good, never, plan, swapWorld, write } from './swap-world.ts';

function repairs(
  world: ReturnType<typeof swapWorld>,
  labels: string[] = [],
  { works = true, blamed = true } = {},
) {
  return createConfigRepairs({
    swap: () => world.deps,
    incident: () => 'I7',
    isConfigBlamed: () => blamed,
    label: async (snapshot, label) => {
      labels.push(`${label} ${snapshot}`);
      return works ? { kind: 'done' } : { kind: 'failed', because: 'the repository is gone' };
    },
  });
}

const step = (remedy: string, replaces: string | null) => ({ kind: 'rollback', remedy, replaces }) as const;
const undo = { kind: 'undo', of: 'A7', what: 'rollback' } as const;

describe('the rollback of the ladder', () => {
  it('puts the plan in place and tells what changed, where the old file is, and how to go back', async () => {
    const world = swapWorld();
    write(world.config, bad);
    const changes = ['restored gateway.port', 'removed bogus', 'c', 'd', 'e', 'f', 'g'];
    const { planId, replaces } = await plan(world, { 'openclaw.json': good }, { changes });
    const outcome = await repairs(world).rollback(step(planId, replaces), 'A7', never);
    expect(readFileSync(world.config, 'utf8')).toBe(good);
    expect(outcome).toEqual({
      kind: 'done',
      because:
        `single keys were restored from snapshot ${'c'.repeat(12)}: restored gateway.port; removed bogus; c; d; e and 2 more; ` +
        `what it replaced is kept in ${join(world.deps.quarantine, 'A7')}; undo with "immune undo A7"`,
    });
    expect((await listKept(world.deps.quarantine))[0]?.record.incident).toBe('I7');
  });

  it('offers no undo where there was no file', async () => {
    const world = swapWorld();
    const { planId } = await plan(world, { 'openclaw.json': good }, { kind: 'snapshot', changes: [] });
    const outcome = await repairs(world).rollback(step(planId, null), 'A7', never);
    expect(outcome).toEqual({
      kind: 'done',
      because: `the whole config was restored from snapshot ${'c'.repeat(12)}; there was no file to replace`,
    });
    expect((await repairs(world).undo(undo, never)).kind).toBe('failed');
    expect(readFileSync(world.config, 'utf8')).toBe(good);
  });

  it('refuses when the config is not the one it was decided for', async () => {
    const world = swapWorld();
    write(world.config, bad);
    const { planId } = await plan(world, { 'openclaw.json': good });
    expect((await repairs(world).rollback(step(planId, 'd'.repeat(64)), 'A7', never)).kind).toBe('refused');
    rmSync(world.config);
    expect((await repairs(world).rollback(step(planId, null), 'A7', never)).kind).toBe('refused');
  });

  it('fails without a change when its deadline has passed', async () => {
    const world = swapWorld();
    write(world.config, bad);
    const { planId, replaces } = await plan(world, { 'openclaw.json': good });
    const outcome = await repairs(world).rollback(step(planId, replaces), 'A7', AbortSignal.abort());
    expect(outcome.kind).toBe('failed');
    expect(readFileSync(world.config, 'utf8')).toBe(bad);
  });
});

describe('the undo of a rollback that did not help', () => {
  it.each([
    ['marks the snapshot bad when it was restored whole', 'snapshot', {}, ['bad cccc'], 'is marked bad'],
    ['says nothing of the snapshot when single keys came from it', 'keys', {}, [], 'which did not help'],
    ['says nothing of it when the package is gone', 'snapshot', { blamed: false }, [], 'which did not help'],
    ['says so when the mark cannot be set', 'snapshot', { works: false }, ['bad cccc'], 'repository is gone'],
  ] as const)('%s', async (_what, kind, how, marks, told) => {
    const world = swapWorld();
    write(world.config, bad, 0o640);
    const labels: string[] = [];
    const hands = repairs(world, labels, how);
    const { planId, replaces } = await plan(world, { 'openclaw.json': good }, { kind });
    await hands.rollback(step(planId, replaces), 'A7', never);
    const outcome = await hands.undo(undo, never);
    expect(outcome).toEqual({ kind: 'done', because: expect.stringContaining(told) });
    expect(readFileSync(world.config, 'utf8')).toBe(bad);
    expect(labels.map((label) => label.slice(0, 8))).toEqual(marks);
    expect((await listKept(world.deps.quarantine)).find(({ record }) => record.id === 'A7')).toMatchObject({
      record: { state: 'undone', undoneFor: 'unhelpful' },
    });
    expect((await hands.undo(undo, never)).kind).toBe('refused');
    expect(labels.length).toBe(marks.length);
  });

  it('is not there for a reinstall', async () => {
    const outcome = await repairs(swapWorld()).undo({ kind: 'undo', of: 'A7', what: 'reinstall' }, never);
    expect(outcome).toEqual({ kind: 'refused', because: expect.stringContaining('not available') });
  });
});
