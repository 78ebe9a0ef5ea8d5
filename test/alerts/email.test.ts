import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SMTPServerOptions } from 'smtp-server';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Channel, SendOutcome } from '../../src/alerts/channel.ts';
import { openChannels } from '../../src/alerts/channels.ts';
import { parseMailAddress } from '../../src/alerts/mail-address.ts';
import { type Certificates, makeCertificates } from './support/certificates.ts';
import { channelDeps, channelSettings, message, never } from './support/ground.ts';
import { type MailServer, mailPassword, mailUser, refusal, serveMail } from './support/mail-server.ts';

const dir = mkdtempSync(join(tmpdir(), 'immune-mail-'));
const secretFile = join(dir, 'password');
writeFileSync(secretFile, `${mailPassword}\n`, { mode: 0o600 });
afterAll(() => rmSync(dir, { recursive: true, force: true }));

let certificates: Certificates;
beforeAll(() => {
  certificates = makeCertificates();
});
const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function mailServer(
  options: SMTPServerOptions & { certificate?: Certificates['good'] },
): Promise<MailServer> {
  const server = await serveMail(options);
  closers.push(() => server.close());
  return server;
}

const people = 'from=immune@example.com&to=me@example.com,you@example.com';
const login = encodeURIComponent(mailUser);

function mailChannel(url: string, given: { secret?: string | null; timeoutMs?: number } = {}): Channel {
  const settings = channelSettings({
    kind: 'email',
    url,
    ...(given.secret === undefined ? { secretFile } : { secretEnv: given.secret === null ? null : 'SECRET' }),
  });
  const deps = channelDeps({
    env: { SECRET: given.secret ?? undefined },
    network: { ca: [certificates.ca], timeoutMs: given.timeoutMs ?? 15_000 },
  });
  const { channels, problems } = openChannels({ notification: false, channels: [settings] }, deps);
  expect(problems).toEqual([]);
  if (channels[0] === undefined) throw new Error('no channel was opened');
  return channels[0];
}

const later = (because: RegExp) => ({
  kind: 'later',
  because: expect.stringMatching(because),
  retryAfterMs: null,
});
const refused = (because: RegExp) => ({ kind: 'refused', because: expect.stringMatching(because) });

