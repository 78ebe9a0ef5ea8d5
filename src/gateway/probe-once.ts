import type { RpcEvidence } from '../core/evidence.ts';
import type { Clock } from '../core/time.ts';
import { type ConnectionEnd, type ListenerProof, openConnection, type Target } from './connection.ts';
import type { HelloFacts } from './protocol.ts';
import type { OpenSocket } from './socket-port.ts';

export interface ProbeOnceOptions {
  readonly clock: Clock;
  readonly prove: () => Promise<ListenerProof>;
  /** For the handshake and for the `health` request, each. */
  readonly timeoutMs: number;
}

export interface ProbeOnceResult {
  readonly hello: HelloFacts | null;
  readonly rpc: RpcEvidence;
  /** What `health` answered; undefined without an answer. */
  readonly health: unknown;
  /** Why there was no hello-ok; null when there was one. */
  readonly refusal: Exclude<ConnectionEnd['kind'], 'closed'> | 'closed' | null;
  /** From the first packet to hello-ok. */
  readonly helloMs: number | null;
  /** The `health` request alone. */
  readonly healthMs: number | null;
}

const nothing = (): void => undefined;

const describe = (end: ConnectionEnd): string =>
  end.kind === 'closed'
    ? `${end.reason === '' ? 'closed without a reason' : end.reason} (${end.code})`
    : end.because;

/** Connects, asks for `health` once, and closes with 1000, which leaves no line in the gateway's log. */
export async function probeOnceWith(
  open: OpenSocket,
  target: Target,
  options: ProbeOnceOptions,
): Promise<ProbeOnceResult> {
  const { clock } = options;
  const startedAt = clock.elapsed();
  const { promise, resolve } = Promise.withResolvers<HelloFacts | ConnectionEnd>();
  const connection = openConnection(
    { open, clock, prove: options.prove, limits: { handshakeTimeoutMs: options.timeoutMs } },
    target,
    { onHello: resolve, onHeard: nothing, onShutdown: nothing, onSuspension: nothing, onEnd: resolve },
  );
  const first = await promise;
  if ('kind' in first) {
    const because = describe(first);
    const rpc: RpcEvidence =
      first.kind === 'not-ours' ? { kind: 'not-tried', because } : { kind: 'failed', because };
    return { hello: null, rpc, health: undefined, refusal: first.kind, helloMs: null, healthMs: null };
  }
  const helloMs = clock.elapsed() - startedAt;
  const answer = await connection.request('health', {}, options.timeoutMs);
  connection.close();
  const rpc: RpcEvidence =
    answer.kind === 'ok'
      ? { kind: 'ok', latencyMs: answer.latencyMs }
      : { kind: 'failed', because: answer.because };
  return {
    hello: first,
    rpc,
    health: answer.kind === 'ok' ? answer.payload : undefined,
    refusal: null,
    helloMs,
    healthMs: answer.kind === 'ok' ? answer.latencyMs : null,
  };
}
