import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { evaluateIn } from '../inspector.ts';
import { newestVersion } from '../places.ts';
import { isAlive } from '../processes.ts';
import { type Fault, nothingToUndo, runningPid } from './fault.ts';

// The machine gives no more: descriptors, memory.

/** Above the threshold the matrix sets for its watchdog, below what hurts a machine of the CI. */
const leakMegabytes = 1_200;

/** Descriptors below this are event queues and pipes that a gateway never closes. */
const heldFromTheStart = 16;

const usualLimit = 4_096;

const limitFiles = (pid: number, limit: number): void => {
  execFileSync('prlimit', ['--pid', String(pid), `--nofile=${limit}:`]);
};

export const limits: readonly Fault[] = [
  {
    name: 'no descriptor left',
    // It ends by itself within half a minute, with or without a goodbye: a look at its own memory fails, and nobody
    // catches that. The next process has the usual limit.
    causes: ['crashed', 'draining', 'booting', 'descriptors'],
    ends: ['nothing', 'restart'],
    heals: true,
    inject: async (gateway) => {
      const pid = await runningPid(gateway);
      // The limit is one of numbers, so it must lie where no number below it is free: every accept, open or pipe fails.
      const open = new Set(readdirSync(`/proc/${pid}/fd`).map(Number));
      let free = 0;
      while (open.has(free)) free += 1;
      limitFiles(pid, Math.min(free, heldFromTheStart));
      return () => {
        if (isAlive(pid)) limitFiles(pid, usualLimit);
      };
    },
  },
  {
    name: 'memory that grows without end',
    causes: ['memory-runaway'],
    ends: ['restart', 'alert', 'tell'],
    deep: true,
    versions: [newestVersion],
    inject: async (gateway) => {
      const pid = await runningPid(gateway);
      const leak = `globalThis.leaked = Array.from({ length: ${leakMegabytes / 100} }, () => Buffer.alloc(100 * 1_048_576, 1));`;
      await evaluateIn(pid, gateway.inspectPort, leak);
      return nothingToUndo;
    },
  },
];
