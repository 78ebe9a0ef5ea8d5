import { expect, test } from 'vitest';
import * as ground from '../ground.ts';
import { moment } from '../story.ts';
import { transcriptOfServing } from '../transcript.ts';
import * as world from '../world.ts';

test('launchd is late with its relaunch: a start, once its throttle is long over', () => {
  const t = transcriptOfServing();
  t.sees('00:10', 'the held connection breaks', world.connectionBroke());
  t.keepsSeeing(['00:12', '01:12', 10], 'launchd has the next start scheduled', world.relaunching);
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10  the held connection breaks
        00:10  starting: crashed
        00:10  [opened] incident I1: the gateway dropped the held connection without a goodbye (close code 1006) and
                 refuses new ones
    00:12 to 01:12  launchd has the next start scheduled
        00:12  suspect: relaunch-late | launchd has the next start scheduled and has not made it yet; acts in 60 s
                 unless it recovers
        01:12  repairing: relaunch-late
        01:12  [action] start the gateway (A1): launchd has the next start scheduled and has not made it yet
  `);
});

test('pended by launchd: only a kickstart ends that', () => {
  const t = transcriptOfServing();
  t.keepsSeeing(['00:10', '00:30'], 'launchd holds the start back', world.pended);
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10 to 00:30  launchd holds the start back
        00:10  suspect: pended | launchd holds the start back (speculative); only a kickstart ends that
        00:15  [opened] incident I1: launchd holds the start back (speculative); only a kickstart ends that
        00:25  repairing: pended
        00:25  [action] start the gateway (A1): launchd holds the start back (speculative); only a kickstart ends
                 that
  `);
});

test('loaded, ended, and nothing scheduled: started', () => {
  const t = transcriptOfServing();
  t.keepsSeeing(['00:10', '00:30'], 'the job has no process', world.jobStopped);
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10 to 00:30  the job has no process
        00:10  suspect: job-stopped | the job is loaded but has no process, and nothing is scheduled to start it
        00:15  [opened] incident I1: the job is loaded but has no process, and nothing is scheduled to start it
        00:25  repairing: job-stopped
        00:25  [action] start the gateway (A1): the job is loaded but has no process, and nothing is scheduled to
                 start it
  `);
});

test('unloaded by accident: loaded again after a minute; unloaded again soon after, somebody means it', () => {
  const t = transcriptOfServing();
  const reborn = ground.spawned(300, '01:12');
  t.keepsSeeing(['00:10', '01:10', 10], 'the job is not loaded', world.unloaded);
  t.ends('01:12', 'done', 'loaded and started');
  t.sees('01:14', 'a new process', world.booting(reborn));
  t.keepsSeeing(['01:20', '02:20', 10], 'the gateway serves', world.serving(reborn));
  t.keepsSeeing(['10:00', '2:00:00', 10], 'the job is not loaded', world.unloaded);
  expect(t.deeds).toEqual(['reload']);
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10 to 01:10  the job is not loaded
        00:10  starting: unloaded | the job is not loaded, though nobody stopped or disabled it and its plist is
                 there
        00:40  suspect: unloaded | the job is not loaded, though nobody stopped or disabled it and its plist is
                 there; acts in 30 s unless it recovers
        00:40  [opened] incident I1: the job is not loaded, though nobody stopped or disabled it and its plist is
                 there
        01:10  repairing: unloaded
        01:10  [action] load the gateway's job and start it (A1): the job is not loaded, though nobody stopped or
                 disabled it and its plist is there
    01:12  A1 done
        01:12  starting: unloaded | loaded and started; waiting for the gateway to serve
    01:14  a new process
        01:14  starting: booting | the gateway has just started; left alone for up to 10 min
    01:20 to 02:20  the gateway serves
        01:20  probation: serving | serving again for 0 ms; the incident closes after 60 s
        02:20  healthy: serving | the gateway answers and the held connection is accepted
        02:20  [resolved] incident I1 (unloaded): serving again after 1 action of the watchdog; it was away for 70 s
    10:00 to 2:00:00  the job is not loaded
        10:00  suspect: unloaded-again | the job was unloaded again within 60 min of our reload: somebody means it,
                 so it is left down; "openclaw gateway start" brings it back
        10:20  exhausted: unloaded-again
        10:20  [opened] incident I2: the job was unloaded again within 60 min of our reload: somebody means it, so
                 it is left down; "openclaw gateway start" brings it back
        10:20  [exhausted] needs you: the job was unloaded again within 60 min of our reload: somebody means it, so
                 it is left down; "openclaw gateway start" brings it back
  `);
});

