type Check = (value: unknown) => string | null;

const labelPattern = /^[A-Za-z0-9._-]+$/;

const string: Check = (value) => (typeof value === 'string' ? null : 'must be a string');
const label: Check = (value) =>
  typeof value === 'string' && labelPattern.test(value)
    ? null
    : 'must be a string of letters, digits, ".", "_", "-"';
const absolutePath: Check = (value) =>
  typeof value === 'string' && value.startsWith('/') ? null : 'must be an absolute path';
const boolean: Check = (value) => (typeof value === 'boolean' ? null : 'must be true or false');
const integer =
  (low: number, high: number): Check =>
  (value) =>
    typeof value === 'number' && Number.isInteger(value) && value >= low && value <= high
      ? null
      : `must be an integer from ${low} to ${high}`;
const oneOf =
  (...words: readonly string[]): Check =>
  (value) =>
    typeof value === 'string' && words.includes(value) ? null : `must be one of ${words.join(', ')}`;
const anyOf =
  (...checks: readonly Check[]): Check =>
  (value) => {
    const problems = checks.map((check) => check(value));
    return problems.includes(null) ? null : problems.join(', or ');
  };
const listOf =
  (check: Check): Check =>
  (value) => {
    if (!Array.isArray(value) || value.length === 0) return 'must be a non-empty array';
    for (const [index, entry] of value.entries()) {
      const problem = check(entry);
      if (problem !== null) return `entry ${index} ${problem}`;
    }
    return null;
  };
const dictOf =
  (keys: Readonly<Record<string, Check>>): Check =>
  (value) => {
    if (!isDict(value)) return 'must be a dictionary';
    for (const [key, entry] of Object.entries(value)) {
      const check = keys[key];
      if (check === undefined) return `has the unknown key "${key}"`;
      const problem = check(entry);
      if (problem !== null) return `key "${key}" ${problem}`;
    }
    return null;
  };
/** launchd silently drops an environment value that is not a string, so the wrong type is a problem here. */
const stringDict: Check = (value) => {
  if (!isDict(value)) return 'must be a dictionary';
  const wrong = Object.keys(value).find((key) => typeof value[key] !== 'string');
  return wrong === undefined ? null : `key "${wrong}" must be a string (launchd ignores any other type)`;
};

export function isDict(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Date) &&
    !ArrayBuffer.isView(value)
  );
}

/** A day: no wait of a job is meant to be longer, and a bigger number is a wrong unit. */
const longestSeconds = 86_400;

const calendarEntry = dictOf({
  Minute: integer(0, 59),
  Hour: integer(0, 23),
  Day: integer(1, 31),
  Weekday: integer(0, 7),
  Month: integer(1, 12),
});

/**
 * The keys of launchd.plist(5) a job of ours may carry, with their types. Keys the current manual calls dead, racy or
 * harmful for an agent (NetworkState, WatchPaths, LimitLoadToSessionType, Disabled, ...) are missing on purpose.
 */
const keys: Readonly<Record<string, Check>> = {
  Label: label,
  Program: absolutePath,
  ProgramArguments: listOf(string),
  RunAtLoad: boolean,
  KeepAlive: anyOf(boolean, dictOf({ SuccessfulExit: boolean, Crashed: boolean })),
  ThrottleInterval: integer(1, longestSeconds),
  StartInterval: integer(1, longestSeconds),
  StartCalendarInterval: anyOf(calendarEntry, listOf(calendarEntry)),
  /** 0 means "never SIGKILL": a job that hangs in its exit would then hang for ever. */
  ExitTimeOut: integer(1, longestSeconds),
  ProcessType: oneOf('Background', 'Standard', 'Adaptive', 'Interactive'),
  LegacyTimers: boolean,
  LowPriorityIO: boolean,
  LowPriorityBackgroundIO: boolean,
  Nice: integer(-20, 20),
  AbandonProcessGroup: boolean,
  EnvironmentVariables: stringDict,
  WorkingDirectory: absolutePath,
  Umask: anyOf(integer(0, 0o777), string),
  StandardInPath: absolutePath,
  StandardOutPath: absolutePath,
  StandardErrorPath: absolutePath,
};

/** Every problem of a parsed plist as a sentence; none means launchd reads each key as we mean it. */
export function checkPlistKeys(value: unknown): readonly string[] {
  if (!isDict(value)) return ['The top of the plist must be a dictionary.'];
  const problems: string[] = [];
  if (!('Label' in value)) problems.push('The key "Label" is missing.');
  if (!('Program' in value) && !('ProgramArguments' in value)) {
    problems.push('One of the keys "Program" and "ProgramArguments" must be there.');
  }
  for (const [key, entry] of Object.entries(value)) {
    const check = keys[key];
    if (check === undefined) problems.push(`The key "${key}" is not one a job of ours may carry.`);
    else {
      const problem = check(entry);
      if (problem !== null) problems.push(`The key "${key}" ${problem}.`);
    }
  }
  return problems;
}
