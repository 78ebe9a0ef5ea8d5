import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Channel, Message, Pinger, SendOutcome } from '../../src/alerts/channel.ts';
import { openChannels } from '../../src/alerts/channels.ts';
import { hideConfigValues } from '../../src/daemon/alert-hiding.ts';
import { type Certificates, makeCertificates } from './support/certificates.ts';
import { type ChannelSettings, channelDeps, channelSettings, message, never } from './support/ground.ts';
import { type Handler, type Served, serve } from './support/serve.ts';
import {
  discordService,
  healthchecksService,
  kumaService,
  ntfyService,
  type Service,
  slackService,
  telegramService,
  webhookService,
} from './support/services.ts';

const botToken = '123456789:AAF-bot_token-of-its-own-0123456789';
const discordPath = '998877665544332211/discord-Token_part-0123456789';
const slackPath = 'T0AAAAAAA/B0BBBBBBB/slackTokenPart0123456789';
const checkId = '0d338dcc-a054-11ec-b909-0242ac120002';

let certificates: Certificates;
const open: Served[] = [];
beforeAll(() => {
  certificates = makeCertificates();
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.close()));
});

async function started(handler: Handler): Promise<Served> {
  const served = await serve(handler, certificates.good);
  open.push(served);
  return served;
}

interface Case {
  readonly kind: ChannelSettings['kind'];
  readonly service: () => Service;
  /** After the origin. */
  readonly path: string;
  readonly secret: string | null;
}

const cases: readonly Case[] = [
  { kind: 'ntfy', service: () => ntfyService(null), path: '/my-topic', secret: null },
  {
    kind: 'telegram',
    service: () => telegramService(botToken, -1001234567890),
    path: '/?chat=-1001234567890',
    secret: botToken,
  },
  {
    kind: 'discord',
    service: () => discordService(discordPath),
    path: '/api/webhooks/{secret}',
    secret: discordPath,
  },
  { kind: 'slack', service: () => slackService(slackPath), path: '/services/{secret}', secret: slackPath },
  { kind: 'webhook', service: webhookService, path: '/in', secret: 'a-key-nobody-else-has' },
];

function only(
  settings: ChannelSettings,
  secret: string | null,
  onSecret?: (secret: string) => void,
): Channel {
  const deps = channelDeps({
    env: { SECRET: secret ?? undefined },
    network: { ca: [certificates.ca], timeoutMs: 10_000 },
  });
  const opened = openChannels(
    { notification: false, channels: [{ ...settings, secretEnv: secret === null ? null : 'SECRET' }] },
    { ...deps, onSecret: onSecret ?? deps.onSecret },
  );
  expect(opened.problems).toEqual([]);
  const [channel] = opened.channels;
  if (channel === undefined) throw new Error('no channel was opened');
  return channel;
}

async function sendTo(
  each: Case,
  what: Message,
): Promise<{ outcome: SendOutcome; service: Service; served: Served }> {
  const service = each.service();
  const served = await started(service.handler);
  const settings = channelSettings({ kind: each.kind, url: `${served.origin}${each.path}` });
  const outcome = await only(settings, each.secret).send(what, never);
  return { outcome, service, served };
}

