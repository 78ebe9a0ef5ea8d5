import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { evaluateIn } from '../inspector.ts';
import { newestVersion } from '../places.ts';
import { signal } from '../processes.ts';
import { type Fault, nothingToUndo, runningPid } from './fault.ts';

// The process itself: it dies, or it lives and answers nothing.

const dies = (name: string, how: NodeJS.Signals): Fault => ({
  name,
  causes: ['crashed'],
  ends: ['nothing'],
  heals: true,
  inject: async (gateway) => {
    signal(await runningPid(gateway), how);
    return nothingToUndo;
  },
});

/** Loops until the file is gone, so that the same process serves again when the fault is taken away. */
function blockedWhile(flag: string): string {
  const path = JSON.stringify(flag);
  return `const fs = process.getBuiltinModule('node:fs'); while (fs.existsSync(${path})) {}`;
}

export const crashes: readonly Fault[] = [
  dies('killed with SIGKILL', 'SIGKILL'),
  dies('killed with SIGABRT, as when out of memory', 'SIGABRT'),
  {
    name: 'an uncaught exception',
    causes: ['crashed'],
    ends: ['nothing'],
    heals: true,
    // Older versions take the inspector's signal for a restart.
    versions: [newestVersion],
    inject: async (gateway) => {
      await evaluateIn(await runningPid(gateway), gateway.inspectPort, "throw new Error('a fault')");
      return nothingToUndo;
    },
  },
  {
    name: 'an unplanned SIGTERM',
    // It says goodbye and ends with 0: launchd starts it again, and that is no incident.
    causes: ['draining', 'relaunch-late', 'booting'],
    ends: ['nothing'],
    heals: true,
    inject: async (gateway) => {
      signal(await runningPid(gateway), 'SIGTERM');
      return nothingToUndo;
    },
  },
  {
    name: 'frozen with SIGSTOP',
    causes: ['hung'],
    ends: ['restart'],
    heals: true,
    inject: async (gateway) => {
      const pid = await runningPid(gateway);
      signal(pid, 'SIGSTOP');
      return () => signal(pid, 'SIGCONT');
    },
  },
  {
    name: 'an event loop that is blocked for good',
    causes: ['hung'],
    ends: ['restart'],
    heals: true,
    versions: [newestVersion],
    inject: async (gateway) => {
      const flag = join(gateway.root, 'blocked');
      writeFileSync(flag, '');
      await evaluateIn(await runningPid(gateway), gateway.inspectPort, blockedWhile(flag));
      return () => rmSync(flag, { force: true });
    },
  },
];
