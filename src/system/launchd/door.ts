import { seconds } from '../../core/time.ts';
import type { ServiceManager } from '../service-manager.ts';
import { bootout } from './bootout.ts';
import { bootstrap } from './bootstrap.ts';
import { type LaunchdOptions, lookupTimeoutMs, openDoor, succeeded } from './calls.ts';
import { kickstart } from './kickstart.ts';
import { type ManagerName, parseListLabels, parseManagerName } from './print.ts';

const changeTimeoutMs = seconds(15);

/** The service manager of one user's gui domain, through launchctl. */
export function launchdManager(options: LaunchdOptions): ServiceManager {
  const door = openDoor(options);
  const memory = { waitIsUnknown: false };
  return {
    kind: 'launchd',
    read: door.read,
    readDisabled: door.readDisabled,
    labels: async () => {
      // The table of the caller's own login: right for a LaunchAgent, and a promise of the man page, unlike `print`.
      const result = await door.call(['list'], lookupTimeoutMs);
      return succeeded(result) ? parseListLabels(result.stdout) : null;
    },
    enable: async (label) => {
      const result = await door.call(['enable', door.target(label)], changeTimeoutMs);
      return succeeded(result) ? { kind: 'done' } : door.failed('enable', label, result);
    },
    bootstrap: (label, plistPath) => bootstrap(door, label, plistPath),
    bootout: (label) => bootout(door, label, memory),
    kickstart: (label, { kill }) => kickstart(door, label, kill),
  };
}

/** The kind of session this process runs in; the installer warns when it is not Aqua. */
export async function managerName(options: Pick<LaunchdOptions, 'launchctl' | 'run'>): Promise<ManagerName> {
  const result = await options.run({
    file: options.launchctl,
    args: ['managername'],
    timeoutMs: lookupTimeoutMs,
  });
  return succeeded(result) ? parseManagerName(result.stdout) : 'unknown';
}
