import type { Instant } from '../core/time.ts';
import type { SendOutcome } from './channel.ts';
import { boundRetry, type HttpAnswer, type HttpReply, type HttpRequest } from './http-send.ts';
import { plainLine } from './plain.ts';
import type { SafeMessage } from './safe-message.ts';

/** What a request is made of: the address with the secret already in it, where it has a place there. */
export interface Ground {
  readonly url: URL;
  /** Null when none is named, or when its place is the url. */
  readonly secret: string | null;
  readonly now: Instant;
}

/** A request, or why none can be made of what the operator wrote. */
export type Built = HttpRequest | { readonly kind: 'problem'; readonly because: string };

interface Kind {
  /** Where its secret must be, or whether it may go without. */
  readonly secret: 'in-url' | 'beside' | 'optional';
  /** What the gateway uses must not be used here: the two would take each other's messages. */
  readonly own?: true;
  /** How its url looks, for the one who wrote it otherwise. */
  readonly example: string;
  /** What else its url must hold; null when it does. */
  check(url: URL): string | null;
  /** Whether a 2xx is the service's own "I have it". */
  accepts(answer: HttpAnswer): boolean;
}

/** One service that takes messages over HTTP: pure, so that everything about it can be read in one small file. */
export interface MessageKind extends Kind {
  build(message: SafeMessage, ground: Ground): Built;
}

/** One that wants to hear from us at regular times. */
export interface PingKind extends Kind {
  build(ping: 'alive' | 'fail', ground: Ground): Built;
}

const quoteLength = 160;

/** 408, 425 and 429 are "not now"; whatever else is wrong with a request stays wrong until somebody changes it. */
const notNow: ReadonlySet<number> = new Set([408, 425, 429]);

/** What the other side's answer means for the message. `host` is named in the words, the rest of the url never is. */
export function judge(
  reply: HttpReply,
  { kind, host }: { readonly kind: Pick<Kind, 'accepts'>; readonly host: string },
): SendOutcome {
  if (reply.kind === 'failed') {
    return {
      kind: 'later',
      because: reply.because,
      retryAfterMs: null,
      ...(reply.offline ? { offline: true } : {}),
    };
  }
  const { status } = reply;
  if (status >= 200 && status < 300) {
    if (kind.accepts(reply)) return { kind: 'delivered', because: `${host} has taken it (${status})` };
    const because = `${host} answered ${status}, but not as the service does`;
    if (reply.whole) return { kind: 'refused', because: `${because}${quote(reply)}` };
    return { kind: 'later', because: `${because}: too long, or broken off`, retryAfterMs: null };
  }
  if (status >= 300 && status < 400) {
    return {
      kind: 'refused',
      because: `${host} answered ${status}: it sends us elsewhere, and no redirect is followed; write the final url`,
    };
  }
  const because = `${host} answered ${status}${quote(reply)}`;
  if (notNow.has(status) || status >= 500 || status < 200) {
    return { kind: 'later', because, retryAfterMs: reply.retryAfterMs ?? namedRetry(reply) };
  }
  return { kind: 'refused', because };
}

/** The JSON object an answer holds; empty when it holds none. */
export function answerObject(answer: HttpAnswer): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(answer.body);
    return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
  } catch {
    // An answer that is not JSON is a case like any other: a proxy's page, a word in plain text.
    return {};
  }
}

/** Telegram and Discord name the time in their answer, in seconds. */
function namedRetry(answer: HttpAnswer): number | null {
  const object = answerObject(answer);
  const parameters = object['parameters'] as { readonly retry_after?: unknown } | null | undefined;
  const named = object['retry_after'] ?? parameters?.retry_after;
  return typeof named === 'number' && Number.isFinite(named) ? boundRetry(named * 1_000) : null;
}

/** What it says about itself, in a few words. Pages for a browser say nothing to an operator. */
function quote(answer: HttpAnswer): string {
  const object = answerObject(answer);
  const named = [object['description'], object['message'], object['error'], object['msg']].find(
    (each) => typeof each === 'string',
  );
  const text = plainLine(typeof named === 'string' ? named : answer.body, quoteLength);
  return text === '' || text.startsWith('<') ? '' : `: ${text}`;
}
