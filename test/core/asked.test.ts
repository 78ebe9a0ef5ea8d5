import { describe, expect, test } from 'vitest';
import { type Asked, answerRestart } from '../../src/core/asked.ts';
import { initialState, type State } from '../../src/core/state.ts';
import type { Instant } from '../../src/core/time.ts';
import * as ground from './ground.ts';
import { acting, moment, observing, tellOfServing } from './story.ts';
import { transcriptOfServing } from './transcript.ts';
import * as world from './world.ts';

const { heldBy, on, sound } = ground;
const { but, label } = world;
const installing = { kind: 'installing', because: 'npm (pid 7) is at work' } as const;
const saidGoodbye = (at: Instant): world.Changes => ({
  socket: world.connectionBroke('gateway restarting')(at).socket,
});
const suspendedByHost = (at: Instant): world.Changes => {
  const { socket } = world.serving()(at);
  return socket.kind === 'open' ? { socket: { ...socket, suspension: 'suspending' } } : {};
};

interface Given {
  readonly force?: boolean;
  readonly state?: Partial<State>;
}

const answer = (seen: world.Sight, { force = false, state = {} }: Given = {}): Asked =>
  answerRestart({ ...initialState, ...state }, seen(moment('20:00')), {
    now: moment('20:00'),
    rules: acting,
    force,
  });

const restart = { kind: 'restart', label, expected: world.first };
const served = on(world.serving(), sound);
const spent = (count: number, from = 19): Pick<State, 'spent'> => ({
  spent: Array.from({ length: count }, (_, n) => ({ actionId: `A${n}`, at: moment(`${from - n}:30`) })),
});

