import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { probeOnce } from '../../src/gateway/client.ts';
import { secret } from '../../src/gateway/secret.ts';
import { type PracticeGateway, startPracticeGateway } from '../practice-gateway/start.ts';
import { clock, ours, type TestClient, testClient, tokenTarget, until, untilKind } from './helpers.ts';

const cleanUps: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function practice(...args: Parameters<typeof startPracticeGateway>): Promise<PracticeGateway> {
  const gateway = await startPracticeGateway(...args);
  cleanUps.push(gateway.cleanUp);
  return gateway;
}

function clientOf(options: Parameters<typeof testClient>[0] = {}): TestClient {
  const made = testClient(options);
  cleanUps.push(() => made.client.close());
  return made;
}

/** A stranger on the port: records every byte it is sent. */
async function stranger(answer: (socket: Socket) => void): Promise<{ port: number; heard: () => string }> {
  let text = '';
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
    });
    answer(socket);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  cleanUps.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as { port: number }).port, heard: () => text };
}

test('an accepted connection tells version, boot id and phase, and answers requests', async () => {
  const gateway = await practice();
  const { client, events } = clientOf();
  client.connect(tokenTarget(gateway.port));
  const open = await untilKind(client, 'open');
  expect(open).toMatchObject({
    version: '2026.9.6',
    suspension: 'accepting',
    silentSince: null,
    shutdown: null,
  });
  expect(open.bootId).toMatch(/^[0-9a-f-]{36}$/);
  expect(events).toEqual(['opened']);
  expect(await client.request('health', {}, 5_000)).toMatchObject({ kind: 'ok', payload: { ok: true } });
  expect(await client.request('config.get', {}, 5_000)).toMatchObject({
    kind: 'failed',
    because: expect.stringContaining('FORBIDDEN'),
  });
});

test('SIGKILL shows as a closed connection that was open, and failed attempts afterwards do not hide it', async () => {
  const gateway = await practice();
  const { client, events } = clientOf();
  client.connect(tokenTarget(gateway.port));
  await untilKind(client, 'open');
  gateway.child.kill('SIGKILL');
  const lost = await untilKind(client, 'closed');
  expect(lost).toMatchObject({ code: 1006, wasOpen: true, shutdown: null });
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(client.evidence()).toEqual(lost);
  expect(events).toEqual(['opened', 'closed']);
});

test('SIGTERM is told as a shutdown before the close, and a relaunch on the port is found with a new boot id', async () => {
  const gateway = await practice();
  const { client, events } = clientOf();
  client.connect(tokenTarget(gateway.port));
  const before = await untilKind(client, 'open');
  gateway.child.kill('SIGTERM');
  const closed = await untilKind(client, 'closed');
  expect(closed).toMatchObject({
    code: 1012,
    wasOpen: true,
    shutdown: { reason: 'gateway stopping', restartExpectedMs: null },
  });
  expect(await gateway.exited).toBe(0);
  await practice({}, { port: gateway.port });
  const after = await untilKind(client, 'open');
  expect(after.bootId).not.toBe(before.bootId);
  expect(after.shutdown).toBeNull();
  expect(events).toEqual(['opened', 'shutdown', 'closed', 'opened']);
});

test('a stopped process is silent, not closed, and is heard again when it goes on', async () => {
  const gateway = await practice();
  const { client, events } = clientOf();
  client.connect(tokenTarget(gateway.port));
  await untilKind(client, 'open');
  gateway.child.kill('SIGSTOP');
  await until(() => events.includes('silent'), 'the silence is told');
  expect(client.evidence()).toMatchObject({ kind: 'open', silentSince: expect.any(Number) });
  gateway.child.kill('SIGCONT');
  await until(() => {
    const now = client.evidence();
    return now.kind === 'open' && now.silentSince === null;
  }, 'it is heard again');
  expect(events.filter((event) => event === 'closed')).toEqual([]);
});

test('a wrong token is an auth failure that is not repeated, and the right one is tried at once', async () => {
  const gateway = await practice({}, { standing: { authDelayMs: 0 } });
  const { client, events, logs } = clientOf();
  client.connect(tokenTarget(gateway.port, 'yesterdays-token'));
  const failed = await untilKind(client, 'auth-failed');
  expect(failed.because).toContain('AUTH_TOKEN_MISMATCH');
  client.nudge();
  client.connect(tokenTarget(gateway.port, 'yesterdays-token'));
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(events).toEqual(['auth-failed']);
  client.connect(tokenTarget(gateway.port));
  await untilKind(client, 'open');
  expect(logs.join()).not.toContain('yesterdays-token');
});

test('a token changed under us ends the connection as an auth failure, not as a crash', async () => {
  const gateway = await practice();
  const { client, events } = clientOf();
  client.connect(tokenTarget(gateway.port));
  await untilKind(client, 'open');
  gateway.configure({ auth: { mode: 'token', token: 'another-token' } });
  const failed = await untilKind(client, 'auth-failed');
  expect(failed.because).toContain('gateway auth changed');
  client.connect(tokenTarget(gateway.port, 'another-token'));
  await untilKind(client, 'open');
  expect(events).toEqual(['opened', 'auth-failed', 'opened']);
});

test.each([
  [
    'password',
    { mode: 'password', secret: secret('practice-pass') },
    { mode: 'password', password: 'practice-pass' },
  ],
  ['none', { mode: 'none' }, { mode: 'none' }],
] as const)('auth mode %s is accepted', async (_name, auth, config) => {
  const gateway = await practice({ auth: config });
  const result = await probeOnce(
    { url: `ws://127.0.0.1:${gateway.port}`, auth },
    { clock, prove: ours, timeoutMs: 5_000 },
  );
  expect(result).toMatchObject({
    refusal: null,
    rpc: { kind: 'ok' },
    hello: { version: '2026.9.6', protocol: 4 },
  });
  expect(result.hello?.sessionsPath).toContain(gateway.stateDir);
});

