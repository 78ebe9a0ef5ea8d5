import { describe, expect, test } from 'vitest';
import { policyProblems } from '../../src/config/limits.ts';
import { policyWords } from '../../src/config/policy-words.ts';
import { parseSettings } from '../../src/config/settings.ts';
import { defaultPolicy, type Policy } from '../../src/core/policy.ts';
import { hours, millis, minutes, seconds } from '../../src/core/time.ts';

const with_ = (changes: Partial<Policy>): Policy => ({ ...defaultPolicy, ...changes });
const asked = (changes: Partial<Policy>): readonly string[] =>
  policyProblems(with_(changes)).map(({ key, hint }) => `${key} ${hint}`);

test('the defaults are demands on themselves that hold', () => {
  expect(policyProblems(defaultPolicy)).toEqual([]);
});

describe('a policy that makes no sense', () => {
  test.each<[string, Partial<Policy>, string]>([
    [
      'a tick that spins',
      { tickMs: millis(19), urgentTickMs: millis(19) },
      'policy.tickMs must be at least 20ms',
    ],
    ['an urgent tick that spins', { urgentTickMs: millis(19) }, 'policy.urgentTickMs must be at least 20ms'],
    [
      'an urgent tick slower than the ordinary one',
      { urgentTickMs: millis(10_001) },
      'policy.urgentTickMs must not be longer than tickMs (10s)',
    ],
    [
      'one witness trusted sooner than two',
      { hangActAloneMs: millis(19_999) },
      'policy.hangActAloneMs must not be shorter than hangActMs (20s)',
    ],
    [
      'every look after a sleep',
      { gapMs: seconds(10) },
      'policy.gapMs must be longer than tickMs (10s), or every look seems to follow a sleep',
    ],
    [
      'a message tried again sooner at the longest than at first',
      { alertRetryMaxMs: seconds(4) },
      'policy.alertRetryMaxMs must not be shorter than alertRetryMs (5s)',
    ],
    [
      'a message that is given up before it is tried again',
      { alertGiveUpMs: minutes(15) },
      'policy.alertGiveUpMs must be longer than alertRetryMaxMs (15m), or nothing is ever tried again',
    ],
    [
      'flapping that resolves sooner',
      { flapStableMs: seconds(59) },
      'policy.flapStableMs must not be shorter than stableMs (1m), or flapping would resolve sooner',
    ],
    [
      'a burst limit that cannot trip',
      { burst: { limit: 2, windowMs: millis(59_999) } },
      'policy.burst.windowMs is too short for its limit to be reached: 2 actions need at least 60000ms',
    ],
    [
      'a long limit that cannot trip',
      { sustained: { limit: 100, windowMs: minutes(49) } },
      'policy.sustained.windowMs is too short for its limit to be reached: 100 actions need at least 3000000ms',
    ],
    [
      'a limit of rollbacks that cannot trip',
      { rollbacks: { limit: 3, windowMs: seconds(89) } },
      'policy.rollbacks.windowMs is too short for its limit to be reached: 3 actions need at least 90000ms',
    ],
    [
      'a limit of reinstalls that cannot trip',
      { reinstalls: { limit: 2, windowMs: seconds(59) } },
      'policy.reinstalls.windowMs is too short for its limit to be reached: 2 actions need at least 60000ms',
    ],
    [
      'flapping that can never be seen',
      { flap: { limit: 4, windowMs: seconds(39) } },
      'policy.flap.windowMs is too short for its limit to be reached: 4 losses need at least 40000ms',
    ],
    [
      'a long window shorter than the short one',
      { sustained: { limit: 6, windowMs: minutes(4) }, backoffMaxMs: minutes(3) },
      'policy.sustained.windowMs must not be shorter than burst.windowMs (5m)',
    ],
    [
      'a long limit below the short one',
      { sustained: { limit: 3, windowMs: hours(6) }, burst: { limit: 4, windowMs: minutes(5) } },
      'policy.sustained.limit must not be below burst.limit (4), which could never be reached',
    ],
    [
      'a longest pause shorter than the first',
      { backoffMaxMs: seconds(29) },
      'policy.backoffMaxMs must not be shorter than backoffMs (30s)',
    ],
    [
      'pauses so long that the budget is never used up',
      { backoffMaxMs: hours(6) },
      'policy.backoffMaxMs must be shorter than sustained.windowMs (6h), or that budget can never be used up',
    ],
    [
      'restarts that use up what a repair needs',
      { restartAttempts: 6 },
      'policy.restartAttempts must be below sustained.limit (6), or the rungs above a restart are never reached',
    ],
    [
      'a short window that hides the long one',
      { burst: { limit: 2, windowMs: hours(6) } },
      'policy.burst.windowMs as long as sustained.windowMs, it hides that limit: make it shorter',
    ],
    [
      'more reinstalls than the budget has actions',
      { reinstalls: { limit: 25, windowMs: hours(24) } },
      'policy.reinstalls.limit could never be reached within the budget of actions',
    ],
    [
      'more rollbacks than the budget has actions',
      { rollbacks: { limit: 25, windowMs: hours(24) } },
      'policy.rollbacks.limit could never be reached within the budget of actions',
    ],
    [
      'a crash loop told before a repair can be judged',
      { crashLoopRuns: 2 },
      'policy.crashLoopRuns must be above 2: a repair is judged by two starts, and a loop told before that would end the ladder early',
    ],
  ])('%s is refused, for that reason', (_name, changes, problem) => {
    expect(asked(changes)).toContain(problem);
  });

  test.each<[string, Partial<Policy>]>([
    ['ticks as short as may be', { tickMs: millis(20), urgentTickMs: millis(20) }],
    ['two ticks alike', { urgentTickMs: seconds(10) }],
    ['two witnesses alike', { hangActAloneMs: seconds(20) }],
    ['a gap just above a tick', { gapMs: millis(10_001) }],
    ['no hysteresis', { flapStableMs: seconds(60) }],
    ['a burst that can just trip', { burst: { limit: 2, windowMs: minutes(1) } }],
    ['losses that can just be seen', { flap: { limit: 4, windowMs: seconds(40) } }],
    ['pauses that do not grow', { backoffMaxMs: seconds(30) }],
    ['one limit for both windows', { burst: { limit: 6, windowMs: hours(6) } }],
    ['as many restarts as leave one action', { restartAttempts: 5 }],
    ['as many repairs as the budget allows', { reinstalls: { limit: 24, windowMs: hours(24) } }],
    ['as many rollbacks as the budget allows', { rollbacks: { limit: 24, windowMs: hours(24) } }],
    ['a crash loop of three', { crashLoopRuns: 3 }],
  ])('%s is accepted', (_name, changes) => {
    expect(asked(changes)).toEqual([]);
  });

  test('a pause between actions lets a shorter window trip, for the waits before them may be longer', () => {
    const quick = { backoffMs: seconds(1), burst: { limit: 2, windowMs: seconds(30) } };
    // The shortest of the waits that precede an action is the 15 s of a pended job.
    expect(asked(quick)).toEqual([]);
    expect(asked({ ...quick, burst: { limit: 2, windowMs: seconds(29) } })).toHaveLength(1);
    for (const key of ['hangActMs', 'relaunchGraceMs', 'pendedGraceMs', 'reloadAfterMs'] as const) {
      expect(asked({ ...quick, [key]: seconds(1), burst: { limit: 2, windowMs: seconds(2) } })).toEqual([]);
    }
  });
});