test('parked by OpenClaw: started once its cause is gone, left alone when it parks itself again', () => {
  const t = transcriptOfServing();
  t.keepsSeeing(
    ['00:10', '05:00', 10],
    'parked, and its cause is still there',
    world.parked(moment('00:09'), 'present'),
  );
  t.keepsSeeing(
    ['05:10', '05:30', 10],
    'parked, and its cause is gone',
    world.parked(moment('00:09'), 'gone'),
  );
  t.ends('05:32', 'done', 'enabled, loaded and started');
  t.sees('05:34', 'a new process', world.booting(ground.spawned(300, '05:32')));
  t.keepsSeeing(['05:40', '20:00', 10], 'parked again', world.parked(moment('05:36'), 'gone'));
  expect(t.deeds).toEqual(['unpark']);
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10 to 05:00  parked, and its cause is still there
        00:10  suspect: parked-cause-present | OpenClaw parked itself (disabled and unloaded its own job): ws is
                 missing
        00:30  exhausted: parked-cause-present
        00:30  [opened] incident I1: OpenClaw parked itself (disabled and unloaded its own job): ws is missing
        00:30  [exhausted] needs you: OpenClaw parked itself (disabled and unloaded its own job): ws is missing
    05:10 to 05:30  parked, and its cause is gone
        05:10  suspect: parked | OpenClaw parked itself (disabled and unloaded its own job), and what made it do so
                 is gone; acts in 15 s unless it recovers
        05:30  repairing: parked
        05:30  [action] enable and load the gateway's job and start it (A1): OpenClaw parked itself (disabled and
                 unloaded its own job), and what made it do so is gone
    05:32  A1 done
        05:32  starting: parked | enabled, loaded and started; waiting for the gateway to serve
    05:34  a new process
        05:34  starting: booting | the gateway has just started; left alone for up to 10 min
    05:40 to 20:00  parked again
        05:40  suspect: parked-again | OpenClaw parked itself again after our start: its cause is still there;
                 "openclaw gateway status --deep" says more
        06:00  exhausted: parked-again | OpenClaw parked itself again after our start: its cause is still there;
                 "openclaw gateway status --deep" says more
  `);
});

test('stopped by the operator: not a word, not a deed, for as long as it lasts', () => {
  const t = transcriptOfServing();
  t.keepsSeeing(
    ['00:10', '2:00:00', 10],
    'not loaded; OpenClaw recorded a stop',
    world.stoppedByOperator(moment('00:09')),
  );
  t.sees('2:00:10', 'the gateway serves', world.serving(ground.spawned(300, '2:00:00')));
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10 to 2:00:00  not loaded; OpenClaw recorded a stop
        00:10  suspended (stopped-by-operator): stopped-by-operator | stopped by you ("openclaw gateway stop");
                 "openclaw gateway start" brings it back
    2:00:10  the gateway serves
      2:00:10  healthy: serving | the gateway answers and the held connection is accepted
  `);
});

test('disabled by the operator: the same', () => {
  const t = transcriptOfServing();
  t.keepsSeeing(['00:10', '2:00:00', 10], 'not loaded and disabled', world.disabledByOperator);
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10 to 2:00:00  not loaded and disabled
        00:10  suspended (disabled-by-operator): disabled-by-operator | stopped by you: the job is disabled;
                 "openclaw gateway start" brings it back
  `);
});

test('uninstalled: nothing to guard, which is said after an hour', () => {
  const t = transcriptOfServing();
  t.keepsSeeing(['00:10', '2:00:00', 10], 'not loaded, and its plist is gone', world.notInstalled);
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10 to 2:00:00  not loaded, and its plist is gone
        00:10  suspended until 1:00:10 (not-installed): not-installed | the gateway has no LaunchAgent on this
                 machine: run "openclaw gateway install"
      1:00:10  [told] for 60 min nothing has been touched: the gateway has no LaunchAgent on this machine: run
                 "openclaw gateway install"
  `);
});
