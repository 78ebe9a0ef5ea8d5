import { expect, test } from 'vitest';
import * as ground from '../ground.ts';
import { type Transcript, transcriptOfServing } from '../transcript.ts';
import * as world from '../world.ts';

const { on } = ground;
const down = on(world.relaunching, ground.sound);

function lost(): Transcript {
  const t = transcriptOfServing();
  t.sees('00:10', 'the held connection breaks', world.connectionBroke());
  return t;
}

/** Starts that end before they listen, ten seconds apart. */
function startsFail(
  t: Transcript,
  [from, times]: readonly [number, number],
  words: string,
  facts: world.Sight,
): void {
  for (let n = 0; n < times; n += 1) {
    const s = from + 10 * n;
    const at = `${String(Math.floor(s / 60)).padStart(2, '0')}:${String(s % 60).padStart(2, '0')}`;
    const next = s + 2;
    const then = `${String(Math.floor(next / 60)).padStart(2, '0')}:${String(next % 60).padStart(2, '0')}`;
    t.sees(at, 'a new process', on(world.booting(ground.spawned(1_000 + s, at)), facts(world.dawn).ground));
    t.sees(then, words, facts);
  }
}

test('a package that openclaw needs is gone: the package is repaired, then the one start', () => {
  const t = lost();
  t.sees('00:12', 'no process; ws is missing', on(down, ground.missing, ground.archive()));
  t.ends('00:40', 'done', 'restored from archive 2026.9.6');
  t.sees('00:41', 'no process; the package is complete', down);
  t.ends('00:42', 'done', 'kickstarted');
  const born = ground.spawned(300, '00:42');
  t.keepsSeeing(['00:44', '00:50', 2], 'a new process', world.booting(born));
  t.keepsSeeing(['00:52', '01:52', 10], 'the gateway serves', world.serving(born));
  expect(t.paid).toBe(1);
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
    00:40  A1 done
        00:40  starting: dependency-missing | restored from archive 2026.9.6; waiting for the gateway to serve
        00:40  [told] restored from archive 2026.9.6
    00:41  no process; the package is complete
        00:41  repairing: relaunch-late
        00:41  [action] start the gateway (A2): what kept it from starting is repaired: this is the one start that
                 belongs to the repair
    00:42  A2 done
        00:42  starting: relaunch-late | kickstarted; waiting for the gateway to serve
    00:44 to 00:50  a new process
        00:44  starting: booting | the gateway has just started; left alone for up to 10 min
    00:52 to 01:52  the gateway serves
        00:52  probation: serving | serving again for 0 ms; the incident closes after 60 s
        01:52  healthy: serving | the gateway answers and the held connection is accepted
        01:52  [resolved] incident I1 (crashed): serving again after 2 actions of the watchdog; it was away for 42 s
  `);
});

test('a damaged file of its own: the same rung', () => {
  const t = lost();
  t.sees('00:12', 'no process; dist is damaged', on(down, ground.corrupted, ground.archive()));
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10  the held connection breaks
        00:10  starting: crashed
        00:10  [opened] incident I1: the gateway dropped the held connection without a goodbye (close code 1006) and
                 refuses new ones
    00:12  no process; dist is damaged
        00:12  repairing: dist-corrupted
        00:12  [action] repair the openclaw package with archive 2026.9.6 (A1): the openclaw package is damaged:
                 dist/index.js is not what it was
  `);
});

test('npm was ended in the middle: the same rung', () => {
  const t = lost();
  t.sees('00:12', 'no process; half installed', on(down, ground.halfInstalled, ground.archive()));
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10  the held connection breaks
        00:10  starting: crashed
        00:10  [opened] incident I1: the gateway dropped the held connection without a goodbye (close code 1006) and
                 refuses new ones
    00:12  no process; half installed
        00:12  repairing: half-install
        00:12  [action] repair the openclaw package with archive 2026.9.6 (A1): the openclaw package is half
                 installed: the old one lies beside it as .openclaw-x1y2
  `);
});

test('nothing to repair it with: told with what a person can type', () => {
  const t = lost();
  t.keepsSeeing(['00:12', '20:00'], 'no process; ws is missing', on(down, ground.missing, ground.noArchive));
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10  the held connection breaks
        00:10  starting: crashed
        00:10  [opened] incident I1: the gateway dropped the held connection without a goodbye (close code 1006) and
                 refuses new ones
    00:12 to 20:00  no process; ws is missing
        00:12  suspect: dependency-missing | the openclaw package is incomplete: the package ws, which openclaw
                 needs, is not there; there is no archive of it: run "npm install -g openclaw@2026.9.6"
        00:27  exhausted: dependency-missing
        00:27  [exhausted] needs you: the openclaw package is incomplete: the package ws, which openclaw needs, is
                 not there; there is no archive of it: run "npm install -g openclaw@2026.9.6"
  `);
});

