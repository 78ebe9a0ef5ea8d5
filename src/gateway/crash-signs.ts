import type { LogFinding } from '../core/ground-evidence.ts';
import type { Instant } from '../core/time.ts';

type Sign = LogFinding['sign'];

/** One line of the console log without timestamp and colours. */
export interface Said {
  /** Null for a line without a timestamp. */
  readonly at: Instant | null;
  /** `gateway` of `[gateway] …`; null for a line that names none. */
  readonly subsystem: string | null;
  readonly text: string;
}

interface Found {
  readonly sign: Sign;
  readonly text: string;
}

/** What a start failed of, by the words of the error; the first that fits, from the surest to the vaguest. */
const reasons: readonly (readonly [RegExp, Sign])[] = [
  [/\bCannot find (?:package|module) '|\bERR_MODULE_NOT_FOUND\b/, 'module-missing'],
  // A truncated file of code, or files of two versions side by side. (JSON is not code: "end of JSON input".)
  [
    /^(?:Invalid or unexpected token|Unexpected end of input|Unexpected (?:token|identifier) '[^']*'(?=$|\. | \|))/,
    'code-damaged',
  ],
  [
    /^(?:missing \) after argument list|Unterminated (?:template|string)|Invalid regular expression: missing)/,
    'code-damaged',
  ],
  [/^The requested module '.+' does not provide an export named /, 'code-damaged'],
  [/\bschema\(s\) are newer than this build\b|\buses newer schema version \d+/, 'schema-newer'],
  [/\bE[MN]FILE\b|\btoo many open files\b/, 'descriptors'],
  [/\bENOSPC\b|\bEDQUOT\b|\bdatabase or disk is full\b/, 'disk-full'],
  [/\bEADDRINUSE\b|^another gateway instance is already listening on /, 'port-taken'],
  [
    /\bStateDatabaseCoordinatorContentionError\b|\bGatewayLockError\b|^gateway already running\b/,
    'already-running',
  ],
  [/^Invalid config at |\bexisting config is missing gateway\.mode\b/, 'config-invalid'],
  [/\bgateway\.(?:maintenance_required|agent_media_migration_required)\b/, 'migration-required'],
];

/**
 * Lines that say all by themselves, and the subsystem they must come from (null: they name none). The logger takes a
 * leading "gateway" out of what its subsystem of that name says.
 */
const shapes: readonly (readonly [Sign, string | null, RegExp])[] = [
  ['config-invalid', null, /^Gateway start blocked: existing config is missing gateway\.mode\b/],
  ['config-invalid', null, /^Missing config\. Run `openclaw setup`/],
  ['config-invalid', null, /^OpenClaw config is invalid; run "openclaw doctor --fix"/],
  ['config-invalid', null, /^Invalid config at \S.*[.:]$/],
  ['config-invalid', null, /^Config file is not readable by the current process/],
  ['config-invalid', 'reload', /^config reload skipped \((?:invalid config|config file not found)\)/],
  ['port-taken', null, /^Port \d{1,5} is already in use\.$/],
  ['already-running', 'gateway', /^(?:gateway )?already running under \S+; (?:waiting|existing)/],
  ['schema-newer', 'gateway', /^refused startup because \d+ OpenClaw database schema\(s\) are newer/],
  ['environment-file', null, /^Invalid LaunchAgent environment file; run openclaw gateway install/],
  ['node-unfit', null, /^Node \d+\.\d+\.\d+: (?:node:sqlite|SQLite) /],
  ['node-unfit', null, /^openclaw requires Node >=\d/],
  ['node-unfit', null, /^openclaw: Node\.js v\S+ is required \(current: v/],
  ['out-of-memory', null, /^FATAL ERROR: .{1,120} - JavaScript heap out of memory$/],
  ['breaker-tripped', 'gateway', /^(?:gateway )?restart-loop breaker tripped: \d+ unclean boot/],
  ['plugin-converging', 'state-migrations', /^Plugin "[^"]+" data\/settings upgrade is unfinished:/],
  [
    'plugin-converging',
    'config',
    /^warnings: .*\bcannot be checked until its data\/settings upgrade finishes\b/,
  ],
];

/** Where an error is told in OpenClaw's own words; the group is the error itself. */
const heads: readonly (readonly [string | null, RegExp])[] = [
  [null, /^Gateway failed to start: (.+)$/],
  ['openclaw', /^Reason: (.+)$/],
  ['openclaw', /^(?:CLI failed|Uncaught exception): (.+)$/],
  ['gateway', /^(?:gateway )?startup failed: (.+)$/],
  ['gateway', /^sidecars failed to start: (.+)$/],
];

/** A stack and its error's own fields: Node prints at most this many lines between an error and its version. */
const maxStackLines = 40;

/** What the line at this place is a sign of, or null. */
export function signOf(lines: readonly Said[], index: number): Found | null {
  const line = lines[index];
  if (line === undefined) return null;
  const { subsystem, text } = line;
  const shape = shapes.find(([, from, known]) => from === subsystem && known.test(text));
  if (shape !== undefined) return { sign: shape[0], text: withDetail(line, lines[index + 1]) };
  for (const [from, head] of heads) {
    const error = from === subsystem ? head.exec(text)?.[1] : undefined;
    if (error !== undefined) return { sign: reasonOf(error), text: withDetail(line, lines[index + 1]) };
  }
  // Node's last word after an error nobody caught: the error stands above its stack.
  if (subsystem !== null || !/^Node\.js v\d+\.\d+\.\d+$/.test(text)) return null;
  const above = lines.slice(Math.max(0, index - maxStackLines), index);
  const error = above.findLast((earlier) => earlier.subsystem === null && uncaught.test(earlier.text));
  return error === undefined ? null : { sign: reasonOf(error.text), text: error.text };
}

/** The line as it was said, with the one below where that names the key of a config that is wrong. */
function withDetail({ subsystem, text }: Said, below: Said | undefined): string {
  const line = subsystem === null ? text : `[${subsystem}] ${text}`;
  const more = /\bInvalid config at \S.*[.:]$/.test(text) && below?.at === null && below.subsystem === null;
  return more ? `${line} ${below.text}` : line;
}

const uncaught = /^(?:Uncaught )?[A-Z]?\w*Error(?: \[\w+\])?: ./;

function reasonOf(error: string): Sign {
  const bare = error.replace(/^(?:Uncaught )?[A-Z]?\w*Error(?: \[\w+\])?: /, '');
  // Code is judged by the bare words, everything else by the whole: the class of an error may be all that tells.
  return reasons.find(([words]) => words.test(bare) || words.test(error))?.[1] ?? 'other-failure';
}
