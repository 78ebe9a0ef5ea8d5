import { type Clock, type Instant, instant, millis } from '../core/time.ts';
import {
  classifyRefusal,
  connectParams,
  type FrameError,
  type GatewayAuth,
  type HelloFacts,
  parseFrame,
  parseHello,
  parseShutdown,
  parseSuspension,
  quote,
} from './protocol.ts';
import type { OpenSocket, RawSocket } from './socket-port.ts';

/** Where the gateway is and how it is spoken to. */
export interface Target {
  /** `ws://host:port` or `wss://host:port`. */
  readonly url: string;
  readonly auth: GatewayAuth;
}

/** Whether the process that listens there is proven ours; asked after the peer spoke and before any secret is sent. */
export type ListenerProof =
  | { readonly kind: 'ours' }
  | { readonly kind: 'not-ours'; readonly because: string };

export interface ConnectionLimits {
  /** From the first packet to the gateway's challenge. */
  readonly handshakeTimeoutMs: number;
}

export type ConnectionEnd =
  | { readonly kind: 'closed'; readonly code: number; readonly reason: string }
  | { readonly kind: 'not-now'; readonly because: string; readonly retryAfterMs: number }
  | { readonly kind: 'auth-failed'; readonly because: string }
  | { readonly kind: 'protocol-mismatch'; readonly because: string }
  | { readonly kind: 'not-ours'; readonly because: string };

export type RequestResult =
  | { readonly kind: 'ok'; readonly payload: unknown; readonly latencyMs: number }
  | { readonly kind: 'failed'; readonly because: string };

export interface ConnectionHandlers {
  readonly onHello: (hello: HelloFacts) => void;
  /** Any sign of life. */
  readonly onHeard: () => void;
  readonly onShutdown: (notice: { reason: string; restartExpectedMs: number | null }) => void;
  /** The phase the gateway's host asked for, when it changes. */
  readonly onSuspension: (phase: string) => void;
  /** Exactly once. */
  readonly onEnd: (end: ConnectionEnd) => void;
}

export interface Connection {
  ping(): void;
  request(method: string, params: unknown, timeoutMs: number): Promise<RequestResult>;
  /** Ends it without calling a handler. */
  close(): void;
}

/**
 * The gateway answers a wrong secret up to 5 s late, and lets a client take 15 s to say who it is: beyond that nobody
 * answers any more. Our own proof of the listener falls into the same time.
 */
const connectReplyTimeoutMs = 15_000;
/** The close code by which a gateway sends away clients whose secret was changed in its config. */
const authChangedCode = 4001;
/** Requests awaiting an answer: the deep probe needs one. */
const maxPending = 8;
const clientVersion = '0.1.0';

/** A proof that failed proves nothing: no secret is sent. */
const unproven = (error: unknown): ListenerProof => ({
  kind: 'not-ours',
  because: `the listener could not be judged: ${error instanceof Error ? error.message : String(error)}`,
});

interface Pending {
  readonly settle: (result: RequestResult) => void;
  readonly sentAt: number;
}

