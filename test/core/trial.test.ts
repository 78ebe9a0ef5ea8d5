import { describe, expect, it } from 'vitest';
import type { Evidence } from '../../src/core/evidence.ts';
import { defaultPolicy as policy } from '../../src/core/policy.ts';
import { type Generation, initialState, type State } from '../../src/core/state.ts';
import { hours, type Instant, instant, type Millis, minutes, plus, seconds } from '../../src/core/time.ts';
import {
  judgeTrial,
  type LiveHash,
  noteTrialLook,
  resumeTrial,
  type Trial,
  type TrialLook,
  type TrialWatch,
  type Undoing,
  unwatched,
} from '../../src/core/trial.ts';
import { on, orphan, sound } from './ground.ts';
import {
  blind,
  booting,
  but,
  dawn,
  first,
  gone,
  jobStopped,
  pended,
  relaunching,
  type Sight,
  second,
  serving,
  unloaded,
} from './world.ts';

const applied = plus(dawn, minutes(1));
const at = (length: Millis): Instant => plus(applied, length);

const trial = (change: Partial<Trial> = {}): Trial => ({
  version: 1,
  id: 'T1',
  kind: 'apply',
  appliedAt: applied,
  watchUntil: plus(applied, policy.trialMaxMs),
  confirmBy: null,
  confirmed: false,
  restart: 'none',
  replaced: 'old',
  left: 'new',
  planId: 'apply-1',
  changes: ['gateway.port was changed'],
  by: 'test',
  pidBefore: first.pid,
  bootsBefore: 0,
  undoing: null,
  end: null,
  ...change,
});
const toConfirm = (change: Partial<Trial> = {}): Trial => trial({ confirmBy: at(minutes(2)), ...change });

const generation = (pid: number, bootId: string | null = 'b1'): Generation => ({
  pid,
  startedAt: dawn,
  bootId,
  firstSeenAt: dawn,
  listenedAt: dawn,
  readyAt: dawn,
});
const healthy: State = {
  ...initialState,
  phase: { kind: 'healthy' },
  cause: 'serving',
  because: 'the gateway answers',
  generation: generation(first.pid),
};
const waiting: State = { ...healthy, phase: { kind: 'starting' }, cause: 'booting', because: 'it boots' };
const suspended = (state: Partial<State> = {}): State => ({
  ...waiting,
  phase: { kind: 'suspended', cause: 'paused', since: dawn, until: null },
  because: 'paused',
  ...state,
});

const config = (change: Partial<Extract<Evidence['ground']['config'], { kind: 'sound' }>> = {}) => ({
  config: { kind: 'sound' as const, hash: 'new', changedAt: dawn, validator: 'valid' as const, ...change },
});
const fine = on(serving(), sound, config());
const down = on(booting(second), sound, config());
const exited = (seen: Sight, code: number): Sight =>
  but(seen, (when) => {
    const { service } = seen(when);
    return { service: { ...service, lastExit: { kind: 'code', code } } as Evidence['service'] };
  });

interface Seen {
  readonly state?: State;
  readonly sight?: Sight;
  readonly live?: LiveHash;
}

const look = (when: Instant, { state = healthy, sight = fine, live }: Seen = {}): TrialLook => ({
  state,
  evidence: sight(when),
  live: live ?? { kind: 'known', hash: 'new' },
  now: when,
  policy,
});

/** One look after the other; the verdict on the last of them. */
function told(of: Trial, ...looks: readonly TrialLook[]) {
  let watch: TrialWatch = unwatched;
  for (const each of looks) watch = noteTrialLook(of, watch, each);
  const last = looks.at(-1);
  if (last === undefined) throw new Error('nothing was looked at');
  return judgeTrial(of, watch, last);
}

const keep = { kind: 'keep' };
const wait = { kind: 'wait' };
const revert = { kind: 'revert' };
const over = at(policy.trialMaxMs);

