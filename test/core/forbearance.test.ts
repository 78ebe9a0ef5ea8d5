import { describe, expect, test } from 'vitest';
import { type Instant, instant } from '../../src/core/time.ts';
import { tellOfServing } from './story.ts';
import * as world from './world.ts';

/** Sights that look like a failure and are none, or none that may be acted on. */
const open = (at: Instant, more: object = {}) => ({
  kind: 'open' as const,
  since: at,
  bootId: 'boot-100',
  version: '2026.9.6',
  lastHeardAt: instant(at - 60_000),
  silentSince: instant(at - 20_000),
  shutdown: null,
  suspension: null,
  ...more,
});

describe('forbearance', () => {
  test('a gateway whose host asked it to suspend may be silent for as long as it likes', () => {
    const story = tellOfServing();
    const suspended = world.but(world.frozen('idle'), (at) => ({
      socket: open(at, { suspension: 'suspending' }),
    }));
    story.hold('00:10', '10:00', suspended, 5);
    expect(story.deeds).toEqual([]);
    expect(story.heard).toEqual([]);
    expect(story.phase).toBe('suspended: host-suspended');
  });

  test('a silent process that is not proven to own the listener is not restarted', () => {
    const story = tellOfServing();
    const unproven = world.but(world.frozen('idle'), {
      listener: { kind: 'unknown', because: 'lsof gave no answer' },
    });
    story.hold('00:10', '05:00', unproven, 5);
    expect(story.deeds).toEqual([]);
  });

  test('silence counts up to the last unanswered question, not through our own slow lookups', () => {
    const story = tellOfServing();
    // Both questions were asked within 6 s; the look itself took another 15 s.
    const slow = world.but(world.frozen('idle'), (at) => ({
      healthz: { kind: 'timeout' as const, sentAt: instant(at - 18_000) },
    }));
    story.at('00:13', world.missed);
    story.at('00:31', slow);
    expect(story.deeds).toEqual([]);
  });

  test.each([
    [
      'listens elsewhere',
      { listener: { kind: 'elsewhere', pid: 100, addresses: ['100.64.0.7:18789'] } as const },
    ],
    [
      'resets every connection of ours (its TLS differs from its config)',
      {
        healthz: { kind: 'reset', because: 'ECONNRESET' } as const,
        listener: { kind: 'ours', pid: 100, addresses: ['127.0.0.1:18789'] } as const,
      },
    ],
  ])('a gateway that %s is told, never restarted', (_name, changes) => {
    const story = tellOfServing();
    story.hold('00:10', '20:00', world.but(world.deaf(), changes), 10);
    expect(story.deeds).toEqual([]);
    expect(story.heard.length).toBe(1);
    expect(story.heard[0]).toMatch(/told$/);
  });

  test('somebody who answers where the process of the job does not listen is not called the gateway', () => {
    const story = tellOfServing();
    const answered = world.but(world.deaf(), {
      healthz: { kind: 'live', latencyMs: 2 },
      listener: { kind: 'elsewhere', pid: 100, addresses: ['100.64.0.7:18789'] },
    });
    story.hold('00:10', '10:00', answered, 10);
    expect(story.state.cause).toBe('unknown');
    expect(story.deeds).toEqual([]);
    expect(story.heard).toHaveLength(1);
  });

  test('a gateway that refuses /healthz while its held connection is alive is told, never restarted', () => {
    const story = tellOfServing();
    const half = world.but(world.deaf(), (at) => ({
      socket: open(at, { silentSince: null, lastHeardAt: at }),
    }));
    story.hold('00:10', '20:00', half, 10);
    expect(story.deeds).toEqual([]);
  });

  test('starts that nobody saw count as boots: a loop of instant deaths is told as one', () => {
    const story = tellOfServing();
    for (let n = 1; n <= 8; n += 1) {
      const minute = String(Math.floor((n * 10) / 60)).padStart(2, '0');
      const second = String((n * 10) % 60).padStart(2, '0');
      const dying = world.but(world.relaunching, {
        service: { kind: 'scheduled', runs: 1 + n, lastExit: { kind: 'code', code: 127 } },
      });
      story.at(`${minute}:${second}`, dying);
    }
    expect(story.deeds).toEqual([]);
    expect(story.state.cause).toBe('crash-loop');
    expect(story.texts.at(-1)).toMatch(/exit code 127/);
  });

  test('a clock that was set back does not stretch the grace after a wake', () => {
    const story = tellOfServing();
    story.at('2:00:00', world.but(world.frozen('idle'), { gapMs: 600_000 as never }));
    // Healthy again, and the wall clock (which the steady one follows while all is calm) goes back an hour.
    story.at('1:00:10', world.serving());
    story.hold('1:00:20', '1:01:30', world.frozen('idle'), 5);
    expect(story.deeds).toHaveLength(1);
  });
});
