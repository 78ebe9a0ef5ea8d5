import { describe, expect, test } from 'vitest';
import * as ground from './ground.ts';
import { moment, observing, tellOfServing } from './story.ts';
import * as world from './world.ts';

describe('what launchd does not tell', () => {
  test.each([
    ['no answer', world.blind],
    ['no GUI domain', world.noDomain],
  ])('%s: nothing is done, told once after 5 min, again only after it was ready', (_name, seen) => {
    const story = tellOfServing();
    story.hold('00:10', '05:05', seen);
    expect(story.heard).toEqual([]);
    story.hold('05:10', '2:00:00', seen);
    expect(story.heard).toEqual(['05:10 told']);
    story.at('2:00:10', world.serving());
    story.hold('2:00:15', '2:10:00', seen);
    expect(story.heard).toEqual(['05:10 told', '2:00:10 told', '2:05:15 told']);
    expect(story.deeds).toEqual([]);
  });

  test('a gateway that serves is healthy, whatever launchd says', () => {
    const story = tellOfServing();
    for (const seen of [world.blind, world.noDomain, world.unloaded, world.pended]) {
      const { healthz, socket } = world.serving()(moment('00:10'));
      story.at('00:10', world.but(seen, { healthz, socket }));
      expect(story.phase).toBe('healthy');
    }
  });

  test('unknown looks between failing ones neither act nor stay silent for ever', () => {
    const story = tellOfServing();
    for (let minute = 1; minute < 10; minute += 1) {
      for (const second of [10, 30, 50]) {
        story.at(`0${minute}:${second}`, world.frozen('idle'));
        story.at(`0${minute}:${second + 5}`, world.blind);
      }
    }
    expect(story.deeds).toEqual([]);
    expect(story.heard).toHaveLength(1);
  });
});

describe('the port and the secret', () => {
  test('a stranger on the port that answers like a gateway: zero restarts, one exhausted notice', () => {
    const story = tellOfServing();
    story.hold('00:10', '2:00:00', world.foreignPort());
    expect(story.deeds).toEqual([]);
    expect(story.heard).toEqual(['00:40 opened', '00:40 exhausted']);
    expect(story.texts.at(-1)).toMatch(/python3 \(pid 999\)/);
  });

  test('a silent orphan on the port: told, nothing done; once it serves, that is noted', () => {
    const story = tellOfServing();
    const orphan = ground.orphan();
    story.hold('00:10', '10:00', world.but(world.booting(), { listener: orphan }));
    expect(story.deeds).toEqual([]);
    expect(story.phase).toBe('exhausted: port-orphan');
    story.hold(
      '10:05',
      '12:10',
      world.but(world.unloaded, { listener: orphan, healthz: { kind: 'live', latencyMs: 2 } }),
    );
    expect(story.phase).toBe('healthy');
    expect(story.state.notes.join()).toMatch(/does not supervise/);
  });

  test.each([
    ['a changed token', '00:10', world.authMismatch, /auth mismatch/],
    ['readiness 503 for ever', '01:10', world.readiness503, /readiness 503: telegram/],
    [
      'another protocol',
      '01:10',
      world.but(world.serving(), (at) => ({ socket: { kind: 'protocol-mismatch', at, because: '5' } })),
      /protocol mismatch/,
    ],
    [
      'a failing health request',
      '01:10',
      world.but(world.serving(), { rpc: { kind: 'failed', because: 'timeout' } }),
      /health request failed/,
    ],
    [
      'no secret to be had',
      '01:10',
      world.but(world.serving(), { socket: { kind: 'not-tried', because: 'token in 1Password' } }),
      /by \/healthz only: token in 1Password/,
    ],
    [
      'a host that suspends it',
      '01:10',
      world.but(world.serving(), (at) => ({
        socket: { ...world.serving()(at).socket, suspension: 'suspending' } as never,
      })),
      /asked it to suspend/,
    ],
  ])('%s: ready, told once (at %s), zero restarts', (_name, at, seen, text) => {
    const story = tellOfServing();
    story.hold('00:10', '2:00:00', seen);
    expect(story.deeds).toEqual([]);
    expect(story.heard).toEqual([`${at} told`]);
    expect(story.texts[0]).toMatch(text);
    expect(story.phase).toBe('healthy');
    expect(story.state.notes).toHaveLength(1);
  });

  test('what only the last look at a dying gateway notes is told to nobody', () => {
    const story = tellOfServing();
    const dying = world.but(world.serving(), {
      socket: { kind: 'not-tried', because: 'the listener is foreign' },
      listener: { kind: 'unknown', because: 'lsof gave no answer' },
      rpc: { kind: 'failed', because: 'read ECONNRESET (1006)' },
    });
    story.at('10:00', dying);
    expect(story.state.notes).toHaveLength(3);
    story.hold('10:05', '10:50', world.booting());
    story.at('11:10', dying);
    story.hold('11:15', '20:00', world.serving(world.second));
    expect(story.texts.join()).not.toMatch(/health request|could not be determined|by \/healthz/);
  });

  test('a note counts from the first look that has it, also where the clock is set back', () => {
    const story = tellOfServing();
    story.at('10:00', world.readiness503);
    story.at('05:00', world.readiness503);
    story.at('05:59', world.readiness503);
    expect(story.heard).toEqual([]);
    story.at('06:00', world.readiness503);
    expect(story.heard).toEqual(['06:00 told']);
  });

  test('observing only: decides and tells once, never acts, still resolves', () => {
    const story = tellOfServing(observing);
    story.hold('00:10', '40:00', world.pended);
    expect(story.deeds).toEqual([]);
    expect(story.heard).toEqual(['00:15 opened', '00:25 told']);
    expect(story.texts.at(-1)).toMatch(/would start the gateway now/);
    expect(story.state.spent).toEqual([]);
    story.hold('40:05', '42:00', world.serving(world.second));
    expect(story.heard.at(-1)).toBe('41:05 resolved');
  });
});
