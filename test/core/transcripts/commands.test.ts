import { expect, test } from 'vitest';
import * as ground from '../ground.ts';
import { acting, moment } from '../story.ts';
import { transcript, transcriptOfServing } from '../transcript.ts';
import * as world from '../world.ts';

const hung = world.frozen('idle');

test('"repair" after nothing was left: fresh attempts, the same budgets', () => {
  const t = transcriptOfServing();
  const broken = ground.on(world.relaunching, ground.sound, ground.missing, ground.archive());
  t.sees('00:10', 'the held connection breaks', world.connectionBroke());
  t.sees('00:12', 'no process; ws is missing', broken);
  t.ends('00:20', 'failed', 'the archive is on a disk that is not there');
  t.keepsSeeing(['00:22', '01:00', 10], 'no process; ws is missing', broken);
  t.commands('01:05', { kind: 'acknowledge' });
  expect(t.state.incident?.acknowledgedAt).toBe(moment('01:05'));
  t.commands('01:10', { kind: 'repair' });
  t.keepsSeeing(
    ['01:12', '01:22', 10],
    'no process; somebody put the package right',
    ground.on(world.jobStopped, ground.sound),
  );
  t.keepsSeeing(['01:32', '01:42', 10], 'no process', ground.on(world.jobStopped, ground.sound));
  expect(t.deeds).toEqual(['reinstall', 'start']);
  expect(t.paid).toBe(2);
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10  the held connection breaks
        00:10  starting: crashed
        00:10  [opened] incident I1: the gateway dropped the held connection without a goodbye (close code 1006) and
                 refuses new ones
    00:12  no process; ws is missing
        00:12  repairing: dependency-missing
        00:12  [action] repair the openclaw package with archive 2026.9.6 (A1): the openclaw package is incomplete:
                 the package ws, which openclaw needs, is not there
    00:20  A1 failed
        00:20  suspect: dependency-missing | the action failed: the archive is on a disk that is not there
    00:22 to 01:00  no process; ws is missing
        00:22  exhausted: dependency-missing
        00:22  [exhausted] needs you: the openclaw package is incomplete: the package ws, which openclaw needs, is
                 not there; the reinstall with archive 2026.9.6 has been tried already and did not help
    01:05  the operator types "immune acknowledge"
    01:10  the operator types "immune repair"
        01:10  suspect: dependency-missing | asked to try again; looking at the gateway
    01:12 to 01:22  no process; somebody put the package right
        01:12  suspect: job-stopped | the job is loaded but has no process, and nothing is scheduled to start it;
                 acts in 15 s unless it recovers
    01:32 to 01:42  no process
        01:32  repairing: job-stopped
        01:32  [action] start the gateway (A2): the job is loaded but has no process, and nothing is scheduled to
                 start it
  `);
});

test('"repair" in the middle of an action, or without an incident, changes nothing', () => {
  const t = transcriptOfServing();
  const calm = t.state;
  t.commands('00:05', { kind: 'repair' });
  t.commands('00:06', { kind: 'acknowledge' });
  expect(t.state).toEqual(calm);
  t.keepsSeeing(['00:13', '00:31', 2], 'silence', hung);
  const busy = t.state;
  t.commands('00:32', { kind: 'repair' });
  expect(t.state).toEqual(busy);
});

test('"repair" while paused waits for the end of the pause', () => {
  const t = transcriptOfServing();
  t.keepsSeeing(['00:13', '00:17', 2], 'silence', hung);
  t.commands('00:18', { kind: 'pause', until: null, because: '' });
  t.commands('00:19', { kind: 'repair' });
  t.keepsSeeing(['00:20', '05:00', 10], 'silence', hung);
  expect(t.deeds).toEqual([]);
  t.commands('05:05', { kind: 'resume' });
  t.keepsSeeing(['05:10', '05:30', 5], 'silence', hung);
  expect(t.deeds).toEqual(['restart']);
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:13 to 00:17  silence
        00:13  suspect: hung | the gateway's process is alive but answers nothing; over 5 s its process used almost
                 no processor time: frozen
        00:15  [opened] incident I1: the gateway's process is alive but answers nothing; over 5 s its process used
                 almost no processor time: frozen
    00:18  the operator types "immune pause"
        00:18  suspended (paused): hung | paused until "immune resume"
    00:19  the operator types "immune repair"
    00:20 to 05:00  silence
    05:05  the operator types "immune resume"
        05:05  starting: hung | resumed; looking at the gateway
    05:10 to 05:30  silence
        05:10  suspect: hung | the gateway's process is alive but answers nothing; over 5 s its process used almost
                 no processor time: frozen; acts in 17 s unless it recovers
        05:30  repairing: hung
        05:30  [action] restart the gateway (A1): the gateway's process is alive but answers nothing; over 5 s its
                 process used almost no processor time: frozen
  `);
});

