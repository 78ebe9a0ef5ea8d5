import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createHttpSend, type HttpReply } from '../../src/alerts/http-send.ts';
import { systemClock } from '../../src/system/clock.ts';
import { type Certificate, type Certificates, makeCertificates } from './support/certificates.ts';
import { never } from './support/ground.ts';
import { type Handler, type Served, serve } from './support/serve.ts';

let certificates: Certificates;
beforeAll(() => {
  certificates = makeCertificates();
});
const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function started(handler: Handler, tls?: Certificate): Promise<Served> {
  const served = await serve(handler, tls);
  closers.push(() => served.close());
  return served;
}

/** A server that speaks bytes, not HTTP. */
async function speaking(talk: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    talk(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/`;
}

const post = (
  url: string,
  options: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {},
): Promise<HttpReply> => {
  const { signal, ...rest } = options;
  const send = createHttpSend({ clock: systemClock(), ca: [certificates.ca], timeoutMs: 15_000, ...rest });
  return send({ method: 'POST', url: new URL(url), body: '{"x":1}' }, signal ?? never);
};

const failed = (because: RegExp, offline = false) => ({
  kind: 'failed',
  because: expect.stringMatching(because),
  offline,
});

describe('sending over HTTP', () => {
  it('sends the bytes with their length, under our name, over TLS that it checks', async () => {
    const served = await started(() => ({ status: 200, body: 'gut 🦞' }), certificates.good);
    expect(await post(`${served.origin}/a?b=c`)).toEqual({
      kind: 'answered',
      status: 200,
      body: 'gut 🦞',
      whole: true,
      retryAfterMs: null,
    });
    const [request] = served.requests;
    expect(request).toMatchObject({ method: 'POST', body: '{"x":1}' });
    expect(request?.headers).toMatchObject({ 'content-length': '7', 'user-agent': 'openclaw-immune' });
  });

  it.each([
    ['selfSigned', /certificate that can be trusted \(DEPTH_ZERO_SELF_SIGNED_CERT/],
    ['otherName', /certificate that can be trusted \(ERR_TLS_CERT_ALTNAME_INVALID/],
    ['expired', /certificate that can be trusted \(CERT_HAS_EXPIRED/],
  ] as const)('says nothing to a server whose certificate is %s', async (name, because) => {
    const served = await started(() => ({ status: 200 }), certificates[name]);
    expect(await post(served.origin)).toEqual(failed(because));
    expect(served.requests).toEqual([]);
  });

  it('checks certificates whatever the environment says', async () => {
    const served = await started(() => ({ status: 200 }), certificates.selfSigned);
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    try {
      expect(await post(served.origin)).toEqual(failed(/certificate/));
    } finally {
      delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    }
  });

  it('says in words that a server speaks no TLS', async () => {
    const served = await started(() => ({ status: 200 }));
    expect(await post(served.origin.replace('http:', 'https:'))).toEqual(
      failed(/127\.0\.0\.1:\d+ has no TLS/),
    );
  });

  it('follows no redirect, to no host', async () => {
    const target = await started(() => ({ status: 200 }));
    for (const status of [301, 302, 303, 307, 308]) {
      const served = await started(() => ({ status, headers: { Location: `${target.origin}/stolen` } }));
      expect(await post(served.origin)).toMatchObject({ kind: 'answered', status });
    }
    expect(target.requests).toEqual([]);
  });

  it('reads 64 KiB of a long answer and hangs up', async () => {
    let hungUp: () => void = () => undefined;
    const ended = new Promise<void>((resolve) => {
      hungUp = resolve;
    });
    const served = await started((_request, raw) => {
      raw.writeHead(200);
      raw.on('close', hungUp);
      const block = 'x'.repeat(65_536);
      let left = 160;
      const more = (): void => {
        while (left > 0 && !raw.destroyed) {
          left -= 1;
          if (!raw.write(block)) {
            raw.once('drain', more);
            return;
          }
        }
        raw.end();
      };
      more();
      return null;
    });
    const reply = await post(served.origin);
    expect(reply).toMatchObject({ kind: 'answered', status: 200, whole: false });
    expect(reply.kind === 'answered' && reply.body.length).toBe(65_536);
    await ended;
  });

  it('gives up on a server that takes the request and never answers', async () => {
    const served = await started(() => null);
    expect(await post(served.origin, { timeoutMs: 300 })).toEqual(failed(/did not answer within 300 ms/));
    expect(served.requests).toHaveLength(1);
  });

  it('gives up on one that says a letter now and then', async () => {
    const url = await speaking((socket) => {
      const timer = setInterval(() => socket.write('H'), 20);
      socket.on('close', () => clearInterval(timer));
    });
    expect((await post(url, { timeoutMs: 400 })).kind).toBe('failed');
  });

  it('does not wait for ever on one that answers with another protocol', async () => {
    const url = await speaking((socket) => {
      socket.once('data', () =>
        socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'),
      );
    });
    expect(await post(url)).toEqual(failed(/something that is not HTTP/));
  });

  it('knows the status of an answer that stops in the middle', async () => {
    const cut = await started((_request, raw) => {
      raw.writeHead(200, { 'Content-Length': '100' });
      raw.write('half');
      setTimeout(() => raw.destroy(), 50);
      return null;
    });
    expect(await post(cut.origin)).toMatchObject({
      kind: 'answered',
      status: 200,
      body: 'half',
      whole: false,
    });
    const stuck = await started((_request, raw) => {
      raw.writeHead(503);
      raw.write('half');
      return null;
    });
    const reply = await post(stuck.origin, { timeoutMs: 300 });
    expect(reply).toMatchObject({ kind: 'answered', status: 503, body: 'half', whole: false });
  });

  it.each([
    [
      'cuts the connection',
      (socket: Socket) => void socket.resetAndDestroy(),
      /cut the connection|cannot be reached/,
    ],
    ['hangs up without a word', (socket: Socket) => void socket.end(), /cut the connection/],
    [
      'speaks another language',
      (socket: Socket) => void socket.end('220 mail.example ESMTP\r\n'),
      /not HTTP/,
    ],
    [
      'has a head without end',
      (socket: Socket) =>
        void socket.write(`HTTP/1.1 200 OK\r\n${'X-A: bbbbbbbbbbbbbbbbbb\r\n'.repeat(4_000)}`),
      /too long/,
    ],
  ])('says in words that the other side %s', async (_what, talk, because) => {
    expect(await post(await speaking(talk))).toEqual(failed(because));
  });

  it('tells a name nobody knows and a port nobody listens on apart: the first may mean we are offline', async () => {
    const unknown = await post('https://no-such-host.invalid/path-with-a-token');
    expect(unknown).toEqual(failed(/^no-such-host\.invalid cannot be reached: .*offline/, true));
    expect(JSON.stringify(unknown)).not.toContain('path-with-a-token');
    const served = await serve(() => ({ status: 200 }));
    await served.close();
    expect(await post(served.origin)).toEqual(failed(/nothing listens there \(ECONNREFUSED\)/));
  });

  it('reads Retry-After as seconds and as a date, and waits for no longer than an hour', async () => {
    const given = [
      ['120', 120_000],
      ['0', 0],
      ['999999', 3_600_000],
      [new Date(Date.now() + 90_000).toUTCString(), 90_000],
      ['Wed, 21 Oct 2015 07:28:00 GMT', 0],
      ['soon', null],
      ['-5', null],
    ] as const;
    for (const [header, expected] of given) {
      const served = await started(() => ({ status: 429, headers: { 'Retry-After': header } }));
      const reply = await post(served.origin);
      const read = reply.kind === 'answered' ? reply.retryAfterMs : -1;
      if (expected === null || expected === 0 || expected === 3_600_000)
        expect([header, read]).toEqual([header, expected]);
      else expect(Math.abs((read ?? 0) - expected)).toBeLessThan(5_000);
    }
  });

  it('ends at once when it is called off', async () => {
    const served = await started(() => null);
    const abort = new AbortController();
    const sending = post(served.origin, { signal: abort.signal });
    setTimeout(() => abort.abort(), 50);
    expect(await sending).toEqual(failed(/broken off/));
    expect(await post(served.origin, { signal: AbortSignal.abort() })).toEqual(failed(/broken off/));
  });

  it('goes through no proxy of the environment', async () => {
    const proxy = await started(() => ({ status: 200, body: 'proxy' }));
    const served = await started(() => ({ status: 200, body: 'direct' }));
    const names = ['HTTP_PROXY', 'http_proxy', 'HTTPS_PROXY', 'ALL_PROXY', 'NODE_USE_ENV_PROXY'];
    for (const name of names) process.env[name] = name.startsWith('NODE') ? '1' : proxy.origin;
    try {
      expect(await post(served.origin)).toMatchObject({ body: 'direct' });
    } finally {
      for (const name of names) delete process.env[name];
    }
    expect(proxy.requests).toEqual([]);
  });
});
