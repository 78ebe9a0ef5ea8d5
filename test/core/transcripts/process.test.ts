import { expect, test } from 'vitest';
import * as ground from '../ground.ts';
import { transcript, transcriptOfServing } from '../transcript.ts';
import * as world from '../world.ts';

const born = ground.spawned(200, '00:20');

test('crashed: launchd is quicker than any repair, so it is only told, and resolved once', () => {
  const t = transcriptOfServing();
  t.sees('00:10', 'the held connection breaks', world.connectionBroke());
  t.sees('00:12', 'the process is gone', world.gone());
  t.keepsSeeing(['00:14', '00:18', 2], 'launchd has the next start scheduled', world.relaunching);
  t.keepsSeeing(['00:20', '00:30', 2], 'a new process', world.booting(born));
  t.keepsSeeing(['00:32', '01:32', 10], 'the gateway serves', world.serving(born));
  expect(t.deeds).toEqual([]);
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10  the held connection breaks
        00:10  starting: crashed
        00:10  [opened] incident I1: the gateway dropped the held connection without a goodbye (close code 1006) and
                 refuses new ones
    00:12  the process is gone
    00:14 to 00:18  launchd has the next start scheduled
        00:14  suspect: relaunch-late | launchd has the next start scheduled and has not made it yet; acts in 60 s
                 unless it recovers
    00:20 to 00:30  a new process
        00:20  starting: booting | the gateway has just started; left alone for up to 10 min
    00:32 to 01:32  the gateway serves
        00:32  probation: serving | serving again for 0 ms; the incident closes after 60 s
        01:32  healthy: serving | the gateway answers and the held connection is accepted
        01:32  [resolved] incident I1 (crashed): serving again without any action of the watchdog; it was away for
                 22 s
  `);
});

test('a planned restart says goodbye: no incident, no notice', () => {
  const t = transcriptOfServing();
  t.sees('00:10', 'the held connection closes with a goodbye', world.connectionBroke('gateway restarting'));
  t.keepsSeeing(['00:12', '00:16', 2], 'launchd stops the process', world.stopping);
  t.keepsSeeing(['00:20', '00:30', 2], 'a new process', world.booting(born));
  t.keepsSeeing(['00:32', '01:32', 10], 'the gateway serves', world.serving(born));
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10  the held connection closes with a goodbye
        00:10  starting: draining | the gateway said "gateway restarting"
    00:12 to 00:16  launchd stops the process
        00:12  suspect: draining | the gateway was asked to stop and is on its way
    00:20 to 00:30  a new process
        00:20  starting: booting | the gateway has just started; left alone for up to 10 min
    00:32 to 01:32  the gateway serves
        00:32  healthy: serving | the gateway answers and the held connection is accepted
  `);
});

test('a slow boot is left alone for ten minutes; one that never listens is restarted', () => {
  const t = transcript();
  t.keepsSeeing(['00:20', '10:40', 10], 'a process that does not listen', world.booting(born));
  t.ends('10:42', 'done', 'process 200 ended, launchd started another');
  t.keepsSeeing(['10:50', '11:00'], 'a new process', world.booting(ground.spawned(300, '10:45')));
  t.keepsSeeing(['11:10', '12:10', 10], 'the gateway serves', world.serving(ground.spawned(300, '10:45')));
  expect(t.read()).toMatchInlineSnapshot(`
    00:20 to 10:40  a process that does not listen
        00:20  starting: booting | the gateway has just started; left alone for up to 10 min
        10:20  suspect: boot-stalled | the gateway's process has lived for more than 10 min without listening
        10:30  [opened] incident I1: the gateway's process has lived for more than 10 min without listening
        10:40  repairing: boot-stalled
        10:40  [action] restart the gateway (A1): the gateway's process has lived for more than 10 min without
                 listening
    10:42  A1 done
        10:42  starting: boot-stalled | process 200 ended, launchd started another; waiting for the gateway to serve
    10:50 to 11:00  a new process
        10:50  starting: booting | the gateway has just started; left alone for up to 10 min
    11:10 to 12:10  the gateway serves
        11:10  probation: serving | serving again for 0 ms; the incident closes after 60 s
        12:10  healthy: serving | the gateway answers and the held connection is accepted
        12:10  [resolved] incident I1 (boot-stalled): serving again after 1 action of the watchdog; it was away for
                 50 s
  `);
});

