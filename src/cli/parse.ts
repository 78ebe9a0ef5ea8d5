import { parseArgs } from 'node:util';
import { parseDuration } from '../config/duration.ts';
import { suggest } from '../config/suggest.ts';
import type { Millis } from '../core/time.ts';
import { type CommandJob, jobNames, type OptionSpec, type VerbName, type VerbSpec, verbs } from './verbs.ts';

export type Command =
  | { readonly kind: 'status'; readonly json: boolean; readonly watch: boolean }
  | { readonly kind: 'check'; readonly json: boolean; readonly why: boolean }
  | { readonly kind: 'repair' | 'acknowledge' }
  /** `forMs` null: as long as the settings say. */
  | { readonly kind: 'pause'; readonly forMs: Millis | null }
  | { readonly kind: 'resume' }
  | { readonly kind: 'logs'; readonly follow: boolean; readonly lines: number }
  | { readonly kind: 'daemon'; readonly foreground: boolean }
  | { readonly kind: 'install'; readonly dryRun: boolean; readonly observe: boolean }
  | { readonly kind: 'uninstall'; readonly dryRun: boolean; readonly purge: boolean }
  | { readonly kind: 'job'; readonly job: CommandJob }
  | { readonly kind: 'help'; readonly verb: VerbName | null }
  | { readonly kind: 'version' };

export type Parsed = Command | { readonly kind: 'refused'; readonly message: string; readonly hint: string };

const defaultLines = 40;
/** More is a job for a pager on the file itself. */
const mostLines = 10_000;

/** Reads the words after `immune`. Nothing unknown is ever skipped: a mistyped option may have been the one that mattered. */
export function parseCommand(argv: readonly string[]): Parsed {
  const [first, ...rest] = argv;
  if (first === undefined) return refused('immune needs to be told what to do', 'immune --help');
  if (first === '--help' || first === '-h') return { kind: 'help', verb: null };
  if (first === '--version' || first === '-V') return { kind: 'version' };
  if (first === 'help') return parseHelp(rest);
  const job = jobNames.find((name) => name === first);
  if (job !== undefined) return parseVerb(specOf('job'), [job, ...rest]);
  const spec = verbs.find((verb) => verb.name === first);
  if (spec !== undefined) return parseVerb(spec, rest);
  const what = first.startsWith('-') ? 'an option' : 'a command';
  const known = first.startsWith('-') ? ['--help', '--version'] : [...verbs.map((verb) => verb.name), 'help'];
  const near = suggest(first, known);
  const meant = near === null ? '' : `; did you mean "${near}"?`;
  return refused(
    `"${shown(first)}" is not ${what} of immune${meant}`,
    near === null ? 'immune --help' : `immune ${near}`,
  );
}

function parseHelp(words: readonly string[]): Parsed {
  const [word, ...more] = words;
  if (word === undefined) return { kind: 'help', verb: null };
  const spec = verbs.find((verb) => verb.name === word);
  if (spec !== undefined && more.length === 0) return { kind: 'help', verb: spec.name };
  const near = suggest(
    word,
    verbs.map((verb) => verb.name),
  );
  const meant = near === null ? '' : `; did you mean "${near}"?`;
  return refused(
    `there is no help on "${shown(words.join(' '))}"${meant}`,
    `immune help${near === null ? '' : ` ${near}`}`,
  );
}

interface Words {
  readonly switches: ReadonlySet<string>;
  readonly values: ReadonlyMap<string, string>;
  readonly argument: string | null;
}

function parseVerb(spec: VerbSpec & { readonly name: VerbName }, args: readonly string[]): Parsed {
  const read = readWords(spec, args);
  if (read.kind !== 'words') return read;
  const { switches, values, argument } = read.words;
  switch (spec.name) {
    case 'status':
      return { kind: 'status', json: switches.has('json'), watch: switches.has('watch') };
    case 'check':
      return { kind: 'check', json: switches.has('json'), why: switches.has('why') };
    case 'pause':
      return parsePause(argument);
    case 'resume':
    case 'repair':
    case 'acknowledge':
      return { kind: spec.name };
    case 'logs':
      return parseLogs(values.get('lines') ?? null, switches.has('follow'));
    case 'daemon':
      return { kind: 'daemon', foreground: switches.has('foreground') };
    case 'install':
      return { kind: 'install', dryRun: switches.has('dry-run'), observe: switches.has('observe') };
    case 'uninstall':
      return { kind: 'uninstall', dryRun: switches.has('dry-run'), purge: switches.has('purge') };
    case 'job':
      return parseJob(argument);
    default:
      return spec.name satisfies never;
  }
}

