import { afterEach, describe, expect, it } from 'vitest';
import type { Rules } from '../../src/core/look.ts';
import { defaultPolicy } from '../../src/core/policy.ts';
import { type Action, type ActionOutcome, initialState } from '../../src/core/state.ts';
import { instant, millis } from '../../src/core/time.ts';
import type { Answer } from '../../src/daemon/commands.ts';
import { createLoop, type Loop } from '../../src/daemon/loop.ts';
import { type RestartParts, restartGateway, restartWithinMs } from '../../src/daemon/restart-hand.ts';
import { steadyClock } from '../../src/daemon/steady-time.ts';
import { systemClock } from '../../src/system/clock.ts';
import type { Log } from '../../src/system/log.ts';
import { emptied, on, orphan, sound, undecided } from '../core/ground.ts';
import { type Life, label, type Sight, second, serving, stopping, unloaded } from '../core/world.ts';

const running: AbortController[] = [];
afterEach(() => {
  for (const each of running.splice(0)) each.abort();
});

const silence = () => undefined;
const log = { debug: silence, info: silence, warn: silence, error: silence, close: silence } as Log;
const life: Life = { pid: 100, startedAt: instant(Date.now() - 3_600_000) };
const served = on(serving(life), sound);
const again = on(serving({ ...second, startedAt: instant(Date.now()) }), sound);

interface Place {
  sees: Sight;
  /** What an action does to the place, and what comes of it. */
  hand: (action: Action) => Promise<ActionOutcome['kind']>;
  journal: 'done' | 'failed';
}

interface Stand extends RestartParts {
  readonly place: Place;
  readonly loop: Loop;
  readonly deeds: readonly string[];
  ask(force?: boolean): Promise<Answer>;
}

/** The real loop over a gateway of a few lines; what is waited for in minutes takes a moment. */
async function stand(
  place: Partial<Place>,
  rules: Partial<Rules['policy']> & { mode?: Rules['mode'] } = {},
): Promise<Stand> {
  const { mode = 'act', ...shorter } = rules;
  const policy = {
    ...defaultPolicy,
    tickMs: millis(20),
    urgentTickMs: millis(20),
    pendedGraceMs: millis(20),
    relaunchGraceMs: millis(100),
    backoffMs: millis(1),
    ...shorter,
  };
  const deeds: string[] = [];
  const here: Place = { sees: served, hand: async () => 'done', journal: 'done', ...place };
  const clock = steadyClock(systemClock(), null);
  const rulesNow = (): Rules => ({ policy, mode, label });
  const loop = createLoop(
    {
      clock,
      rules: rulesNow,
      observe: async () => here.sees(clock.now()),
      perform: async (action) => {
        deeds.push(action.step.kind);
        const kind = await here.hand(action);
        return { kind, because: kind === 'refused' ? 'the world has changed' : 'so it went' };
      },
      journal: {
        append: async () =>
          here.journal === 'done' ? { kind: 'done' } : { kind: 'failed', code: 'ENOSPC', because: 'full' },
        close: async () => undefined,
      },
      log,
      tell: async () => undefined,
      beat: async () => undefined,
    },
    initialState,
  );
  const end = new AbortController();
  running.push(end);
  void loop.run(end.signal);
  await loop.deepen();
  const parts: RestartParts = { clock, rules: rulesNow, loop };
  return {
    ...parts,
    loop,
    place: here,
    deeds,
    ask: (force = false) => restartGateway({ kind: 'restart', force, by: 'ops' }, parts),
  };
}

