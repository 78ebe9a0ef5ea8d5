import { defaultPolicy, type Policy } from '../core/policy.ts';
import { parseJson5 } from './json5.ts';
import { policyProblems } from './limits.ts';
import { durationOf, knownKeys, type SettingsFile, settingsSchema } from './schema.ts';
import { suggest } from './suggest.ts';

/** The settings in force: every default filled in, every duration in milliseconds. */
export type Settings = Readonly<Omit<SettingsFile, 'policy'>> & { readonly policy: Policy };

/** One thing to mend: in which file, at which key (dotted, empty for the whole file), and how. */
export interface SettingsProblem {
  readonly path: string;
  readonly key: string;
  readonly hint: string;
}

export type SettingsOutcome =
  | { readonly kind: 'ok'; readonly settings: Settings }
  | { readonly kind: 'invalid'; readonly problems: readonly SettingsProblem[] };

export type LoadOutcome =
  | SettingsOutcome
  | { readonly kind: 'missing'; readonly path: string }
  | { readonly kind: 'unreadable'; readonly path: string; readonly because: string };

/** `readIfExists` of system/durable-file.ts fits here. */
export type ReadBounded = (
  path: string,
  maxBytes: number,
) => Promise<
  | { readonly kind: 'read'; readonly bytes: Buffer }
  | { readonly kind: 'missing' }
  | { readonly kind: 'too-large' | 'unreadable'; readonly because: string }
>;

/** A hundred times the file the installer writes. */
const maxBytes = 1_048_576;
/** After so many a person has enough to mend. */
const maxProblems = 20;

export async function loadSettings(path: string, read: ReadBounded): Promise<LoadOutcome> {
  const outcome = await read(path, maxBytes);
  if (outcome.kind === 'missing') return { kind: 'missing', path };
  if (outcome.kind !== 'read') return { kind: 'unreadable', path, because: outcome.because };
  return parseSettings(outcome.bytes.toString('utf8'), path);
}

export function parseSettings(text: string, path: string): SettingsOutcome {
  const parsed = parseJson5(text);
  if (parsed.kind === 'invalid') {
    // Some parsers repeat the place inside their message, as "2:5".
    const because = parsed.because.replace(/ at \d+:\d+$/, '');
    const place = parsed.line === null ? '' : ` at line ${parsed.line}, column ${parsed.column ?? 1}`;
    const hint = `${because}${place}`;
    return { kind: 'invalid', problems: [{ path, key: '', hint }] };
  }
  const result = settingsSchema.safeParse(parsed.value);
  if (!result.success) {
    const problems = result.error.issues.flatMap((issue) => explain(issue, parsed.value));
    return { kind: 'invalid', problems: problems.slice(0, maxProblems).map((each) => ({ path, ...each })) };
  }
  const policy = mergePolicy(result.data.policy);
  const problems = policyProblems(policy).map((each) => ({ path, ...each }));
  if (problems.length > 0) return { kind: 'invalid', problems };
  return { kind: 'ok', settings: { ...result.data, policy } };
}

type Issue = NonNullable<ReturnType<typeof settingsSchema.safeParse>['error']>['issues'][number];

/** Says what is expected at a key, in words that do not need the schema beside them. */
function explain(issue: Issue, whole: unknown): readonly { readonly key: string; readonly hint: string }[] {
  const key = dotted(issue.path);
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((unknown) => ({
        key: dotted([...issue.path, unknown]),
        hint: unknownHint(unknown, knownKeys(issue.path)),
      }));
    case 'invalid_type': {
      const found = at(whole, issue.path);
      if (found === undefined) return [{ key, hint: `is missing; expected ${article(issue.expected)}` }];
      return [{ key, hint: `expected ${article(issue.expected)}, found ${describe(found, key)}` }];
    }
    case 'invalid_value': {
      const values = issue.values.map((value) => JSON.stringify(value));
      const found = at(whole, issue.path);
      const near = typeof found === 'string' ? suggest(found, issue.values.map(String)) : null;
      const meant = near === null ? '' : `; did you mean "${near}"?`;
      const expected = values.join(' or ');
      if (found === undefined) return [{ key, hint: `is missing; expected ${expected}` }];
      return [{ key, hint: `expected ${expected}, found ${describe(found, key)}${meant}` }];
    }
    case 'too_small':
      return [
        { key, hint: issue.origin === 'string' ? 'must not be empty' : `must be at least ${issue.minimum}` },
      ];
    case 'too_big':
      return [{ key, hint: atMost(issue.origin, issue.maximum) }];
    default:
      return [{ key, hint: `${issue.message}, found ${describe(at(whole, issue.path), key)}` }];
  }
}

function atMost(origin: string, maximum: number | bigint): string {
  if (origin === 'string') return `must have at most ${maximum} characters`;
  return origin === 'array' ? `must have at most ${maximum} entries` : `must be at most ${maximum}`;
}

function unknownHint(unknown: string, known: readonly string[]): string {
  const near = suggest(unknown, known);
  if (near !== null) return `is not a setting; did you mean "${near}"?`;
  return `is not a setting; known here: ${known.join(', ')}`;
}

/** Overrides over the defaults. The schema has vouched for each value. */
function mergePolicy(overrides: SettingsFile['policy']): Policy {
  const merged: Record<string, unknown> = { ...defaultPolicy };
  for (const [key, value] of Object.entries(overrides)) {
    if (value === undefined) continue;
    const preset = merged[key];
    if (typeof value === 'object') {
      const windowMs = value.windowMs === undefined ? {} : { windowMs: durationOf(value.windowMs) };
      merged[key] = { ...(preset as object), ...value, ...windowMs };
    } else {
      merged[key] = key.endsWith('Ms') ? durationOf(value) : value;
    }
  }
  return merged as unknown as Policy;
}

const dotted = (path: readonly PropertyKey[]): string => path.map(String).join('.');

function at(whole: unknown, path: readonly PropertyKey[]): unknown {
  let value = whole;
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Readonly<Record<PropertyKey, unknown>>)[key];
  }
  return value;
}

/** Where a secret's place is asked for, the secret itself is what people write by mistake, and it may be short. */
const secretKey = /\.secret[^.]*$/;

/** Only the kind of a value unless it is short: somebody may have pasted a secret into the wrong place. */
function describe(value: unknown, key: string): string {
  if (value === null) return 'null';
  if (secretKey.test(key) && typeof value !== 'object')
    return typeof value === 'string' ? 'a text' : `a ${typeof value}`;
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'an object';
  if (typeof value === 'string') return value.length <= 24 ? JSON.stringify(value) : 'a text';
  return String(value);
}

function article(expected: string): string {
  switch (expected) {
    case 'string':
      return 'a text in quotes';
    case 'int':
      return 'a whole number';
    case 'object':
      return 'an object { … }';
    case 'array':
      return 'a list [ … ]';
    case 'boolean':
      return 'true or false';
    default:
      return `a ${expected}`;
  }
}
