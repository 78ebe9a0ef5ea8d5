import { expect, test } from 'vitest';
import { instant } from '../../../src/core/time.ts';
import * as ground from '../ground.ts';
import { acting, moment, observing } from '../story.ts';
import { type Transcript, transcript, transcriptOfServing } from '../transcript.ts';
import * as world from '../world.ts';

const { heldBy, on, orphan } = ground;

const startedAt = instant(world.dawn - 60_000);
const nobodys = orphan({ startedAt, hasTerminal: false });
const both = (seen: world.Sight) => heldBy(on(seen, ground.sound, ground.lockHeld), nobodys);
const waits = both(world.booting());

/** It has held port and lock for long enough to be ended. */
function due(t: Transcript = transcriptOfServing()): Transcript {
  t.keepsSeeing(['00:10', '00:40'], 'a process waits; an orphan without a terminal has port and lock', waits);
  return t;
}

test("an orphan of nobody's that answers nothing is ended after half a minute, and launchd's own comes up", () => {
  const t = due();
  t.ends('00:52', 'done', 'process 77 ended after SIGTERM');
  t.keepsSeeing(['00:54', '01:04'], "launchd's own boots", on(world.booting(), ground.sound));
  t.keepsSeeing(['01:06', '02:16', 10], 'the gateway serves', world.serving(world.second));
  expect(t.deeds).toEqual(['end-orphan']);
  expect(t.paid).toBe(1);
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10 to 00:40  a process waits; an orphan without a terminal has port and lock
        00:10  starting: port-orphan | a gateway that the service manager did not start (pid 77) holds the port and
                 OpenClaw's lock, answers nothing and has no terminal: nobody's, and launchd's own cannot start
                 beside it
        00:40  repairing: port-orphan
        00:40  [opened] incident I1: a gateway that the service manager did not start (pid 77) holds the port and
                 OpenClaw's lock, answers nothing and has no terminal: nobody's, and launchd's own cannot start
                 beside it
        00:40  [action] end the gateway that launchd did not start (pid 77) (A1): a gateway that the service manager
                 did not start (pid 77) holds the port and OpenClaw's lock, answers nothing and has no terminal:
                 nobody's, and launchd's own cannot start beside it
    00:52  A1 done
        00:52  starting: port-orphan | process 77 ended after SIGTERM; waiting for the gateway to serve
    00:54 to 01:04  launchd's own boots
        00:54  starting: booting | the gateway has been starting for 44 s; left alone for up to 10 min
    01:06 to 02:16  the gateway serves
        01:06  probation: serving | serving again for 0 ms; the incident closes after 60 s
        02:06  healthy: serving | the gateway answers and the held connection is accepted
        02:06  [resolved] incident I1 (port-orphan): serving again after 1 action of the watchdog; it was away for
                 56 s
  `);
});

test('with the job parked over this very lock it is ended as well, and the job un-parked once its cause is gone', () => {
  const t = transcriptOfServing();
  const parked = (cause: 'gone' | 'present') => world.parked(moment('00:09'), cause);
  t.keepsSeeing(
    ['00:10', '00:50'],
    'OpenClaw has parked itself; the orphan has port and lock',
    both(parked('present')),
  );
  t.ends('00:55', 'done', 'process 77 ended after SIGKILL');
  t.keepsSeeing(['00:57', '01:27', 2], 'parked, and nobody on the port', on(parked('gone'), ground.sound));
  expect(t.deeds).toEqual(['end-orphan', 'unpark']);
});

test('parked over it soon after an unpark for another cause: it is ended, and the job un-parked once more', () => {
  const t = transcriptOfServing();
  const parked = (line: string, cause: 'gone' | 'present') => world.parked(moment(line), cause);
  t.keepsSeeing(['00:10', '00:25'], 'parked, its cause is gone', on(parked('00:09', 'gone'), ground.sound));
  t.ends('00:27', 'done');
  t.keepsSeeing(['00:29', '00:31', 2], "launchd's own boots", on(world.booting(), ground.sound));
  t.keepsSeeing(['00:33', '01:13'], 'parked over the orphan', both(parked('00:32', 'present')));
  t.ends('01:15', 'done', 'process 77 ended after SIGKILL');
  // Two actions in five minutes is what there is.
  t.keepsSeeing(['01:17', '05:25', 2], 'parked, and nobody there', on(parked('00:32', 'gone'), ground.sound));
  expect(t.deeds).toEqual(['unpark', 'end-orphan', 'unpark']);
  t.ends('05:27', 'done');
  t.keepsSeeing(['05:29', '05:31', 2], "launchd's own boots", on(world.booting(world.third), ground.sound));
  t.keepsSeeing(['05:33', '30:00', 5], 'parked again', on(parked('05:32', 'gone'), ground.sound));
  expect(t.deeds).toEqual(['unpark', 'end-orphan', 'unpark']);
  expect(t.read()).toContain('parked-again');
});

test('beside a job that an operator has stopped it is left alone', () => {
  const t = transcriptOfServing();
  t.keepsSeeing(
    ['00:10', '20:00', 10],
    'the job was booted out; the orphan has port and lock',
    both(world.unloaded),
  );
  expect(t.deeds).toEqual([]);
});

test('should nobody start one after it, the ladder goes on as ever, and pays as ever', () => {
  const t = due();
  t.ends('00:52', 'done');
  t.keepsSeeing(['00:54', '01:14', 2], 'no process, and none scheduled', on(world.jobStopped, ground.sound));
  expect(t.deeds).toEqual(['end-orphan', 'start']);
  expect(t.paid).toBe(2);
});

test('one that stays is tried twice, each charged, and then a person is told', () => {
  const t = due();
  t.ends('00:42', 'failed', 'process 77 has not ended, though it was sent SIGKILL');
  t.keepsSeeing(['00:44', '10:00', 4], 'it is still there', waits);
  expect(t.deeds).toEqual(['end-orphan', 'end-orphan']);
  expect(t.paid).toBe(2);
  t.ends('10:01', 'failed', 'process 77 has not ended, though it was sent SIGKILL');
  t.keepsSeeing(['10:04', '20:00', 4], 'it is still there', waits);
  expect(t.deeds).toHaveLength(2);
  expect(t.state.because).toContain('2 attempts to end such a gateway did not help');
  expect(t.state.phase).toMatchObject({ kind: 'exhausted', cause: 'port-orphan' });
});

const again = (pid: number, from: number) =>
  on(heldBy(waits, orphan({ pid, startedAt: instant(from), hasTerminal: false })), {
    lock: { kind: 'held', pid, command: 'openclaw gateway run' },
  });

test('one that comes back after it was ended is somebody else at work: told at once, and left alone for good', () => {
  const t = due();
  t.ends('00:42', 'done');
  const back = again(78, world.dawn + 43_000);
  t.keepsSeeing(['00:44', '02:00', 4], 'another supervisor has started it again', back);
  expect(t.state.phase).toMatchObject({ kind: 'exhausted', cause: 'port-orphan' });
  t.keepsSeeing(['02:04', '8:00:00', 20], 'it stays, longer than any window of the budget', back);
  expect(t.deeds).toEqual(['end-orphan']);
  expect(t.state.because).toContain('one was ended (A1), and came back');
});

test('one that comes back under the pid of the one that was ended has come back too', () => {
  const t = due();
  t.ends('00:42', 'done');
  t.keepsSeeing(['00:44', '20:00', 4], 'it has the old pid', again(77, world.dawn + 43_000));
  expect(t.deeds).toEqual(['end-orphan']);
});

test("it is remembered while launchd's own serves, for a week", () => {
  const t = due();
  t.ends('00:52', 'done');
  const own = world.but(world.serving(world.second), () => ({}));
  t.keepsSeeing(['00:54', '02:16', 10], 'the gateway serves', own);
  expect(t.state.phase.kind).toBe('healthy');
  expect(t.state.orphanEnded).toMatchObject({ actionId: 'A1', pid: 77 });
  t.sees('168:00:00', 'it still serves', own);
  expect(t.state.orphanEnded).not.toBeNull();
  t.sees('168:00:50', 'it still serves', own);
  expect(t.state.orphanEnded).toBeNull();
});

test('starts that ended at its port are no crash loop', () => {
  const t = transcriptOfServing();
  for (const [n, from] of ['00:10', '00:20', '00:30'].entries()) {
    t.sees(from, 'one more start waits in vain', both(world.booting(ground.spawned(200 + n, from))));
  }
  t.sees('00:40', 'the fourth', both(world.booting(ground.spawned(210, '00:40'))));
  expect(t.state.bootsSinceReady).toBeGreaterThanOrEqual(4);
  expect(t.deeds).toEqual(['end-orphan']);
  t.ends('00:41', 'done');
  t.sees('00:42', 'launchd has the next one scheduled', on(world.relaunching, ground.sound));
  expect(t.state.cause).toBe('relaunch-late');
});

const inTerminal = orphan({ startedAt, hasTerminal: true });
test.each<readonly [string, string, world.Sight]>([
  ['somebody started it in a terminal', 'in a terminal, so it is left alone', heldBy(waits, inTerminal)],
  [
    'whether it has a terminal is not known',
    'in a terminal cannot be told',
    heldBy(waits, orphan({ startedAt })),
  ],
  [
    'its start is not known',
    'when it was started cannot be told',
    heldBy(waits, orphan({ hasTerminal: false })),
  ],
  ['the lock is free', "does not hold OpenClaw's lock as well", on(waits, { lock: { kind: 'free' } })],
  [
    'another one has the lock',
    "does not hold OpenClaw's lock as well",
    on(waits, { lock: { kind: 'held', pid: 78, command: 'openclaw' } }),
  ],
  [
    'the lock was not read',
    "who holds OpenClaw's lock cannot be told",
    on(waits, { lock: { kind: 'unread' } }),
  ],
  [
    'the lock cannot be read',
    "who holds OpenClaw's lock cannot be told",
    on(waits, { lock: { kind: 'unknown', because: 'EACCES' } }),
  ],
  ['the job is not loaded', "launchd's own job is not loaded", both(world.unloaded)],
])('%s: told after half a minute, never ended', (_, words, seen) => {
  const t = transcriptOfServing();
  t.keepsSeeing(['00:10', '20:00', 10], 'it is on the port', seen);
  expect(t.deeds).toEqual([]);
  expect(t.state.because).toContain(words);
  expect(t.state.because).toContain('"immune fix-port"');
  expect(t.state.phase).toEqual({ kind: 'exhausted', cause: 'port-orphan' });
});

test.each([
  ['launchd has the next start scheduled', world.relaunching],
  ['launchd holds the start back', world.pended],
  ['the job is loaded, and no process of it is left', world.jobStopped],
])('%s: it is ended all the same', (_, seen) => {
  const t = transcriptOfServing();
  t.keepsSeeing(['00:10', '00:42', 4], 'an orphan has port and lock', both(seen));
  expect(t.deeds).toEqual(['end-orphan']);
});

test('what a start could not survive is mended first, and the orphan still gets its half minute', () => {
  const t = transcriptOfServing();
  const faulty = heldBy(on(world.relaunching, ground.lockHeld, ground.emptied, ground.snapshot()), nobodys);
  t.keepsSeeing(['00:10', '00:50'], 'the config is empty, and an orphan has port and lock', faulty);
  expect(t.deeds).toEqual(['rollback']);
  t.ends('00:51', 'done');
  t.keepsSeeing(
    ['00:52', '01:20', 4],
    'the config is good; the orphan is still there',
    both(world.relaunching),
  );
  expect(t.deeds).toEqual(['rollback']);
  t.keepsSeeing(['01:24', '02:30', 4], 'it stays', both(world.relaunching));
  expect(t.deeds).toEqual(['rollback', 'end-orphan']);
  expect(t.paid).toBe(1);
});

test('a rollback is not taken back for starts that ended at a held port', () => {
  const t = transcriptOfServing();
  const faulty = on(world.relaunching, ground.emptied, ground.snapshot());
  t.keepsSeeing(['00:10', '00:20', 2], 'the config is empty', faulty);
  t.ends('00:21', 'done');
  t.sees('00:22', 'the config is good', on(world.relaunching, ground.sound));
  t.ends('00:23', 'done');
  expect(t.deeds).toEqual(['rollback', 'start']);
  for (const [n, from] of ['00:30', '00:40', '00:50', '01:00', '01:10'].entries()) {
    t.sees(from, 'a start ends at the port', both(world.booting(ground.spawned(300 + n, from))));
    t.sees(`${from.slice(0, 4)}5`, 'the next one is scheduled', both(world.relaunching));
  }
  expect(t.deeds).not.toContain('undo');
});

test('that it serves is no sign that a repair helped: that is taken back, and not made again', () => {
  const t = transcriptOfServing();
  t.keepsSeeing(
    ['00:10', '00:20', 2],
    'ws is missing',
    on(world.relaunching, ground.missing, ground.archive()),
  );
  t.ends('00:21', 'done');
  const damaged = on(world.relaunching, ground.corrupted, ground.archive());
  t.keepsSeeing(
    ['00:30', '01:30', 5],
    'a start of it finds more',
    on(world.booting(world.third), ground.corrupted),
  );
  t.keepsSeeing(['01:35', '02:30', 5], 'damaged all the same', damaged);
  const served = world.but(on(world.serving(), ground.corrupted), {
    service: { kind: 'scheduled', lastExit: null, runs: 2 },
    socket: { kind: 'not-tried', because: 'an orphan' },
  } as never);
  t.keepsSeeing(['02:35', '06:00', 5], 'another one serves', heldBy(served, nobodys));
  t.keepsSeeing(['06:05', '20:00', 5], 'damaged all the same', damaged);
  expect(t.deeds).toEqual(['reinstall', 'undo']);
});

test('observing only, it is told what would be done', () => {
  const t = due(transcript(observing));
  expect(t.deeds).toEqual([]);
  expect(t.read()).toContain('observing only: would end the gateway that launchd did not start (pid 77)');
});

test('one that was gone before it could be ended costs nothing', () => {
  const t = due(transcript(acting));
  t.ends('00:41', 'refused', 'process 77 has ended already');
  expect(t.paid).toBe(0);
  expect(t.state.strain.count).toBe(0);
});