describe('an order to restart', () => {
  it('is carried out, and answered when the gateway serves again', async () => {
    const here = await stand({});
    here.place.hand = async () => {
      here.place.sees = again;
      return 'done';
    };
    const answer = await here.ask();
    expect(answer).toMatchObject({ ok: true });
    expect(answer.text).toMatch(/^the gateway serves again after .+ \(A1\)$/);
    expect(here.deeds).toEqual(['restart']);
    expect(here.loop.state().spent).toHaveLength(1);
  });

  it('is not answered by the gateway that is about to end', async () => {
    const here = await stand({});
    const ended = Promise.withResolvers<void>();
    here.place.hand = async () => {
      await ended.promise;
      here.place.sees = again;
      return 'done';
    };
    let answer: Answer | null = null;
    const asking = here.ask().then((given) => {
      answer = given;
    });
    await expect.poll(() => here.deeds).toEqual(['restart']);
    await here.loop.deepen();
    expect(answer).toBeNull();
    ended.resolve();
    await asking;
    expect(answer).toMatchObject({ ok: true });
  });

  it('that nobody has agreed to end a serving gateway for ends none; an orphan that answers is no such gateway', async () => {
    const here = await stand({});
    const order = { kind: 'restart', force: false, by: 'ops', unlessServing: true } as const;
    expect(await restartGateway(order, here)).toEqual({
      ok: true,
      text: 'the gateway serves by now, and was not restarted',
    });
    here.place.sees = (at) => ({ ...served(at), listener: orphan() });
    expect(await restartGateway(order, here)).toMatchObject({ ok: false, next: 'immune fix-port' });
    expect(here.deeds).toEqual([]);
  });

  it('that would run into a broken config is refused, with the command to type', async () => {
    const here = await stand({ sees: on(serving(life), sound, emptied) });
    expect(await here.ask()).toMatchObject({ ok: false, next: 'immune fix-config' });
    expect(here.deeds).toEqual([]);
  });

  it('beyond the budget wants force', async () => {
    const here = await stand({});
    for (const n of [1, 2]) expect(await here.ask(), String(n)).toMatchObject({ ok: true });
    const refused = await here.ask();
    expect(refused).toMatchObject({ ok: false, next: 'immune restart --force' });
    expect(refused.why).toBeUndefined();
    expect(await here.ask(true)).toMatchObject({ ok: true });
    expect(here.deeds).toHaveLength(3);
  });

  it('while an action is in flight is for later: busy', async () => {
    const here = await stand({});
    const ended = Promise.withResolvers<void>();
    here.place.hand = async () => {
      await ended.promise;
      return 'done';
    };
    const first = here.ask();
    await expect.poll(() => here.deeds).toEqual(['restart']);
    expect(await here.ask()).toMatchObject({ ok: false, why: 'busy', next: 'immune status' });
    ended.resolve();
    expect(await first).toMatchObject({ ok: true });
    expect(here.deeds).toEqual(['restart']);
  });

  it('waits for what another command has in hand', async () => {
    const here = await stand({});
    const change = Promise.withResolvers<void>();
    const changing = here.loop.exclusive(() => change.promise);
    const asking = here.ask();
    await here.loop.deepen();
    expect(here.deeds).toEqual([]);
    expect(here.loop.state().phase.kind).toBe('healthy');
    change.resolve();
    await changing;
    expect(await asking).toMatchObject({ ok: true });
  });

  it('of a config that is still being judged waits for the verdict', async () => {
    const here = await stand({ sees: on(serving(life), sound, undecided('pending')) });
    const asking = here.ask();
    await here.loop.deepen();
    here.place.sees = on(serving(life), sound, emptied);
    expect(await asking).toMatchObject({ ok: false, next: 'immune fix-config' });
  });

  it('of a config that nobody judges in time is refused', async () => {
    const pending = on(serving(life), sound, undecided('pending'));
    const here = await stand({ sees: pending }, { validatorMs: millis(10) });
    const answer = await here.ask();
    expect(answer).toMatchObject({ ok: false, next: 'immune restart' });
    expect(answer.text).toContain('being judged');
  });

  it('to one that is on its way waits for it, and does nothing', async () => {
    const here = await stand({ sees: stopping });
    const asking = here.ask();
    await here.loop.deepen();
    here.place.sees = again;
    const answer = await asking;
    expect(answer.ok).toBe(true);
    expect(answer.text).toMatch(/^the gateway serves again after [^(]+$/);
    expect(here.deeds).toEqual([]);
  });

  it('that fails says so, and what to look at', async () => {
    const here = await stand({ hand: async () => 'failed' });
    const answer = await here.ask();
    expect(answer).toMatchObject({ ok: false, why: 'failed', next: 'immune logs' });
    expect(answer.text).toMatch(/^the action failed/);
  });

  it('that the world refused at the last moment changes nothing', async () => {
    const here = await stand({ hand: async () => 'refused' });
    const answer = await here.ask();
    expect(answer).toMatchObject({ ok: false, text: 'the world has changed', next: 'immune restart' });
    expect(answer.why).toBeUndefined();
  });

  it('after which the gateway does not come back is told as a failure once the ladder has given up', async () => {
    const here = await stand({}, { reloadAfterMs: millis(20) });
    here.place.hand = async () => {
      here.place.sees = on(unloaded, sound, { disk: { kind: 'read', path: '/state', freeBytes: 1 } });
      return 'done';
    };
    const answer = await here.ask();
    expect(answer).toMatchObject({ ok: false, why: 'failed', next: 'immune check --why' });
    expect(answer.text).toContain('are free where the gateway writes');
    expect(here.loop.state().phase.kind).toBe('exhausted');
  });

  it('in a pause is told as a failure when the gateway stays down', async () => {
    const here = await stand({});
    await here.loop.command({ kind: 'pause', until: null, because: 'by hand' }, 'paused');
    here.place.hand = async () => {
      here.place.sees = on(unloaded, sound);
      return 'done';
    };
    const answer = await here.ask();
    expect(answer).toMatchObject({ ok: false, why: 'failed', next: 'immune check --why' });
    expect(here.loop.state().pause).not.toBeNull();
    expect(here.deeds).toEqual(['restart']);
  });

  it('that cannot be made durable is not carried out', async () => {
    const here = await stand({});
    here.place.journal = 'failed';
    expect(await here.ask()).toMatchObject({ ok: false, next: 'immune logs' });
    expect(here.deeds).toEqual([]);
  });

  it('is given up on when its time is over, and not carried out afterwards', async () => {
    const short = { actionDeadlineMs: millis(20), bootGraceMs: millis(60), validatorMs: millis(20) };
    const here = await stand({}, short);
    expect(restartWithinMs(here.rules())).toBe(120);
    const change = Promise.withResolvers<void>();
    const changing = here.loop.exclusive(() => change.promise);
    expect(await here.ask()).toMatchObject({ ok: false, why: 'failed' });
    change.resolve();
    await changing;
    await here.loop.exclusive(async () => undefined);
    expect(here.deeds).toEqual([]);
  });
});
