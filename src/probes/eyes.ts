import { access } from 'node:fs/promises';
import type { ListenerEvidence } from '../core/evidence.ts';
import type { Clock, Millis } from '../core/time.ts';
import { readIntent } from '../gateway/audit-log.ts';
import { listerOf } from '../gateway/live-processes.ts';
import { readLock } from '../gateway/lock-file.ts';
import { readParkCause } from '../gateway/park-cause.ts';
import { ancestorsOf, gatewayLevels } from '../system/ancestors.ts';
import { type ListenerTools, readListeners, readListenersOf } from '../system/listeners.ts';
import type { Processes } from '../system/process.ts';
import type { ServiceManager } from '../system/service-manager.ts';
import type { GatewayLink } from './gateway-link.ts';
import type { Ground } from './ground.ts';
import { judgeListener } from './listener.ts';
import type { Eyes } from './observe.ts';
import { readUpdate } from './update-sight.ts';

/** Where OpenClaw keeps what tells its intentions. */
export interface GatewayFiles {
  readonly stateDir: string;
  readonly packageRoot: string | null;
  /** Null when it is not known. */
  readonly version: string | null;
  readonly lockFiles: readonly string[];
  readonly auditLog: string;
  readonly sqlite: string;
  readonly handoffs: readonly string[];
}

export interface EyesParts {
  readonly clock: Clock;
  readonly manager: ServiceManager;
  readonly processes: Processes;
  readonly tools: ListenerTools;
  readonly uid: number;
  readonly label: string;
  readonly plist: string;
  readonly witnessMs: () => Millis;
  readonly files: () => GatewayFiles;
}

/** Who listens at an address, judged now: one child process for the listeners, one for the job unless its pid is given. */
export async function lookAtListener(
  parts: EyesParts,
  at: { readonly host: string; readonly port: number; readonly servicePid?: number | null },
): Promise<ListenerEvidence> {
  const [found, servicePid] = await Promise.all([
    readListeners(at.port, parts.tools),
    at.servicePid === undefined ? readPid(parts) : at.servicePid,
  ]);
  const lock = readLock(parts.files().lockFiles, parts.uid);
  const judged = await judgeListener({
    found,
    port: at.port,
    host: at.host,
    servicePid,
    lockPid: lock.kind === 'ok' ? lock.lock.pid : null,
    uid: parts.uid,
    // By a list that is too short it passes for a stranger: that is only told, and whoever ends one proves it anew.
    ancestors: async (pid) =>
      (await ancestorsOf(pid, { row: parts.processes.row, levels: gatewayLevels, until: servicePid })).pids,
  });
  if (judged.kind === 'orphan') return withProcess(judged, parts.processes);
  if (judged.kind !== 'none' || servicePid === null) return judged;
  // Before anyone says that it does not listen: does that very process listen somewhere else?
  const own = await readListenersOf(servicePid, parts.tools);
  return own.length === 0 ? judged : { kind: 'elsewhere', pid: servicePid, addresses: own };
}

/** Which process exactly, and whether somebody works with it in a terminal: what decides whether it may be ended. */
async function withProcess(
  orphan: ListenerEvidence & { readonly kind: 'orphan' },
  processes: Processes,
): Promise<ListenerEvidence> {
  const found = await processes.row(orphan.pid);
  if (found.kind !== 'row') return orphan;
  const { startedAt, hasTerminal } = found.row;
  return { ...orphan, startedAt, hasTerminal };
}

/** As much of a link as the eyes look through. */
export type SeenThrough = Pick<GatewayLink, 'healthz' | 'readyz' | 'endpoint' | 'rpc'> & {
  readonly client: Pick<GatewayLink['client'], 'evidence'>;
};

export function createEyes(parts: EyesParts, link: SeenThrough, ground: Ground): Eyes {
  const { manager, processes, label } = parts;
  const list = listerOf(processes);
  return {
    wall: parts.clock.now,
    healthz: link.healthz,
    readyz: link.readyz,
    socket: () => link.client.evidence(),
    rpc: async (servicePid) => {
      let listener: ListenerEvidence | null = null;
      const answer = await link.rpc(async () => {
        listener = await lookAtListener(parts, { ...link.endpoint(), servicePid });
        return listener;
      });
      return { ...answer, listener };
    },
    service: () => manager.read(label),
    disabled: () => manager.readDisabled(label),
    plistExists: () =>
      access(parts.plist).then(
        () => true,
        () => false,
      ),
    process: (pid) => processes.read(pid),
    witness: (pid) => processes.witness(pid, parts.witnessMs()),
    listener: (servicePid) => lookAtListener(parts, { ...link.endpoint(), servicePid }),
    audit: async () => readIntent(parts.files()),
    update: (state) =>
      readUpdate({ now: parts.clock.now(), files: parts.files(), processes: list, state, manager }),
    parkCause: () => {
      const { packageRoot, lockFiles } = parts.files();
      return readParkCause({ packageRoot, lockFiles, servicePid: null, processes: list }).catch(
        doubt('what made OpenClaw park itself'),
      );
    },
    ground,
  };
}

/** A probe never throws: what cannot be read proves nothing, and is no fault of the watchdog either. */
const doubt =
  (what: string) =>
  (error: unknown): { readonly kind: 'unknown'; readonly because: string } => ({
    kind: 'unknown',
    because: `${what} could not be read: ${error instanceof Error ? error.message : String(error)}`,
  });

async function readPid({ manager, label }: EyesParts): Promise<number | null> {
  const state = await manager.read(label);
  return state.kind === 'running' ? state.pid : null;
}
