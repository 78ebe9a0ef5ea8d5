import { expect, test } from 'vitest';
import * as ground from '../ground.ts';
import { observing } from '../story.ts';
import { transcriptOfServing } from '../transcript.ts';
import * as world from '../world.ts';

const { on, heldBy } = ground;
const tailscale = { kind: 'foreign', pid: 612, command: 'tailscaled', uid: 0 } as const;

/**
 * The night this project began with: an update left the package incomplete and a config its new schema refuses,
 * Tailscale had taken the port, and in the end the token did not fit.
 */
test('the founding incident: the port is told, then dependencies before config, then one start, paid for once', () => {
  const t = transcriptOfServing();
  const both = on(
    world.relaunching,
    ground.sound,
    ground.missing,
    ground.rejected,
    ground.archive(),
    ground.snapshot(),
  );
  const born = ground.spawned(300, '10:47');
  t.sees('00:10', 'the held connection breaks', world.connectionBroke());
  t.keepsSeeing(
    ['00:12', '10:02', 10],
    'no process; ws is missing, the config is refused, Tailscale has the port',
    heldBy(both, tailscale),
  );
  expect(t.deeds).toEqual([]);
  t.sees('10:12', 'the port is free', both);
  t.ends('10:40', 'done', 'restored from archive 2026.9.6');
  t.sees(
    '10:41',
    'the package is complete, the config is still refused',
    on(both, { dependencies: ground.sound.dependencies }),
  );
  t.ends('10:44', 'done', 'snapshot 41c7 is in place');
  t.sees(
    '10:45',
    'the config is sound',
    on(both, { dependencies: ground.sound.dependencies }, ground.restored),
  );
  t.ends('10:46', 'done', 'kickstarted');
  t.keepsSeeing(['10:48', '10:52', 2], 'a new process', world.booting(born));
  t.keepsSeeing(
    ['10:54', '12:04', 10],
    'it serves, and refuses our token',
    world.but(world.serving(born), (at) => ({
      socket: { kind: 'auth-failed', at, because: 'AUTH_TOKEN_MISMATCH' },
    })),
  );
  expect(t.deeds).toEqual(['reinstall', 'rollback', 'start']);
  expect(t.paid).toBe(1);
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10  the held connection breaks
        00:10  starting: crashed
        00:10  [opened] incident I1: the gateway dropped the held connection without a goodbye (close code 1006) and
                 refuses new ones
    00:12 to 10:02  no process; ws is missing, the config is refused, Tailscale has the port
        00:12  suspect: port-foreign (also dependency-missing, config-invalid) | the gateway's port is held by
                 Tailscale (pid 612), which is not the gateway; the gateway waits for it, so a restart would not
                 help: give one of the two another port ("tailscale serve status" shows what Tailscale serves), or
                 set gateway.bind to "loopback"; "immune fix-port" does either; and besides: the openclaw package is
                 incomplete: the package ws, which openclaw needs, is not there; and besides: the gateway's config
                 is invalid: channels.telegram.enabled must be boolean
        00:42  exhausted: port-foreign (also dependency-missing, config-invalid)
        00:42  [exhausted] needs you: the gateway's port is held by Tailscale (pid 612), which is not the gateway;
                 the gateway waits for it, so a restart would not help: give one of the two another port ("tailscale
                 serve status" shows what Tailscale serves), or set gateway.bind to "loopback"; "immune fix-port"
                 does either; and besides: the openclaw package is incomplete: the package ws, which openclaw needs,
                 is not there; and besides: the gateway's config is invalid: channels.telegram.enabled must be
                 boolean
    10:12  the port is free
        10:12  repairing: dependency-missing (also config-invalid)
        10:12  [action] repair the openclaw package with archive 2026.9.6 (A1): the openclaw package is incomplete:
                 the package ws, which openclaw needs, is not there; and besides: the gateway's config is invalid:
                 channels.telegram.enabled must be boolean
    10:40  A1 done
        10:40  starting: dependency-missing (also config-invalid) | restored from archive 2026.9.6; waiting for the
                 gateway to serve
        10:40  [told] restored from archive 2026.9.6
    10:41  the package is complete, the config is still refused
        10:41  repairing: config-invalid
        10:41  [action] roll the config back to snapshot 41c7 (A2): the gateway's config is invalid:
                 channels.telegram.enabled must be boolean
    10:44  A2 done
        10:44  starting: config-invalid | snapshot 41c7 is in place; waiting for the gateway to serve
        10:44  [told] snapshot 41c7 is in place
    10:45  the config is sound
        10:45  repairing: relaunch-late
        10:45  [action] start the gateway (A3): what kept it from starting is repaired: this is the one start that
                 belongs to the repair
    10:46  A3 done
        10:46  starting: relaunch-late | kickstarted; waiting for the gateway to serve
    10:48 to 10:52  a new process
        10:48  starting: booting | the gateway has just started; left alone for up to 10 min
    10:54 to 12:04  it serves, and refuses our token
        10:54  probation: serving (also auth-mismatch) | serving again for 0 ms; the incident closes after 60 s
        10:54  [told] auth mismatch: the gateway refused the token in its own config (AUTH_TOKEN_MISMATCH); watching
                 by /healthz
        11:54  healthy: serving (also auth-mismatch) | the gateway answers and process 300 of its job listens
        11:54  [resolved] incident I1 (crashed): serving again after 3 actions of the watchdog; it was away for 11
                 min
  `);
});

test('package and config are broken and only the config has a remedy: the package comes first, so a person does', () => {
  const t = transcriptOfServing();
  t.sees('00:10', 'the held connection breaks', world.connectionBroke());
  t.keepsSeeing(
    ['00:12', '05:00', 10],
    'no process; ws is missing, the config is refused',
    on(world.relaunching, ground.sound, ground.missing, ground.rejected, ground.noArchive, ground.snapshot()),
  );
  expect(t.deeds).toEqual([]);
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10  the held connection breaks
        00:10  starting: crashed
        00:10  [opened] incident I1: the gateway dropped the held connection without a goodbye (close code 1006) and
                 refuses new ones
    00:12 to 05:00  no process; ws is missing, the config is refused
        00:12  suspect: dependency-missing (also config-invalid) | the openclaw package is incomplete: the package
                 ws, which openclaw needs, is not there; there is no archive of it: run "npm install -g
                 openclaw@2026.9.6"; and besides: the gateway's config is invalid: channels.telegram.enabled must be
                 boolean
        00:32  exhausted: dependency-missing (also config-invalid)
        00:32  [exhausted] needs you: the openclaw package is incomplete: the package ws, which openclaw needs, is
                 not there; there is no archive of it: run "npm install -g openclaw@2026.9.6"; and besides: the
                 gateway's config is invalid: channels.telegram.enabled must be boolean
  `);
});

