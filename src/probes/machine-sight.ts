import { dirname, join } from 'node:path';
import type { ProcessEvidence } from '../core/evidence.ts';
import type { GroundEvidence, MemoryEvidence } from '../core/ground-evidence.ts';
import { type LaunchPlace, readLaunch } from '../gateway/launch.ts';
import { readLockHolder } from '../gateway/lock-holder.ts';
import type { AskNode } from '../gateway/node-program.ts';
import { readDescriptors } from '../system/descriptors.ts';
import { readScarcest } from '../system/disk.ts';
import type { Processes } from '../system/process.ts';

/** Where the gateway's own machine is looked at. */
export interface MachinePlace extends LaunchPlace {
  readonly stateDir: string;
  readonly lockFiles: readonly string[];
  /** The gateway's console logs. */
  readonly logs: readonly string[];
}

export interface MachineSight {
  launch(): Promise<GroundEvidence['launch']>;
  lock(servicePid: number | null | 'unknown'): Promise<GroundEvidence['lock']>;
  disk(): Promise<GroundEvidence['disk']>;
  descriptors(pid: number | null): Promise<GroundEvidence['descriptors']>;
}

/** What the gateway stands on besides its own files: what starts it, who else runs, and what the machine has left. */
export function createMachineSight(parts: {
  readonly place: () => MachinePlace;
  readonly processes: Processes;
  readonly uid: number;
  readonly askNode: AskNode;
}): MachineSight {
  return {
    launch: () => readLaunch(parts.place(), parts.askNode),
    lock: (servicePid) =>
      readLockHolder({
        lockFiles: parts.place().lockFiles,
        uid: parts.uid,
        servicePid,
        row: parts.processes.row,
      }),
    disk: () => {
      const { stateDir, logs } = parts.place();
      return readScarcest([stateDir, join(stateDir, 'tmp'), ...logs.map((path) => dirname(path))]);
    },
    descriptors: async (pid) => (pid === null ? { kind: 'unread' } : readDescriptors(pid)),
  };
}

/** Resident memory comes with every read of the process, without a question of its own. */
export function memoryOf(process: ProcessEvidence): MemoryEvidence {
  switch (process.kind) {
    case 'alive':
      return { kind: 'read', pid: process.pid, residentBytes: process.residentBytes };
    case 'unknown':
      return { kind: 'unknown', because: process.because };
    case 'gone':
    case 'unread':
      return { kind: 'unread' };
    default:
      return process satisfies never;
  }
}
