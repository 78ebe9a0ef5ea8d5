import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NuclearAsk } from '../../src/cli/change-words.ts';
import { runNuclear } from '../../src/cli/nuclear/parts.ts';
import { runUndo } from '../../src/cli/undo/undo.ts';
import { nobody } from './change-world.ts';
import { type OperatorWorld, operatorWorld } from './operator-world.ts';

const ask: NuclearAsk = { dryRun: false, yes: true, json: false, force: false, network: false };

/** The real steps over the practice gateway: a config with a verified snapshot, an orphan, a job that is not loaded. */
describe('nuclear, all of it', { timeout: 120_000 }, () => {
  let world: OperatorWorld;
  beforeEach(async () => {
    world = await operatorWorld();
  });
  afterEach(() => world.remove());

  const nuclear = (more: Partial<NuclearAsk> = {}): Promise<number> =>
    runNuclear({ ...ask, ...more }, world.context, nobody);

  /** A watchdog has seen it serve for long enough to call its config verified. */
  const proven = async (): Promise<{ readonly stop: () => Promise<void> }> => {
    // ps tells whole seconds, rounded down: what was written right before the start counts as younger.
    const { ctimeMs } = statSync(world.configPath);
    while (Date.now() < ctimeMs + 2_500) await sleep(30);
    await world.load();
    const watchdog = await world.watchdog();
    for (let n = 0; n < 500 && (await watchdog.status()).snapshots?.verifiedAt == null; n += 1)
      await sleep(30);
    return watchdog;
  };
  /** This very process has written the heartbeat, and goes on. */
  const forget = (): void => {
    const file = join(world.context.paths.state, 'status.json');
    writeFileSync(file, readFileSync(file, 'utf8').replace(`"pid":${process.pid},`, '"pid":999999999,'));
  };

  it('brings back a gateway with a torn config and an unloaded job, once, and tells how to undo it', async () => {
    const watchdog = await proven();
    await watchdog.stop();
    forget();
    const config = readFileSync(world.configPath, 'utf8');
    await world.unload();
    await world.silent();
    writeFileSync(world.configPath, '{ "gateway": {');
    world.said();

    expect(await nuclear({ dryRun: true, yes: false })).toBe(0);
    const plan = world.said();
    expect(plan).toContain('config: to do: OpenClaw does not accept it');
    expect(plan).toContain('gateway: to do');
    expect(readFileSync(world.configPath, 'utf8')).toBe('{ "gateway": {');
    const before = world.journal().length;

    expect(await nuclear()).toBe(0);
    expect(await world.answers()).toBe(true);
    const said = world.said();
    expect(said).toMatch(
      /the gateway serves again \(config rolled back, started\); undo: immune undo T\d+\n$/,
    );
    expect(JSON.parse(readFileSync(world.configPath, 'utf8'))).toEqual(JSON.parse(config));
    expect(world.journal().length).toBeGreaterThan(before);

    const after = world.journal().length;
    const kept = readdirSync(world.context.paths.quarantine);
    expect(await nuclear()).toBe(0);
    expect(world.said()).toContain('nothing to do: the gateway serves');
    expect(world.journal()).toHaveLength(after);
    expect(readdirSync(world.context.paths.quarantine)).toEqual(kept);

    // The change is still on trial, with nobody to judge it: that keeps nobody from the next repair.
    writeFileSync(world.configPath, '');
    expect(await nuclear()).toBe(0);
    const again = world.said();
    expect(again).toContain('(config rolled back');
    expect(JSON.parse(readFileSync(world.configPath, 'utf8'))).toEqual(JSON.parse(config));

    const id = /immune undo (T\d+)/.exec(again)?.[1] ?? '';
    expect(id).not.toBe(/immune undo (T\d+)/.exec(said)?.[1]);
    await runUndo({ id, dryRun: false, yes: true, json: false }, world.context, nobody);
    expect(readFileSync(world.configPath, 'utf8')).toBe('');
  });

  it('has a living watchdog do it, and waits for what that has begun by itself', async () => {
    await proven();
    writeFileSync(world.configPath, '{ "gateway": {');
    await world.crash();
    expect(await nuclear()).toBe(0);
    expect(await world.answers()).toBe(true);
    // One writer of the journal: the watchdog.
    expect(world.journal().filter(({ kind }) => kind === 'started')).toHaveLength(1);
  });
});
