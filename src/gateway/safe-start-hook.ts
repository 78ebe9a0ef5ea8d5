import { existsSync } from 'node:fs';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { commandAfterEnv } from './env-wrapper.ts';
import { rootOfEntry } from './package.ts';
import { readText } from './read-text.ts';

/** How the gateway was started before our wrapper took the place of Node and entry: what the wrapper itself becomes. */
export interface SafeStartRecord {
  readonly version: 1;
  readonly node: string;
  /** Node's own options, such as the limit of its heap. */
  readonly flags: readonly string[];
  readonly entry: string;
}

/** The wrapper in the job is ours, somebody else's, or none; `dropped`: ours was there, and OpenClaw starts without it now. */
export type SafeStartHook =
  | { readonly kind: 'installed'; readonly wrapper: string; readonly record: SafeStartRecord | null }
  | { readonly kind: 'dropped'; readonly wrapper: string }
  | { readonly kind: 'foreign'; readonly wrapper: string }
  | { readonly kind: 'none' }
  /** The job itself cannot be read; `remembered`: the wrapper was installed once. */
  | { readonly kind: 'unknown'; readonly remembered: boolean };

const wrapperName = 'openclaw-immune-safe-start';
const recordName = 'safe-start.json';

export const wrapperIn = (directory: string): string => join(directory, wrapperName);
export const recordIn = (directory: string): string => join(directory, recordName);
/** The files whose absence the wrapper asks about, one a line, relative to the package. */
export const listIn = (directory: string): string => join(directory, 'safe-start.list');

/** A path of a program or a flag; far more than these is not what we wrote. */
const maxFlags = 100;

/** What was recorded in our folder; null when it is missing or not ours. */
export function readRecord(directory: string): SafeStartRecord | null {
  const text = readText(recordIn(directory));
  if (text === null) return null;
  try {
    const value = JSON.parse(text) as Readonly<Record<string, unknown>> | null;
    const { version, node, flags, entry } = value ?? {};
    if (version !== 1 || typeof node !== 'string' || typeof entry !== 'string') return null;
    if (!isAbsolute(node) || !isAbsolute(entry) || !Array.isArray(flags) || flags.length > maxFlags)
      return null;
    const words = flags.filter((flag): flag is string => typeof flag === 'string');
    return words.length === flags.length ? { version, node, flags: words, entry } : null;
  } catch {
    // Torn or edited: the wrapper itself does not read it, so the gateway starts all the same.
    return null;
  }
}

/** Our wrapper at the head of a job's command, by its name alone. */
export const isOurWrapper = (program: string | undefined): program is string =>
  program !== undefined && isAbsolute(program) && basename(program) === wrapperName;

/** The command our wrapper becomes, in the place of the wrapper; any other command stays as it is. */
export function seeThrough(command: readonly string[]): readonly string[] {
  const [program, ...rest] = command;
  if (!isOurWrapper(program)) return command;
  const record = readRecord(dirname(program));
  return record === null ? command : [record.node, ...record.flags, record.entry, ...rest];
}

/** Whether launchd starts the gateway through our wrapper in that folder. */
export function readHook(job: {
  readonly programArguments: readonly string[];
  readonly directory: string;
}): SafeStartHook {
  const { programArguments, directory } = job;
  const wrapper = wrapperIn(directory);
  const remembered = readText(recordIn(directory)) !== null;
  const [program] = commandAfterEnv(programArguments);
  if (program === undefined) return { kind: 'unknown', remembered };
  if (program === wrapper) return { kind: 'installed', wrapper, record: readRecord(directory) };
  // A Node or bun of OpenClaw's own choice is no wrapper.
  if (!/^(?:node(?:[-@]?\d+)?|bun)$/.test(basename(program))) return { kind: 'foreign', wrapper: program };
  return remembered ? { kind: 'dropped', wrapper } : { kind: 'none' };
}

/** What status and the daemon say of it; null where there is nothing to say. */
export function hookTrouble(hook: SafeStartHook): string | null {
  switch (hook.kind) {
    case 'installed':
      return movedTrouble(hook.record);
    case 'dropped':
      return `OpenClaw starts the gateway without safe start now; to put it back (the gateway restarts once): immune install --safe-start; if that was meant: rm -r '${dirname(hook.wrapper).replaceAll("'", "'\\''")}'`;
    case 'foreign':
    case 'none':
    case 'unknown':
      return null;
    default:
      return hook satisfies never;
  }
}

/** Then the wrapper starts what `openclaw` means now, and neither it nor we know where that lies. */
function movedTrouble(record: SafeStartRecord | null): string | null {
  const root = record === null ? null : rootOfEntry(record.entry);
  if (root === null || existsSync(dirname(root))) return null;
  return `${root} is gone, and the gateway is started as "openclaw" now; to have it looked at again: immune install`;
}
