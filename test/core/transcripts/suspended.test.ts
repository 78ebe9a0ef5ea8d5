import { expect, test } from 'vitest';
import { initialState } from '../../../src/core/state.ts';
import * as ground from '../ground.ts';
import { acting, moment } from '../story.ts';
import { transcript, transcriptOfServing } from '../transcript.ts';
import * as world from '../world.ts';

test('an update runs: nothing is touched, until when is shown, and after an hour the operator hears so', () => {
  const t = transcriptOfServing();
  t.keepsSeeing(['00:10', '1:10:00', 10], 'not loaded; an update is running', world.updating);
  t.keepsSeeing(['1:10:10', '1:11:10', 10], 'the gateway serves', world.serving(world.second));
  expect(t.deeds).toEqual([]);
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10 to 1:10:00  not loaded; an update is running
        00:10  suspended until 1:00:10 (update-running): update-running | an OpenClaw update is running (handoff
                 row); nothing is touched until it ends
      1:00:10  [told] for 60 min nothing has been touched: an OpenClaw update is running (handoff row); nothing is
                 touched until it ends
    1:10:10 to 1:11:10  the gateway serves
      1:10:10  healthy: serving | the gateway answers and the held connection is accepted
      1:10:10  [told] what was told before is over (update-running): the gateway serves
  `);
});

test('an update in the middle of an incident: it waits, and is judged anew afterwards', () => {
  const t = transcriptOfServing();
  t.sees('00:10', 'the held connection breaks', world.connectionBroke());
  t.keepsSeeing(
    ['00:15', '10:00', 10],
    'an update is running; ws is missing',
    ground.on(world.updating, ground.sound, ground.missing, ground.archive()),
  );
  t.keepsSeeing(['10:05', '11:05', 10], 'the gateway serves', world.serving(world.second));
  expect(t.deeds).toEqual([]);
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10  the held connection breaks
        00:10  starting: crashed
        00:10  [opened] incident I1: the gateway dropped the held connection without a goodbye (close code 1006) and
                 refuses new ones
    00:15 to 10:00  an update is running; ws is missing
        00:15  suspended until 1:00:15 (update-running): update-running (also dependency-missing) | an OpenClaw
                 update is running (handoff row); nothing is touched until it ends
    10:05 to 11:05  the gateway serves
        10:05  probation: serving | serving again for 0 ms; the incident closes after 60 s
        11:05  healthy: serving | the gateway answers and the held connection is accepted
        11:05  [resolved] incident I1 (crashed): serving again without any action of the watchdog; it was away for
                 10 min
  `);
});

test('whether an update is running cannot be told: no repair either', () => {
  const t = transcriptOfServing();
  const unsure = world.but(ground.on(world.relaunching, ground.sound, ground.missing, ground.archive()), {
    update: { kind: 'unknown', because: 'EACCES' },
  });
  t.keepsSeeing(
    ['00:10', '06:00', 10],
    'no process, ws is missing, the markers of an update cannot be read',
    unsure,
  );
  expect(t.deeds).toEqual([]);
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10 to 06:00  no process, ws is missing, the markers of an update cannot be read
        00:10  healthy: unknown (also dependency-missing) | the openclaw package is incomplete: the package ws,
                 which openclaw needs, is not there; but whether an update is running cannot be told: EACCES
        05:10  [told] cannot tell for 5 min: the openclaw package is incomplete: the package ws, which openclaw
                 needs, is not there; but whether an update is running cannot be told: EACCES
  `);
});

test('its host asked it to suspend: silence is meant', () => {
  const t = transcriptOfServing();
  const asked = world.but(world.frozen('idle'), (at) => ({
    socket: { ...world.serving()(at).socket, suspension: 'suspending' } as never,
  }));
  t.keepsSeeing(['00:10', '10:00', 10], 'silence; the held connection said that its host suspends it', asked);
  t.sees('10:10', 'the gateway serves', world.serving());
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10 to 10:00  silence; the held connection said that its host suspends it
        00:10  suspended until 1:00:10 (host-suspended): host-suspended | the gateway's host asked it to suspend
                 (suspending); nothing is touched until that ends
    10:10  the gateway serves
        10:10  healthy: serving | the gateway answers and the held connection is accepted
  `);
});