test('a truncated file inside a dependency shows only in the log: repaired after two looks, not one', () => {
  const t = lost();
  const facts = on(down, ground.says('module-missing', 'Cannot find module ./lib/x.js'), ground.archive());
  startsFail(t, [20, 2], 'no process; the log names a missing module', facts);
  t.keepsSeeing(['00:34', '00:36', 2], 'no process; the log names a missing module', facts);
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10  the held connection breaks
        00:10  starting: crashed
        00:10  [opened] incident I1: the gateway dropped the held connection without a goodbye (close code 1006) and
                 refuses new ones
    00:20  a new process
        00:20  starting: booting (also dependency-missing) | the gateway has just started; left alone for up to 10
                 min
    00:22  no process; the log names a missing module
        00:22  suspect: dependency-missing | every file of openclaw's own list is there, and still a start ended
                 with: Cannot find module ./lib/x.js; looking once more before anything is done
    00:30  a new process
        00:30  repairing: dependency-missing
        00:30  [action] repair the openclaw package with archive 2026.9.6 (A1): every file of openclaw's own list is
                 there, and still a start ended with: Cannot find module ./lib/x.js
    00:32  no process; the log names a missing module
    00:34 to 00:36  no process; the log names a missing module
  `);
});

test('what the log said before a person put the package right is no word about the mended one', () => {
  const t = lost();
  const facts = on(
    down,
    ground.says('module-missing', "Cannot find module 'ws/package.json'"),
    ground.archive(),
  );
  t.sees('00:20', 'no process; the log names a missing module', facts);
  t.commands('00:24', { kind: 'package-changed' });
  t.keepsSeeing(['00:26', '00:40', 2], 'no process; the log names a missing module', facts);
  expect(t.deeds).not.toContain('reinstall');
});

test('a log that names a missing module says nothing of a gateway that serves', () => {
  const t = transcriptOfServing();
  const grumbles = on(
    world.serving(),
    ground.sound,
    ground.says('module-missing', 'grammy'),
    ground.archive(),
  );
  t.keepsSeeing(['00:10', '20:00', 10], 'it serves; its log names a missing module', grumbles);
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10 to 20:00  it serves; its log names a missing module
  `);
});

test('nor of one whose starts have not failed, nor of one whose config alone explains it', () => {
  const grumbles = ground.says('module-missing', 'Cannot find module grammy');
  const ended = on(world.jobStopped, ground.sound, grumbles, ground.archive());
  const t = transcriptOfServing();
  t.keepsSeeing(['00:10', '00:25'], 'it ended by itself; its log names a missing module', ended);
  expect(t.deeds).toEqual(['start']);

  const other = lost();
  const bad = on(down, ground.rejected, ground.snapshot(), grumbles, ground.archive());
  startsFail(other, [20, 2], 'no process; a refused config, and the log names a missing module', bad);
  expect(other.deeds).toEqual(['rollback']);
});

test('a repaired package is complete but the starts fail on: the repair stays, the loop is told', () => {
  const t = lost();
  t.sees('00:12', 'no process; ws is missing', on(down, ground.missing, ground.archive()));
  t.ends('00:40', 'done', 'restored from archive 2026.9.6');
  t.sees('00:41', 'no process; the package is complete', down);
  t.ends('00:42', 'done', 'kickstarted');
  startsFail(t, [44, 6], 'no process; the package is complete', down);
  expect(t.deeds).toEqual(['reinstall', 'start']);
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
    00:40  A1 done
        00:40  starting: dependency-missing | restored from archive 2026.9.6; waiting for the gateway to serve
        00:40  [told] restored from archive 2026.9.6
    00:41  no process; the package is complete
        00:41  repairing: relaunch-late
        00:41  [action] start the gateway (A2): what kept it from starting is repaired: this is the one start that
                 belongs to the repair
    00:42  A2 done
        00:42  starting: relaunch-late | kickstarted; waiting for the gateway to serve
    00:44  a new process
        00:44  starting: booting | the gateway has just started; left alone for up to 10 min
    00:46  no process; the package is complete
        00:46  suspect: relaunch-late | launchd has the next start scheduled and has not made it yet; acts in 60 s
                 unless it recovers
    00:54  a new process
        00:54  starting: booting | the gateway has just started; left alone for up to 10 min
    00:56  no process; the package is complete
        00:56  suspect: relaunch-late | launchd has the next start scheduled and has not made it yet; acts in 60 s
                 unless it recovers
    01:04  a new process
        01:04  starting: booting | the gateway has just started; left alone for up to 10 min
    01:06  no process; the package is complete
        01:06  suspect: relaunch-late | launchd has the next start scheduled and has not made it yet; acts in 60 s
                 unless it recovers
    01:14  a new process
        01:14  exhausted: crash-loop
        01:14  [exhausted] needs you: the gateway was started 4 times without becoming ready; another restart would
                 not help; its log says why
    01:16  no process; the package is complete
    01:24  a new process
    01:26  no process; the package is complete
    01:34  a new process
    01:36  no process; the package is complete
  `);
});

test('an install that leaves no marker: hands off a job that is not loaded, and off a hung gateway', () => {
  const installing = {
    dependencies: { kind: 'installing', because: 'an install is running: process 77' },
  } as const;
  for (const seen of [world.unloaded, world.frozen('idle')]) {
    const t = transcriptOfServing();
    t.keepsSeeing(['00:10', '30:00', 5], 'an install runs', ground.on(seen, ground.sound, installing));
    expect(t.deeds).toEqual([]);
    expect(t.state.phase).toMatchObject({ kind: 'suspended', cause: 'update-running' });
  }
});

test('the same file lost twice: mended twice, for the package was whole in between', () => {
  const t = lost();
  t.sees('00:12', 'no process; ws is missing', on(down, ground.missing, ground.archive()));
  t.ends('00:14', 'done', 'restored from archive 2026.9.6');
  // The start that read it had begun before the repair was made.
  const born = ground.spawned(300, '00:13');
  t.keepsSeeing(
    ['00:15', '01:25', 10],
    'it serves, and the package is whole',
    on(world.serving(born), ground.sound),
  );
  expect(t.state.incident).toBeNull();
  t.sees('01:30', 'the held connection breaks', world.connectionBroke());
  t.keepsSeeing(
    ['01:32', '01:42', 2],
    'no process; ws is missing',
    on(down, ground.missing, ground.archive()),
  );
  t.ends('01:44', 'done', 'restored from archive 2026.9.6');
  expect(t.deeds).toEqual(['reinstall', 'reinstall']);
});
