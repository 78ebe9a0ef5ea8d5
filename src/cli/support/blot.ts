/** What stands in the place of everything that was taken out. */
export const mark = '[redacted]';

/** Shorter ones cannot be told from ordinary words and numbers. */
const shortestSecret = 4;
/** From this length on a secret is taken out in the middle of a word too. */
const distinctive = 8;
/** Ten times the texts of a large config, in every form. */
const maxForms = 100_000;

/**
 * Takes a whole set of secrets out of text in one pass, however many there are: a bundle holds megabytes, and a config
 * hundreds of values, each of which may show up in a dozen forms.
 */
export function createBlot(secrets: Iterable<string>): (text: string) => string {
  const all = new Set<string>();
  /** How long the forms are that begin so, the longest first: one that contains another must go first. */
  const lengths = new Map<string, number[]>();
  /** One bit for each pair of first characters: nearly every place of a text ends here. */
  const begins = new Uint8Array(65_536);
  const pairAt = (text: string, at: number): number =>
    ((text.charCodeAt(at) & 0xff) << 8) | (text.charCodeAt(at + 1) & 0xff);
  for (const secret of secrets) {
    for (const form of formsOf(secret)) {
      if (form.length < shortestSecret || all.has(form) || all.size >= maxForms) continue;
      all.add(form);
      const head = form.slice(0, shortestSecret);
      const known = lengths.get(head) ?? [];
      if (!known.includes(form.length)) known.push(form.length);
      lengths.set(head, known);
      begins[pairAt(form, 0)] = 1;
    }
  }
  for (const known of lengths.values()) known.sort((one, other) => other - one);

  const lengthAt = (text: string, at: number): number => {
    if (begins[pairAt(text, at)] !== 1) return 0;
    const known = lengths.get(text.slice(at, at + shortestSecret)) ?? [];
    return (
      known.find((length) => {
        const form = text.slice(at, at + length);
        return form.length === length && all.has(form) && isWhole(text, at, form);
      }) ?? 0
    );
  };

  return (text) => {
    let clean = '';
    let from = 0;
    for (let at = 0; at + shortestSecret <= text.length; ) {
      const length = lengthAt(text, at);
      if (length === 0) at += 1;
      else {
        clean += text.slice(from, at) + mark;
        at += length;
        from = at;
      }
    }
    return clean + text.slice(from);
  };
}

/** A short one stands by itself where it is meant: "4711" is no part of a longer number. */
function isWhole(text: string, at: number, form: string): boolean {
  if (form.length >= distinctive) return true;
  const isPart = (char: string | undefined): boolean => char !== undefined && /[A-Za-z0-9]/.test(char);
  return !isPart(text[at - 1]) && !isPart(text[at + form.length]);
}

/** A secret as it looks in a URL, in JSON, in XML, in a shell's quotes, on one line, and encoded. */
function formsOf(secret: string): readonly string[] {
  const plain = [secret, secret.trim()];
  const bytes = Buffer.from(secret, 'utf8');
  const lines = secret.split(/\r?\n/);
  return [
    ...plain,
    // macOS writes file names with accents of their own.
    secret.normalize('NFC'),
    secret.normalize('NFD'),
    secret.replaceAll(/[\r\n\t]+/g, ' '),
    ...(lines.length > 1
      ? lines.map((line) => line.trim()).filter((line) => line.length >= distinctive)
      : []),
    encodeURIComponent(secret.toWellFormed()),
    JSON.stringify(secret).slice(1, -1),
    // As programs write JSON that want plain ASCII.
    JSON.stringify(secret)
      .slice(1, -1)
      .replaceAll(/[^ -~]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`),
    JSON.stringify(JSON.stringify(secret).slice(1, -1)).slice(1, -1),
    secret.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;'),
    secret.replaceAll("'", "'\\''"),
    ...(secret.length < distinctive ? [] : encodedForms(bytes)),
  ];
}

const encodedForms = (bytes: Buffer): readonly string[] => [
  bytes.toString('hex'),
  bytes.toString('hex').toUpperCase(),
  ...[0, 1, 2].flatMap((offset) => base64At(bytes, offset)),
];

/** Its base64 when `offset` bytes stand before it: only the characters that hang on nothing else. */
function base64At(bytes: Buffer, offset: number): readonly string[] {
  const text = Buffer.concat([Buffer.alloc(offset), bytes])
    .toString('base64')
    .replace(/=+$/, '');
  const isCut = (offset + bytes.length) % 3 !== 0;
  const inner = text.slice(Math.ceil((offset * 8) / 6), isCut ? -1 : undefined);
  if (inner.length < distinctive) return [];
  return [inner, inner.replaceAll('+', '-').replaceAll('/', '_')];
}
