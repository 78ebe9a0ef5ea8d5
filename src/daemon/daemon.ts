import { writeAlertFile } from '../alerts/alert-file.ts';
import type { Paths } from '../config/paths.ts';
import type { Settings } from '../config/settings.ts';
import type { Rules } from '../core/look.ts';
import type { Notice } from '../core/notice.ts';
import { defaultPolicy, type Policy } from '../core/policy.ts';
import type { State } from '../core/state.ts';
import type { Clock } from '../core/time.ts';
import { createEyes, type EyesParts, lookAtListener } from '../probes/eyes.ts';
import { createGatewayLink } from '../probes/gateway-link.ts';
import { createGroundSights } from '../probes/ground-sights.ts';
import { observe } from '../probes/observe.ts';
import { type Hands, perform } from '../repairs/perform.ts';
import { ensurePrivateDirectory } from '../system/durable-file.ts';
import type { Log } from '../system/log.ts';
import type { Processes } from '../system/process.ts';
import { run } from '../system/run.ts';
import type { ServiceManager } from '../system/service-manager.ts';
import { begin } from './begin.ts';
import { commandsDirectory } from './commands.ts';
import { type ConfigGuard, createConfigGuard, finishChanges, neverBegun } from './config-guard.ts';
import type { GatewaySight } from './gateway-sight.ts';
import type { JobName } from './job-stamps.ts';
import { startJobs } from './jobs.ts';
import { openJournal } from './journal.ts';
import { listenForRequests } from './listen.ts';
import { createLoop, type Loop } from './loop.ts';
import { createPackageGuard, type PackageGuard } from './package-guard.ts';
import { trialViewOf, writeStatus } from './status-file.ts';
import { steadyClock } from './steady-time.ts';
import { sweepTemporaries, trimLaunchdLogs } from './sweep.ts';
import { watchConfig } from './watch-config.ts';

export interface DaemonParts {
  readonly clock: Clock;
  readonly paths: Paths;
  /** The settings in force, read anew on each use: they may be changed while the daemon runs. */
  readonly settings: () => { readonly settings: Settings; readonly problem: string | null };
  /** Calls back when the settings file may have changed; returns how to stop. */
  readonly onSettings: (changed: () => void) => () => void;
  readonly manager: ServiceManager;
  readonly processes: Processes;
  readonly log: Log;
  readonly uid: number;
  /** What is known of the installed gateway, read anew at each close look. */
  readonly sight: () => GatewaySight;
  readonly onSecret: (text: string) => void;
  /** Takes secrets out of what was written by others. */
  readonly redact: (text: string) => string;
  readonly startJob: (job: JobName) => Promise<void>;
  readonly signal: AbortSignal;
}

export type DaemonEnd = { readonly kind: 'stopped' } | { readonly kind: 'failed'; readonly because: string };

