import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NuclearAsk, RestartAsk } from '../../src/cli/change-words.ts';
import { nuclear } from '../../src/cli/nuclear/nuclear.ts';
import { runNuclear } from '../../src/cli/nuclear/parts.ts';
import { type Found, portStep, type Step, type StepName } from '../../src/cli/nuclear/steps.ts';
import type { PortHolder, PortView } from '../../src/cli/port/look.ts';
import { runRestart } from '../../src/cli/restart.ts';
import { restartParts } from '../../src/cli/restart-parts.ts';
import type { Answer } from '../../src/daemon/commands.ts';
import { readLease } from '../../src/system/lease.ts';
import { createProcesses } from '../../src/system/process.ts';
import { run } from '../../src/system/run.ts';
import { findTool } from '../demo/tools.ts';
import { nobody, person } from './change-world.ts';
import { type OperatorWorld, operatorWorld } from './operator-world.ts';

const ask: NuclearAsk = { dryRun: false, yes: true, json: false, force: false, network: false };
const clean: Found = { kind: 'clean', because: 'whole' };
const unknown: Found = { kind: 'unknown', because: 'the disk does not answer' };
const names: readonly StepName[] = ['package', 'config', 'port', 'gateway'];

const due = (did: string, carry: () => Promise<Answer>): Found => ({
  kind: 'due',
  because: `${did} is due`,
  plan: [`  the plan of ${did}`],
  did,
  carry,
});

