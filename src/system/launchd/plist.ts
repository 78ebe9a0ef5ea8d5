import { build, type PlistValue, parse } from 'plist';
import type { CalendarEntry, JobDefinition, KeepAlive, ParsedJob } from './job.ts';
import { isDict } from './plist-keys.ts';

/** Renders the LaunchAgent plist of a job; keys the definition leaves out are not written. */
export function buildPlist(job: JobDefinition): string {
  const value: Record<string, PlistValue | undefined> = {
    Label: job.label,
    ProgramArguments: [...job.programArguments],
    RunAtLoad: job.runAtLoad,
    KeepAlive: job.keepAlive === undefined ? undefined : keepAliveValue(job.keepAlive),
    ThrottleInterval: job.throttleInterval,
    ExitTimeOut: job.exitTimeOut,
    ProcessType: job.processType,
    Umask: job.umask,
    EnvironmentVariables:
      job.environmentVariables === undefined ? undefined : { ...job.environmentVariables },
    WorkingDirectory: job.workingDirectory,
    StandardInPath: job.standardInPath,
    StandardOutPath: job.standardOutPath,
    StandardErrorPath: job.standardErrorPath,
    StartInterval: job.startInterval,
    StartCalendarInterval: job.startCalendarInterval?.map(calendarValue),
    LowPriorityIO: job.lowPriorityIO,
    Nice: job.nice,
    AbandonProcessGroup: job.abandonProcessGroup,
  };
  return `${build(withoutUndefined(value))}\n`;
}

function withoutUndefined(value: Record<string, PlistValue | undefined>): { [key: string]: PlistValue } {
  const kept: { [key: string]: PlistValue } = {};
  for (const [key, entry] of Object.entries(value)) if (entry !== undefined) kept[key] = entry;
  return kept;
}

function keepAliveValue(keepAlive: KeepAlive): PlistValue {
  if (typeof keepAlive === 'boolean') return keepAlive;
  return withoutUndefined({ SuccessfulExit: keepAlive.successfulExit, Crashed: keepAlive.crashed });
}

function calendarValue(entry: CalendarEntry): PlistValue {
  return withoutUndefined({
    Minute: entry.minute,
    Hour: entry.hour,
    Day: entry.day,
    Weekday: entry.weekday,
    Month: entry.month,
  });
}

export type ParsedPlist =
  | { readonly kind: 'ok'; readonly job: ParsedJob }
  | { readonly kind: 'invalid'; readonly because: string };

/** OpenClaw's own reader stops at 1 MiB too; a LaunchAgent is a few kilobytes. */
const longestPlist = 1_048_576;

/**
 * Reads the job out of XML plist text: ours, OpenClaw's, or any other we supervise. A known key of the wrong type
 * makes the plist invalid; unknown keys are passed over. The plist package accepts a key without a value and a
 * control character, which launchd does not, so those two are refused here.
 */
export function parsePlist(text: string): ParsedPlist {
  if (text.length > longestPlist) return invalid('the file is larger than 1 MiB');
  if (!/<plist[\s>]/.test(text)) return invalid('the file is not an XML property list');
  if (!text.trimEnd().endsWith('</plist>')) return invalid('it ends in the middle');
  if (/<\/key>\s*(?:<key>|<\/dict>)/.test(text)) return invalid('a key has no value');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for.
  if (/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/.test(text))
    return invalid('it contains a control character');
  let value: unknown;
  try {
    value = parse(text);
  } catch (error) {
    return invalid(error instanceof Error ? error.message : String(error));
  }
  return jobOf(value);
}

const invalid = (because: string): ParsedPlist => ({
  kind: 'invalid',
  because: `The plist cannot be used: ${because}.`,
});

