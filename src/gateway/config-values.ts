import type { ConfigRecord } from './config-file.ts';

/** A value this long is taken out wherever it stands; a shorter one, often an ordinary word, only in quotes. */
const distinctive = 8;
/** Texts of one config: far above any real one, and each is looked for in each message. */
const maxValues = 20_000;

/** Every text among the values of a config, at any depth. Keys are not values: a message has to name them. */
export function textsOf(config: ConfigRecord): ReadonlySet<string> {
  const found = new Set<string>();
  const left: unknown[] = [config];
  while (left.length > 0 && found.size < maxValues) {
    const value = left.pop();
    if (typeof value === 'string' && value !== '') found.add(value);
    else if (typeof value === 'object' && value !== null) left.push(...Object.values(value));
  }
  return found;
}

/** Variables a message may quote: places, not secrets. */
const harmless = /(?:^|_)(?:PATH|DIR|HOME|TMPDIR)$|^(?:USER|LOGNAME|SHELL|LANG|LC_ALL|TZ)$/;
export const isSecretVariable = (name: string): boolean => !harmless.test(name);

/** Takes a config's values out of a message about it; `kept` are words the message itself had to say. */
export function withoutValues(
  message: string,
  values: Iterable<string>,
  kept: ReadonlySet<string> = new Set(),
): string {
  // As it is, and as a message shows it that quotes it the way JSON does.
  const forms = new Set(
    [...values].filter((value) => !kept.has(value)).flatMap((value) => [value, escaped(value)]),
  );
  // A value that contains another one must go first, or its tail stays.
  const longestFirst = [...forms].sort((a, b) => b.length - a.length);
  let clean = message;
  for (const value of longestFirst) {
    if (value.length >= distinctive) clean = clean.replaceAll(value, () => '…');
    else
      for (const quote of ['"', "'", '`'])
        clean = clean.replaceAll(`${quote}${value}${quote}`, () => `${quote}…${quote}`);
  }
  return clean;
}

const escaped = (value: string): string => JSON.stringify(value).slice(1, -1);
