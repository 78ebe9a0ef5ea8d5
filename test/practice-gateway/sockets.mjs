import { randomUUID } from 'node:crypto';
import { WebSocketServer } from 'ws';

const clientIds = new Set(
  (
    'webchat-ui openclaw-control-ui openclaw-browser-copilot openclaw-tui webchat cli gateway-client openclaw-macos ' +
    'openclaw-linux openclaw-ios openclaw-watchos openclaw-android node-host openclaw-worker test fingerprint ' +
    'openclaw-probe'
  ).split(' '),
);
/** Measured: each failure in a row is answered later than the one before. */
const authDelaysMs = [270, 520, 1_000, 2_000, 4_000, 5_000];
const handshakeMs = 15_000;
const pingMs = 25_000;
const preAuthBytes = 65_536;

export const version = '2026.9.6';

function health(gateway) {
  const sessions = {
    path: `${gateway.paths.stateDir}/agents/main/agent/openclaw-agent.sqlite`,
    count: 0,
    recent: [],
  };
  return {
    ok: true,
    ts: Date.now(),
    durationMs: 1,
    plugins: { loaded: ['practice'], errors: [], unavailable: [] },
    configReload: { hotReloadStatus: 'active' },
    channels: {},
    heartbeatSeconds: 1800,
    defaultAgentId: 'main',
    sessions,
    eventLoop: { degraded: false, delayMaxMs: 20.6 },
  };
}

function hello(gateway, connId) {
  return {
    type: 'hello-ok',
    protocol: 4,
    server: { version, buildId: `${version}-practice`, bootId: gateway.bootId, connId },
    features: { methods: ['health'], events: ['tick', 'health', 'shutdown'] },
    snapshot: {
      suspension: { phase: gateway.standing.suspension ?? 'accepting' },
      presence: [],
      health: health(gateway),
      uptimeMs: Math.round(performance.now() - gateway.startedAt),
    },
    auth: { method: gateway.config.mode, role: 'operator', scopes: [] },
    policy: { maxPayload: 26_214_400, maxBufferedBytes: 52_428_800, tickIntervalMs: 30_000 },
  };
}

/** What is wrong with a connect request: { error, close: [code, reason], late? } or undefined when all is well. */
function refusal(gateway, params) {
  const refuse = (code, message, details, close = 1008) => ({
    error: { code, message, ...(details ? { details } : {}) },
    close: [close, message.slice(0, 120)],
  });
  if (!clientIds.has(params?.client?.id)) {
    return refuse(
      'INVALID_REQUEST',
      'invalid connect params: at /client/id: must be equal to one of the allowed values',
    );
  }
  const lowest = params.client.mode === 'probe' ? 3 : 4;
  if (params.maxProtocol < lowest || params.minProtocol > 4) {
    const details = {
      code: 'PROTOCOL_MISMATCH',
      clientMinProtocol: params.minProtocol,
      clientMaxProtocol: params.maxProtocol,
      expectedProtocol: 4,
      minimumProbeProtocol: 3,
    };
    return refuse('INVALID_REQUEST', 'protocol mismatch', details, 1002);
  }
  const { mode, token, password } = gateway.config;
  // Without authentication the real one takes a local backend client, and asks any other for a paired device.
  if (mode === 'none' && params.client.id === 'gateway-client' && params.client.mode === 'backend')
    return undefined;
  if (mode === 'none' || (!params.auth?.token && !params.auth?.password)) {
    return refuse('NOT_PAIRED', 'device identity required', { code: 'DEVICE_IDENTITY_REQUIRED' });
  }
  const good =
    mode === 'password'
      ? password && params.auth.password === password
      : token && params.auth.token === token;
  if (good) return undefined;
  const word = mode === 'password' ? 'password' : 'token';
  const details = {
    code: `AUTH_${word.toUpperCase()}_MISMATCH`,
    authReason: `${word}_mismatch`,
    canRetryWithDeviceToken: false,
    recommendedNextStep: 'update_auth_credentials',
  };
  return {
    ...refuse(
      'INVALID_REQUEST',
      `unauthorized: gateway ${word} mismatch (provide gateway auth ${word})`,
      details,
    ),
    late: true,
  };
}