describe.each(cases)('a channel of kind $kind', (each) => {
  it('delivers what happened, since when, what was done, and the next command', async () => {
    const { outcome, service, served } = await sendTo(each, message());
    expect(outcome).toEqual({ kind: 'delivered', because: expect.stringContaining(served.host) });
    expect(service.shown).toHaveLength(1);
    const [{ title, text, effects, loud } = { title: '', text: '', effects: ['none'], loud: false }] =
      service.shown;
    expect(effects).toEqual([]);
    expect(loud).toBe(true);
    const all = `${title ?? ''}\n${text}`;
    expect(all).toContain('OpenClaw is down and needs you');
    expect(all).toContain('Down since 03:02, for 12 min: its config is not valid.');
    expect(all).toContain('Next: immune status');
    if (each.kind !== 'webhook') expect(all).toContain('(alert 812-0, incident i-812)');
  });

  it('marks a test as one', async () => {
    const { service } = await sendTo(each, message({ test: true, kind: 'test', severity: 'info' }));
    const [{ title, text } = { title: '', text: '' }] = service.shown;
    expect(`${title ?? ''}${text}`).toMatch(/^TEST: /);
  });

  it.each([
    ['é@*<`', '_*`<'],
    ['"\\', '"'],
    ['🦞', '🦞'],
    ['&', '&'],
  ])('stays within what the service takes of %s, and keeps the command and the id', async (sign, head) => {
    const body = Array.from({ length: 200 }, (_, index) => `line ${index} ${sign.repeat(200)}`);
    const { outcome, service } = await sendTo(each, message({ title: head.repeat(100), body, test: true }));
    expect(outcome.kind).toBe('delivered');
    const [{ text } = { text: '' }] = service.shown;
    expect(text).toContain('Next: immune status');
    if (each.kind !== 'webhook') expect(text).toContain('(alert 812-0, incident i-812)');
  });

  it('is refused in words without the secret when the other side does not know us', async () => {
    const service = each.service();
    const served = await started(service.handler);
    const wrong = each.secret === null ? null : each.secret.replace(/.{4}$/, 'XXXX');
    const settings = channelSettings({ kind: each.kind, url: `${served.origin}${each.path}` });
    if (each.kind === 'webhook' || each.kind === 'ntfy') return;
    const outcome = await only(settings, wrong).send(message(), never);
    expect(outcome.kind).toBe('refused');
    expect(outcome.because).toMatch(/answered 40[134]/);
    expect(outcome.because).not.toContain(wrong);
  });

  it('takes an error, a "too many" and a page of somebody else for what they are', async () => {
    const answers: readonly (readonly [
      number,
      string,
      Readonly<Record<string, string>>,
      SendOutcome['kind'],
    ])[] = [
      [500, 'oops', {}, 'later'],
      [503, '', { 'Retry-After': '7' }, 'later'],
      [429, '{"retry_after": 0.25}', {}, 'later'],
      [429, '{"parameters":{"retry_after":30}}', {}, 'later'],
      [400, '<html>bad', {}, 'refused'],
      [302, '', { Location: 'https://elsewhere.example/' }, 'refused'],
      [200, '<html>Welcome to the hotel</html>', {}, each.kind === 'webhook' ? 'delivered' : 'refused'],
    ];
    let at = 0;
    const served = await started(() => {
      const [status, body, headers] = answers[at] ?? [500, '', {}];
      return { status, body, headers };
    });
    const settings = channelSettings({ kind: each.kind, url: `${served.origin}${each.path}` });
    const channel = only(settings, each.secret);
    const outcomes: SendOutcome[] = [];
    for (at = 0; at < answers.length; at += 1) outcomes.push(await channel.send(message(), never));
    expect(outcomes.map(({ kind }) => kind)).toEqual(answers.map(([, , , kind]) => kind));
    const waits = outcomes.map((outcome) => (outcome.kind === 'later' ? outcome.retryAfterMs : null));
    expect(waits.slice(0, 4)).toEqual([null, 7_000, 250, 30_000]);
    expect(served.requests).toHaveLength(answers.length);
    for (const { because } of outcomes) expect(because).not.toMatch(/hotel|html|elsewhere\.example/);
  });

  it('says what the operator wrote wrong before anything is sent', async () => {
    const { origin } = await started(() => ({ status: 200 }));
    const problemOf = (settings: Partial<ChannelSettings>): string => {
      const given = channelSettings({
        kind: each.kind,
        url: `${origin}${each.path}`,
        secretEnv: 'SECRET',
        ...settings,
      });
      const { problems, channels } = openChannels({ notification: false, channels: [given] }, channelDeps());
      expect(channels).toEqual([]);
      return problems.join();
    };
    expect(problemOf({ url: 'http://93.184.216.34/x' })).toContain('must begin with https://');
    expect(problemOf({ url: 'https://me:pw@example.com/x' })).toContain('secretFile');
    expect(problemOf({ url: 'not a url' })).toContain(
      `channel ${each.kind} is not used: its url cannot be read`,
    );
    expect(problemOf({ url: 'https://{secret}.example.com/' })).toContain('only after the host');
    if (each.secret !== null && each.kind !== 'webhook') {
      expect(problemOf({ secretEnv: null })).toMatch(/needs a secret/);
    }
  });
});

