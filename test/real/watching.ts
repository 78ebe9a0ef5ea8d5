import type { Notice } from '../../src/core/notice.ts';
import type { State } from '../../src/core/state.ts';
import type { StatusFile as ToldStatus } from '../../src/daemon/status-file.ts';
import type { GatewayHome } from './gateway-home.ts';
import { until } from './processes.ts';
import type { JournalEntry, StatusFile, WatchdogHome } from './watchdog-home.ts';

// What the scenarios of trust, failures and our own death read out of the watchdog, with the daemon's own types.

/** The status file with the daemon's own type. */
export const told = (status: StatusFile): ToldStatus => status as unknown as ToldStatus;

export const stateOf = (entry: JournalEntry): State => entry['state'] as State;

export const noticesOf = (watchdog: WatchdogHome, kind: Notice['kind']): readonly Notice[] =>
  watchdog
    .journal()
    .flatMap((entry) => entry['notices'] as readonly Notice[])
    .filter((notice) => notice.kind === kind);

/** Every action the watchdog announced, by what it was to do. */
export const intentsOf = (watchdog: WatchdogHome): readonly string[] =>
  watchdog
    .journal()
    .filter((entry) => entry.kind === 'intent')
    .map((entry) => {
      const { phase } = stateOf(entry);
      return phase.kind === 'repairing' ? phase.action.step.kind : `none (${phase.kind})`;
    });

/** The process of the running watchdog, by its own word. */
export const daemonPid = (watchdog: WatchdogHome): number => told(watchdog.statusFile() ?? {}).pid;

export const waitHealthy = (watchdog: WatchdogHome, timeoutMs = 120_000): Promise<StatusFile> =>
  watchdog.waitForStatus('healthy', (status) => told(status).state.phase.kind === 'healthy', { timeoutMs });

/** The one job's process has ended. */
export const waitGone = (gateway: GatewayHome, timeoutMs = 60_000): Promise<true> =>
  until('the gateway to be gone', async () => ((await gateway.pid()) === null ? true : null), { timeoutMs });

/** Waits for the notice and gives it. */
export const waitForNotice = (
  watchdog: WatchdogHome,
  kind: Notice['kind'],
  wait: { readonly timeoutMs: number; readonly count?: number },
): Promise<Notice> =>
  until(
    `notice ${wait.count ?? 1} of kind ${kind}`,
    () => noticesOf(watchdog, kind)[(wait.count ?? 1) - 1] ?? null,
    { timeoutMs: wait.timeoutMs, everyMs: 100 },
  );
