import { describe, expect, it } from 'vitest';
import { minutes } from '../../src/core/time.ts';
import { alertStory, desk } from './alert-world.ts';
import * as ground from './ground.ts';
import { moment, observing } from './story.ts';
import * as world from './world.ts';

const { on } = ground;
const down = on(world.relaunching, ground.sound);
const time = (s: number): string => `${Math.floor(s / 3_600)}:${Math.floor((s % 3_600) / 60)}:${s % 60}`;
const born = (s: number): world.Life => ground.spawned(1_000 + s, time(s));

describe('what a person is told of an outage', () => {
  it('is nothing where launchd brings the gateway back by itself, and the silence has a reason', () => {
    const t = alertStory();
    t.at('00:00', world.serving());
    t.at('00:10', world.connectionBroke());
    t.hold('00:20', '00:30', world.booting(born(20)));
    t.hold('00:32', '01:40', world.serving(born(20)));
    expect(t.told).toEqual([]);
    expect(t.codes).toEqual(['in-grace', 'healed-in-grace']);
    expect(t.state.incident).toBeNull();
  });

  it('is one message that says it all where one restart mended it within the grace', () => {
    const t = alertStory();
    t.at('00:00', world.serving());
    t.hold('00:10', '00:40', world.frozen('idle'));
    t.ends('00:42', 'done');
    t.hold('00:44', '01:50', world.serving(born(43)));
    expect(t.told).toEqual(['01:44 recovered']);
    expect(t.codes).toEqual(['in-grace', 'self-healing', 'healed-by-action']);
    const [alert] = t.alerts;
    expect(alert).toMatchObject({
      severity: 'info',
      incident: 'I1',
      since: moment('00:07'),
      next: 'immune status',
    });
    expect(alert?.title).toBe('Gateway back after 1 action; it was away for 37 s');
    expect(alert?.lines).toContain('What was done: restart A1 (done).');
    expect(alert?.lines.join('\n')).toMatch(/away for 37 s.*\n?Cause: hung/s);
  });

  it('is "down" after the grace, each action from then on, and the end with its true length', () => {
    const t = alertStory();
    t.at('00:00', world.serving());
    t.at('00:10', world.connectionBroke());
    t.hold('00:12', '01:38', world.booting(born(12)));
    expect(t.told).toEqual([]);
    t.hold('01:40', '10:40', world.booting(born(12)));
    t.ends('10:42', 'done');
    t.hold('10:44', '12:00', world.serving(born(643)));
    expect(t.told).toEqual(['01:40 down', '10:30 action', '11:44 recovered']);
    const [first, , last] = t.alerts;
    expect(first?.title).toMatch(/^Gateway down for 90 s: /);
    expect(first?.lines).toContain('Nothing was done about it so far.');
    expect(last?.lines.join(' ')).toContain('it was away for 11 min');
    expect(t.codes).toEqual(['in-grace', 'grace-over', 'after-down', 'serves-again']);
  });

  it('is the need of a person at once, critical, with a reminder each four hours and the recovery', () => {
    const t = alertStory();
    t.at('00:00', world.serving());
    t.at('00:10', world.connectionBroke());
    const full = on(down, ground.diskFull);
    t.hold('00:12', '6:10:00', full, 20);
    t.hold('6:10:20', '6:12:00', world.serving(born(22_210)));
    expect(t.told).toEqual(['00:32 exhausted', '4:00:32 reminder', '6:11:20 recovered']);
    const [needs, reminder, last] = t.alerts;
    expect(needs).toMatchObject({ severity: 'critical', next: 'immune check --why' });
    expect(needs?.title).toMatch(/^Gateway needs you: only 3 MB are free/);
    expect(reminder).toMatchObject({ severity: 'critical', id: 't-I1-reminder-1' });
    expect(reminder?.lines.join(' ')).toContain('immune acknowledge');
    expect(last?.title).toBe('Gateway back by itself; it was away for 6 h 10 min');
  });

  it('needs no reminders once somebody has acknowledged it', () => {
    const t = alertStory();
    t.at('00:00', world.serving());
    t.at('00:10', world.connectionBroke());
    t.hold('00:12', '10:00', on(down, ground.diskFull), 20);
    t.command('10:01', { kind: 'acknowledge' });
    t.hold('10:20', '12:00:00', on(down, ground.diskFull), 60);
    expect(t.told).toEqual(['00:32 exhausted']);
    expect(t.codes.filter((code) => code === 'acknowledged')).toHaveLength(1);
  });

  it('names the repair before its start, the next rung when one did not help, and how to take it back', () => {
    const t = alertStory();
    t.at('00:00', world.serving());
    t.at('00:10', world.connectionBroke());
    t.at('00:12', on(down, ground.missing, ground.archive()));
    expect(t.told).toEqual(['00:12 action']);
    expect(t.alerts[0]).toMatchObject({ severity: 'warning', next: 'immune status' });
    expect(t.alerts[0]?.title).toMatch(/^Action \(L2\): repair the openclaw package/);
    t.ends('00:40', 'done');
    t.hold('00:41', '00:51', on(down, ground.emptied, ground.snapshot()));
    t.ends('00:52', 'done');
    t.at('00:53', on(down, ground.restored));
    t.ends('00:54', 'done');
    t.hold('00:56', '02:00', on(world.serving(born(54)), ground.sound));
    expect(t.told).toEqual(['00:12 action', '00:51 escalated', '01:56 recovered']);
    const last = t.alerts.at(-1);
    // It serves: the command to type next is not the one that would break it again.
    expect(last?.next).toBe('immune status');
    expect(last?.lines).toContain('Changed: put in place; what it replaced is kept');
    expect(last?.lines.slice(-2)).toEqual([
      'To take it back: immune undo A2',
      'To take it back: immune undo A1',
    ]);
    expect(t.codes).toEqual([
      'in-grace',
      'repair',
      'said-at-the-end',
      'rung-up',
      'said-at-the-end',
      'self-healing',
      'serves-again',
    ]);
  });

  it('is nothing of a stop that somebody asked for, but the end of what was told', () => {
    const t = alertStory();
    t.at('00:00', world.serving());
    t.at('00:10', world.connectionBroke());
    t.hold('00:20', '00:40', world.stoppedByOperator(moment('00:09')));
    expect(t.told).toEqual([]);
    expect(t.codes).toEqual(['in-grace', 'asked-by-operator']);

    const late = alertStory();
    late.at('00:00', world.serving());
    late.at('00:10', world.connectionBroke());
    late.hold('00:12', '03:00', on(down, ground.diskFull));
    late.hold('03:05', '03:20', world.stoppedByOperator(moment('03:02')));
    expect(late.told).toEqual(['00:27 exhausted', '03:05 closed']);
  });

  it('is nothing of a time that is paused, and goes on from there', () => {
    const t = alertStory();
    t.at('00:00', world.serving());
    t.at('00:10', world.connectionBroke());
    t.command('00:11', { kind: 'pause', until: null, because: 'asked' });
    t.hold('00:12', '20:00', down);
    expect(t.told).toEqual([]);
    t.command('20:01', { kind: 'resume' });
    t.at('20:02', down);
    expect(t.told).toEqual(['20:02 down']);
  });

  it('tells of a bad config beside a gateway that serves, once, and that it is over', () => {
    const t = alertStory();
    t.at('00:00', on(world.serving(), ground.sound));
    t.hold('00:10', '10:00', on(world.serving(), ground.rejected));
    t.hold('10:05', '11:00', on(world.serving(), ground.restored));
    expect(t.told).toEqual(['00:15 latent', '10:05 told']);
    expect(t.alerts[0]).toMatchObject({ severity: 'warning', incident: null, next: 'immune why-config' });
    expect(t.alerts[1]?.severity).toBe('info');
  });

  it('tells what it would do where it only observes', () => {
    const t = alertStory({ rules: observing });
    t.at('00:00', world.serving());
    t.hold('00:10', '00:40', world.frozen('idle'));
    t.hold('00:45', '02:00', world.serving());
    expect(t.told.map((each) => each.split(' ')[1])).toEqual(['told', 'recovered']);
  });

  it('tells of a repair beside a gateway that serves without calling it down', () => {
    const t = alertStory();
    t.at('00:00', on(world.serving(), ground.sound));
    t.hold('00:10', '02:00', on(world.serving(), ground.missing, ground.archive()));
    t.ends('02:01', 'done');
    t.hold('02:05', '05:00', on(world.serving(), ground.sound));
    expect(t.told.map((each) => each.split(' ')[1])).not.toContain('down');
    expect(t.codes).toContain('mended-beside');
  });
});