describe('ntfy', () => {
  it.each([
    ['tk_0123456789abcdef', 'Bearer tk_0123456789abcdef'],
    ['me:pass word', `Basic ${Buffer.from('me:pass word').toString('base64')}`],
  ])(
    'sends the secret %s as authorization, and every form of it is told to the redactor',
    async (secret, header) => {
      const service = ntfyService(header);
      const { origin } = await started(service.handler);
      const heard: string[] = [];
      const settings = channelSettings({ kind: 'ntfy', url: `${origin}/topic` });
      const outcome = await only(settings, secret, (each) => heard.push(each)).send(message(), never);
      expect(outcome.kind).toBe('delivered');
      expect(heard).toContain(secret);
      expect(heard).toContain(Buffer.from(secret).toString('base64'));
      const wrong = await only(settings, `${secret}!`).send(message(), never);
      expect(wrong).toEqual({ kind: 'refused', because: expect.stringContaining('unauthorized') });
    },
  );

  it('takes the topic from the secret, for who knows the topic can read it', async () => {
    const service = ntfyService(null);
    const { origin, requests } = await started(service.handler);
    const settings = channelSettings({ kind: 'ntfy', url: `${origin}/{secret}` });
    expect((await only(settings, 'hidden-topic-17').send(message(), never)).kind).toBe('delivered');
    expect(JSON.parse(requests[0]?.body ?? '').topic).toBe('hidden-topic-17');
    const odd = await only(settings, 'hidden topic').send(message(), never);
    expect(odd).toEqual({ kind: 'refused', because: expect.stringContaining('must end with the topic') });
  });
});

describe('telegram', () => {
  it("is not sent to by the gateway's own bot", async () => {
    const { origin, requests } = await started(telegramService(botToken, 7).handler);
    const settings = channelSettings({ kind: 'telegram', url: `${origin}/?chat=7`, secretEnv: 'SECRET' });
    const send = (gateways: string): Promise<SendOutcome> | undefined =>
      openChannels(
        { notification: false, channels: [settings] },
        channelDeps({
          env: { SECRET: botToken },
          network: { ca: [certificates.ca] },
          isGateways: (secret) => secret === gateways,
        }),
      ).channels[0]?.send(message(), never);
    expect(await send(botToken)).toEqual({
      kind: 'refused',
      because: expect.stringContaining("the gateway's own"),
    });
    expect(requests).toEqual([]);
    expect((await send('another'))?.kind).toBe('delivered');
  });
});

describe('a webhook', () => {
  const key = 'key with spaces, ünd more: 🔑';

  it('is signed so that openssl comes to the same result over the very bytes that arrived', async () => {
    const { origin, requests } = await started(webhookService().handler);
    const before = Math.floor(Date.now() / 1_000);
    const settings = channelSettings({ kind: 'webhook', url: `${origin}/in` });
    await only(settings, key).send(message({ title: 'Gröss 🦞' }), never);
    const [request] = requests;
    const [, second, signature] =
      /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(request?.headers['x-immune-signature'])) ?? [];
    expect(Number(second)).toBeGreaterThanOrEqual(before);
    expect(Number(second)).toBeLessThanOrEqual(Date.now() / 1_000);
    const args = ['dgst', '-sha256', '-mac', 'HMAC', '-macopt', `hexkey:${Buffer.from(key).toString('hex')}`];
    const theirs = execFileSync('openssl', args, { input: `${second}.${request?.body}`, encoding: 'utf8' });
    expect(theirs.trim().split(' ').at(-1)).toBe(signature);
    expect(request?.headers['x-immune-id']).toBe('812-0');
    expect(JSON.parse(request?.body ?? '')).toEqual({
      version: 1,
      id: '812-0',
      kind: 'exhausted',
      severity: 'critical',
      at: '2026-11-22T03:14:00.000Z',
      incident: 'i-812',
      test: false,
      title: 'Gröss 🦞',
      lines: message().body,
      next: 'immune status',
    });
  });

  it('has no line break in a header, whatever the id says, and no signature without a key', async () => {
    const { origin, requests } = await started(webhookService().handler);
    const settings = channelSettings({ kind: 'webhook', url: `${origin}/in` });
    await only(settings, null).send(message({ id: 'a\r\nX-Evil: 1\r\n\r\nböse' }), never);
    expect(requests).toHaveLength(1);
    expect(requests[0]?.headers['x-immune-id']).toBe('a_X-Evil:_1_b_se');
    expect(requests[0]?.headers['x-evil']).toBeUndefined();
    expect(requests[0]?.headers['x-immune-signature']).toBeUndefined();
  });
});

