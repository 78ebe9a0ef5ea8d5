import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CommandResult, runCommand } from './commands.ts';
import type { GatewayHome } from './gateway-home.ts';
import { checkout } from './places.ts';
import { until } from './processes.ts';

/** One line of our journal; what else it holds depends on its kind. */
export interface JournalEntry {
  readonly seq: number;
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
  readonly kind: string;
  readonly because?: string;
  readonly [field: string]: unknown;
}

/** What status.json holds; a scenario checks the part it is about. */
export type StatusFile = Readonly<Record<string, unknown>>;

/** The kind of phase a status (or a journal line with a state) tells of. */
export function phaseOf(told: StatusFile): string | null {
  const state = told['state'] as { readonly phase?: { readonly kind?: string } } | undefined;
  return state?.phase?.kind ?? null;
}

/** Copies a Node of 150 MB and starts four jobs. */
const installTimeoutMs = 120_000;
const commandTimeoutMs = 30_000;

export type WatchdogHome = Awaited<ReturnType<typeof installWatchdog>>;

/** A duration such as "10s", a count, or a window with its limit. */
type PolicyWords = Readonly<
  Record<string, string | number | { readonly limit: number; readonly windowMs: string }>
>;

const watchdogLabel = 'org.openclaw-immune.watchdog';

/**
 * Installs our watchdog beside this gateway through the real `./install.sh`: the launchctl double is first on PATH, so
 * it takes the macOS layout.
 */
export async function installWatchdog(gateway: GatewayHome, ...options: readonly string[]) {
  const data = join(gateway.home, 'Library', 'Application Support', 'openclaw-immune');
  const logs = join(gateway.home, 'Library', 'Logs', 'openclaw-immune');
  const state = join(data, 'state');
  const configPath = join(data, 'config.json5');

  const install = (...args: readonly string[]): Promise<CommandResult> =>
    runCommand('/bin/sh', [join(checkout, 'install.sh'), ...args], {
      env: gateway.env,
      cwd: checkout,
      timeoutMs: installTimeoutMs,
    });

  const installed = await install(...options);
  if (installed.code !== 0) {
    throw new Error(`install.sh ended with ${installed.code}\n${installed.stdout}\n${installed.stderr}`);
  }

  const immune = (...args: readonly string[]): Promise<CommandResult> =>
    runCommand(join(gateway.home, '.local', 'bin', 'immune'), args, {
      env: gateway.env,
      cwd: gateway.home,
      timeoutMs: commandTimeoutMs,
    });

  /** Every journal line so far, oldest first; a last line still being written is left out. */
  const journal = (): readonly JournalEntry[] =>
    readIfThere(join(state, 'journal.jsonl'))
      .split('\n')
      .slice(0, -1)
      .flatMap((line) => parseOrNothing<JournalEntry>(line));

  const readStatus = (): StatusFile | null => {
    const [status] = parseOrNothing<StatusFile>(readIfThere(join(state, 'status.json')));
    return status ?? null;
  };

  const target = `${gateway.domain}/${watchdogLabel}`;

  return {
    data,
    logs,
    state,
    configPath,
    installed,
    install,
    immune,
    journal,
    label: watchdogLabel,
    target,

    async pid(): Promise<number | null> {
      const printed = await gateway.launchctl('print', target);
      const found = /^\tpid = (\d+)$/m.exec(printed.stdout);
      return printed.code === 0 && found !== null ? Number(found[1]) : null;
    },

    /** What the daemon last wrote of itself, or null before it did. */
    statusFile: readStatus,

    async status(): Promise<StatusFile> {
      const told = await immune('status', '--json');
      return JSON.parse(told.stdout) as StatusFile;
    },

    /** Edits the settings as a person would, and waits until the running daemon goes by them. */
    async setPolicy(policy: PolicyWords): Promise<void> {
      const before = readFileSync(configPath, 'utf8');
      const lines = Object.entries(policy).map(([key, value]) => `    ${key}: ${JSON.stringify(value)},\n`);
      const after = before.replace(/^ {2}policy: \{\n/m, (opening) => opening + lines.join(''));
      writeFileSync(configPath, after);
      await until(
        'the daemon to take the policy',
        () => {
          const shortened = (readStatus()?.['shortened'] ?? []) as readonly string[];
          const taken = Object.keys(policy).every((key) => shortened.some((s) => s.startsWith(`${key}=`)));
          return taken ? true : null;
        },
        { timeoutMs: 60_000 },
      );
    },

    alert: (): string => readIfThere(join(data, 'ALERT.md')),
    log: (): string => readIfThere(join(logs, 'watchdog.log')),

    /** The first journal line, from `afterSeq` on, that `wanted` accepts. */
    waitForJournal(
      what: string,
      wanted: (entry: JournalEntry) => boolean,
      wait: { readonly timeoutMs: number; readonly afterSeq?: number },
    ): Promise<JournalEntry> {
      return until(
        `a journal line: ${what}`,
        () => journal().find((entry) => entry.seq > (wait.afterSeq ?? -1) && wanted(entry)) ?? null,
        { timeoutMs: wait.timeoutMs, everyMs: 100 },
      );
    },

    waitForStatus(
      what: string,
      wanted: (status: StatusFile) => boolean,
      wait: { readonly timeoutMs: number },
    ): Promise<StatusFile> {
      return until(
        `status.json: ${what}`,
        () => {
          const status = readStatus();
          return status !== null && wanted(status) ? status : null;
        },
        { timeoutMs: wait.timeoutMs },
      );
    },

    /** The files the watchdog left in its state folder: a failed scenario prints them. */
    files: (): readonly string[] => (existsSync(state) ? readdirSync(state) : []),
  };
}

const readIfThere = (path: string): string => (existsSync(path) ? readFileSync(path, 'utf8') : '');

function parseOrNothing<T>(text: string): readonly T[] {
  try {
    return [JSON.parse(text) as T];
  } catch {
    // Somebody is writing it at this moment, or a scenario damaged it on purpose, or it is not there yet.
    return [];
  }
}
