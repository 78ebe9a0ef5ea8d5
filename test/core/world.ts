import type { Evidence, HealthzEvidence, SocketEvidence } from '../../src/core/evidence.ts';
import { type GroundEvidence, groundUnread } from '../../src/core/ground-evidence.ts';
import { type Instant, instant, millis } from '../../src/core/time.ts';

/** What one look sees, as a function of the moment it is taken. */
export type Sight = (at: Instant) => Evidence;
export type Changes = Partial<Evidence>;

/** Every story begins here; a gateway that was there before it was spawned an hour earlier. */
export const dawn = instant(1_800_000_000_000);
export const label = 'ai.openclaw.gateway';
const hour = 3_600_000;

const healthzTimeoutMs = 3_000;

const nothing: Evidence = {
  at: dawn,
  gapMs: millis(0),
  service: { kind: 'unread' },
  disabled: 'unread',
  plist: 'unread',
  process: { kind: 'unread' },
  healthz: { kind: 'refused' },
  readiness: { kind: 'unread' },
  socket: { kind: 'not-tried', because: 'nobody listens' },
  listener: { kind: 'none' },
  witness: { kind: 'unread' },
  audit: { kind: 'none' },
  update: { kind: 'none' },
  rpc: { kind: 'unread' },
  parkCause: { kind: 'unread' },
  ground: groundUnread,
};

const sight =
  (see: (at: Instant) => Changes): Sight =>
  (at) => ({ ...nothing, at, ...see(at) });

/** The same sight with something changed. */
export const but =
  (seen: Sight, changes: Changes | ((at: Instant) => Changes)): Sight =>
  (at) => ({ ...seen(at), ...(typeof changes === 'function' ? changes(at) : changes) });

export interface Life {
  readonly pid: number;
  readonly startedAt: Instant;
}

export const first: Life = { pid: 100, startedAt: instant(dawn - hour) };
export const second: Life = { pid: 200, startedAt: instant(dawn + 20_000) };
export const third: Life = { pid: 300, startedAt: instant(dawn + 300_000) };

const running = ({ pid, startedAt }: Life): Pick<Evidence, 'service' | 'process'> => ({
  service: { kind: 'running', pid, runs: 1, lastExit: null },
  process: {
    kind: 'alive',
    pid,
    startedAt,
    cpuMs: 1_000,
    residentBytes: 400_000_000,
    stat: 'S',
    command: 'openclaw-gateway',
  },
});
const listens = ({ pid }: Life): Pick<Evidence, 'listener'> => ({
  listener: { kind: 'ours', pid, addresses: ['127.0.0.1'] },
});
const live: HealthzEvidence = { kind: 'live', latencyMs: 2 };
const held = (life: Life, at: Instant): SocketEvidence => ({
  kind: 'open',
  since: life.startedAt,
  bootId: `boot-${life.pid}`,
  version: '2026.9.6',
  lastHeardAt: at,
  silentSince: null,
  shutdown: null,
  suspension: null,
});
/** 1006 without a goodbye is a crash; a goodbye is the gateway's own `shutdown` event. */
const dropped = (at: Instant, goodbye: string | null): SocketEvidence => ({
  kind: 'closed',
  at,
  code: goodbye === null ? 1006 : 1012,
  reason: '',
  wasOpen: true,
  shutdown: goodbye === null ? null : { at, reason: goodbye, restartExpectedMs: null },
});
const silent = (at: Instant): HealthzEvidence => ({
  kind: 'timeout',
  sentAt: instant(at - healthzTimeoutMs),
});

const asked: GroundEvidence = { ...groundUnread, channels: { kind: 'normal' } };

export const serving = (life: Life = first): Sight =>
  sight((at) => ({
    ...running(life),
    ...listens(life),
    healthz: live,
    socket: held(life, at),
    ground: asked,
  }));

/** The look right after the held connection broke: no child process has been asked yet. */
export const connectionBroke = (goodbye: string | null = null): Sight =>
  sight((at) => ({ socket: dropped(at, goodbye), listener: { kind: 'unread' } }));

