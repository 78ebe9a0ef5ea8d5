import { answerObject, type MessageKind } from '../http-kind.ts';
import { bodyOf } from '../safe-message.ts';

/** Telegram takes 4096 characters. */
const maxBytes = 3_800;
const tokenPattern = /^\d{3,20}:[A-Za-z0-9_-]{10,128}$/;
const chatPattern = /^(?:-?\d{1,20}|@[A-Za-z][A-Za-z0-9_]{3,63})$/;

/**
 * A bot of its own, never the gateway's: two readers of one bot take each other's messages. No parse_mode, so nothing in
 * the text is markup; and the body is marked as preformatted, in which Telegram looks for no mentions and no links.
 * Source: https://core.telegram.org/bots/api#sendmessage
 */
export const telegram: MessageKind = {
  secret: 'beside',
  own: true,
  example: 'https://api.telegram.org/?chat=123456789',
  check: ({ searchParams }) => {
    if (!chatPattern.test(searchParams.get('chat') ?? '')) {
      return 'its url must name the chat: ?chat=123456789 (a number, or @channel)';
    }
    return /^[1-9]\d{0,14}$/.test(searchParams.get('thread') ?? '1')
      ? null
      : 'the thread in its url must be a number: &thread=7';
  },
  accepts: (answer) => answerObject(answer)['ok'] === true,
  build: (message, { url, secret }) => {
    if (secret === null || !tokenPattern.test(secret)) {
      return { kind: 'problem', because: "its secret is not a bot's token, such as 123456:ABC…" };
    }
    const chat = url.searchParams.get('chat') ?? '';
    const thread = url.searchParams.get('thread');
    const text = `${message.title}\n${bodyOf(message, maxBytes)}`;
    return {
      method: 'POST',
      url: new URL(`/bot${secret}/sendMessage`, url),
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({
        chat_id: chat.startsWith('@') ? chat : Number(chat),
        ...(thread === null ? {} : { message_thread_id: Number(thread) }),
        text,
        // Lengths are counted in UTF-16 units, as those of a JavaScript string are.
        entities: [{ type: 'pre', offset: 0, length: text.length }],
        link_preview_options: { is_disabled: true },
        disable_notification: message.severity === 'info',
      }),
    };
  },
};
