import type { Answer, Handler, Request } from './serve.ts';

/** What a person sees of one message, and what the service would have done beside showing it. */
export interface Shown {
  readonly title: string | null;
  readonly text: string;
  /** Everybody who was called by name, every link made, every word made bold: all of it unwanted. */
  readonly effects: readonly string[];
  readonly loud: boolean;
}

export interface Service {
  readonly handler: Handler;
  readonly shown: Shown[];
}

type Json = Readonly<Record<string, unknown>>;

const json = (status: number, value: unknown): Answer => ({
  status,
  body: JSON.stringify(value),
  headers: { 'Content-Type': 'application/json' },
});

function parse(request: Request): Json | null {
  if (request.headers['content-type'] !== 'application/json') return null;
  try {
    return JSON.parse(request.body) as Json;
  } catch {
    // The answer to that is the service's own.
    return null;
  }
}

/** ntfy: JSON publishing at the root. https://docs.ntfy.sh/publish/#publish-as-json */
export function ntfyService(authorization: string | null): Service {
  const shown: Shown[] = [];
  const fail = (status: number, error: string): Answer =>
    json(status, { code: status * 100 + 1, http: status, error });
  const known = new Set(['topic', 'title', 'message', 'priority', 'tags', 'markdown']);
  return {
    shown,
    handler: (request) => {
      if (authorization !== null && request.headers['authorization'] !== authorization) {
        return fail(request.headers['authorization'] === undefined ? 403 : 401, 'unauthorized');
      }
      if (request.method !== 'POST' || request.url.pathname !== '/') return fail(404, 'page not found');
      // The whole of it may have twice the length of a message.
      if (Buffer.byteLength(request.body) > 8192) return fail(413, 'JSON body too large');
      const body = parse(request);
      if (body === null) return fail(400, 'invalid request: request body must be valid JSON');
      const { topic, title, message, priority, tags, markdown } = body;
      if (Object.keys(body).some((key) => !known.has(key))) return fail(400, 'unknown key');
      if (typeof topic !== 'string' || !/^[-_A-Za-z0-9]{1,64}$/.test(topic))
        return fail(400, 'invalid topic');
      if (typeof message !== 'string' || Buffer.byteLength(message) > 4096)
        return fail(413, 'message too large');
      if (typeof title !== 'string' || /[\r\n]/.test(title)) return fail(400, 'invalid title');
      if (!Number.isInteger(priority) || Number(priority) < 1 || Number(priority) > 5)
        return fail(400, 'invalid priority');
      if (!Array.isArray(tags) || !tags.every((tag) => typeof tag === 'string'))
        return fail(400, 'invalid tags');
      const effects = markdown === true ? ['markdown'] : [];
      shown.push({ title, text: message, effects, loud: Number(priority) === 5 });
      return json(200, {
        id: 'x1',
        time: 1,
        expires: 2,
        event: 'message',
        topic,
        title,
        message,
        priority,
        tags,
      });
    },
  };
}

