import { renameSync } from 'node:fs';
import { join } from 'node:path';
import type { GatewayHome } from '../gateway-home.ts';
import { packageFolder } from '../openclaw-cache.ts';
import { newestVersion } from '../places.ts';
import { isAlive, signal, until } from '../processes.ts';
import { beginUpdateRun } from '../update-run.ts';
import { type Fault, runningPid } from './fault.ts';

// launchd and the operator: the gateway is not wanted, not loaded, or held back.

const endTimeoutMs = 30_000;
/** A start that fails early, and OpenClaw's own helper after it. */
const parkTimeoutMs = 60_000;

const countParks = (gateway: GatewayHome): number => gateway.audit().split('park done').length;

async function bootout(gateway: GatewayHome): Promise<void> {
  const pid = await runningPid(gateway);
  const answer = await gateway.launchctl('bootout', gateway.target);
  if (answer.code !== 0) throw new Error(`bootout ended with ${answer.code}: ${answer.stderr}`);
  await until('the job to end', () => (isAlive(pid) ? null : true), { timeoutMs: endTimeoutMs });
}

/** Before 2026.9 a stop leaves no record: it and an accident look alike, and neither is undone (decision 0006). */
const unrecorded = { causes: ['unknown'], ends: ['tell', 'nothing'] } as const;

export const jobs: readonly Fault[] = [
  {
    name: '`openclaw gateway stop`',
    causes: ['stopped-by-operator'],
    ends: ['nothing'],
    elsewhere: true,
    older: unrecorded,
    inject: async (gateway) => {
      // The older version does not know the word, and asks nothing.
      const force = gateway.version === newestVersion ? ['--force'] : [];
      const stopped = await gateway.openclaw('gateway', 'stop', ...force);
      if (stopped.code !== 0) throw new Error(`the stop ended with ${stopped.code}: ${stopped.stderr}`);
      return () => undefined;
    },
  },
  {
    name: '`launchctl disable` and `bootout` by hand',
    causes: ['disabled-by-operator'],
    ends: ['nothing'],
    elsewhere: true,
    inject: async (gateway) => {
      await gateway.launchctl('disable', gateway.target);
      await bootout(gateway);
      return () => undefined;
    },
  },
  {
    name: 'a `launchctl bootout` nobody wrote down',
    causes: ['unloaded'],
    ends: ['reload'],
    older: unrecorded,
    inject: async (gateway) => {
      await bootout(gateway);
      return () => undefined;
    },
  },
  {
    name: 'a bootout while an update runs',
    causes: ['update-running'],
    elsewhere: true,
    ends: ['nothing'],
    versions: [newestVersion],
    inject: async (gateway) => {
      const finish = beginUpdateRun(gateway);
      await bootout(gateway);
      return finish;
    },
  },
  {
    name: 'parked by OpenClaw, and what made it park is mended',
    causes: ['parked'],
    elsewhere: true,
    before: ['alert', 'reinstall'],
    ends: ['unpark'],
    versions: [newestVersion],
    inject: async (gateway) => {
      const parks = countParks(gateway);
      const ws = join(packageFolder(gateway.prefix()), 'node_modules', 'ws');
      const aside = join(gateway.root, 'aside');
      const pid = await runningPid(gateway);
      renameSync(ws, aside);
      try {
        signal(pid, 'SIGKILL');
        await until('the park to be done', () => (countParks(gateway) > parks ? true : null), {
          timeoutMs: parkTimeoutMs,
        });
      } finally {
        renameSync(aside, ws);
      }
      return () => undefined;
    },
  },
  {
    name: 'a start that launchd holds back',
    causes: ['pended'],
    ends: ['start'],
    inject: async (gateway) => {
      gateway.launchd.setFaults({ pended: true });
      signal(await runningPid(gateway), 'SIGKILL');
      return () => gateway.launchd.setFaults({ pended: false });
    },
  },
  {
    name: 'no GUI session for launchd',
    causes: ['no-domain'],
    elsewhere: true,
    ends: ['nothing', 'tell'],
    heals: 'once-undone',
    inject: async (gateway) => {
      const pid = await runningPid(gateway);
      gateway.launchd.setFaults({ noDomain: 112 });
      signal(pid, 'SIGSTOP');
      return () => {
        signal(pid, 'SIGCONT');
        gateway.launchd.setFaults({ noDomain: null });
      };
    },
  },
];
