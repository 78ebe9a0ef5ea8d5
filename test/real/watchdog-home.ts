import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CommandResult, runCommand } from './commands.ts';
import type { GatewayHome } from './gateway-home.ts';
import { checkout } from './places.ts';
import { until } from './processes.ts';

/** One line of our journal; what else it holds depends on its kind. */
export interface JournalEntry {
  readonly seq: number;
  readonly at: number | string;
  readonly kind: string;
  readonly [field: string]: unknown;
}

/** Copies a Node of 150 MB and starts four jobs. */
const installTimeoutMs = 120_000;
const commandTimeoutMs = 30_000;

export type WatchdogHome = Awaited<ReturnType<typeof installWatchdog>>;

export const watchdogLabel = 'org.openclaw-immune.watchdog';

/**
 * Installs our watchdog beside this gateway through the real `./install.sh`: the launchctl double is first on PATH, so
 * it takes the macOS layout.
 */
export async function installWatchdog(gateway: GatewayHome, ...options: readonly string[]) {
  const data = join(gateway.home, 'Library', 'Application Support', 'openclaw-immune');
  const logs = join(gateway.home, 'Library', 'Logs', 'openclaw-immune');
  const state = join(data, 'state');

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
      .flatMap((line) => parseOrNothing(line));

  const target = `${gateway.domain}/${watchdogLabel}`;

  return {
    data,
    logs,
    state,
    configPath: join(data, 'config.json5'),
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
    statusFile(): Record<string, unknown> | null {
      const text = readIfThere(join(state, 'status.json'));
      return text === '' ? null : (JSON.parse(text) as Record<string, unknown>);
    },

    async status(): Promise<Record<string, unknown>> {
      const told = await immune('status', '--json');
      return JSON.parse(told.stdout) as Record<string, unknown>;
    },

    alert: (): string => readIfThere(join(state, 'ALERT.md')),
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
      wanted: (status: Record<string, unknown>) => boolean,
      timeoutMs: number,
    ): Promise<Record<string, unknown>> {
      return until(
        `status.json: ${what}`,
        () => {
          const text = readIfThere(join(state, 'status.json'));
          const [status] = parseOrNothing(text);
          return status !== undefined && wanted(status) ? status : null;
        },
        { timeoutMs },
      );
    },

    /** The files the watchdog left in its state folder: a failed scenario prints them. */
    files: (): readonly string[] => (existsSync(state) ? readdirSync(state) : []),
  };
}

const readIfThere = (path: string): string => (existsSync(path) ? readFileSync(path, 'utf8') : '');

function parseOrNothing(line: string): readonly JournalEntry[] {
  try {
    return [JSON.parse(line)];
  } catch {
    // A line somebody is writing at this moment, or damage a scenario made on purpose.
    return [];
  }
}