test('a parked job over a missing package: the package is repaired, then it is unparked, paid for once', () => {
  const t = transcriptOfServing();
  const parked = world.parked((world.dawn + 9_000) as never, 'present');
  t.keepsSeeing(
    ['00:10', '00:30', 5],
    'parked; ws is missing',
    on(parked, ground.sound, ground.missing, ground.archive()),
  );
  t.ends('00:50', 'done', 'restored from archive 2026.9.6');
  t.sees(
    '00:52',
    'parked, and its cause is gone',
    on(world.parked((world.dawn + 9_000) as never, 'gone'), ground.sound),
  );
  expect(t.deeds).toEqual(['reinstall', 'unpark']);
  expect(t.paid).toBe(1);
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10 to 00:30  parked; ws is missing
        00:10  repairing: dependency-missing
        00:10  [opened] incident I1: the openclaw package is incomplete: the package ws, which openclaw needs, is
                 not there
        00:10  [action] repair the openclaw package with archive 2026.9.6 (A1): the openclaw package is incomplete:
                 the package ws, which openclaw needs, is not there
    00:50  A1 done
        00:50  starting: dependency-missing | restored from archive 2026.9.6; waiting for the gateway to serve
        00:50  [told] restored from archive 2026.9.6
    00:52  parked, and its cause is gone
        00:52  repairing: parked
        00:52  [action] enable and load the gateway's job and start it (A2): what kept it from starting is repaired:
                 this is the one start that belongs to the repair
  `);
});

test('observing only: what would be done is said once for each cause, nothing is done', () => {
  const t = transcriptOfServing(observing);
  const both = on(
    world.relaunching,
    ground.sound,
    ground.missing,
    ground.rejected,
    ground.archive(),
    ground.snapshot(),
  );
  t.sees('00:10', 'the held connection breaks', world.connectionBroke());
  t.keepsSeeing(['00:12', '05:00', 10], 'no process; ws is missing, the config is refused', both);
  t.keepsSeeing(
    ['05:10', '10:00', 10],
    'somebody mended the package; the config is refused',
    on(both, { dependencies: ground.sound.dependencies }),
  );
  t.keepsSeeing(['10:10', '11:10', 10], 'the gateway serves', world.serving(world.second));
  expect(t.deeds).toEqual([]);
  expect(t.paid).toBe(0);
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10  the held connection breaks
        00:10  starting: crashed
        00:10  [opened] incident I1: the gateway dropped the held connection without a goodbye (close code 1006) and
                 refuses new ones
    00:12 to 05:00  no process; ws is missing, the config is refused
        00:12  suspect: dependency-missing (also config-invalid)
        00:12  [told] observing only: would repair the openclaw package with archive 2026.9.6 now, because the
                 openclaw package is incomplete: the package ws, which openclaw needs, is not there; and besides:
                 the gateway's config is invalid: channels.telegram.enabled must be boolean
    05:10 to 10:00  somebody mended the package; the config is refused
        05:10  suspect: config-invalid
        05:10  [told] observing only: would roll the config back to snapshot 41c7 now, because the gateway's config
                 is invalid: channels.telegram.enabled must be boolean
    10:10 to 11:10  the gateway serves
        10:10  probation: serving | serving again for 0 ms; the incident closes after 60 s
        10:10  [told] what was told before is over (dependency-missing, config-invalid): the gateway serves
        11:10  healthy: serving | the gateway answers and the held connection is accepted
        11:10  [resolved] incident I1 (crashed): serving again without any action of the watchdog; it was away for
                 10 min
  `);
});