function serve(gateway, ws, request) {
  const connId = randomUUID();
  let accepted = false;
  let alive = true;
  const send = (frame) => ws.send(JSON.stringify(frame));
  const limit = setTimeout(() => !accepted && ws.close(1000), handshakeMs);
  const ping = setInterval(() => {
    if (!alive) return ws.terminate();
    alive = false;
    ws.ping();
  }, pingMs);
  gateway.seen.push({ at: Date.now(), origin: request.headers.origin ?? null });
  ws.on('pong', () => {
    alive = true;
  });
  ws.on('error', () => ws.terminate());
  ws.on('close', () => {
    clearTimeout(limit);
    clearInterval(ping);
    gateway.clients.delete(ws);
  });
  ws.on('message', async (data) => {
    if (!accepted && data.length > preAuthBytes) return ws.close(1009);
    let frame;
    try {
      frame = JSON.parse(data.toString());
    } catch {
      return ws.close(1008, 'invalid request frame');
    }
    const answer = (body) => send({ type: 'res', id: frame.id, ...body });
    if (!accepted) {
      if (frame.method !== 'connect')
        return ws.close(1008, 'invalid handshake: first request must be connect');
      if (gateway.standing.sidecarsPending) {
        const details = { reason: 'startup-sidecars' };
        answer({
          ok: false,
          error: { code: 'UNAVAILABLE', message: 'gateway starting', details, retryAfterMs: 500 },
        });
        return ws.close(1013, 'gateway starting');
      }
      const no = refusal(gateway, frame.params);
      if (no) {
        if (no.late)
          await gateway.pause(gateway.standing.authDelayMs ?? authDelaysMs[Math.min(gateway.failures++, 5)]);
        answer({ ok: false, error: no.error });
        return ws.close(...no.close);
      }
      accepted = true;
      gateway.failures = 0;
      gateway.clients.add(ws);
      return answer({ ok: true, payload: hello(gateway, connId) });
    }
    if (frame.method === 'health') return answer({ ok: true, payload: health(gateway) });
    const details = {
      code: 'MISSING_SCOPE',
      missingScope: 'operator.admin',
      requiredScopes: ['operator.admin'],
    };
    return answer({
      ok: false,
      error: { code: 'FORBIDDEN', message: 'missing scope: operator.admin', details },
    });
  });
  send({
    type: 'event',
    event: 'connect.challenge',
    payload: { nonce: connId, ts: Date.now(), capabilities: ['model-catalog-snapshot'] },
  });
}

export function attachSockets(gateway, server) {
  const sockets = new WebSocketServer({ server, perMessageDeflate: false, maxPayload: 26_214_400 });
  sockets.on('connection', (ws, request) => serve(gateway, ws, request));
  sockets.on('error', () => {
    // The HTTP server reports its own listening errors; ws only repeats them.
  });
  return sockets;
}

/** Sends an event to every accepted client, as `tick` and `health` are sent. */
export function broadcast(gateway, event, payload) {
  for (const ws of gateway.clients)
    ws.send(JSON.stringify({ type: 'event', event, payload, seq: ++gateway.seq }));
}

export function startEvents(gateway) {
  setInterval(
    () => broadcast(gateway, 'tick', { ts: Date.now() }),
    gateway.standing.tickMs ?? 30_000,
  ).unref();
  setInterval(() => broadcast(gateway, 'health', health(gateway)), 60_000).unref();
}

/** Frames no gateway sends, for the client's bounds. `huge` announces 100 MB and streams it. */
export async function sendOddFrame(gateway, what) {
  for (const ws of gateway.clients) {
    const raw = ws._socket;
    if (what === 'not-json') ws.send('this is not JSON');
    if (what === 'garbage') raw.write(Buffer.from('ffffffffffffffffffffffff', 'hex'));
    if (what === 'huge') {
      const length = 100_000_000;
      const head = Buffer.alloc(10);
      head[0] = 0x81;
      head[1] = 127;
      head.writeBigUInt64BE(BigInt(length), 2);
      raw.write(head);
      const chunk = Buffer.alloc(1_000_000, 'x');
      for (let sent = 0; sent < length && !raw.destroyed; sent += chunk.length) {
        if (!raw.write(chunk)) await new Promise((next) => setTimeout(next, 1));
      }
    }
  }
}
