import { expect, test } from 'vitest';
import * as ground from '../ground.ts';
import { transcript, transcriptOfServing } from '../transcript.ts';
import * as world from '../world.ts';

const { on } = ground;
const down = on(world.relaunching, ground.sound);

/** Down for twenty minutes over something no rung may touch. */
function downOver(words: string, ...facts: Parameters<typeof on>[1][]): string {
  const t = transcriptOfServing();
  t.sees('00:10', 'the held connection breaks', world.connectionBroke());
  t.keepsSeeing(['00:12', '20:12'], `no process; ${words}`, on(down, ...facts));
  expect(t.deeds).toEqual([]);
  return t.read();
}

test('Node is gone: told, nothing is started', () => {
  expect(
    downOver(
      'its Node is gone',
      ground.launchBroken('node-missing', '/opt/homebrew/bin/node is not there: install Node again'),
    ),
  ).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10  the held connection breaks
        00:10  starting: crashed
        00:10  [opened] incident I1: the gateway dropped the held connection without a goodbye (close code 1006) and
                 refuses new ones
    00:12 to 20:12  no process; its Node is gone
        00:12  suspect: node-missing | launchd cannot start the gateway: /opt/homebrew/bin/node is not there:
                 install Node again
        00:27  exhausted: node-missing
        00:27  [exhausted] needs you: launchd cannot start the gateway: /opt/homebrew/bin/node is not there: install
                 Node again
  `);
});

test('Node is of the wrong version: told', () => {
  expect(
    downOver('its Node is too old', ground.launchBroken('node-unfit', 'Node 18.1.0 does not fit ">=22.12"')),
  ).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10  the held connection breaks
        00:10  starting: crashed
        00:10  [opened] incident I1: the gateway dropped the held connection without a goodbye (close code 1006) and
                 refuses new ones
    00:12 to 20:12  no process; its Node is too old
        00:12  suspect: node-missing | launchd cannot start the gateway: Node 18.1.0 does not fit ">=22.12"
        00:27  exhausted: node-missing
        00:27  [exhausted] needs you: launchd cannot start the gateway: Node 18.1.0 does not fit ">=22.12"
  `);
});

test.each([
  ['wrapper', 'the wrapper /w.sh is not executable'],
  ['environment-file', 'the environment file /e.env cannot be read'],
] as const)('the %s cannot be used: told', (part, because) => {
  const text = downOver(`a broken ${part}`, ground.launchBroken(part, because));
  expect(text).toContain('00:27  exhausted: environment-broken');
  expect(text).toContain('[exhausted] needs you: launchd cannot start the gateway: the');
});

test('a wrapper that breaks while the gateway serves is told before it matters', () => {
  const t = transcriptOfServing();
  const broken = ground.launchBroken('wrapper', 'the wrapper /w.sh is not executable');
  t.keepsSeeing(
    ['00:10', '05:00', 10],
    'it serves; its wrapper cannot run',
    on(world.serving(), ground.sound, broken),
  );
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10 to 05:00  it serves; its wrapper cannot run
        00:10  healthy: serving (also environment-broken) | the gateway answers and the held connection is accepted
        00:10  [told] the next start of the gateway would fail: the wrapper /w.sh is not executable
  `);
});

test('a database newer than the program: told, nothing is downgraded, migrated or reinstalled', () => {
  expect(
    downOver(
      'its database is too new',
      ground.says('schema-newer', 'schema version 41 is newer than 38'),
      ground.archive(),
      ground.snapshot(),
    ),
  ).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10  the held connection breaks
        00:10  starting: crashed
        00:10  [opened] incident I1: the gateway dropped the held connection without a goodbye (close code 1006) and
                 refuses new ones
    00:12 to 20:12  no process; its database is too new
        00:12  suspect: schema-newer | the gateway's database is newer than the program, or wants a migration the
                 program refuses (schema version 41 is newer than 38): install the OpenClaw version that wrote it;
                 nothing is downgraded or migrated by the watchdog
        00:27  exhausted: schema-newer
        00:27  [exhausted] needs you: the gateway's database is newer than the program, or wants a migration the
                 program refuses (schema version 41 is newer than 38): install the OpenClaw version that wrote it;
                 nothing is downgraded or migrated by the watchdog
  `);
});

