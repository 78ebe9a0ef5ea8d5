import { spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runApply } from '../../src/cli/apply.ts';
import type { UndoAsk } from '../../src/cli/change-words.ts';
import type { Terminal } from '../../src/cli/terminal.ts';
import { renderUndoable } from '../../src/cli/undo/render.ts';
import { runUndo } from '../../src/cli/undo/undo.ts';
import { listUndoable } from '../../src/cli/undo/undoable.ts';
import { instant } from '../../src/core/time.ts';
import { writeStatus } from '../../src/daemon/status-file.ts';
import { acquireLease } from '../../src/system/lease.ts';
import { createProcesses } from '../../src/system/process.ts';
import { run } from '../../src/system/run.ts';
import { type RepairRecord, writeRepair } from '../../src/vault/repair-records.ts';
import { findTool } from '../demo/tools.ts';
import type { SmallWatchdog } from '../fakes/small-watchdog.ts';
import { type ChangeWorld, changeWorld, nobody, oldConfig, person, secret } from './change-world.ts';
import { statusFile } from './status-facts.ts';

const withPort = (port: number): string =>
  `{ "gateway": { "mode": "local", "port": ${port}, "auth": { "token": "${secret}" } } }`;

let world: ChangeWorld;
let watchdog: SmallWatchdog;
beforeEach(async () => {
  world = await changeWorld();
  watchdog = await world.watchdog();
});
afterEach(() => world.remove());

const ask = (change: Partial<UndoAsk> = {}): UndoAsk => ({
  id: null,
  yes: false,
  dryRun: false,
  json: false,
  ...change,
});

async function undo(change: Partial<UndoAsk> = {}, terminal: Terminal = nobody): Promise<string> {
  const before = world.written().length;
  const code = await runUndo(ask(change), world.context, terminal);
  return `${code} ${world.written().slice(before)}`;
}

const apply = async (port: number): Promise<void> => {
  const how = { confirmWithinMs: null, restart: false, dryRun: false, yes: true, json: false };
  const file = world.file(`new-${port}.json`, withPort(port));
  expect(await runApply({ file, ...how }, world.context, nobody)).toBe(0);
};

/** From now on a command does it by itself. */
const withoutWatchdog = async (): Promise<void> => {
  await watchdog.stop();
  await writeStatus(world.context.paths.state, statusFile({}, { pid: 0 }));
};

describe('undo without an id', () => {
  it('says that there is nothing, in words and as one object, and that is no failure', async () => {
    expect(await undo()).toBe('0 there is nothing to undo: no change and no repair is kept\n');
    expect(await undo({ yes: true })).toMatch(/^0 there is nothing to undo/);
    expect(JSON.parse((await undo({ json: true })).slice(2))).toEqual({
      version: 1,
      outcome: 'nothing',
      because: 'there is nothing to undo: no change and no repair is kept',
      next: null,
      exitCode: 0,
      id: null,
      undo: null,
      plan: [],
      changes: [],
    });
  });

  it('lists what was done, newest first, by whom and whether it can be undone, and asks nobody where nobody is', async () => {
    await apply(18791);
    await apply(18792);
    const listed = await undo();
    const lines = listed.slice(2).trimEnd().split('\n');
    expect(lines[0]).toMatch(/^T2 .* config {2}can be undone {2}immune apply: gateway\.port was changed$/);
    expect(lines[1]).toMatch(
      /^T1 .* config {2}changed since {2}an operator, by immune apply or edit: gateway/,
    );
    expect(lines[2]).toContain('immune undo T2');
    expect(world.live()).toBe(withPort(18792));
    expect(JSON.parse((await undo({ json: true })).slice(2))).toMatchObject({
      outcome: 'listed',
      changes: [
        { id: 'T2', what: 'config', standing: 'in-place' },
        { id: 'T1', standing: 'changed-since' },
      ],
    });
    expect(world.written()).not.toContain(secret);
  });

  it('asks a person for the newest, and changes nothing without a yes', async () => {
    await apply(18791);
    const no = person([false]);
    await expect(runUndo(ask(), world.context, no)).rejects.toMatchObject({ code: 'declined', exitCode: 4 });
    expect(no.asked[0]).toMatch(/^Undo T1 of \d{4}-.*, by immune apply\?$/);
    expect(world.live()).toBe(withPort(18791));
    expect(await undo({}, person([true]))).toContain('the change T1 was taken back');
    expect(world.live()).toBe(oldConfig);
  });

  it('with --yes takes the newest once: typed again it takes nothing more, and names what could be', async () => {
    await apply(18791);
    await apply(18792);
    expect(await undo({ yes: true })).toMatch(/^0 .*taken back.*\nundo this with "immune undo T2\.undo"\n$/);
    expect(world.live()).toBe(withPort(18791));
    const again = 'T2 was undone already: nothing to do; the newest that can be undone: immune undo T1';
    expect(await undo({ yes: true })).toBe(`0 ${again}\n`);
    expect(world.live()).toBe(withPort(18791));
    // A person sees which one it is.
    const someone = person([true]);
    expect(await undo({}, someone)).toContain('the change T1 was taken back');
    expect(someone.asked[0]).toMatch(/^Undo T1 of/);
    expect(world.live()).toBe(oldConfig);
  });

  it('shows with --dry-run what would be put back, by key and without a value', async () => {
    await apply(18791);
    const shown = await undo({ dryRun: true });
    expect(shown).toMatch(/^0 T1 of .*, by immune apply\n {2}.*openclaw\.json: put back from .*quarantine/);
    expect(shown).toMatch(/\n {4}gateway\.port was changed\nnothing was changed\n$/);
    expect(shown).not.toContain('18789');
    expect(JSON.parse((await undo({ dryRun: true, json: true })).slice(2))).toMatchObject({
      outcome: 'dry-run',
      id: 'T1',
      plan: [expect.stringContaining('put back from'), '  gateway.port was changed'],
    });
    expect(world.live()).toBe(withPort(18791));
  });
});

