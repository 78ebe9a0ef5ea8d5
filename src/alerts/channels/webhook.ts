import { createHmac } from 'node:crypto';
import type { MessageKind } from '../http-kind.ts';

/**
 * JSON for a receiver of one's own. With a secret it is signed: HMAC-SHA256 over the second of sending, a dot and the
 * body, so that a receiver can tell a forged and an old one. Any 2xx is its word that it has it; what it says is not read.
 */
export const webhook: MessageKind = {
  secret: 'optional',
  example: 'https://example.com/openclaw',
  check: () => null,
  accepts: () => true,
  build: (message, { url, secret, now }) => {
    const body = JSON.stringify({
      version: 1,
      id: message.id,
      kind: message.kind,
      severity: message.severity,
      at: new Date(message.at).toISOString(),
      incident: message.incident,
      test: message.test,
      title: message.title,
      lines: message.lines,
      next: message.next,
    });
    return {
      method: 'POST',
      url,
      headers: {
        'Content-Type': 'application/json',
        // A header holds ASCII alone; the body has the id as it is.
        'X-Immune-Id': message.id.replace(/[^\x21-\x7e]/g, '_'),
        ...(secret === null
          ? {}
          : { 'X-Immune-Signature': sign(body, { secret, second: Math.floor(now / 1_000) }) }),
      },
      body,
    };
  },
};

function sign(
  body: string,
  { secret, second }: { readonly secret: string; readonly second: number },
): string {
  return `t=${second},v1=${createHmac('sha256', secret).update(`${second}.${body}`).digest('hex')}`;
}
