import { describe, expect, test } from 'vitest';
import { instant } from '../../src/core/time.ts';
import * as ground from './ground.ts';
import { moment, tell, tellOfServing } from './story.ts';
import * as world from './world.ts';

const { on } = ground;

describe('a look that comes half way', () => {
  test('a goodbye and connections that are refused: on its way, no incident', () => {
    const story = tellOfServing();
    story.at('00:10', world.connectionBroke('gateway restarting'));
    expect([story.state.cause, story.heard]).toEqual(['draining', []]);
  });

  test('a quick look that proves nothing says only that it looks closer', () => {
    const story = tellOfServing();
    const unreachable = { healthz: { kind: 'unreachable', because: 'no route' } } as const;
    story.at('00:10', world.but(world.connectionBroke(), unreachable));
    story.at('00:11', world.but(world.connectionBroke('bye'), unreachable));
    expect(story.state.because).toBe('the gateway did not answer; looking closer');
    expect(story.heard).toEqual([]);
  });

  test('after its goodbye a gateway still answers the connections it has: that is not serving', () => {
    const story = tellOfServing();
    story.at(
      '00:10',
      world.but(world.connectionBroke('gateway restarting'), { healthz: { kind: 'live', latencyMs: 1 } }),
    );
    expect([story.state.cause, story.phase]).toEqual(['draining', 'starting']);
  });

  test.each(['none', 'unread', 'unknown'] as const)(
    'it answers, and who listens is %s: believed, and said',
    (kind) => {
      const story = tellOfServing();
      const listener = kind === 'unknown' ? ({ kind, because: 'no lsof' } as const) : ({ kind } as const);
      story.at('00:10', world.but(world.authMismatch, { listener }));
      expect(story.phase).toBe('healthy');
      expect(story.state.notes).toContain('who listens on the port could not be determined');
    },
  );

  test('a readiness of 503 without a reason is said so', () => {
    const story = tellOfServing();
    story.hold(
      '00:10',
      '01:10',
      world.but(world.serving(), { readiness: { kind: 'not-ready', failing: [] } }),
    );
    expect(story.texts).toEqual(['readiness 503: no reason given']);
  });

  test('a start time that is learnt later belongs to the same life', () => {
    const story = tell();
    const unseen = { process: { kind: 'unknown', because: 'ps gave no answer' } } as const;
    story.at('00:10', world.but(world.booting(), unseen));
    expect(story.state.generation).toMatchObject({ pid: 200, startedAt: null });
    story.at('00:15', world.booting());
    expect(story.state.generation?.startedAt).toBe(world.second.startedAt);
    story.at('00:20', world.but(world.booting(), unseen));
    expect(story.state).toMatchObject({ bootsSinceReady: 1, generation: { pid: 200 } });
  });

  test('a life whose start nobody knows is ready all the same, and says nothing of boot times', () => {
    const story = tell();
    const unseen = { process: { kind: 'unknown', because: 'ps gave no answer' } } as const;
    story.at('00:10', world.but(world.booting(), unseen));
    story.at('00:15', world.but(world.serving(world.second), unseen));
    expect(story.state).toMatchObject({ bootTimes: [], lastReady: { pid: 200, startedAt: null } });
    // By the moment it was first seen: a stop before it is history, one after it counts.
    story.at('00:20', world.stoppedByOperator(moment('00:05')));
    expect(story.state.cause).toBe('unloaded');
    story.at('00:25', world.stoppedByOperator(moment('00:18')));
    expect(story.state.cause).toBe('stopped-by-operator');
  });

  test('time that was slept before a life was seen is none of its boot', () => {
    const story = tell();
    story.at('00:10', world.late(world.booting(), 3_600_000));
    expect(story.state.asleepMs).toBe(0);
    story.at('00:20', world.late(world.booting(), 6_000));
    expect(story.state.asleepMs).toBe(6_000);
  });

  test('a wall clock that was set back: the order of a stop and a start cannot be told, so the stop is believed', () => {
    const story = tellOfServing();
    const before = instant(world.first.startedAt - 60_000);
    story.at(
      '00:10',
      world.but(world.stoppedByOperator(before), () => ({ at: instant(before + 1_000) })),
    );
    expect(story.state.cause).toBe('stopped-by-operator');
  });
});

describe('a suspicion', () => {
  test('of a damaged file, by what a failed start said', () => {
    const story = tellOfServing();
    story.at('00:10', world.booting());
    const said = on(
      world.relaunching,
      ground.sound,
      ground.says('code-damaged', 'Invalid or unexpected token'),
    );
    story.at('00:20', on(said, ground.archive()));
    expect(story.state.cause).toBe('dist-corrupted');
  });

  test('of a newer database, by a refused migration', () => {
    const story = tellOfServing();
    story.at('00:10', world.connectionBroke());
    const said = ground.says('migration-required', 'a migration is required');
    story.hold('00:12', '00:30', on(world.relaunching, ground.sound, said));
    expect(story.phase).toBe('exhausted: schema-newer');
  });

  test('never leads over a park whose cause is gone: one start of it tells', () => {
    const story = tellOfServing();
    story.at('00:10', world.booting());
    const said = ground.says('module-missing', 'Cannot find module ws');
    const parked = on(world.parked(moment('00:12'), 'gone'), ground.sound, said, ground.archive());
    story.hold('00:15', '00:30', parked);
    expect(story.deeds).toEqual(['unpark']);
  });

  test('of a port that is held keeps a parked job parked', () => {
    const story = tellOfServing();
    const held = ground.heldBy(world.parked(moment('00:09'), 'gone'), {
      kind: 'foreign',
      pid: 7,
      command: 'python3',
      uid: 501,
    });
    story.hold('00:10', '05:00', held);
    expect([story.deeds, story.phase]).toEqual([[], 'exhausted: port-foreign']);
  });
});

test('learning more of one silence does not begin it anew', () => {
  const story = tellOfServing();
  story.at('00:13', on(world.frozen('idle'), ground.sound));
  const full = { descriptors: { kind: 'read', pid: 100, open: 256, limit: 256 } } as const;
  story.hold('00:15', '00:31', on(world.frozen('idle'), full), 2);
  expect(story.deeds).toEqual(['restart']);
  expect(story.state.incident?.attempts[0]).toMatchObject({ cause: 'descriptors', at: moment('00:31') });
});