test('a refused migration with a missing package is the package’s: that check comes first', () => {
  const t = transcriptOfServing();
  t.sees('00:10', 'the held connection breaks', world.connectionBroke());
  t.sees(
    '00:12',
    'no process; a refused migration and no ws',
    on(down, ground.says('migration-required', 'migration'), ground.missing, ground.archive()),
  );
  expect(t.deeds).toEqual(['reinstall']);
});

test('a refused migration where the lock is held, or may be: that explains it as well, so it is not called a newer database', () => {
  const refused = on(down, ground.says('migration-required', 'a migration is required'));
  const t = transcriptOfServing();
  t.sees('00:10', 'no process; a gateway started by hand holds the lock', on(refused, ground.lockHeld));
  expect(t.state).toMatchObject({ cause: 'two-gateways', also: ['two-gateways'] });
  t.sees(
    '00:12',
    'whether somebody holds the lock cannot be told',
    on(refused, { lock: { kind: 'unknown', because: 'EACCES' } }),
  );
  expect(t.state).toMatchObject({ cause: 'crashed', also: [] });
});

test('exactly as much free space as is asked for is enough', () => {
  const t = transcriptOfServing();
  t.sees(
    '00:10',
    'it serves; 64 MB are free',
    on(world.serving(), ground.sound, { disk: { kind: 'read', path: '/state', freeBytes: 67_108_864 } }),
  );
  expect(t.state.also).toEqual([]);
});

test('the disk is full: told, and nothing is written by repairs either', () => {
  expect(
    downOver(
      'the disk is full, and the config was cut off',
      ground.diskFull,
      ground.emptied,
      ground.snapshot(),
    ),
  ).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10  the held connection breaks
        00:10  starting: crashed
        00:10  [opened] incident I1: the gateway dropped the held connection without a goodbye (close code 1006) and
                 refuses new ones
    00:12 to 20:12  no process; the disk is full, and the config was cut off
        00:12  suspect: disk-full (also config-clobbered) | only 3 MB are free where the gateway writes (/state):
                 free some space; and besides: the gateway's config was clobbered: the file is empty
        00:27  exhausted: disk-full (also config-clobbered)
        00:27  [exhausted] needs you: only 3 MB are free where the gateway writes (/state): free some space; and
                 besides: the gateway's config was clobbered: the file is empty
  `);
});

test('a disk that fills up under a serving gateway is told in time, and that it is over', () => {
  const t = transcriptOfServing();
  t.keepsSeeing(
    ['00:10', '05:00', 10],
    'it serves; hardly any space is left',
    on(world.serving(), ground.sound, ground.diskFull),
  );
  t.sees('05:10', 'it serves; there is space again', on(world.serving(), ground.sound));
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10 to 05:00  it serves; hardly any space is left
        00:10  healthy: serving (also disk-full) | the gateway answers and the held connection is accepted
        00:10  [told] only 3 MB are free where the gateway writes (/state): free some space
    05:10  it serves; there is space again
        05:10  healthy: serving | the gateway answers and the held connection is accepted
        05:10  [told] what was told before is over (disk-full): the gateway serves
  `);
});

test('nobody is logged in: nothing can be started, and that is told after five minutes', () => {
  const t = transcript();
  t.keepsSeeing(['00:00', '10:00'], 'launchd knows no GUI domain', world.noDomain);
  t.keepsSeeing(['10:10', '11:00', 10], 'somebody logged in; the gateway serves', world.serving());
  expect(t.read()).toMatchInlineSnapshot(`
    00:00 to 10:00  launchd knows no GUI domain
        00:00  suspended until 1:00:00 (no-domain): no-domain | there is no GUI session for launchd to run the
                 gateway in (Could not find domain for port): log in at the Mac, or turn on automatic login
        05:00  [told] there is no GUI session for launchd to run the gateway in (Could not find domain for port):
                 log in at the Mac, or turn on automatic login
    10:10 to 11:00  somebody logged in; the gateway serves
        10:10  healthy: serving | the gateway answers and the held connection is accepted
        10:10  [told] what was told before is over (no-domain): the gateway serves
  `);
});
