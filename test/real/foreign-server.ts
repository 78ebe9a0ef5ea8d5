import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocketServer } from 'ws';

/** A dying gateway lets go of its port within a second or two. */
const bindTries = 400;
const bindEveryMs = 25;

/**
 * Somebody else on the gateway's port who plays a gateway as well as can be: the very /healthz, a challenge, a yes to
 * everything. It keeps all it is sent, headers too.
 */
export async function impersonate(port: number) {
  const recorded: string[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (text: string) => {
      body += text;
    });
    request.on('end', () => {
      recorded.push(`${request.method} ${request.url} ${JSON.stringify(request.rawHeaders)} ${body}`);
      const live = request.url === '/healthz' ? { ok: true, status: 'live' } : { ok: true, ready: true };
      response.writeHead(200, { 'content-type': 'application/json; charset=utf-8' });
      response.end(JSON.stringify(live));
    });
  });
  const sockets = new WebSocketServer({ server });
  sockets.on('error', () => undefined);
  sockets.on('connection', (socket, request) => {
    recorded.push(`UPGRADE ${request.url} ${JSON.stringify(request.rawHeaders)}`);
    socket.on('error', () => undefined);
    socket.on('message', (data) => {
      const text = String(data);
      recorded.push(`FRAME ${text}`);
      socket.send(
        JSON.stringify({ type: 'res', id: idOf(text), ok: true, payload: { type: 'hello-ok', protocol: 4 } }),
      );
    });
    socket.send(
      JSON.stringify({
        type: 'event',
        event: 'connect.challenge',
        payload: { nonce: 'nonce', ts: Date.now() },
      }),
    );
  });
  for (let left = bindTries; ; left -= 1) {
    const failure = await bind(server, port);
    if (failure === null) break;
    if (left <= 0) throw failure;
    await sleep(bindEveryMs);
  }
  return {
    recorded: (): readonly string[] => recorded,
    async stop(): Promise<void> {
      for (const socket of sockets.clients) socket.terminate();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function bind(server: ReturnType<typeof createServer>, port: number): Promise<Error | null> {
  return new Promise((resolve) => {
    const failed = (error: Error): void => {
      server.off('listening', listening);
      resolve(error);
    };
    const listening = (): void => {
      server.off('error', failed);
      resolve(null);
    };
    server.once('error', failed);
    server.once('listening', listening);
    server.listen(port, '127.0.0.1');
  });
}

function idOf(text: string): unknown {
  try {
    return (JSON.parse(text) as { id?: unknown }).id ?? null;
  } catch {
    // Whatever was sent is recorded; only a request wants its id back.
    return null;
  }
}
