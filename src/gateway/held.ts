import type { ShutdownNotice, SocketEvidence } from '../core/evidence.ts';
import { type Clock, type Instant, millis } from '../core/time.ts';
import {
  type Connection,
  type ConnectionEnd,
  type ListenerProof,
  latest,
  openConnection,
  type RequestResult,
  type Target,
} from './connection.ts';
import type { HelloFacts } from './protocol.ts';
import { sameSecret } from './secret.ts';
import type { OpenSocket } from './socket-port.ts';

/** What brings the daemon's next look forward; the evidence says the rest. */
export type GatewayEvent = 'opened' | 'closed' | 'shutdown' | 'silent' | 'auth-failed';

export interface HeldOptions {
  readonly clock: Clock;
  /** Asked on every connection, after the peer spoke and before the secret is sent. It must not throw. */
  readonly prove: () => Promise<ListenerProof>;
  readonly onEvent: (event: GatewayEvent) => void;
  readonly log?: (sentence: string) => void;
  readonly pingEveryMs: number;
  /** A ping unanswered for this long is told as `silent`; the connection is kept, for a stall may pass. */
  readonly pongTimeoutMs: number;
  readonly handshakeTimeoutMs: number;
  readonly backoffMs: { readonly min: number; readonly max: number; readonly afterAuthFailure: number };
}

export interface GatewayClient {
  evidence(): SocketEvidence;
  /** Starts holding a connection. The same target again changes nothing; another one (a new secret) is tried at once. */
  connect(target: Target): void;
  /** Brings the next attempt forward (a probe saw the gateway up), except after an auth failure. */
  nudge(): void;
  /** Ends it; until the next `connect` the evidence is `not-tried` with this reason. */
  close(because?: string): void;
  request(method: string, params: unknown, timeoutMs: number): Promise<RequestResult>;
}

/** A connection older than this resets the backoff. */
const provenAfterMs = 30_000;

const sameTarget = (one: Target, other: Target): boolean => {
  if (one.url !== other.url || one.auth.mode !== other.auth.mode) return false;
  if (one.auth.mode === 'none' || other.auth.mode === 'none') return true;
  return sameSecret(one.auth.secret, other.auth.secret);
};

/**
 * Holds one connection to the gateway and says what became of it. While attempts to reconnect fail without an answer,
 * the evidence keeps the loss itself (`wasOpen`, when, and the shutdown notice): a refused attempt half a second later
 * must not hide that an accepted connection was dropped.
 */
