import { expect, test } from 'vitest';
import { restoreState } from '../../../src/core/restore-state.ts';
import { initialState, type State } from '../../../src/core/state.ts';
import * as ground from '../ground.ts';
import { acting, moment } from '../story.ts';
import { transcript, transcriptOfServing } from '../transcript.ts';
import * as world from '../world.ts';

const { on } = ground;
const down = on(world.relaunching, ground.sound);

test('the watchdog died over a rollback that was made: it looks first, and only the start is left to do', () => {
  const t = transcriptOfServing();
  t.sees('00:10', 'the held connection breaks', world.connectionBroke());
  t.keepsSeeing(
    ['00:12', '00:22', 10],
    'no process; a refused config',
    on(down, ground.rejected, ground.snapshot()),
  );
  t.ends('00:40', 'interrupted');
  t.sees('00:42', 'no process; the config is sound', on(down, ground.restored));
  expect(t.deeds).toEqual(['rollback', 'start']);
  expect(t.paid).toBe(1);
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10  the held connection breaks
        00:10  starting: crashed
        00:10  [opened] incident I1: the gateway dropped the held connection without a goodbye (close code 1006) and
                 refuses new ones
    00:12 to 00:22  no process; a refused config
        00:12  suspect: config-invalid | the gateway's config is invalid: channels.telegram.enabled must be boolean
        00:22  repairing: config-invalid
        00:22  [action] roll the config back to snapshot 41c7 (A1): the gateway's config is invalid:
                 channels.telegram.enabled must be boolean
    00:40  A1 is interrupted: the watchdog died
        00:40  starting: config-invalid | the watchdog died during an action; it looks first and counts the action
                 as made
    00:42  no process; the config is sound
        00:42  repairing: relaunch-late
        00:42  [action] start the gateway (A2): what kept it from starting is repaired: this is the one start that
                 belongs to the repair
  `);
});

test('the watchdog died over a rollback that was not made: it counts as tried, the next snapshot is taken', () => {
  const t = transcriptOfServing();
  t.sees('00:10', 'the held connection breaks', world.connectionBroke());
  t.keepsSeeing(
    ['00:12', '00:22', 10],
    'no process; a refused config',
    on(down, ground.rejected, ground.snapshot()),
  );
  t.ends('00:40', 'interrupted');
  t.sees('00:42', 'no process; still the refused config', on(down, ground.rejected, ground.snapshot()));
  t.sees(
    '00:44',
    'no process; an older snapshot is offered',
    on(down, ground.rejected, ground.snapshot('snapshot 0a1b')),
  );
  expect(t.deeds).toEqual(['rollback', 'rollback']);
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10  the held connection breaks
        00:10  starting: crashed
        00:10  [opened] incident I1: the gateway dropped the held connection without a goodbye (close code 1006) and
                 refuses new ones
    00:12 to 00:22  no process; a refused config
        00:12  suspect: config-invalid | the gateway's config is invalid: channels.telegram.enabled must be boolean
        00:22  repairing: config-invalid
        00:22  [action] roll the config back to snapshot 41c7 (A1): the gateway's config is invalid:
                 channels.telegram.enabled must be boolean
    00:40  A1 is interrupted: the watchdog died
        00:40  starting: config-invalid | the watchdog died during an action; it looks first and counts the action
                 as made
    00:42  no process; still the refused config
        00:42  exhausted: config-invalid
        00:42  [exhausted] needs you: the gateway's config is invalid: channels.telegram.enabled must be boolean;
                 the rollback with snapshot 41c7 has been tried already and did not help
    00:44  no process; an older snapshot is offered
        00:44  repairing: config-invalid
        00:44  [action] roll the config back to snapshot 0a1b (A2): the gateway's config is invalid:
                 channels.telegram.enabled must be boolean
  `);
});

