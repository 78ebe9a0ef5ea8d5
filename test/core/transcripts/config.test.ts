import { expect, test } from 'vitest';
import * as ground from '../ground.ts';
import { transcriptOfServing } from '../transcript.ts';
import * as world from '../world.ts';

const { on } = ground;
const down = on(world.relaunching, ground.sound);
const born = ground.spawned(300, '00:25');

test('an edit the validator refuses, and the gateway is down: the config is rolled back, then the one start', () => {
  const t = transcriptOfServing();
  t.sees('00:10', 'the held connection breaks', world.connectionBroke());
  t.keepsSeeing(
    ['00:12', '00:22', 2],
    'no process; the validator refuses the config',
    on(down, ground.rejected, ground.snapshot()),
  );
  t.ends('00:23', 'done', 'snapshot 41c7 is in place, the refused file is in quarantine');
  t.sees('00:24', 'no process yet; the config is sound', on(down, ground.restored));
  t.ends('00:25', 'done', 'kickstarted');
  t.keepsSeeing(['00:26', '00:34', 2], 'a new process, not listening yet', world.booting(born));
  t.keepsSeeing(['00:36', '01:36', 10], 'the gateway serves', world.serving(born));
  expect(t.paid).toBe(1);
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10  the held connection breaks
        00:10  starting: crashed
        00:10  [opened] incident I1: the gateway dropped the held connection without a goodbye (close code 1006) and
                 refuses new ones
    00:12 to 00:22  no process; the validator refuses the config
        00:12  suspect: config-invalid | the gateway's config is invalid: channels.telegram.enabled must be boolean
        00:22  repairing: config-invalid
        00:22  [action] roll the config back to snapshot 41c7 (A1): the gateway's config is invalid:
                 channels.telegram.enabled must be boolean
    00:23  A1 done
        00:23  starting: config-invalid | snapshot 41c7 is in place, the refused file is in quarantine; waiting for
                 the gateway to serve
        00:23  [told] snapshot 41c7 is in place, the refused file is in quarantine
    00:24  no process yet; the config is sound
        00:24  repairing: relaunch-late
        00:24  [action] start the gateway (A2): what kept it from starting is repaired: this is the one start that
                 belongs to the repair
    00:25  A2 done
        00:25  starting: relaunch-late | kickstarted; waiting for the gateway to serve
    00:26 to 00:34  a new process, not listening yet
        00:26  starting: booting | the gateway has just started; left alone for up to 10 min
    00:36 to 01:36  the gateway serves
        00:36  probation: serving | serving again for 0 ms; the incident closes after 60 s
        01:36  healthy: serving | the gateway answers and the held connection is accepted
        01:36  [resolved] incident I1 (crashed): serving again after 2 actions of the watchdog; it was away for 26 s
  `);
});

test('a config file collapsed to nothing: the same, under its own name', () => {
  const t = transcriptOfServing();
  t.sees('00:10', 'the held connection breaks', world.connectionBroke());
  t.keepsSeeing(
    ['00:12', '00:22', 2],
    'no process, an empty config',
    on(down, ground.emptied, ground.snapshot()),
  );
  expect(t.deeds).toEqual(['rollback']);
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10  the held connection breaks
        00:10  starting: crashed
        00:10  [opened] incident I1: the gateway dropped the held connection without a goodbye (close code 1006) and
                 refuses new ones
    00:12 to 00:22  no process, an empty config
        00:12  suspect: config-clobbered | the gateway's config was clobbered: the file is empty
        00:22  repairing: config-clobbered
        00:22  [action] roll the config back to snapshot 41c7 (A1): the gateway's config was clobbered: the file is
                 empty
  `);
});

test('the config file was removed: what was there last is put back', () => {
  const t = transcriptOfServing();
  t.sees('00:10', 'the held connection breaks', world.connectionBroke());
  t.keepsSeeing(['00:12', '00:22', 2], 'no process, no config', on(down, ground.removed, ground.snapshot()));
  expect(t.deeds).toEqual(['rollback']);
  expect(t.state.cause).toBe('config-clobbered');
});

test('a config file the gateway may not read is put aside for the snapshot, as any other that keeps it down', () => {
  const t = transcriptOfServing();
  t.sees('00:10', 'the held connection breaks', world.connectionBroke());
  t.keepsSeeing(
    ['00:12', '01:00'],
    'no process, an unreadable config',
    on(down, ground.locked, ground.snapshot()),
  );
  expect(t.deeds).toEqual(['rollback']);
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10  the held connection breaks
        00:10  starting: crashed
        00:10  [opened] incident I1: the gateway dropped the held connection without a goodbye (close code 1006) and
                 refuses new ones
    00:12 to 01:00  no process, an unreadable config
        00:12  suspect: config-invalid | the gateway's config is invalid: its mode does not let the gateway read it
        00:22  repairing: config-invalid
        00:22  [action] roll the config back to snapshot 41c7 (A1): the gateway's config is invalid: its mode does
                 not let the gateway read it
  `);
});

test('which snapshot to restore takes a while to work out: nobody is woken, nothing is started with the bad config', () => {
  const t = transcriptOfServing();
  t.sees('00:10', 'the held connection breaks', world.connectionBroke());
  t.keepsSeeing(
    ['00:12', '01:40', 4],
    'no process, a refused config, a plan in the making',
    on(down, ground.rejected, ground.planning),
  );
  expect(t.deeds).toEqual([]);
  t.sees('01:42', 'the plan is there', on(down, ground.rejected, ground.snapshot()));
  expect(t.deeds).toEqual(['rollback']);
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10  the held connection breaks
        00:10  starting: crashed
        00:10  [opened] incident I1: the gateway dropped the held connection without a goodbye (close code 1006) and
                 refuses new ones
    00:12 to 01:40  no process, a refused config, a plan in the making
        00:12  starting: config-invalid | the gateway's config is invalid: channels.telegram.enabled must be
                 boolean; which config to restore is being worked out
    01:42  the plan is there
        01:42  repairing: config-invalid
        01:42  [action] roll the config back to snapshot 41c7 (A1): the gateway's config is invalid:
                 channels.telegram.enabled must be boolean
  `);
});

