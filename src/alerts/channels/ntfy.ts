import type { Severity } from '../../core/alert.ts';
import { answerObject, type MessageKind } from '../http-kind.ts';
import { bodyOf } from '../safe-message.ts';

/**
 * Beyond 4096 bytes ntfy makes a file of the message, which no lock screen shows; and it takes 8192 bytes of JSON, in
 * which each quote has two.
 */
const maxBytes = 3_800;

/** 5 rings through "do not disturb" where the phone allows it. */
const priorities: Readonly<Record<Severity, number>> = { critical: 5, warning: 4, info: 3 };
/** Names ntfy shows as pictures. */
const tags: Readonly<Record<Severity, string>> = {
  critical: 'rotating_light',
  warning: 'warning',
  info: 'white_check_mark',
};

/**
 * ntfy's JSON publishing: the topic is in the body, so that no text of an alert stands in a header. Markdown is off
 * unless asked for. Source: https://docs.ntfy.sh/publish/#publish-as-json
 */
export const ntfy: MessageKind = {
  secret: 'optional',
  example: 'https://ntfy.sh/your-topic',
  check: ({ pathname }) =>
    /\/[-_A-Za-z0-9]{1,64}$/.test(pathname)
      ? null
      : 'its url must end with the topic: letters, digits, - and _',
  accepts: (answer) => answerObject(answer)['event'] === 'message',
  build: (message, { url, secret }) => {
    const at = url.pathname.lastIndexOf('/');
    const authorization = authorize(secret);
    if (authorization === null) {
      return { kind: 'problem', because: 'its secret is neither an access token nor user:password' };
    }
    return {
      method: 'POST',
      url: new URL(url.pathname.slice(0, at + 1), url),
      headers: { 'Content-Type': 'application/json', ...authorization },
      body: JSON.stringify({
        topic: url.pathname.slice(at + 1),
        title: message.title,
        message: bodyOf(message, maxBytes),
        priority: priorities[message.severity],
        tags: [tags[message.severity]],
      }),
    };
  },
};

function authorize(secret: string | null): Readonly<Record<string, string>> | null {
  if (secret === null) return {};
  if (secret.includes(':')) return { Authorization: `Basic ${Buffer.from(secret).toString('base64')}` };
  return /^[\x21-\x7e]+$/.test(secret) ? { Authorization: `Bearer ${secret}` } : null;
}