describe('what an order to start or restart comes to', () => {
  test.each<readonly [string, world.Sight, object]>([
    ['it serves', served, restart],
    ['it serves, and its files were not looked at', world.serving(), restart],
    ['it hangs', on(world.frozen('idle'), sound), restart],
    [
      'it hangs, and which listener is its own is not known',
      heldBy(world.frozen(), { kind: 'none' }),
      restart,
    ],
    ['its process lives and refuses', on(world.deaf(), sound), restart],
    ['launchd holds the start back', on(world.pended, sound), { kind: 'start', label }],
    ['the job is loaded and does not run', on(world.jobStopped, sound), { kind: 'start', label }],
    ['launchd has had it scheduled for long', world.relaunching, { kind: 'start', label }],
    ['the job was lost', on(world.unloaded, sound), { kind: 'reload', label }],
    ['you stopped it', world.stoppedByOperator(moment('10:00')), { kind: 'reload', label }],
    ['you disabled it', world.disabledByOperator, { kind: 'unpark', label }],
    [
      'OpenClaw parked itself, for a reason that is gone',
      world.parked(moment('10:00'), 'gone'),
      {
        kind: 'unpark',
        label,
      },
    ],
    [
      'a plugin is being put back by OpenClaw itself',
      on(world.serving(), sound, ground.brokenPlugin, ground.says('plugin-converging', 'converging')),
      restart,
    ],
    [
      'somebody else is heard on the port, but the held connection is ours',
      heldBy(served, foreign(1)),
      restart,
    ],
  ])('%s: it goes', (_, seen, step) => {
    const state = { generation: generation('00:00') };
    expect(answer(seen, { state })).toMatchObject({ kind: 'go', step, over: null });
  });

  const waiting: readonly (readonly [string, world.Sight, string, Given?])[] = [
    ['a process that boots', world.booting(), 'just started'],
    [
      'one of many that failed',
      world.booting(),
      'process 200 is still starting',
      { state: { bootsSinceReady: 5 } },
    ],
    ['the process is gone', world.gone(), 'relaunches it by itself'],
    [
      'it says goodbye',
      but(world.deaf(), saidGoodbye),
      'closes',
      { state: { generation: generation('00:00') } },
    ],
    ['the job was asked to stop', world.stopping, 'on its way'],
    ['launchd is about to start it', world.relaunching, 'just starting it', { state: lateSince('19:50') }],
    [
      'it died a moment ago',
      world.relaunching,
      'just starting it',
      { state: { lastReady: generation('00:00') } },
    ],
  ];
  test.each(waiting.map(([name, seen, because, given = {}]) => ({ name, seen, because, given })))(
    '$name: waiting is all that is due',
    ({ seen, because, given }) => {
      const found = answer(seen, given);
      expect(found).toMatchObject({ kind: 'nothing', because: expect.stringContaining(because) });
    },
  );

  const hindered: readonly (readonly [string, world.Sight, string, string, Given?])[] = [
    [
      'an action is in flight',
      served,
      'in flight already: start the gateway (A3)',
      'immune status',
      {
        state: { phase: repairing() },
      },
    ],
    [
      'the journal is in doubt',
      served,
      'in doubt about itself',
      'immune resume',
      {
        state: { phase: { kind: 'suspended', cause: 'journal-in-doubt', since: world.dawn, until: null } },
      },
    ],
    ['an update runs', world.updating, 'handoff row', 'immune status'],
    [
      'an update runs beside one that serves',
      but(served, { update: { kind: 'running', marker: 'lock' } }),
      '(lock)',
      'immune status',
    ],
    [
      'a package manager is at work',
      on(world.serving(), { dependencies: installing }),
      'npm (pid 7)',
      'immune status',
    ],
    [
      'whether one does is not known',
      but(served, { update: { kind: 'unknown', because: 'EIO' } }),
      'EIO',
      'immune check --why',
    ],
    ['its host asked it to suspend', but(world.frozen(), suspendedByHost), 'host', 'immune status'],
    ['nobody is logged in', world.noDomain, 'log in', 'immune status'],
    [
      'it serves, and its job cannot be asked',
      but(served, { service: { kind: 'no-domain', because: 'no GUI session' } }),
      'no GUI session',
      'immune check --why',
    ],
    ['it is not installed', world.notInstalled, 'no LaunchAgent', 'openclaw gateway install'],
    ['the service manager is silent', world.blind, 'no usable answer', 'immune check --why'],
    [
      'the service manager was not asked',
      but(world.serving(), { service: { kind: 'unread' } }),
      '',
      'immune check --why',
    ],
    ['an orphan has the port', heldBy(world.booting(), ground.orphan()), 'pid 77', 'immune fix-port'],
    ['an orphan serves', heldBy(served, ground.orphan()), 'pid 77', 'immune fix-port'],
    ['a stranger has the port', world.foreignPort(), 'process 999 (python3)', 'immune fix-port'],
    [
      'a stranger without a name has it',
      heldBy(world.booting(), foreign(null)),
      'another program',
      'immune fix-port',
    ],
    [
      'the config is empty',
      on(world.relaunching, sound, ground.emptied),
      'could not succeed',
      'immune fix-config',
    ],
    [
      'the config would not start it again',
      on(world.serving(), sound, ground.rejected),
      'must be boolean',
      'immune fix-config',
    ],
    [
      'the config is still being judged',
      on(world.serving(), sound, ground.undecided('pending')),
      'being judged',
      'immune restart',
    ],
    ['the package is incomplete', on(world.jobStopped, sound, ground.missing), 'ws', 'immune fix-deps'],
    ['the package is damaged', on(served, ground.corrupted), 'dist/index.js', 'immune fix-deps'],
    ['the package is half installed', on(served, ground.halfInstalled), 'half', 'immune fix-deps'],
    ['the disk is full', on(served, ground.diskFull), 'are free', 'immune check --why'],
    ['the lock is held', on(world.relaunching, sound, ground.lockHeld), 'process 77', 'immune check --why'],
    [
      'the database may be newer, and it serves',
      on(served, ground.says('migration-required', 'refused')),
      'newer',
      'immune check --why',
    ],
    [
      'it parked itself, and would again',
      world.parked(moment('10:00'), 'present'),
      'ws is missing',
      'immune fix-deps',
    ],
    [
      'whether it is disabled is not known',
      but(world.unloaded, { disabled: 'unknown' }),
      'cannot be told',
      'immune check --why',
    ],
    [
      'whether it is installed is not known',
      but(world.unloaded, { plist: 'unread' }),
      'cannot be told',
      'immune check --why',
    ],
    [
      'which process it is is not known',
      but(world.deaf(), { process: { kind: 'unknown', because: 'EIO' } }),
      'could not be proven',
      'immune check --why',
    ],
    [
      'another process was looked at',
      but(world.deaf(), { service: { kind: 'running', pid: 9, runs: 1, lastExit: null } }),
      'could not be proven',
      'immune check --why',
      { state: { generation: { ...generation('00:00'), pid: 9 } } },
    ],
    [
      'the short budget is used up',
      served,
      'the budget of 2 in 5 min',
      'immune restart --force',
      { state: spent(2) },
    ],
    [
      'the long budget is used up',
      served,
      'the budget of 6 actions in 6 h',
      'immune restart --force',
      { state: spent(6, 14) },
    ],
  ];
  test.each(
    hindered.map(([name, seen, because, next, given = {}]) => ({ name, seen, because, next, given })),
  )('$name: refused, with what to type', ({ seen, because, next, given }) => {
    const state = { generation: generation('00:00'), ...given.state };
    const found = answer(seen, { state });
    expect(found).toMatchObject({ kind: 'refused', because: expect.stringContaining(because), next });
    // Force is for the budget alone.
    const forced = answer(seen, { state, force: true });
    if (next === 'immune restart --force') {
      expect(forced).toMatchObject({ kind: 'go', over: expect.stringContaining(because) });
    } else expect(forced).toEqual(found);
  });

  test('a suspicion does not keep a gateway that is down from being tried', () => {
    const seen = on(world.jobStopped, sound, ground.says('migration-required', 'refused'));
    expect(answer(seen)).toMatchObject({ kind: 'go', step: { kind: 'start' } });
  });

  test('the start that belongs to a repair needs no room in the budget', () => {
    const state = { ...spent(2), round: 'A0' };
    expect(answer(on(world.jobStopped, sound), { state })).toMatchObject({ kind: 'go', over: null });
  });
});