describe('what a message says', () => {
  it('of an outage while something is done about it is what is wrong, not what is done', () => {
    const t = alertStory();
    t.at('00:00', world.serving());
    t.at('00:10', world.connectionBroke());
    t.hold('00:12', '01:45', world.jobStopped);
    expect(t.state.phase.kind).toBe('repairing');
    expect(t.alerts[0]?.title).toMatch(/^Gateway down for \d+ s: the job is loaded but has no process/);
    expect(t.alerts[0]?.lines.join(' ')).toContain('start A1 (under way)');
  });

  it('waits for a grace of its own after a sleep: nothing could heal itself in it', () => {
    const t = alertStory();
    const waking = world.booting(born(12));
    t.at('00:00', world.serving());
    t.at('00:10', world.connectionBroke());
    t.hold('00:12', '00:40', waking);
    t.at('8:00:40', world.late(waking, 8 * 3_600_000));
    t.hold('8:00:45', '8:02:05', waking);
    expect(t.told).toEqual([]);
    t.at('8:02:10', waking);
    expect(t.told).toEqual(['8:02:10 down']);
    t.at('9:02:10', world.late(waking, 3_600_000));
    expect(t.told).toHaveLength(1);
  });

  it('of a condition beside a gateway that serves makes no outage of it that ends', () => {
    const t = alertStory();
    t.at('00:00', world.serving());
    t.at('00:10', world.connectionBroke());
    t.hold('00:12', '03:00', world.readiness503);
    expect(t.told).toEqual(['01:12 told']);
    expect(t.codes).toEqual(['in-grace', 'condition', 'healed-in-grace']);
  });

  it('is anew that the next start would fail, where a person was told that this is over', () => {
    const t = alertStory();
    t.at('00:00', on(world.serving(), ground.sound));
    t.hold('00:10', '10:00', on(world.serving(), ground.rejected));
    t.hold('10:05', '20:00', on(world.serving(), ground.restored));
    t.hold('20:05', '30:00', on(world.serving(), ground.rejected));
    expect(t.told.map((each) => each.split(' ')[1])).toEqual(['latent', 'told', 'latent']);
  });

  it('has a reason where nothing is said for as long as it is left alone', () => {
    const t = alertStory();
    t.at('00:00', world.serving());
    t.at('00:10', world.connectionBroke());
    t.hold('00:12', '20:00', world.updating, 10);
    expect(t.told).toEqual([]);
    expect(t.codes).toEqual(['in-grace', 'left-alone']);
  });
});

