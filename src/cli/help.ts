import type { VerbSpec } from './verb-spec.ts';
import { type VerbName, verbs } from './verbs.ts';

const exitCodes =
  'Exit codes: 0 ok, 1 a bug of ours, 2 usage or settings, 3 unhealthy or partly done, 4 refused, 5 busy, 130 interrupted.';

/** The text of `--help`, for one verb or for all. */
export function renderHelp(verb: VerbName | null): string {
  const spec = verbs.find(({ name }) => name === verb);
  return spec === undefined ? renderOverview() : renderVerb(spec);
}

function renderOverview(): string {
  const shown = verbs.filter(({ summary }) => summary !== null);
  return [
    'immune: watches the OpenClaw gateway from outside and brings it back.',
    '',
    'Usage: immune <command> [options]',
    '',
    ...columns(shown.map((spec) => [usageOf(spec), spec.summary ?? ''])),
    '',
    ...columns([
      ['<command> --help', 'the options of a command'],
      ['--version', 'the version of this program'],
    ]),
    '',
    exitCodes,
    '',
  ].join('\n');
}

function renderVerb(spec: VerbSpec): string {
  const options = spec.options.map((option): readonly [string, string] => {
    const short = option.short === undefined ? '' : `-${option.short}, `;
    const value = option.value === undefined ? '' : ` ${option.value}`;
    return [`${short}--${option.name}${value}`, option.words];
  });
  return [
    `Usage: immune ${usageOf(spec)}${spec.options.length > 0 ? ' [options]' : ''}`,
    ...(spec.summary === null ? [] : ['', sentence(spec.summary)]),
    ...(spec.more.length === 0 ? [] : ['', ...spec.more]),
    '',
    ...columns([...options, ['-h, --help', 'this text']]),
    '',
    exitCodes,
    '',
  ].join('\n');
}

const usageOf = (spec: VerbSpec): string =>
  spec.argument === null ? spec.name : `${spec.name} ${spec.argument}`;

function sentence(text: string): string {
  const capital = `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
  return capital.endsWith('?') ? capital : `${capital}.`;
}

function columns(rows: readonly (readonly [string, string])[]): readonly string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}
