/** The keys and list positions that lead from the top of a config to a value in it. */
export type KeyPath = readonly (string | number)[];

/** What the newer config has against the older one, without either value. */
export interface KeyChange {
  readonly file: string;
  readonly path: KeyPath;
  readonly kind: 'added' | 'removed' | 'changed';
}

/** The path as it grows: a list of steps for each of a million nested brackets would be copied a million times. */
type Trail = { readonly before: Trail; readonly step: string | number } | null;

interface Pair {
  readonly older: unknown;
  readonly newer: unknown;
  readonly trail: Trail;
}

/**
 * The smallest values that differ. Objects are gone into, and lists of one length; a list that became longer or
 * shorter is one change, for nobody can tell which of its entries moved. A whole object that came or went is one
 * change too, and whoever needs less of it lengthens the path. Numbers are compared exactly: -0 is not 0, NaN is NaN.
 */
export function diffValues(older: unknown, newer: unknown, file: string): readonly KeyChange[] {
  const changes: KeyChange[] = [];
  // A stack of our own: the parser reads values nested more deeply than calls may be.
  const left: (Pair | KeyChange)[] = [{ older, newer, trail: null }];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    if ('kind' in next) changes.push(next);
    // Backwards, so that the changes come out in the order of the text.
    else for (const part of compare(next, file).reverse()) left.push(part);
  }
  return changes;
}

function compare({ older, newer, trail }: Pair, file: string): (Pair | KeyChange)[] {
  if (Array.isArray(older) && Array.isArray(newer) && older.length === newer.length)
    return older.map((value, index) => ({
      older: value,
      newer: newer[index],
      trail: { before: trail, step: index },
    }));
  if (isPlainObject(older) && isPlainObject(newer)) {
    const keys = new Set([...Object.keys(older), ...Object.keys(newer)]);
    return [...keys].map((step) => {
      const below = { before: trail, step };
      if (!Object.hasOwn(older, step)) return { file, path: pathOf(below), kind: 'added' };
      if (!Object.hasOwn(newer, step)) return { file, path: pathOf(below), kind: 'removed' };
      return { older: older[step], newer: newer[step], trail: below };
    });
  }
  return Object.is(older, newer) ? [] : [{ file, path: pathOf(trail), kind: 'changed' }];
}

function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function pathOf(trail: Trail): KeyPath {
  const path: (string | number)[] = [];
  for (let at = trail; at !== null; at = at.before) path.push(at.step);
  return path.reverse();
}

/** A key is a name; more of one than this tells a reader nothing. */
const maxKeyChars = 40;
/** Of what may be a secret, only enough to find it again. */
const secretHeadChars = 4;
/** No real key stands deeper than about eight; of a longer path the ends are shown. */
const maxSteps = 10;
const headSteps = 6;
const tailSteps = 3;

const plainKey = /^[A-Za-z_$][\w$-]*$/;

/** `agents.list[0].model`; odd keys are quoted, with control characters made visible, and long ones shortened. */
export function keyText(path: KeyPath): string {
  if (path.length === 0) return '<root>';
  if (path.length <= maxSteps) return stepsText(path);
  return `${stepsText(path.slice(0, headSteps))}.….${stepsText(path.slice(-tailSteps))}`;
}

function stepsText(path: KeyPath): string {
  return path
    .map((step, index) => {
      if (typeof step === 'number') return `[${step}]`;
      const text = keyName(step);
      if (!plainKey.test(text)) return `["${text}"]`;
      return index === 0 ? text : `.${text}`;
    })
    .join('');
}

function keyName(key: string): string {
  if (looksSecret(key)) return `${visible(key.slice(0, secretHeadChars), secretHeadChars)}…`;
  return visible(key, maxKeyChars);
}

/** Tokens are one long run of letters and digits; the words of real keys and model names are shorter than that. */
function looksSecret(key: string): boolean {
  const runs = key.slice(0, 4 * maxKeyChars).match(/[A-Za-z0-9_]{16,}/g) ?? [];
  return runs.some((run) => run.length >= 32 || (/\d/.test(run) && /[A-Za-z]/.test(run)));
}

/** What a terminal obeys, a viewer hides or reorders, or would end our own quotes. */
const odd =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this makes visible
  /[\u0000-\u001f\u007f-\u009f"\\\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\uffff]/;

function visible(text: string, maxChars: number): string {
  let shown = '';
  for (const char of text.slice(0, 2 * maxChars).toWellFormed()) {
    const next = odd.test(char) ? `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}` : char;
    if (shown.length + next.length > maxChars) return `${shown}…`;
    shown += next;
  }
  return shown;
}

const mainFile = /(?:^|\/)openclaw\.json$/;

/** "gateway.bind was changed": one line of bounded length without any value. Only an included file is named. */
export function changeWords({ file, path, kind }: KeyChange): string {
  const what = path.length === 0 ? 'the whole text' : keyText(path);
  return `${what} was ${kind}${mainFile.test(file) ? '' : ` in ${visible(file, maxFileChars)}`}`;
}

const maxFileChars = 120;