describe('a flapping gateway', () => {
  /** It is lost every few minutes and comes back after half a minute, all day. */
  function flapsAllDay(everyS: number, hours: number, where = desk()): ReturnType<typeof alertStory> {
    const t = alertStory({ desk: where });
    t.at('00:00', world.serving());
    for (let s = 60; s < hours * 3_600; s += everyS) {
      t.at(time(s), world.connectionBroke());
      t.hold(time(s + 10), time(s + 30), world.booting(born(s + 8)), 10);
      t.hold(time(s + 40), time(s + everyS - 10), world.serving(born(s + 8)), 20);
    }
    return t;
  }

  it('brings one message and then hourly digests for a whole day', () => {
    const t = flapsAllDay(300, 24);
    const kinds = t.told.map((each) => each.split(' ')[1]);
    expect(kinds.filter((kind) => kind === 'flapping')).toHaveLength(1);
    expect(new Set(kinds)).toEqual(new Set(['flapping', 'digest']));
    expect(kinds.length).toBeLessThanOrEqual(1 + 24);
    expect(kinds.length).toBeGreaterThan(20);
    expect(t.alerts.at(-1)?.title).toMatch(/^Gateway still flaps: lost 12 times/);
  });

  it('is one episode, too, when it holds for a quarter of an hour in between, over and over', () => {
    const t = alertStory();
    t.at('00:00', world.serving());
    const days = 24 * 3_600;
    for (let round = 60; round < days; round += 2_400) {
      for (let s = round; s < round + 1_200; s += 240) {
        t.at(time(s), world.connectionBroke());
        t.hold(time(s + 10), time(s + 30), world.booting(born(s + 8)), 10);
        t.hold(time(s + 40), time(s + 230), world.serving(born(s + 8)), 20);
      }
      t.hold(time(round + 1_200), time(round + 2_390), world.serving(born(round + 968)), 20);
    }
    const kinds = t.told.map((each) => each.split(' ')[1]);
    expect(kinds.filter((kind) => kind === 'flapping')).toHaveLength(1);
    expect(kinds.filter((kind) => kind === 'recovered').length).toBeLessThanOrEqual(1);
    expect(kinds.length).toBeLessThanOrEqual(2 + 24);
  });

  it('says when it has held, and that is news again the next day', () => {
    const t = flapsAllDay(300, 1);
    t.hold('1:01:00', '3:00:00', world.serving(born(3_368)), 30);
    expect(t.told.at(-1)).toMatch(/recovered|digest/);
    expect(t.told.filter((each) => each.includes('recovered'))).toHaveLength(1);
    expect(t.book.flapping).toBeNull();
  });

  it('is known to have ended wherever it was told that it flaps, though the end is no bad news', () => {
    const t = flapsAllDay(300, 1, desk({}, ['info', 'warning', 'critical']));
    t.hold('1:01:00', '3:00:00', world.serving(born(3_368)), 30);
    const of = (kind: string): readonly string[] =>
      t.book.entries
        .filter(({ alert }) => alert.kind === kind)
        .flatMap(({ deliveries }) => deliveries.map(({ channel }) => channel));
    expect(of('flapping')).toEqual(['phone', 'mail']);
    expect(of('recovered')).toEqual(['phone', 'mail']);
  });
});

