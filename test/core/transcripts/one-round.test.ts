import { expect, test } from 'vitest';
import { initialState, type State } from '../../../src/core/state.ts';
import * as ground from '../ground.ts';
import { acting, moment } from '../story.ts';
import { type Transcript, transcript, transcriptOfServing } from '../transcript.ts';
import * as world from '../world.ts';

const { on } = ground;

const with_ = (changes: Partial<State>): State => ({ ...initialState, ...changes });
test('the same snapshot is not tried twice in one incident; another one is', () => {
  const t = transcriptOfServing();
  const broken = on(world.relaunching, ground.sound, ground.rejected, ground.snapshot());
  t.keepsSeeing(['00:10', '00:20', 2], 'no process; a refused config', broken);
  t.ends('00:21', 'failed', 'the disk gave an error');
  t.keepsSeeing(['00:22', '01:30', 2], 'no process; a refused config', broken);
  expect(t.deeds).toEqual(['rollback']);
  t.keepsSeeing(
    ['01:32', '05:00', 2],
    'no process; an older snapshot is offered',
    on(broken, ground.snapshot('snapshot 0a1b')),
  );
  expect(t.deeds).toEqual(['rollback', 'rollback']);
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10 to 00:20  no process; a refused config
        00:10  suspect: config-invalid
        00:10  [opened] incident I1: the gateway's config is invalid: channels.telegram.enabled must be boolean
        00:20  repairing: config-invalid
        00:20  [action] roll the config back to snapshot 41c7 (A1): the gateway's config is invalid:
                 channels.telegram.enabled must be boolean
    00:21  A1 failed
        00:21  suspect: config-invalid | the action failed: the disk gave an error
    00:22 to 01:30  no process; a refused config
        00:22  exhausted: config-invalid
        00:22  [exhausted] needs you: the gateway's config is invalid: channels.telegram.enabled must be boolean;
                 the rollback with snapshot 41c7 has been tried already and did not help
    01:32 to 05:00  no process; an older snapshot is offered
        01:32  repairing: config-invalid
        01:32  [action] roll the config back to snapshot 0a1b (A2): the gateway's config is invalid:
                 channels.telegram.enabled must be boolean
  `);
});

test('an action that was refused cost nothing, but refusing for ever ends', () => {
  const t = transcriptOfServing();
  const broken = on(world.relaunching, ground.sound, ground.missing, ground.archive());
  t.sees('00:10', 'the held connection breaks', world.connectionBroke());
  // Once more at once, then with growing pauses: an npm takes its time.
  for (const [seen, refused] of [
    ['00:12', '00:13'],
    ['00:14', '00:15'],
    ['00:20', '00:21'],
    ['00:36', '00:37'],
    ['01:22', '01:23'],
  ] as const) {
    t.sees(seen, 'no process; ws is missing', broken);
    t.ends(refused, 'refused', 'an npm is running');
  }
  expect(t.paid).toBe(0);
  expect(t.state).toMatchObject({ reinstalls: [], round: null, strain: { count: 0 } });
  t.keepsSeeing(['01:24', '10:00'], 'no process; ws is missing', broken);
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
    00:13  A1 refused
        00:13  suspect: dependency-missing | nothing was done: an npm is running
    00:14  no process; ws is missing
        00:14  repairing: dependency-missing
        00:14  [action] repair the openclaw package with archive 2026.9.6 (A2): the openclaw package is incomplete:
                 the package ws, which openclaw needs, is not there
    00:15  A2 refused
        00:15  suspect: dependency-missing | nothing was done: an npm is running
    00:20  no process; ws is missing
        00:20  repairing: dependency-missing
        00:20  [action] repair the openclaw package with archive 2026.9.6 (A3): the openclaw package is incomplete:
                 the package ws, which openclaw needs, is not there
    00:21  A3 refused
        00:21  suspect: dependency-missing | nothing was done: an npm is running
    00:36  no process; ws is missing
        00:36  repairing: dependency-missing
        00:36  [action] repair the openclaw package with archive 2026.9.6 (A4): the openclaw package is incomplete:
                 the package ws, which openclaw needs, is not there
    00:37  A4 refused
        00:37  suspect: dependency-missing | nothing was done: an npm is running
    01:22  no process; ws is missing
        01:22  repairing: dependency-missing
        01:22  [action] repair the openclaw package with archive 2026.9.6 (A5): the openclaw package is incomplete:
                 the package ws, which openclaw needs, is not there
    01:23  A5 refused
        01:23  suspect: dependency-missing | nothing was done: an npm is running
    01:24 to 10:00  no process; ws is missing
        01:24  exhausted: dependency-missing
        01:24  [exhausted] needs you: the openclaw package is incomplete: the package ws, which openclaw needs, is
                 not there; every attempt to act was refused; the last time: an npm is running
  `);
});

