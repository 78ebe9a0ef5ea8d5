import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FixAsk } from '../../src/cli/change-words.ts';
import { runFixConfig } from '../../src/cli/fix-config.ts';
import { runUndo } from '../../src/cli/undo/undo.ts';
import { instant } from '../../src/core/time.ts';
import { openStore } from '../../src/daemon/open-store.ts';
import { systemClock } from '../../src/system/clock.ts';
import { createProcesses } from '../../src/system/process.ts';
import { run } from '../../src/system/run.ts';
import { findTool } from '../demo/tools.ts';
import { type ChangeWorld, changeWorld, nobody, oldConfig, person, secret } from './change-world.ts';

/** One key of three edits is bad; the other two are to stay. */
const broken = `{ "gateway": { "mode": "local", "port": 18791, "auth": { "token": "${secret}" } }, "logging": { "level": "refused" }, "ui": { "theme": "dark" } }`;

let world: ChangeWorld;
beforeEach(async () => {
  world = await changeWorld();
});
afterEach(() => world.remove());

const undo = (id: string) => runUndo({ id, yes: false, dryRun: false, json: false }, world.context, nobody);
const plain: FixAsk = { dryRun: false, yes: true, json: false, from: null };

/** A verified snapshot of what is in place now. */
async function snapshot(): Promise<void> {
  const clock = systemClock();
  const store = openStore({
    paths: world.context.paths,
    settings: { tools: { git: findTool('git'), ps: findTool('ps') ?? '/bin/ps' } } as never,
    run,
    clock,
    processes: createProcesses({ ps: findTool('ps') ?? '/bin/ps', run, clock }),
  });
  const recorded = await store.record(
    {
      files: [
        {
          name: 'openclaw.json',
          role: 'config',
          path: world.configPath,
          mode: 0o600,
          bytes: Buffer.from(world.live()),
        },
      ],
      openclaw: '2026.9.6',
      bootId: null,
      schemas: {},
      takenAt: instant(clock.now()),
    },
    { aside: null },
  );
  if (recorded.kind !== 'recorded') throw new Error(JSON.stringify(recorded));
  const labelled = await store.label(recorded.id, 'verified');
  if (labelled.kind === 'failed') throw new Error(labelled.because);
}

describe('fix-config', () => {
  it('has nothing to do with a config that OpenClaw accepts', async () => {
    await snapshot();
    expect(await runFixConfig(plain, world.context, nobody)).toBe(0);
    expect(world.written()).toContain('is fine');
    expect(world.live()).toBe(oldConfig);
  });

  it('leaves a config that is nested too deeply to a person', async () => {
    await snapshot();
    const deep = oldConfig.replace('{', `{ "ui": ${'['.repeat(3_000)}${']'.repeat(3_000)},`);
    world.put(deep);
    await expect(runFixConfig(plain, world.context, nobody)).rejects.toMatchObject({
      message: expect.stringMatching(/^nothing was changed: .* is nested too deeply; mend/),
    });
    expect(world.live()).toBe(deep);
  });

  it('prints the plan in a dry run: what is to blame and what changes, without a value, changing nothing', async () => {
    await snapshot();
    world.put(broken);
    expect(await runFixConfig({ ...plain, dryRun: true }, world.context, nobody)).toBe(0);
    expect(world.live()).toBe(broken);
    expect(world.written()).toContain('logging.level: Invalid option');
    expect(world.written()).toMatch(/the plan keys-[0-9a-f]{12}: /);
    expect(world.written()).not.toContain(secret);
    expect(existsSync(join(world.context.paths.state, 'plans'))).toBe(false);
  });

  it('tells the plan as one JSON object', async () => {
    await snapshot();
    world.put(broken);
    expect(await runFixConfig({ ...plain, dryRun: true, json: true }, world.context, nobody)).toBe(0);
    const told = JSON.parse(world.written());
    expect(told).toMatchObject({
      version: 1,
      outcome: 'dry-run',
      plan: { id: expect.stringMatching(/^keys-/) },
    });
    expect(world.written()).not.toContain(secret);
  });

  it('restores the one key by the watchdog, keeps the other edits, and follows the trial', async () => {
    await world.watchdog();
    await snapshot();
    world.put(broken);
    const someone = person([true]);
    expect(await runFixConfig({ ...plain, yes: false }, world.context, someone)).toBe(0);
    expect(someone.asked).toEqual(['Put it in place?']);
    expect(world.live()).toContain('18791');
    expect(world.live()).toContain('dark');
    expect(world.live()).not.toContain('refused');
    expect(world.written()).toContain('the repair T1 of the config holds');
    expect(await undo('T1')).toBe(0);
    expect(world.live()).toBe(broken);
  });

  it('does it by itself where no watchdog runs, and says how to undo it', async () => {
    await snapshot();
    world.put(broken);
    expect(await runFixConfig(plain, world.context, nobody)).toBe(0);
    expect(world.live()).not.toContain('refused');
    expect(world.written()).toMatch(/the watchdog does not run.*undo with "immune undo T1"\n$/);
    expect(await undo('T1')).toBe(0);
    expect(world.live()).toBe(broken);
  });

  it('changes nothing without a yes', async () => {
    await snapshot();
    world.put(broken);
    const unasked = runFixConfig({ ...plain, yes: false }, world.context, nobody);
    await expect(unasked).rejects.toMatchObject({ code: 'no-consent', exitCode: 4 });
    expect(world.live()).toBe(broken);
  });
});

describe('fix-config without a verified snapshot', () => {
  it("names one of OpenClaw's own copies that OpenClaw accepts, and uses it unattended never", async () => {
    world.put(broken);
    writeFileSync(`${world.configPath}.last-good`, broken.replace('dark', 'light'));
    writeFileSync(`${world.configPath}.bak`, oldConfig);
    await expect(runFixConfig(plain, world.context, nobody)).rejects.toMatchObject({
      code: 'unavailable',
      exitCode: 3,
      hint: `immune fix-config --from ${world.configPath}.bak`,
    });
    expect(world.live()).toBe(broken);
  });

  it('offers it to a person, shows what it changes and asks, whatever --yes says', async () => {
    world.put(broken);
    writeFileSync(`${world.configPath}.bak`, oldConfig);
    const someone = person([true, true]);
    expect(await runFixConfig(plain, world.context, someone)).toBe(0);
    expect(someone.asked).toEqual(['Look at what it would change?', 'Put it in place?']);
    expect(world.live()).toBe(oldConfig);
    expect(world.written()).toContain('ui was removed');
  });

  it('takes the file that is named, once OpenClaw accepts it', async () => {
    world.put(broken);
    writeFileSync(`${world.configPath}.bak`, oldConfig);
    const from = `${world.configPath}.bak`;
    const bad = world.file('bad.json', broken);
    await expect(runFixConfig({ ...plain, from: bad }, world.context, nobody)).rejects.toMatchObject({
      code: 'invalid',
      exitCode: 4,
    });
    expect(await runFixConfig({ ...plain, from }, world.context, nobody)).toBe(0);
    expect(world.live()).toBe(oldConfig);
    expect(await runFixConfig({ ...plain, from }, world.context, nobody)).toBe(0);
    expect(world.written()).toMatch(/nothing to do\n$/);
  });

  it('says what to do by hand where there is nothing at all', async () => {
    world.put(broken);
    await expect(runFixConfig(plain, world.context, nobody)).rejects.toMatchObject({
      hint: `mend ${world.configPath} by hand`,
    });
  });
});