/** What may change between the plan, the yes of a person, and each step. */
describe('nuclear, when things change under it', { timeout: 120_000 }, () => {
  let world: OperatorWorld;
  beforeEach(async () => {
    world = await operatorWorld();
  });
  afterEach(() => world.remove());

  const staged = (looks: Partial<Record<StepName, readonly Found[]>>): readonly Step[] =>
    names.map((name): Step => {
      const mine = [...(looks[name] ?? [clean])];
      return {
        name,
        looking: 'looking',
        doing: 'doing',
        look: async () => (mine.length > 1 ? mine.shift() : mine[0]) ?? clean,
      };
    });

  const restart = (how: Partial<RestartAsk> = {}): Promise<number> => {
    const ask = { dryRun: false, yes: true, json: false, force: false, ...how };
    return runRestart(ask, restartParts(world.context, nobody));
  };

  it('never takes for done what failed and cannot be told afterwards', async () => {
    const fails = async (): Promise<Answer> => ({ ok: false, why: 'failed', text: 'the disk is full' });
    const steps = staged({ package: [due('package restored', fails), unknown] });
    const on = { context: world.context, terminal: nobody, steps };
    await expect(nuclear(ask, on)).rejects.toMatchObject({
      exitCode: 3,
      message: 'package: the disk is full',
    });
    expect(world.said()).not.toContain('package restored)');
  });

  it('says that nothing had to be done where somebody else did all of it', async () => {
    const late = async (): Promise<Answer> => ({ ok: false, text: 'nothing was changed: it is whole' });
    const steps = staged({ package: [due('package restored', late), clean] });
    expect(await nuclear(ask, { context: world.context, terminal: nobody, steps })).toBe(0);
    expect(world.said()).not.toContain('()');
  });

  it('leaves a gateway alone that has begun to serve while the person was reading the plan', async () => {
    await world.load();
    await world.serves();
    await world.unload();
    await world.silent();
    let pid = 0;
    const terminal = {
      ...person([]),
      ask: async () => {
        await world.load();
        await world.serves();
        pid = await world.pid();
        return true;
      },
    };
    expect(await runNuclear({ ...ask, yes: false }, world.context, terminal)).toBe(0);
    expect(await world.pid()).toBe(pid);
    expect(world.journal().filter(({ kind }) => kind === 'intent')).toEqual([]);
  });

  it('ends no gateway started by hand that nobody had seen when the plan was agreed to', async () => {
    const holder: PortHolder = {
      pid: 4_711,
      uid: 501,
      program: 'node',
      startedAt: world.context.clock.now(),
      hasTerminal: true,
      addresses: ['127.0.0.1'],
      who: 'orphan',
      because: null,
      tailscale: null,
    };
    const view = (leading: readonly PortHolder[]): PortView => ({
      port: 18_789,
      verdict: leading.length === 0 ? 'free' : 'orphan',
      doubt: null,
      holders: leading,
      leading,
    });
    let seen = view([holder]);
    const step = portStep(async () => seen, { ask, uid: 501, isAsked: true });
    expect(await step.look(false)).toMatchObject({ kind: 'due' });
    expect(await step.look(false)).toMatchObject({ kind: 'due' });
    seen = view([{ ...holder, pid: 4_712 }]);
    expect(await step.look(false)).toMatchObject({ kind: 'blocked', exitCode: 4 });
  });

  it('restarts none without a question that was only slow to answer', async () => {
    await world.load();
    await world.serves();
    const pid = await world.pid();
    const ask = { dryRun: false, yes: false, json: false, force: false };
    const parts = { ...restartParts(world.context, nobody), answers: async () => false };
    expect(await runRestart(ask, parts)).toBe(0);
    expect(world.said()).toContain('the gateway serves by now, and was not restarted');
    expect(await world.pid()).toBe(pid);
    expect(world.journal().filter(({ kind }) => kind === 'intent')).toEqual([]);
  });

  it('leaves "needs you" in the alert file where it ends with nothing left to try', async () => {
    world.standing({ exitAtBoot: 1 });
    await expect(restart()).rejects.toMatchObject({ exitCode: 3, hint: 'immune check --why' });
    expect(world.journal().at(-1)?.state.phase.kind).toBe('exhausted');
    expect(readFileSync(world.context.paths.alertFile, 'utf8')).toMatch(/^# openclaw-immune needs you/);
  });

  it('writes nothing into the state with --dry-run, of nuclear and of restart', async () => {
    const { paths } = world.context;
    const tree = () => readdirSync(paths.data, { recursive: true }).toSorted();
    const before = tree();
    expect(await runNuclear({ ...ask, yes: false, dryRun: true }, world.context, nobody)).toBe(0);
    expect(await restart({ dryRun: true, yes: false })).toBe(0);
    expect(tree()).toEqual(before);
  });

  it('says at the interruption of a restart how it stands, frees the lease and leaves no action in flight', async () => {
    world.standing({ bootMs: 15_000 });
    const doing = restart({ json: true });
    while (!world.journal().some(({ kind }) => kind === 'intent')) await sleep(20);
    await sleep(500);
    world.interrupt();
    expect(await doing).toBe(130);
    expect(JSON.parse(world.said())).toMatchObject({ outcome: 'interrupted', next: 'immune status' });
    const kinds = world.journal().map(({ kind }) => kind);
    expect(kinds).toContain('outcome');
    expect(kinds.at(-1)).toBe('stopped');
    expect(world.journal().at(-1)?.state.phase.kind).toBe('starting');
    const { paths, clock } = world.context;
    const processes = createProcesses({ ps: findTool('ps') ?? '/bin/ps', run, clock });
    expect(await readLease(paths.lease, processes)).toEqual({ kind: 'free' });
  });

  it('goes on where its reader goes away, and ends with the exit code of what became of it', async () => {
    const { launchctl } = world.launchd;
    const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
    const home = join(world.context.paths.logs, '..', '..', '..');
    const child = spawn(process.execPath, [main, 'nuclear', '--yes'], {
      env: { HOME: home, PATH: `${dirname(launchctl)}:/usr/bin:/bin` },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    child.stdout.once('data', () => child.stdout.destroy());
    const [code] = await once(child, 'exit');
    expect(code).toBe(0);
    expect(await world.answers()).toBe(true);
    expect(world.journal().filter(({ kind }) => kind === 'intent')).toHaveLength(1);
  });
});