describe('a change of the config', () => {
  it('is kept once the gateway has been ready with it for the whole watch', () => {
    const begun = look(at(seconds(2)));
    expect(told(trial(), begun, look(at(seconds(61))))).toMatchObject({
      kind: 'wait',
      because: 'the gateway is ready; it has to stay so for another 1 s',
    });
    expect(told(trial(), begun, look(at(seconds(62))))).toEqual({
      kind: 'keep',
      because: 'the gateway has been ready with it for 60 s',
    });
  });

  it.each<readonly [string, Trial, readonly TrialLook[], object]>([
    ['is not judged before it is in place', trial({ left: null }), [look(at(hours(1)))], wait],
    [
      'is gone where the config from before is in place again',
      trial(),
      [look(at(seconds(5)), { live: { kind: 'known', hash: 'old' } })],
      { kind: 'gone' },
    ],
    [
      'is superseded where somebody else has changed the config since, also past its deadline',
      toConfirm(),
      [look(at(hours(1)), { live: { kind: 'known', hash: 'other' } })],
      { kind: 'superseded', because: 'the config was changed again since' },
    ],
    [
      'is superseded where somebody has removed the file',
      trial(),
      [look(at(seconds(5)), { live: { kind: 'known', hash: null } })],
      { kind: 'superseded' },
    ],
    [
      'starts its watch anew when the gateway restarts inside its process',
      trial(),
      [
        look(at(seconds(2))),
        look(at(seconds(50)), { state: { ...healthy, generation: generation(first.pid, 'b2') } }),
        look(at(seconds(80)), { state: { ...healthy, generation: generation(first.pid, 'b2') } }),
      ],
      wait,
    ],
    [
      'starts its watch anew when the gateway was not ready in between',
      trial(),
      [look(at(seconds(2))), look(at(seconds(30)), { state: waiting, sight: down }), look(at(seconds(80)))],
      wait,
    ],
    [
      'is not proven by a gateway that nobody of ours started',
      trial(),
      [
        look(at(seconds(2)), {
          sight: but(fine, { listener: orphan() }),
        }),
        look(at(minutes(5)), {
          sight: but(fine, { listener: orphan() }),
        }),
      ],
      wait,
    ],
    [
      'waits while no life of the gateway is known',
      trial(),
      [
        look(at(seconds(2)), { state: { ...healthy, generation: null } }),
        look(at(minutes(5)), { state: { ...healthy, generation: null } }),
      ],
      wait,
    ],
    [
      'waits for the validator, whose verdict is still to come',
      trial(),
      [
        look(at(seconds(2)), { sight: on(serving(), sound, config({ validator: 'pending' })) }),
        look(at(minutes(2)), { sight: on(serving(), sound, config({ validator: 'pending' })) }),
      ],
      { kind: 'wait', because: 'the gateway is ready; the config is still being judged' },
    ],
    [
      'waits where the newest look still carries what an older one saw of the config',
      trial(),
      [
        look(at(seconds(2)), { sight: on(serving(), sound) }),
        look(at(minutes(2)), { sight: on(serving(), sound) }),
      ],
      wait,
    ],
    [
      'is kept in the end where nothing but the verdict on the file is missing',
      trial(),
      [look(at(seconds(2)), { sight: serving() }), look(over, { sight: serving() })],
      keep,
    ],
    [
      'is kept where the file cannot be read at this moment, for that proves nothing',
      trial(),
      [look(at(seconds(2))), look(at(minutes(2)), { live: { kind: 'unknown' } })],
      keep,
    ],
  ])('%s', (_name, of, looks, verdict) => {
    expect(told(of, ...looks)).toMatchObject(verdict);
  });
});

describe('a change that waits to be confirmed', () => {
  it.each<readonly [string, Trial, readonly TrialLook[], object]>([
    [
      'holds so far',
      toConfirm(),
      [look(at(seconds(2))), look(at(seconds(90)))],
      { kind: 'wait', because: 'it holds so far and waits to be confirmed' },
    ],
    [
      'is taken back at its deadline, however well the gateway serves',
      toConfirm(),
      [look(at(seconds(2))), look(at(minutes(2)))],
      { kind: 'revert', because: 'nobody confirmed it within 2 min' },
    ],
    [
      'is taken back at its deadline also in a pause, after a sleep, and where nothing can be told',
      toConfirm(),
      [look(at(hours(8)), { state: suspended(), sight: blind, live: { kind: 'unknown' } })],
      revert,
    ],
    [
      'is kept when it was confirmed',
      toConfirm({ confirmed: true }),
      [look(at(seconds(2))), look(at(minutes(3)))],
      keep,
    ],
    [
      'still has to prove itself when it was confirmed at once',
      toConfirm({ confirmed: true }),
      [look(at(seconds(2)))],
      wait,
    ],
    [
      'is taken back where the gateway does not come up, before its deadline',
      toConfirm({ confirmBy: at(hours(1)) }),
      [look(over, { state: waiting, sight: down })],
      revert,
    ],
    [
      'that was proven once has the whole time again when the gateway restarts much later',
      toConfirm({ confirmBy: at(hours(1)) }),
      [look(at(seconds(2))), look(at(minutes(30))), look(at(minutes(31)), { state: waiting, sight: down })],
      wait,
    ],
    [
      'that was proven once is taken back when the gateway does not come back in that time',
      toConfirm({ confirmBy: at(hours(1)) }),
      [look(at(seconds(2))), look(at(minutes(30))), look(at(minutes(40)), { state: waiting, sight: down })],
      revert,
    ],
  ])('%s', (_name, of, looks, verdict) => {
    expect(told(of, ...looks)).toMatchObject(verdict);
  });
});