describe('a dead-man channel', () => {
  const pinger = (kind: 'healthchecks' | 'uptime-kuma', url: string, secret: string): Pinger => {
    const settings = channelSettings({ kind, url, secretEnv: 'SECRET' });
    const deps = channelDeps({ env: { SECRET: secret }, network: { ca: [certificates.ca] } });
    const { pingers, channels, problems } = openChannels({ notification: true, channels: [settings] }, deps);
    expect({ channels, problems }).toEqual({ channels: [], problems: [] });
    if (pingers[0] === undefined) throw new Error('no pinger was opened');
    return pingers[0];
  };

  it('pings healthchecks.io, says /fail, and takes its 200 for an unknown check as no success', async () => {
    const service = healthchecksService(checkId);
    const { origin } = await started(service.handler);
    const healthchecks = pinger('healthchecks', `${origin}/{secret}`, checkId);
    expect((await healthchecks.ping('alive', never)).kind).toBe('delivered');
    expect((await healthchecks.ping('fail', never)).kind).toBe('delivered');
    expect(service.pings).toEqual(['success', 'fail']);
    const unknown = await pinger('healthchecks', `${origin}/{secret}`, '0d338dcc-0000').ping('alive', never);
    expect(unknown).toEqual({ kind: 'refused', because: expect.stringContaining('OK (not found)') });
  });

  it('pushes to Uptime Kuma, with no words but its own', async () => {
    const service = kumaService('f4h2di3sfz');
    const { origin } = await started(service.handler);
    const kuma = pinger('uptime-kuma', `${origin}/api/push/{secret}?status=up&msg=OK&ping=`, 'f4h2di3sfz');
    expect((await kuma.ping('alive', never)).kind).toBe('delivered');
    expect((await kuma.ping('fail', never)).kind).toBe('delivered');
    expect(service.pings).toEqual(['up OK', 'down openclaw-immune needs you']);
    const paused = await pinger('uptime-kuma', `${origin}/api/push/{secret}`, 'other').ping('alive', never);
    expect(paused).toEqual({ kind: 'refused', because: expect.stringContaining('Monitor not found') });
  });
});

describe('the topic of a group on Telegram', () => {
  it.each(['abc', '0', '-1', ''])('is told when it is no number: %s', (thread) => {
    const url = `https://api.telegram.org/?chat=1&thread=${thread}`;
    const settings = channelSettings({ kind: 'telegram', url, secretEnv: 'S' });
    expect(
      openChannels({ notification: false, channels: [settings] }, channelDeps()).problems.join(),
    ).toMatch(/the thread in its url must be a number/);
  });
});

