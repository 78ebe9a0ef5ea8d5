import { expect, test } from 'vitest';
import { instant } from '../../../src/core/time.ts';
import * as ground from '../ground.ts';
import { acting, observing } from '../story.ts';
import { type Transcript, transcript, transcriptOfServing } from '../transcript.ts';
import * as world from '../world.ts';

// The package is damaged while the gateway serves on: only its next start would fail.

const { on } = ground;
const serves = on(world.serving(), ground.sound);
const incomplete = on(serves, ground.missing, ground.archive());

/** Whole at first, so that the change is seen. */
function whole(rules = acting): Transcript {
  const t = transcriptOfServing(rules);
  t.sees('00:05', 'it serves, and its package is whole', serves);
  return t;
}

test('what went missing is put back while it serves on: no restart, no budget, one incident', () => {
  const t = whole();
  t.keepsSeeing(['00:10', '01:10', 10], 'it serves; ws is missing on disk', incomplete);
  t.ends('01:12', 'done', 'restored node_modules/ws');
  t.keepsSeeing(['01:13', '02:33', 10], 'it serves, and its package is whole', serves);
  expect(t.deeds).toEqual(['reinstall']);
  expect(t.paid).toBe(0);
  expect(t.state.round).toBeNull();
  expect(t.state.losses).toEqual([]);
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:05  it serves, and its package is whole
    00:10 to 01:10  it serves; ws is missing on disk
        00:10  healthy: serving (also dependency-latent) | the gateway answers and the held connection is accepted
        00:10  [told] the openclaw package on disk might not start the gateway again: the openclaw package is
                 incomplete: the package ws, which openclaw needs, is not there; "immune fix-deps" shows what can be
                 done
        01:10  repairing: serving (also dependency-latent)
        01:10  [opened] incident I1: the openclaw package is incomplete: the package ws, which openclaw needs, is
                 not there
        01:10  [action] repair the openclaw package with archive 2026.9.6 (A1): the openclaw package is incomplete:
                 the package ws, which openclaw needs, is not there
    01:12  A1 done
        01:12  starting: serving (also dependency-latent) | restored node_modules/ws; waiting for the gateway to
                 serve
        01:12  [told] restored node_modules/ws
    01:13 to 02:33  it serves, and its package is whole
        01:13  probation: serving | serving again for 0 ms; the incident closes after 60 s
        01:13  [told] what was told before is over (dependency-latent): the gateway serves
        02:13  healthy: serving | the gateway answers and the held connection is accepted
        02:13  [resolved] incident I1 (dependency-latent): mended after 1 action of the watchdog; the gateway served
                 on all the time
  `);
});

test('files that differ may be a patch of somebody: told once, never touched while it serves', () => {
  const t = whole();
  t.keepsSeeing(
    ['00:10', '30:00', 10],
    'it serves; a file differs',
    on(serves, ground.corrupted, ground.archive()),
  );
  expect(t.deeds).toEqual([]);
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:05  it serves, and its package is whole
    00:10 to 30:00  it serves; a file differs
        00:10  healthy: serving (also dependency-latent) | the gateway answers and the held connection is accepted
        00:10  [told] the openclaw package on disk might not start the gateway again: the openclaw package is
                 damaged: dist/index.js is not what it was; "immune fix-deps" shows what can be done
  `);
});

test.each([
  ['half an npm installation', ground.halfInstalled],
  ['a file that is gone', ground.fileLost],
])('%s is mended while it serves on', (_, damage) => {
  const t = whole();
  t.keepsSeeing(['00:10', '01:10', 10], 'it serves', on(serves, damage, ground.archive()));
  expect(t.deeds).toEqual(['reinstall']);
});

