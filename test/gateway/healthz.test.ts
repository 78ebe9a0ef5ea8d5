import { createServer, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { createHttpProbe, failureOf, type HttpProbe } from '../../src/gateway/healthz.ts';
import { startPracticeGateway } from '../practice-gateway/start.ts';
import { clock, until } from './helpers.ts';

const cleanUps: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

function probeOf(port: number, more: { host?: string; tls?: boolean; timeoutMs?: number } = {}): HttpProbe {
  const probe = createHttpProbe({ clock, host: '127.0.0.1', port, tls: false, timeoutMs: 400, ...more });
  cleanUps.push(probe.close);
  return probe;
}

async function practice(...args: Parameters<typeof startPracticeGateway>) {
  const gateway = await startPracticeGateway(...args);
  cleanUps.push(gateway.cleanUp);
  return gateway;
}

async function server(answer: (socket: Socket, nth: number) => void): Promise<number> {
  const sockets = new Set<Socket>();
  let count = 0;
  const listening = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    count += 1;
    const nth = count;
    socket.on('data', () => answer(socket, nth));
  });
  await new Promise<void>((done) => listening.listen(0, '127.0.0.1', done));
  cleanUps.push(() => {
    for (const socket of sockets) socket.destroy();
    listening.close();
  });
  return (listening.address() as { port: number }).port;
}

const http = (body: string, status = '200 OK'): string =>
  `HTTP/1.1 ${status}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

test('a gateway is live and ready', async () => {
  const gateway = await practice();
  const probe = probeOf(gateway.port, { timeoutMs: 5_000 });
  expect(await probe.healthz()).toMatchObject({ kind: 'live', latencyMs: expect.any(Number) });
  expect(await probe.readyz()).toEqual({ kind: 'ready' });
});

test('a gateway with TLS and its own certificate is live', async () => {
  const gateway = await practice({ tls: { enabled: true } });
  expect(await probeOf(gateway.port, { tls: true, timeoutMs: 5_000 }).healthz()).toMatchObject({
    kind: 'live',
  });
});

test('a 503 readiness names what fails and leaves liveness alone', async () => {
  const gateway = await practice({}, { standing: { readyFailing: ['telegram:main'] } });
  const probe = probeOf(gateway.port, { timeoutMs: 5_000 });
  expect(await probe.readyz()).toEqual({ kind: 'not-ready', failing: ['telegram:main'] });
  expect(await probe.healthz()).toMatchObject({ kind: 'live' });
});

test('a stopped gateway times out, though the kernel still accepts connections for it', async () => {
  const gateway = await practice();
  gateway.child.kill('SIGSTOP');
  const probe = probeOf(gateway.port);
  const began = clock.now();
  const evidence = await probe.healthz();
  expect(evidence.kind).toBe('timeout');
  // When it was asked, and not when nobody had answered.
  const [asked, waited] =
    evidence.kind === 'timeout' ? [evidence.sentAt - began, clock.now() - evidence.sentAt] : [];
  expect(asked).toBeGreaterThanOrEqual(0);
  expect(asked).toBeLessThan(waited ?? 0);
  expect(await probe.readyz()).toMatchObject({ kind: 'unknown' });
  gateway.child.kill('SIGCONT');
  await until(() => true, 'it goes on');
  expect(await probeOf(gateway.port, { timeoutMs: 10_000 }).healthz()).toMatchObject({ kind: 'live' });
});

test.each<[string, (socket: Socket) => void, string]>([
  ['another JSON', (s) => s.write(http('{"ok":true}')), 'foreign'],
  ['an extra key', (s) => s.write(http('{"ok":true,"status":"live","x":1}')), 'foreign'],
  ['the right body with a 500', (s) => s.write(http('{"ok":true,"status":"live"}', '500 No')), 'foreign'],
  ['an HTML page', (s) => s.write(http('<!doctype html>')), 'foreign'],
  ['something that is not HTTP', (s) => s.write('220 mail.example ESMTP\r\n'), 'foreign'],
  ['a body longer than any gateway sends', (s) => s.write(http('x'.repeat(200_000))), 'foreign'],
  ['a body that never ends', (s) => s.write('HTTP/1.1 200 OK\r\nContent-Length: 27\r\n\r\n{"ok"'), 'foreign'],
  ['nothing', () => undefined, 'timeout'],
  ['a reset', (s) => s.resetAndDestroy(), 'reset'],
  ['the right answer', (s) => s.write(http('{"ok":true,"status":"live"}')), 'live'],
])('a server that answers %s', async (_name, answer, kind) => {
  const port = await server(answer);
  expect((await probeOf(port, { timeoutMs: kind === 'timeout' ? 300 : 1_500 }).healthz()).kind).toBe(kind);
});

test('a body that drips without end is stopped by the deadline', async () => {
  const gateway = await practice({}, { standing: { healthz: 'endless' } });
  const probe = probeOf(gateway.port, { timeoutMs: 150 });
  expect(await probe.healthz()).toMatchObject({ kind: 'foreign' });
});

test('a kept connection the server closed while idle is tried once more on a new one', async () => {
  let asked = 0;
  const port = await server((socket, nth) => {
    asked += 1;
    // The second request comes on the kept connection, which is gone by then; a third one comes on a new one.
    if (nth === 1 && asked > 1) socket.resetAndDestroy();
    else socket.write(http('{"ok":true,"status":"live"}'));
  });
  const probe = probeOf(port, { timeoutMs: 5_000 });
  expect((await probe.healthz()).kind).toBe('live');
  expect((await probe.healthz()).kind).toBe('live');
  expect(asked).toBe(3);
});

test('nobody on the port is refused', async () => {
  const port = await server(() => undefined);
  cleanUps.pop()?.();
  expect(await probeOf(port).healthz()).toEqual({ kind: 'refused' });
});

test.each([
  ['ECONNREFUSED', 'refused'],
  ['EHOSTUNREACH', 'unreachable'],
  ['ENETUNREACH', 'unreachable'],
  ['EADDRNOTAVAIL', 'unreachable'],
  ['ETIMEDOUT', 'unreachable'],
  ['EPERM', 'unreachable'],
  ['ECONNRESET', 'reset'],
  ['HPE_INVALID_CONSTANT', 'foreign'],
  ['EMFILE', 'error'],
  ['ENOMEM', 'error'],
  ['', 'error'],
])('the error %s means %s', (code, kind) => {
  expect(failureOf({ code, because: 'why' }).kind).toBe(kind);
});
