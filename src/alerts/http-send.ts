import type { IncomingMessage, RequestOptions } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock } from '../core/time.ts';
import { explainFailure } from './network-words.ts';

export interface HttpRequest {
  readonly method: 'GET' | 'POST';
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface HttpAnswer {
  readonly kind: 'answered';
  readonly status: number;
  /** At most 64 KiB of it. */
  readonly body: string;
  /** Whether that is all the other side had to say. */
  readonly whole: boolean;
  readonly retryAfterMs: number | null;
}

export type HttpReply =
  | HttpAnswer
  | { readonly kind: 'failed'; readonly because: string; readonly offline: boolean };

/** One request, one answer. Never throws; redirects are answers like any other and never followed. */
export type HttpSend = (request: HttpRequest, signal: AbortSignal) => Promise<HttpReply>;

export interface HttpOptions {
  readonly clock: Clock;
  /** Certificates to trust instead of those Node brings. */
  readonly ca?: readonly string[];
  /** For everything from the lookup of the name to the end of the answer. */
  readonly timeoutMs?: number;
}

const defaultTimeoutMs = 20_000;
/** No service has more to say about one alert; the rest is not read, and the connection is closed. */
const maxBodyBytes = 65_536;
const maxHeaderBytes = 16_384;
/** Node's own 250 ms for each address of a name give up on slow lines before the first answer can be there. */
const addressAttemptMs = 3_000;
/** A service that names a longer time is asked again after this one: it is its word against an outage. */
const maxRetryAfterMs = 3_600_000;

export function createHttpSend(options: HttpOptions): HttpSend {
  const timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
  return async (request, signal) => {
    const deadline = AbortSignal.timeout(timeoutMs);
    const ends = AbortSignal.any([signal, deadline]);
    try {
      const response = await exchange(request, options, ends);
      return await readAnswer(response, options.clock);
    } catch (error) {
      if (signal.aborted) return { kind: 'failed', because: 'sending was broken off', offline: false };
      const late = deadline.aborted ? timeoutMs : null;
      return { kind: 'failed', ...explainFailure(error, { host: request.url.host, late }) };
    }
  };
}

async function exchange(
  request: HttpRequest,
  options: HttpOptions,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  // Loaded when there is something to send: who has no channels does not pay for TLS in memory.
  const secure = request.url.protocol === 'https:';
  const { request: open, Agent } = secure ? await import('node:https') : await import('node:http');
  const body = request.body === undefined ? undefined : Buffer.from(request.body);
  const settings: RequestOptions & Record<string, unknown> = {
    method: request.method,
    // An agent of its own: no pooled socket that died while the machine slept, and no proxy out of the environment.
    agent: new Agent({ keepAlive: false }),
    signal,
    maxHeaderSize: maxHeaderBytes,
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: addressAttemptMs,
    // Said here, so that NODE_TLS_REJECT_UNAUTHORIZED=0 in the environment changes nothing.
    ...(secure ? { rejectUnauthorized: true, minVersion: 'TLSv1.2' } : {}),
    ...(secure && options.ca !== undefined ? { ca: [...options.ca] } : {}),
    headers: {
      'User-Agent': 'openclaw-immune',
      Accept: '*/*',
      ...request.headers,
      ...(body === undefined ? {} : { 'Content-Length': String(body.length) }),
    },
  };
  return new Promise((resolve, reject) => {
    const call = open(request.url, settings, resolve);
    call.on('error', reject);
    // Without these two a server that changes the protocol unasked would be waited for past every deadline.
    call.on('upgrade', (_response, socket: Duplex) => {
      socket.destroy();
      reject(Object.assign(new Error('the protocol was changed'), { code: 'HPE_UPGRADE' }));
    });
    call.on('close', () =>
      reject(Object.assign(new Error('closed without an answer'), { code: 'ECONNRESET' })),
    );
    call.end(body);
  });
}

/** A status is an answer, even when the text after it never ends: `whole` tells. */
function readAnswer(response: IncomingMessage, clock: Clock): Promise<HttpAnswer> {
  const parts: Buffer[] = [];
  let bytes = 0;
  return new Promise((resolve) => {
    const finish = (whole: boolean): void => {
      resolve({
        kind: 'answered',
        status: response.statusCode ?? 0,
        body: Buffer.concat(parts).toString('utf8'),
        whole,
        retryAfterMs: retryAfter(response.headers['retry-after'], clock),
      });
      response.destroy();
    };
    response.on('data', (part: Buffer) => {
      const room = maxBodyBytes - bytes;
      parts.push(part.subarray(0, room));
      bytes += Math.min(part.length, room);
      if (part.length > room) finish(false);
    });
    response.on('end', () => finish(response.complete));
    // The status has arrived; a connection that broke or grew too old after it takes nothing away from that.
    response.on('error', () => finish(false));
    response.on('close', () => finish(false));
  });
}

/** Seconds, or a date; null when the header is absent or says neither. */
function retryAfter(header: string | undefined, clock: Clock): number | null {
  if (header === undefined) return null;
  const text = header.trim();
  if (/^\d{1,10}$/.test(text)) return boundRetry(Number(text) * 1_000);
  // A date begins with a day's name; JavaScript would read one out of many a thing besides.
  const at = /^[A-Z][a-z]{2,8}, /.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? null : boundRetry(at - clock.now());
}

/** Also for the times some services name inside their answer. */
export const boundRetry = (length: number): number =>
  Math.min(Math.max(0, Math.ceil(length)), maxRetryAfterMs);
