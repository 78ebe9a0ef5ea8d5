import { expect, test } from 'vitest';
import * as ground from '../ground.ts';
import { type Transcript, transcriptOfServing } from '../transcript.ts';
import * as world from '../world.ts';

const { on, heldBy } = ground;
const down = on(world.relaunching, ground.sound);

function lost(): Transcript {
  const t = transcriptOfServing();
  t.sees('00:10', 'the held connection breaks', world.connectionBroke());
  return t;
}
const heals = (t: Transcript, at: string, to: string): void => {
  t.keepsSeeing([at, to, 10], 'the gateway serves', world.serving(ground.spawned(900, at)));
};
const count = (t: Transcript, kind: string): number => t.read().split(`[${kind}]`).length - 1;

test('the disk is freed: what it blocked is repaired now, within the same incident', () => {
  const t = lost();
  const clobbered = on(down, ground.emptied, ground.snapshot());
  t.keepsSeeing(
    ['00:12', '10:00', 10],
    'no process; a full disk and an empty config',
    on(clobbered, ground.diskFull),
  );
  t.sees('10:10', 'there is space again', clobbered);
  t.ends('10:11', 'done', 'snapshot 41c7 is in place');
  t.sees('10:12', 'the config is sound', on(down, ground.restored));
  t.ends('10:13', 'done', 'kickstarted');
  heals(t, '10:20', '11:20');
  expect(t.deeds).toEqual(['rollback', 'start']);
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10  the held connection breaks
        00:10  starting: crashed
        00:10  [opened] incident I1: the gateway dropped the held connection without a goodbye (close code 1006) and
                 refuses new ones
    00:12 to 10:00  no process; a full disk and an empty config
        00:12  suspect: disk-full (also config-clobbered) | only 3 MB are free where the gateway writes (/state):
                 free some space; and besides: the gateway's config was clobbered: the file is empty
        00:32  exhausted: disk-full (also config-clobbered)
        00:32  [exhausted] needs you: only 3 MB are free where the gateway writes (/state): free some space; and
                 besides: the gateway's config was clobbered: the file is empty
    10:10  there is space again
        10:10  repairing: config-clobbered
        10:10  [action] roll the config back to snapshot 41c7 (A1): the gateway's config was clobbered: the file is
                 empty
    10:11  A1 done
        10:11  starting: config-clobbered | snapshot 41c7 is in place; waiting for the gateway to serve
        10:11  [told] snapshot 41c7 is in place
    10:12  the config is sound
        10:12  repairing: relaunch-late
        10:12  [action] start the gateway (A2): what kept it from starting is repaired: this is the one start that
                 belongs to the repair
    10:13  A2 done
        10:13  starting: relaunch-late | kickstarted; waiting for the gateway to serve
    10:20 to 11:20  the gateway serves
        10:20  probation: serving | serving again for 0 ms; the incident closes after 60 s
        11:20  healthy: serving | the gateway answers and the held connection is accepted
        11:20  [resolved] incident I1 (crashed): serving again after 2 actions of the watchdog; it was away for 10
                 min
  `);
});

test('the operator edits the file: fresh attempts', () => {
  const t = lost();
  const refused = on(down, ground.rejected, ground.noSnapshot);
  t.keepsSeeing(['00:12', '10:00', 10], 'no process; a refused config, no snapshot', refused);
  t.keepsSeeing(['10:10', '10:20'], 'the operator mended it; launchd is late', down);
  t.keepsSeeing(['10:25', '11:10'], 'launchd is late', down);
  expect(t.deeds).toEqual(['start']);
  t.ends('11:12', 'done', 'kickstarted');
  heals(t, '11:20', '12:20');
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10  the held connection breaks
        00:10  starting: crashed
        00:10  [opened] incident I1: the gateway dropped the held connection without a goodbye (close code 1006) and
                 refuses new ones
    00:12 to 10:00  no process; a refused config, no snapshot
        00:12  suspect: config-invalid | the gateway's config is invalid: channels.telegram.enabled must be boolean;
                 there is no verified snapshot: mend the file by hand
        00:32  exhausted: config-invalid
        00:32  [exhausted] needs you: the gateway's config is invalid: channels.telegram.enabled must be boolean;
                 there is no verified snapshot: mend the file by hand
    10:10 to 10:20  the operator mended it; launchd is late
        10:10  suspect: relaunch-late | launchd has the next start scheduled and has not made it yet; acts in 60 s
                 unless it recovers
    10:25 to 11:10  launchd is late
        11:10  repairing: relaunch-late
        11:10  [action] start the gateway (A1): launchd has the next start scheduled and has not made it yet
    11:12  A1 done
        11:12  starting: relaunch-late | kickstarted; waiting for the gateway to serve
    11:20 to 12:20  the gateway serves
        11:20  probation: serving | serving again for 0 ms; the incident closes after 60 s
        12:20  healthy: serving | the gateway answers and the held connection is accepted
        12:20  [resolved] incident I1 (crashed): serving again after 1 action of the watchdog; it was away for 11
                 min
  `);
});

