import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { WebSocket } from 'ws';

const probeTimeoutMs = 6_000;

export interface Target {
  readonly scheme: 'http' | 'https';
  readonly host: string;
  readonly port: number;
  /** False checks the certificate as a stranger would. */
  readonly trustAny?: boolean;
}

/** What GET /healthz answers there, as one short text. */
export function healthz(target: Target): Promise<string> {
  return new Promise((resolve) => {
    const ask = target.scheme === 'https' ? httpsRequest : httpRequest;
    const request = ask(
      {
        host: target.host,
        port: target.port,
        path: '/healthz',
        timeout: probeTimeoutMs,
        ...(target.scheme === 'https' ? { rejectUnauthorized: target.trustAny !== true } : {}),
      },
      (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (text: string) => {
          body = (body + text).slice(0, 500);
        });
        response.on('end', () => resolve(`${response.statusCode} ${body}`.slice(0, 120)));
      },
    );
    request.once('timeout', () => request.destroy(new Error('timeout')));
    request.once('error', (error: NodeJS.ErrnoException) =>
      resolve(`${error.code ?? ''} ${error.message}`.trim()),
    );
    request.end();
  });
}

/** How a probe-mode connect with these credentials ends there, as one short text. */
export function probeSocket(target: Target, auth: Readonly<Record<string, string>> | null): Promise<string> {
  const url = `${target.scheme === 'https' ? 'wss' : 'ws'}://${target.host}:${target.port}`;
  return new Promise((resolve) => {
    const socket = new WebSocket(url, {
      rejectUnauthorized: target.trustAny !== true,
      handshakeTimeout: probeTimeoutMs,
    });
    const timer = setTimeout(() => end('timeout'), probeTimeoutMs);
    let answer = '';
    const end = (text: string): void => {
      clearTimeout(timer);
      socket.terminate();
      resolve(text);
    };
    socket.on('message', (data) => {
      const frame = JSON.parse(String(data));
      if (frame.event === 'connect.challenge') {
        const client = { id: 'openclaw-probe', version: '1.0.0', platform: 'linux', mode: 'probe' };
        const params = {
          minProtocol: 3,
          maxProtocol: 4,
          client,
          role: 'operator',
          scopes: ['operator.read'],
          caps: [],
        };
        socket.send(
          JSON.stringify({
            type: 'req',
            id: '1',
            method: 'connect',
            params: auth === null ? params : { ...params, auth },
          }),
        );
      } else if (frame.type === 'res') {
        if (frame.ok) end(`hello-ok scopes=[${frame.payload?.auth?.scopes ?? ''}]`);
        else answer = `${frame.error?.details?.code ?? frame.error?.code}`;
      }
    });
    socket.once('close', (code, reason) => end(`${answer} close ${code} ${reason}`.trim().slice(0, 160)));
    socket.once('error', (error: NodeJS.ErrnoException) =>
      end(`${error.code ?? ''} ${error.message}`.trim()),
    );
  });
}