describe('a change the gateway cannot live with', () => {
  const faulty = (hash: string): Sight =>
    on(serving(), sound, {
      config: { kind: 'faulty', fault: 'rejected', hash, changedAt: dawn, because: 'gateway.port is odd' },
    });
  const boots = (count: number, change: Partial<State> = {}): State => ({
    ...waiting,
    bootsSinceReady: count,
    ...change,
  });

  it.each<readonly [string, Trial, TrialLook, object]>([
    [
      'is taken back as soon as OpenClaw refuses the file, under a gateway that still serves',
      trial(),
      look(at(seconds(5)), { sight: faulty('new') }),
      { kind: 'revert', because: 'OpenClaw cannot start with it: gateway.port is odd' },
    ],
    [
      'is not judged by a refusal of another file',
      trial(),
      look(at(seconds(5)), { sight: faulty('old') }),
      wait,
    ],
    [
      'survives one failed start',
      trial(),
      look(at(seconds(20)), { state: boots(1), sight: relaunching }),
      wait,
    ],
    [
      'survives a second start that is still under way',
      trial(),
      look(at(seconds(20)), { state: boots(2), sight: down }),
      wait,
    ],
    ...([relaunching, pended, jobStopped, unloaded] as const).map(
      (sight, n) =>
        [
          `is taken back when the second start has failed, too (${n + 1})`,
          trial(),
          look(at(seconds(30)), { state: boots(2), sight }),
          { kind: 'revert', because: 'the gateway did not come up with it, and 2 starts failed' },
        ] as const,
    ),
    [
      'is taken back when a third start is seen',
      trial(),
      look(at(seconds(40)), { state: boots(3), sight: down }),
      revert,
    ],
    [
      'is not blamed for starts that fail while an update is running',
      trial(),
      look(at(seconds(40)), { state: boots(3, { cause: 'update-running' }), sight: relaunching }),
      wait,
    ],
    [
      'is not blamed for starts that failed before it',
      trial({ bootsBefore: 7 }),
      look(at(seconds(5)), { state: boots(7), sight: relaunching }),
      wait,
    ],
    [
      'is not blamed for starts that go on failing as they did before it',
      trial({ bootsBefore: 7 }),
      look(at(seconds(40)), { state: boots(12), sight: exited(relaunching, 78) }),
      wait,
    ],
    [
      'is blamed for the starts after the one that was under way',
      trial({ bootsBefore: 1 }),
      look(at(seconds(40)), { state: boots(3), sight: relaunching }),
      revert,
    ],
    [
      'is blamed for the starts since the gateway was ready after it, whatever had failed before',
      trial({ bootsBefore: 7 }),
      look(at(minutes(2)), {
        state: boots(2, { lastReady: { ...generation(300), readyAt: at(seconds(30)) } }),
        sight: relaunching,
      }),
      revert,
    ],
    [
      'is not blamed for starts before it by a life that was ready long ago',
      trial({ bootsBefore: 7 }),
      look(at(minutes(2)), {
        state: boots(8, { lastReady: { ...generation(300), readyAt: null } }),
        sight: relaunching,
      }),
      wait,
    ],
    [
      'is taken back at once when the start ends with the exit code of a bad config',
      trial(),
      look(at(seconds(8)), { state: boots(1), sight: exited(relaunching, 78) }),
      {
        kind: 'revert',
        because: 'the gateway ended with exit code 78, which stands for a config it cannot use',
      },
    ],
    [
      'is not blamed for such an exit before it',
      trial(),
      look(at(seconds(8)), { state: boots(0), sight: exited(relaunching, 78) }),
      wait,
    ],
    [
      'is not blamed for a start that may have begun before it, beside a gateway that was down',
      trial({ downBefore: true }),
      look(at(seconds(8)), { state: boots(1), sight: exited(relaunching, 78) }),
      wait,
    ],
    [
      'is taken back when the start after that one ends so, too',
      trial({ downBefore: true }),
      look(at(seconds(18)), { state: boots(2), sight: exited(relaunching, 78) }),
      {
        kind: 'revert',
        because: 'the gateway ended with exit code 78, which stands for a config it cannot use',
      },
    ],
    [
      'is not blamed for such an exit while the next start is under way',
      trial(),
      look(at(seconds(8)), { state: boots(1), sight: exited(down, 78) }),
      wait,
    ],
    [
      'survives another exit code',
      trial(),
      look(at(seconds(8)), { state: boots(1), sight: exited(relaunching, 1) }),
      wait,
    ],
    ['survives a signal', trial(), look(at(seconds(8)), { state: boots(1), sight: gone() }), wait],
    ...(['parked', 'parked-again', 'crash-loop'] as const).map(
      (cause) =>
        [
          `is taken back when the gateway gave up with it (${cause})`,
          trial(),
          look(at(seconds(30)), { state: boots(1, { cause }), sight: unloaded }),
          { kind: 'revert', because: 'the gateway did not come up with it and gave up' },
        ] as const,
    ),
    [
      'is not blamed for a gateway that had given up before',
      trial({ bootsBefore: 4 }),
      look(at(seconds(30)), { state: boots(4, { cause: 'parked' }), sight: unloaded }),
      wait,
    ],
  ])('%s', (_name, of, seen, verdict) => {
    expect(told(of, seen)).toMatchObject(verdict);
  });
});