test('a crash loop over sound ground: told, in OpenClaw’s own words, never restarted', () => {
  const t = transcriptOfServing();
  const words = [ground.sound, ground.says('other-failure', 'Error: cannot read session store')] as const;
  const exited = world.but(world.relaunching, {
    service: { kind: 'scheduled', runs: null, lastExit: { kind: 'code', code: 1 } },
  });
  t.sees('00:10', 'the held connection breaks', world.connectionBroke());
  for (const [spawned, ended, pid] of [
    ['00:20', '00:24', 200],
    ['00:30', '00:34', 300],
    ['00:40', '00:44', 400],
  ] as const) {
    t.sees(spawned, 'a new process', ground.on(world.booting(ground.spawned(pid, spawned)), ...words));
    t.sees(ended, 'it ended with exit code 1', ground.on(exited, ...words));
  }
  t.sees('00:50', 'a new process', ground.on(world.booting(ground.spawned(500, '00:50')), ...words));
  t.sees('00:54', 'it ended with exit code 1', ground.on(exited, ...words));
  expect(t.deeds).toEqual([]);
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10  the held connection breaks
        00:10  starting: crashed
        00:10  [opened] incident I1: the gateway dropped the held connection without a goodbye (close code 1006) and
                 refuses new ones
    00:20  a new process
        00:20  starting: booting | the gateway has just started; left alone for up to 10 min
    00:24  it ended with exit code 1
        00:24  suspect: relaunch-late | launchd has the next start scheduled and has not made it yet; acts in 60 s
                 unless it recovers
    00:30  a new process
        00:30  starting: booting | the gateway has just started; left alone for up to 10 min
    00:34  it ended with exit code 1
        00:34  suspect: relaunch-late | launchd has the next start scheduled and has not made it yet; acts in 60 s
                 unless it recovers
    00:40  a new process
        00:40  starting: booting | the gateway has just started; left alone for up to 10 min
    00:44  it ended with exit code 1
        00:44  suspect: relaunch-late | launchd has the next start scheduled and has not made it yet; acts in 60 s
                 unless it recovers
    00:50  a new process
        00:50  exhausted: crash-loop
        00:50  [exhausted] needs you: the gateway was started 4 times without becoming ready; another restart would
                 not help; its log says: Error: cannot read session store
    00:54  it ended with exit code 1
  `);
});

test('hung: a second witness, twenty seconds, one restart of exactly that process', () => {
  const t = transcriptOfServing();
  t.sees('00:13', '/healthz was not answered', world.missed);
  t.keepsSeeing(
    ['00:21', '00:31', 5],
    'still silent; its process uses no processor time',
    world.frozen('idle'),
  );
  t.ends('00:50', 'done', 'process 100 ended, launchd started another');
  t.keepsSeeing(['00:52', '01:00', 2], 'a new process', world.booting(ground.spawned(300, '00:51')));
  t.keepsSeeing(['01:02', '02:02', 10], 'the gateway serves', world.serving(ground.spawned(300, '00:51')));
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:13  /healthz was not answered
        00:13  suspect: hung | /healthz gave no answer in time
    00:21 to 00:31  still silent; its process uses no processor time
        00:21  [opened] incident I1: the gateway's process is alive but answers nothing; over 5 s its process used
                 almost no processor time: frozen
        00:31  repairing: hung
        00:31  [action] restart the gateway (A1): the gateway's process is alive but answers nothing; over 5 s its
                 process used almost no processor time: frozen
    00:50  A1 done
        00:50  starting: hung | process 100 ended, launchd started another; waiting for the gateway to serve
    00:52 to 01:00  a new process
        00:52  starting: booting | the gateway has just started; left alone for up to 10 min
    01:02 to 02:02  the gateway serves
        01:02  probation: serving | serving again for 0 ms; the incident closes after 60 s
        02:02  healthy: serving | the gateway answers and the held connection is accepted
        02:02  [resolved] incident I1 (hung): serving again after 1 action of the watchdog; it was away for 52 s
  `);
});

test('its listener is lost while its process lives: restarted when no drain takes that long', () => {
  const t = transcriptOfServing();
  t.keepsSeeing(['00:10', '02:15', 5], 'the process lives and refuses connections', world.deaf());
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10 to 02:15  the process lives and refuses connections
        00:10  starting: listener-lost | the gateway was serving, its process is alive, and it no longer accepts
                 connections
        00:40  suspect: listener-lost | the gateway was serving, its process is alive, and it no longer accepts
                 connections; acts in 90 s unless it recovers
        00:40  [opened] incident I1: the gateway was serving, its process is alive, and it no longer accepts
                 connections
        02:10  repairing: listener-lost
        02:10  [action] restart the gateway (A1): the gateway was serving, its process is alive, and it no longer
                 accepts connections
  `);
});

test('nothing can be told: nothing is done, and after five minutes that is said', () => {
  const t = transcriptOfServing();
  t.keepsSeeing(['00:10', '20:00', 10], 'launchctl gives no answer', world.blind);
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10 to 20:00  launchctl gives no answer
        00:10  healthy: unknown | the service manager gave no usable answer: launchctl gave no answer in 5 s
        05:10  [told] cannot tell for 5 min: the service manager gave no usable answer: launchctl gave no answer in
                 5 s
  `);
});

