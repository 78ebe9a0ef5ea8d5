import { describe, expect, test } from 'vitest';
import { initialState, type State } from '../../src/core/state.ts';
import { why } from '../../src/core/why.ts';
import * as ground from './ground.ts';
import { acting, moment, observing, tellOfServing } from './story.ts';
import * as world from './world.ts';

const { on } = ground;
const ask = (seen: world.Sight, state: State = tellOfServing().state, rules = acting): readonly string[] => {
  const now = moment('01:00');
  return why({ state, evidence: seen(now), now, rules });
};
/** What would be done, without the evidence and the causes above it. */
const plan = (...asked: Parameters<typeof ask>): readonly string[] => {
  const lines = ask(...asked);
  return lines.slice(lines.indexOf('what would be done') + 1).map((line) => line.trim());
};

const down = on(world.relaunching, ground.sound);
const broken = on(down, ground.rejected, ground.snapshot(), ground.missing, ground.archive());

test('the chain is evidence and verdicts, then causes, then what would be done and why not more', () => {
  expect(ask(broken, initialState).join('\n')).toBe(
    `evidence and verdicts
  FAIL  service: the job has no process; the service manager is about to start it
  FAIL  healthz: connections to the gateway are refused
  FAIL  listener: nobody listens on the gateway's port
  FAIL  config: rejected: channels.telegram.enabled must be boolean
  FAIL  package: missing: the package ws, which openclaw needs, is not there
  ok    plugins: complete
  ok    start: /opt/node/bin/node and its wrapper are fit
  ok    lock: nobody else holds it
  note  disk: 93.1 GB free at /state
  ok    channels: not held back by OpenClaw
causes
  dependency-missing: the openclaw package is incomplete: the package ws, which openclaw needs, is not there; and besides: the gateway's config is invalid: channels.telegram.enabled must be boolean
      looks like: starts fail; told apart by: a package that openclaw needs is not there; enters the ladder at: L2
  also config-invalid (certain): the gateway's config is invalid: channels.telegram.enabled must be boolean
what would be done
  repair the openclaw package with archive 2026.9.6 (L2), once it has held for 0 ms
  no more, because the least that claims the cause is tried first; the budgets have room for it`,
  );
});

describe('what would be done', () => {
  test.each<[string, world.Sight, readonly string[]]>([
    ['a gateway that serves', world.serving(), ['nothing: a gateway that serves is never touched']],
    [
      'one that boots',
      world.booting(),
      ['nothing: the gateway or launchd is on it, and an action would only disturb'],
    ],
    ['an update', world.updating, ['nothing: somebody else is at work, or wants it so']],
    ['nothing to be told', world.blind, ['nothing: what cannot be told is no failure']],
    [
      'a cause for a person',
      on(down, ground.diskFull),
      [
        'tell the operator (L4), after 15 s',
        'no more, because no rung may touch this cause or none has anything to mend it with',
      ],
    ],
    [
      'silence of a process nobody could prove to be the gateway',
      world.but(world.frozen('idle'), { listener: { kind: 'none' } }),
      ['nothing, because the process this would end could not be proven to be the gateway'],
    ],
    [
      'a hang',
      world.frozen('idle'),
      [
        'restart the gateway (L1), once it has held for 20 s',
        'no more, because the least that claims the cause is tried first; the budgets have room for it',
      ],
    ],
    [
      'a refused config that was left as it is a minute ago',
      on(down, ground.rejected, ground.snapshot()),
      [
        'roll the config back to snapshot 41c7 (L3), once it has held for 0 ms',
        'no more, because the least that claims the cause is tried first; the budgets have room for it',
      ],
    ],
    [
      'a config that is being edited',
      on(down, ground.removed, ground.snapshot()),
      [
        'roll the config back to snapshot 41c7 (L3), once it has looked like this for long enough',
        'no more, because the least that claims the cause is tried first; the budgets have room for it',
      ],
    ],
  ])('%s', (_name, seen, lines) => {
    expect(plan(seen)).toEqual(lines);
  });

  test('observing only, it would be said and not done', () => {
    expect(plan(world.pended, initialState, observing)).toEqual([
      'start the gateway (L1), once it has held for 15 s',
      'but it only observes: it would say so and do nothing',
      'no more, because the least that claims the cause is tried first; the budgets have room for it',
    ]);
  });

  test('while an action is in flight, nothing more', () => {
    const story = tellOfServing();
    story.hold('00:13', '00:31', world.frozen('idle'), 2);
    expect(plan(world.frozen('idle'), story.state)).toEqual([
      'nothing more: restart the gateway (A1) is in flight',
    ]);
  });

  test('after restarts that did not help, why it would not be tried again', () => {
    const story = tellOfServing();
    story.hold('00:13', '00:31', world.frozen('idle'), 2);
    story.ends('00:33', 'failed');
    expect(plan(world.frozen('idle'), story.state)[1]).toBe(
      'no more, because the action before it is given time to help: next one in 1 s',
    );
  });

  test('suspended: by what, until when, and nothing', () => {
    const story = tellOfServing();
    story.command('00:30', { kind: 'pause', until: moment('05:30'), because: 'asked for' });
    expect(plan(world.frozen('idle'), story.state)).toEqual([
      'nothing while this is suspended (paused, for up to 5 min): paused for another 5 min; "immune resume" ends it',
    ]);
    story.command('00:40', { kind: 'pause', until: null, because: 'asked for' });
    expect(plan(world.frozen('idle'), story.state)).toEqual([
      'nothing while this is suspended (paused): paused until "immune resume"',
    ]);
    expect(plan(world.serving(), story.state)).toEqual(['nothing: a gateway that serves is never touched']);
  });
});

test('a bad config under a serving gateway is told beside it, though this is the first look at it', () => {
  const now = moment('10:00');
  const seen = on(world.serving(), ground.sound, ground.rejected)(now);
  const lines = why({ state: initialState, evidence: seen, now, rules: acting });
  expect(lines.join('\n')).toContain(
    '  also config-latent (certain): still running on the old config; the next start',
  );
});

test.each([
  ['start', world.pended, 'start the gateway (L1)'],
  ['reload', world.unloaded, "load the gateway's job and start it (L1)"],
  ['unpark', world.parked(moment('00:59'), 'gone'), "enable and load the gateway's job and start it (L1)"],
] as const)('a %s in words', (_kind, seen, words) => {
  expect(plan(seen)[0]).toContain(words);
});