test('a start that launchd holds back over a missing package: the package is repaired at once, for nobody is at work', () => {
  const t = transcriptOfServing();
  const held = on(world.pended, ground.sound, ground.missing, ground.archive());
  t.sees('00:10', 'launchd holds the start back; ws is missing', held);
  t.ends('00:30', 'done', 'restored from archive 2026.9.6');
  t.sees('00:32', 'launchd holds the start back; the package is complete', on(world.pended, ground.sound));
  expect(t.deeds).toEqual(['reinstall', 'start']);
  expect(t.paid).toBe(1);
});

test('the first boot may hold a file of before the edit, so it is left alone; the second is not waited for', () => {
  const t = transcriptOfServing();
  const bad = [ground.sound, ground.rejected, ground.snapshot()] as const;
  t.sees('00:10', 'the held connection breaks', world.connectionBroke());
  t.keepsSeeing(
    ['00:20', '01:20', 10],
    'a new process; a refused config',
    on(world.booting(ground.spawned(200, '00:20')), ...bad),
  );
  expect(t.deeds).toEqual([]);
  t.sees(
    '01:30',
    'another new process; a refused config',
    on(world.booting(ground.spawned(300, '01:28')), ...bad),
  );
  expect(t.deeds).toEqual(['rollback']);
});

