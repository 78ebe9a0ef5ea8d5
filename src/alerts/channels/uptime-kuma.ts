import { answerObject, type PingKind } from '../http-kind.ts';

/** A push monitor of Uptime Kuma. Its words are ours alone: no text of an incident stands in a url. */
export const uptimeKuma: PingKind = {
  secret: 'in-url',
  example: 'https://kuma.example.com/api/push/{secret}',
  check: () => null,
  accepts: (answer) => answerObject(answer)['ok'] === true,
  build: (ping, { url }) => {
    const target = new URL(url);
    target.search = '';
    target.searchParams.set('status', ping === 'alive' ? 'up' : 'down');
    target.searchParams.set('msg', ping === 'alive' ? 'OK' : 'openclaw-immune needs you');
    return { method: 'GET', url: target };
  },
};
