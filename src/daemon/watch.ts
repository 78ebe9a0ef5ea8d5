import { writeAlertFile } from '../alerts/alert-file.ts';
import type { Paths } from '../config/paths.ts';
import type { Settings } from '../config/settings.ts';
import type { Evidence } from '../core/evidence.ts';
import type { Rules } from '../core/look.ts';
import type { Notice } from '../core/notice.ts';
import type { State } from '../core/state.ts';
import type { Clock, Instant } from '../core/time.ts';
import { createEyes, type EyesParts, lookAtListener } from '../probes/eyes.ts';
import { createGatewayLink, type GatewayLink } from '../probes/gateway-link.ts';
import { createGroundSights } from '../probes/ground-sights.ts';
import { observe } from '../probes/observe.ts';
import { type Hands, perform } from '../repairs/perform.ts';
import { ensurePrivateDirectory } from '../system/durable-file.ts';
import type { Log } from '../system/log.ts';
import type { Processes } from '../system/process.ts';
import { run } from '../system/run.ts';
import type { ServiceManager } from '../system/service-manager.ts';
import type { AlertDesk, Begin } from './alert-desk.ts';
import { begin } from './begin.ts';
import { commandsDirectory } from './commands.ts';
import { type ConfigGuard, createConfigGuard, finishChanges, neverBegun } from './config-guard.ts';
import type { GatewaySight } from './gateway-sight.ts';
import type { JobName } from './job-stamps.ts';
import { openJournal } from './journal.ts';
import { createLoop, type Loop } from './loop.ts';
import { createPackageGuard, type PackageGuard } from './package-guard.ts';
import type { PortHandParts } from './port-hand.ts';
import { portSight } from './port-sight.ts';
import { type SteadyClock, steadyClock } from './steady-time.ts';
import { sweepTemporaries, trimLaunchdLogs } from './sweep.ts';

export interface WatchParts {
  readonly clock: Clock;
  readonly paths: Paths;
  /** The settings in force, read anew on each use: they may be changed while the daemon runs. */
  readonly settings: () => { readonly settings: Settings; readonly problem: string | null };
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
}

/** What the watchdog and a command in its absence do differently. */
interface Manner {
  /** Null: as the settings say. */
  readonly mode: 'observe' | null;
  /** Whether a look waits for the config's validator: a daemon looks again soon, a command decides on this look. */
  readonly wait: boolean;
  /** The heartbeat. */
  readonly beat: (state: State, evidence: Evidence | null, lastDeepAt: Instant | null) => Promise<void>;
  /** What is told out of band. */
  readonly openAlerts: (begin: Begin) => Promise<AlertDesk>;
}

/** Journal, state, looks, hands and what keeps config and package, put together. */
export interface Watch {
  readonly loop: Loop;
  /** The loop's own clock. */
  readonly clock: SteadyClock;
  readonly rules: () => Rules;
  /** Of the start: which gateway is guarded stays as it was. */
  readonly settings: Settings;
  readonly link: GatewayLink;
  readonly guard: ConfigGuard;
  readonly packages: PackageGuard;
  /** What `fix-port` proves and ends a listener with. */
  readonly port: PortHandParts;
  readonly alerts: AlertDesk;
  /** The installed OpenClaw, as the newest close look found it. */
  readonly version: () => string | null;
  /** Before the first look: takes up what an earlier life of ours has left. Never rejects. */
  takeUp(): Promise<void>;
  /** Ends everything, and says so in the journal. */
  close(because: string): Promise<void>;
}

/** The caller holds the lease. */
export async function openWatch(
  parts: WatchParts,
  manner: Manner,
): Promise<Watch | { readonly kind: 'failed'; readonly because: string }> {
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
  const { replay } = opened;
  const clock = steadyClock(parts.clock, replay.lastAt);
  const alerts = await manner.openAlerts({ clock, state: replay.state });
  const journal = alerts.hear(opened.journal);
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
    return { policy: now.policy, mode: manner.mode ?? now.mode, label: settings.gateway.label };
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
    manager: parts.manager,
    label: settings.gateway.label,
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
  const proofs = portSight({
    manager: parts.manager,
    label: settings.gateway.label,
    processes: parts.processes,
    tools: settings.tools,
    uid: parts.uid,
    files: () => sight.files,
  });
  const hands = (signal: AbortSignal): Hands => ({
    repairs: { ...packages.repairs, ...guard.repairs },
    manager: parts.manager,
    processes: parts.processes,
    clock: parts.clock,
    uid: parts.uid,
    plist: settings.gateway.plist,
    exitWaitMs: rules().policy.exitWaitMs,
    port: proofs,
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
    wait: manner.wait,
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
        alerts.looked(now, evidence.gapMs);
      },
      journal,
      log,
      tell,
      beat: manner.beat,
    },
    state,
  );

  return {
    loop,
    clock,
    rules,
    settings,
    link,
    guard,
    packages,
    port: {
      ...proofs,
      clock,
      loop,
      log,
      processes: parts.processes,
      port: () => link.endpoint().port,
      service: () => parts.manager.read(settings.gateway.label),
      mode: () => rules().mode,
    },
    alerts,
    version: () => sight.version,
    takeUp: async () => {
      await Promise.all([guard.begin(state), packages.begin(state)]).catch((error: unknown) => {
        // Looking and repairing must go on, whatever is wrong with what an earlier life has left.
        log.error(`A bug of the watchdog as it took up earlier changes: ${String(error)}`);
      });
    },
    close: async (because) => {
      await ground.close();
      await guard.trials.close();
      await guard.keeper.close();
      await packages.close();
      link.close();
      await journal.append({ at: clock.now(), kind: 'stopped', because, notices: [], state: loop.state() });
      await journal.close();
    },
  };
}
