import { describe, expect, it } from 'vitest';
import type { Disabled, ServiceOutcome, ServiceState } from '../../src/core/service.ts';
import type { Action, ActionStep } from '../../src/core/state.ts';
import { type Clock, instant, millis } from '../../src/core/time.ts';
import { type Hands, noRepairs, perform } from '../../src/repairs/perform.ts';
import type { Processes } from '../../src/system/process.ts';
import type { ServiceManager } from '../../src/system/service-manager.ts';

/** Hands over a small world; every change they make is written down in order. */
interface World {
  states: ServiceState[];
  kickstarts: ServiceOutcome[];
  alive: boolean[];
  identity?: 'same' | 'other';
  /** Of an orphan on the port. */
  proof?: 'ours' | 'other';
  aborted?: boolean;
  disabled?: Disabled;
}

const done: ServiceOutcome = { kind: 'done' };
const failed: ServiceOutcome = { kind: 'failed', code: 1, because: 'launchctl said no' };
const running = (pid: number): ServiceState => ({ kind: 'running', pid, runs: 1, lastExit: null });
const expected = { pid: 10, startedAt: instant(1_000) };

function hands(world: World): { hands: Hands; deeds: string[] } {
  const deeds: string[] = [];
  const shift = <T>(list: T[], last: T): T => (list.length > 1 ? (list.shift() ?? last) : (list[0] ?? last));
  let elapsed = 0;
  const clock: Clock = {
    now: () => instant(elapsed),
    elapsed: () => millis(elapsed),
    sleep: async (length) => {
      elapsed += length;
    },
  };
  const change =
    (name: string, outcome: () => ServiceOutcome) =>
    async (label: string, detail?: unknown): Promise<ServiceOutcome> => {
      deeds.push(`${name} ${label}${detail === undefined ? '' : ` ${JSON.stringify(detail)}`}`);
      return outcome();
    };
  const manager: ServiceManager = {
    kind: 'launchd',
    read: async () => shift(world.states, { kind: 'not-loaded' }),
    readDisabled: async () => world.disabled ?? 'enabled',
    labels: async () => [],
    enable: change('enable', () => done),
    bootstrap: change('bootstrap', () => done),
    bootout: change('bootout', () => done),
    kickstart: change('kickstart', () => shift(world.kickstarts, done)),
  };
  const processes = {
    isAlive: async () => {
      if (world.identity === 'other') return 'dead' as const;
      return shift(world.alive, false) ? ('alive' as const) : ('dead' as const);
    },
    row: async (pid: number) => ({ kind: 'row', row: { pid } }),
    signalProven: async (identity: { pid: number }, signal: string) => {
      deeds.push(`${signal} ${identity.pid}`);
      return { kind: 'sent' as const };
    },
  } as unknown as Processes;
  const controller = new AbortController();
  if (world.aborted === true) controller.abort();
  return {
    deeds,
    hands: {
      manager,
      processes,
      clock,
      uid: 501,
      plist: '/plist',
      repairs: noRepairs,
      exitWaitMs: 5_000,
      port: {
        listeners: async () => ({
          kind: 'ok',
          listeners: [{ pid: 10, uid: 501, command: 'node', address: '127.0.0.1:18789' }],
        }),
        orphanProof: async (pid) =>
          world.proof === 'other'
            ? { kind: 'not-ours', because: 'it is not ours' }
            : { kind: 'proven', identity: { pid, startedAt: instant(1_000), uid: 501 }, hasTerminal: false },
      },
      signal: controller.signal,
    },
  };
}

const action = (step: ActionStep): Action => ({
  id: 'A1',
  incident: 'I1',
  rung: 'L1',
  step,
  because: 'test',
  deadlineAt: instant(120_000),
});
const restart = action({ kind: 'restart', label: 'gw', expected });

describe('a restart', () => {
  it('asks launchd once and leaves the signals to it', async () => {
    const { hands: with_, deeds } = hands({
      states: [running(10)],
      kickstarts: [done],
      alive: [true, false],
    });
    expect((await perform(restart, with_)).kind).toBe('done');
    expect(deeds).toEqual(['kickstart gw {"kill":true}']);
  });

  it('is refused when the job runs as another process by now', async () => {
    const { hands: with_, deeds } = hands({ states: [running(11)], kickstarts: [done], alive: [true] });
    expect((await perform(restart, with_)).kind).toBe('refused');
    expect(deeds).toEqual([]);
  });

  it('is refused when the pid was given to another process', async () => {
    const world: World = { states: [running(10)], kickstarts: [done], alive: [true], identity: 'other' };
    const { hands: with_, deeds } = hands(world);
    expect((await perform(restart, with_)).kind).toBe('refused');
    expect(deeds).toEqual([]);
  });

  it('kills exactly the judged process when launchd was asked and its time-out did not end it', async () => {
    const { hands: with_, deeds } = hands({ states: [running(10)], kickstarts: [done, done], alive: [true] });
    expect((await perform(restart, with_)).kind).toBe('done');
    expect(deeds).toEqual(['kickstart gw {"kill":true}', 'SIGKILL 10', 'kickstart gw {"kill":false}']);
  });

  it('kills nothing when launchd never took the request', async () => {
    const { hands: with_, deeds } = hands({ states: [running(10)], kickstarts: [failed], alive: [true] });
    const outcome = await perform(restart, with_);
    expect(outcome.kind).toBe('failed');
    expect(outcome.because).toContain('nothing was killed');
    expect(deeds).toEqual(['kickstart gw {"kill":true}']);
  });

  it('goes on when the request failed but launchd is ending that very process', async () => {
    const states: ServiceState[] = [running(10), { kind: 'stopping', pid: 10 }];
    const { hands: with_, deeds } = hands({ states, kickstarts: [failed, done], alive: [true] });
    expect((await perform(restart, with_)).kind).toBe('done');
    expect(deeds).toContain('SIGKILL 10');
  });

  it('changes nothing once its deadline has passed', async () => {
    const world: World = { states: [running(10)], kickstarts: [done], alive: [true], aborted: true };
    const { hands: with_, deeds } = hands(world);
    expect((await perform(restart, with_)).kind).toBe('failed');
    expect(deeds).toEqual([]);
  });
});