function jobOf(value: unknown): ParsedPlist {
  if (!isDict(value)) return invalid('its top is not a dictionary');
  const problems: string[] = [];
  const label = typed(value, 'Label', isString, problems);
  const program = typed(value, 'Program', isString, problems);
  const programArguments = typed(value, 'ProgramArguments', isStringArray, problems) ?? [];
  const environment = typed(value, 'EnvironmentVariables', isDict, problems) ?? {};
  const keepAlive = typed(value, 'KeepAlive', isKeepAlive, problems);
  const calendar = typed(value, 'StartCalendarInterval', isCalendar, problems);
  const umask = typed(value, 'Umask', isUmask, problems);
  const job: ParsedJob = {
    label: label ?? '',
    program,
    programArguments,
    runAtLoad: typed(value, 'RunAtLoad', isBoolean, problems) ?? false,
    keepAlive: keepAlive === null ? false : parseKeepAlive(keepAlive),
    throttleInterval: typed(value, 'ThrottleInterval', isCount, problems),
    exitTimeOut: typed(value, 'ExitTimeOut', isCount, problems),
    processType: typed(value, 'ProcessType', isString, problems),
    umask: typeof umask === 'string' ? parseUmask(umask) : umask,
    environmentVariables: Object.fromEntries(
      // launchd silently ignores a value that is not a string; so do we.
      Object.entries(environment).filter((entry): entry is [string, string] => isString(entry[1])),
    ),
    workingDirectory: typed(value, 'WorkingDirectory', isString, problems),
    standardInPath: typed(value, 'StandardInPath', isString, problems),
    standardOutPath: typed(value, 'StandardOutPath', isString, problems),
    standardErrorPath: typed(value, 'StandardErrorPath', isString, problems),
    startInterval: typed(value, 'StartInterval', isCount, problems),
    startCalendarInterval: (calendar === null ? [] : Array.isArray(calendar) ? calendar : [calendar]).map(
      parseEntry,
    ),
    abandonProcessGroup: typed(value, 'AbandonProcessGroup', isBoolean, problems) ?? false,
  };
  const [problem] = problems;
  if (problem !== undefined) return invalid(problem);
  if (job.label === '') return invalid('it has no Label');
  if (program === null && programArguments.length === 0)
    return invalid('it has neither Program nor ProgramArguments');
  return { kind: 'ok', job };
}

function typed<T>(
  dict: Record<string, unknown>,
  key: string,
  is: (value: unknown) => value is T,
  problems: string[],
): T | null {
  const value = dict[key];
  if (value === undefined) return null;
  if (is(value)) return value;
  problems.push(`the key ${key} has the wrong type`);
  return null;
}

const isString = (value: unknown): value is string => typeof value === 'string';
const isBoolean = (value: unknown): value is boolean => typeof value === 'boolean';
const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
const isStringArray = (value: unknown): value is string[] => Array.isArray(value) && value.every(isString);
const isKeepAlive = (value: unknown): value is boolean | Record<string, unknown> =>
  isBoolean(value) || isDict(value);
const isUmask = (value: unknown): value is number | string => isCount(value) || isString(value);
const isEntry = (value: unknown): value is Record<string, number> =>
  isDict(value) && Object.values(value).every(isCount);
const isCalendar = (value: unknown): value is Record<string, number> | Record<string, number>[] =>
  isEntry(value) || (Array.isArray(value) && value.every(isEntry));

/** launchd reads a string umask with strtoul: a leading 0 makes it octal. */
const parseUmask = (text: string): number | null => {
  const mask = Number.parseInt(text, text.startsWith('0') ? 8 : 10);
  return Number.isNaN(mask) ? null : mask;
};

function parseKeepAlive(value: boolean | Record<string, unknown>): KeepAlive {
  if (typeof value === 'boolean') return value;
  const successfulExit = value['SuccessfulExit'];
  const crashed = value['Crashed'];
  return {
    ...(isBoolean(successfulExit) ? { successfulExit } : {}),
    ...(isBoolean(crashed) ? { crashed } : {}),
  };
}

function parseEntry(entry: Record<string, number>): CalendarEntry {
  const field = (name: 'minute' | 'hour' | 'day' | 'weekday' | 'month', key: string) => {
    const value = entry[key];
    return value === undefined ? {} : { [name]: value };
  };
  return {
    ...field('minute', 'Minute'),
    ...field('hour', 'Hour'),
    ...field('day', 'Day'),
    ...field('weekday', 'Weekday'),
    ...field('month', 'Month'),
  };
}