test('just woken: what looks like a failure counts for nothing for half a minute', () => {
  const t = transcriptOfServing();
  t.sees('8:00:00', 'silence, seven hours late', world.late(world.frozen('idle'), 7 * 3_600_000));
  t.keepsSeeing(['8:00:05', '8:00:25', 5], 'silence', world.frozen('idle'));
  t.sees('8:00:35', 'the gateway serves', world.serving());
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    8:00:00  silence, seven hours late
      8:00:00  suspended until 8:00:30 (woken): hung | this machine slept or was starved; nothing counts as failure
                 for 30 s
    8:00:05 to 8:00:25  silence
    8:00:35  the gateway serves
      8:00:35  healthy: serving | the gateway answers and the held connection is accepted
  `);
});

test('paused in the middle of an incident: nothing is done until it ends, and the next look judges anew', () => {
  const t = transcriptOfServing();
  const broken = ground.on(world.relaunching, ground.sound, ground.rejected, ground.snapshot());
  t.sees('00:10', 'the held connection breaks', world.connectionBroke());
  t.sees('00:12', 'no process; a refused config', broken);
  t.commands('00:14', { kind: 'pause', until: moment('30:14'), because: 'I am on it' });
  t.keepsSeeing(['00:20', '30:10', 10], 'no process; a refused config', broken);
  expect(t.deeds).toEqual([]);
  t.keepsSeeing(['30:15', '30:15'], 'no process; a refused config', broken);
  expect(t.deeds).toEqual(['rollback']);
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10  the held connection breaks
        00:10  starting: crashed
        00:10  [opened] incident I1: the gateway dropped the held connection without a goodbye (close code 1006) and
                 refuses new ones
    00:12  no process; a refused config
        00:12  suspect: config-invalid | the gateway's config is invalid: channels.telegram.enabled must be boolean
    00:14  the operator types "immune pause"
        00:14  suspended until 30:14 (paused): config-invalid | paused for another 30 min; "immune resume" ends it
    00:20 to 30:10  no process; a refused config
    30:15 to 30:15  no process; a refused config
        30:15  repairing: config-invalid
        30:15  [action] roll the config back to snapshot 41c7 (A1): the gateway's config is invalid:
                 channels.telegram.enabled must be boolean
  `);
});

test('our own journal is in doubt: nothing is decided before a person says "resume"', () => {
  const doubt = {
    ...initialState,
    phase: { kind: 'suspended', cause: 'journal-in-doubt', since: moment('00:00'), until: null },
  } as const;
  const t = transcript(acting, doubt);
  t.keepsSeeing(['00:00', '20:00', 10], 'silence', world.frozen('idle'));
  t.commands('20:01', { kind: 'repair' });
  t.commands('20:02', { kind: 'pause', until: null, because: '' });
  t.sees('20:03', 'silence', world.frozen('idle'));
  t.commands('20:04', { kind: 'resume' });
  t.keepsSeeing(['20:05', '20:25', 5], 'silence', world.frozen('idle'));
  expect(t.deeds).toEqual(['restart']);
  expect(t.read()).toMatchInlineSnapshot(`
    00:00 to 20:00  silence
        00:00  suspended (journal-in-doubt): hung | the gateway's process is alive but answers nothing; over 5 s its
                 process used almost no processor time: frozen
    20:01  the operator types "immune repair"
    20:02  the operator types "immune pause"
    20:03  silence
    20:04  the operator types "immune resume"
        20:04  starting: hung | resumed; looking at the gateway
    20:05 to 20:25  silence
        20:05  suspect: hung | the gateway's process is alive but answers nothing; over 5 s its process used almost
                 no processor time: frozen
        20:10  [opened] incident I1: the gateway's process is alive but answers nothing; over 5 s its process used
                 almost no processor time: frozen
        20:25  repairing: hung
        20:25  [action] restart the gateway (A1): the gateway's process is alive but answers nothing; over 5 s its
                 process used almost no processor time: frozen
  `);
});

test('one reason after another: each has an hour of its own before it is told', () => {
  const t = transcriptOfServing();
  const asked = world.but(world.frozen('idle'), (at) => ({
    socket: { ...world.serving()(at).socket, suspension: 'suspending' } as never,
  }));
  const tells = (): number => t.read().split('[told]').length - 1;
  t.keepsSeeing(['00:10', '1:30:00', 10], 'its host suspends it', asked);
  expect(tells()).toBe(1);
  t.keepsSeeing(['1:30:10', '2:30:00', 10], 'an update runs', world.updating);
  expect(tells()).toBe(1);
  t.sees('2:30:10', 'an update runs', world.updating);
  expect(t.read()).toContain('[told] for 60 min nothing has been touched: an OpenClaw update is running');
});
