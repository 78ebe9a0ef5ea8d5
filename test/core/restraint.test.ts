import { describe, expect, test } from 'vitest';
import type { Phase } from '../../src/core/state.ts';
import { initialState } from '../../src/core/state.ts';
import { instant } from '../../src/core/time.ts';
import { acting, moment, type Story, tell, tellOfServing } from './story.ts';
import * as world from './world.ts';

const spawned = { pid: 200, startedAt: moment('00:20') };

describe('booting', () => {
  test.each(['04:20', '10:10'])('a boot that is not done by %s is left alone, and nothing is said', (end) => {
    const story = tell();
    story.hold('00:20', end, world.booting(spawned));
    expect(story.deeds).toEqual([]);
    expect(story.heard).toEqual([]);
    story.hold(end, end, world.serving(spawned));
    expect(story.phase).toBe('healthy');
  });

  test('a boot of more than ten minutes is restarted', () => {
    const story = tell();
    story.hold('00:20', '10:30', world.booting(spawned));
    expect(story.deeds).toEqual([]);
    story.hold('10:35', '10:40', world.booting(spawned));
    expect(story.deeds).toEqual(['restart']);
    expect(story.actions[0]?.because).toMatch(/without listening/);
  });

  test('the time this machine slept is no boot time', () => {
    const story = tell();
    story.hold('00:20', '01:00', world.booting(spawned));
    story.at('3:01:00', world.late(world.booting(spawned), 3 * 3_600_000));
    story.hold('3:01:05', '3:09:00', world.booting(spawned));
    expect(story.deeds).toEqual([]);
    expect(story.state.cause).toBe('booting');
    story.hold('3:09:05', '3:14:00', world.booting(spawned));
    expect(story.deeds).toEqual(['restart']);
  });

  test('a step of the wall clock does not make a boot older', () => {
    const story = tell();
    const yearsAgo = { pid: 200, startedAt: instant(0) };
    story.hold('00:20', '10:00', world.booting(yearsAgo));
    expect(story.deeds).toEqual([]);
  });

  test('slower than usual is said, never acted on', () => {
    let before = initialState;
    for (let n = 0; n < 3; n += 1) {
      const life = { pid: 300 + n, startedAt: moment(`0${n}:00`) };
      const story = tell(acting, before);
      story.at(`0${n}:01`, world.booting(life));
      story.at(`0${n}:10`, world.serving(life));
      before = story.state;
    }
    expect(before.bootTimes).toEqual([10_000, 10_000, 10_000]);
    const story = tell(acting, before);
    const slow = { pid: 400, startedAt: moment('05:00') };
    story.at('05:01', world.booting(slow));
    expect(story.state.because).toMatch(/usually 10 s\); left alone/);
    story.at('05:31', world.booting(slow));
    expect(story.state.because).toMatch(/slower than usual/);
    expect(story.deeds).toEqual([]);
  });

  test('after our own restart the new life has its ten minutes again', () => {
    const story = tellOfServing();
    story.hold('00:13', '00:31', world.frozen('idle'), 2);
    story.ends('00:50', 'done');
    story.hold('00:52', '10:30', world.booting({ pid: 200, startedAt: moment('00:50') }));
    expect(story.deeds).toEqual(['restart']);
  });
});

describe('an update', () => {
  test('a live update means zero actions, and what it left is judged anew afterwards', () => {
    const story = tellOfServing();
    story.hold('00:10', '30:00', world.updating);
    expect(story.deeds).toEqual([]);
    expect(story.heard).toEqual([]);
    expect(story.phase).toBe('suspended: update-running');
    story.hold('30:05', '31:00', world.unloaded);
    expect(story.deeds).toEqual([]);
    story.at('31:05', world.unloaded);
    expect(story.deeds).toEqual(['reload']);
  });

  test('an incident that is open waits through an update', () => {
    const story = tellOfServing();
    story.at('00:10', world.connectionBroke());
    story.hold('00:15', '10:00', world.updating);
    story.hold('10:05', '12:00', world.serving(world.second));
    expect(story.heard).toEqual(['00:10 opened', '11:05 resolved']);
  });

  test('whether one is running cannot be told: nothing is done, told once', () => {
    const story = tellOfServing();
    const unsure = world.but(world.frozen('idle'), { update: { kind: 'unknown', because: 'EACCES' } });
    story.hold('00:10', '20:00', unsure);
    expect(story.deeds).toEqual([]);
    expect(story.heard).toEqual(['05:10 told']);
  });

  test('a stale marker stands in nobody’s way', () => {
    const story = tellOfServing();
    story.hold(
      '00:13',
      '00:31',
      world.but(world.frozen('idle'), { update: { kind: 'stale', marker: 'm' } }),
      2,
    );
    expect(story.deeds).toEqual(['restart']);
  });
});