describe('what somebody put into the words of an alert', () => {
  const injections: readonly (readonly [string, string])[] = [
    ['Markdown', '**bold** _it_ ~~no~~ ||spoiler|| [pay here](https://evil.example) # head'],
    ['code that ends the block', '``` @everyone **x** ```\n```js\nx'],
    ['HTML', '<b>x</b><script>alert(1)</script><img src=x onerror=alert(1)> &lt;b&gt; &amp;'],
    ["Slack's own signs", '<!everyone> <!channel> <@U024BE7LH> <https://evil.example|your bank>'],
    ['mentions', '@everyone @here @channel @botfather /start #tag'],
    ['AppleScript', '" & (do shell script "touch /tmp/pwned") & "'],
    ['a terminal', '\u001b[31mred\u001b[0m \u001b]0;title\u0007 \u009b2J \u001bc'],
    ['a header', 'x\r\nBcc: all@example.com\r\n\r\nBody'],
    ['a reversal', 'safe \u202etxt.exe\u202c \u2066x\u2069 zero\u200bwidth \u{e0041}tag'],
    ['a lone half of a character', 'x\ud800y \udc00'],
  ];
  /** What may be left of it where a person reads: everything that can be seen, nothing that cannot. */
  const forbidden = /(?!\n)[\p{Cc}\p{Cf}\p{Cs}]/u;

  it.each(cases.flatMap((each) => injections.map(([what, text]) => ({ ...each, what, text }))))(
    'comes out inert on $kind: $what',
    async ({ text, ...each }) => {
      const { outcome, service, served } = await sendTo(
        each,
        message({ title: text, body: ['before', text, 'after'], next: text, id: text, incident: text }),
      );
      expect(outcome.kind).toBe('delivered');
      const [shown] = service.shown;
      expect(shown?.effects).toEqual([]);
      expect(shown?.text).not.toMatch(forbidden);
      expect(shown?.title ?? '').not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}]/u);
      expect(shown?.text).toContain('after');
      expect(served.requests[0]?.headers['bcc']).toBeUndefined();
      if (/^[\x20-\x7e]+$/.test(text)) {
        expect(shown?.text.replaceAll('\u02cb', '`')).toContain(`before\n${text}\nafter`);
      }
    },
  );
});

