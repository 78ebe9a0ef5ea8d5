import { type ClientOptions, WebSocket } from 'ws';
import type { Target } from './connection.ts';
import { createHeldConnection, type GatewayClient, type HeldOptions } from './held.ts';
import { type ProbeOnceOptions, type ProbeOnceResult, probeOnceWith } from './probe-once.ts';
import type { OpenSocket } from './socket-port.ts';

/**
 * The largest frame we take. A gateway may send 26 MB; what it sends to a probe client is hello-ok (15 kB) and health
 * (1.5 kB plus channels and sessions). 4 MiB is 280 times that, and a stranger cannot make us hold more: the length
 * in the frame's head is judged before its body is read.
 */
const maxPayloadBytes = 4 * 1_024 * 1_024;

const nothing = (): void => undefined;

/** How long a goodbye may stay unanswered before the connection is cut. */
const closeTimeoutMs = 2_000;

/** The only door to the ws package. */
const openSocket: OpenSocket = (target, limits, handlers) => {
  // No Origin header: a browser's origin would lose us the loopback exemption from OpenClaw's login rate limit.
  const options: ClientOptions & { readonly closeTimeout: number } = {
    handshakeTimeout: limits.handshakeTimeoutMs,
    closeTimeout: closeTimeoutMs,
    maxPayload: maxPayloadBytes,
    perMessageDeflate: false,
    followRedirects: false,
    // The gateway signs its own certificate; who listens is proven by its process before a secret is sent.
    rejectUnauthorized: false,
  };
  let ws: WebSocket;
  try {
    ws = new WebSocket(target.url, options);
  } catch (error) {
    // An address that is no URL is a bad config, told like any other connection that could not be made.
    const reason = error instanceof Error ? error.message : String(error);
    setImmediate(() => handlers.onEnd(1006, reason));
    return { send: nothing, ping: nothing, close: nothing, terminate: nothing };
  }
  let ended = false;
  const end = (code: number, reason: string): void => {
    if (ended) return;
    ended = true;
    ws.terminate();
    handlers.onEnd(code, reason);
  };
  ws.on('message', (data, isBinary) => {
    if (ended) return;
    if (isBinary) end(1003, 'the peer sent a binary message');
    else handlers.onText(data.toString());
  });
  ws.on('ping', () => ended || handlers.onControl());
  ws.on('pong', () => ended || handlers.onControl());
  ws.on('unexpected-response', (request, response) => {
    request.destroy();
    end(1006, `answered HTTP ${response.statusCode ?? 0} instead of a WebSocket upgrade`);
  });
  ws.on('error', (error) => end(1006, error.message || error.name));
  ws.on('close', (code, reason) => end(code, reason.toString()));
  return {
    send: (text) => {
      if (ws.readyState === WebSocket.OPEN) ws.send(text);
    },
    ping: () => {
      if (ws.readyState === WebSocket.OPEN) ws.ping();
    },
    close: (code) => {
      ended = true;
      ws.close(code);
    },
    terminate: () => {
      ended = true;
      ws.terminate();
    },
  };
};

/** The one held, authenticated connection. See `held.ts` for how it behaves. */
export function createGatewayClient(options: HeldOptions): GatewayClient {
  return createHeldConnection(openSocket, options);
}

/** A fresh connection, one `health` request, and goodbye: the deep probe. Never rejects. */
export function probeOnce(target: Target, options: ProbeOnceOptions): Promise<ProbeOnceResult> {
  return probeOnceWith(openSocket, target, options);
}
