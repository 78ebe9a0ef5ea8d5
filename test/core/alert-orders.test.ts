import { describe, expect, it, test } from 'vitest';
import { orderWithinMs } from '../../src/core/asked.ts';
import type { Rules } from '../../src/core/look.ts';
import { defaultPolicy } from '../../src/core/policy.ts';
import { type AlertStory, alertStory } from './alert-world.ts';
import * as ground from './ground.ts';
import { acting, moment, observing } from './story.ts';
import * as world from './world.ts';

const { on, sound } = ground;
const served = on(world.serving(), sound);
const down = on(world.jobStopped, sound);
const second = on(world.serving(world.second), sound);

const order = (t: AlertStory, at: string, seen: world.Sight): void =>
  t.command(at, { kind: 'restart', evidence: seen(moment(at)), force: true, by: 'ops' });

describe('a restart that a person ordered', () => {
  const stories: readonly (readonly [
    what: string,
    story: (t: AlertStory) => void,
    told: readonly string[],
    codes: readonly string[],
    rules?: Rules,
  ])[] = [
    [
      'of a gateway that serves wakes nobody, however long the boot takes',
      (t) => {
        t.at('00:00', served);
        order(t, '00:10', served);
        t.ends('00:20', 'done');
        t.hold('00:22', '04:00', on(world.booting(), sound));
        t.hold('04:02', '06:00', second);
      },
      [],
      ['asked-by-operator', 'asked-by-operator', 'asked-by-operator'],
    ],
    [
      'is no recovery either, where something else was told meanwhile',
      (t) => {
        t.at('00:00', served);
        order(t, '00:10', served);
        t.ends('00:20', 'done');
        t.hold('00:22', '03:00', on(world.serving(world.second), sound, ground.rejected));
      },
      ['00:27 told'],
      ['asked-by-operator', 'asked-by-operator', 'condition', 'asked-by-operator'],
    ],
    [
      'of a gateway that was stopped wakes nobody',
      (t) => {
        t.at('00:00', served);
        t.hold('00:30', '00:40', on(world.stoppedByOperator(moment('00:20')), sound));
        order(t, '00:50', on(world.stoppedByOperator(moment('00:20')), sound));
        t.ends('00:52', 'done');
        t.hold('00:54', '01:10', on(world.booting(), sound));
        t.hold('01:12', '03:00', second);
      },
      [],
      ['asked-by-operator', 'asked-by-operator', 'asked-by-operator'],
    ],
    [
      'is an outage like any other once the watchdog has to help',
      (t) => {
        t.at('00:00', served);
        order(t, '00:10', served);
        t.ends('00:20', 'done');
        t.hold('00:22', '02:00', down);
        expect(t.told).toEqual(['01:42 down']);
        t.ends('02:02', 'done');
        t.hold('02:04', '04:00', second);
      },
      ['01:42 down', '03:04 recovered'],
      ['asked-by-operator', 'asked-by-operator', 'self-healing', 'grace-over', 'serves-again'],
    ],
    [
      'that ends an outage which was told is silent itself, and the recovery is told',
      (t) => {
        t.at('00:00', served);
        t.hold('00:10', '03:00', down);
        order(t, '03:10', down);
        t.ends('03:12', 'done');
        t.hold('03:14', '05:00', second);
      },
      ['00:25 told', '01:40 down', '04:14 recovered'],
      ['in-grace', 'condition', 'grace-over', 'asked-by-operator', 'said-at-the-end', 'serves-again'],
      observing,
    ],
    [
      'that ends an outage within the grace wakes nobody: whoever typed it has seen it',
      (t) => {
        t.at('00:00', served);
        t.at('00:10', on(world.connectionBroke(), sound));
        t.at('00:20', down);
        order(t, '00:22', down);
        t.ends('00:24', 'done');
        t.hold('00:26', '02:00', second);
      },
      [],
      ['in-grace', 'asked-by-operator', 'asked-by-operator'],
      observing,
    ],
  ];
  test.each(
    stories.map(([name, story, told, codes, rules = acting]) => ({ name, story, told, codes, rules })),
  )('$name', ({ story, told, codes, rules }) => {
    const t = alertStory({ rules });
    story(t);
    expect({ told: t.told, codes: t.codes }).toEqual({ told, codes });
  });

  it('is an outage, too, once nobody waits for its answer any more', () => {
    const t = alertStory({ rules: observing });
    t.at('00:00', served);
    order(t, '00:10', served);
    t.ends('00:20', 'done');
    const waited = orderWithinMs(defaultPolicy) / 60_000;
    t.hold('00:22', `${waited}:09`, on(world.booting(), sound), 10);
    expect(t.told.filter((each) => each.includes('down'))).toEqual([]);
    t.at(`${waited}:10`, on(world.booting(), sound));
    expect(t.told.at(-1)).toBe(`${waited}:10 down`);
    t.hold(`${waited}:12`, `${waited + 2}:00`, second);
    expect(t.told.at(-1)).toBe(`${waited + 1}:12 recovered`);
  });
});