describe('undo of one', () => {
  it('is done once: the second time says so and ends with 0, with and without the watchdog', async () => {
    await apply(18791);
    expect(await undo({ id: 'T1' })).toMatch(/^0 .*the change T1 was taken back/);
    expect(await undo({ id: 'T1' })).toBe('0 T1 was undone already: nothing to do\n');
    expect(await undo({ id: 'T1', dryRun: true })).toBe('0 T1 was undone already: nothing to do\n');
    await withoutWatchdog();
    expect(await undo({ id: 'T1' })).toBe('0 T1 was undone already: nothing to do\n');
    expect(world.live()).toBe(oldConfig);
  });

  it('can be undone itself, to and fro', async () => {
    await apply(18791);
    await withoutWatchdog();
    expect(await undo({ id: 'T1', json: true })).toContain('"undo": "T1.undo"');
    expect(await undo({ id: 'T1.undo' })).toContain('"immune restart" starts it');
    expect(world.live()).toBe(withPort(18791));
    expect(await undo({ id: 'T1.undo.undo' })).toMatch(/^0 /);
    expect(world.live()).toBe(oldConfig);
    const ids = (await listUndoable(world.context)).map(({ id, standing }) => `${id} ${standing}`);
    expect(ids).toContain('T1.undo.undo undone');
  });

  it('is refused where something lies on top, with the command that takes that away first', async () => {
    await apply(18791);
    await apply(18792);
    for (const dryRun of [true, false])
      await expect(runUndo(ask({ id: 'T1', dryRun }), world.context, nobody)).rejects.toMatchObject({
        exitCode: 4,
        hint: 'immune undo T2',
      });
    world.put(withPort(18799));
    const refused = runUndo(ask({ id: 'T2' }), world.context, nobody);
    await expect(refused).rejects.toMatchObject({
      message: expect.stringContaining('was changed after the change T2'),
      hint: expect.stringMatching(/^immune apply --dry-run '.*Application Support.*\/T2\/0-openclaw\.json'$/),
    });
    expect(world.live()).toBe(withPort(18799));
  });

  it('refuses with --json in one object too', async () => {
    const refused = await undo({ id: 'T77', json: true });
    expect(JSON.parse(refused.slice(2))).toEqual({
      version: 1,
      outcome: 'refused',
      because: 'nothing is kept of a change named T77',
      next: 'immune undo',
      exitCode: 4,
      id: 'T77',
      undo: null,
      plan: [],
      changes: [],
    });
    expect(refused).toMatch(/^4 /);
  });

  it('of something that nobody knows names the list', async () => {
    for (const dryRun of [true, false])
      await expect(runUndo(ask({ id: 'T77', dryRun }), world.context, nobody)).rejects.toMatchObject({
        message: expect.stringContaining('nothing is kept of a change named T77'),
        hint: 'immune undo',
        exitCode: 4,
      });
  });

  it('names who holds the lease and what to type then, and leaves with 5', async () => {
    await apply(18791);
    await withoutWatchdog();
    const { paths, clock } = world.context;
    const { own, isAlive } = createProcesses({ ps: findTool('ps') ?? '/bin/ps', run, clock });
    const lease = await acquireLease(paths.lease, { role: 'fix-config' }, { now: clock.now, own, isAlive });
    if (lease.kind !== 'held') throw new Error(lease.kind);
    await expect(runUndo(ask({ id: 'T1' }), world.context, nobody)).rejects.toMatchObject({
      message: expect.stringMatching(
        new RegExp(
          `nothing was changed: process ${process.pid} \\(fix-config\\) is at work since .*"immune fix-config"`,
        ),
      ),
      hint: `immune undo T1, once process ${process.pid} has ended`,
      exitCode: 5,
    });
    expect(world.live()).toBe(withPort(18791));
    await lease.release();
    expect(await undo({ id: 'T1' })).toMatch(/^0 /);
  });

  it('by two at the same time is made once, and both may go on', async () => {
    await apply(18791);
    await withoutWatchdog();
    const both = await Promise.allSettled([undo({ id: 'T1' }), undo({ id: 'T1' })]);
    const codes = both.map((one) => (one.status === 'fulfilled' ? 0 : one.reason.exitCode));
    expect(codes).toContain(0);
    expect([0, 5]).toContain(codes.find((code) => code !== 0) ?? 0);
    expect(world.live()).toBe(oldConfig);
    const kept = (await listUndoable(world.context)).map(({ id }) => id);
    expect(kept.toSorted()).toEqual(['T1', 'T1.undo']);
  });
});