test('"pause" in the middle of an action takes hold when it has ended; "resume" without a pause changes nothing much', () => {
  const t = transcriptOfServing();
  t.commands('00:05', { kind: 'resume' });
  t.keepsSeeing(['00:13', '00:31', 2], 'silence', hung);
  t.commands('00:32', { kind: 'pause', until: moment('10:00'), because: '' });
  t.ends('00:33', 'done', 'process 100 ended');
  t.keepsSeeing(['00:35', '00:45', 10], 'a new process', world.booting(ground.spawned(200, '00:33')));
  t.keepsSeeing(['00:50', '05:00', 10], 'the gateway serves', world.serving(ground.spawned(200, '00:33')));
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:05  the operator types "immune resume"
    00:13 to 00:31  silence
        00:13  suspect: hung | the gateway's process is alive but answers nothing; over 5 s its process used almost
                 no processor time: frozen
        00:15  [opened] incident I1: the gateway's process is alive but answers nothing; over 5 s its process used
                 almost no processor time: frozen
        00:31  repairing: hung
        00:31  [action] restart the gateway (A1): the gateway's process is alive but answers nothing; over 5 s its
                 process used almost no processor time: frozen
    00:32  the operator types "immune pause"
    00:33  A1 done
        00:33  starting: hung | process 100 ended; waiting for the gateway to serve
    00:35 to 00:45  a new process
        00:35  suspended until 10:00 (paused): booting | paused for another 9 min; "immune resume" ends it
    00:50 to 05:00  the gateway serves
        00:50  probation: serving | serving again for 0 ms; the incident closes after 60 s
        01:50  healthy: serving | the gateway answers and the held connection is accepted
        01:50  [resolved] incident I1 (hung): serving again after 1 action of the watchdog; it was away for 40 s
        02:00  suspended until 10:00 (paused): serving | the gateway answers and the held connection is accepted
  `);
});

test('"repair" tries a repair again that could not be made, and not one that was made and did not help', () => {
  const broken = ground.on(world.relaunching, ground.sound, ground.missing, ground.archive());
  const t = transcriptOfServing();
  t.sees('00:10', 'no process; ws is missing', broken);
  t.ends('00:20', 'failed', 'the archive is on a disk that is not there');
  t.sees('00:22', 'no process; ws is missing', broken);
  expect(t.state.phase.kind).toBe('exhausted');
  t.commands('01:10', { kind: 'repair' });
  t.sees('01:12', 'no process; ws is missing', broken);
  expect(t.deeds).toEqual(['reinstall', 'reinstall']);
  t.ends('01:20', 'done', 'restored from archive 2026.9.6');
  t.sees('01:22', 'no process; ws is missing still', broken);
  t.commands('05:10', { kind: 'repair' });
  t.sees('05:12', 'no process; ws is missing', broken);
  expect(t.deeds).toEqual(['reinstall', 'reinstall']);
  expect(t.state.because).toMatch(/has been tried already and did not help$/);
});

test('an end of an action without its incident changes nothing', () => {
  const t = transcriptOfServing();
  t.keepsSeeing(['00:13', '00:31', 2], 'silence', hung);
  const orphaned = { ...t.state, incident: null };
  const later = transcript(acting, orphaned);
  later.ends('00:33', 'done');
  expect(later.state).toEqual(orphaned);
});

test('"repair" after restarts that did not help: they may be made again, and the budget still holds', () => {
  const t = transcriptOfServing();
  t.keepsSeeing(['00:13', '00:31', 2], 'silence', hung);
  t.ends('00:33', 'failed', 'process 100 could not be ended');
  t.keepsSeeing(['00:35', '01:01', 2], 'silence', hung);
  t.ends('01:03', 'failed', 'process 100 could not be ended');
  t.keepsSeeing(['01:05', '01:31', 2], 'silence', hung);
  expect(t.state.phase.kind).toBe('exhausted');
  t.commands('01:32', { kind: 'repair' });
  t.keepsSeeing(['01:33', '05:29', 4], 'silence', hung);
  expect(t.deeds).toEqual(['restart', 'restart']);
  expect(t.state.because).toMatch(/the budget of 2 in 5 min is used up/);
  t.keepsSeeing(['05:30', '05:40', 2], 'silence', hung);
  expect(t.deeds).toEqual(['restart', 'restart', 'restart']);
});