function readWords(
  spec: VerbSpec & { readonly name: VerbName },
  args: readonly string[],
): { readonly kind: 'words'; readonly words: Words } | Exclude<Parsed, { kind: 'pause' }> {
  const all: readonly OptionSpec[] = [...spec.options, { name: 'help', short: 'h', words: 'this text' }];
  const { tokens } = parseArgs({
    args: [...args],
    options: Object.fromEntries(
      all.map(({ name, short, value }) => [
        name,
        {
          type: value === undefined ? ('boolean' as const) : ('string' as const),
          ...(short === undefined ? {} : { short }),
        },
      ]),
    ),
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const help = `immune ${spec.name} --help`;
  const switches = new Set<string>();
  const values = new Map<string, string>();
  let argument: string | null = null;
  for (const token of tokens) {
    if (token.kind === 'option-terminator') continue;
    if (token.kind === 'positional') {
      if (spec.argument === null || argument !== null) {
        return refused(`"immune ${spec.name}" does not take "${shown(token.value)}"`, help);
      }
      argument = token.value;
      continue;
    }
    const option = all.find(({ name }) => name === token.name);
    if (option === undefined) return unknownOption(spec.name, token.rawName, all);
    if (option.name === 'help') return { kind: 'help', verb: spec.name };
    if (option.value === undefined) {
      if (token.value !== undefined) return refused(`--${option.name} takes no value`, help);
      switches.add(option.name);
    } else {
      if (token.value === undefined) return refused(`--${option.name} needs a value: ${option.words}`, help);
      values.set(option.name, token.value);
    }
  }
  return { kind: 'words', words: { switches, values, argument } };
}

function unknownOption(verb: VerbName, raw: string, all: readonly OptionSpec[]): ReturnType<typeof refused> {
  const near = suggest(
    raw,
    all.map(({ name }) => `--${name}`),
  );
  const meant = near === null ? '' : `; did you mean "${near}"?`;
  const next = near === null ? `immune ${verb} --help` : `immune ${verb} ${near}`;
  return refused(`"${shown(raw)}" is not an option of "immune ${verb}"${meant}`, next);
}

function parsePause(argument: string | null): Parsed {
  if (argument === null) return { kind: 'pause', forMs: null };
  const forMs = parseDuration(argument);
  if (forMs !== null && forMs > 0) return { kind: 'pause', forMs };
  return refused(`"${shown(argument)}" is not a length of time`, 'immune pause 30m');
}

function parseLogs(text: string | null, follow: boolean): Parsed {
  if (text === null) return { kind: 'logs', follow, lines: defaultLines };
  const lines = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (lines <= mostLines) return { kind: 'logs', follow, lines };
  return refused(
    `--lines needs a whole number up to ${mostLines}, not "${shown(text)}"`,
    'immune logs -n 100',
  );
}

function parseJob(argument: string | null): Parsed {
  const job = jobNames.find((name) => name === argument);
  if (job !== undefined) return { kind: 'job', job };
  if (argument === null)
    return refused(`"immune job" needs the name of a job: ${jobNames.join(', ')}`, 'immune job snapshot');
  const near = suggest(argument, jobNames);
  const meant = near === null ? '' : `; did you mean "${near}"?`;
  return refused(`there is no job "${shown(argument)}"${meant}`, `immune job ${near ?? 'snapshot'}`);
}

function specOf(name: VerbName): VerbSpec & { readonly name: VerbName } {
  const spec = verbs.find((verb) => verb.name === name);
  if (spec === undefined) throw new Error(`no verb ${name}`);
  return spec;
}

/** Repeats at most this much of what was typed. */
const longestEcho = 60;

/** What was typed, fit to be shown: no control characters, no flood. */
function shown(word: string): string {
  const clean = word.replace(/\p{C}/gu, '?');
  return clean.length > longestEcho ? `${clean.slice(0, longestEcho)}…` : clean;
}

const refused = (message: string, hint: string): Extract<Parsed, { kind: 'refused' }> => ({
  kind: 'refused',
  message,
  hint,
});
