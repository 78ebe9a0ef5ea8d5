import { answerObject, type MessageKind } from '../http-kind.ts';
import { bodyOf } from '../safe-message.ts';

/** Slack's own advice for one text; three characters of ours may become five of its. */
const maxBytes = 3_000;

/**
 * `&`, `<` and `>` are the only signs that mean something to Slack once mrkdwn is off: escaped, no mention and no
 * disguised link can be made. Source: https://docs.slack.dev/messaging/formatting-message-text#escaping
 */
export const slack: MessageKind = {
  secret: 'in-url',
  example: 'https://hooks.slack.com/services/{secret}',
  check: () => null,
  // A workflow's webhook says it in JSON.
  accepts: (answer) => answer.body.trim() === 'ok' || answerObject(answer)['ok'] === true,
  build: (message, { url }) => ({
    method: 'POST',
    url,
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({
      text: escaped(`${message.title}\n${bodyOf(message, maxBytes)}`),
      mrkdwn: false,
      parse: 'none',
      link_names: false,
      unfurl_links: false,
      unfurl_media: false,
    }),
  }),
};

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
