import { describe, expect, test } from 'vitest';
import { plus, seconds } from '../../src/core/time.ts';
import { moment, tell, tellOfServing } from './story.ts';
import * as world from './world.ts';

describe('kill -9', () => {
  test('the broken connection opens the incident at once, launchd relaunches, nothing is done, one resolved', () => {
    const story = tellOfServing();
    const broke = story.at('00:10', world.connectionBroke());
    expect(broke.notices.map((notice) => notice.kind)).toEqual(['opened']);
    story.at('00:10', world.gone());
    story.hold('00:12', '00:18', world.relaunching, 2);
    story.hold('00:20', '00:34', world.booting(), 2);
    story.hold('00:36', '03:00', world.serving(world.second), 2);
    expect(story.deeds).toEqual([]);
    expect(story.heard).toEqual(['00:10 opened', '01:36 resolved']);
    expect(story.texts.at(-1)).toMatch(/without any action of the watchdog; it was away for 26 s/);
    expect(story.phase).toBe('healthy');
  });

  test('a process that launchd still names but that is gone opens the incident as well', () => {
    const story = tellOfServing();
    story.at('00:10', world.gone());
    expect(story.heard).toEqual(['00:10 opened']);
    expect(story.state.incident?.cause).toBe('crashed');
  });

  test.each([
    ['scheduled', world.relaunching],
    [
      'relaunched already',
      world.but(world.booting(), {
        service: {
          kind: 'running',
          pid: world.second.pid,
          runs: 2,
          lastExit: { kind: 'code', code: 1 },
        },
      }),
    ],
  ])('a crash that a close look sees first (%s) opens the incident as well', (_name, seen) => {
    const story = tellOfServing();
    story.at('00:10', seen);
    expect(story.heard).toEqual(['00:10 opened']);
    expect(story.texts[0]).toMatch(/while it was serving/);
    story.at('00:12', seen);
    expect(story.heard).toHaveLength(1);
    expect(story.deeds).toEqual([]);
  });

  test('an end that was announced, or a clean one, opens none', () => {
    const story = tellOfServing();
    const { socket } = world.connectionBroke('gateway stopping')(moment('00:10'));
    story.hold('00:10', '00:40', world.but(world.relaunching, { socket }));
    const clean = { kind: 'scheduled', runs: 1, lastExit: { kind: 'code', code: 0 } } as const;
    story.hold('00:45', '00:50', world.but(world.relaunching, { service: clean }));
    expect(story.heard).toEqual([]);
  });

  test('a goodbye is a planned restart: no incident', () => {
    const story = tellOfServing();
    story.at('00:10', world.connectionBroke('gateway restarting'));
    story.hold('00:12', '00:16', world.stopping, 2);
    story.hold('00:18', '00:30', world.booting(), 2);
    story.hold('00:32', '02:00', world.serving(world.second), 5);
    expect(story.heard).toEqual([]);
    expect(story.phase).toBe('healthy');
  });

  test('a relapse before the gateway was stable belongs to the same incident', () => {
    const story = tellOfServing();
    story.at('00:10', world.connectionBroke());
    story.hold('00:30', '01:00', world.serving(world.second), 2);
    story.at('01:01', world.gone(world.second));
    story.hold('01:20', '02:19', world.serving(world.third), 1);
    expect(story.heard).toEqual(['00:10 opened']);
    story.at('02:20', world.serving(world.third));
    expect(story.heard).toEqual(['00:10 opened', '02:20 resolved']);
  });

  test('four starts without one ready moment are a crash loop: told once, never restarted, resolved when it heals', () => {
    const story = tellOfServing();
    story.at('00:10', world.connectionBroke());
    for (let n = 1; n <= 6; n += 1) {
      const life = { pid: 200 + n, startedAt: moment(`00:${10 + n * 5}`) };
      story.at(`00:${10 + n * 5}`, world.booting(life));
      story.at(`00:${12 + n * 5}`, world.relaunching);
    }
    expect(story.deeds).toEqual([]);
    expect(story.heard).toEqual(['00:10 opened', '00:30 exhausted']);
    expect(story.phase).toBe('exhausted: crash-loop');
    story.hold('01:00', '02:10', world.serving(world.third), 5);
    expect(story.heard.slice(2)).toEqual(['02:00 resolved']);
  });
});

