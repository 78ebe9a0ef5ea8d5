import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AskWithin } from '../../src/cli/ask-or-do.ts';
import type { NuclearAsk } from '../../src/cli/change-words.ts';
import { nuclear } from '../../src/cli/nuclear/nuclear.ts';
import type { Found, Step, StepName } from '../../src/cli/nuclear/steps.ts';
import { millis } from '../../src/core/time.ts';
import type { Answer } from '../../src/daemon/commands.ts';
import { nobody, person } from './change-world.ts';
import { type OperatorWorld, operatorWorld } from './operator-world.ts';

const ask: NuclearAsk = { dryRun: false, yes: true, json: false, force: false, network: false };
const clean: Found = { kind: 'clean', because: 'whole' };
const names: readonly StepName[] = ['package', 'config', 'port', 'gateway'];

/** What a step finds at each look: the last one stands. */
type Looks = readonly [Found, ...Found[]];

const due = (did: string, carry: (ask: AskWithin) => Promise<Answer>): Found => ({
  kind: 'due',
  because: `${did} is due`,
  plan: [`  the plan of ${did}`],
  did,
  carry,
});

describe('nuclear', () => {
  let world: OperatorWorld;
  beforeEach(async () => {
    world = await operatorWorld();
  });
  afterEach(() => world.remove());

  /** Steps that find what they are told to; `order` is what was looked at (`name?`) and done (`name!`). */
  const staged = (looks: Partial<Record<StepName, Looks>>) => {
    const order: string[] = [];
    const steps = names.map((name): Step => {
      const mine = [...(looks[name] ?? [clean])];
      return {
        name,
        looking: 'looking',
        doing: 'doing',
        look: async (afterOthers) => {
          order.push(`${name}?`);
          if (afterOthers && name === 'config') return { kind: 'later', because: 'later' };
          return (mine.length > 1 ? mine.shift() : mine[0]) ?? clean;
        },
      };
    });
    return { order, steps };
  };

  const doing =
    (order: string[], name: StepName, answer: Partial<Answer> = {}) =>
    async (): Promise<Answer> => {
      order.push(`${name}!`);
      return { ok: true, text: `${name} done`, ...(name === 'gateway' ? { action: 'A1' } : {}), ...answer };
    };

  it('does nothing, takes no lease and writes no journal where everything is clean', async () => {
    const { order, steps } = staged({});
    expect(await nuclear(ask, { context: world.context, terminal: nobody, steps })).toBe(0);
    expect(order).toEqual(['package?', 'config?', 'port?', 'gateway?']);
    expect(world.said()).toContain('nothing to do: the gateway serves');
    expect(world.journal()).toEqual([]);
  });

  it('does what is due in order, looks anew after each step, and names every undo at the end', async () => {
    const done: string[] = [];
    const { order, steps } = staged({
      package: [due('package restored', doing(done, 'package', { repair: 'P3' }))],
      config: [due('config rolled back', doing(done, 'config', { trial: 'T4' }))],
      port: [due('orphan ended', doing(done, 'port')), clean],
      gateway: [due('started', doing(done, 'gateway'))],
    });
    expect(await nuclear(ask, { context: world.context, terminal: nobody, steps })).toBe(0);
    expect(done).toEqual(['package!', 'config!', 'gateway!']);
    // The config is judged by the whole package, and the orphan was gone by the second look.
    const planned = ['package?', 'config?', 'port?', 'gateway?'];
    expect(order).toEqual([...planned, 'config?', 'port?', 'gateway?']);
    expect(world.said()).toMatch(
      /the gateway serves again \(package restored, config rolled back, started\); undo: immune undo P3, immune undo T4\n$/,
    );
  });

  it('asks once for the whole plan, and without anybody to ask it refuses at once', async () => {
    const order: string[] = [];
    const { steps } = staged({
      package: [due('package restored', doing(order, 'package'))],
      gateway: [due('started', doing(order, 'gateway'))],
    });
    const on = { context: world.context, steps };
    await expect(nuclear({ ...ask, yes: false }, { ...on, terminal: nobody })).rejects.toMatchObject({
      exitCode: 4,
      hint: 'the same with --yes',
    });
    expect(order).toEqual([]);
    const terminal = person([true]);
    expect(await nuclear({ ...ask, yes: false }, { ...on, terminal })).toBe(0);
    expect(terminal.asked).toEqual(['Do all of this?']);
    expect(order).toEqual(['package!', 'gateway!']);
  });

  it('shows the very plan and changes nothing with --dry-run', async () => {
    const order: string[] = [];
    const { steps } = staged({ gateway: [due('started', doing(order, 'gateway'))] });
    const on = { context: world.context, terminal: nobody, steps };
    expect(await nuclear({ ...ask, yes: false, dryRun: true }, on)).toBe(0);
    expect(order).toEqual([]);
    expect(world.said()).toContain('the plan of started');
    expect(world.journal()).toEqual([]);
  });

  it('stops at what nothing helps, and names the next command; later steps are not reached', async () => {
    const blocked: Found = { kind: 'blocked', because: 'no archive', next: 'npm ci', exitCode: 3 };
    const { order, steps } = staged({ config: [blocked] });
    const on = { context: world.context, terminal: nobody, steps };
    await expect(nuclear(ask, on)).rejects.toMatchObject({ exitCode: 3, hint: 'npm ci' });
    expect(order).toEqual(['package?', 'config?']);
    world.said();
    expect(await nuclear({ ...ask, json: true }, on)).toBe(3);
    expect(JSON.parse(world.said())).toEqual({
      version: 1,
      outcome: 'failed',
      because: 'no archive',
      next: 'npm ci',
      exitCode: 3,
      steps: [
        { step: 'package', state: 'clean', because: 'whole', undo: null },
        { step: 'config', state: 'blocked', because: 'no archive', undo: null },
        { step: 'port', state: 'not-reached', because: null, undo: null },
        { step: 'gateway', state: 'not-reached', because: null, undo: null },
      ],
    });
  });

  it('goes on over what it cannot tell', async () => {
    const order: string[] = [];
    const { steps } = staged({
      package: [{ kind: 'unknown', because: 'the disk does not answer' }],
      gateway: [due('started', doing(order, 'gateway'))],
    });
    expect(await nuclear(ask, { context: world.context, terminal: nobody, steps })).toBe(0);
    expect(order).toEqual(['gateway!']);
  });

  it('says what it has done, and its undo, when a later step fails', async () => {
    const order: string[] = [];
    const { steps } = staged({
      package: [due('package restored', doing(order, 'package', { repair: 'P3' })), clean],
      gateway: [
        due('started', doing(order, 'gateway', { ok: false, why: 'failed', text: 'it exits with 1' })),
      ],
    });
    await expect(nuclear(ask, { context: world.context, terminal: nobody, steps })).rejects.toMatchObject({
      exitCode: 3,
      hint: 'immune check --why',
      message: 'gateway: it exits with 1; done so far: package (immune undo P3)',
    });
  });

  it('says what it has done when it is interrupted', async () => {
    const order: string[] = [];
    const hang = async (): Promise<Answer> => {
      order.push('gateway!');
      world.interrupt();
      return new Promise(() => undefined);
    };
    const { steps } = staged({
      package: [due('package restored', doing(order, 'package', { repair: 'P3' })), clean],
      gateway: [due('started', hang)],
    });
    await expect(nuclear(ask, { context: world.context, terminal: nobody, steps })).rejects.toMatchObject({
      exitCode: 130,
      message: expect.stringContaining('package (immune undo P3)'),
    });
  });

  it('takes it for done where somebody else was faster', async () => {
    const order: string[] = [];
    const late = doing(order, 'package', { ok: false, text: 'nothing was changed: it is whole' });
    const { steps } = staged({
      package: [due('package restored', late), clean],
      gateway: [due('started', doing(order, 'gateway'))],
    });
    expect(await nuclear(ask, { context: world.context, terminal: nobody, steps })).toBe(0);
    expect(order).toEqual(['package!', 'gateway!']);
    expect(world.said()).toContain('the gateway serves again (started)');
  });

  it('leaves with 5 and who it is while another command is at work', async () => {
    const order: string[] = [];
    let go = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      go = resolve;
    });
    const slow = async (): Promise<Answer> => {
      order.push('gateway!');
      await held;
      return { ok: true, text: 'the gateway serves again' };
    };
    const { steps } = staged({ gateway: [due('started', slow)] });
    const first = nuclear(ask, { context: world.context, terminal: nobody, steps });
    while (!order.includes('gateway!')) await world.context.clock.sleep(millis(20));
    const second = staged({ gateway: [due('started', doing(order, 'gateway'))] });
    await expect(
      nuclear(ask, { context: world.context, terminal: nobody, steps: second.steps }),
    ).rejects.toMatchObject({
      exitCode: 5,
      message: expect.stringContaining(`process ${process.pid} (nuclear)`),
    });
    go();
    expect(await first).toBe(0);
    expect(order).toEqual(['gateway!']);
  });
});
