import { spell } from '../core/words.ts';
import { plainLine } from './plain.ts';

interface FailureWords {
  readonly because: string;
  readonly offline: boolean;
}

/** With these nothing left this machine, or nothing could come back. */
const offlineWords: Readonly<Record<string, string>> = {
  ENOTFOUND: 'its name was not found (is this machine offline?)',
  EAI_AGAIN: 'its name could not be looked up (is this machine offline?)',
  EDNS: 'its name could not be looked up (is this machine offline?)',
  ENETUNREACH: 'there is no way to its network (is this machine offline?)',
  ENETDOWN: 'the network is down',
  EHOSTUNREACH: 'there is no way to it',
  EHOSTDOWN: 'it is down',
  EADDRNOTAVAIL: 'this machine has no address to reach it from',
};

const otherWords: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'it cut the connection',
  EPIPE: 'it cut the connection',
  ECONNABORTED: 'the connection was broken off',
  ECONNECTION: 'it closed the connection',
  ETIMEDOUT: 'it did not answer in time',
  EPROTOCOL: 'it answered with something that is not SMTP',
  HPE_HEADER_OVERFLOW: 'the head of its answer is too long',
};

/**
 * Why an exchange with a host came to nothing, in words. They are ours alone: an error's own text may repeat an address
 * with a token in it. `late` is the deadline that passed, in ms.
 */
export function explainFailure(
  error: unknown,
  { host, late }: { readonly host: string; readonly late: number | null },
): FailureWords {
  const where = plainLine(host, 100);
  if (late !== null) return { because: `${where} did not answer within ${spell(late)}`, offline: false };
  const code = codeOf(error);
  const offline = offlineWords[code];
  if (offline !== undefined)
    return { because: `${where} cannot be reached: ${offline} (${code})`, offline: true };
  const other = otherWords[code];
  if (other !== undefined)
    return { because: `${where} cannot be reached: ${other} (${code})`, offline: false };
  if (isTls(code)) {
    return { because: `${where} has no TLS certificate that can be trusted (${code})`, offline: false };
  }
  if (code.startsWith('HPE_'))
    return { because: `${where} answered with something that is not HTTP`, offline: false };
  return { because: `${where} cannot be reached (${code})`, offline: false };
}

const isTls = (code: string): boolean =>
  /CERT|^ERR_TLS|^ERR_SSL|^EPROTO$|^ETLS$|UNABLE_TO_|SIGNATURE|CRL|ISSUER/.test(code);

/** When several addresses of one name were tried, Node gives one error that holds one for each. */
function codeOf(error: unknown): string {
  const own = codeProperty(error);
  if (own !== null) return own;
  const parts = error instanceof AggregateError ? error.errors : [];
  for (const part of parts) {
    const code = codeProperty(part);
    if (code !== null) return code;
  }
  return 'UNKNOWN';
}

function codeProperty(error: unknown): string | null {
  if (typeof error !== 'object' || error === null || !('code' in error)) return null;
  return typeof error.code === 'string' && /^[A-Z0-9_]{1,64}$/.test(error.code) ? error.code : null;
}
