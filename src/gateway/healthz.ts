import type { HealthzEvidence, ReadinessEvidence } from '../core/evidence.ts';
import type { Clock, Instant } from '../core/time.ts';

// Not by `import`: that makes Node copy every export of the module, and reading http's loads its whole fetch and
// WebSocket implementation (measured: 12 MB of memory and 35 ms of processor time that nothing here uses).
const http = process.getBuiltinModule('node:http');
const https = process.getBuiltinModule('node:https');

export interface HttpProbe {
  healthz(): Promise<HealthzEvidence>;
  readyz(): Promise<ReadinessEvidence>;
  /** Lets go of the kept connection. */
  close(): void;
}

interface HttpProbeOptions {
  readonly clock: Clock;
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  readonly timeoutMs: number;
}

/** The real answers are 27 and about 360 bytes; whoever sends more than this is not a gateway, and we stop reading. */
const maxBodyBytes = 65_536;
/** Failing subsystems repeated in evidence. */
const maxFailing = 20;

type Answer =
  | { readonly kind: 'answer'; readonly status: number; readonly body: string; readonly latencyMs: number }
  | { readonly kind: 'too-long' }
  | { readonly kind: 'unfinished'; readonly status: number }
  | { readonly kind: 'timeout'; readonly sentAt: Instant }
  | { readonly kind: 'failed'; readonly code: string; readonly because: string; readonly reused: boolean };

/** Without a route, an address, or the permission (macOS's local network privacy says EHOSTUNREACH) nothing is proven. */
const unreachableCodes = new Set([
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'EHOSTDOWN',
  'ENETDOWN',
  'EACCES',
  'EPERM',
  'ENOTFOUND',
  'EAI_AGAIN',
]);
const resetCodes = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED']);

/**
 * Asks the gateway's HTTP probes over one kept connection: no login, no log line, 2 ms. Its certificate may be its
 * own (no secret is sent here, and a wrong body is told as foreign), so it is not verified.
 */
export function createHttpProbe(options: HttpProbeOptions): HttpProbe {
  const { clock, host, port, timeoutMs } = options;
  const keep = { keepAlive: true, maxSockets: 1, maxFreeSockets: 1 };
  const agent = options.tls ? new https.Agent({ ...keep, rejectUnauthorized: false }) : new http.Agent(keep);
  const client = options.tls ? https : http;

  const ask = (path: string): Promise<Answer> =>
    new Promise((resolve) => {
      const sentAt = clock.now();
      const began = clock.elapsed();
      const finish = (answer: Answer): void => {
        clearTimeout(deadline);
        request.destroy();
        resolve(answer);
      };
      const request = client.get({ host, port, path, agent, headers: { Accept: 'application/json' } });
      let status: number | null = null;
      const late = (): void =>
        finish(status === null ? { kind: 'timeout', sentAt } : { kind: 'unfinished', status });
      // One deadline for everything: a body that drips for ever must not count as an answer. When our own process was
      // held up, the answer may be waiting unread: one turn of the loop lets it in before the verdict.
      const deadline = setTimeout(() => setImmediate(late), timeoutMs);
      request.on('error', (error: NodeJS.ErrnoException) =>
        finish({
          kind: 'failed',
          code: error.code ?? '',
          because: error.message,
          reused: request.reusedSocket,
        }),
      );
      request.on('response', (response) => {
        status = response.statusCode ?? 0;
        const chunks: Buffer[] = [];
        let bytes = 0;
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > maxBodyBytes) finish({ kind: 'too-long' });
          else chunks.push(chunk);
        });
        response.on('end', () => {
          clearTimeout(deadline);
          const body = Buffer.concat(chunks).toString('utf8');
          const latencyMs = clock.elapsed() - began;
          resolve({ kind: 'answer', status: response.statusCode ?? 0, body, latencyMs });
        });
        response.on('error', (error: NodeJS.ErrnoException) =>
          finish({ kind: 'failed', code: error.code ?? '', because: error.message, reused: false }),
        );
      });
    });

  /** A kept connection the gateway closed while idle fails once without meaning anything: ask again on a new one. */
  const askTwice = async (path: string): Promise<Answer> => {
    const first = await ask(path);
    if (first.kind !== 'failed' || !first.reused) return first;
    return ask(path);
  };

  return {
    healthz: async () => healthzOf(await askTwice('/healthz')),
    readyz: async () => readinessOf(await askTwice('/readyz')),
    close: () => agent.destroy(),
  };
}

function parseObject(body: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    // Not JSON: the caller calls it foreign.
    return null;
  }
}

/** What a failed request proves, by its error code. */
export function failureOf(answer: { readonly code: string; readonly because: string }): HealthzEvidence {
  const because = answer.code === '' ? answer.because : `${answer.code}: ${answer.because}`;
  if (answer.code === 'ECONNREFUSED') return { kind: 'refused' };
  if (resetCodes.has(answer.code)) return { kind: 'reset', because };
  if (unreachableCodes.has(answer.code)) return { kind: 'unreachable', because };
  // The kernel gave up before our own deadline did.
  if (answer.code === 'ETIMEDOUT') return { kind: 'unreachable', because };
  // A TLS or HTTP parser that does not understand the peer: somebody answered, but not as a gateway does.
  if (answer.code.startsWith('HPE_') || answer.code.startsWith('ERR_SSL') || answer.code === 'EPROTO') {
    return { kind: 'foreign', because };
  }
  return { kind: 'error', because };
}

function healthzOf(answer: Answer): HealthzEvidence {
  switch (answer.kind) {
    case 'timeout':
      return { kind: 'timeout', sentAt: answer.sentAt };
    case 'too-long':
      return { kind: 'foreign', because: `the answer to /healthz is longer than ${maxBodyBytes} bytes` };
    // A gateway writes head and body in one piece: whoever begins and does not end is not one that hangs.
    case 'unfinished':
      return { kind: 'foreign', because: `/healthz answered ${answer.status} and never ended its answer` };
    case 'failed':
      return failureOf(answer);
    case 'answer': {
      const body = parseObject(answer.body);
      const live =
        answer.status === 200 &&
        body !== null &&
        Object.keys(body).length === 2 &&
        body['ok'] === true &&
        body['status'] === 'live';
      if (live) return { kind: 'live', latencyMs: answer.latencyMs };
      return {
        kind: 'foreign',
        because: `/healthz answered ${answer.status} with something other than a gateway's answer`,
      };
    }
    default:
      return answer satisfies never;
  }
}

function readinessOf(answer: Answer): ReadinessEvidence {
  switch (answer.kind) {
    case 'timeout':
      return { kind: 'unknown', because: '/readyz did not answer in time' };
    case 'too-long':
      return { kind: 'unknown', because: `the answer to /readyz is longer than ${maxBodyBytes} bytes` };
    case 'unfinished':
      return { kind: 'unknown', because: `/readyz answered ${answer.status} and never ended its answer` };
    case 'failed':
      return { kind: 'unknown', because: answer.because };
    case 'answer': {
      const body = parseObject(answer.body);
      if (answer.status === 200 && body?.['ready'] === true) return { kind: 'ready' };
      if (answer.status === 503 && body?.['ready'] === false) {
        const failing = Array.isArray(body['failing']) ? body['failing'] : [];
        return { kind: 'not-ready', failing: failing.slice(0, maxFailing).map(String) };
      }
      return {
        kind: 'unknown',
        because: `/readyz answered ${answer.status} with something other than a gateway's answer`,
      };
    }
    default:
      return answer satisfies never;
  }
}
