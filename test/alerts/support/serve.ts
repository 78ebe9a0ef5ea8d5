import {
  createServer as createPlain,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createSecure } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Certificate } from './certificates.ts';

export interface Request {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

export interface Answer {
  readonly status: number;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Served {
  /** Without a slash at its end. */
  readonly origin: string;
  readonly host: string;
  readonly requests: Request[];
  close(): Promise<void>;
}

/** Has the raw response too, for those who answer as nobody should. Null when it has seen to the answer itself. */
export type Handler = (request: Request, raw: ServerResponse) => Answer | null;

/** A real HTTP server on loopback, with TLS when there is a certificate. */
export async function serve(handler: Handler, tls?: Certificate): Promise<Served> {
  const requests: Request[] = [];
  const sockets = new Set<Socket>();
  const listener = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const parts: Buffer[] = [];
    for await (const part of incoming) parts.push(part as Buffer);
    const request = {
      method: incoming.method ?? '',
      url: new URL(incoming.url ?? '/', 'http://here'),
      headers: incoming.headers,
      body: Buffer.concat(parts).toString('utf8'),
    };
    requests.push(request);
    const answer = handler(request, response);
    if (answer !== null) response.writeHead(answer.status, answer.headers).end(answer.body ?? '');
  };
  const server: Server =
    tls === undefined
      ? createPlain((incoming, response) => void listener(incoming, response))
      : createSecure(tls, (incoming, response) => void listener(incoming, response));
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    host,
    origin: `${tls === undefined ? 'http' : 'https'}://${host}`,
    requests,
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
