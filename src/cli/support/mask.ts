import { isSecretVariable } from '../../gateway/config-values.ts';
import { plainLine } from '../../system/log-text.ts';
import { createRedactor } from '../../system/redact.ts';
import { createBlot, mark } from './blot.ts';
import { withoutKeys } from './pem.ts';

/** Words in the name of something that is a secret. */
export const secretWord =
  /token|secret|passw(?:or)?d|passphrase|pwd|api[_-]?key|access[_-]?key|private[_-]?key|sign(?:ing)?[_-]?key|credential|cookie|authorization|webhook|_key\b|\botp\b|\bpin\b/i;

type Replace = string | ((...found: string[]) => string);

/** Quoted, quoted within quotes, or up to the next blank. */
const quotedOrWord = `\\\\"[^"\\\\\\n]*\\\\"|"(?:[^"\\\\\\n]|\\\\.)*"|'[^'\\n]*'|["'][^"'\\n]*|[^\\s,;}\\])"']{3,}`;
/** What is gone already is not taken out again. */
const notYet = '(?!\\[redacted)';

/** What looks like a secret wherever it stands, for those nobody knew of. More than one too many is no harm here. */
const patterns: readonly (readonly [RegExp, Replace])[] = [
  [
    /\b((?:proxy-)?authorization|(?:set-)?cookie|x-[\w-]{0,40}(?:key|token|secret|auth))(["']?\s?[:=]).*$/gim,
    `$1$2 ${mark}`,
  ],
  [
    /^([ \t]*)([\w.-]{1,80})( => )(.*)$/gm,
    (whole, space, name, arrow) => (isSecretVariable(name) ? `${space}${name}${arrow}${mark}` : whole),
  ],
  [
    new RegExp(`\\b([A-Z][A-Z0-9_]{2,63})(\\s?=\\s?)(${quotedOrWord})`, 'g'),
    (whole, name, equals) => (isSecretVariable(name) ? `${name}${equals}${mark}` : whole),
  ],
  [
    new RegExp(
      `(${secretWord.source})([\\w.-]{0,40}\\\\?["']?\\s{0,8}(?:=>|[:=])\\s{0,8})${notYet}(?:${quotedOrWord})`,
      'gi',
    ),
    `$1$2${mark}`,
  ],
  [
    new RegExp(
      `(--?[\\w-]{0,20}(?:${secretWord.source}|key|auth)[\\w-]{0,20}\\s+)${notYet}[^\\s-]\\S*`,
      'gi',
    ),
    `$1${mark}`,
  ],
  [/\b(https?|wss?):\/\/[^\s"'<>]+/gi, (url) => shortUrl(url)],
  [/\b([a-z][a-z0-9+.-]{1,20}:\/\/)[^\s"'<>]{1,512}@/gi, `$1${mark}@`],
  [
    /\b(ntfy\.sh|hooks\.slack\.com|discord(?:app)?\.com|api\.telegram\.org|hc-ping\.com|api\.pushover\.net)\/\S+/gi,
    `$1/${mark}`,
  ],
  [/\b(?:bot)?\d{6,12}:[A-Za-z0-9_-]{20,}/g, mark],
  [
    /\b(?:AKIA|ASIA)[A-Z0-9]{12,}|\bAIza[\w-]{20,}|\b(?:github_pat|glpat|dop_v1|shpat|whsec|npm|hf|SG)[-_.][A-Za-z0-9._-]{8,}/g,
    mark,
  ],
  // People's addresses and numbers are nobody's business either.
  [/[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+/g, mark],
  [/\+\d{7,15}\b/g, mark],
  [/\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/gi, mark],
  [/[A-Za-z0-9_+/=-]{20,}/g, (run) => (looksRandom(run) ? mark : run)],
];

/** A text as it may leave this machine. */
export interface Mask {
  text(text: string): string;
  /** A value that becomes JSON: each text in it by itself, so that it stays JSON. */
  json(value: unknown): string;
  /** Lines of JSON, each as `json` does it; what is none is a text. */
  jsonLines(text: string): string;
}

export function createMask(secrets: Iterable<string>): Mask {
  const blot = createBlot(secrets);
  const { redact } = createRedactor();
  const clean = (text: string): string => {
    // Terminal sequences first: one in the middle of a secret would hide it.
    let left = withoutKeys(blot(text.split('\n').map(plainLine).join('\n')));
    for (const [pattern, replacement] of patterns)
      left =
        typeof replacement === 'string'
          ? left.replace(pattern, replacement)
          : left.replace(pattern, replacement);
    return redact(left);
  };
  const cleanValue = (value: unknown, key: string): unknown => {
    if (typeof value === 'string') return value !== '' && secretWord.test(key) ? mark : clean(value);
    if (Array.isArray(value)) return value.map((each) => cleanValue(each, key));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, each]) => [clean(name), cleanValue(each, name)]),
    );
  };
  // Once more over the whole: a number may be somebody's secret too.
  const json = (value: unknown, indent: number): string =>
    blot(JSON.stringify(cleanValue(value, ''), null, indent));
  return {
    text: clean,
    json: (value) => json(value, 2),
    jsonLines: (text) =>
      text
        .split('\n')
        .map((line) => {
          const value = parsed(line);
          return value === null ? clean(line) : json(value, 0);
        })
        .join('\n'),
  };
}

function parsed(line: string): object | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' ? value : null;
  } catch {
    // A torn line, or one of another program: a text like any other.
    return null;
  }
}

/** Only where it leads; what follows names a topic, a bot or a hook as often as a page. Our own gateway's is kept. */
function shortUrl(text: string): string {
  const url = URL.parse(text);
  if (url === null) return mark;
  const isLocal = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(url.hostname);
  const rest = `${url.search}${url.hash}` === '' ? '' : `?${mark}`;
  if (isLocal) return `${url.protocol}//${url.host}${url.pathname === '/' ? '' : url.pathname}${rest}`;
  const path = url.pathname === '/' && rest === '' ? '' : `/${mark}`;
  return `${url.protocol}//${url.host}${path}`;
}

/** Of so many neighbours in random text one is a letter and the other a digit, or of another case. */
const changesOfRandom = 0.28;
/** Shorter parts of a run say too little by themselves. */
const longPart = 12;

/** Whether a long run is no word and no path: kinds of characters change all the time in what a machine made up. */
function looksRandom(run: string): boolean {
  const parts = run.split(/[^A-Za-z0-9]+/);
  return [parts.join(''), ...parts.filter((part) => part.length >= longPart)].some(changesOften);
}

function changesOften(text: string): boolean {
  if (!/\d/.test(text) || !/[A-Za-z]/.test(text)) return false;
  const changes = text.match(/[a-z](?=[A-Z0-9])|[A-Z](?=[a-z0-9])|[0-9](?=[A-Za-z])/g) ?? [];
  return changes.length / text.length >= changesOfRandom;
}
