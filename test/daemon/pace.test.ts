import { describe, expect, it } from 'vitest';
import type { Evidence, SocketEvidence } from '../../src/core/evidence.ts';
import { groundUnread } from '../../src/core/ground-evidence.ts';
import { defaultPolicy } from '../../src/core/policy.ts';
import { initialState, type State } from '../../src/core/state.ts';
import { instant, millis } from '../../src/core/time.ts';
import { chooseDelay, chooseDepth, needsCloser } from '../../src/daemon/pace.ts';

const open = (bootId: string | null): SocketEvidence => ({
  kind: 'open',
  since: instant(0),
  bootId,
  version: null,
  lastHeardAt: instant(0),
  silentSince: null,
  shutdown: null,
  suspension: null,
});
const closed: SocketEvidence = {
  kind: 'closed',
  at: instant(1),
  code: 1006,
  reason: '',
  wasOpen: true,
  shutdown: null,
};

const evidence = (more: Partial<Evidence>): Evidence => ({
  at: instant(0),
  gapMs: millis(0),
  service: { kind: 'unread' },
  disabled: 'unread',
  plist: 'unread',
  process: { kind: 'unread' },
  healthz: { kind: 'live', latencyMs: 2 },
  readiness: { kind: 'unread' },
  socket: open('a'),
  listener: { kind: 'ours', pid: 1, addresses: [] },
  witness: { kind: 'unread' },
  audit: { kind: 'none' },
  update: { kind: 'none' },
  rpc: { kind: 'unread' },
  parkCause: { kind: 'unread' },
  ground: groundUnread,
  ...more,
});

const served: State = {
  ...initialState,
  phase: { kind: 'healthy' },
  cause: 'serving',
  generation: {
    pid: 1,
    startedAt: instant(0),
    bootId: 'a',
    firstSeenAt: instant(0),
    listenedAt: instant(0),
    readyAt: instant(0),
  },
};
const depth = (more: Partial<Parameters<typeof chooseDepth>[0]>) =>
  chooseDepth({
    state: served,
    evidence: evidence({}),
    deepWanted: false,
    sinceCloseMs: millis(100_000),
    ...more,
  });

describe('how closely the daemon looks', () => {
  it('is light while a gateway serves and its connection is held: no child process', () => {
    expect(depth({})).toBe('light');
  });

  it('is deep when asked for, and full at first', () => {
    expect(depth({ deepWanted: true })).toBe('deep');
    expect(depth({ evidence: null })).toBe('full');
  });

  it('reads the listener once a minute when no connection proves who answers', () => {
    const without = evidence({ socket: { kind: 'auth-failed', at: instant(0), because: 'x' } });
    expect(depth({ evidence: without, sinceCloseMs: millis(59_000) })).toBe('light');
    expect(depth({ evidence: without, sinceCloseMs: millis(61_000) })).toBe('full');
  });

  it('is full whenever the gateway does not serve, except at short glances while it boots', () => {
    const down = evidence({ healthz: { kind: 'refused' } });
    expect(depth({ evidence: down })).toBe('full');
    const booting: State = { ...served, phase: { kind: 'starting' }, cause: 'booting' };
    expect(depth({ state: booting, evidence: down, sinceCloseMs: millis(1_000) })).toBe('glance');
    expect(depth({ state: booting, evidence: down, sinceCloseMs: millis(6_000) })).toBe('full');
  });

  it.each([
    ['the held connection is gone although somebody answers', 'light', closed, true],
    ['another boot answers on the connection', 'light', open('b'), true],
    ['the same boot answers', 'light', open('a'), false],
    ['a version without boot ids answers', 'light', open(null), false],
    ['a booting gateway answers at a glance', 'glance', closed, true],
    ['the look was close already', 'full', closed, false],
  ] as const)('needs a closer look when %s', (_name, at, socket, expected) => {
    const seen = evidence({ socket });
    expect(needsCloser(served, at, { before: evidence({}), seen })).toBe(expected);
  });

  it('needs none for a connection that was missing before, and none when nobody answers', () => {
    const seen = evidence({ socket: closed });
    expect(needsCloser(served, 'light', { before: seen, seen })).toBe(false);
    const down = evidence({ socket: closed, healthz: { kind: 'refused' } });
    expect(needsCloser(served, 'light', { before: evidence({}), seen: down })).toBe(false);
  });

  it('follows a quick "not serving" at once with a close look', () => {
    expect(chooseDelay(served, evidence({ healthz: { kind: 'refused' } }), defaultPolicy)).toBe(0);
    expect(chooseDelay(served, evidence({}), defaultPolicy)).toBe(defaultPolicy.tickMs);
  });

  it('looks closely at a bad config until a rollback of it is worked out', () => {
    const config = { kind: 'faulty', fault: 'broken', hash: 'x', changedAt: null, because: '' } as const;
    const depth = (rollback: Evidence['ground']['rollback'], sinceCloseMs: number) =>
      chooseDepth({
        state: served,
        evidence: evidence({ ground: { ...groundUnread, config, rollback } }),
        deepWanted: false,
        sinceCloseMs: millis(sinceCloseMs),
      });
    expect(depth({ kind: 'unread' }, 5_000)).toBe('full');
    expect(depth({ kind: 'pending', because: '' }, 5_000)).toBe('full');
    expect(depth({ kind: 'pending', because: '' }, 4_999)).toBe('light');
    expect(depth({ kind: 'ready', id: 'keys-1', because: '' }, 50_000)).toBe('light');
    expect(depth({ kind: 'unavailable', because: '' }, 50_000)).toBe('light');
  });

  it('looks again soon after it saw a bad config, until that is told', () => {
    const config = { kind: 'faulty', fault: 'broken', hash: 'x', changedAt: null, because: '' } as const;
    const seen = evidence({ ground: { ...groundUnread, config } });
    expect(chooseDelay(served, seen, defaultPolicy)).toBe(defaultPolicy.urgentTickMs);
    const told: State = { ...served, also: ['config-latent'] };
    expect(chooseDelay(told, seen, defaultPolicy)).toBe(defaultPolicy.tickMs);
  });

  it('looks closely in probation where no connection is held, and deep where the channels are not known', () => {
    const probation: State = { ...served, phase: { kind: 'probation', since: instant(0) } };
    const depth = (more: Partial<Evidence>, sinceCloseMs = 2_000) =>
      chooseDepth({
        state: probation,
        evidence: evidence(more),
        deepWanted: false,
        sinceCloseMs: millis(sinceCloseMs),
      });
    const channels = (kind: 'normal' | 'unknown') =>
      ({ ground: { ...groundUnread, channels: { kind, because: 'busy' } } }) as Partial<Evidence>;
    expect(depth({ socket: closed })).toBe('full');
    expect(depth({})).toBe('deep');
    expect(depth(channels('normal'))).toBe('light');
    expect(depth(channels('unknown'))).toBe('light');
    expect(depth(channels('unknown'), 60_000)).toBe('deep');
  });

  it('keeps the ordinary pace once it was told that nothing can be told', () => {
    const starting: State = { ...served, phase: { kind: 'starting' } };
    const down = evidence({ service: { kind: 'unknown', because: 'EIO' }, healthz: { kind: 'refused' } });
    expect(chooseDelay(starting, down, defaultPolicy)).toBe(defaultPolicy.urgentTickMs);
    expect(chooseDelay({ ...starting, told: ['unknown'] }, down, defaultPolicy)).toBe(defaultPolicy.tickMs);
  });
});