/** The package is repaired at 10:10, with one action of ten minutes before still in the window. */
function inARound(): Transcript {
  const t = transcript(acting, with_({ spent: [{ actionId: 'A1', at: moment('00:00') }], nextAction: 2 }));
  t.sees('10:00', 'the gateway serves', world.serving());
  t.sees(
    '10:10',
    'no process; ws is missing',
    on(world.jobStopped, ground.sound, ground.missing, ground.archive()),
  );
  t.keepsSeeing(
    ['10:12', '10:28', 2],
    'no process; ws is missing',
    on(world.jobStopped, ground.sound, ground.missing, ground.archive()),
  );
  t.ends('10:29', 'done', 'restored from archive 2026.9.6');
  return t;
}

test('a repair and the one start after it are one entry of the budget, dated by the start', () => {
  const t = inARound();
  t.sees('10:30', 'no process; the package is complete', on(world.jobStopped, ground.sound));
  expect(t.deeds).toEqual(['reinstall', 'start']);
  expect(t.state.spent).toEqual([
    { actionId: 'A1', at: moment('00:00') },
    { actionId: 'A2', at: moment('10:30') },
  ]);
  expect(t.state.strain.count).toBe(1);
});

test('a start that was refused leaves the repair its one start', () => {
  const t = inARound();
  t.sees('10:30', 'no process; the package is complete', on(world.jobStopped, ground.sound));
  t.ends('10:31', 'refused', 'the job was loaded anew meanwhile');
  t.sees('10:32', 'no process; the package is complete', on(world.jobStopped, ground.sound));
  expect(t.deeds).toEqual(['reinstall', 'start', 'start']);
  expect(t.paid).toBe(2);
  expect(t.state.strain.count).toBe(1);
});

test('a second repair that fails leaves the first one its start', () => {
  const t = inARound();
  t.keepsSeeing(
    ['10:30', '10:45'],
    'the package is complete, the config is refused',
    on(world.jobStopped, ground.sound, ground.rejected, ground.snapshot()),
  );
  t.ends('10:46', 'failed', 'the disk gave an error');
  expect(t.state.round).toBe('A2');
  t.sees('10:47', 'the operator mended the config', on(world.jobStopped, ground.sound));
  expect(t.deeds).toEqual(['reinstall', 'rollback', 'start']);
  expect(t.paid).toBe(2);
});

test('a first repair that fails earns no start of its own', () => {
  const t = transcriptOfServing();
  t.keepsSeeing(
    ['00:10', '00:25'],
    'no process; ws is missing',
    on(world.jobStopped, ground.sound, ground.missing, ground.archive()),
  );
  t.ends('00:26', 'failed', 'the archive cannot be read');
  expect(t.deeds).toEqual(['reinstall']);
  expect(t.state.round).toBeNull();
  t.sees('00:28', 'somebody mended the package', on(world.jobStopped, ground.sound));
  expect(t.deeds).toEqual(['reinstall']);
});
