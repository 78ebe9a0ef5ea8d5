import type { ServiceState } from '../core/service.ts';
import { proveOrphan } from '../gateway/orphan-proof.ts';
import type { PortHands } from '../repairs/free-port.ts';
import { type ListenerTools, readListeners } from '../system/listeners.ts';
import type { Processes } from '../system/process.ts';
import type { ServiceManager } from '../system/service-manager.ts';

export interface PortSightParts {
  readonly manager: Pick<ServiceManager, 'read'>;
  readonly label: string;
  readonly processes: Pick<Processes, 'row'>;
  readonly tools: ListenerTools;
  readonly uid: number;
  readonly files: () => { readonly lockFiles: readonly string[]; readonly stateDir: string };
}

/** Who listens, and whether a process is an orphan of ours; both asked anew each time. */
export function portSight(parts: PortSightParts): Pick<PortHands, 'listeners' | 'orphanProof'> {
  return {
    listeners: (port) => readListeners(port, parts.tools),
    orphanProof: async (pid) => {
      // Before the process is looked at, for whatever comes between that look and a signal is in doubt.
      const servicePid = servicePidOf(await parts.manager.read(parts.label));
      const { lockFiles, stateDir } = parts.files();
      return proveOrphan(pid, { lockFiles, stateDir, uid: parts.uid, servicePid, row: parts.processes.row });
    },
  };
}

/** The job's process; `unknown` where the service manager did not say whether there is one. */
export function servicePidOf(state: ServiceState): number | null | 'unknown' {
  switch (state.kind) {
    case 'running':
      return state.pid;
    case 'stopping':
      return state.pid ?? 'unknown';
    case 'scheduled':
    case 'pended':
    case 'stopped':
    case 'not-loaded':
      return null;
    case 'no-domain':
    case 'unknown':
      return 'unknown';
    default:
      return state satisfies never;
  }
}
