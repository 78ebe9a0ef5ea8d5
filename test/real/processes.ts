import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Field 22 of /proc/PID/stat: with the pid it names one process for ever. Null when there is none. */
function processStartTicks(pid: number): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command name, in brackets, may hold spaces and brackets of its own.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? null : Number(fields[19]);
  } catch {
    // No such process (any more): that is the answer.
    return null;
  }
}

/** Folders of a run carry the process that made them in their name, so that a later run can tell a crashed one. */
export const nameOfThisRun = (): string => `${process.pid}-${processStartTicks(process.pid) ?? 0}`;

export function isLivingRun(name: string): boolean {
  const [pid, ticks] = name.split('-').map(Number);
  return pid !== undefined && processStartTicks(pid) === ticks;
}

export const isAlive = (pid: number): boolean => processStartTicks(pid) !== null;

interface Found {
  readonly pid: number;
  readonly ticks: number;
  readonly command: string;
}

/**
 * Every process whose HOME or working directory lies in `folder`. Only this harness makes such folders, so whatever
 * carries one was started by it: the gateway's detached helpers and orphans too, which no pid file knows.
 */
function processesOfHome(folder: string): readonly Found[] {
  const inside = (path: string): boolean => path === folder || path.startsWith(`${folder}/`);
  const found: Found[] = [];
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const ticks = processStartTicks(pid);
    if (ticks === null) continue;
    try {
      const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
      const home = environment.find((entry) => entry.startsWith('HOME='))?.slice('HOME='.length) ?? '';
      if (!inside(home) && !inside(readlinkSync(`/proc/${pid}/cwd`))) continue;
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      found.push({ pid, ticks, command });
    } catch {
      // Another user's process, or it ended while we looked: not ours to judge.
    }
  }
  return found;
}

/** How often the sweep looks again: a dying gateway may still start a helper between two looks. */
const sweepRounds = 20;

/** Ends, by pid, what runs with its home in `folder`; returns what it had to end. */
export async function endProcessesOfHome(folder: string): Promise<readonly Found[]> {
  const ended: Found[] = [];
  for (let round = 0; round < sweepRounds; round += 1) {
    const left = processesOfHome(folder);
    if (left.length === 0) break;
    for (const one of left) {
      if (processStartTicks(one.pid) !== one.ticks) continue;
      if (!ended.some((e) => e.pid === one.pid)) ended.push(one);
      signal(one.pid, 'SIGKILL');
    }
    await sleep(100);
  }
  return ended;
}

export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // Already gone, which is what a signal here is for.
  }
}

/** Waits are given for two quiet cores; what shares its machine with others gets more. It only bounds how long a failure takes. */
const patience = 2;

/** Polls until `look` gives something, or throws a sentence after `timeoutMs` and the patience of a busy machine. */
export async function until<T>(
  what: string,
  look: () => Promise<T | null> | T | null,
  options: { readonly timeoutMs: number; readonly everyMs?: number },
): Promise<T> {
  const timeoutMs = options.timeoutMs * patience;
  const end = performance.now() + timeoutMs;
  for (;;) {
    const seen = await look();
    if (seen !== null) return seen;
    if (performance.now() > end) throw new Error(`waited ${timeoutMs} ms for ${what}`);
    await sleep(options.everyMs ?? 200);
  }
}