describe('the list of what can be undone', () => {
  const repair = (change: Partial<RepairRecord>): RepairRecord => ({
    version: 1,
    id: 'A7',
    incident: 'I3',
    at: instant(1_000),
    planId: 'plan',
    planKind: 'packages',
    openclaw: '2026.9.6',
    archive: null,
    trees: [],
    units: [],
    moves: [],
    files: 0,
    state: 'made',
    undoneFor: null,
    because: 'restored node_modules/ws',
    ...change,
  });
  const keep = async (name: string, record: RepairRecord): Promise<void> => {
    const folder = join(world.context.paths.quarantine, name);
    mkdirSync(folder, { recursive: true });
    await writeRepair({ folder, record }, undefined);
  };

  it('holds repairs of the package too, the newest of each id, and none that failed', async () => {
    await keep('A7', repair({ at: instant(9_000_000_000_000), because: 'of a journal that was lost' }));
    await keep('A7~2', repair({ at: instant(2_000) }));
    await keep('P3', repair({ id: 'P3', incident: null, at: instant(3_000), state: 'undone' }));
    await keep('P4', repair({ id: 'P4', incident: null, state: 'failed' }));
    await keep('P5', repair({ id: 'P5', incident: null, state: 'undoing', at: instant(1) }));
    const listed = await listUndoable(world.context);
    expect(listed.map(({ id, by, did, standing }) => [id, by, did, standing])).toEqual([
      ['P3', 'an operator, by immune fix-deps', 'restored node_modules/ws', 'undone'],
      ['A7', 'the watchdog, in incident I3', 'restored node_modules/ws', 'in-place'],
      ['P5', 'an operator, by immune fix-deps', 'restored node_modules/ws', 'unfinished'],
    ]);
  });

  it('leaves out what cannot be read, and lets the rest be', async () => {
    await apply(18791);
    const { quarantine } = world.context.paths;
    mkdirSync(join(quarantine, 'T9'));
    writeFileSync(join(quarantine, 'T9', 'kept.json'), '{ torn');
    mkdirSync(join(quarantine, 'lifeboat-1'));
    expect((await listUndoable(world.context)).map(({ id }) => id)).toEqual(['T1']);
    expect(readFileSync(join(quarantine, 'T9', 'kept.json'), 'utf8')).toBe('{ torn');
  });

  it('shows no terminal sequence that a damaged record may hold', async () => {
    await apply(18791);
    const [entry] = await listUndoable(world.context);
    if (entry === undefined) throw new Error('nothing is kept');
    const text = renderUndoable([{ ...entry, did: 'gateway\u001b[2J.port was changed' }]);
    expect(text).toContain('gateway.port was changed');
    expect(text).not.toContain('\u001b');
  });
});