const least = {
  gateway: { label: 'l', plist: '/p', stateDir: '/s', configPath: '/c' },
  tools: { ps: '/bin/ps' },
};
const parsed = (policy: object) => parseSettings(JSON.stringify({ ...least, policy }), '/c/config.json5');

describe('the keys of the policy', () => {
  test.each<[keyof Policy, unknown, unknown]>([
    ['rollbacks', { limit: 2 }, { limit: 2, windowMs: hours(24) }],
    ['reinstalls', { windowMs: '12h' }, { limit: 2, windowMs: hours(12) }],
    ['flap', { limit: 5, windowMs: '1h' }, { limit: 5, windowMs: hours(1) }],
    ['backoffMs', '1m', minutes(1)],
    ['backoffMaxMs', '20m', minutes(20)],
    ['calmMs', '1h', hours(1)],
    ['flapStableMs', '15m', minutes(15)],
    ['editGraceMs', '20s', seconds(20)],
    ['latentTellMs', '5m', minutes(5)],
    ['validatorMs', '1m', minutes(1)],
    ['suspendTellMs', '2h', hours(2)],
    ['alertGraceMs', '2m', minutes(2)],
    ['alertsPerHour', { limit: 5 }, { limit: 5, windowMs: hours(1) }],
    ['diskFreeBytes', 1_000_000, 1_000_000],
    ['memoryBytes', 8_000_000_000, 8_000_000_000],
  ])('%s is a setting', (key, written, value) => {
    const outcome = parsed({ [key]: written });
    expect(outcome.kind === 'ok' && outcome.settings.policy[key]).toEqual(value);
  });

  test('sizes are no durations, and durations no sizes', () => {
    expect(parsed({ diskFreeBytes: '64MB' }).kind).toBe('invalid');
    expect(parsed({ diskFreeBytes: 0 }).kind).toBe('invalid');
    expect(parsed({ calmMs: 'often' }).kind).toBe('invalid');
    expect(parsed({ flap: { limit: 0 } }).kind).toBe('invalid');
  });

  test('a demand that fails refuses the whole file, by its key', () => {
    const outcome = parsed({ crashLoopRuns: 1 });
    expect(outcome.kind === 'invalid' && outcome.problems.map(({ key }) => key)).toEqual([
      'policy.crashLoopRuns',
    ]);
  });

  test('each has its sentence', () => {
    expect(Object.keys(policyWords).sort()).toEqual(Object.keys(defaultPolicy).sort());
    for (const [key, words] of Object.entries(policyWords)) {
      expect([key, /^[A-Z`l].*\.$/.test(words)]).toEqual([key, true]);
    }
  });
});
