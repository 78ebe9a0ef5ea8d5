import { expect, test } from 'vitest';
import * as ground from '../ground.ts';
import { transcript, transcriptOfServing } from '../transcript.ts';
import * as world from '../world.ts';

const { on, heldBy } = ground;
const foreign = (command: string, pid: number | null) => ({ kind: 'foreign', pid, command, uid: 0 }) as const;

test('Tailscale on the port: named, with what to do, and nothing is done to it or to the gateway', () => {
  const t = transcriptOfServing();
  t.keepsSeeing(
    ['00:10', '2:00:00', 10],
    'a process that waits for its port; tailscaled listens there',
    heldBy(world.foreignPort(), foreign('/usr/local/bin/tailscaled', 612)),
  );
  expect(t.deeds).toEqual([]);
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10 to 2:00:00  a process that waits for its port; tailscaled listens there
        00:10  suspect: port-foreign | the gateway's port is held by Tailscale (pid 612), which is not the gateway;
                 the gateway waits for it, so a restart would not help: give one of the two another port ("tailscale
                 serve status" shows what Tailscale serves), or set gateway.bind to "loopback"; "immune fix-port"
                 does either
        00:40  exhausted: port-foreign
        00:40  [opened] incident I1: the gateway's port is held by Tailscale (pid 612), which is not the gateway;
                 the gateway waits for it, so a restart would not help: give one of the two another port ("tailscale
                 serve status" shows what Tailscale serves), or set gateway.bind to "loopback"; "immune fix-port"
                 does either
        00:40  [exhausted] needs you: the gateway's port is held by Tailscale (pid 612), which is not the gateway;
                 the gateway waits for it, so a restart would not help: give one of the two another port ("tailscale
                 serve status" shows what Tailscale serves), or set gateway.bind to "loopback"; "immune fix-port"
                 does either
  `);
});

test.each([
  ['the app from the App Store', 'IPNExtension', 812],
  ['its system extension', 'io.tailscale.ipn.macsys.network-extension', null],
])('Tailscale is known as %s too', (_name, command, pid) => {
  const t = transcriptOfServing();
  t.keepsSeeing(['00:10', '00:40'], 'the port is held', heldBy(world.foreignPort(), foreign(command, pid)));
  expect(t.state.because).toContain(`held by Tailscale${pid === null ? ',' : ` (pid ${pid}),`}`);
});

test('a program nobody could name', () => {
  const t = transcriptOfServing();
  t.keepsSeeing(['00:10', '00:40'], 'the port is held', heldBy(world.foreignPort(), foreign('', null)));
  expect(t.state.because).toContain(
    'held by another program, which is not the gateway; the gateway waits for it, so',
  );
  expect(t.state.because).not.toContain('Tailscale');
});

test('a person is called as well where one start after the other ends before the held port', () => {
  const t = transcriptOfServing();
  const held = heldBy(world.foreignPort(), foreign('tailscaled', 612));
  const ended = world.but(held, { process: { kind: 'gone', pid: world.second.pid } });
  for (const second of ['10', '20', '30', '40', '50']) {
    t.sees(`00:${second}`, 'a process waits; tailscaled listens there', held);
    t.sees(`00:${Number(second) + 5}`, 'that process is gone', ended);
  }
  expect(t.deeds).toEqual([]);
  expect(t.read().match(/\[exhausted\]/g)).toHaveLength(1);
  expect(t.read()).toMatch(/00:40 {2}\[exhausted\] needs you: the gateway's port is held by Tailscale/);
});

test('an old gateway that lets go of the port within thirty seconds is not worth a word', () => {
  const t = transcriptOfServing();
  t.keepsSeeing(
    ['00:10', '00:35'],
    'a new process waits; an old gateway still listens',
    heldBy(world.booting(), ground.orphan()),
  );
  t.keepsSeeing(['00:40', '01:40', 10], 'the gateway serves', world.serving(world.second));
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10 to 00:35  a new process waits; an old gateway still listens
        00:10  suspect: port-orphan | a gateway that the service manager did not start (pid 77) holds the port:
                 whether somebody started it in a terminal cannot be told; "immune fix-port" ends it if you say so,
                 and launchd starts its own
    00:40 to 01:40  the gateway serves
        00:40  healthy: serving | the gateway answers and the held connection is accepted
  `);
});

test('an orphan of which too little is known keeps the port: told, never killed', () => {
  const t = transcriptOfServing();
  t.keepsSeeing(
    ['00:10', '20:00', 10],
    'a process waits; a gateway launchd did not start listens',
    heldBy(world.booting(), ground.orphan()),
  );
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10 to 20:00  a process waits; a gateway launchd did not start listens
        00:10  suspect: port-orphan | a gateway that the service manager did not start (pid 77) holds the port:
                 whether somebody started it in a terminal cannot be told; "immune fix-port" ends it if you say so,
                 and launchd starts its own
        00:40  exhausted: port-orphan
        00:40  [opened] incident I1: a gateway that the service manager did not start (pid 77) holds the port:
                 whether somebody started it in a terminal cannot be told; "immune fix-port" ends it if you say so,
                 and launchd starts its own
        00:40  [exhausted] needs you: a gateway that the service manager did not start (pid 77) holds the port:
                 whether somebody started it in a terminal cannot be told; "immune fix-port" ends it if you say so,
                 and launchd starts its own
  `);
});

test('an orphan that serves is served: told, nothing else', () => {
  const t = transcript();
  const served = world.but(world.unloaded, (at) => ({
    socket: { kind: 'connecting', since: at },
    healthz: { kind: 'live', latencyMs: 2 },
    listener: ground.orphan(),
  }));
  t.keepsSeeing(
    ['00:00', '05:00', 10],
    'the job is not loaded; a gateway somebody started by hand serves',
    served,
  );
  expect(t.read()).toMatchInlineSnapshot(`
    00:00 to 05:00  the job is not loaded; a gateway somebody started by hand serves
        00:00  healthy: serving (also port-orphan) | a gateway of this state directory answers, but the service
                 manager did not start it (pid 77)
        00:00  [told] served by process 77, which the service manager does not supervise
  `);
});

test('a second gateway holds the lock: starts of ours end at it, so that is told', () => {
  const t = transcriptOfServing();
  t.sees('00:10', 'the held connection breaks', world.connectionBroke());
  t.keepsSeeing(
    ['00:12', '20:00'],
    'no process; a gateway started by hand holds the lock',
    on(world.relaunching, ground.sound, ground.lockHeld),
  );
  t.keepsSeeing(['20:05', '20:10'], 'no process; the lock is free', on(world.relaunching, ground.sound));
  t.keepsSeeing(['20:15', '20:20'], 'a new process', world.booting(ground.spawned(300, '20:12')));
  t.keepsSeeing(['20:25', '21:25'], 'the gateway serves', world.serving(ground.spawned(300, '20:12')));
  expect(t.deeds).toEqual([]);
  expect(t.read()).toMatchInlineSnapshot(`
    00:00  the gateway serves
        00:00  healthy: serving | the gateway answers and the held connection is accepted
    00:10  the held connection breaks
        00:10  starting: crashed
        00:10  [opened] incident I1: the gateway dropped the held connection without a goodbye (close code 1006) and
                 refuses new ones
    00:12 to 20:00  no process; a gateway started by hand holds the lock
        00:12  suspect: two-gateways | process 77 (openclaw gateway run) is a gateway of the same state directory
                 that launchd did not start; it holds the lock, so launchd's own cannot start: end it, or stop the
                 job
        00:27  exhausted: two-gateways
        00:27  [exhausted] needs you: process 77 (openclaw gateway run) is a gateway of the same state directory
                 that launchd did not start; it holds the lock, so launchd's own cannot start: end it, or stop the
                 job
    20:05 to 20:10  no process; the lock is free
        20:05  suspect: relaunch-late | launchd has the next start scheduled and has not made it yet; acts in 60 s
                 unless it recovers
    20:15 to 20:20  a new process
        20:15  starting: booting | the gateway has just started; left alone for up to 10 min
    20:25 to 21:25  the gateway serves
        20:25  probation: serving | serving again for 0 ms; the incident closes after 60 s
        21:25  healthy: serving | the gateway answers and the held connection is accepted
        21:25  [resolved] incident I1 (crashed): serving again without any action of the watchdog; it was away for
                 20 min
  `);
});

test('an orphan that holds the port holds the lock too: that is one thing, told once', () => {
  const t = transcriptOfServing();
  const held = heldBy(on(world.booting(), ground.sound, ground.lockHeld), ground.orphan());
  t.keepsSeeing(['00:10', '00:40'], 'a process waits; an orphan has port and lock', held);
  expect(t.state).toMatchObject({ cause: 'port-orphan', also: [] });
  expect(t.state.because).not.toContain('besides');
});
