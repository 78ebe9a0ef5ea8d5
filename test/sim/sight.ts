import type { Evidence, HealthzEvidence, ListenerEvidence, SocketEvidence } from '../../src/core/evidence.ts';
import { groundUnread } from '../../src/core/ground-evidence.ts';
import type { ServiceState } from '../../src/core/service.ts';
import { type Instant, instant, type Millis } from '../../src/core/time.ts';
import type { Depth } from '../../src/probes/observe.ts';
import { groundOf, surface } from './ground-sight.ts';
import { holds, isFine, isHung, type Machine, type Process, serves, wall } from './machine.ts';

/** What the watchdog brings to a look: its own times, and what it saw before. */
export interface Asking {
  readonly depth: Depth;
  readonly gapMs: Millis;
  readonly previous: Evidence | null;
  /** Steady time minus true time. */
  readonly skew: number;
  /** The steady moment /healthz was asked, if it never answered. */
  readonly silentFrom: Instant | null;
  /** True time at which the watchdog began: of what it did not see it knows nothing. */
  readonly bornAt: number;
}

const live: HealthzEvidence = { kind: 'live', latencyMs: 2 };
const refused: HealthzEvidence = { kind: 'refused' };
const foreignAnswer: HealthzEvidence = { kind: 'foreign', because: 'not a gateway' };
const addresses = ['127.0.0.1'];
const unread = { kind: 'unread' } as const;

/** One look, as the eyes of the watchdog would take it. */
export function look(machine: Machine, asking: Asking): Evidence {
  const { depth, previous, gapMs } = asking;
  const healthz = healthzOf(machine, asking.silentFrom);
  const socket = socketOf(machine, asking);
  const at = instant(wall(machine));
  if (depth === 'glance' && previous !== null) {
    return {
      ...previous,
      healthz,
      socket,
      ground: surface(machine, previous.ground, healthz.kind === 'live'),
      at,
      gapMs,
      witness: unread,
    };
  }
  const seen: Evidence = {
    at,
    gapMs,
    service: unread,
    disabled: 'unread',
    plist: 'unread',
    process: unread,
    healthz,
    readiness: unread,
    socket,
    listener: unread,
    witness: unread,
    audit: { kind: 'none' },
    update: { kind: 'none' },
    rpc: unread,
    parkCause: unread,
    ground: groundUnread,
  };
  if (depth === 'full' || depth === 'deep') return closely(machine, seen, asking);
  const carried = previous !== null && previous.healthz.kind === 'live';
  return {
    ...seen,
    ground: surface(machine, previous?.ground ?? null, healthz.kind === 'live'),
    listener: carried ? previous.listener : unread,
    readiness: carried ? previous.readiness : unread,
    rpc: carried ? previous.rpc : unread,
  };
}

function healthzOf(machine: Machine, silentFrom: Instant | null): HealthzEvidence {
  if (silentFrom !== null) return { kind: 'timeout', sentAt: silentFrom };
  if (isFine(machine)) return live;
  if (machine.holder === 'orphan') return { kind: 'reset', because: 'it closed the connection' };
  if (machine.holder === 'foreign') return machine.nextPid % 2 === 0 ? foreignAnswer : live;
  return refused;
}

function socketOf(machine: Machine, { skew, bornAt }: Asking): SocketEvidence {
  const { process, lastBroken, t } = machine;
  const now = instant(t + skew);
  if (isHung(machine) && process?.hungWhy !== 'host') return { kind: 'connecting', since: now };
  if (process !== null && (serves(machine) || isHung(machine))) {
    if (holds(machine, 'auth')) return { kind: 'auth-failed', at: now, because: 'AUTH_TOKEN_MISMATCH' };
    return {
      kind: 'open',
      since: now,
      bootId: `boot-${process.pid}`,
      version: '2026.9.6',
      lastHeardAt: now,
      silentSince: isHung(machine) ? now : null,
      shutdown: null,
      suspension: isHung(machine) ? 'suspending' : 'accepting',
    };
  }
  if (lastBroken !== null && lastBroken.at >= bornAt) {
    const at = instant(lastBroken.at + skew);
    const shutdown = lastBroken.goodbye
      ? { at, reason: 'gateway restarting', restartExpectedMs: null }
      : null;
    return { kind: 'closed', at, code: shutdown === null ? 1006 : 1012, reason: '', wasOpen: true, shutdown };
  }
  return { kind: 'not-tried', because: 'nobody listens' };
}