test('snapshots that cannot be looked at are no reason to try', () => {
  const t = transcriptOfServing();
  t.sees('00:10', 'the held connection breaks', world.connectionBroke());
  t.keepsSeeing(
    ['00:12', '01:00'],
    'no process, a refused config',
    on(down, ground.rejected, ground.unclear),
  );
  expect(t.deeds).toEqual([]);
  expect(t.read()).toContain('[exhausted] needs you');
});

test('no snapshot to roll back to: told at once with what a person can do, nothing is done', () => {
  const t = transcriptOfServing();
  t.sees('00:10', 'the held connection breaks', world.connectionBroke());
  t.keepsSeeing(
    ['00:12', '20:12'],
    'no process, a refused config',
    on(down, ground.rejected, ground.noSnapshot),
  );
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10  the held connection breaks
        00:10  starting: crashed
        00:10  [opened] incident I1: the gateway dropped the held connection without a goodbye (close code 1006) and
                 refuses new ones
    00:12 to 20:12  no process, a refused config
        00:12  suspect: config-invalid | the gateway's config is invalid: channels.telegram.enabled must be boolean;
                 there is no verified snapshot: mend the file by hand
        00:27  exhausted: config-invalid
        00:27  [exhausted] needs you: the gateway's config is invalid: channels.telegram.enabled must be boolean;
                 there is no verified snapshot: mend the file by hand
  `);
});

test.each(['pending', 'unknown'] as const)(
  'a validator that is %s says nothing of the config: launchd relaunches, nothing is done',
  (validator) => {
    const t = transcriptOfServing();
    t.sees('00:10', 'the held connection breaks', world.connectionBroke());
    t.keepsSeeing(
      ['00:12', '00:20', 2],
      'no process',
      on(down, ground.undecided(validator), ground.snapshot()),
    );
    t.keepsSeeing(
      ['00:26', '00:34', 2],
      'a new process',
      on(world.booting(born), ground.undecided(validator)),
    );
    t.keepsSeeing(['00:36', '01:36', 10], 'the gateway serves', world.serving(born));
    expect(t.read()).toMatchInlineSnapshot(`
      00:00  the gateway serves
          00:00  healthy: serving | the gateway answers and the held connection is accepted
      00:10  the held connection breaks
          00:10  starting: crashed
          00:10  [opened] incident I1: the gateway dropped the held connection without a goodbye (close code 1006) and
                   refuses new ones
      00:12 to 00:20  no process
          00:12  suspect: relaunch-late | launchd has the next start scheduled and has not made it yet; acts in 60 s
                   unless it recovers
      00:26 to 00:34  a new process
          00:26  starting: booting | the gateway has just started; left alone for up to 10 min
      00:36 to 01:36  the gateway serves
          00:36  probation: serving | serving again for 0 ms; the incident closes after 60 s
          01:36  healthy: serving | the gateway answers and the held connection is accepted
          01:36  [resolved] incident I1 (crashed): serving again without any action of the watchdog; it was away for
                   26 s
    `);
  },
);

test('a file that is being edited is left to its editor: ten quiet seconds first', () => {
  const t = transcriptOfServing();
  t.sees('00:10', 'the held connection breaks', world.connectionBroke());
  for (let s = 12; s <= 48; s += 6) {
    t.keepsSeeing(
      [`00:${s}`, `00:${s + 4}`, 2],
      'no process, another half written file',
      on(down, ground.edited(`v${s}`), ground.snapshot()),
    );
  }
  expect(t.deeds).toEqual([]);
  t.keepsSeeing(
    ['00:54', '00:58', 2],
    'the file stays as it was last saved',
    on(down, ground.edited('v48'), ground.snapshot()),
  );
  expect(t.deeds).toEqual(['rollback']);
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10  the held connection breaks
        00:10  starting: crashed
        00:10  [opened] incident I1: the gateway dropped the held connection without a goodbye (close code 1006) and
                 refuses new ones
    00:12 to 00:16  no process, another half written file
        00:12  suspect: config-invalid | the gateway's config is invalid: line 7 is half written
    00:18 to 00:22  no process, another half written file
    00:24 to 00:28  no process, another half written file
    00:30 to 00:34  no process, another half written file
    00:36 to 00:40  no process, another half written file
    00:42 to 00:46  no process, another half written file
    00:48 to 00:52  no process, another half written file
    00:54 to 00:58  the file stays as it was last saved
        00:58  repairing: config-invalid
        00:58  [action] roll the config back to snapshot 41c7 (A1): the gateway's config is invalid: line 7 is half
                 written
  `);
});

test('a start that has failed with the edited file is the end of its grace', () => {
  const t = transcriptOfServing();
  t.sees('00:10', 'the held connection breaks', world.connectionBroke());
  t.sees('00:11', 'no process, a refused config', on(down, ground.rejected, ground.snapshot()));
  t.sees(
    '00:13',
    'a process boots with it',
    on(world.booting(), ground.sound, ground.rejected, ground.snapshot()),
  );
  t.sees('00:16', 'it has ended', on(down, ground.rejected, ground.snapshot()));
  expect(t.deeds).toEqual(['rollback']);
});
