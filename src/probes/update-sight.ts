import type { UpdateEvidence } from '../core/evidence.ts';
import type { ServiceState } from '../core/service.ts';
import type { Instant } from '../core/time.ts';
import type { ListProcesses } from '../gateway/live-processes.ts';
import { readUpdateMarkers } from '../gateway/update-markers.ts';
import type { ServiceManager } from '../system/service-manager.ts';

interface UpdateSight {
  readonly now: Instant;
  readonly files: {
    readonly stateDir: string;
    readonly packageRoot: string | null;
    readonly sqlite: string;
    readonly handoffs: readonly string[];
  };
  readonly processes: ListProcesses;
  /** Of the gateway's job. */
  readonly state: ServiceState;
  readonly manager: Pick<ServiceManager, 'labels'>;
}

/** What OpenClaw's marks say of an update: the same for the daemon's look and for the hands before a repair. Never throws. */
export async function readUpdate(sight: UpdateSight): Promise<UpdateEvidence> {
  const { now, files, processes, state, manager } = sight;
  try {
    return await readUpdateMarkers({
      now,
      stateDir: files.stateDir,
      packageRoot: files.packageRoot,
      sqlitePath: files.sqlite,
      handoffPaths: files.handoffs,
      processes,
      // An updater's own job: asked for only while ours is not loaded, as it is during an update.
      labels: state.kind === 'not-loaded' ? await manager.labels() : [],
    });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { kind: 'unknown', because: `the markers of an update could not be read: ${why}` };
  }
}