function closely(machine: Machine, seen: Evidence, { previous, depth }: Asking): Evidence {
  const service = serviceOf(machine);
  const absent = service.kind === 'not-loaded';
  const { process } = machine;
  const named = service.kind === 'running' ? process : null;
  const serving = seen.healthz.kind === 'live' && previous?.listener.kind !== 'foreign';
  return {
    ...seen,
    service,
    disabled: absent ? (machine.disabledBy === null ? 'enabled' : 'disabled') : 'unread',
    plist: absent ? (machine.plist ? 'present' : 'missing') : 'unread',
    process: named === null ? unread : processOf(named),
    listener: listenerOf(machine, named),
    readiness: readinessOf(machine, seen, { previous, depth }),
    witness: named !== null && seen.healthz.kind === 'timeout' ? witnessOf(named) : unread,
    audit:
      absent && machine.audit !== null
        ? { ...machine.audit, at: instant(machine.audit.at), line: 'mode=park' }
        : seen.audit,
    update: holds(machine, 'update')
      ? { kind: 'running', marker: 'handoff' }
      : holds(machine, 'update-unclear')
        ? { kind: 'unknown', because: 'the database is locked' }
        : seen.update,
    parkCause: absent && machine.audit?.kind === 'park' ? parkCauseOf(machine) : unread,
    ground: groundOf(machine, { serving, named, base: previous?.ground ?? groundUnread }),
  };
}

function readinessOf(
  machine: Machine,
  { healthz }: Evidence,
  { previous, depth }: Pick<Asking, 'previous' | 'depth'>,
): Evidence['readiness'] {
  if (healthz.kind !== 'live') return unread;
  if (depth !== 'deep') return previous?.readiness ?? unread;
  return holds(machine, 'not-ready') ? { kind: 'not-ready', failing: ['telegram'] } : { kind: 'ready' };
}

function serviceOf(machine: Machine): ServiceState {
  const { process, runs, lastExit } = machine;
  if (holds(machine, 'blind')) return { kind: 'unknown', because: 'launchctl gave no answer in 5 s' };
  if (holds(machine, 'no-domain')) return { kind: 'no-domain', because: 'Could not find domain' };
  if (!machine.loaded) return { kind: 'not-loaded' };
  if (machine.stoppingUntil > machine.t) return { kind: 'stopping', pid: process?.pid ?? null };
  if (process !== null) return { kind: 'running', pid: process.pid, runs, lastExit };
  if (machine.pended) return { kind: 'pended', reason: 'speculative', runs };
  if (machine.jobStopped) return { kind: 'stopped', runs, lastExit };
  return { kind: 'scheduled', runs, lastExit };
}

const processOf = ({ pid, startedAt, residentBytes }: Process): Evidence['process'] => ({
  kind: 'alive',
  pid,
  startedAt: instant(startedAt),
  cpuMs: 1_000,
  residentBytes,
  stat: 'S',
  command: 'openclaw-gateway',
});

const witnessOf = ({ pid, witness }: Process): Evidence['witness'] =>
  witness === 'none'
    ? { kind: 'unknown', because: 'ps gave no answer' }
    : { kind: witness, pid, cpuMs: witness === 'idle' ? 1 : 5_000, overMs: 5_000 };

function listenerOf(machine: Machine, named: Process | null): ListenerEvidence {
  switch (machine.holder) {
    case 'foreign':
      return { kind: 'foreign', pid: 9_999, command: 'tailscaled', uid: 0 };
    case 'orphan':
      return orphanOf(machine);
    case 'ours':
      if (named === null) return { kind: 'unknown', because: 'the service manager names no process' };
      return machine.t < named.deafUntil || named.leavesAt !== Number.POSITIVE_INFINITY
        ? { kind: 'none' }
        : { kind: 'ours', pid: named.pid, addresses };
    case 'none':
      return { kind: 'none' };
    default:
      return machine.holder satisfies never;
  }
}

function orphanOf({ orphan }: Machine): ListenerEvidence {
  if (orphan === null) return { kind: 'none' };
  const { pid, startedAt, hasTerminal } = orphan;
  return {
    kind: 'orphan',
    pid,
    command: 'openclaw-gateway',
    startedAt: instant(startedAt),
    hasTerminal,
    port: 18_789,
  };
}

function parkCauseOf({ pack, parkCause }: Machine): Evidence['parkCause'] {
  if (pack.damage === 'ws') return { kind: 'present', because: 'ws is missing' };
  switch (parkCause) {
    case 'gone':
    case 'lies':
      return { kind: 'gone' };
    case 'present':
      return { kind: 'present', because: 'another process holds its lock' };
    case 'unclear':
      return { kind: 'unknown', because: 'the lock could not be read' };
    default:
      return parkCause satisfies never;
  }
}