describe('the end of an orphan', () => {
  const step = { kind: 'end-orphan', label: 'gw', orphan: expected, port: 18_789 } as const;
  const end = action({ ...step, job: 'loaded' });
  const endBesideParked = action({ ...step, job: 'parked' });
  const waits: ServiceState = running(11);

  it('sends SIGTERM to exactly that process, and starts nothing', async () => {
    const { hands: with_, deeds } = hands({ states: [waits], kickstarts: [], alive: [true, false] });
    expect(await perform(end, with_)).toMatchObject({ kind: 'done' });
    expect(deeds).toEqual(['SIGTERM 10']);
  });

  it('is refused when it is not proven ours any more', async () => {
    const world: World = { states: [waits], kickstarts: [], alive: [true], proof: 'other' };
    const { hands: with_, deeds } = hands(world);
    expect(await perform(end, with_)).toMatchObject({ kind: 'refused' });
    expect(deeds).toEqual([]);
  });

  it.each<ServiceState>([{ kind: 'not-loaded' }, { kind: 'unknown', because: 'no answer' }])(
    'is refused when nothing would start in its place ($kind)',
    async (state) => {
      const { hands: with_, deeds } = hands({ states: [state], kickstarts: [], alive: [true] });
      expect(await perform(end, with_)).toMatchObject({ kind: 'refused' });
      expect(deeds).toEqual([]);
    },
  );

  it('is done beside a job that OpenClaw parked over its lock', async () => {
    const { hands: with_, deeds } = hands({
      states: [{ kind: 'not-loaded' }],
      disabled: 'disabled',
      kickstarts: [],
      alive: [true, false],
    });
    expect(await perform(endBesideParked, with_)).toMatchObject({ kind: 'done' });
    expect(deeds).toEqual(['SIGTERM 10']);
  });

  it.each<[ServiceState, Disabled]>([
    [running(11), 'disabled'],
    [{ kind: 'not-loaded' }, 'enabled'],
    [{ kind: 'not-loaded' }, 'unknown'],
  ])('is refused when that job is no longer parked (%j, %s)', async (state, disabled) => {
    const { hands: with_, deeds } = hands({ states: [state], disabled, kickstarts: [], alive: [true] });
    expect(await perform(endBesideParked, with_)).toMatchObject({ kind: 'refused' });
    expect(deeds).toEqual([]);
  });

  it('sends nothing once its deadline has passed', async () => {
    const world: World = { states: [waits], kickstarts: [], alive: [true], aborted: true };
    const { hands: with_, deeds } = hands(world);
    expect(await perform(end, with_)).toMatchObject({ kind: 'failed' });
    expect(deeds).toEqual([]);
  });
});

describe('the other actions', () => {
  it('start a job that is held back, and only then', async () => {
    const pended: ServiceState = { kind: 'pended', reason: 'speculative', runs: 0 };
    const held = hands({ states: [pended], kickstarts: [done], alive: [] });
    expect((await perform(action({ kind: 'start', label: 'gw' }), held.hands)).kind).toBe('done');
    expect(held.deeds).toEqual(['kickstart gw {"kill":false}']);
    const alive = hands({ states: [running(10)], kickstarts: [done], alive: [] });
    expect((await perform(action({ kind: 'start', label: 'gw' }), alive.hands)).kind).toBe('refused');
    expect(alive.deeds).toEqual([]);
  });

  it('load a lost job and start it, without enabling what somebody disabled', async () => {
    const lost = hands({ states: [{ kind: 'not-loaded' }], kickstarts: [done], alive: [] });
    expect((await perform(action({ kind: 'reload', label: 'gw' }), lost.hands)).kind).toBe('done');
    expect(lost.deeds).toEqual(['bootstrap gw "/plist"', 'kickstart gw {"kill":false}']);
  });

  it('enable a parked job first', async () => {
    const parked = hands({ states: [{ kind: 'not-loaded' }], kickstarts: [done], alive: [] });
    expect((await perform(action({ kind: 'unpark', label: 'gw' }), parked.hands)).kind).toBe('done');
    expect(parked.deeds).toEqual(['enable gw', 'bootstrap gw "/plist"', 'kickstart gw {"kill":false}']);
  });

  it('are refused when somebody loaded the job meanwhile', async () => {
    const back = hands({ states: [running(10)], kickstarts: [done], alive: [] });
    expect((await perform(action({ kind: 'reload', label: 'gw' }), back.hands)).kind).toBe('refused');
    expect(back.deeds).toEqual([]);
  });
});
