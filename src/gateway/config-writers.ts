import type { ListProcesses, LiveProcess } from './live-processes.ts';
import { isUpdater } from './live-processes.ts';

/**
 * Commands of OpenClaw's that write the config. Measured on 2026.4 to 2026.9: the process that does the work calls
 * itself `openclaw-<command>` once it is up; on 2026.9 its parent shows the whole command line, on the older ones
 * both hide it.
 */
const writing: ReadonlySet<string> = new Set([
  'agents',
  'channels',
  'config',
  'configure',
  'doctor',
  'hooks',
  'models',
  'onboard',
  'plugins',
  'reset',
  'setup',
  'skills',
  'uninstall',
  'update',
]);
/** What only reads, where the command line shows it. */
const reading: ReadonlySet<string> = new Set([
  'capabilities',
  'file',
  'get',
  'info',
  'inspect',
  'list',
  'logs',
  'schema',
  'search',
  'show',
  'status',
  'validate',
]);
/** A parent's parent's …: shells and wrappers, then `init`. A loop in what ps tells ends here, too. */
const maxAncestors = 32;

/**
 * Names a living command of OpenClaw's (or of npm's) that may be about to write the config; null when there is none.
 * Our own validator runs `openclaw config validate` and is no writer: it is told by its descent from a program of ours.
 */
export async function findConfigWriter(processes: ListProcesses): Promise<string | null> {
  let rows: readonly LiveProcess[];
  try {
    rows = await processes();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return `it cannot be told whether a command of OpenClaw's is changing the config: ${why}`;
  }
  const byPid = new Map(rows.map((row) => [row.pid, row]));
  const own = process.getuid?.() ?? 0;
  for (const row of rows) {
    // Another user's command is about another home; only an update of the package may be made by root for all.
    if (row.uid !== undefined && row.uid !== own && !isUpdater(row)) continue;
    const what = writes(row, byPid);
    if (what !== null) return `process ${row.pid} (${what}) may be changing the config`;
  }
  return null;
}

/** What it is, in words without arguments: those may hold a secret. */
function writes(row: LiveProcess, byPid: ReadonlyMap<number, LiveProcess>): string | null {
  if (isUpdater(row) && /openclaw(?!-immune)/.test(row.command)) return 'an update of OpenClaw';
  const command = commandOf(row);
  if (command === null || !writing.has(command.verb)) return null;
  if (command.detail !== null && reading.has(command.detail)) return null;
  const line = ancestors(row, byPid);
  if (command.detail === null) {
    // We start no command of this name but the validator; a gateway that we supervise may start a doctor.
    if (command.verb === 'config' && line.some(isOurs)) return null;
    // It calls itself by its command alone; the process that started it may show what it is to do.
    const told = line.map(commandOf).find((each) => each?.verb === command.verb && each.detail !== null);
    if (told?.detail !== undefined && told.detail !== null && reading.has(told.detail)) return null;
  }
  return `openclaw ${command.verb}`;
}

/** This process, or another of ours: a command beside the daemon, or the watchdog of another home. */
const isOurs = ({ pid, command }: LiveProcess): boolean =>
  pid === process.pid || /(?:^|[\s/])immune\.mjs(?=\s|$)/.test(command);

/**
 * Whether one of our programs started it itself. By way of others does not count: a gateway that we supervise starts
 * programs of its own.
 */
export const isStartedByUs = ({ ppid }: LiveProcess, byPid: ReadonlyMap<number, LiveProcess>): boolean => {
  const parent = ppid === undefined ? undefined : byPid.get(ppid);
  return parent !== undefined && isOurs(parent);
};

interface Command {
  readonly verb: string;
  /** The first word behind it; null where there is none to be seen. */
  readonly detail: string | null;
}

function commandOf({ command }: LiveProcess): Command | null {
  const titled = /^openclaw-([a-z]+)\s*$/.exec(command)?.[1];
  if (titled !== undefined) return { verb: titled, detail: null };
  const words = /(?:^|[\s/])(?:openclaw(?:\.mjs)?|openclaw\/dist\/(?:index|entry)\.m?js)(?=\s)(.*)$/.exec(
    command,
  )?.[1];
  if (words === undefined) return null;
  // Options before the command: those that take a word of their own are taken away with it.
  const plain = words
    .replace(/\s--(?:profile|log-level|container)\s+\S+/g, '')
    .trim()
    .split(/\s+/)
    .filter((word) => !word.startsWith('-'));
  const [verb, detail] = plain;
  return verb === undefined ? null : { verb, detail: detail ?? null };
}

function ancestors(row: LiveProcess, byPid: ReadonlyMap<number, LiveProcess>): readonly LiveProcess[] {
  const line: LiveProcess[] = [];
  let next = row.ppid;
  while (next !== undefined && next > 1 && line.length < maxAncestors) {
    const parent = byPid.get(next);
    if (parent === undefined) break;
    line.push(parent);
    next = parent.ppid;
  }
  return line;
}