test.each<[string, world.Sight]>([
  ['nothing to repair it with', on(serves, ground.missing, ground.noArchive)],
  ['the repair is still being worked out', on(serves, ground.missing, ground.workingOut)],
  [
    'whether an update runs cannot be told',
    on(
      world.but(world.serving(), { update: { kind: 'unknown', because: 'the database is locked' } }),
      ground.sound,
      ground.missing,
      ground.archive(),
    ),
  ],
  [
    'an update runs',
    on(
      world.but(world.serving(), { update: { kind: 'running', marker: 'handoff row' } }),
      ground.sound,
      ground.missing,
      ground.archive(),
    ),
  ],
  [
    'Node is missing too, which no repair mends',
    on(incomplete, ground.launchBroken('node-missing', 'Node is not there')),
  ],
  ['the service manager was not asked in this look', world.but(incomplete, { service: { kind: 'unread' } })],
  ['somebody serves whom launchd did not start', ground.heldBy(incomplete, ground.orphan())],
])('%s: nothing is touched while it serves', (_, seen) => {
  const t = whole();
  t.keepsSeeing(['00:10', '10:00', 10], 'it serves', seen);
  expect(t.deeds).toEqual([]);
  expect(t.state.incident).toBeNull();
});

test('a watchdog that only observes, or is paused, repairs nothing beside a serving gateway', () => {
  const watching = whole(observing);
  watching.keepsSeeing(['00:10', '05:00', 10], 'it serves; ws is missing', incomplete);
  expect(watching.deeds).toEqual([]);
  const t = whole();
  t.commands('00:06', { kind: 'pause', until: null, because: 'asked' });
  t.keepsSeeing(['00:10', '05:00', 10], 'it serves; ws is missing', incomplete);
  expect(t.deeds).toEqual([]);
});

test('a repair that failed is not made again: told, closed, and left until the package looks different', () => {
  const t = whole();
  t.keepsSeeing(['00:10', '01:10', 10], 'it serves; ws is missing on disk', incomplete);
  t.ends('01:12', 'failed', 'no space left');
  t.keepsSeeing(['01:13', '30:13', 10], 'it serves; ws is still missing', incomplete);
  expect(t.deeds).toEqual(['reinstall']);
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:05  it serves, and its package is whole
    00:10 to 01:10  it serves; ws is missing on disk
        00:10  healthy: serving (also dependency-latent) | the gateway answers and the held connection is accepted
        00:10  [told] the openclaw package on disk might not start the gateway again: the openclaw package is
                 incomplete: the package ws, which openclaw needs, is not there; "immune fix-deps" shows what can be
                 done
        01:10  repairing: serving (also dependency-latent)
        01:10  [opened] incident I1: the openclaw package is incomplete: the package ws, which openclaw needs, is
                 not there
        01:10  [action] repair the openclaw package with archive 2026.9.6 (A1): the openclaw package is incomplete:
                 the package ws, which openclaw needs, is not there
    01:12  A1 failed
        01:12  suspect: serving (also dependency-latent) | the action failed: no space left
    01:13 to 30:13  it serves; ws is still missing
        01:13  healthy: serving (also dependency-latent) | the gateway answers and the held connection is accepted
        01:13  [closed] incident I1 (dependency-latent): the package could not be mended while the gateway serves on
                 (the reinstall with archive 2026.9.6 has been tried already and did not help); "immune fix-deps"
                 tries it by hand
  `);
  const other = on(
    serves,
    { dependencies: { kind: 'missing', names: ['ws', 'zod'], because: 'two are missing' } },
    ground.archive('tree'),
  );
  t.keepsSeeing(['31:00', '32:10', 10], 'it serves; zod is missing too', other);
  expect(t.deeds).toEqual(['reinstall', 'reinstall']);
});

test('refused, it waits and tries again; nothing to repair it with any more, it says so', () => {
  const t = whole();
  t.keepsSeeing(['00:10', '01:10', 10], 'it serves; ws is missing on disk', incomplete);
  t.ends('01:11', 'refused', 'npm is at work');
  t.sees('01:12', 'it serves; ws is missing', incomplete);
  t.ends('01:13', 'refused', 'npm is at work');
  t.sees('01:14', 'it serves; ws is missing', incomplete);
  expect(t.state.incident?.id).toBe('I1');
  t.sees(
    '01:15',
    'it serves; what to repair it with is worked out anew',
    on(serves, ground.missing, ground.workingOut),
  );
  t.sees('01:16', 'it serves; there is no archive any more', on(serves, ground.missing, ground.noArchive));
  expect(t.deeds).toEqual(['reinstall', 'reinstall']);
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:05  it serves, and its package is whole
    00:10 to 01:10  it serves; ws is missing on disk
        00:10  healthy: serving (also dependency-latent) | the gateway answers and the held connection is accepted
        00:10  [told] the openclaw package on disk might not start the gateway again: the openclaw package is
                 incomplete: the package ws, which openclaw needs, is not there; "immune fix-deps" shows what can be
                 done
        01:10  repairing: serving (also dependency-latent)
        01:10  [opened] incident I1: the openclaw package is incomplete: the package ws, which openclaw needs, is
                 not there
        01:10  [action] repair the openclaw package with archive 2026.9.6 (A1): the openclaw package is incomplete:
                 the package ws, which openclaw needs, is not there
    01:11  A1 refused
        01:11  suspect: serving (also dependency-latent) | nothing was done: npm is at work
    01:12  it serves; ws is missing
        01:12  repairing: serving (also dependency-latent)
        01:12  [action] repair the openclaw package with archive 2026.9.6 (A2): the openclaw package is incomplete:
                 the package ws, which openclaw needs, is not there
    01:13  A2 refused
        01:13  suspect: serving (also dependency-latent) | nothing was done: npm is at work
    01:14  it serves; ws is missing
    01:15  it serves; what to repair it with is worked out anew
    01:16  it serves; there is no archive any more
        01:16  healthy: serving (also dependency-latent) | the gateway answers and the held connection is accepted
        01:16  [closed] incident I1 (dependency-latent): the package could not be mended while the gateway serves on
                 (there is no archive of it: run "npm install -g openclaw@2026.9.6"); "immune fix-deps" tries it by
                 hand
  `);
});

