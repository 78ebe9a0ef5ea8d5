import { setPriority } from 'node:os';
import { runArchive } from '../daemon/archive-job.ts';
import { runSentinel, runSnapshot } from '../daemon/job-runs.ts';
import type { ServiceManager } from '../system/service-manager.ts';
import type { Context } from './context.ts';
import { jobParts } from './daemon.ts';
import { launchdOf, openWorkshop } from './workshop.ts';

const archiveNiceness = 10;

/** `immune job snapshot|archive|sentinel`: what the LaunchAgents run, and a person may. 0 done or not due, 3 failed. */
export async function runJobCommand(
  job: 'snapshot' | 'archive' | 'sentinel',
  context: Context,
): Promise<number> {
  const shop = await openWorkshop(context, { name: `the ${job} job`, keeps: false });
  const { settings } = shop.live.current();
  const manager: ServiceManager =
    settings.serviceManager === 'launchd' ? launchdOf(settings, context) : withoutJobs;
  const parts = {
    ...jobParts(context, shop, manager),
    ...(context.err.isTTY === true ? { progress: (line: string) => context.err.write(`${line}\n`) } : {}),
  };
  // launchd gives its job a low priority; whoever starts it by hand wants to go on working as well.
  if (job === 'archive') setPriority(archiveNiceness);
  try {
    const result = await { snapshot: runSnapshot, archive: runArchive, sentinel: runSentinel }[job](parts);
    context.out.write(`${result.text}\n`);
    return result.kind === 'failed' ? 3 : 0;
  } finally {
    shop.log.close();
  }
}

const none = async (): Promise<{ kind: 'failed'; code: null; because: string }> => ({
  kind: 'failed',
  code: null,
  because: 'there is no launchd here; start the watchdog with "immune daemon --foreground"',
});

/** Without launchd a job has nobody to ask for the watchdog. */
const withoutJobs: ServiceManager = {
  kind: 'embedded',
  read: async () => ({ kind: 'not-loaded' }),
  readDisabled: async () => 'unknown',
  labels: async () => null,
  enable: none,
  bootstrap: none,
  bootout: none,
  kickstart: none,
};
