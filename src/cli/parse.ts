import { parseArgs } from 'node:util';
import { suggest } from '../config/suggest.ts';
import type { Millis } from '../core/time.ts';
import { type AlertsAsk, parseAlerts } from './alerts-words.ts';
import { type ArchivesAsk, parseArchives } from './archives-words.ts';
import { parseJob, parseLogs, parsePause } from './argument-words.ts';
import {
  type ApplyAsk,
  type EditAsk,
  type FixAsk,
  type FixDepsAsk,
  mannerOf,
  type NuclearAsk,
  parseChange,
  type RestartAsk,
  type UndoAsk,
} from './change-words.ts';
import { type IncidentsAsk, parseIncidents } from './incidents/words.ts';
import { type FixPortAsk, parseFixPort } from './port/ask.ts';
import { shown } from './shown.ts';
import { parseSnapshots, type SnapshotsAsk } from './snapshots-words.ts';
import type { OptionSpec, VerbSpec } from './verb-spec.ts';
import { type CommandJob, jobNames, type VerbName, verbs } from './verbs.ts';

export type Command =
  | { readonly kind: 'status'; readonly json: boolean; readonly watch: boolean }
  | { readonly kind: 'check'; readonly json: boolean; readonly why: boolean }
  | { readonly kind: 'repair' | 'acknowledge' }
  /** `forMs` null: as long as the settings say. */
  | { readonly kind: 'pause'; readonly forMs: Millis | null }
  | { readonly kind: 'resume' }
  | { readonly kind: 'logs'; readonly follow: boolean; readonly lines: number }
  | { readonly kind: 'daemon'; readonly foreground: boolean }
  | {
      readonly kind: 'install';
      readonly dryRun: boolean;
      readonly observe: boolean;
      readonly safeStart: boolean;
    }
  /** What the wrapper asks before it starts the gateway. */
  | { readonly kind: 'safe-start' }
  | { readonly kind: 'uninstall'; readonly dryRun: boolean; readonly purge: boolean }
  | { readonly kind: 'snapshots'; readonly ask: SnapshotsAsk; readonly json: boolean }
  | { readonly kind: 'why-config'; readonly json: boolean }
  | { readonly kind: 'validate'; readonly file: string | null; readonly json: boolean }
  | { readonly kind: 'apply'; readonly ask: ApplyAsk }
  | { readonly kind: 'edit'; readonly ask: EditAsk }
  | { readonly kind: 'confirm' }
  | { readonly kind: 'undo'; readonly ask: UndoAsk }
  | { readonly kind: 'timemachine'; readonly json: boolean }
  | { readonly kind: 'fix-config'; readonly ask: FixAsk }
  | { readonly kind: 'fix-deps'; readonly ask: FixDepsAsk }
  | { readonly kind: 'fix-port'; readonly ask: FixPortAsk }
  | { readonly kind: 'restart'; readonly ask: RestartAsk }
  | { readonly kind: 'nuclear'; readonly ask: NuclearAsk }
  | { readonly kind: 'archives'; readonly ask: ArchivesAsk; readonly json: boolean }
  | { readonly kind: 'alerts'; readonly ask: AlertsAsk; readonly json: boolean }
  | { readonly kind: 'incidents'; readonly ask: IncidentsAsk; readonly json: boolean }
  /** `output` null: the usual name in the current folder. */
  | {
      readonly kind: 'support-bundle';
      readonly output: string | null;
      readonly dryRun: boolean;
      readonly json: boolean;
    }
  | { readonly kind: 'job'; readonly job: CommandJob }
  | { readonly kind: 'help'; readonly verb: VerbName | null }
  | { readonly kind: 'version' };

export type Parsed = Command | { readonly kind: 'refused'; readonly message: string; readonly hint: string };

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
  /** All of the words that are no options. */
  readonly all: readonly string[];
}

function parseVerb(spec: VerbSpec & { readonly name: VerbName }, args: readonly string[]): Parsed {
  const read = readWords(spec, args);
  if (read.kind !== 'words') return read;
  const { switches, values, argument, all } = read.words;
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
    case 'confirm':
    case 'safe-start':
      return { kind: spec.name };
    case 'validate':
      return { kind: 'validate', file: argument, json: switches.has('json') };
    case 'apply':
    case 'edit':
    case 'undo':
    case 'fix-config':
    case 'fix-deps':
      return parseChange(spec.name, read.words);
    case 'fix-port': {
      const asked = parseFixPort(mannerOf(switches), read.words);
      return asked.kind === 'ask' ? { kind: 'fix-port', ask: asked.ask } : refused(asked.because, asked.hint);
    }
    case 'restart':
      return { kind: 'restart', ask: { ...mannerOf(switches), force: switches.has('force') } };
    case 'nuclear': {
      const ask = { force: switches.has('force'), network: switches.has('network') };
      return { kind: 'nuclear', ask: { ...mannerOf(switches), ...ask } };
    }
    case 'logs':
      return parseLogs(values.get('lines') ?? null, switches.has('follow'));
    case 'daemon':
      return { kind: 'daemon', foreground: switches.has('foreground') };
    case 'install':
      return {
        kind: 'install',
        dryRun: switches.has('dry-run'),
        observe: switches.has('observe'),
        safeStart: switches.has('safe-start'),
      };
    case 'uninstall':
      return { kind: 'uninstall', dryRun: switches.has('dry-run'), purge: switches.has('purge') };
    case 'snapshots': {
      const asked = parseSnapshots(all, values.get('limit') ?? null);
      if (asked.kind === 'ask') return { kind: 'snapshots', ask: asked.ask, json: switches.has('json') };
      return refused(asked.because, asked.hint);
    }
    case 'archives': {
      const asked = parseArchives(all, switches);
      if (asked.kind === 'ask') return { kind: 'archives', ask: asked.ask, json: switches.has('json') };
      return refused(asked.because, asked.hint);
    }
    case 'alerts': {
      const asked = parseAlerts(all, switches);
      if (asked.kind === 'ask') return { kind: 'alerts', ask: asked.ask, json: switches.has('json') };
      return refused(asked.because, asked.hint);
    }
    case 'timemachine':
      return { kind: 'timemachine', json: switches.has('json') };
    case 'incidents': {
      const asked = parseIncidents(all, values.get('limit') ?? null);
      if (asked.kind === 'ask') return { kind: 'incidents', ask: asked.ask, json: switches.has('json') };
      return refused(asked.because, asked.hint);
    }
    case 'support-bundle':
      return {
        kind: 'support-bundle',
        output: values.get('output') ?? null,
        dryRun: switches.has('dry-run'),
        json: switches.has('json'),
      };
    case 'why-config':
      return { kind: 'why-config', json: switches.has('json') };
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
  const words: string[] = [];
  const most = spec.mostArguments ?? (spec.argument === null ? 0 : 1);
  for (const token of tokens) {
    if (token.kind === 'option-terminator') continue;
    if (token.kind === 'positional') {
      if (words.length >= most) {
        return refused(`"immune ${spec.name}" does not take "${shown(token.value)}"`, help);
      }
      words.push(token.value);
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
  return { kind: 'words', words: { switches, values, argument: words[0] ?? null, all: words } };
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

function specOf(name: VerbName): VerbSpec & { readonly name: VerbName } {
  const spec = verbs.find((verb) => verb.name === name);
  if (spec === undefined) throw new Error(`no verb ${name}`);
  return spec;
}

const refused = (message: string, hint: string): Extract<Parsed, { kind: 'refused' }> => ({
  kind: 'refused',
  message,
  hint,
});
