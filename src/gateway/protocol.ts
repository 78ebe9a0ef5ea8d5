import { reveal, type Secret } from './secret.ts';

/** What we prove ourselves with. `none` is a mode of the gateway, not a missing secret. */
export type GatewayAuth =
  | { readonly mode: 'token'; readonly secret: Secret }
  | { readonly mode: 'password'; readonly secret: Secret }
  | { readonly mode: 'none' };

/** The facts of hello-ok a watchdog needs; fields older versions do not send are null. */
export interface HelloFacts {
  readonly protocol: number | null;
  readonly version: string | null;
  /** New at every boot (2026.9.6 and later). */
  readonly bootId: string | null;
  readonly uptimeMs: number | null;
  /** Anything but `accepting` means the host asked for a freeze: do nothing. */
  readonly suspension: string | null;
  /** A path inside the gateway's state directory: tells whose gateway this is. */
  readonly sessionsPath: string | null;
}

export type Frame =
  | { readonly kind: 'challenge' }
  | { readonly kind: 'event'; readonly event: string; readonly payload: unknown }
  | { readonly kind: 'response'; readonly id: string; readonly ok: true; readonly payload: unknown }
  | { readonly kind: 'response'; readonly id: string; readonly ok: false; readonly error: FrameError }
  | { readonly kind: 'other' };

export interface FrameError {
  readonly code: string;
  readonly message: string;
  readonly detailCode: string | null;
  readonly retryAfterMs: number | null;
}

/** Longest text of a stranger we repeat in our own words. */
const maxQuotedChars = 200;
export const quote = (text: string): string =>
  text.length > maxQuotedChars ? `${text.slice(0, maxQuotedChars)}…` : text;

const record = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
const text = (value: unknown): string | null => (typeof value === 'string' ? value : null);
const number = (value: unknown): number | null =>
  typeof value === 'number' && Number.isFinite(value) ? value : null;

/** One incoming text frame; null when it is not a JSON object at all. Unknown kinds are `other`, never an error. */
export function parseFrame(data: string): Frame | null {
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch {
    // Not JSON: no gateway speaks like this, the caller ends the connection.
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  const frame = record(value);
  if (frame['type'] === 'event') {
    const event = text(frame['event']);
    if (event === null) return { kind: 'other' };
    return event === 'connect.challenge'
      ? { kind: 'challenge' }
      : { kind: 'event', event, payload: frame['payload'] };
  }
  const id = text(frame['id']);
  if (frame['type'] !== 'res' || id === null) return { kind: 'other' };
  if (frame['ok'] === true) return { kind: 'response', id, ok: true, payload: frame['payload'] };
  const error = record(frame['error']);
  const details = record(error['details']);
  return {
    kind: 'response',
    id,
    ok: false,
    error: {
      code: text(error['code']) ?? 'UNKNOWN',
      message: quote(text(error['message']) ?? 'no message'),
      detailCode: text(details['code']) ?? text(details['reason']),
      retryAfterMs: number(error['retryAfterMs']) ?? number(details['retryAfterMs']),
    },
  };
}

/**
 * Who we say we are. A probe client is neither shown in presence nor logged. A gateway without authentication asks a
 * probe for a paired device all the same (measured on 2026.9.6), and takes a local backend client without one.
 */
const clientOf = (auth: GatewayAuth): { readonly id: string; readonly mode: string } =>
  auth.mode === 'none' ? { id: 'gateway-client', mode: 'backend' } : { id: 'openclaw-probe', mode: 'probe' };

/** The connect request: protocol 3 to 4 is the range all known versions accept, `operator.read` the least that reads. */
export function connectParams(auth: GatewayAuth, client: { version: string; platform: string }): unknown {
  const proof = auth.mode === 'none' ? {} : { auth: { [auth.mode]: reveal(auth.secret) } };
  return {
    minProtocol: 3,
    maxProtocol: 4,
    client: { ...clientOf(auth), version: client.version, platform: client.platform },
    role: 'operator',
    scopes: ['operator.read'],
    caps: [],
    ...proof,
  };
}

/** Reads hello-ok; null when the payload is something else. */
export function parseHello(payload: unknown): HelloFacts | null {
  const hello = record(payload);
  if (hello['type'] !== 'hello-ok') return null;
  const server = record(hello['server']);
  const snapshot = record(hello['snapshot']);
  return {
    protocol: number(hello['protocol']),
    version: text(server['version']),
    bootId: text(server['bootId']),
    uptimeMs: number(snapshot['uptimeMs']),
    suspension: text(record(snapshot['suspension'])['phase']),
    sessionsPath: text(record(record(snapshot['health'])['sessions'])['path']),
  };
}

export function parseShutdown(payload: unknown): { reason: string; restartExpectedMs: number | null } {
  const notice = record(payload);
  return {
    reason: quote(text(notice['reason']) ?? 'no reason given'),
    restartExpectedMs: number(notice['restartExpectedMs']),
  };
}

/** The payload of the `gateway.suspension` event. */
export const parseSuspension = (payload: unknown): string | null => text(record(payload)['phase']);

/** What a refused connect means. Everything here says that the gateway is alive. */
export type Refusal = 'auth-failed' | 'protocol-mismatch' | 'not-now';

export function classifyRefusal(error: FrameError): Refusal {
  const codes = [error.code, error.detailCode ?? ''];
  if (codes.includes('PROTOCOL_MISMATCH')) return 'protocol-mismatch';
  // Still starting its sidecars, or draining: it asks us to come back.
  if (codes.includes('UNAVAILABLE')) return 'not-now';
  const auth = codes.some((code) => /^(AUTH_|DEVICE_|NOT_PAIRED|PAIRING_|FORBIDDEN|UNAUTHORIZED)/.test(code));
  if (auth || /unauthorized|rate.?limit/i.test(error.message)) return 'auth-failed';
  // The words of our connect request are not accepted: this gateway speaks another protocol than we do.
  return 'protocol-mismatch';
}