test('another incident comes first; when it is closed the package has its turn', () => {
  const t = whole();
  t.sees('00:10', 'the held connection breaks', world.connectionBroke());
  const born = ground.spawned(300, '00:12');
  const again = on(world.serving(born), ground.sound, ground.missing, ground.archive());
  t.keepsSeeing(['00:20', '01:10', 10], 'it serves again; ws is missing', again);
  expect(t.deeds).toEqual([]);
  t.keepsSeeing(['01:20', '01:50', 10], 'it serves; ws is missing', again);
  expect(t.deeds).toEqual(['reinstall']);
  expect(t.state.incident?.id).toBe('I2');
});

test('lost before the repair could prove itself: the incident tells how long it was away', () => {
  const t = whole();
  t.keepsSeeing(['00:10', '01:10', 10], 'it serves; ws is missing on disk', incomplete);
  t.ends('01:12', 'done', 'restored node_modules/ws');
  t.sees('01:13', 'the held connection breaks', world.connectionBroke());
  const born = ground.spawned(300, '01:15');
  t.keepsSeeing(['01:30', '02:40', 10], 'it serves', on(world.serving(born), ground.sound));
  expect(t.state.lastIncident?.outcome).toMatch(
    /^serving again after 1 action of the watchdog; it was away for/,
  );
});

test('a package that was incomplete before anybody looked is mended at once', () => {
  const t = transcript(acting);
  t.sees('00:00', 'it serves; ws is missing', incomplete);
  expect(t.deeds).toEqual(['reinstall']);
  expect(t.state.packageSeen?.since).toBe(instant(0));
});

test('no third repair within a day: it stays told', () => {
  const t = whole();
  const names = ['ws', 'zod', 'json5'];
  for (const [n, name] of names.entries()) {
    const at = (minute: number): string => `${String(10 * n + minute).padStart(2, '0')}:00`;
    const gone = { dependencies: { kind: 'missing', names: [name], because: `${name} is missing` } } as const;
    t.keepsSeeing(
      [at(1), at(2), 10],
      `it serves; ${name} is missing`,
      on(serves, gone, ground.archive(name)),
    );
    if (n < 2) t.ends(at(3), 'done', `restored ${name}`);
    t.keepsSeeing([at(4), at(6), 10], 'it serves', serves);
  }
  expect(t.deeds).toEqual(['reinstall', 'reinstall']);
  expect(t.state.incident).toBeNull();
});