/** Opens one connection and leads it through challenge, proof and connect. Every failure ends in one `onEnd`. */
export function openConnection(
  deps: {
    readonly open: OpenSocket;
    readonly clock: Clock;
    readonly prove: () => Promise<ListenerProof>;
    readonly limits: ConnectionLimits;
  },
  target: Target,
  handlers: ConnectionHandlers,
): Connection {
  const { clock, limits } = deps;
  const pending = new Map<string, Pending>();
  const lifetime = new AbortController();
  let stage: 'greeting' | 'proving' | 'connecting' | 'open' | 'ended' = 'greeting';
  let lastId = 0;

  const end = (outcome: ConnectionEnd | null): void => {
    if (stage === 'ended') return;
    // An accepted connection gets a goodbye: the gateway logs a line for one that just breaks off.
    if (outcome === null && stage === 'open') socket.close(1000);
    else socket.terminate();
    stage = 'ended';
    lifetime.abort();
    for (const { settle } of pending.values()) settle({ kind: 'failed', because: 'the connection ended' });
    pending.clear();
    if (outcome !== null) handlers.onEnd(outcome);
  };

  const endAfter = async (ms: number, still: readonly string[], reason: string): Promise<void> => {
    await clock.sleep(millis(ms), lifetime.signal);
    if (still.includes(stage)) end({ kind: 'closed', code: 1006, reason });
  };

  const send = (method: string, params: unknown): string => {
    lastId += 1;
    socket.send(JSON.stringify({ type: 'req', id: String(lastId), method, params }));
    return String(lastId);
  };

  const prove = async (): Promise<void> => {
    stage = 'proving';
    void endAfter(
      connectReplyTimeoutMs,
      ['proving', 'connecting'],
      `no answer to connect within ${connectReplyTimeoutMs} ms`,
    );
    const proof = await deps.prove().catch(unproven);
    if (stage !== 'proving') return;
    if (proof.kind === 'not-ours') {
      end({ kind: 'not-ours', because: proof.because });
      return;
    }
    stage = 'connecting';
    send('connect', connectParams(target.auth, { version: clientVersion, platform: process.platform }));
  };

  const refused = (error: FrameError): ConnectionEnd => {
    const because = error.detailCode === null ? error.message : `${error.message} (${error.detailCode})`;
    const kind = classifyRefusal(error);
    if (kind === 'not-now') return { kind, because, retryAfterMs: error.retryAfterMs ?? 0 };
    return { kind, because };
  };

  const onText = (text: string): void => {
    const frame = parseFrame(text);
    if (frame === null) {
      end({ kind: 'closed', code: 1007, reason: 'the peer sent a message that is not a JSON frame' });
      return;
    }
    handlers.onHeard();
    if (frame.kind === 'challenge' && stage === 'greeting') void prove();
    if (frame.kind === 'event' && frame.event === 'shutdown')
      handlers.onShutdown(parseShutdown(frame.payload));
    if (frame.kind === 'event' && frame.event === 'gateway.suspension') {
      const phase = parseSuspension(frame.payload);
      if (phase !== null) handlers.onSuspension(phase);
    }
    if (frame.kind !== 'response') return;
    if (stage === 'connecting') {
      const hello = frame.ok ? parseHello(frame.payload) : null;
      if (hello !== null) {
        stage = 'open';
        handlers.onHello(hello);
      } else if (frame.ok) {
        end({
          kind: 'protocol-mismatch',
          because: 'the peer accepted connect with something that is not hello-ok',
        });
      } else {
        end(refused(frame.error));
      }
      return;
    }
    const waiting = pending.get(frame.id);
    if (waiting === undefined) return;
    pending.delete(frame.id);
    const latencyMs = clock.elapsed() - waiting.sentAt;
    waiting.settle(
      frame.ok
        ? { kind: 'ok', payload: frame.payload, latencyMs }
        : { kind: 'failed', because: `${frame.error.code}: ${frame.error.message}` },
    );
  };

  const onEnd = (code: number, reason: string): void => {
    if (code === authChangedCode) {
      end({ kind: 'auth-failed', because: `the gateway closed the connection: ${quote(reason)}` });
    } else {
      end({ kind: 'closed', code, reason: quote(reason) });
    }
  };

  const socket: RawSocket = deps.open(target, limits, { onText, onControl: handlers.onHeard, onEnd });
  void endAfter(
    limits.handshakeTimeoutMs,
    ['greeting'],
    `no WebSocket greeting within ${limits.handshakeTimeoutMs} ms`,
  );

  const request = async (method: string, params: unknown, timeoutMs: number): Promise<RequestResult> => {
    if (stage !== 'open') return { kind: 'failed', because: 'not connected' };
    if (pending.size >= maxPending) return { kind: 'failed', because: 'too many requests await an answer' };
    const sentAt = clock.elapsed();
    const id = send(method, params);
    const deadline = new AbortController();
    const answer = new Promise<RequestResult>((settle) => pending.set(id, { settle, sentAt }));
    const late = clock
      .sleep(millis(timeoutMs), deadline.signal)
      .then(
        (): RequestResult => ({ kind: 'failed', because: `no answer to ${method} within ${timeoutMs} ms` }),
      );
    const result = await Promise.race([answer, late]);
    deadline.abort();
    pending.delete(id);
    return result;
  };

  return {
    ping: () => {
      if (stage === 'open') socket.ping();
    },
    request,
    close: () => end(null),
  };
}

/** The later of two instants: a wall clock that stepped back must not make a sign of life older. */
export const latest = (one: Instant, other: Instant): Instant => instant(Math.max(one, other));