describe('what the lifeboat replaced', () => {
  const id = 'lifeboat-20261122T033000Z-812';
  const lifeboat = fileURLToPath(new URL('../../launchd/lifeboat.sh', import.meta.url));
  const asLifeboat = (config = oldConfig): void => {
    const { paths } = world.context;
    const folder = join(paths.quarantine, id);
    mkdirSync(folder, { recursive: true });
    mkdirSync(paths.bin, { recursive: true });
    copyFileSync(lifeboat, join(paths.bin, 'lifeboat.sh'));
    const facts = [`uid=${process.getuid?.() ?? 0}`, `data=${paths.data}`, `config=${world.configPath}`];
    writeFileSync(join(paths.bin, 'lifeboat.conf'), `${facts.join('\n')}\n`, { mode: 0o600 });
    writeFileSync(join(folder, 'what'), 'config\n');
    writeFileSync(join(folder, '1.path'), `${world.configPath}\n`);
    writeFileSync(join(folder, '1.was'), config, { mode: 0o600 });
    writeFileSync(join(folder, '1.put'), withPort(18791), { mode: 0o600 });
    world.put(withPort(18791));
  };

  it('is listed with the rest, shown, and put back by the lifeboat itself, once', async () => {
    await withoutWatchdog();
    asLifeboat();
    expect(await undo()).toMatch(
      /^0 lifeboat-20261122T033000Z-812 {2}.* config {2}can be undone {2}an operator, by the lifeboat: put a kept config/,
    );
    const shown = await undo({ id, dryRun: true });
    expect(shown).toMatch(/openclaw\.json: put back from .*\/1\.was\n {4}gateway\.port was changed\n/);
    expect(await undo({ id })).toMatch(/^0 lifeboat-20261122T033000Z-812 is undone/);
    expect(world.live()).toBe(oldConfig);
    expect(await undo({ id })).toBe(`0 ${id} was undone already: nothing to do\n`);
    expect(await undo({ yes: true })).toMatch(/^0 lifeboat-.* was undone already/);
    expect((await listUndoable(world.context)).map(({ isUndo, standing }) => [isUndo, standing])).toEqual([
      [true, 'in-place'],
      [false, 'undone'],
    ]);
  });

  it('is not touched where somebody has changed the file since', async () => {
    await withoutWatchdog();
    asLifeboat();
    world.put(withPort(18799));
    await expect(runUndo(ask({ id }), world.context, nobody)).rejects.toMatchObject({
      message: expect.stringContaining('changed since'),
      exitCode: 4,
    });
    expect(world.live()).toBe(withPort(18799));
  });

  it('is not put back beside a watchdog: the next command goes through it', async () => {
    await withoutWatchdog();
    asLifeboat();
    const { paths, clock } = world.context;
    // The lifeboat knows a process of ours by its words.
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)', 'immune.mjs']);
    const pid = child.pid ?? 0;
    const own = async () => ({ pid, startedAt: clock.now(), startKey: null });
    const isAlive = async () => 'alive' as const;
    const lease = await acquireLease(paths.lease, { role: 'daemon' }, { now: clock.now, own, isAlive });
    expect(lease.kind).toBe('held');
    await expect(runUndo(ask({ id }), world.context, nobody)).rejects.toMatchObject({
      message: expect.stringContaining(`process ${pid} (daemon)`),
      hint: expect.stringMatching(/^immune apply --dry-run '.*1\.was'$/),
      exitCode: 5,
    });
    expect(world.live()).toBe(withPort(18791));
    child.kill('SIGKILL');
  });

  it('needs a lifeboat that answers', async () => {
    await withoutWatchdog();
    asLifeboat();
    writeFileSync(join(world.context.paths.bin, 'lifeboat.sh'), 'echo torn');
    await expect(runUndo(ask({ id }), world.context, nobody)).rejects.toMatchObject({
      hint: './install.sh',
      exitCode: 3,
    });
    expect(world.live()).toBe(withPort(18791));
  });
});
