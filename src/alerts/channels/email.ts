import type { Severity } from '../../core/alert.ts';
import type { SendOutcome } from '../channel.ts';
import type { MailAddress } from '../mail-address.ts';
import { explainFailure } from '../network-words.ts';
import { plainLine } from '../plain.ts';
import { bodyOf, type SafeMessage } from '../safe-message.ts';

interface MailOptions {
  /** Certificates to trust instead of those Node brings. */
  readonly ca?: readonly string[];
  /** For the whole conversation. */
  readonly timeoutMs?: number;
}

interface MailGround extends MailOptions {
  readonly address: MailAddress;
  readonly password: string | null;
}

const defaultTimeoutMs = 25_000;
const maxBytes = 16_384;
const quoteLength = 160;
const priorities: Readonly<Record<Severity, 'high' | 'normal'>> = {
  critical: 'high',
  warning: 'high',
  info: 'normal',
};

/** One mail, one conversation: a connection kept for the next would be dead by then. */
export async function sendMail(
  message: SafeMessage,
  ground: MailGround,
  signal: AbortSignal,
): Promise<SendOutcome> {
  const { address, password } = ground;
  const timeoutMs = ground.timeoutMs ?? defaultTimeoutMs;
  const deadline = AbortSignal.timeout(timeoutMs);
  try {
    // Loaded with the first mail: a megabyte that most installations never need.
    const { createTransport } = await import('nodemailer');
    const transport = createTransport({
      host: address.host,
      port: address.port,
      secure: address.secure,
      requireTLS: address.startTls,
      // Where mail may go in the clear, a certificate nobody can check must not keep it from going.
      ignoreTLS: !address.secure && !address.startTls,
      tls: {
        rejectUnauthorized: true,
        minVersion: 'TLSv1.2',
        ...(ground.ca === undefined ? {} : { ca: [...ground.ca] }),
      },
      ...(address.user === null || password === null ? {} : { auth: { user: address.user, pass: password } }),
      connectionTimeout: timeoutMs,
      greetingTimeout: timeoutMs,
      socketTimeout: timeoutMs,
      dnsTimeout: timeoutMs,
      disableFileAccess: true,
      disableUrlAccess: true,
    });
    const info = await transport.sendMail({
      from: address.from,
      to: [...address.to],
      subject: message.title,
      text: `${bodyOf(message, maxBytes)}\n`,
      date: new Date(message.at),
      priority: priorities[message.severity],
      // The same id for the same alert: a mail program shows a second arrival as the one it has.
      messageId: `<${message.id.replace(/[^A-Za-z0-9-]/g, '-')}.${message.at}@openclaw-immune.invalid>`,
      headers: { 'Auto-Submitted': 'auto-generated' },
      signal: AbortSignal.any([signal, deadline]),
    });
    const missed = info.rejected.length;
    const some = missed === 0 ? '' : `, but not for ${missed} of ${address.to.length} recipients`;
    return { kind: 'delivered', because: `${address.host} has taken it${some}` };
  } catch (error) {
    if (signal.aborted) return { kind: 'later', because: 'sending was broken off', retryAfterMs: null };
    return outcomeOf(error, {
      host: `${address.host}:${address.port}`,
      late: deadline.aborted ? timeoutMs : null,
    });
  }
}

/** A reply of the 400s is "not now" by the protocol, one of the 500s is "never like this". */
function outcomeOf(
  error: unknown,
  where: { readonly host: string; readonly late: number | null },
): SendOutcome {
  const { responseCode, response, code } = (error ?? {}) as Record<string, unknown>;
  if (where.late === null && code === 'ETLS' && typeof responseCode === 'number') {
    return {
      kind: 'refused',
      because: `${where.host} offers no STARTTLS, so nothing was said; try smtps://`,
    };
  }
  if (where.late === null && typeof responseCode === 'number') {
    const because = `${where.host} answered: ${plainLine(String(response ?? responseCode), quoteLength)}`;
    if (responseCode >= 500) return { kind: 'refused', because };
    return { kind: 'later', because, retryAfterMs: null };
  }
  const { because, offline } = explainFailure(rootOf(error), where);
  return { kind: 'later', because, retryAfterMs: null, ...(offline ? { offline: true } : {}) };
}

/** The package's own code names the stage (ESOCKET); the system's, which says what happened, is kept beside it. */
function rootOf(error: unknown): unknown {
  const { originalCode, code } = (error ?? {}) as { originalCode?: unknown; code?: unknown };
  return { code: originalCode ?? code };
}