export function createHeldConnection(open: OpenSocket, options: HeldOptions): GatewayClient {
  const { clock, backoffMs } = options;
  const log = options.log ?? (() => undefined);
  let evidence: SocketEvidence = { kind: 'not-tried', because: 'no connection was asked for yet' };
  let target: Target | null = null;
  let connection: Connection | null = null;
  /** Ends the waits (backoff, pings) of everything before the current attempt. */
  let epoch = new AbortController();
  let failures = 0;

  const set = (next: SocketEvidence): void => {
    evidence = next;
  };

  const heard = (): void => {
    if (evidence.kind !== 'open') return;
    if (evidence.silentSince !== null && clock.now() - evidence.silentSince > options.pongTimeoutMs) {
      log('The held connection to the gateway answers again.');
    }
    set({ ...evidence, lastHeardAt: latest(evidence.lastHeardAt, clock.now()), silentSince: null });
  };

  const pingForever = async (signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      await clock.sleep(millis(options.pingEveryMs), signal);
      if (signal.aborted || evidence.kind !== 'open') return;
      // One unanswered ping at a time: the answer to the first says all a second could.
      if (evidence.silentSince !== null) continue;
      // Only a connection that lasted proves that connecting is worth its cost again: one that is accepted and closed at
      // once would be tried without pause.
      if (clock.now() - evidence.since >= provenAfterMs) failures = 0;
      set({ ...evidence, silentSince: clock.now() });
      connection?.ping();
      await clock.sleep(millis(options.pongTimeoutMs), signal);
      if (signal.aborted || evidence.kind !== 'open' || evidence.silentSince === null) continue;
      log(`The gateway left a ping unanswered for ${options.pongTimeoutMs} ms.`);
      options.onEvent('silent');
    }
  };

  const opened = (hello: HelloFacts): void => {
    const now = clock.now();
    const { bootId, version, suspension } = hello;
    set({
      kind: 'open',
      since: now,
      bootId,
      version,
      lastHeardAt: now,
      silentSince: null,
      shutdown: null,
      suspension,
    });
    void pingForever(epoch.signal);
    options.onEvent('opened');
  };

  const retryAfter = (end: ConnectionEnd): number => {
    const doubled = backoffMs.min * 2 ** Math.min(failures, 16);
    failures += 1;
    switch (end.kind) {
      case 'auth-failed':
      case 'protocol-mismatch':
        return backoffMs.afterAuthFailure;
      // Each unproven greeting leaves a warning in the log of a gateway that is ours after all.
      case 'not-ours':
        return Math.min(backoffMs.afterAuthFailure, doubled);
      case 'not-now':
        return Math.min(backoffMs.max, Math.max(doubled, end.retryAfterMs));
      case 'closed':
        return Math.min(backoffMs.max, doubled);
      default:
        return end satisfies never;
    }
  };

  const evidenceOf = (end: ConnectionEnd, at: Instant): SocketEvidence => {
    switch (end.kind) {
      case 'auth-failed':
      case 'protocol-mismatch':
        return { kind: end.kind, at, because: end.because };
      case 'not-ours':
        return { kind: 'not-tried', because: end.because };
      case 'closed':
      case 'not-now': {
        const code = end.kind === 'closed' ? end.code : 1013;
        const reason = end.kind === 'closed' ? end.reason : end.because;
        if (evidence.kind === 'closed' && evidence.wasOpen) return evidence;
        const wasOpen = evidence.kind === 'open';
        const shutdown: ShutdownNotice | null = evidence.kind === 'open' ? evidence.shutdown : null;
        return { kind: 'closed', at, code, reason, wasOpen, shutdown };
      }
      default:
        return end satisfies never;
    }
  };

  const ended = (end: ConnectionEnd): void => {
    const before = evidence;
    set(evidenceOf(end, clock.now()));
    connection = null;
    if (before.kind === 'open' && end.kind === 'closed') options.onEvent('closed');
    if (end.kind === 'auth-failed') options.onEvent('auth-failed');
    if (before.kind === 'open' || before.kind !== evidence.kind) {
      log(
        `The connection to the gateway ended: ${'because' in end ? end.because : `${end.code} ${end.reason}`}.`,
      );
    }
    startEpoch();
    void attemptLater(retryAfter(end), epoch.signal);
  };

  const startEpoch = (): void => {
    epoch.abort();
    epoch = new AbortController();
  };

  const attemptLater = async (waitMs: number, signal: AbortSignal): Promise<void> => {
    await clock.sleep(millis(waitMs), signal);
    if (!signal.aborted) attempt();
  };

  const attempt = (): void => {
    if (target === null) return;
    startEpoch();
    if (evidence.kind === 'not-tried') set({ kind: 'connecting', since: clock.now() });
    connection = openConnection(
      { open, clock, prove: options.prove, limits: { handshakeTimeoutMs: options.handshakeTimeoutMs } },
      target,
      {
        onHello: opened,
        onHeard: heard,
        onShutdown: (notice) => {
          if (evidence.kind !== 'open') return;
          set({ ...evidence, shutdown: { at: clock.now(), ...notice } });
          options.onEvent('shutdown');
        },
        onSuspension: (phase) => {
          if (evidence.kind === 'open') set({ ...evidence, suspension: phase });
        },
        onEnd: ended,
      },
    );
  };

  const drop = (): void => {
    startEpoch();
    connection?.close();
    connection = null;
  };

  return {
    evidence: () => evidence,
    connect: (next) => {
      if (target !== null && sameTarget(target, next)) return;
      drop();
      target = next;
      failures = 0;
      set({ kind: 'connecting', since: clock.now() });
      attempt();
    },
    nudge: () => {
      const waiting = target !== null && connection === null;
      if (!waiting || evidence.kind === 'auth-failed' || evidence.kind === 'protocol-mismatch') return;
      attempt();
    },
    close: (because = 'the watchdog closed the connection') => {
      drop();
      target = null;
      set({ kind: 'not-tried', because });
    },
    request: (method, params, timeoutMs) =>
      connection === null
        ? Promise.resolve({ kind: 'failed', because: 'not connected' })
        : connection.request(method, params, timeoutMs),
  };
}