describe('an e-mail', () => {
  it('goes over TLS from the first byte, with a login, and reads as it was written', async () => {
    const server = await mailServer({ secure: true, certificate: certificates.good });
    const title = 'OpenClaw läuft nicht: config ungültig, seit 12 min 🦞 und noch einige Wörter mehr';
    const outcome = await mailChannel(`smtps://${login}@127.0.0.1:${server.port}/?${people}`).send(
      message({ title, body: ['Zeile eins: größer', '.', 'From me', 'x'.repeat(1_200)] }),
      never,
    );
    expect(outcome).toEqual({ kind: 'delivered', because: '127.0.0.1 has taken it' });
    const [mail] = server.mails;
    expect(mail).toMatchObject({
      from: 'immune@example.com',
      to: ['me@example.com', 'you@example.com'],
      secure: true,
      user: mailUser,
    });
    expect(mail?.headers.get('subject')).toBe([...title].slice(0, 80).join(''));
    expect(mail?.headers.get('content-type')).toMatch(/^text\/plain/);
    expect(mail?.headers.get('auto-submitted')).toBe('auto-generated');
    expect(mail?.headers.get('importance')).toBe('High');
    expect(mail?.text).toContain('Zeile eins: größer\n.\nFrom me\n');
    expect(mail?.text.trim().endsWith('Next: immune status\n(alert 812-0, incident i-812)')).toBe(true);
  });

  it('has the same Message-ID when it is sent again, and says when it happened', async () => {
    const server = await mailServer({ disabledCommands: ['AUTH', 'STARTTLS'] });
    const channel = mailChannel(`smtp://127.0.0.1:${server.port}/?${people}`, { secret: null });
    await channel.send(message(), never);
    await channel.send(message(), never);
    const [one, two] = server.mails;
    expect(one?.headers.get('message-id')).toBe(two?.headers.get('message-id'));
    expect(one?.headers.get('date')).toBe('Sun, 22 Nov 2026 03:14:00 +0000');
  });

  it('goes over STARTTLS, and says nothing at all where there is none', async () => {
    const url = (port: number): string => `smtp://${login}@127.0.0.1:${port}/?${people}&starttls=required`;
    const server = await mailServer({ certificate: certificates.good });
    expect((await mailChannel(url(server.port)).send(message(), never)).kind).toBe('delivered');
    expect(server.mails[0]).toMatchObject({ secure: true, user: mailUser });
    const bare = await mailServer({ disabledCommands: ['STARTTLS'] });
    expect(await mailChannel(url(bare.port)).send(message(), never)).toEqual(
      refused(/offers no STARTTLS.*smtps/),
    );
    expect([bare.mails, bare.passwords]).toEqual([[], []]);
  });

  it.each(['selfSigned', 'otherName', 'expired'] as const)(
    'says no password to a server whose certificate is %s, with either kind of TLS',
    async (name) => {
      const implicit = await mailServer({ secure: true, certificate: certificates[name] });
      const upgraded = await mailServer({ certificate: certificates[name] });
      const outcomes: SendOutcome[] = [
        await mailChannel(`smtps://${login}@127.0.0.1:${implicit.port}/?${people}`).send(message(), never),
        await mailChannel(`smtp://${login}@127.0.0.1:${upgraded.port}/?${people}&starttls=required`).send(
          message(),
          never,
        ),
      ];
      for (const outcome of outcomes) expect(outcome).toEqual(later(/certificate that can be trusted/));
      expect([...implicit.passwords, ...upgraded.passwords]).toEqual([]);
    },
  );

  it('is refused with a wrong password, which is not repeated even when the server does so', async () => {
    const server = await mailServer({ secure: true, certificate: certificates.good });
    const channel = mailChannel(`smtps://${login}@127.0.0.1:${server.port}/?${people}`, {
      secret: 'wrong but long',
    });
    const outcome = await channel.send(message(), never);
    expect(outcome).toEqual(refused(/answered: 535 5\.7\.8 bad credentials/));
    expect(server.passwords).toContain('wrong but long');
    expect(outcome.because).not.toContain('wrong but long');
    expect(server.mails).toEqual([]);
  });

  it.each([
    ['a mailbox that is busy', 'onRcptTo', 451, later(/answered: 451 try again/)],
    ['a mailbox that does not exist', 'onRcptTo', 550, refused(/answered: 550 try again/)],
    ['a sender it does not like', 'onMailFrom', 553, refused(/answered: 553/)],
    ['a day on which it has no time', 'onMailFrom', 421, later(/answered: 421/)],
  ] as const)('takes %s for what it is', async (_what, hook, code, expected) => {
    const server = await mailServer({
      [hook]: (_address: unknown, _session: unknown, done: (error: Error) => void) =>
        done(refusal(code, 'try again')),
    });
    const channel = mailChannel(`smtp://127.0.0.1:${server.port}/?${people}`, { secret: null });
    expect(await channel.send(message(), never)).toEqual(expected);
  });

  it.each([
    [452, later(/answered: 452/)],
    [554, refused(/answered: 554/)],
  ] as const)('takes a refusal of the whole text with %d for what it is', async (code, expected) => {
    const server = await mailServer({
      onData: (stream, _session, done) => {
        stream.resume();
        stream.on('end', () => done(refusal(code, 'no')));
      },
    });
    const channel = mailChannel(`smtp://127.0.0.1:${server.port}/?${people}`, { secret: null });
    expect(await channel.send(message(), never)).toEqual(expected);
  });

  it('is delivered when one of two may have it, and says so', async () => {
    const server = await mailServer({
      onRcptTo: ({ address }, _session, done) =>
        done(address.startsWith('you') ? refusal(550, 'no such user') : null),
    });
    const channel = mailChannel(`smtp://127.0.0.1:${server.port}/?${people}`, { secret: null });
    const because = '127.0.0.1 has taken it, but not for 1 of 2 recipients';
    expect(await channel.send(message(), never)).toEqual({ kind: 'delivered', because });
    expect(server.mails[0]?.to).toEqual(['me@example.com']);
  });

  it('is given up on for now when the server hangs before, within or after the mail', async () => {
    const silent = createServer(() => undefined).listen(0, '127.0.0.1');
    closers.push(() => void silent.close());
    await new Promise((resolve) => silent.once('listening', resolve));
    const address = silent.address();
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
    const stuck = await mailServer({ onData: (stream) => void stream.resume() });
    const slow = await mailServer({ onMailFrom: () => undefined });
    for (const at of [port, stuck.port, slow.port]) {
      const channel = mailChannel(`smtp://127.0.0.1:${at}/?${people}`, { secret: null, timeoutMs: 400 });
      expect(await channel.send(message(), never)).toEqual(later(/did not answer within 400 ms/));
    }
  });

  it('ends at once when it is called off', async () => {
    const stuck = await mailServer({ onData: (stream) => void stream.resume() });
    const channel = mailChannel(`smtp://127.0.0.1:${stuck.port}/?${people}`, { secret: null });
    const abort = new AbortController();
    setTimeout(() => abort.abort(), 100);
    expect(await channel.send(message(), abort.signal)).toEqual(later(/broken off/));
  });

  it('knows nobody who listens, and a name that nobody knows', async () => {
    const server = await serveMail({});
    await server.close();
    const gone = mailChannel(`smtp://127.0.0.1:${server.port}/?${people}`, { secret: null });
    expect(await gone.send(message(), never)).toEqual(later(/nothing listens there \(ECONNREFUSED\)/));
    const unknown = mailChannel(`smtps://${login}@no-such-host.invalid:465/?${people}`);
    expect(await unknown.send(message(), never)).toEqual({ ...later(/offline/), offline: true });
  });

  it('cannot be given headers, recipients or commands by the words of an alert', async () => {
    const server = await mailServer({ disabledCommands: ['AUTH', 'STARTTLS'] });
    const channel = mailChannel(`smtp://127.0.0.1:${server.port}/?${people}`, { secret: null });
    const hostile =
      'x\r\nBcc: evil@example.com\r\nContent-Type: text/html\r\n\r\n<b>hi</b>\r\n.\r\nRCPT TO:<evil@example.com>';
    const outcome = await channel.send(
      message({ title: hostile, body: [hostile], next: hostile, id: hostile, incident: hostile }),
      never,
    );
    expect(outcome.kind).toBe('delivered');
    expect(server.mails).toHaveLength(1);
    const [mail] = server.mails;
    expect(mail?.to).toEqual(['me@example.com', 'you@example.com']);
    expect(mail?.headers.has('bcc')).toBe(false);
    expect(mail?.headers.get('content-type')).toMatch(/^text\/plain/);
    expect(mail?.headers.get('subject')).toContain('x Bcc: evil@example.com Content-Type: text/html');
    expect(mail?.text).toContain('\nRCPT TO:<evil@example.com>\n');
  });
});

