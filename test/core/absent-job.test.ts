import { describe, expect, test } from 'vitest';
import { moment, type Story, tell, tellOfServing } from './story.ts';
import * as world from './world.ts';

/** Unloaded at 00:10, reloaded by us at 01:10, serving again from 01:20 to 03:00. */
function reloadedOnce(): Story {
  const story = tellOfServing();
  story.hold('00:10', '01:10', world.unloaded);
  story.ends('01:12', 'done');
  story.hold('01:14', '01:18', world.booting({ pid: 200, startedAt: moment('01:12') }), 2);
  story.hold('01:20', '03:00', world.serving({ pid: 200, startedAt: moment('01:12') }));
  return story;
}

describe('a job that is not loaded', () => {
  test('an unexplained bootout is reloaded after 60 s, not before', () => {
    const story = tellOfServing();
    story.hold('00:10', '01:05', world.unloaded);
    expect(story.deeds).toEqual([]);
    expect(story.heard).toEqual(['00:40 opened']);
    story.at('01:10', world.unloaded);
    expect(story.deeds).toEqual(['reload']);
  });

  test('a reload that took closes the incident', () => {
    expect(reloadedOnce().heard).toEqual(['00:40 opened', '01:10 action', '02:20 resolved']);
  });

  test('booted out again within the hour it is left down for good and told once', () => {
    const story = reloadedOnce();
    story.hold('30:00', '31:00', world.unloaded);
    story.at('31:05', world.blind);
    story.hold('31:10', '3:00:00', world.unloaded, 10);
    expect(story.deeds).toEqual(['reload']);
    expect(story.heard.slice(3)).toEqual(['30:15 opened', '30:15 exhausted']);
    expect(story.texts.at(-1)).toMatch(/unloaded again .* left down/);
    expect(story.phase).toBe('exhausted: unloaded-again');
  });

  test('once somebody loaded it again, a later bootout is news', () => {
    const story = reloadedOnce();
    story.hold('30:00', '40:00', world.unloaded, 10);
    story.hold('50:00', '2:00:00', world.serving(world.third), 10);
    story.hold('2:00:10', '2:01:20', world.unloaded);
    expect(story.deeds).toEqual(['reload', 'reload']);
  });

  test('a bootout more than an hour after the reload is reloaded again', () => {
    const story = reloadedOnce();
    story.hold('1:02:00', '1:03:00', world.unloaded);
    expect(story.deeds).toEqual(['reload', 'reload']);
  });

  test('a reload that was refused was no reload: the next bootout is not called the second', () => {
    const story = tellOfServing();
    story.hold('00:10', '01:10', world.unloaded);
    story.ends('01:11', 'refused');
    story.hold('01:20', '03:00', world.serving(world.second));
    story.hold('10:00', '11:00', world.unloaded);
    expect(story.deeds).toEqual(['reload', 'reload']);
  });

  test('a reload that failed is tried once more, then told', () => {
    const story = tellOfServing();
    story.hold('00:10', '01:10', world.unloaded);
    story.ends('01:40', 'failed');
    story.hold('01:42', '02:42', world.unloaded, 2);
    story.ends('03:10', 'failed');
    story.hold('03:12', '30:00', world.unloaded, 10);
    expect(story.deeds).toEqual(['reload', 'reload']);
    expect(story.heard.filter((line) => line.endsWith('exhausted'))).toHaveLength(1);
  });

  test('"openclaw gateway stop" is left down without a word', () => {
    const story = tellOfServing();
    story.hold('00:10', '20:00', world.stoppedByOperator(moment('00:09')));
    expect(story.deeds).toEqual([]);
    expect(story.heard).toEqual([]);
    expect(story.state.wanted).toBe('down');
    expect(story.state.because).toMatch(/^stopped by you/);
    expect(story.phase).toBe('suspended: stopped-by-operator');
    story.at('20:10', world.serving(world.second));
    expect(story.state.wanted).toBe('up');
    expect(story.phase).toBe('healthy');
  });

  test('a disabled job is left down, and wanting it down survives a look that could not be read', () => {
    const story = tellOfServing();
    story.hold('00:10', '20:00', world.disabledByOperator);
    story.at('20:05', world.blind);
    story.at('20:10', world.noDomain);
    expect(story.deeds).toEqual([]);
    expect(story.heard).toEqual([]);
    expect(story.state.wanted).toBe('down');
    expect(story.state.lastIncident).toBeNull();
  });

  test('a stop line from before the last ready life does not count', () => {
    const story = tellOfServing();
    story.hold('00:10', '01:10', world.stoppedByOperator(moment('-90:00')));
    expect(story.deeds).toEqual(['reload']);
  });

  test('nothing was ever seen ready: the newest stop line counts, however old', () => {
    const story = tell();
    story.hold('00:10', '10:00', world.stoppedByOperator(moment('-90:00')));
    expect(story.deeds).toEqual([]);
    expect(story.state.wanted).toBe('down');
  });

  test('stopped by the operator during an incident: the incident is closed, once', () => {
    const story = tellOfServing();
    story.at('00:10', world.connectionBroke());
    story.hold('00:12', '05:00', world.stoppedByOperator(moment('00:11')));
    expect(story.heard).toEqual(['00:10 opened', '00:12 closed']);
    story.hold('05:05', '09:00', world.serving(world.second));
    expect(story.heard).toHaveLength(2);
    expect(story.state.lastIncident?.outcome).toMatch(/stopped on purpose/);
  });

  test.each([
    ['an unreadable audit log', world.but(world.unloaded, { audit: { kind: 'unknown', because: 'EIO' } })],
    ['an unreadable list of disabled jobs', world.but(world.unloaded, { disabled: 'unknown' })],
    ['a list of disabled jobs nobody read', world.but(world.unloaded, { disabled: 'unread' })],
  ])('%s leaves it down, told once after 5 min', (_name, seen) => {
    const story = tellOfServing();
    story.hold('00:10', '05:05', seen);
    expect(story.heard).toEqual([]);
    story.hold('05:10', '60:00', seen);
    expect(story.heard).toEqual(['05:10 told']);
    expect(story.deeds).toEqual([]);
  });

  test('without a plist it is not installed, and nothing is done', () => {
    const story = tellOfServing();
    story.hold('00:10', '10:00', world.notInstalled);
    expect(story.deeds).toEqual([]);
    expect(story.phase).toBe('suspended: not-installed');
  });

  test('a foreign port makes a reload useless: told instead', () => {
    const story = tellOfServing();
    story.hold(
      '00:10',
      '10:00',
      world.but(world.unloaded, { listener: world.foreignPort()(moment('00:10')).listener }),
    );
    expect(story.deeds).toEqual([]);
    expect(story.phase).toBe('exhausted: port-foreign');
  });
});