test('TLS with the gateway’s own certificate is accepted', async () => {
  const gateway = await practice({ tls: { enabled: true } });
  const target = { ...tokenTarget(gateway.port), url: `wss://127.0.0.1:${gateway.port}` };
  const result = await probeOnce(target, { clock, prove: ours, timeoutMs: 5_000 });
  expect(result.rpc.kind).toBe('ok');
});

test('no secret is sent to a listener that is not proven ours', async () => {
  const key = 'Sec-WebSocket-Key: ';
  const { createHash } = await import('node:crypto');
  const foreign = await stranger((socket) => {
    let head = '';
    socket.on('data', (chunk) => {
      head += chunk.toString('latin1');
      if (!head.includes('\r\n\r\n') || head.includes('answered')) return;
      const nonce = head.slice(head.indexOf(key) + key.length).split('\r\n')[0];
      head += 'answered';
      const accept = createHash('sha1')
        .update(`${nonce}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
        .digest('base64');
      const upgrade = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade';
      socket.write(`${upgrade}\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
      const challenge = JSON.stringify({
        type: 'event',
        event: 'connect.challenge',
        payload: { nonce: 'x' },
      });
      socket.write(Buffer.concat([Buffer.from([0x81, challenge.length]), Buffer.from(challenge)]));
    });
  });
  let asked = 0;
  const { client, events } = clientOf({
    prove: async () => {
      asked += 1;
      return { kind: 'not-ours', because: 'the listener is another program' };
    },
  });
  client.connect(tokenTarget(foreign.port, 'the-crown-jewels'));
  await until(() => asked > 0 && client.evidence().kind === 'not-tried', 'the proof was refused');
  expect(client.evidence()).toMatchObject({ because: 'the listener is another program' });
  const once = await probeOnce(tokenTarget(foreign.port, 'the-crown-jewels'), {
    clock,
    prove: () => Promise.reject(new Error('lsof is missing')),
    timeoutMs: 5_000,
  });
  expect(once.rpc).toMatchObject({ kind: 'not-tried', because: expect.stringContaining('lsof is missing') });
  expect(foreign.heard()).toContain('Upgrade: websocket');
  // The frames of a client are masked, so any message of ours would show as a frame head after the request's head.
  expect(foreign.heard().replaceAll(/GET[\s\S]*?\r\n\r\n/g, '')).toBe('');
  expect(foreign.heard().toLowerCase()).not.toContain('origin:');
  expect(events).toEqual([]);
});

test.each([
  ['garbage', /Invalid WebSocket frame|invalid opcode|RSV/i],
  ['huge', /payload size/i],
  ['not-json', /not a JSON frame/],
])(
  'a %s frame ends the connection with a clear reason and without filling our memory',
  async (what, reason) => {
    const gateway = await practice();
    const { client } = clientOf();
    client.connect(tokenTarget(gateway.port));
    await untilKind(client, 'open');
    const before = process.memoryUsage().rss;
    gateway.once({ do: 'frame', what });
    const closed = await untilKind(client, 'closed');
    expect(closed).toMatchObject({ wasOpen: true, reason: expect.stringMatching(reason) });
    expect(process.memoryUsage().rss - before).toBeLessThan(60_000_000);
    await untilKind(client, 'open');
  },
);

test.each<[string, (socket: Socket) => void, RegExp]>([
  ['says nothing', () => undefined, /timed out|greeting/],
  ['answers HTTP', (s) => s.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi'), /answered HTTP 200/],
  ['answers rubbish', (s) => s.end('SSH-2.0-OpenSSH_9.9\r\n'), /Parse Error|hang up/i],
  ['hangs up', (s) => s.destroy(), /hang up|ECONNRESET/],
])('a stranger that %s leaves a closed connection that never was open', async (_name, answer, reason) => {
  const foreign = await stranger(answer);
  const { client } = clientOf();
  client.connect(tokenTarget(foreign.port));
  const closed = await untilKind(client, 'closed');
  expect(closed).toMatchObject({ wasOpen: false, reason: expect.stringMatching(reason) });
});

test('a gateway still starting its sidecars is asked again and then accepts', async () => {
  const gateway = await practice({}, { standing: { sidecarsPending: true } });
  const { client, events } = clientOf();
  client.connect(tokenTarget(gateway.port));
  expect(await untilKind(client, 'closed')).toMatchObject({ code: 1013, wasOpen: false });
  gateway.standing({});
  await untilKind(client, 'open');
  expect(events).toEqual(['opened']);
});

test('an unusable address is a closed connection, not an exception', async () => {
  const { client } = clientOf();
  client.connect({ ...tokenTarget(1), url: 'ws://not a host:99999' });
  expect(await untilKind(client, 'closed')).toMatchObject({ wasOpen: false });
});

test('closing says goodbye and gives the reason', async () => {
  const gateway = await practice();
  const { client, events } = clientOf();
  client.connect(tokenTarget(gateway.port));
  await untilKind(client, 'open');
  client.close('there is no secret any more');
  expect(client.evidence()).toEqual({ kind: 'not-tried', because: 'there is no secret any more' });
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(events).toEqual(['opened']);
  expect(await client.request('health', {}, 1_000)).toMatchObject({ kind: 'failed' });
});
