import { instant } from '../../src/core/time.ts';
import type { ProcessRow } from '../../src/system/ps.ts';

/** A process of the user's that does nothing. */
export const psRow = (pid: number, ppid: number, command = 'sh'): ProcessRow => ({
  pid,
  ppid,
  uid: 501,
  stat: 'S',
  startedAt: instant(0),
  cpuMs: 0,
  residentBytes: 1,
  hasTerminal: false,
  command,
});
