import { join } from 'node:path';
import type { Paths } from '../config/paths.ts';
import type { Settings } from '../config/settings.ts';
import type { Clock } from '../core/time.ts';
import type { Processes } from '../system/process.ts';
import type { Run } from '../system/run.ts';
import { createSnapshotStore, type KeptStore } from '../vault/snapshot-store.ts';

/** The one place of the snapshots, for the daemon, its jobs and the commands alike. */
export function openStore(from: {
  readonly paths: Pick<Paths, 'configBackup' | 'state'>;
  readonly settings: Pick<Settings, 'tools'>;
  readonly run: Run;
  readonly clock: Clock;
  readonly processes: Pick<Processes, 'own' | 'isAlive'>;
}): KeptStore {
  const { paths, settings, run, clock, processes } = from;
  return createSnapshotStore({
    dir: paths.configBackup,
    knownGood: join(paths.state, 'known-good'),
    lease: join(paths.state, 'snapshots.lease'),
    git: settings.tools.git,
    run,
    clock,
    processes,
  });
}