/** The watchdog. The caller holds the lease. Runs until the signal aborts. */
export async function runDaemon(parts: DaemonParts): Promise<DaemonEnd> {
  const { paths, log } = parts;
  for (const directory of [paths.state, commandsDirectory(paths.state)]) {
    const prepared = await ensurePrivateDirectory(directory);
    if (prepared.kind === 'failed') return prepared;
  }
  for (const directory of [paths.data, paths.state, commandsDirectory(paths.state)]) {
    await sweepTemporaries(directory);
  }
  await trimLaunchdLogs(paths.logs);
  const opened = await openJournal(paths.state, parts.clock.now());
  if (opened.kind === 'failed') return opened;
  const { journal, replay } = opened;
  const clock = steadyClock(parts.clock, replay.lastAt);
  const tell = async (now: State, notices: readonly Notice[]): Promise<void> => {
    // An action says its own line when it begins.
    for (const notice of notices.filter(({ kind }) => kind !== 'action')) {
      log.warn(`Notice (${notice.kind}): ${notice.text}`, { incident: notice.incident });
    }
    const written = await writeAlertFile(paths.alertFile, now, notices);
    if (written?.kind === 'failed') log.warn(`The alert file cannot be written: ${written.because}`);
  };
  const { settings } = parts.settings();
  const rules = (): Rules => {
    const now = parts.settings().settings;
    // The eyes look at the gateway of the start; an action must never name another one.
    return { policy: now.policy, mode: now.mode, label: settings.gateway.label };
  };
  // Plist, environment, config and package are read at each close look and kept until the next: the heartbeat and the
  // proof of a listener must not parse them every few seconds.
  let sight = parts.sight();
  const readSight = (): GatewaySight => {
    sight = parts.sight();
    return sight;
  };
  const packages: PackageGuard = createPackageGuard({
    steady: clock,
    clock: parts.clock,
    paths,
    policy: () => rules().policy,
    mode: () => rules().mode,
    processes: parts.processes,
    run,
    log,
    sight: () => sight,
    loop: () => loop,
    archive: () => parts.startJob('archive'),
    onChanged: () => ground.forgetPackage(),
  });
  await finishChanges(paths.quarantine, log);
  await packages.finish();
  const replacedNothing = neverBegun(paths.quarantine);
  const state = await begin(replay, {
    clock,
    journal,
    log,
    tell,
    neverBegun: async (action) => (await replacedNothing(action)) || packages.neverBegun(action),
  });
  const startedAt = parts.clock.now();
  const eyesParts: EyesParts = {
    clock: parts.clock,
    manager: parts.manager,
    processes: parts.processes,
    tools: settings.tools,
    uid: parts.uid,
    label: settings.gateway.label,
    plist: settings.gateway.plist,
    witnessMs: () => rules().policy.witnessMs,
    files: () => sight.files,
  };
  const link = createGatewayLink({
    // Its moments are compared with the loop's, so they come from the same steady clock.
    clock,
    inputs: () => readSight().inputs,
    override: { host: settings.gateway.host, port: settings.gateway.port },
    healthzTimeoutMs: rules().policy.healthzTimeoutMs,
    onEvent: (event) => {
      if (event === 'auth-failed') link.refresh();
      loop.nudge();
    },
    log: (sentence) => log.debug(sentence),
    listener: (endpoint) => lookAtListener(eyesParts, endpoint),
    onSecret: parts.onSecret,
  });
  const hands = (signal: AbortSignal): Hands => ({
    repairs: { ...packages.repairs, ...guard.repairs },
    manager: parts.manager,
    processes: parts.processes,
    clock: parts.clock,
    uid: parts.uid,
    plist: settings.gateway.plist,
    exitWaitMs: rules().policy.exitWaitMs,
    signal,
  });
  const guard: ConfigGuard = createConfigGuard({
    steady: clock,
    clock: parts.clock,
    paths,
    settings,
    policy: () => rules().policy,
    processes: parts.processes,
    run,
    log,
    uid: parts.uid,
    sight: parts.sight,
    loop: () => loop,
    hands,
    undoReinstall: packages.repairs.undo,
  });
  const ground = createGroundSights({
    clock: parts.clock,
    run,
    processes: parts.processes,
    uid: parts.uid,
    redact: parts.redact,
    place: () => sight.ground,
    wait: false,
    validatorTimeoutMs: () => rules().policy.validatorMs,
    onSettled: () => loop.nudge(),
    snapshots: guard.snapshots,
    packages: packages.ground,
  });
  const eyes = createEyes(eyesParts, link, ground.look);

  const loop: Loop = createLoop(
    {
      clock,
      rules,
      observe: async (how) => {
        if (how.depth === 'full' || how.depth === 'deep') link.refresh();
        const seen = await observe(eyes, how);
        // It answers again: no need to wait out the connection's backoff.
        if (seen.healthz.kind === 'live' && seen.socket.kind === 'closed') link.client.nudge();
        return seen;
      },
      perform: (action, signal) => perform(action, hands(signal)),
      onLook: (now, evidence) => {
        guard.trials.onLook(now, evidence);
        guard.keeper.seen(now, evidence);
        packages.seen(now, evidence);
      },
      journal,
      log,
      tell,
      beat: (now, evidence, lastDeepAt) =>
        writeStatus(paths.state, {
          version: 1,
          pid: process.pid,
          startedAt,
          at: parts.clock.now(),
          mode: rules().mode,
          state: now,
          evidence,
          gateway: {
            label: settings.gateway.label,
            url: urlOf(link.endpoint()),
            version: sight.version,
            auth: link.endpoint().auth.kind === 'secret' ? 'authenticated' : link.endpoint().auth.kind,
            problems: link.problems(),
          },
          lastDeepProbeAt: lastDeepAt,
          nextDeepProbeAt: jobs.nextDeepProbeAt(),
          nextSnapshotAt: jobs.nextRunAt('snapshot'),
          nextArchiveAt: jobs.nextRunAt('archive'),
          shortened: changedPolicy(rules().policy),
          settingsProblem: parts.settings().problem,
          snapshots: guard.keeper.view(),
          archives: packages.view(),
          trial: trialViewOf(guard.trials.current()),
        }),
    },
    state,
  );
  const jobs = startJobs({
    cron: settings.schedule,
    stateDir: paths.state,
    clock: parts.clock,
    log,
    deepProbe: () => void loop.deepen(),
    start: parts.startJob,
    quiet: () => loop.state().phase.kind === 'healthy',
  });
  await Promise.all([guard.begin(state), packages.begin(state)]).catch((error: unknown) => {
    // Looking and repairing must go on, whatever is wrong with what an earlier life has left.
    log.error(`A bug of the watchdog as it took up earlier changes: ${String(error)}`);
  });
  const stopWatch = watchConfig(settings.gateway.configPath, loop.nudge, parts.clock);
  const stopCommands = listenForRequests(paths.state, loop, {
    clock,
    log,
    rules,
    trials: guard.trials,
    packages: packages.hands,
  });
  const stopSettings = parts.onSettings(() => loop.nudge());

  link.refresh();
  log.info(
    `The watchdog has started (process ${process.pid}, ${rules().mode === 'act' ? 'acting' : 'observing only'})`,
  );
  await loop.run(parts.signal);

  stopCommands();
  stopSettings();
  stopWatch();
  await jobs.stop();
  await ground.close();
  await guard.trials.close();
  await guard.keeper.close();
  await packages.close();
  link.close();
  await journal.append({
    at: clock.now(),
    kind: 'stopped',
    because: 'the watchdog was asked to stop',
    notices: [],
    state: loop.state(),
  });
  await journal.close();
  log.info('The watchdog has stopped');
  return { kind: 'stopped' };
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