test('quick looks that saw nothing but silence and a bad config open no way to act', () => {
  const t = transcriptOfServing();
  t.keepsSeeing(
    ['00:13', '10:00', 10],
    'silence; a refused config',
    on(world.missed, ground.sound, ground.rejected, ground.snapshot()),
  );
  expect(t.deeds).toEqual([]);
  expect(t.state.cause).toBe('hung');
});

test('nothing can be mended while the port is held: one notice names everything, and what to type for each', () => {
  const t = transcriptOfServing();
  const all = on(
    world.relaunching,
    ground.sound,
    ground.missing,
    ground.rejected,
    ground.noArchive,
    ground.noSnapshot,
  );
  t.keepsSeeing(
    ['00:10', '01:00', 10],
    'no process; ws is missing, the config is refused, Tailscale has the port',
    heldBy(all, tailscale),
  );
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10 to 01:00  no process; ws is missing, the config is refused, Tailscale has the port
        00:10  suspect: port-foreign (also dependency-missing, config-invalid) | the gateway's port is held by
                 Tailscale (pid 612), which is not the gateway; the gateway waits for it, so a restart would not
                 help: give one of the two another port ("tailscale serve status" shows what Tailscale serves), or
                 set gateway.bind to "loopback"; "immune fix-port" does either; and besides: the openclaw package is
                 incomplete: the package ws, which openclaw needs, is not there; there is no archive of it: run "npm
                 install -g openclaw@2026.9.6"; and besides: the gateway's config is invalid:
                 channels.telegram.enabled must be boolean; there is no verified snapshot: mend the file by hand
        00:40  exhausted: port-foreign (also dependency-missing, config-invalid)
        00:40  [opened] incident I1: the gateway's port is held by Tailscale (pid 612), which is not the gateway;
                 the gateway waits for it, so a restart would not help: give one of the two another port ("tailscale
                 serve status" shows what Tailscale serves), or set gateway.bind to "loopback"; "immune fix-port"
                 does either; and besides: the openclaw package is incomplete: the package ws, which openclaw needs,
                 is not there; there is no archive of it: run "npm install -g openclaw@2026.9.6"; and besides: the
                 gateway's config is invalid: channels.telegram.enabled must be boolean; there is no verified
                 snapshot: mend the file by hand
        00:40  [exhausted] needs you: the gateway's port is held by Tailscale (pid 612), which is not the gateway;
                 the gateway waits for it, so a restart would not help: give one of the two another port ("tailscale
                 serve status" shows what Tailscale serves), or set gateway.bind to "loopback"; "immune fix-port"
                 does either; and besides: the openclaw package is incomplete: the package ws, which openclaw needs,
                 is not there; there is no archive of it: run "npm install -g openclaw@2026.9.6"; and besides: the
                 gateway's config is invalid: channels.telegram.enabled must be boolean; there is no verified
                 snapshot: mend the file by hand
  `);
});

test('the package is whole again, and the config is being judged: no start before its verdict', () => {
  const t = transcriptOfServing();
  t.sees('00:10', 'the held connection breaks', world.connectionBroke());
  const down = on(world.relaunching, ground.sound);
  t.sees(
    '00:12',
    'no process; ws is missing',
    on(down, ground.undecided('unknown'), ground.missing, ground.archive()),
  );
  t.ends('00:14', 'done', 'restored from archive 2026.9.6');
  t.keepsSeeing(
    ['00:15', '00:19', 2],
    'no process; the config is being judged',
    on(down, ground.undecided('pending')),
  );
  expect(t.deeds).toEqual(['reinstall']);
  t.keepsSeeing(
    ['00:20', '00:40', 2],
    'no process; the config is refused',
    on(down, ground.rejected, ground.snapshot()),
  );
  expect(t.deeds).toEqual(['reinstall', 'rollback']);
});