describe('parked by OpenClaw', () => {
  test('its cause is gone: one unpark, once it has held for 15 s', () => {
    const story = tellOfServing();
    story.hold('00:10', '00:20', world.parked(moment('00:09'), 'gone'));
    expect(story.deeds).toEqual([]);
    story.at('00:25', world.parked(moment('00:09'), 'gone'));
    expect(story.deeds).toEqual(['unpark']);
  });

  test.each(['present', 'unknown', 'unread'] as const)(
    'its cause is %s: told once, nothing done',
    (cause) => {
      const story = tellOfServing();
      story.hold('00:10', '30:00', world.parked(moment('00:09'), cause));
      expect(story.deeds).toEqual([]);
      expect(story.heard).toEqual(['00:25 opened', '00:25 exhausted']);
      expect(story.state.because).toMatch(/OpenClaw parked itself/);
    },
  );

  test('its cause goes away later: then it is unparked', () => {
    const story = tellOfServing();
    story.hold('00:10', '10:00', world.parked(moment('00:09'), 'present'));
    story.hold('10:05', '10:25', world.parked(moment('00:09'), 'gone'));
    expect(story.deeds).toEqual(['unpark']);
  });

  test('parked again after our start: told, not tried again', () => {
    const story = tellOfServing();
    story.hold('00:10', '00:25', world.parked(moment('00:09'), 'gone'));
    story.ends('00:27', 'done');
    story.hold('00:29', '00:31', world.booting(), 2);
    story.hold('00:33', '50:00', world.parked(moment('00:31'), 'gone'));
    expect(story.deeds).toEqual(['unpark']);
    expect(story.heard.filter((line) => line.endsWith('exhausted'))).toHaveLength(1);
    expect(story.phase).toBe('exhausted: parked-again');
  });

  test('a refused unpark does not count as a park that came back', () => {
    const story = tellOfServing();
    story.hold('00:10', '00:25', world.parked(moment('00:09'), 'gone'));
    story.ends('00:26', 'refused');
    story.hold('00:28', '00:45', world.parked(moment('00:09'), 'gone'));
    expect(story.deeds).toEqual(['unpark', 'unpark']);
  });

  test('a park line from before the last ready life is history: a disabled job is the operator’s', () => {
    const story = tellOfServing();
    story.hold('00:10', '10:00', world.parked(moment('-90:00'), 'gone'));
    expect(story.deeds).toEqual([]);
    expect(story.phase).toBe('suspended: disabled-by-operator');
  });
});

describe('a loaded job without a process', () => {
  test.each([
    ['pended', world.pended, '00:20', '00:25'],
    ['stopped', world.jobStopped, '00:20', '00:25'],
    ['scheduled and late', world.relaunching, '01:10', '01:15'],
  ] as const)('%s: a plain start, once its grace is over', (_name, seen, before, due) => {
    const story = tellOfServing();
    story.hold('00:10', before, seen);
    expect(story.deeds).toEqual([]);
    story.hold(due, due, seen);
    expect(story.deeds).toEqual(['start']);
  });

  test('asked to stop and still there after two minutes: told, never pushed', () => {
    const story = tellOfServing();
    story.hold('00:10', '02:05', world.stopping);
    expect(story.heard).toEqual([]);
    story.hold('02:10', '30:00', world.stopping);
    expect(story.heard).toEqual(['02:10 opened', '02:10 exhausted']);
    expect(story.deeds).toEqual([]);
  });

  test.each(['scheduled', 'pended', 'stopped'] as const)(
    'a foreign program on the port: no start of a %s job',
    (kind) => {
      const job = { scheduled: world.relaunching, pended: world.pended, stopped: world.jobStopped }[kind];
      const story = tellOfServing();
      story.hold(
        '00:10',
        '30:00',
        world.but(job, { listener: world.foreignPort()(moment('00:10')).listener }),
      );
      expect(story.deeds).toEqual([]);
      expect(story.phase).toBe('exhausted: port-foreign');
    },
  );
});
