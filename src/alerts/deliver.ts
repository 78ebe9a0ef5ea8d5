import type { SendOutcome } from './channel.ts';
import { plainLine } from './plain.ts';
import { readSecret, type SecretDeps, type SecretPlace } from './secret.ts';

export interface DeliverDeps extends SecretDeps {
  /** Hears every secret, in every form it is sent in, before it is used: for the redactor. */
  readonly onSecret: (secret: string) => void;
  readonly redact: (text: string) => string;
}

export interface Tools {
  readonly secret: string | null;
  /** Ends when the caller says so, or when it has taken too long. */
  readonly signal: AbortSignal;
  /** One more form the secret takes on its way. */
  readonly hide: (form: string) => void;
}

/** A keychain and an exchange after it, each with its own shorter deadline, end within this. */
const longestMs = 28_000;
const becauseLength = 300;
/** A part of a path that is shorter, or has no digit, is an id or a name. */
const shortestToken = 16;

/** Reads the secret, has it hidden, and makes the exchange. Never throws, and says nothing with a secret in it. */
export async function deliver(
  place: SecretPlace,
  { signal, ...deps }: DeliverDeps & { readonly signal: AbortSignal },
  exchange: (tools: Tools) => Promise<SendOutcome>,
): Promise<SendOutcome> {
  const forms = new Set<string>();
  const hide = (form: string): void => {
    forms.add(form);
    deps.onSecret(form);
  };
  const shown = (because: string): string => plainLine(deps.redact(conceal(because, forms)), becauseLength);
  try {
    const ends = AbortSignal.any([signal, AbortSignal.timeout(longestMs)]);
    const read = await readSecret(place, deps, ends);
    if (read.kind === 'refused') return { kind: 'refused', because: shown(read.because) };
    if (read.kind === 'later') return { kind: 'later', because: shown(read.because), retryAfterMs: null };
    const secret = read.kind === 'read' ? read.text : null;
    if (secret !== null) {
      for (const form of formsOf(secret)) hide(form);
      for (const piece of secret.split(/[/:]/)) forms.add(piece);
    }
    const outcome = await exchange({ secret, signal: ends, hide });
    return { ...outcome, because: shown(outcome.because) };
  } catch (error) {
    // A bug in one channel must not keep the others from being sent to.
    return { kind: 'later', because: shown(`a fault of our own: ${String(error)}`), retryAfterMs: null };
  }
}

/**
 * As it is, as it stands in a url or in a header, and the parts that are secret by themselves. A user's name or a check's
 * is none: hidden everywhere, a user called "openclaw" would make commands that nobody can type.
 */
function formsOf(secret: string): readonly string[] {
  const pieces = secret.split('/');
  const encoded = pieces.map((piece) => encodeURIComponent(piece.toWellFormed()));
  const password = secret.slice(secret.indexOf(':') + 1);
  const tokens = pieces.filter((piece) => piece.length >= shortestToken && /\d/.test(piece));
  return [secret, encoded.join('/'), Buffer.from(secret).toString('base64'), password, ...tokens];
}

/** The redactor leaves short words alone; in our own few words about an exchange even a short secret is not shown. */
function conceal(text: string, forms: ReadonlySet<string>): string {
  const longestFirst = [...forms].sort((one, other) => other.length - one.length);
  let clean = text;
  for (const form of longestFirst) if (form.length >= 4) clean = clean.replaceAll(form, () => '[redacted]');
  return clean;
}