it('a cascade is one incident, told in order, and "recovered" comes last', () => {
  const t = alertStory();
  t.at('00:00', world.serving());
  t.at('00:10', world.connectionBroke());
  t.at('00:12', on(down, ground.missing, ground.archive()));
  t.ends('00:40', 'done');
  const starts = (from: number, to: number): void => {
    for (let s = from; s < to; s += 10) t.at(time(s), on(world.booting(born(s)), ground.sound));
  };
  starts(50, 240);
  t.hold('04:00', '30:00', on(down, ground.noArchive, ground.diskFull), 10);
  t.hold('30:10', '32:00', on(world.serving(born(1_805)), ground.sound));
  const ids = new Set(t.alerts.map(({ incident }) => incident));
  expect([...ids]).toEqual(['I1']);
  const kinds = t.told.map((each) => each.split(' ')[1]);
  expect(kinds[0]).toBe('action');
  expect(kinds).toContain('exhausted');
  expect(kinds.indexOf('recovered')).toBe(kinds.length - 1);
  expect(t.alerts.map(({ at }) => at)).toEqual(t.alerts.map(({ at }) => at).toSorted());
});

it('each channel is told what it wants to hear', () => {
  const t = alertStory({ desk: desk({ alertGraceMs: minutes(1) }, ['info', 'critical']) });
  t.at('00:00', world.serving());
  t.at('00:10', world.connectionBroke());
  t.hold('00:12', '01:12', world.booting(born(12)));
  t.hold('01:15', '02:00', on(down, ground.diskFull));
  const of = (channel: string): readonly string[] =>
    t.book.entries
      .filter(({ deliveries }) => deliveries.some((each) => each.channel === channel))
      .map(({ alert }) => alert.kind);
  expect(of('phone')).toEqual(['down', 'exhausted']);
  expect(of('mail')).toEqual(['exhausted']);
});