test('a rollback whose end is unknown is taken back too when the starts after it fail', () => {
  const t = transcriptOfServing();
  t.sees('00:10', 'the held connection breaks', world.connectionBroke());
  t.keepsSeeing(
    ['00:12', '00:22', 10],
    'no process; a refused config',
    on(down, ground.rejected, ground.snapshot()),
  );
  t.ends('00:23', 'interrupted');
  for (const [spawned, ended, pid] of [
    ['00:26', '00:28', 200],
    ['00:36', '00:38', 300],
    ['00:46', '00:48', 400],
    ['00:56', '00:58', 500],
  ] as const) {
    t.sees(spawned, 'a new process', on(world.booting(ground.spawned(pid, spawned)), ground.restored));
    t.sees(ended, 'it ended', on(down, ground.restored));
    if (t.state.phase.kind === 'repairing' && t.deeds.at(-1) === 'start')
      t.ends(ended, 'done', 'kickstarted');
  }
  expect(t.deeds.at(-1)).toBe('undo');
});

test('the watchdog died over a restart: nothing is done twice at once', () => {
  const t = transcriptOfServing();
  t.keepsSeeing(['00:13', '00:31', 2], 'silence', world.frozen('idle'));
  t.ends('00:40', 'interrupted');
  t.keepsSeeing(['00:42', '00:50', 2], 'a new process', world.booting(ground.spawned(200, '00:33')));
  t.keepsSeeing(['00:52', '01:52', 10], 'the gateway serves', world.serving(ground.spawned(200, '00:33')));
  expect(t.deeds).toEqual(['restart']);
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
    00:40  A1 is interrupted: the watchdog died
        00:40  starting: hung | the watchdog died during an action; it looks first and counts the action as made
    00:42 to 00:50  a new process
        00:42  starting: booting | the gateway has just started; left alone for up to 10 min
    00:52 to 01:52  the gateway serves
        00:52  probation: serving | serving again for 0 ms; the incident closes after 60 s
        01:52  healthy: serving | the gateway answers and the held connection is accepted
        01:52  [resolved] incident I1 (hung): serving again after 1 action of the watchdog; it was away for 42 s
  `);
});

test('a journal of an older version: what it did not know begins as in a new one, and its incident goes on', () => {
  const {
    attemptsFrom: _a,
    exhaustedOn: _e,
    acknowledgedAt: _k,
    ...incident
  } = {
    id: 'I7',
    openedAt: moment('00:00'),
    cause: 'crash-loop',
    because: 'it fell',
    attempts: [],
    attemptsFrom: 0,
    exhaustedAt: moment('00:30'),
    exhaustedOn: null,
    acknowledgedAt: null,
    servingAt: null,
    closedAt: null,
    outcome: null,
  } as const;
  const {
    also: _also,
    round: _round,
    strain: _strain,
    losses: _losses,
    rollbacks: _rollbacks,
    ...known
  } = initialState;
  const older = {
    ...known,
    incident,
    phase: { kind: 'exhausted', cause: 'crash-loop' },
    nextIncident: 8,
  } as unknown as State;
  const restored = restoreState(older);
  expect(restored).toEqual({
    ...initialState,
    incident: { ...incident, attemptsFrom: 0, exhaustedOn: null, acknowledgedAt: null },
    phase: { kind: 'exhausted', cause: 'crash-loop' },
    nextIncident: 8,
  });
  const t = transcript(acting, restored);
  t.keepsSeeing(['10:00', '11:00', 10], 'the gateway serves', world.serving());
  expect(t.read()).toMatchInlineSnapshot(`
    10:00 to 11:00  the gateway serves
        10:00  probation: serving | serving again for 0 ms; the incident closes after 60 s
        11:00  healthy: serving | the gateway answers and the held connection is accepted
        11:00  [resolved] incident I7 (crash-loop): serving again without any action of the watchdog; it was away
                 for 10 min
  `);
});

test('a suspension of an older version has a beginning and no end; without an incident there is nothing to fill in', () => {
  const older = { ...initialState, phase: { kind: 'suspended', cause: 'paused' } } as unknown as State;
  expect(restoreState(older)).toEqual({
    ...initialState,
    phase: { kind: 'suspended', cause: 'paused', since: 0, until: null },
  });
  const newer: State = {
    ...initialState,
    phase: { kind: 'suspended', cause: 'paused', since: moment('00:01'), until: moment('00:02') },
  };
  expect(restoreState(newer)).toEqual(newer);
  expect(restoreState(initialState)).toEqual(initialState);
});
