import type { PingKind } from '../http-kind.ts';

/**
 * healthchecks.io and its self-hosted twin. It answers 200 even for a check it does not know, or when it is asked too
 * often; only the word OK alone means that the ping counts. Source: https://healthchecks.io/docs/http_api/
 */
export const healthchecks: PingKind = {
  secret: 'in-url',
  example: 'https://hc-ping.com/{secret}',
  check: () => null,
  accepts: (answer) => answer.body.trim() === 'OK',
  build: (ping, { url }) => {
    const target = new URL(url);
    if (ping === 'fail') target.pathname = `${target.pathname.replace(/\/+$/, '')}/fail`;
    return { method: 'POST', url: target };
  },
};
