import { answerObject, type MessageKind } from '../http-kind.ts';
import { bodyOf } from '../safe-message.ts';

/** Discord takes 2000 characters; an escaped title may have twice its 86. */
const maxBytes = 1_700;
/** SUPPRESS_EMBEDS: no previews of whatever looks like a link. */
const noPreviews = 4;

/**
 * Markdown cannot be switched off: the title is escaped, and the body stands in a code block, in which nothing has a
 * meaning but the three backticks that end it. Nobody is mentioned, whatever the text says. With `wait` Discord answers
 * when the message is stored, not before. Source: https://discord.com/developers/docs/resources/webhook#execute-webhook
 */
export const discord: MessageKind = {
  secret: 'in-url',
  example: 'https://discord.com/api/webhooks/{secret}',
  check: () => null,
  accepts: (answer) => typeof answerObject(answer)['id'] === 'string',
  build: (message, { url }) => {
    const target = new URL(url);
    target.searchParams.set('wait', 'true');
    const title = message.title.replace(/[^\p{L}\p{N}\s.,'…]/gu, (sign) => `\\${sign}`);
    // U+02CB looks like a backtick and is none.
    const body = bodyOf(message, maxBytes).replaceAll('`', '\u02cb');
    return {
      method: 'POST',
      url: target,
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({
        content: `${title}\n\`\`\`\n${body}\n\`\`\``,
        allowed_mentions: { parse: [] },
        flags: noPreviews,
      }),
    };
  },
};
