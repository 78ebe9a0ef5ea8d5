/** Takes secrets out of text before it is logged, journaled or shown. */
export interface Redactor {
  /** A secret that must never appear, whatever surrounds it. Ones too short to be told from ordinary words are ignored. */
  register(secret: string): void;
  redact(text: string): string;
}

const mark = '[redacted]';
/** Shorter than this, replacing a "secret" everywhere would eat ordinary text. */
const shortestSecret = 8;
/** Tokens rotate; the newest this many are remembered. Sixteen alert channels alone may have a hundred forms. */
const maxSecrets = 256;

/** What secrets commonly look like, for those nobody registered: each keeps its recognisable head. */
const patterns: readonly (readonly [RegExp, string])[] = [
  // https://user:password@host
  [/(\b[a-z][a-z0-9+.-]{1,20}:\/\/)[^\s/?#@]{1,512}@/gi, `$1${mark}@`],
  [/\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}/gi, `$1 ${mark}`],
  [/\b(sk|pk|rk|xox[abprs]|gh[pousr])[-_][A-Za-z0-9_-]{8,}/g, `$1-${mark}`],
  // A JWT: three base64url parts, the first two begin as JSON objects do.
  [/\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}\.?[A-Za-z0-9_-]*/g, mark],
  [/([?&#](?:token|password|secret|api[_-]?key|access[_-]?token|auth)=)[^&\s#"']+/gi, `$1${mark}`],
];

export function createRedactor(): Redactor {
  const secrets = new Set<string>();
  let longestFirst: readonly string[] = [];

  const remember = (secret: string): void => {
    if (secret.length < shortestSecret) return;
    secrets.delete(secret);
    secrets.add(secret);
  };

  return {
    register: (secret) => {
      remember(secret);
      // The same secret as it looks inside a URL or a JSON string.
      remember(encodeURIComponent(secret.toWellFormed()));
      remember(JSON.stringify(secret).slice(1, -1));
      for (const oldest of [...secrets].slice(0, Math.max(0, secrets.size - maxSecrets)))
        secrets.delete(oldest);
      // A secret that contains another one must go first, or its tail stays.
      longestFirst = [...secrets].sort((one, other) => other.length - one.length);
    },
    redact: (text) => {
      let clean = text;
      for (const secret of longestFirst) clean = clean.replaceAll(secret, () => mark);
      for (const [pattern, replacement] of patterns) clean = clean.replace(pattern, replacement);
      return clean;
    },
  };
}