describe('a hang', () => {
  test('ten-second ticks with a retry at once open the incident within 25 s of the freeze', () => {
    const story = tellOfServing();
    // Frozen at 00:00.1, so the next tick asks at 00:10 and gives up at 00:13; close looks follow at once.
    story.at('00:13', world.missed);
    story.at('00:21', world.frozen('idle'));
    expect(story.heard).toEqual(['00:21 opened']);
    expect(story.deeds).toEqual([]);
  });

  test('a second witness lets it act after 20 s, not before, and the restart names the one process', () => {
    const story = tellOfServing();
    story.hold('00:13', '00:29', world.frozen('idle'), 2);
    expect(story.deeds).toEqual([]);
    story.at('00:30', world.frozen('idle'));
    expect(story.deeds).toEqual(['restart']);
    expect(story.actions[0]?.step).toEqual({
      kind: 'restart',
      label: world.label,
      expected: { pid: world.first.pid, startedAt: world.first.startedAt },
    });
    story.ends('00:52', 'done');
    story.hold('00:54', '01:04', world.booting({ ...world.second, startedAt: moment('00:52') }), 2);
    story.hold('01:06', '02:30', world.serving({ ...world.second, startedAt: moment('00:52') }), 2);
    expect(story.heard).toEqual(['00:15 opened', '00:30 action', '02:06 resolved']);
    expect(story.texts.at(-1)).toMatch(/after 1 action of the watchdog/);
  });

  test('a pinned processor is a witness too', () => {
    const story = tellOfServing();
    story.hold('00:13', '00:31', world.frozen('pinned'), 2);
    expect(story.deeds).toEqual(['restart']);
  });

  test.each(['none', 'working'] as const)('without a witness (%s) it acts at 60 s', (witness) => {
    const story = tellOfServing();
    story.hold('00:13', '01:09', world.frozen(witness), 2);
    expect(story.deeds).toEqual([]);
    story.at('01:10', world.frozen(witness));
    expect(story.deeds).toEqual(['restart']);
  });

  test('a witness that watched another process does not count', () => {
    const story = tellOfServing();
    const other = world.but(world.frozen(), {
      witness: { kind: 'idle', pid: 4711, cpuMs: 0, overMs: 5_000 },
    });
    story.hold('00:13', '01:09', other, 2);
    expect(story.deeds).toEqual([]);
  });

  test('a stall of 14.9 s is never acted on, whenever the looks fall', () => {
    for (let offsetMs = 0; offsetMs < 5_000; offsetMs += 100) {
      const story = tellOfServing();
      // Requests go out during the stall only; an answer given up on is known three seconds later.
      for (let sent = 10_000 + offsetMs; sent < 10_000 + 14_900; sent += 500) {
        const seen = world.frozen('idle');
        story.at(`00:${(sent + 3_000) / 1_000}`, seen);
      }
      story.at('00:30', world.serving());
      expect(story.deeds).toEqual([]);
    }
  });

  test('two short stalls far apart are not one long one', () => {
    const story = tellOfServing();
    story.at('00:13', world.frozen('idle'));
    story.at('10:13', world.frozen('idle'));
    story.at('10:15', world.frozen('idle'));
    expect(story.deeds).toEqual([]);
  });

  test('while the held connection is still heard, silence of /healthz is no hang', () => {
    const story = tellOfServing();
    const heard = world.but(world.frozen('idle'), (at) => ({ socket: world.serving()(at).socket }));
    story.hold('00:13', '04:00', heard);
    expect(story.heard).toEqual([]);
    expect(story.state.cause).toBe('unknown');
  });

  test('a held connection that is itself silent does not excuse it', () => {
    const story = tellOfServing();
    const quiet = world.but(world.frozen('idle'), (at) => ({
      socket: {
        ...(world.serving()(at).socket as Extract<
          ReturnType<typeof world.blind>['socket'],
          { kind: 'open' }
        >),
        silentSince: plus(at, seconds(-4)),
      },
    }));
    story.hold('00:13', '00:35', quiet, 2);
    expect(story.deeds).toEqual(['restart']);
  });

  test('looks without a proven process never restart, one bad look decides nothing, lasting doubt is told once', () => {
    const story = tellOfServing();
    const unproven = world.but(world.frozen('idle'), {
      process: { kind: 'unknown', because: 'ps timed out' },
      witness: { kind: 'idle', pid: world.first.pid, cpuMs: 0, overMs: 5_000 },
    });
    story.hold('00:13', '05:00', unproven, 2);
    expect(story.heard).toEqual(['00:15 opened']);
    story.hold('05:02', '08:00', unproven, 2);
    expect(story.deeds).toEqual([]);
    expect(story.heard).toHaveLength(2);
    expect(story.phase).toBe('exhausted: hung');
    // The proof arrives: what was told does not forbid what now can be done.
    story.hold('08:02', '08:06', world.frozen('idle'), 2);
    expect(story.deeds).toEqual(['restart']);
  });

  test('two restarts that did not help are all: told once, and resolved by whoever mends it', () => {
    const story = tellOfServing();
    story.hold('00:13', '00:31', world.frozen('idle'), 2);
    story.ends('00:40', 'done');
    story.hold('00:42', '01:10', world.frozen('idle'), 2);
    story.ends('01:20', 'done');
    story.hold('01:22', '30:00', world.frozen('idle'), 10);
    expect(story.deeds).toEqual(['restart', 'restart']);
    expect(story.heard.filter((line) => line.endsWith('exhausted'))).toHaveLength(1);
    story.hold('30:10', '32:00', world.serving(), 10);
    expect(story.heard.at(-1)).toBe('31:10 resolved');
    expect(story.heard.filter((line) => line.endsWith('resolved'))).toHaveLength(1);
  });

  test('a gateway that served and refuses connections is given two minutes, then restarted', () => {
    const story = tellOfServing();
    story.hold('00:10', '02:05', world.deaf());
    expect(story.deeds).toEqual([]);
    expect(story.heard).toEqual(['00:40 opened']);
    story.hold('02:10', '02:10', world.deaf());
    expect(story.deeds).toEqual(['restart']);
  });

  test.each([
    ['a quick look', {}],
    ['a close look', { service: { kind: 'running', pid: 100, runs: 1, lastExit: null } }],
  ] as const)('a last answer after the goodbye is no healthy gateway: %s', (_name, seen) => {
    const story = tellOfServing();
    const socket = world.connectionBroke('gateway stopping')(moment('00:10')).socket;
    story.at(
      '00:10',
      world.but(world.connectionBroke(), { socket, healthz: { kind: 'live', latencyMs: 2 }, ...seen }),
    );
    expect(story.state.cause).toBe('draining');
    expect(story.heard).toEqual([]);
  });

  test('a goodbye gives a draining gateway two more minutes', () => {
    const story = tellOfServing();
    const draining = world.but(world.deaf(), {
      socket: world.connectionBroke('gateway stopping')(moment('00:10')).socket,
    });
    story.hold('00:10', '02:05', draining);
    expect(story.state.cause).toBe('draining');
    expect(story.heard).toEqual([]);
    story.hold('02:10', '04:10', draining);
    expect(story.deeds).toEqual(['restart']);
  });

  test('a hang found at the very first look is acted on: its process is old and listens', () => {
    const story = tell();
    story.hold('00:03', '00:31', world.frozen('idle'), 2);
    expect(story.deeds).toEqual(['restart']);
  });

  test('an answer on /healthz that proves nothing is unknown, not down', () => {
    const story = tellOfServing();
    for (const kind of ['foreign', 'unreachable', 'error'] as const) {
      story.at('00:10', world.but(world.deaf(), { healthz: { kind, because: 'EHOSTUNREACH' } }));
      expect(story.state.cause).toBe('unknown');
    }
    expect(story.heard).toEqual([]);
  });
});
