import { constants, promises as files } from 'node:fs';
import { fileFailure } from '../system/file-failure.ts';
import type { Run } from '../system/run.ts';

/** Where a channel's secret stands; at most one of the three is given. */
export interface SecretPlace {
  readonly secretFile: string | null;
  readonly secretEnv: string | null;
  readonly secretKeychain: string | null;
}

export interface SecretDeps {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly run: Run;
  /** Absolute path of macOS's `security`; null where there is none. */
  readonly security: string | null;
}

export type SecretRead =
  | { readonly kind: 'read'; readonly text: string }
  /** The channel names none. */
  | { readonly kind: 'none' }
  /** `later`: it may be there in a while, as a keychain that is locked. */
  | { readonly kind: 'refused' | 'later'; readonly because: string };

/** No token is nearly as long. */
const maxBytes = 4_096;
/** An unlocked keychain answers at once; a locked one may ask somebody who is not there. */
const keychainMs = 8_000;
/** What `security` exits with when there is no such item (errSecItemNotFound, cut to a byte). */
const noSuchItem = 44;

/** Read anew for every send: a token that was changed works at once, and none lies in memory in between. */
export async function readSecret(
  place: SecretPlace,
  deps: SecretDeps,
  signal: AbortSignal,
): Promise<SecretRead> {
  if (place.secretFile !== null) return readFile(place.secretFile);
  if (place.secretEnv !== null) return fromEnvironment(place.secretEnv, deps.env);
  if (place.secretKeychain !== null) return fromKeychain(place.secretKeychain, deps, signal);
  return { kind: 'none' };
}

async function readFile(path: string): Promise<SecretRead> {
  try {
    // Without O_NONBLOCK opening a named pipe waits for a writer that may never come.
    const handle = await files.open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stat = await handle.stat();
      if (!stat.isFile()) return refused(`${path} is not a regular file`);
      if (stat.uid !== process.getuid?.())
        return refused(`${path} belongs to another user; make a file of your own`);
      if ((stat.mode & 0o077) !== 0) return refused(`others may read ${path}; type: chmod 600 '${path}'`);
      if (stat.size > maxBytes) return refused(`${path} has more than ${maxBytes} bytes, which is no secret`);
      const buffer = Buffer.alloc(maxBytes);
      const { bytesRead } = await handle.read(buffer, 0, maxBytes, 0);
      return usable(buffer.toString('utf8', 0, bytesRead), path);
    } finally {
      await handle.close();
    }
  } catch (error) {
    return refused(fileFailure(`read the secret in ${path}`, error).because);
  }
}

function fromEnvironment(name: string, env: SecretDeps['env']): SecretRead {
  const text = env[name];
  if (text === undefined) return refused(`the watchdog's environment has no ${name}; secretFile is simpler`);
  return usable(text, `the variable ${name}`);
}

async function fromKeychain(service: string, deps: SecretDeps, signal: AbortSignal): Promise<SecretRead> {
  if (deps.security === null) return refused('there is no keychain here; use secretFile');
  const result = await deps.run({
    file: deps.security,
    args: ['find-generic-password', '-w', '-s', service],
    timeoutMs: keychainMs,
    maxBytes,
    signal,
  });
  const item = `the keychain item "${service}"`;
  if (result.kind !== 'exited') {
    return {
      kind: 'later',
      because: `${item} could not be read: the keychain did not answer (is it locked?)`,
    };
  }
  if (result.code === noSuchItem) {
    return refused(
      `there is no keychain item "${service}"; type: security add-generic-password -a openclaw-immune -s '${service}' -w`,
    );
  }
  if (result.code !== 0) {
    return {
      kind: 'later',
      because: `${item} could not be read: security ended with ${result.code} (is the keychain locked?)`,
    };
  }
  return usable(result.stdout, item);
}

/** A line break or another control character inside would end a header or a command of the protocol. */
function usable(text: string, where: string): SecretRead {
  const trimmed = text.trim();
  if (trimmed === '') return refused(`the secret in ${where} is empty`);
  if (/\p{Cc}/u.test(trimmed)) return refused(`the secret in ${where} must be one line of text`);
  // Copied along from a page; the other side would only say that it does not know us.
  if (/\p{Cf}/u.test(trimmed)) return refused(`the secret in ${where} has a character that cannot be seen`);
  return { kind: 'read', text: trimmed };
}

const refused = (because: string): SecretRead => ({ kind: 'refused', because });
