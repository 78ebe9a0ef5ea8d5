import { type Machine, type Orphan, wall } from './machine.ts';
import type { Tally } from './tally.ts';

/** One of every kind: nobody's, somebody's in a terminal, one nobody knows, and one that has lost its lock. */
const terminals = [false, true, false, null] as const;

/** It takes the port, and mostly the lock. */
export function adopt(machine: Machine): void {
  machine.orphans += 1;
  // Told apart by how often the gateway was started, too: few worlds see many orphans.
  const n = machine.nextPid + machine.orphans;
  machine.holder = 'orphan';
  machine.orphan = {
    pid: 8_000 + machine.orphans,
    startedAt: wall(machine) - 1_000,
    tookPortAt: machine.t,
    hasTerminal: terminals[n % terminals.length] ?? null,
    holdsLock: n % 5 !== 3,
    comesBack: n % 3 === 1,
  };
}

/** It ends, and lets go of port and lock. */
export function endOrphan(machine: Machine, { comesBack }: Orphan): void {
  machine.holder = 'none';
  machine.orphan = null;
  machine.orphanEndedAt = machine.t;
  if (!comesBack) machine.until.orphan = machine.t;
  machine.epoch += 1;
}

/** Which kinds of orphans were left to a person. */
export function noteLeft({ note }: Tally, { orphan, orphanEndedAt }: Machine): void {
  if (orphan === null) return;
  if (orphan.hasTerminal === true) note('orphan left: in a terminal');
  else if (orphan.hasTerminal === null) note('orphan left: unknown');
  else if (!orphan.holdsLock) note('orphan left: without its lock');
  else if (orphanEndedAt > 0) note('orphan left: it came back');
}