describe('the time a gateway has to become ready', () => {
  it('is the whole of it, and no more', () => {
    const almost = look(instant(over - 1), { state: waiting, sight: down });
    expect(told(trial(), almost)).toEqual({
      kind: 'wait',
      because: 'waiting for the gateway to be ready: it boots',
    });
    expect(told(trial(), look(over, { state: waiting, sight: down }))).toEqual({
      kind: 'revert',
      because: 'the gateway was not ready within 10 min',
    });
  });

  it('is not over while it is ready, though not yet for long enough', () => {
    expect(told(trial(), look(over))).toMatchObject(wait);
  });

  it('does not run in a pause', () => {
    const paused = [1, 5, 12].map((n) => look(at(minutes(n)), { state: suspended(), sight: down }));
    const back = look(at(minutes(20)), { state: waiting, sight: down });
    expect(told(trial(), ...paused)).toMatchObject({ kind: 'wait', because: 'paused' });
    // Eleven minutes of these twenty were a pause, as far as looks can tell.
    expect(told(trial(), ...paused, back)).toMatchObject(wait);
    expect(told(trial(), ...paused, look(at(minutes(21)), { state: waiting, sight: down }))).toMatchObject(
      revert,
    );
  });

  it('does not run in sleep', () => {
    const asleep = (when: Instant): TrialLook =>
      look(when, { state: waiting, sight: but(down, { gapMs: hours(8) }) });
    const before = look(at(minutes(1)), { state: waiting, sight: down });
    expect(told(trial(), before, asleep(at(hours(8))))).toMatchObject(wait);
  });

  it.each<readonly [string, Sight, Partial<State>]>([
    ['the service manager does not tell', on(blind, sound), {}],
    ['there is no domain', but(on(blind, sound), { service: { kind: 'no-domain', because: 'x' } }), {}],
    ['the address cannot be reached', but(down, { healthz: { kind: 'unreachable', because: 'x' } }), {}],
    ['a gateway nobody of ours started serves', but(fine, { listener: orphan() }), {}],
    ['our own look failed', but(down, { healthz: { kind: 'error', because: 'x' } }), {}],
    ['nothing has been known for a while', down, { unknownSince: dawn }],
  ])('goes on where %s', (_name, sight, state) => {
    expect(told(trial(), look(over, { state: { ...waiting, ...state }, sight }))).toMatchObject(wait);
  });

  it('does not end a change of a gateway that is not meant to run: it is kept for its next start', () => {
    const stopped = suspended({ wanted: 'down' });
    const seen = (when: Instant): TrialLook =>
      look(when, { state: stopped, sight: on(unloaded, sound, config()) });
    expect(told(trial(), seen(at(seconds(59))))).toMatchObject(wait);
    expect(told(trial(), seen(at(seconds(60))))).toMatchObject({
      kind: 'keep',
      because: 'the gateway is not meant to run, so its next start will prove it',
    });
  });
});

