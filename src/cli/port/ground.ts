import type { ServiceState } from '../../core/service.ts';
import { portSight } from '../../daemon/port-sight.ts';
import { readStatus } from '../../daemon/status-file.ts';
import { resolveEndpoint } from '../../gateway/endpoint.ts';
import type { ServiceManager } from '../../system/service-manager.ts';
import type { ChangeGround } from '../change-ground.ts';
import type { Context } from '../context.ts';
import { watchdogLives } from '../daemon-process.ts';
import { launchdOf } from '../workshop.ts';
import type { PortLook } from './look.ts';
import type { Address } from './remedies.ts';

/** What a look at the gateway's port is made with, and where that port comes from. */
export interface PortGround {
  readonly look: PortLook & { readonly processes: ChangeGround['shop']['processes'] };
  readonly address: Address;
  /** Our own settings name the gateway's port; null where they do not. */
  readonly watched: number | null;
}

export function openPortGround(ground: ChangeGround, context: Context): PortGround {
  const { settings, shop } = ground;
  const { config, env, programArguments, stateDir, lockFiles, profile } = ground.ground;
  const { uid } = context;
  const endpoint = resolveEndpoint({ config, env, programArguments });
  const { host, port: watched, label } = settings.gateway;
  const manager: Pick<ServiceManager, 'read'> =
    settings.serviceManager === 'embedded'
      ? { read: () => seenByWatchdog(context) }
      : launchdOf(settings, context);
  const { processes } = shop;
  const files = { lockFiles, stateDir };
  const sight = portSight({ manager, label, processes, tools: settings.tools, uid, files: () => files });
  const port = watched ?? endpoint.port;
  const { portSource, bind } = endpoint;
  const bindPinned = programArguments.some((word) => word === '--bind' || word.startsWith('--bind='));
  return {
    look: {
      ...sight,
      port,
      host: host ?? endpoint.host,
      bind,
      uid,
      processes,
      service: () => manager.read(label),
    },
    address: { port, portSource, bind, bindPinned, profile },
    watched,
  };
}

/** Without launchd the watchdog itself starts the gateway, and only it knows the process. */
async function seenByWatchdog(context: Context): Promise<ServiceState> {
  const read = await readStatus(context.paths.state);
  if (read.kind !== 'read' || !(await watchdogLives(read.status, context))) return { kind: 'not-loaded' };
  const service = read.status.evidence?.service;
  if (service === undefined || service.kind === 'unread')
    return { kind: 'unknown', because: 'the watchdog has not looked yet' };
  return service;
}