describe('the url of an e-mail channel', () => {
  it('may name people with a plus, as their mail programs do', () => {
    expect(parseMailAddress('smtps://h.example/?from=me+mac@b.c&to=me+alerts@b.c,you%2Bx@b.c')).toMatchObject(
      {
        address: { from: 'me+mac@b.c', to: ['me+alerts@b.c', 'you+x@b.c'] },
      },
    );
  });

  const problemOf = (url: string, secretEnv: string | null = 'SECRET'): string =>
    openChannels(
      { notification: false, channels: [channelSettings({ kind: 'email', url, secretEnv })] },
      channelDeps(),
    ).problems.join();

  it.each([
    ['https://example.com/', /must begin with smtps:\/\/ or smtp:\/\//],
    ['smtps://me:pw@smtp.example.com/?from=a@b.c&to=a@b.c', /holds a password/],
    ['smtps://me@smtp.example.com/?to=a@b.c', /must name the sender/],
    ['smtps://me@smtp.example.com/?from=a@b.c', /must name the recipients/],
    ['smtps://me@smtp.example.com/?from=a@b.c&to=a@b.c%0d%0aBcc:x@y.z', /must name the recipients/],
    ['smtps://me@smtp.example.com/?from=a@b.c&to=a@b.c,,', /must name the recipients/],
    ['smtps://me%0a@smtp.example.com/?from=a@b.c&to=a@b.c', /the user in its url/],
    ['smtp://me@smtp.example.com/?from=a@b.c&to=a@b.c&starttls=no', /starttls in its url/],
    ['smtps://smtp.example.com/?from=a@b.c&to=a@b.c', /names no user/],
  ])('%s is refused with a hint', (url, because) => {
    expect(problemOf(url)).toMatch(because);
  });

  it('is refused without a password for its user, and taken without either', () => {
    expect(problemOf('smtps://me@smtp.example.com/?from=a@b.c&to=a@b.c', null)).toMatch(
      /names a user, and no/,
    );
    expect(problemOf('smtp://localhost:25/?from=a@localhost&to=a@b.c', null)).toBe('');
    expect(problemOf('smtp://me@smtp.example.com/?from=a@b.c&to=a@b.c')).toBe('');
  });
});
