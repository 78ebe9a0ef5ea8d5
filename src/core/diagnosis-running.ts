import { crashLoop, diedBadly } from './diagnosis-crash.ts';
import type { Diagnosis, Look } from './look.ts';
import { starved } from './resources.ts';
import { isSilence } from './silence.ts';
import type { ActionStep, Generation } from './state.ts';
import { type Instant, millis, plus } from './time.ts';
import { spell } from './words.ts';

/** Rows for a gateway job that has a process which does not serve. */
export function diagnoseRunning(look: Look): Diagnosis | null {
  const { evidence, state } = look;
  const { service, process } = evidence;
  if (service.kind !== 'running') return null;
  if (process.kind === 'gone') return gone(look, service.pid);
  if (isBooting(look)) return diedBadly(look) ?? booting(look, state.generation);
  return unresponsive(look);
}

/** It was never ready, and its time for that is not over: whatever leads the diagnosis, it is left to it. */
export function isBooting(look: Look): boolean {
  const { generation } = look.state;
  const everReady = generation !== null && generation.readyAt !== null;
  return !everReady && bootAge(look, generation) < look.rules.policy.bootGraceMs;
}

function gone({ state }: Look, pid: number): Diagnosis {
  return {
    stance: 'wait',
    cause: 'crashed',
    because: `process ${pid} is gone; launchd relaunches it by itself`,
    opens: state.lastReady?.pid === pid,
  };
}

/**
 * Since we first saw it, without the time this machine slept. The system's start time speaks only for a process that
 * listens: before that a step of the wall clock would make a gateway that has just been spawned look stalled.
 */
function bootAge({ evidence, state, now }: Look, generation: Generation | null): number {
  const { process, listener } = evidence;
  const listens = listener.kind === 'ours' && process.kind === 'alive';
  const bySystem = listens ? evidence.at - process.startedAt : 0;
  const bySight = generation === null ? 0 : now - generation.firstSeenAt;
  return Math.max(0, Math.max(bySystem, bySight) - state.asleepMs);
}

function booting(look: Look, generation: Generation | null): Diagnosis {
  const { state, rules } = look;
  if (state.bootsSinceReady >= rules.policy.crashLoopRuns && look.evidence.healthz.kind !== 'timeout') {
    return crashLoop(look);
  }
  const age = bootAge(look, generation);
  const usual = median(state.bootTimes);
  const slow = usual !== null && age > 2 * usual;
  return {
    stance: 'wait',
    cause: 'booting',
    because: `the gateway ${age < 1_000 ? 'has just started' : `has been starting for ${spell(age)}`}${usual === null ? '' : ` (usually ${spell(usual)})`}${slow ? ': slower than usual' : ''}; left alone for up to ${spell(rules.policy.bootGraceMs)}`,
    opens: false,
  };
}

function median(values: readonly number[]): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? null;
}

function unresponsive(look: Look): Diagnosis {
  const { evidence, state, rules } = look;
  const { healthz, listener, socket } = evidence;
  const { policy } = rules;
  const leaving = draining(look);
  if (leaving !== null) return leaving;
  switch (healthz.kind) {
    case 'timeout':
      return silent(look, healthz.sentAt);
    case 'refused':
    case 'reset':
      if (listener.kind === 'elsewhere') {
        return {
          stance: 'unknown',
          cause: 'unknown',
          because: `the gateway's process listens, but not where its config says (${listener.addresses.join(', ')})`,
        };
      }
      if (healthz.kind === 'reset' && listener.kind === 'ours') {
        return {
          stance: 'unknown',
          cause: 'unknown',
          because: `the gateway accepts connections and resets them (${healthz.because}): its TLS may differ from its config`,
        };
      }
      if (socket.kind === 'open' && socket.silentSince === null) {
        return {
          stance: 'unknown',
          cause: 'unknown',
          because: '/healthz is refused, but the held connection is alive',
        };
      }
      if (state.generation?.readyAt === null && listener.kind !== 'ours') {
        return {
          stance: 'failing',
          cause: 'boot-stalled',
          because: `the gateway's process has lived for more than ${spell(policy.bootGraceMs)} without listening`,
          step: restart(look),
          opensAfterMs: millis(0),
          dueAfterMs: policy.pendedGraceMs,
        };
      }
      return {
        stance: 'failing',
        cause: 'listener-lost',
        because: 'the gateway was serving, its process is alive, and it no longer accepts connections',
        step: restart(look),
        opensAfterMs: millis(policy.drainGraceMs / 4),
        dueAfterMs: policy.drainGraceMs,
      };
    case 'foreign':
    case 'unreachable':
    case 'error':
      return {
        stance: 'unknown',
        cause: 'unknown',
        because: `the probe of /healthz proves nothing: ${healthz.because}`,
      };
    case 'live':
      return {
        stance: 'unknown',
        cause: 'unknown',
        because: 'somebody answers as a gateway, but it is not proven ours',
      };
    /* v8 ignore next -- @preserve: the compiler proves that nothing gets here */
    default:
      return healthz satisfies never;
  }
}

/** It said goodbye: for a while it refuses new connections, and answers on those it still has. */
function draining({ evidence: { healthz, socket }, now, rules }: Look): Diagnosis | null {
  const closes = healthz.kind === 'refused' || healthz.kind === 'reset' || healthz.kind === 'live';
  if (!closes || socket.kind !== 'closed' || socket.shutdown === null) return null;
  if (now - socket.shutdown.at >= rules.policy.drainGraceMs) return null;
  return {
    stance: 'wait',
    cause: 'draining',
    because: `the gateway said "${socket.shutdown.reason}" and closes its connections`,
    opens: false,
  };
}

/** No answer from a process that has served: frozen or blocked, unless the held socket says that its loop turns. */
function silent(look: Look, sentAt: Instant): Diagnosis {
  const { evidence, rules, state } = look;
  const { socket, witness, process } = evidence;
  const began = state.failing !== null && isSilence(state.failing.cause) ? state.failing.since : sentAt;
  if (socket.kind === 'open' && socket.silentSince === null && socket.lastHeardAt > began) {
    return {
      stance: 'unknown',
      cause: 'unknown',
      because: '/healthz does not answer, but the held connection does: the event loop turns',
    };
  }
  const ours = process.kind === 'alive' && 'pid' in witness && witness.pid === process.pid;
  const agrees = ours && (witness.kind === 'idle' || witness.kind === 'pinned');
  const seen =
    witness.kind === 'idle'
      ? `; over ${spell(witness.overMs)} its process used almost no processor time: frozen`
      : witness.kind === 'pinned'
        ? `; over ${spell(witness.overMs)} its process used a whole processor: its event loop is blocked`
        : '';
  const why = starved(look);
  return {
    stance: 'failing',
    cause: why?.cause ?? 'hung',
    because: `the gateway's process is alive but answers nothing${seen}${why === null ? '' : `; ${why.because}`}`,
    // A process that does not own the listener may be waiting for its port; that is no hang.
    step: evidence.listener.kind === 'ours' ? restart(look) : null,
    since: sentAt,
    until: plus(sentAt, rules.policy.healthzTimeoutMs),
    opensAfterMs: millis(0),
    dueAfterMs: agrees ? rules.policy.hangActMs : rules.policy.hangActAloneMs,
  };
}

/** A restart names the one process it may end; without a proven identity there is no restart. */
function restart({ evidence, rules }: Look): ActionStep | null {
  if (evidence.process.kind !== 'alive') return null;
  const { pid, startedAt } = evidence.process;
  return { kind: 'restart', label: rules.label, expected: { pid, startedAt } };
}