describe('the order in the state', () => {
  const order = (seen: world.Sight, at: string, force = false) =>
    ({ kind: 'restart', evidence: seen(moment(at)), force, by: 'ops' }) as const;

  test('a gateway that serves is restarted in an incident of its own, and charged', () => {
    const t = transcriptOfServing();
    t.commands('00:10', order(served, '00:10'));
    t.sees('00:12', 'it goes down', world.connectionBroke('gateway stopping'));
    t.ends('00:25', 'done', 'the gateway was restarted');
    t.keepsSeeing(['00:27', '00:35'], 'it boots', world.booting());
    t.keepsSeeing(['00:37', '01:47', 10], 'it serves', world.serving(world.second));
    expect(t.deeds).toEqual(['restart']);
    expect(t.paid).toBe(1);
    expect(t.state.losses).toEqual([]);
    expect(t.read()).toMatchInlineSnapshot(`
      00:00  the gateway serves
          00:00  healthy: serving | the gateway answers and the held connection is accepted
      00:10  the operator types "immune restart"
          00:10  repairing: serving
          00:10  [opened] incident I1: asked by ops to restart the gateway
          00:10  [action] restart the gateway (A1): asked by ops: the gateway answers and the held connection is
                   accepted
      00:12  it goes down
      00:25  A1 done
          00:25  starting: serving | the gateway was restarted; waiting for the gateway to serve
      00:27 to 00:35  it boots
          00:27  starting: booting | the gateway has just started; left alone for up to 10 min
      00:37 to 01:47  it serves
          00:37  probation: serving | serving again for 0 ms; the incident closes after 60 s
          01:37  healthy: serving | the gateway answers and the held connection is accepted
          01:37  [resolved] incident I1 (serving): serving again after 1 action of the watchdog; it was away for 27 s
    `);
  });

  test('"observe" and a pause hold the watchdog, not a person, and the pause holds again afterwards', () => {
    const t = tellOfServing(observing);
    t.command('00:05', { kind: 'pause', until: null, because: 'by hand' });
    t.command('00:10', order(served, '00:10'));
    expect(t.deeds).toEqual(['restart']);
    t.ends('00:20', 'done');
    t.at('00:22', on(world.jobStopped, sound));
    expect(t.phase).toBe('suspended: paused');
    expect(t.deeds).toEqual(['restart']);
    expect(t.state.pause).not.toBeNull();
  });

  test('it overrules a stop of the operator, and what was left down', () => {
    const t = tellOfServing();
    const stopped = world.stoppedByOperator(moment('00:20'));
    t.hold('00:30', '00:40', stopped);
    expect(t.state.wanted).toBe('down');
    t.command('00:50', order(stopped, '00:50'));
    expect(t.deeds).toEqual(['reload']);
    expect(t.state).toMatchObject({ wanted: 'up', leftDown: false, phase: { kind: 'repairing' } });
    expect(t.state.reloads).toHaveLength(1);
  });

  test('with an incident open it joins that one, and says who asked', () => {
    const t = tellOfServing();
    t.hold('00:10', '20:00', on(world.frozen('none'), sound), 10);
    const before = t.state;
    expect(before.incident).not.toBeNull();
    t.ends('20:05', 'failed');
    t.command('40:00', order(on(world.jobStopped, sound), '40:00'));
    expect(t.state.incident?.id).toBe(before.incident?.id);
    expect(t.heard.filter((heard) => heard.endsWith('opened'))).toHaveLength(1);
    expect(t.actions.at(-1)?.because).toContain('asked by ops: the job is loaded but has no process');
  });

  test('force is said where it overrode something', () => {
    const t = tellOfServing();
    for (const at of ['00:10', '00:40']) {
      t.command(at, order(served, at));
      t.ends(at, 'done');
      t.at(at, world.serving());
    }
    t.command('01:00', order(served, '01:00'));
    expect(t.deeds).toHaveLength(2);
    t.command('01:10', order(served, '01:10', true));
    expect(t.deeds).toHaveLength(3);
    expect(t.actions.at(-1)?.because).toContain('by force, though the budget of 2 in 5 min is used up');
    expect(t.state.spent).toHaveLength(3);
  });

  test('what is refused changes nothing', () => {
    const t = tellOfServing();
    const before = t.state;
    t.command('00:10', order(heldBy(served, ground.orphan()), '00:10'));
    expect(t.state).toEqual(before);
    expect(t.deeds).toEqual([]);
  });

  test('an order that the world refused costs nothing', () => {
    const t = tellOfServing();
    t.command('00:10', order(served, '00:10'));
    t.ends('00:11', 'refused');
    expect(t.state.spent).toEqual([]);
    t.hold('00:12', '01:20', world.serving());
    expect(t.heard.map((heard) => heard.split(' ')[1])).toEqual(['opened', 'action', 'resolved']);
  });
});

function foreign(pid: number | null) {
  return { kind: 'foreign', pid, command: 'python3', uid: 0 } as const;
}

function generation(readyAt: string): NonNullable<State['generation']> {
  const at = moment(readyAt);
  return { pid: 100, startedAt: null, bootId: null, firstSeenAt: at, listenedAt: at, readyAt: at };
}

function lateSince(time: string): Pick<State, 'failing'> {
  return { failing: { cause: 'relaunch-late', since: moment(time), seenAt: moment(time), misses: 1 } };
}

function repairing(): State['phase'] {
  const action = {
    id: 'A3',
    incident: 'I1',
    rung: 'L1',
    step: { kind: 'start', label },
    because: '',
    deadlineAt: moment('21:00'),
  } as const;
  return { kind: 'repairing', action, startedAt: moment('19:00') };
}
