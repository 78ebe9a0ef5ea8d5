import { expect, test } from 'vitest';
import { initialState, type State } from '../../../src/core/state.ts';
import { hours, type Instant, minutes, plus } from '../../../src/core/time.ts';
import * as ground from '../ground.ts';
import { acting, moment } from '../story.ts';
import { type Transcript, transcript, transcriptOfServing } from '../transcript.ts';
import * as world from '../world.ts';

const { on } = ground;
const hung = on(world.frozen('idle'), ground.sound);

/** Hung from one moment on, restarted, and hung again in every life that follows. */
function restartsDoNotHelp(): Transcript {
  const t = transcriptOfServing();
  t.keepsSeeing(['00:13', '00:31', 2], 'silence', hung);
  t.ends('00:33', 'done', 'process 100 ended, launchd started another');
  const next = on(world.frozen('idle', ground.spawned(200, '00:33')), ground.sound);
  t.sees('00:40', 'the new process serves for a moment', world.serving(ground.spawned(200, '00:33')));
  t.keepsSeeing(['00:43', '01:03', 2], 'silence', next);
  return t;
}

test('two restarts that do not help: a person is told, and no third is made', () => {
  const t = restartsDoNotHelp();
  t.ends('01:10', 'done', 'process 200 ended, launchd started another');
  const last = ground.spawned(300, '01:10');
  t.sees('01:20', 'the new process serves for a moment', world.serving(last));
  t.keepsSeeing(['01:23', '30:00', 10], 'silence', on(world.frozen('idle', last), ground.sound));
  expect(t.deeds).toEqual(['restart', 'restart']);
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:13 to 00:31  silence
        00:13  suspect: hung | the gateway's process is alive but answers nothing; over 5 s its process used almost
                 no processor time: frozen
        00:15  [opened] incident I1: the gateway's process is alive but answers nothing; over 5 s its process used
                 almost no processor time: frozen
        00:31  repairing: hung
        00:31  [action] restart the gateway (A1): the gateway's process is alive but answers nothing; over 5 s its
                 process used almost no processor time: frozen
    00:33  A1 done
        00:33  starting: hung | process 100 ended, launchd started another; waiting for the gateway to serve
    00:40  the new process serves for a moment
        00:40  probation: serving | serving again for 0 ms; the incident closes after 60 s
    00:43 to 01:03  silence
        00:43  suspect: hung | the gateway's process is alive but answers nothing; over 5 s its process used almost
                 no processor time: frozen; acts in 17 s unless it recovers
        01:01  repairing: hung
        01:01  [action] restart the gateway (A2): the gateway's process is alive but answers nothing; over 5 s its
                 process used almost no processor time: frozen
    01:10  A2 done
        01:10  starting: hung | process 200 ended, launchd started another; waiting for the gateway to serve
    01:20  the new process serves for a moment
        01:20  probation: serving | serving again for 0 ms; the incident closes after 60 s
    01:23 to 30:00  silence
        01:23  suspect: hung | the gateway's process is alive but answers nothing; over 5 s its process used almost
                 no processor time: frozen; acts in 17 s unless it recovers
        01:43  exhausted: hung
        01:43  [exhausted] needs you: the gateway's process is alive but answers nothing; over 5 s its process used
                 almost no processor time: frozen; 2 restarts did not help
  `);
});

const with_ = (changes: Partial<State>): State => ({ ...initialState, ...changes });
/** Made at these hours of the day. */
const made = (...at: readonly number[]): readonly Instant[] => at.map((n) => plus(moment('00:00'), hours(n)));

test.each([1, 2, 3, 4, 5, 6])(
  'after %i actions in a row the next waits twice as long, at most ten minutes',
  (count) => {
    const waits = [30, 60, 120, 240, 480, 600];
    const wait = waits[count - 1] ?? 0;
    const strain = { count, lastAt: moment('30:00'), servingSince: null };
    const t = transcript(acting, with_({ strain }));
    const due = plus(moment('30:00'), minutes(wait / 60));
    t.sees('30:01', 'the gateway serves', world.serving());
    t.keepsSeeing(['30:02', '45:00', 2], 'silence', hung);
    const restarted = t.state.incident?.attempts[0]?.at ?? 0;
    // Never before twenty seconds of silence either.
    expect(restarted).toBe(Math.max(due, moment('30:20')));
  },
);

test('waiting for its turn is said', () => {
  const strain = { count: 3, lastAt: moment('00:00'), servingSince: null };
  const t = transcript(acting, with_({ strain }));
  t.sees('00:01', 'the gateway serves', world.serving());
  t.keepsSeeing(['00:13', '01:01', 2], 'silence', hung);
  expect(t.state.because).toMatch(/; the action before it is given time to help: next one in 59 s$/);
  expect(t.deeds).toEqual([]);
});

test('half an hour of healthy time forgives one action, counted when it ends', () => {
  const strain = { count: 3, lastAt: moment('00:00'), servingSince: null };
  const t = transcript(acting, with_({ strain }));
  t.keepsSeeing(['00:00', '1:05:00', 10], 'the gateway serves', world.serving());
  expect(t.state.strain.count).toBe(3);
  t.sees('1:05:13', 'silence', hung);
  expect(t.state.strain).toEqual({ count: 1, lastAt: moment('00:00'), servingSince: null });
  t.sees('1:05:14', 'the gateway serves', world.serving());
  t.sees('9:05:14', 'silence', hung);
  expect(t.state.strain.count).toBe(0);
});

test('three rollbacks in a day: the fourth is told instead, and made when the day lets it', () => {
  const t = transcript(acting, with_({ rollbacks: made(0, 8, 16) }));
  const broken = on(world.relaunching, ground.sound, ground.rejected, ground.snapshot());
  t.sees('20:00:00', 'the gateway serves', world.serving());
  t.keepsSeeing(['20:00:10', '20:00:20', 2], 'no process; a refused config', broken);
  expect(t.deeds).toEqual([]);
  t.keepsSeeing(['23:59:40', '24:00:10', 10], 'no process; a refused config', broken);
  expect(t.deeds).toEqual(['rollback']);
  expect(t.read()).toMatchInlineSnapshot(`
    20:00:00  the gateway serves
     20:00:00  healthy: serving | the gateway answers and the held connection is accepted
    20:00:10 to 20:00:20  no process; a refused config
     20:00:10  suspect: config-invalid
     20:00:10  [opened] incident I1: the gateway's config is invalid: channels.telegram.enabled must be boolean
     20:00:20  exhausted: config-invalid
     20:00:20  [exhausted] needs you: the gateway's config is invalid: channels.telegram.enabled must be boolean;
                 the limit of 3 automatic rollbacks in 24 h is reached; the next one is possible in 4 h
    23:59:40 to 24:00:10  no process; a refused config
     24:00:00  repairing: config-invalid
     24:00:00  [action] roll the config back to snapshot 41c7 (A1): the gateway's config is invalid:
                 channels.telegram.enabled must be boolean
  `);
});

test('two reinstalls in a day: the third is told instead', () => {
  const t = transcript(acting, with_({ reinstalls: made(0, 8) }));
  t.sees('20:00:00', 'the gateway serves', world.serving());
  t.keepsSeeing(
    ['20:00:10', '21:00:00', 10],
    'no process; ws is missing',
    on(world.relaunching, ground.sound, ground.missing, ground.archive()),
  );
  expect(t.deeds).toEqual([]);
  expect(t.read()).toMatchInlineSnapshot(`
    20:00:00  the gateway serves
     20:00:00  healthy: serving | the gateway answers and the held connection is accepted
    20:00:10 to 21:00:00  no process; ws is missing
     20:00:10  exhausted: dependency-missing
     20:00:10  [opened] incident I1: the openclaw package is incomplete: the package ws, which openclaw needs, is
                 not there
     20:00:10  [exhausted] needs you: the openclaw package is incomplete: the package ws, which openclaw needs, is
                 not there; the limit of 2 automatic reinstalls in 24 h is reached; the next one is possible in 4 h
  `);
});

test('one restart allowed: said in the singular', () => {
  const once = { ...acting, policy: { ...acting.policy, restartAttempts: 1 } };
  const t = transcriptOfServing(once);
  t.keepsSeeing(['00:13', '00:31', 2], 'silence', hung);
  t.ends('00:33', 'failed', 'process 100 could not be ended');
  t.keepsSeeing(['00:35', '05:00', 2], 'silence', hung);
  expect(t.deeds).toEqual(['restart']);
  expect(t.state.because).toMatch(/; 1 restart did not help$/);
});

test('a clock that was set back is no reason to wait for an action that lies in the future', () => {
  const strain = { count: 1, lastAt: moment('2:00:00'), servingSince: null };
  const t = transcript(acting, with_({ strain }));
  t.sees('00:01', 'the gateway serves', world.serving());
  t.keepsSeeing(['00:13', '00:31', 2], 'silence', hung);
  expect(t.deeds).toEqual(['restart']);
});

test('restarts of one silence count together, whatever was learnt of it in between', () => {
  const t = restartsDoNotHelp();
  expect(t.deeds).toEqual(['restart', 'restart']);
  t.ends('01:10', 'done', 'process 200 ended, launchd started another');
  const last = ground.spawned(300, '01:10');
  const full = { descriptors: { kind: 'read', pid: 300, open: 256, limit: 256 } } as const;
  t.sees('01:20', 'the new process serves for a moment', world.serving(last));
  t.keepsSeeing(
    ['01:23', '30:00', 10],
    'silence; all its files are open',
    on(world.frozen('idle', last), full),
  );
  expect(t.deeds).toEqual(['restart', 'restart']);
  expect(t.state.because).toMatch(/256 files open and can accept nothing more; 2 restarts did not help$/);
});