test('restarts were used up, and then the port is released: there may be something again', () => {
  const t = lost();
  const held = heldBy(down, { kind: 'foreign', pid: 999, command: 'python3', uid: 501 });
  t.keepsSeeing(['00:12', '05:00', 10], 'no process; python3 has the port', held);
  t.keepsSeeing(['05:02', '06:02', 10], 'no process; the port is free', down);
  expect(t.deeds).toEqual(['start']);
  expect([count(t, 'exhausted'), count(t, 'opened')]).toEqual([1, 1]);
});

test('exhausted twice over in one incident: said once, and resolved once', () => {
  const t = lost();
  t.keepsSeeing(['00:12', '05:00', 10], 'no process; a full disk', on(down, ground.diskFull));
  t.keepsSeeing(
    ['05:02', '10:00', 10],
    'there is space; its Node is gone',
    on(down, ground.launchBroken('node-missing', 'node is not there')),
  );
  t.keepsSeeing(['10:02', '15:00', 10], 'Node is back; a full disk', on(down, ground.diskFull));
  heals(t, '15:10', '20:10');
  expect([count(t, 'exhausted'), count(t, 'resolved')]).toEqual([1, 1]);
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10  the held connection breaks
        00:10  starting: crashed
        00:10  [opened] incident I1: the gateway dropped the held connection without a goodbye (close code 1006) and
                 refuses new ones
    00:12 to 05:00  no process; a full disk
        00:12  suspect: disk-full | only 3 MB are free where the gateway writes (/state): free some space
        00:32  exhausted: disk-full
        00:32  [exhausted] needs you: only 3 MB are free where the gateway writes (/state): free some space
    05:02 to 10:00  there is space; its Node is gone
        05:02  suspect: node-missing | launchd cannot start the gateway: node is not there
        05:22  exhausted: node-missing | launchd cannot start the gateway: node is not there
    10:02 to 15:00  Node is back; a full disk
        10:02  suspect: disk-full | only 3 MB are free where the gateway writes (/state): free some space
        10:22  exhausted: disk-full | only 3 MB are free where the gateway writes (/state): free some space
    15:10 to 20:10  the gateway serves
        15:10  probation: serving | serving again for 0 ms; the incident closes after 60 s
        16:10  healthy: serving | the gateway answers and the held connection is accepted
        16:10  [resolved] incident I1 (crashed): serving again without any action of the watchdog; it was away for
                 15 min
  `);
});

test('what was not known before is learnt, and is no change', () => {
  const t = lost();
  const unasked = on(down, ground.diskFull, {
    dependencies: { kind: 'unread' },
    config: { kind: 'unknown', because: 'EIO' },
  });
  t.keepsSeeing(['00:12', '05:00', 10], 'a full disk; nobody looked at the package', unasked);
  expect(t.state.incident?.exhaustedOn).toMatchObject({ package: null, config: null, disk: 'full' });
  t.sees('05:10', 'a full disk; the package is complete', on(down, ground.diskFull));
  expect(t.state.phase.kind).toBe('exhausted');
  expect(t.state.incident?.exhaustedOn).toMatchObject({
    package: 'intact 2026.9.6',
    config: 'good',
    disk: 'full',
  });
  t.sees('05:20', 'a full disk; the package is damaged now', on(down, ground.diskFull, ground.corrupted));
  expect(t.state.phase.kind).toBe('suspect');
});

test('healed by whoever’s hand: one resolved notice', () => {
  const t = lost();
  t.keepsSeeing(
    ['00:12', '2:00:00', 10],
    'no process; its Node is gone',
    on(down, ground.launchBroken('node-missing', 'node is not there')),
  );
  heals(t, '2:00:10', '2:10:10');
  expect([count(t, 'exhausted'), count(t, 'resolved')]).toEqual([1, 1]);
});

test('exhausted, and then an update runs, the machine sleeps or nothing can be told: still said once', () => {
  const t = lost();
  const broken = on(down, ground.launchBroken('node-missing', 'node is not there'));
  t.keepsSeeing(['00:12', '05:00', 10], 'no process; its Node is gone', broken);
  t.keepsSeeing(['05:10', '10:00', 10], 'an update runs', world.updating);
  t.keepsSeeing(['10:10', '15:00', 10], 'no process; its Node is gone', broken);
  t.sees('3:00:00', 'three hours later', world.late(broken, 9_900_000));
  t.keepsSeeing(['3:00:10', '3:10:00', 10], 'no process; its Node is gone', broken);
  t.keepsSeeing(['3:10:10', '3:20:00', 10], 'launchctl gives no answer', world.blind);
  t.keepsSeeing(['3:20:10', '3:30:00', 10], 'no process; its Node is gone', broken);
  expect(count(t, 'exhausted')).toBe(1);
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10  the held connection breaks
        00:10  starting: crashed
        00:10  [opened] incident I1: the gateway dropped the held connection without a goodbye (close code 1006) and
                 refuses new ones
    00:12 to 05:00  no process; its Node is gone
        00:12  suspect: node-missing | launchd cannot start the gateway: node is not there
        00:32  exhausted: node-missing
        00:32  [exhausted] needs you: launchd cannot start the gateway: node is not there
    05:10 to 10:00  an update runs
        05:10  suspended until 1:05:10 (update-running): update-running | an OpenClaw update is running (handoff
                 row); nothing is touched until it ends
    10:10 to 15:00  no process; its Node is gone
        10:10  suspect: node-missing | launchd cannot start the gateway: node is not there
        10:30  exhausted: node-missing | launchd cannot start the gateway: node is not there
    3:00:00  three hours later
      3:00:00  suspended until 3:00:30 (woken): node-missing | this machine slept or was starved; nothing counts as
                 failure for 30 s
    3:00:10 to 3:10:00  no process; its Node is gone
      3:00:30  suspect: node-missing | launchd cannot start the gateway: node is not there
      3:00:50  exhausted: node-missing | launchd cannot start the gateway: node is not there
    3:10:10 to 3:20:00  launchctl gives no answer
      3:10:10  exhausted: unknown | the service manager gave no usable answer: launchctl gave no answer in 5 s
      3:15:10  [told] cannot tell for 5 min: the service manager gave no usable answer: launchctl gave no answer in
                 5 s
    3:20:10 to 3:30:00  no process; its Node is gone
      3:20:10  exhausted: node-missing | launchd cannot start the gateway: node is not there
  `);
});

test('a fact that one look did not learn is not forgotten by it', () => {
  const t = lost();
  t.keepsSeeing(['00:12', '05:00', 10], 'a full disk; the package is complete', on(down, ground.diskFull));
  const unasked = on(down, ground.diskFull, { dependencies: { kind: 'unread' } });
  t.keepsSeeing(['05:10', '05:40', 10], 'a full disk; nobody looked at the package', unasked);
  t.sees('05:50', 'a full disk; the package is damaged now', on(down, ground.diskFull, ground.corrupted));
  expect(t.state.phase.kind).toBe('suspect');
});
