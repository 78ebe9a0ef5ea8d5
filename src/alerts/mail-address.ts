import { isLoopback } from './address.ts';

/** What an e-mail channel's url says. */
export interface MailAddress {
  readonly host: string;
  readonly port: number;
  /** TLS from the first byte. */
  readonly secure: boolean;
  /** Otherwise STARTTLS, without which nothing is said; only to this very machine mail may go in the clear. */
  readonly startTls: boolean;
  readonly user: string | null;
  readonly from: string;
  readonly to: readonly string[];
}

export type MailParsed =
  | { readonly kind: 'ok'; readonly address: MailAddress }
  | { readonly kind: 'problem'; readonly because: string };

export const mailExample =
  'smtps://me%40example.com@smtp.example.com:465/?from=me@example.com&to=me@example.com';

const maxRecipients = 10;
/** One plain mailbox; no display name, no quoting, nothing that could end a command or a header. */
const mailbox = /^[A-Za-z0-9.!#$%&*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)*[A-Za-z0-9-]{1,63}$/;
const hostName = /^(?:[A-Za-z0-9-]{1,63}\.)*[A-Za-z0-9-]{1,63}$|^\[[0-9a-fA-F:.]+\]$/;

export function parseMailAddress(text: string): MailParsed {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'smtps:' && url.protocol !== 'smtp:')) {
    return problem('its url must begin with smtps:// or smtp://');
  }
  if (url.password !== '') {
    return problem('its url holds a password; write it into a file of mode 600 and name that as secretFile');
  }
  if (!hostName.test(url.hostname)) return problem('its url has no host that can be read');
  const user = decode(url.username);
  if (user === null) return problem('the user in its url cannot be read; write an @ as %40');
  // In a query a + is a space; in an address, where many have one, it is itself.
  const query = new URLSearchParams(url.search.replaceAll('+', '%2B'));
  const from = query.get('from') ?? '';
  const to = (query.get('to') ?? '').split(',').map((each) => each.trim());
  if (!mailbox.test(from)) return problem('its url must name the sender: ?from=me@example.com');
  if (to.length > maxRecipients || !to.every((each) => mailbox.test(each))) {
    return problem(
      `its url must name the recipients: &to=me@example.com (at most ${maxRecipients}, with commas)`,
    );
  }
  const starttls = query.get('starttls') ?? (isLoopback(url.hostname) ? 'no' : 'required');
  if (starttls !== 'required' && !(starttls === 'no' && isLoopback(url.hostname))) {
    return problem('starttls in its url must be "required", or "no" where the host is this machine');
  }
  const secure = url.protocol === 'smtps:';
  return {
    kind: 'ok',
    address: {
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port === '' ? (secure ? 465 : 587) : Number(url.port),
      secure,
      startTls: !secure && starttls === 'required',
      user: user === '' ? null : user,
      from,
      to,
    },
  };
}

function decode(text: string): string | null {
  try {
    const plain = decodeURIComponent(text);
    return /\p{Cc}/u.test(plain) ? null : plain;
  } catch {
    // A lone % is no encoding; the operator hears how to write it.
    return null;
  }
}

const problem = (because: string): MailParsed => ({ kind: 'problem', because });