test('it serves, and does not take our token: told, never a restart or a rollback', () => {
  const t = transcriptOfServing();
  t.keepsSeeing(['00:10', '2:00:00', 10], 'it refuses the token of its own config', world.authMismatch);
  t.sees('2:00:10', 'the held connection is accepted', world.serving());
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10 to 2:00:00  it refuses the token of its own config
        00:10  healthy: serving (also auth-mismatch) | the gateway answers and process 100 of its job listens
        00:10  [told] auth mismatch: the gateway refused the token in its own config (AUTH_TOKEN_MISMATCH); watching
                 by /healthz
    2:00:10  the held connection is accepted
      2:00:10  healthy: serving | the gateway answers and the held connection is accepted
      2:00:10  [told] what was told before is over (auth-mismatch): the gateway serves
  `);
});

test('one thing takes the place of another: the new one is told, the end of the old one is not', () => {
  const t = transcriptOfServing();
  const refused = world.but(world.authMismatch, { readiness: { kind: 'not-ready', failing: ['telegram'] } });
  t.sees('00:10', 'it refuses our token, and is not ready', refused);
  t.sees('01:10', 'it takes our token, and is still not ready', world.readiness503);
  t.sees('01:20', 'it is ready', world.serving());
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10  it refuses our token, and is not ready
        00:10  healthy: serving (also auth-mismatch) | the gateway answers and process 100 of its job listens
        00:10  [told] auth mismatch: the gateway refused the token in its own config (AUTH_TOKEN_MISMATCH); watching
                 by /healthz
    01:10  it takes our token, and is still not ready
        01:10  healthy: serving | the gateway answers and the held connection is accepted
        01:10  [told] readiness 503: telegram
    01:20  it is ready
        01:20  [told] what was told before is over (readiness 503): the gateway serves
  `);
});

test('its token is to come from a variable that is not there: told, with what to do', () => {
  const t = transcriptOfServing();
  const unset = world.but(world.serving(), {
    socket: { kind: 'not-tried', because: 'the variable OPENCLAW_TOKEN is not set', secretUnset: true },
  });
  t.keepsSeeing(
    ['00:10', '01:00', 10],
    'it serves; its config takes the token from a variable that is not set',
    unset,
  );
  expect(t.deeds).toEqual([]);
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10 to 01:00  it serves; its config takes the token from a variable that is not set
        00:10  healthy: serving (also auth-mismatch) | the gateway answers and process 100 of its job listens
        00:10  [told] auth mismatch: the variable OPENCLAW_TOKEN is not set, so the gateway has made up a token that
                 no client knows; set the variable and restart it
  `);
});

const loop = (runs: number): world.Sight =>
  ground.on(
    world.but(world.relaunching, {
      service: { kind: 'scheduled', runs, lastExit: { kind: 'code', code: 1 } },
    }),
    ground.sound,
  );

test('a crash loop is not told before the package was looked through', () => {
  const t = transcript();
  const busy = { dependencies: { kind: 'unknown', because: 'reading the files takes too long' } } as const;
  t.sees('00:00', 'a first start has failed', loop(1));
  t.keepsSeeing(
    ['00:10', '00:50', 2],
    'four more, and the package cannot be judged',
    ground.on(loop(5), busy),
  );
  expect(t.state).toMatchObject({ cause: 'crash-loop', phase: { kind: 'suspect' } });
  t.keepsSeeing(
    ['00:52', '00:56', 2],
    'now it can: a dependency is missing',
    ground.on(loop(5), ground.missing),
  );
  expect(t.state.cause).toBe('dependency-missing');
});

test('a crash loop whose config has had no verdict for a minute is told all the same', () => {
  const t = transcript();
  t.sees('00:00', 'a first start has failed', loop(1));
  t.keepsSeeing(['00:10', '01:20', 5], 'four more', ground.on(loop(5), ground.undecided('pending')));
  expect(t.state.phase).toMatchObject({ kind: 'exhausted', cause: 'crash-loop' });
});