export const gone = (life: Life = first): Sight =>
  sight((at) => ({
    ...running(life),
    process: { kind: 'gone', pid: life.pid },
    socket: dropped(at, null),
  }));

export const relaunching: Sight = sight(() => ({
  service: {
    kind: 'scheduled',
    runs: 1,
    lastExit: { kind: 'signal', signal: 9, name: 'SIGKILL' },
  },
}));

export const booting = (life: Life = second): Sight => sight(() => running(life));

export type Witness = 'idle' | 'pinned' | 'working' | 'none';
/** The kernel accepts for it, nobody answers. */
export const frozen = (witness: Witness = 'none', life: Life = first): Sight =>
  sight((at) => ({
    ...running(life),
    ...listens(life),
    healthz: silent(at),
    socket: { kind: 'connecting', since: at },
    witness:
      witness === 'none'
        ? { kind: 'unknown', because: 'ps gave no answer' }
        : { kind: witness, pid: life.pid, cpuMs: witness === 'idle' ? 1 : 5_000, overMs: 5_000 },
  }));

/** The look of a healthy tick that got no answer: nothing but /healthz was asked. */
export const missed: Sight = sight((at) => ({
  healthz: silent(at),
  listener: { kind: 'unread' },
  socket: { kind: 'connecting', since: at },
}));

export const deaf = (life: Life = first): Sight => sight(() => running(life));

export const unloaded: Sight = sight(() => ({
  service: { kind: 'not-loaded' },
  disabled: 'enabled',
  plist: 'present',
}));
export const stoppedByOperator = (line: Instant): Sight =>
  but(unloaded, { audit: { kind: 'stop', at: line, line: 'source=cli action=stop mode=bootout' } });
export const disabledByOperator: Sight = but(unloaded, { disabled: 'disabled' });
export const parked = (line: Instant, cause: 'gone' | 'present' | 'unknown' | 'unread'): Sight =>
  but(unloaded, {
    disabled: 'disabled',
    audit: { kind: 'park', at: line, line: 'source=handoff mode=park' },
    parkCause:
      cause === 'gone' || cause === 'unread' ? { kind: cause } : { kind: cause, because: 'ws is missing' },
  });
export const notInstalled: Sight = but(unloaded, { plist: 'missing' });

export const pended: Sight = sight(() => ({
  service: { kind: 'pended', reason: 'speculative', runs: 0 },
}));
export const jobStopped: Sight = sight(() => ({
  service: { kind: 'stopped', runs: 1, lastExit: { kind: 'code', code: 0 } },
}));
export const stopping: Sight = sight((at) => ({
  service: { kind: 'stopping', pid: first.pid },
  socket: dropped(at, 'gateway stopping'),
}));

/** A stranger on the port who answers exactly as a gateway does; our process waits for the port. */
export const foreignPort = (life: Life = second): Sight =>
  sight(() => ({
    ...running(life),
    healthz: live,
    listener: { kind: 'foreign', pid: 999, command: 'python3', uid: 501 },
    socket: { kind: 'not-tried', because: 'the listener is not proven ours' },
  }));
export const authMismatch: Sight = but(serving(), (at) => ({
  socket: { kind: 'auth-failed', at, because: 'AUTH_TOKEN_MISMATCH' },
}));
export const readiness503: Sight = but(serving(), {
  readiness: { kind: 'not-ready', failing: ['telegram'] },
});
export const updating: Sight = but(unloaded, { update: { kind: 'running', marker: 'handoff row' } });
export const noDomain: Sight = sight(() => ({
  service: { kind: 'no-domain', because: 'Could not find domain for port' },
}));
export const blind: Sight = sight(() => ({
  service: { kind: 'unknown', because: 'launchctl gave no answer in 5 s' },
}));
/** A look that came late by this much: the machine slept, or starved us. */
export const late = (seen: Sight, gapMs: number): Sight => but(seen, { gapMs: millis(gapMs) });