it('a clock that is set back in the middle of the watch begins it anew', () => {
  const looks = [look(at(minutes(3))), look(at(seconds(10))), look(at(seconds(69)))];
  expect(told(trial(), ...looks)).toMatchObject(wait);
  expect(told(trial(), ...looks, look(at(seconds(70))))).toMatchObject(keep);
});

describe('a change with a restart', () => {
  const wanted = trial({ restart: 'asked' });
  const newer: State = { ...healthy, generation: generation(second.pid) };
  const after = on(serving(second), sound, config());

  it('is not proven by the process from before', () => {
    expect(told(wanted, look(at(seconds(2))), look(at(minutes(5))))).toEqual({
      kind: 'wait',
      because: 'the gateway is being restarted with it',
    });
  });

  it('is proven by the next one', () => {
    const seen = (when: Instant): TrialLook => look(when, { state: newer, sight: after });
    expect(told(wanted, look(at(seconds(2))), seen(at(seconds(30))), seen(at(seconds(90))))).toMatchObject(
      keep,
    );
  });

  it('is taken back where the restart never came', () => {
    expect(told(wanted, look(at(seconds(2))), look(over))).toEqual({
      kind: 'revert',
      because: 'the gateway was not restarted with it within 10 min',
    });
  });
});

describe('a change that is to be taken back, and could not be', () => {
  const undoing = (tries: number): Undoing => ({ because: 'it is odd', tries, triedAt: applied, told: [] });
  const pauses = [seconds(10), seconds(20), seconds(40), seconds(80), seconds(160), minutes(5), minutes(5)];

  it.each(pauses.map((pause, n) => [n + 1, pause] as const))(
    'is tried again, however well the gateway serves; after %s tries in %s ms',
    (tries, pause) => {
      const of = trial({ undoing: undoing(tries) });
      expect(told(of, look(instant(at(pause) - 1)))).toEqual({
        kind: 'wait',
        because: 'it is to be taken back: it is odd',
      });
      expect(told(of, look(at(pause)))).toEqual({ kind: 'revert', because: 'it is odd' });
    },
  );

  it.each<readonly [string, Partial<Seen>, Instant, object]>([
    ['again at once where the clock was set back', {}, instant(applied - 1), revert],
    ['also in a pause', { state: suspended() }, at(seconds(10)), revert],
    ['also where nothing can be told', { sight: blind, live: { kind: 'unknown' } }, at(seconds(10)), revert],
    ['no more once it is', { live: { kind: 'known', hash: 'old' } }, at(seconds(1)), { kind: 'gone' }],
    [
      'no more once somebody changed it',
      { live: { kind: 'known', hash: 'other' } },
      at(seconds(1)),
      { kind: 'superseded' },
    ],
  ])('is tried %s', (_name, seen, when, verdict) => {
    expect(told(toConfirm({ confirmed: true, undoing: undoing(1) }), look(when, seen))).toMatchObject(
      verdict,
    );
  });

  it('is tried soon by another watchdog, however long the pause had become', () => {
    const of = resumeTrial(trial({ undoing: undoing(40) }), at(seconds(1)), policy);
    expect(of.undoing).toEqual({ ...undoing(0) });
    expect(told(of, look(at(seconds(10))))).toMatchObject(revert);
  });
});

describe('a trial that is taken up by another watchdog', () => {
  it('keeps its confirmation and gives the boot under way its time from the beginning', () => {
    const now = at(seconds(30));
    expect(resumeTrial(toConfirm(), now, policy)).toEqual(
      toConfirm({ watchUntil: plus(now, policy.trialMaxMs) }),
    );
    expect(resumeTrial(trial(), now, policy).confirmBy).toBeNull();
  });

  it('never waits longer than it was granted, though the clock was set back meanwhile', () => {
    const now = instant(applied - hours(24));
    expect(resumeTrial(toConfirm(), now, policy)).toMatchObject({
      appliedAt: now,
      confirmBy: plus(now, minutes(2)),
    });
  });
});
