import { openChannels } from '../alerts/channels.ts';
import type { Settings } from '../config/settings.ts';
import { UserError } from '../core/errors.ts';
import { type ArchiveJobParts, runArchive } from '../daemon/archive-job.ts';
import { runDaemon } from '../daemon/daemon.ts';
import { sightGateway } from '../daemon/gateway-sight.ts';
import { runSnapshot } from '../daemon/job-runs.ts';
import { embeddedManager } from '../system/embedded/manager.ts';
import { createSupervisor } from '../system/embedded/supervisor.ts';
import { acquireLease } from '../system/lease.ts';
import { run } from '../system/run.ts';
import type { ServiceManager } from '../system/service-manager.ts';
import { channelDeps } from './channel-deps.ts';
import type { Context } from './context.ts';
import { exitCodes } from './exit-codes.ts';
import { labelOf } from './install/names.ts';
import { prepareStandalone } from './standalone.ts';
import { installedPackage, launchdOf, openWorkshop, type Workshop } from './workshop.ts';

/** `immune daemon`: the watchdog itself, until SIGTERM or Ctrl-C. One at a time: the lease is held for life. */
export async function runDaemonCommand(context: Context): Promise<number> {
  const { paths, clock, uid } = context;
  await prepareStandalone(context);
  const shop = await openWorkshop(context, { name: 'the watchdog', keeps: true });
  const { live, log, processes } = shop;
  const lease = await acquireLease(
    paths.lease,
    { role: 'daemon' },
    { now: clock.now, own: processes.own, isAlive: processes.isAlive },
  );
  if (lease.kind === 'busy') {
    const { pid, role } = lease.holder;
    const who = role === 'daemon' ? 'a watchdog runs already' : 'a command is at work on the gateway';
    throw new UserError('busy', `${who}: process ${pid} (${role})`, {
      hint:
        role === 'daemon'
          ? 'immune status; it must end before another one can start'
          : `immune daemon --foreground, once process ${pid} has ended; launchd tries again by itself`,
      exitCode: exitCodes.busy,
    });
  }
  if (lease.kind === 'failed') {
    throw new UserError('lease', `the watchdog cannot take its lease: ${lease.because}`, {
      hint: `make ${paths.state} writable for this user, then start it again`,
      exitCode: exitCodes.unhealthy,
    });
  }
  const { settings } = live.current();
  const service = await openService(settings, context, shop);
  try {
    const end = await runDaemon({
      clock,
      paths,
      settings: live.current,
      onSettings: live.onChange,
      manager: service.manager,
      processes,
      log,
      uid,
      // Which gateway is guarded stays as it was at the start: half of a change would look at one and act on another.
      sight: () => sightGateway({ ...live.current().settings, gateway: settings.gateway }, uid),
      onSecret: shop.registerSecret,
      redact: shop.redact,
      startJob: async (job) => {
        if (service.manager.kind === 'launchd') {
          const asked = await service.manager.kickstart(labelOf(job), { kill: false });
          if (asked.kind === 'failed') log.warn(`The ${job} job could not be started: ${asked.because}`);
          return;
        }
        const parts = jobParts(context, shop, service.manager);
        await (job === 'snapshot' ? runSnapshot(parts) : runArchive(parts));
      },
      openChannels: (alerts) => openChannels(alerts, channelDeps(context, shop)),
      signal: context.signal,
    });
    if (end.kind === 'failed') {
      throw new UserError('daemon', `the watchdog cannot run: ${end.because}`, {
        hint: 'mend that, then start it again; "immune logs" shows the log',
        exitCode: exitCodes.unhealthy,
      });
    }
    return 0;
  } finally {
    await service.stop();
    await lease.release();
    log.close();
  }
}

export function jobParts(context: Context, shop: Workshop, manager: ServiceManager): ArchiveJobParts {
  const { settings } = shop.live.current();
  return {
    settings,
    paths: context.paths,
    clock: context.clock,
    run,
    processes: shop.processes,
    manager,
    log: shop.log,
    installed: () => installedPackage(settings, context.uid),
    sight: () => sightGateway(settings, context.uid),
    watchdogLabel: labelOf('watchdog'),
    signal: context.signal,
  };
}

/** launchd where there is one; else our own supervisor starts the gateway and ends it with the daemon. */
async function openService(
  settings: Settings,
  context: Context,
  { log }: Workshop,
): Promise<{ manager: ServiceManager; stop: () => Promise<void> }> {
  if (settings.serviceManager === 'launchd') {
    return { manager: launchdOf(settings, context), stop: async () => undefined };
  }
  const supervisor = createSupervisor({ clock: context.clock, log: (sentence) => log.info(sentence) });
  const manager = embeddedManager(supervisor, context.clock);
  const { label, plist } = settings.gateway;
  const loaded = await manager.bootstrap(label, plist);
  if (loaded.kind === 'failed')
    log.error(`The gateway's job could not be loaded from ${plist}: ${loaded.because}`);
  return { manager, stop: supervisor.stop };
}
