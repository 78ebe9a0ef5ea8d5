import type { AlertKind, Severity } from '../core/alert.ts';
import type { Instant } from '../core/time.ts';
import type { Message } from './channel.ts';
import { cut, cutBytes, plainLine, plainText } from './plain.ts';

/** A message after cleaning: every text is plain, without secrets, and bounded. Only these reach a channel. */
export interface SafeMessage {
  readonly id: string;
  readonly kind: AlertKind;
  readonly severity: Severity;
  readonly at: Instant;
  readonly incident: string | null;
  readonly title: string;
  readonly lines: readonly string[];
  readonly next: string;
  readonly test: boolean;
}

const titleLength = 80;
const maxLines = 24;
const lineLength = 300;
const nextLength = 300;
const nameLength = 64;
/** A reader must not take an exercise for an outage, whatever the text says. */
const testMark = 'TEST: ';

/**
 * In this order: secrets as they stand; then odd characters; then the secrets those had hidden (a colour in the middle of
 * a token); cutting comes last, for it would leave a secret's head.
 */
export function safeMessage(message: Message, redact: (text: string) => string): SafeMessage {
  const clean = (text: string): string => redact(plainText(redact(text)));
  const line = (text: string, most: number): string => plainLine(clean(text), most);
  const lines = clean(message.body.join('\n'))
    .split('\n')
    .map((each) => cut(each.trim(), lineLength))
    .filter((each) => each !== '');
  const title = line(message.title, titleLength);
  return {
    id: line(message.id, nameLength),
    kind: message.kind,
    severity: message.severity,
    at: message.at,
    incident: message.incident === null ? null : line(message.incident, nameLength),
    title: message.test ? `${testMark}${title}` : title,
    lines: lines.length <= maxLines ? lines : [...lines.slice(0, maxLines - 1), '…'],
    next: line(message.next, nextLength),
    test: message.test,
  };
}

/**
 * What stands under the title, within so many bytes. The command to type and the id come last and are never cut off:
 * the id lets a reader see that a second arrival is the same alert.
 */
export function bodyOf(message: SafeMessage, maxBytes: number): string {
  const about = message.incident === null ? '' : `, incident ${message.incident}`;
  const tail = [
    ...(message.next === '' ? [] : [`Next: ${message.next}`]),
    `(alert ${message.id}${about})`,
  ].join('\n');
  const head = cutBytes(message.lines.join('\n'), Math.max(0, maxBytes - Buffer.byteLength(tail) - 1));
  return cutBytes(head === '' ? tail : `${head}\n${tail}`, maxBytes);
}