describe('pause', () => {
  const pause = (story: Story, time: string, until: string | null): void => {
    story.command(time, {
      kind: 'pause',
      until: until === null ? null : moment(until),
      because: 'asked for',
    });
  };

  test('nothing is done while paused; when it expires the failure is counted from then', () => {
    const story = tellOfServing();
    pause(story, '00:05', '30:00');
    expect(story.phase).toBe('suspended: paused');
    story.hold('00:10', '29:55', world.frozen('idle'));
    expect(story.deeds).toEqual([]);
    expect(story.heard).toEqual([]);
    expect(story.state.because).toMatch(/paused for another 5 s/);
    story.hold('30:00', '30:15', world.frozen('idle'));
    expect(story.deeds).toEqual([]);
    story.hold('30:20', '30:20', world.frozen('idle'));
    expect(story.deeds).toEqual(['restart']);
  });

  test('without an end it lasts until resumed', () => {
    const story = tellOfServing();
    pause(story, '00:05', null);
    story.hold('00:10', '9:00:00', world.frozen('idle'), 60);
    expect(story.state.because).toMatch(/until "immune resume"/);
    story.command('9:00:01', { kind: 'resume' });
    expect(story.phase).toBe('starting');
    story.hold('9:00:05', '9:00:25', world.frozen('idle'));
    expect(story.deeds).toEqual(['restart']);
  });

  test('a healthy gateway under pause is shown as paused, and healthy again afterwards', () => {
    const story = tellOfServing();
    pause(story, '00:05', '01:00');
    story.at('00:10', world.serving());
    expect(story.phase).toBe('suspended: paused');
    story.at('01:00', world.serving());
    expect(story.phase).toBe('healthy');
  });

  test('a pause during an action lets the action end and then holds', () => {
    const story = tellOfServing();
    story.hold('00:13', '00:31', world.frozen('idle'), 2);
    pause(story, '00:32', null);
    expect(story.phase).toBe('repairing');
    story.ends('00:40', 'done');
    story.hold('00:45', '10:00', world.frozen('idle'));
    expect(story.deeds).toEqual(['restart']);
    expect(story.phase).toBe('suspended: paused');
  });

  test('resume without a pause changes nothing but the sentence', () => {
    const story = tellOfServing();
    story.command('00:05', { kind: 'resume' });
    expect(story.phase).toBe('healthy');
  });

  test.each(['journal-in-doubt', 'own-fault'] as const)(
    '%s: nothing until a person resumes, not even because a pause ends or the gateway serves',
    (cause) => {
      const phase: Phase = { kind: 'suspended', cause, since: world.dawn, until: null };
      const story = tell(acting, { ...initialState, phase });
      story.hold('00:10', '01:00', world.serving());
      pause(story, '01:05', '02:00');
      story.hold('01:10', '30:00', world.frozen('idle'));
      expect(story.deeds).toEqual([]);
      expect(story.phase).toBe(`suspended: ${cause}`);
      story.command('30:01', { kind: 'resume' });
      story.hold('30:05', '30:25', world.frozen('idle'));
      expect(story.deeds).toEqual(['restart']);
    },
  );
});

describe('sleep', () => {
  test('after a gap the failure run is discarded and nothing counts for 30 s', () => {
    const story = tellOfServing();
    story.hold('00:13', '00:28', world.frozen('idle'));
    story.at('2:00:30', world.late(world.frozen('idle'), 2 * 3_600_000));
    expect(story.phase).toBe('suspended: woken');
    story.hold('2:00:35', '2:01:15', world.frozen('idle'));
    expect(story.deeds).toEqual([]);
    story.hold('2:01:20', '2:01:25', world.frozen('idle'));
    expect(story.deeds).toEqual(['restart']);
  });

  test('a short nap below the gap is taken off the silence', () => {
    const story = tellOfServing();
    story.at('00:13', world.frozen('idle'));
    story.at('00:40', world.late(world.frozen('idle'), 25_000));
    story.hold('00:42', '00:50', world.frozen('idle'), 2);
    expect(story.deeds).toEqual([]);
    story.hold('00:55', '00:57', world.frozen('idle'), 2);
    expect(story.deeds).toEqual(['restart']);
  });

  test('our own death in the middle of a run does not lengthen it', () => {
    const story = tellOfServing();
    story.at('00:13', world.frozen('idle'));
    // The journal brought the run back; a new stall of a few seconds is all there is.
    const reborn = tell(acting, story.state);
    reborn.hold('20:13', '20:25', world.frozen('idle'), 2);
    expect(reborn.deeds).toEqual([]);
  });

  test('a gap during an action is not charged to the boot that follows', () => {
    const story = tellOfServing();
    story.hold('00:13', '00:31', world.frozen('idle'), 2);
    const life = { pid: 200, startedAt: moment('00:33') };
    story.at('00:35', world.booting(life));
    story.at('1:00:35', world.late(world.booting(life), 3_600_000));
    story.ends('1:00:36', 'done');
    story.hold('1:00:40', '1:09:00', world.booting(life));
    expect(story.deeds).toEqual(['restart']);
  });
});
