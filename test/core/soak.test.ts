import { describe, expect, test } from 'vitest';
import type { Evidence } from '../../src/core/evidence.ts';
import type { ConfigEvidence } from '../../src/core/ground-evidence.ts';
import { changedSince, followSoak, judgeSoak, type Soak } from '../../src/core/soak.ts';
import { type Generation, initialState, type State } from '../../src/core/state.ts';
import { instant, millis, minutes, plus, seconds } from '../../src/core/time.ts';
import { on, sound } from './ground.ts';
import { dawn, first, serving } from './world.ts';

const generation: Generation = {
  pid: first.pid,
  startedAt: first.startedAt,
  bootId: 'b',
  firstSeenAt: dawn,
  listenedAt: dawn,
  readyAt: dawn,
};
const calm: State = { ...initialState, phase: { kind: 'healthy' }, generation };
const config = (hash: string): ConfigEvidence => ({
  kind: 'sound',
  hash,
  changedAt: dawn,
  validator: 'valid',
});
const seen = (what: Partial<Evidence['ground']> = {}): Evidence => on(serving(), sound, what)(dawn);
const rules = { soakMs: seconds(120), trial: false };

interface Step {
  readonly at: number;
  readonly state?: Partial<State>;
  readonly config?: ConfigEvidence;
}

/** Follows the looks, the last of which is judged. */
function judged(steps: readonly Step[], how: Partial<typeof rules> = {}) {
  let soak: Soak | null = null;
  let verdict = judgeSoak(null, { state: calm, evidence: seen(), elapsed: millis(0) }, rules);
  for (const step of steps) {
    const look = {
      state: { ...calm, ...step.state },
      evidence: seen(step.config === undefined ? {} : { config: step.config }),
      elapsed: seconds(step.at),
    };
    soak = followSoak(soak, look);
    verdict = judgeSoak(soak, look, { ...rules, ...how });
  }
  return verdict;
}

const sick: Partial<State> = { phase: { kind: 'suspect' } };
const unhealthy = 'the gateway is not healthy';
const early = 'the gateway has not been ready for long enough';
const altered = 'the config was changed under the running gateway';

describe('the soak of a generation', () => {
  test('is over once it was healthy for long enough with one config', () => {
    expect(judged([{ at: 0 }, { at: 120 }])).toEqual({
      kind: 'over',
      startedAt: first.startedAt,
      config: 'good',
      mark: `${first.pid} ${dawn} good`,
    });
  });

  test.each<[string, readonly Step[], string]>([
    ['nothing was seen of it', [], unhealthy],
    ['there is no generation', [{ at: 0, state: { generation: null } }], unhealthy],
    ['it is a second too early', [{ at: 0 }, { at: 119 }], early],
    ['it is not healthy', [{ at: 0 }, { at: 130, state: sick }], unhealthy],
    ['its health had a break', [{ at: 0 }, { at: 60, state: sick }, { at: 61 }, { at: 180 }], early],
    [
      'it was never ready',
      [
        { at: 0, state: { generation: { ...generation, readyAt: null } } },
        { at: 120, state: { generation: { ...generation, readyAt: null } } },
      ],
      unhealthy,
    ],
    [
      'an incident is open',
      [{ at: 0 }, { at: 120, state: { incident: { id: 'I1' } as State['incident'] } }],
      unhealthy,
    ],
    [
      'another process has taken its place',
      [
        { at: 0 },
        { at: 120, state: { generation: { ...generation, pid: 7, firstSeenAt: plus(dawn, minutes(2)) } } },
      ],
      early,
    ],
    [
      'the machine slept through a part of it',
      [
        { at: 0, state: { asleepMs: minutes(9) } },
        { at: 120, state: { asleepMs: millis(minutes(9) + 1) } },
      ],
      early,
    ],
    [
      'the start of the process is not known',
      [
        { at: 0, state: { generation: { ...generation, startedAt: null } } },
        { at: 120, state: { generation: { ...generation, startedAt: null } } },
      ],
      'it is not known when the process was started',
    ],
    [
      'the config was changed meanwhile',
      [{ at: 0 }, { at: 60, config: config('edited') }, { at: 120 }],
      altered,
    ],
    ['the config is another one at the end', [{ at: 0 }, { at: 120, config: config('edited') }], altered],
    [
      'the config is faulty',
      [
        { at: 0, config: { kind: 'faulty', fault: 'rejected', hash: 'good', changedAt: dawn, because: '' } },
        {
          at: 120,
          config: { kind: 'faulty', fault: 'rejected', hash: 'good', changedAt: dawn, because: '' },
        },
      ],
      'the config is not known to be sound',
    ],
    [
      'the validator is at work',
      [
        { at: 0 },
        { at: 120, config: { kind: 'sound', hash: 'good', changedAt: dawn, validator: 'pending' } },
      ],
      "OpenClaw's validator is still at work",
    ],
  ])('is not over: %s', (_name, steps, because) => {
    expect(judged(steps)).toEqual({ kind: 'wait', because });
  });

  test('does not end while a changed config is on trial', () => {
    expect(judged([{ at: 0 }, { at: 500 }], { trial: true })).toMatchObject({ kind: 'wait' });
  });

  test('is not disturbed by a look that could not read the config, nor by a validator that gives no answer', () => {
    const looks = [
      { at: 0 },
      { at: 60, config: { kind: 'unread' } as const },
      { at: 120, config: undecided },
    ];
    expect(judged(looks)).toMatchObject({ kind: 'over' });
  });

  test('takes no look at a gateway that is still booting for what it booted with', () => {
    const booting: Partial<State> = { phase: { kind: 'starting' } };
    const looks = [{ at: 0, state: booting, config: config('stale') }, { at: 10 }, { at: 130 }];
    expect(judged(looks)).toMatchObject({ kind: 'over', config: 'good' });
  });

  test('counts the sleep only from where it began', () => {
    const slept: Partial<State> = { asleepMs: minutes(480) };
    expect(
      judged([
        { at: 0, state: slept },
        { at: 120, state: slept },
      ]),
    ).toMatchObject({ kind: 'over' });
  });
});

const undecided: ConfigEvidence = { kind: 'sound', hash: 'good', changedAt: dawn, validator: 'unknown' };

describe('a process booted with a file', () => {
  const started = instant(1_000_000);
  const file = (mtimeMs: number, ctimeMs: number) => ({ path: 'a', mtimeMs, ctimeMs });
  test.each([
    ['written before its start', file(999_000, 999_500), true],
    ['written at its start', file(1_000_000, 1_000_000), true],
    ['written within the second of its start', file(1_000_000.5, 1_000_000), false],
    ['moved there later, with an old time', file(1, 1_000_001), false],
    ['written later with its change time set back', file(1_000_001, 1), false],
  ])('%s', (_name, one, booted) => {
    expect(changedSince([file(1, 1), one], started)).toEqual(booted ? null : one);
  });
});
