import type { AddressInfo } from 'node:net';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import type { Certificate } from './certificates.ts';

export interface Mail {
  readonly raw: string;
  /** Names in lower case; encoded words decoded. */
  readonly headers: ReadonlyMap<string, string>;
  readonly text: string;
  /** The envelope, which is what counts. */
  readonly from: string;
  readonly to: readonly string[];
  readonly secure: boolean;
  readonly user: string | null;
}

export interface MailServer {
  readonly port: number;
  readonly mails: Mail[];
  /** Every password somebody tried. */
  readonly passwords: string[];
  close(): Promise<void>;
}

export const mailUser = 'me@example.com';
export const mailPassword = 'pass word: with "signs" and ünicode';

/** A refusal as a mail server says it: the code is what the protocol goes by. */
export function refusal(code: number, text: string): Error {
  return Object.assign(new Error(text), { responseCode: code });
}

/** A real SMTP server on loopback. */
export async function serveMail(
  options: SMTPServerOptions & { readonly certificate?: Certificate },
): Promise<MailServer> {
  const mails: Mail[] = [];
  const passwords: string[] = [];
  const { certificate, ...rest } = options;
  const server = new SMTPServer({
    authOptional: true,
    disableReverseLookup: true,
    closeTimeout: 200,
    logger: false,
    ...(certificate ?? {}),
    onAuth: ({ username, password }, _session, done) => {
      passwords.push(password ?? '');
      if (username === mailUser && password === mailPassword) done(null, { user: username });
      else done(refusal(535, `5.7.8 bad credentials ${password}`));
    },
    onData: (stream, session, done) => {
      const parts: Buffer[] = [];
      stream.on('data', (part: Buffer) => parts.push(part));
      stream.on('end', () => {
        const raw = Buffer.concat(parts).toString('latin1');
        const { mailFrom, rcptTo } = session.envelope;
        mails.push({
          raw,
          ...readMail(raw),
          from: mailFrom === false ? '' : mailFrom.address,
          to: rcptTo.map(({ address }) => address),
          secure: session.secure,
          user: typeof session.user === 'string' ? session.user : null,
        });
        done(null, 'kept as number 17');
      });
    },
    ...rest,
  });
  server.on('error', () => undefined);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: (server.server.address() as AddressInfo).port,
    mails,
    passwords,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

function readMail(raw: string): Pick<Mail, 'headers' | 'text'> {
  const end = raw.indexOf('\r\n\r\n');
  const unfolded = raw.slice(0, end).replace(/\r\n[ \t]+/g, ' ');
  const headers = new Map(
    unfolded.split('\r\n').map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), words(line.slice(colon + 1).trim())] as const;
    }),
  );
  return { headers, text: body(raw.slice(end + 4), headers.get('content-transfer-encoding') ?? '7bit') };
}

/** RFC 2047. */
const words = (text: string): string =>
  text
    .replace(/(=\?[^?]+\?[BQbq]\?[^?]*\?=)\s+(?==\?)/g, '$1')
    .replace(/=\?([^?]+)\?([BQbq])\?([^?]*)\?=/g, (_all, _charset, kind: string, inside: string) =>
      kind.toLowerCase() === 'b'
        ? Buffer.from(inside, 'base64').toString('utf8')
        : quotedPrintable(inside.replaceAll('_', ' ')),
    );

function body(text: string, encoding: string): string {
  if (encoding === 'base64') return Buffer.from(text, 'base64').toString('utf8');
  if (encoding === 'quoted-printable')
    return quotedPrintable(text.replace(/=\r\n/g, '')).replace(/\r\n/g, '\n');
  return text.replace(/\r\n/g, '\n');
}

const quotedPrintable = (text: string): string =>
  Buffer.from(
    text.replace(/=([0-9A-F]{2})/gi, (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  ).toString('utf8');
