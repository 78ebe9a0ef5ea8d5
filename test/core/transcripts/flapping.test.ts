import { expect, test } from 'vitest';
import * as ground from '../ground.ts';
import { transcriptOfServing } from '../transcript.ts';
import * as world from '../world.ts';

test('lost four times in half an hour: flapping is one incident, resolved only when it has held for ten minutes', () => {
  const t = transcriptOfServing();
  const lives = [
    ['00:10', '00:20', '00:30', '05:00'],
    ['05:10', '05:20', '05:30', '10:00'],
    ['10:10', '10:20', '10:30', '10:50'],
    ['11:00', '11:10', '11:20', '21:20'],
  ] as const;
  for (const [lost, spawned, ready, until] of lives) {
    const life = ground.spawned(1_000 + (world.dawn % 7) + Number(lost.replace(':', '')), spawned);
    t.sees(lost, 'the held connection breaks', world.connectionBroke());
    t.sees(spawned, 'a new process', world.booting(life));
    t.keepsSeeing([ready, until, 10], 'the gateway serves', world.serving(life));
  }
  expect(t.deeds).toEqual([]);
  expect(t.state.flapping).toBe(false);
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10  the held connection breaks
        00:10  starting: crashed
        00:10  [opened] incident I1: the gateway dropped the held connection without a goodbye (close code 1006) and
                 refuses new ones
    00:20  a new process
        00:20  starting: booting | the gateway has just started; left alone for up to 10 min
    00:30 to 05:00  the gateway serves
        00:30  probation: serving | serving again for 0 ms; the incident closes after 60 s
        01:30  healthy: serving | the gateway answers and the held connection is accepted
        01:30  [resolved] incident I1 (crashed): serving again without any action of the watchdog; it was away for
                 20 s
    05:10  the held connection breaks
        05:10  starting: crashed
        05:10  [opened] incident I2: the gateway dropped the held connection without a goodbye (close code 1006) and
                 refuses new ones
    05:20  a new process
        05:20  starting: booting | the gateway has just started (usually 10 s); left alone for up to 10 min
    05:30 to 10:00  the gateway serves
        05:30  probation: serving | serving again for 0 ms; the incident closes after 60 s
        06:30  healthy: serving | the gateway answers and the held connection is accepted
        06:30  [resolved] incident I2 (crashed): serving again without any action of the watchdog; it was away for
                 20 s
    10:10  the held connection breaks
        10:10  starting: crashed
        10:10  [opened] incident I3: the gateway dropped the held connection without a goodbye (close code 1006) and
                 refuses new ones
    10:20  a new process
        10:20  starting: booting | the gateway has just started (usually 10 s); left alone for up to 10 min
    10:30 to 10:50  the gateway serves
        10:30  probation: serving | serving again for 0 ms; the incident closes after 60 s
    11:00  the held connection breaks
        11:00  starting: crashed | the gateway dropped the held connection without a goodbye (close code 1006) and
                 refuses new ones
    11:10  a new process
        11:10  starting: booting | the gateway has just started (usually 10 s); left alone for up to 10 min
    11:20 to 21:20  the gateway serves
        11:20  probation: serving | serving again for 0 ms; it flaps, so the incident closes after 10 min
        11:20  [told] flapping: the gateway was lost 4 times in a short while; that stays one incident until it
                 holds
        21:20  healthy: serving | the gateway answers and the held connection is accepted
        21:20  [resolved] incident I3 (crashed): serving again without any action of the watchdog; it was away for
                 70 s
  `);
});

test('losses more than half an hour apart are no flapping', () => {
  const t = transcriptOfServing();
  for (const [hour, pid] of [
    [1, 200],
    [2, 300],
    [3, 400],
    [4, 500],
    [5, 600],
  ] as const) {
    const life = ground.spawned(pid, `${hour}:00:20`);
    t.sees(`${hour}:00:10`, 'the held connection breaks', world.connectionBroke());
    t.sees(`${hour}:00:20`, 'a new process', world.booting(life));
    t.keepsSeeing([`${hour}:00:30`, `${hour}:01:30`, 10], 'the gateway serves', world.serving(life));
    expect(t.state).toMatchObject({ flapping: false, incident: null });
  }
});

test('a relapse in probation belongs to the same incident', () => {
  const t = transcriptOfServing();
  const life = ground.spawned(200, '00:20');
  t.sees('00:10', 'the held connection breaks', world.connectionBroke());
  t.keepsSeeing(['00:30', '01:20', 10], 'the gateway serves', world.serving(life));
  t.sees('01:25', 'the held connection breaks', world.connectionBroke());
  t.keepsSeeing(['01:40', '02:40', 10], 'the gateway serves', world.serving(ground.spawned(300, '01:30')));
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10  the held connection breaks
        00:10  starting: crashed
        00:10  [opened] incident I1: the gateway dropped the held connection without a goodbye (close code 1006) and
                 refuses new ones
    00:30 to 01:20  the gateway serves
        00:30  probation: serving | serving again for 0 ms; the incident closes after 60 s
    01:25  the held connection breaks
        01:25  starting: crashed | the gateway dropped the held connection without a goodbye (close code 1006) and
                 refuses new ones
    01:40 to 02:40  the gateway serves
        01:40  probation: serving | serving again for 0 ms; the incident closes after 60 s
        02:40  healthy: serving | the gateway answers and the held connection is accepted
        02:40  [resolved] incident I1 (crashed): serving again without any action of the watchdog; it was away for
                 90 s
  `);
});

test('planned restarts in probation are no losses, however many', () => {
  const t = transcriptOfServing();
  t.sees('00:10', 'the held connection breaks', world.connectionBroke());
  for (const [ready, left, pid] of [
    ['01:00', '01:20', 200],
    ['02:00', '02:20', 300],
    ['03:00', '03:20', 400],
    ['04:00', '04:20', 500],
  ] as const) {
    t.sees(ready, 'the gateway serves', world.serving(ground.spawned(pid, ready)));
    t.sees(left, 'it says goodbye', world.connectionBroke('gateway restarting'));
  }
  expect(t.state).toMatchObject({ flapping: false, losses: [expect.any(Number)] });
});