/** Telegram's Bot API: sendMessage. https://core.telegram.org/bots/api#sendmessage */
export function telegramService(token: string, chat: number | string): Service {
  const shown: Shown[] = [];
  const fail = (status: number, description: string): Answer =>
    json(status, { ok: false, error_code: status, description });
  return {
    shown,
    handler: (request) => {
      const path = /^\/bot([^/]+)\/(\w+)$/.exec(request.url.pathname);
      if (path?.[1] !== token)
        return fail(path === null ? 404 : 401, path === null ? 'Not Found' : 'Unauthorized');
      if (path[2] !== 'sendMessage') return fail(404, 'Not Found');
      const body = parse(request) ?? {};
      if (body['chat_id'] !== chat) return fail(400, 'Bad Request: chat not found');
      const text = body['text'];
      if (typeof text !== 'string' || text.trim() === '')
        return fail(400, 'Bad Request: message text is empty');
      if (text.length > 4096) return fail(400, 'Bad Request: message is too long');
      const effects: string[] = [];
      if (body['parse_mode'] !== undefined) effects.push(`parsed as ${String(body['parse_mode'])}`);
      const entities = (body['entities'] ?? []) as readonly {
        type: string;
        offset: number;
        length: number;
      }[];
      let loose = text;
      for (const { type, offset, length } of entities) {
        if (offset + length > text.length) return fail(400, 'Bad Request: entity beyond the text');
        if (type !== 'pre' && type !== 'code') effects.push(type);
        else loose = `${loose.slice(0, offset)}${' '.repeat(length)}${loose.slice(offset + length)}`;
      }
      // Telegram finds these by itself in whatever is not preformatted.
      for (const found of loose.matchAll(/@\w{3,}|https?:\/\/\S+|\/\w+|#\w+/g)) effects.push(found[0]);
      shown.push({ title: null, text, effects, loud: body['disable_notification'] !== true });
      return json(200, { ok: true, result: { message_id: shown.length, chat: { id: chat }, text } });
    },
  };
}

/** Discord: execute a webhook. https://discord.com/developers/docs/resources/webhook#execute-webhook */
export function discordService(path: string): Service {
  const shown: Shown[] = [];
  return {
    shown,
    handler: (request) => {
      if (request.url.pathname !== `/api/webhooks/${path}`)
        return json(404, { message: 'Unknown Webhook', code: 10015 });
      const body = parse(request);
      const content = body?.['content'];
      if (typeof content !== 'string' || content === '' || [...content].length > 2000) {
        return json(400, { message: 'Invalid Form Body', code: 50035 });
      }
      const mentions = body?.['allowed_mentions'] as { readonly parse?: readonly string[] } | undefined;
      const { text, loose } = readMarkdown(content);
      const effects: string[] = [...loose.matchAll(/[*_~|`[\]<>#]|:\/\//g)].map(([found]) => found);
      if (mentions?.parse?.length !== 0) {
        for (const [found] of text.matchAll(/@everyone|@here/g)) effects.push(found);
      }
      shown.push({ title: null, text, effects, loud: true });
      if (request.url.searchParams.get('wait') !== 'true') return { status: 204 };
      return json(200, { id: '1', type: 0, content, channel_id: '2' });
    },
  };
}

/** Blocks of code are shown as they are, outside of them a backslash shows the sign after it; `loose` is the rest. */
function readMarkdown(content: string): { readonly text: string; readonly loose: string } {
  const loose: string[] = [];
  const text = content
    .split(/(```[\s\S]*?```)/)
    .map((part) => {
      if (part.startsWith('```')) return part.replace(/^```(?:[a-z]*\n)?/, '').replace(/\n?```$/, '');
      loose.push(part.replace(/\\[^0-9A-Za-z\s]/gu, ''));
      return part.replace(/\\([^0-9A-Za-z\s])/gu, '$1');
    })
    .join('');
  return { text, loose: loose.join('') };
}

/** Slack's incoming webhooks. https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks */
export function slackService(path: string): Service {
  const shown: Shown[] = [];
  const say = (status: number, body: string): Answer => ({
    status,
    body,
    headers: { 'Content-Type': 'text/html' },
  });
  return {
    shown,
    handler: (request) => {
      if (request.url.pathname !== `/services/${path}`) return say(404, 'no_service');
      const body = parse(request);
      if (body === null) return say(400, 'invalid_payload');
      const text = body['text'];
      if (typeof text !== 'string' || text === '') return say(400, 'no_text');
      const effects: string[] = [...text.matchAll(/<[^>]*>?/g)].map(([found]) => found);
      if (body['mrkdwn'] !== false) effects.push('mrkdwn');
      if (body['link_names'] !== false && body['link_names'] !== undefined) effects.push('link_names');
      const plain = text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
      shown.push({ title: null, text: plain, effects, loud: true });
      return say(200, 'ok');
    },
  };
}

/** A receiver of our own webhook, as somebody would write it who reads docs/alerts.md. */
export function webhookService(): Service {
  const shown: Shown[] = [];
  return {
    shown,
    handler: (request) => {
      const body = parse(request);
      if (request.method !== 'POST' || body?.['version'] !== 1) return { status: 400, body: 'not ours' };
      const lines = body['lines'] as readonly string[];
      shown.push({
        title: String(body['title']),
        text: [...lines, `Next: ${String(body['next'])}`].join('\n'),
        effects: [],
        loud: body['severity'] === 'critical',
      });
      return { status: 202 };
    },
  };
}

/** healthchecks.io: a check it does not know is answered with 200 too. https://healthchecks.io/docs/http_api/ */
export function healthchecksService(id: string): Service & { readonly pings: string[] } {
  const pings: string[] = [];
  return {
    shown: [],
    pings,
    handler: (request) => {
      if (!['GET', 'HEAD', 'POST'].includes(request.method)) return { status: 405 };
      const path = /^\/([0-9a-z-]+)(?:\/(fail|start|log|\d{1,3}))?$/.exec(request.url.pathname);
      if (path === null) return { status: 404, body: 'not found' };
      if (path[1] !== id) return { status: 200, body: 'OK (not found)' };
      pings.push(path[2] ?? 'success');
      return { status: 200, body: 'OK' };
    },
  };
}

/** Uptime Kuma's push monitor. */
export function kumaService(token: string): Service & { readonly pings: string[] } {
  const pings: string[] = [];
  return {
    shown: [],
    pings,
    handler: (request) => {
      if (request.method !== 'GET' || request.url.pathname !== `/api/push/${token}`) {
        return json(404, { ok: false, msg: 'Monitor not found or not active.' });
      }
      const { searchParams } = request.url;
      pings.push(`${searchParams.get('status') ?? 'up'} ${searchParams.get('msg') ?? 'OK'}`);
      return json(200, { ok: true });
    },
  };
}
