import type { Evidence } from '../core/evidence.ts';
import { defaultPolicy, type Policy } from '../core/policy.ts';
import type { State } from '../core/state.ts';
import type { Instant } from '../core/time.ts';
import { type AlertParts, openAlertDesk } from './alert-desk.ts';
import { type Jobs, startJobs } from './jobs.ts';
import { createLifeboatFacts } from './lifeboat-facts.ts';
import { listenForRequests } from './listen.ts';
import { type StatusFile, trialViewOf, writeStatus } from './status-file.ts';
import { openWatch, type Watch, type WatchParts } from './watch.ts';
import { watchConfig } from './watch-config.ts';

export interface DaemonParts extends WatchParts, Pick<AlertParts, 'openChannels'> {
  /** Calls back when the settings file may have changed; returns how to stop. */
  readonly onSettings: (changed: () => void) => () => void;
  readonly signal: AbortSignal;
}

export type DaemonEnd = { readonly kind: 'stopped' } | { readonly kind: 'failed'; readonly because: string };

/** The watchdog. The caller holds the lease. Runs until the signal aborts. */
export async function runDaemon(parts: DaemonParts): Promise<DaemonEnd> {
  const { paths, log } = parts;
  const beat = async (
    state: State,
    evidence: Evidence | null,
    lastDeepProbeAt: Instant | null,
  ): Promise<void> => {
    renewLifeboat();
    return writeStatus(paths.state, {
      ...headOf(watch, parts),
      startedAt,
      at: parts.clock.now(),
      state,
      evidence,
      lastDeepProbeAt,
      nextDeepProbeAt: jobs.nextDeepProbeAt(),
      nextSnapshotAt: jobs.nextRunAt('snapshot'),
      nextArchiveAt: jobs.nextRunAt('archive'),
    });
  };
  const opened = await openWatch(parts, {
    mode: null,
    wait: false,
    beat,
    openAlerts: (begin) => openAlertDesk(parts, begin),
  });
  if ('kind' in opened) return opened;
  const watch: Watch = opened;
  const { loop, clock, rules, settings, guard, packages } = watch;
  const startedAt = parts.clock.now();
  const jobs: Jobs = startJobs({
    cron: settings.schedule,
    stateDir: paths.state,
    clock: parts.clock,
    log,
    deepProbe: () => void loop.deepen(),
    start: parts.startJob,
    quiet: () => loop.state().phase.kind === 'healthy',
  });
  const renewLifeboat = createLifeboatFacts({
    clock: parts.clock,
    paths,
    settings: () => ({ gateway: settings.gateway, policy: rules().policy }),
    endpoint: watch.link.endpoint,
    version: watch.version,
    sight: parts.sight,
    log,
  });
  await watch.takeUp();
  const stopWatch = watchConfig(settings.gateway.configPath, loop.nudge, parts.clock);
  const stopCommands = listenForRequests(paths.state, loop, {
    clock,
    log,
    rules,
    trials: guard.trials,
    packages: packages.hands,
    port: watch.port,
    alerts: watch.alerts,
  });
  const stopSettings = parts.onSettings(() => loop.nudge());

  watch.link.refresh();
  log.info(
    `The watchdog has started (process ${process.pid}, ${rules().mode === 'act' ? 'acting' : 'observing only'})`,
  );
  await loop.run(parts.signal);

  stopCommands();
  stopSettings();
  stopWatch();
  await jobs.stop();
  await watch.close('the watchdog was asked to stop');
  log.info('The watchdog has stopped');
  return { kind: 'stopped' };
}

/** What `status` shows of it, whatever the newest look has found. */
function headOf(
  { link, rules, settings, guard, packages, alerts, version }: Watch,
  parts: Pick<DaemonParts, 'settings'>,
): Pick<
  StatusFile,
  | 'version'
  | 'pid'
  | 'mode'
  | 'gateway'
  | 'shortened'
  | 'settingsProblem'
  | 'snapshots'
  | 'archives'
  | 'trial'
  | 'alerts'
> {
  const endpoint = link.endpoint();
  return {
    version: 1,
    pid: process.pid,
    mode: rules().mode,
    gateway: {
      label: settings.gateway.label,
      url: urlOf(endpoint),
      version: version(),
      auth: endpoint.auth.kind === 'secret' ? 'authenticated' : endpoint.auth.kind,
      problems: link.problems(),
    },
    shortened: changedPolicy(rules().policy),
    settingsProblem: parts.settings().problem,
    snapshots: guard.keeper.view(),
    archives: packages.view(),
    trial: trialViewOf(guard.trials.current()),
    alerts: alerts.view(),
  };
}

function urlOf({ tls, host, port }: { tls: boolean; host: string; port: number }): string {
  return `${tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** Policy entries that are not as shipped, so that nobody takes a shortened test for the real pace. */
function changedPolicy(policy: Policy): readonly string[] {
  return Object.entries(policy).flatMap(([key, value]) => {
    const usual: unknown = defaultPolicy[key as keyof Policy];
    return JSON.stringify(value) === JSON.stringify(usual) ? [] : [`${key}=${JSON.stringify(value)}`];
  });
}