describe('two hundred planted secrets', () => {
  const dir = mkdtempSync(join(tmpdir(), 'immune-alerts-'));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));
  // What stands in the config and in the gateway's environment is a secret however it looks.
  const values = Array.from(
    { length: 80 },
    (_, index) => `config value ${index}: pläin/words+"${index * 7919}`,
  );
  const variables = Array.from({ length: 20 }, (_, index) => `variable-${index}-${index * 104729}`);
  const looks = Array.from({ length: 100 }, (_, index) => {
    const core = `${index}Q${(index * 2654435761).toString(36)}canary${index}`;
    const text = [
      `https://user:${core}@host/x`,
      `Authorization: Bearer ${core}AAAA`,
      `sk-${core}_xyz`,
      `ghp_${core}`,
      `eyJhbGciOiJI${index}.eyJ${core}.s${core}`,
      `wss://host/?token=${core}&x=1`,
    ][index % 6];
    return { text: `error: ${text} (code 1)`, canary: core };
  });
  const canaries = [...values, ...variables, ...looks.map(({ canary }) => canary)];
  // An odd character in the middle, as a terminal's colours put one there, hides no secret.
  const split = values.map((each, index) =>
    index % 2 === 0 ? each : `${each.slice(0, 9)}\u200b${each.slice(9)}`,
  );
  const lines = [...split, ...variables.map((each) => `env ${each}`), ...looks.map(({ text }) => text)];

  it.each(
    cases.flatMap((each) => [
      { ...each, config: 'that parses', tail: '}' },
      { ...each, config: 'that is broken', tail: ',,' },
    ]),
  )('are in nothing that is sent to $kind, with a config $config', async ({ tail, ...each }) => {
    expect(new Set(canaries).size).toBe(200);
    const configPath = join(dir, 'openclaw.json');
    writeFileSync(configPath, `{ "list": ${JSON.stringify(values, null, 1)} ${tail}`);
    const service = each.service();
    const served = await started(service.handler);
    const plain = channelDeps({
      env: { SECRET: each.secret ?? undefined },
      network: { ca: [certificates.ca] },
    });
    const env = Object.fromEntries(variables.map((value, index) => [`CUSTOM_${index}`, value]));
    const deps = {
      ...plain,
      redact: hideConfigValues({ redact: plain.redact, place: () => ({ configPath, env }) }).redact,
    };
    const settings = channelSettings({
      kind: each.kind,
      url: `${served.origin}${each.path}`,
      secretEnv: each.secret === null ? null : 'SECRET',
    });
    const channel = openChannels({ notification: false, channels: [settings] }, deps).channels[0];
    for (let at = 0; at < lines.length; at += 10) {
      const body = lines.slice(at, at + 10);
      const outcome = await channel?.send(
        message({ title: body[0] ?? '', body, next: body[1] ?? '' }),
        never,
      );
      expect(outcome?.kind).toBe('delivered');
    }
    const bodies = served.requests.map(({ body }) => body).join('\n');
    const seen = service.shown.map(({ title, text }) => `${title ?? ''}\n${text}`).join('\n');
    expect(canaries.filter((canary) => bodies.includes(canary) || seen.includes(canary))).toEqual([]);
    // All the words around them have arrived: nothing was merely left out.
    expect(seen.match(/error: /g)?.length).toBeGreaterThanOrEqual(100);
    if (each.secret !== null) expect(bodies).not.toContain(each.secret);
  });

  it('have parts that are ordinary words, and those are not taken out of a command', async () => {
    const service = ntfyService(`Basic ${Buffer.from('openclaw:immune-pass-1').toString('base64')}`);
    const { origin } = await started(service.handler);
    const heard: string[] = [];
    const settings = channelSettings({ kind: 'ntfy', url: `${origin}/t` });
    const deps = channelDeps({
      env: { SECRET: 'openclaw:immune-pass-1' },
      network: { ca: [certificates.ca] },
    });
    const onSecret = (secret: string): void => {
      heard.push(secret);
      deps.onSecret(secret);
    };
    const [channel] = openChannels(
      { notification: false, channels: [{ ...settings, secretEnv: 'SECRET' }] },
      { ...deps, onSecret },
    ).channels;
    await channel?.send(message({ next: 'openclaw doctor', body: ['it said immune-pass-1'] }), never);
    expect(service.shown[0]?.text).toContain('it said [redacted]\nNext: openclaw doctor');
    expect(heard).toContain('immune-pass-1');
    expect(heard).not.toContain('openclaw');
  });

  it('do not push what was hidden before out of mind, however many channels there are', async () => {
    const deps = channelDeps({
      network: { ca: [certificates.ca] },
      env: Object.fromEntries(
        Array.from({ length: 16 }, (_, index) => [
          `S${index}`,
          `use"r${index}:päss/${'0123456789'.repeat(2)}`,
        ]),
      ),
    });
    deps.onSecret('token-of-the-gateway');
    const served = await started(() => ({ status: 403 }));
    const { channels } = openChannels(
      {
        notification: false,
        channels: Array.from({ length: 16 }, (_, index) =>
          channelSettings({
            kind: 'ntfy',
            name: `c${index}`,
            url: `${served.origin}/t`,
            secretEnv: `S${index}`,
          }),
        ),
      },
      deps,
    );
    for (const channel of channels) expect((await channel.send(message(), never)).kind).toBe('refused');
    expect(deps.redact('a token-of-the-gateway b')).toBe('a [redacted] b');
  });

  it('are not repeated when the other side repeats them', async () => {
    for (const each of cases) {
      const { secret } = each;
      if (secret === null) continue;
      const served = await started((request) => ({
        status: 403,
        body: `no ${request.url.pathname} ${String(request.headers['x-immune-signature'])} ${secret} ${encodeURIComponent(secret)}`,
      }));
      const settings = channelSettings({ kind: each.kind, url: `${served.origin}${each.path}` });
      const { because } = await only(settings, secret).send(message(), never);
      expect(because).toContain('answered 403');
      for (const piece of secret.split(/[/:]/).filter((part) => part.length >= 8))
        expect(because).not.toContain(piece);
    }
  });
});
