import type { ProcessEvidence, WitnessEvidence } from '../core/evidence.ts';
import type { ProcessIdentity } from '../core/service.ts';
import { type Clock, instant, type Millis, millis } from '../core/time.ts';
import { errorCode } from './file-failure.ts';
import { readProcStat } from './proc-stat.ts';
import { type ProcessRow, parsePs, psColumns } from './ps.ts';
import { cleanEnvironment, type Run, type RunResult } from './run.ts';

/** A process identity that can be written down and judged later. `startKey` is exact where the system has one. */
export interface WrittenIdentity extends ProcessIdentity {
  readonly startKey: string | null;
}

/** `unknown` is not dead: whoever cannot be read is taken to be alive. */
export type Aliveness = 'alive' | 'dead' | 'unknown';

export type RowOutcome =
  | { readonly kind: 'row'; readonly row: ProcessRow }
  | { readonly kind: 'gone' }
  | { readonly kind: 'unknown'; readonly because: string };

type ListOutcome =
  | { readonly kind: 'rows'; readonly rows: readonly ProcessRow[] }
  | { readonly kind: 'unknown'; readonly because: string };

type SignalOutcome =
  | { readonly kind: 'sent' }
  | { readonly kind: 'gone' }
  /** The pid now means another process or another user's: nothing was sent. */
  | { readonly kind: 'refused'; readonly because: string }
  | { readonly kind: 'failed'; readonly because: string };

export interface Processes {
  /** One child process (ps). */
  row(pid: number): Promise<RowOutcome>;
  read(pid: number): Promise<ProcessEvidence>;
  list(): Promise<ListOutcome>;
  /** Watches the processor time of a process for `overMs`: did it do nothing, everything, or something? */
  witness(pid: number, overMs: Millis): Promise<WitnessEvidence>;
  /** Our own pid and start time, to be written down. */
  own(): Promise<WrittenIdentity>;
  isAlive(identity: WrittenIdentity): Promise<Aliveness>;
  /** Sends a signal after proving once more that the pid is still the same process of the same user. */
  signalProven(
    identity: ProcessIdentity & { readonly uid: number },
    signal: NodeJS.Signals,
  ): Promise<SignalOutcome>;
}

const psTimeoutMs = 5_000;
/** A full process list with long command lines: far above any measured one, still bounded. */
const listMaxBytes = 8 * 1_048_576;
/** ps rounds start times to the second, and procps may be off by one more. */
const startToleranceMs = 2_000;
/** Up to this share of one processor is a process that does nothing but timers. */
const idleShare = 0.02;
/** From this share on the event loop has no room for anything else. */
const pinnedShare = 0.8;

export function createProcesses(deps: {
  /** Absolute path of ps. */
  readonly ps: string;
  readonly run: Run;
  readonly clock: Clock;
}): Processes {
  const ps = (selection: readonly string[], maxBytes?: number) =>
    deps.run({
      file: deps.ps,
      args: ['-ww', ...psColumns, ...selection],
      timeoutMs: psTimeoutMs,
      env: { ...cleanEnvironment(), LC_ALL: 'C', TZ: 'UTC' },
      ...(maxBytes === undefined ? {} : { maxBytes }),
    });

  const row = async (pid: number): Promise<RowOutcome> => {
    if (!isPid(pid)) return { kind: 'unknown', because: `${pid} is not a process id` };
    const result = await ps(['-p', String(pid)]);
    switch (result.kind) {
      case 'exited': {
        const found = parsePs(result.stdout).find((each) => each.pid === pid);
        if (found !== undefined)
          return found.stat.startsWith('Z') ? { kind: 'gone' } : { kind: 'row', row: found };
        if (result.stdout.trim() !== '')
          return { kind: 'unknown', because: 'the output of ps could not be parsed' };
        // ps says nothing both for a dead pid and for one it may not see; the kernel knows.
        return exists(pid)
          ? { kind: 'unknown', because: `ps does not show process ${pid} (${complaintOf(result)})` }
          : { kind: 'gone' };
      }
      case 'signaled':
        return { kind: 'unknown', because: `ps was ended by ${result.signal}` };
      case 'timed-out':
        return { kind: 'unknown', because: `ps gave no answer within ${result.afterMs} ms` };
      case 'not-started':
        return { kind: 'unknown', because: `ps could not be started: ${result.because}` };
      default:
        return result satisfies never;
    }
  };

  const read = async (pid: number): Promise<ProcessEvidence> => {
    const outcome = await row(pid);
    if (outcome.kind === 'unknown') return outcome;
    if (outcome.kind === 'gone') return { kind: 'gone', pid };
    const { startedAt, cpuMs, residentBytes, stat, command } = outcome.row;
    // Only the program: evidence is written down, and an argument may be a secret.
    const program = command.split(/\s/)[0] ?? '';
    return { kind: 'alive', pid, startedAt, cpuMs, residentBytes, stat, command: program };
  };

  const list = async (): Promise<ListOutcome> => {
    const result = await ps(['-A'], listMaxBytes);
    if (result.kind !== 'exited' || result.code !== 0) {
      return { kind: 'unknown', because: `ps could not list processes (${result.kind})` };
    }
    const rows = parsePs(result.stdout);
    // Our own process is always in the list: an empty one means the output was not understood.
    if (rows.length === 0) return { kind: 'unknown', because: 'the output of ps could not be parsed' };
    return { kind: 'rows', rows };
  };

  /** procps counts processor time in whole seconds, too coarse for a few seconds: /proc where there is one. */
  const cpu = async (
    pid: number,
  ): Promise<{ readonly cpuMs: number; readonly stat: string; readonly key: string } | null> => {
    const fine = await readProcStat(pid);
    if (fine !== null) return { cpuMs: fine.cpuMs, stat: fine.stat, key: fine.startKey };
    const outcome = await row(pid);
    if (outcome.kind !== 'row') return null;
    return { cpuMs: outcome.row.cpuMs, stat: outcome.row.stat, key: String(outcome.row.startedAt) };
  };

  const witness = async (pid: number, overMs: Millis): Promise<WitnessEvidence> => {
    if (!isPid(pid)) return { kind: 'unknown', because: `${pid} is not a process id` };
    const before = await cpu(pid);
    const began = deps.clock.elapsed();
    if (before === null) return { kind: 'unknown', because: `process ${pid} could not be read` };
    await deps.clock.sleep(overMs);
    const after = await cpu(pid);
    const took = millis(deps.clock.elapsed() - began);
    if (after === null || after.key !== before.key) {
      return { kind: 'unknown', because: `process ${pid} ended while it was watched` };
    }
    // A machine that slept or starved during the watch says nothing about the process.
    if (took > overMs * 2 + 2_000) {
      return { kind: 'unknown', because: `watching process ${pid} took ${took} ms instead of ${overMs} ms` };
    }
    const used = Math.max(0, after.cpuMs - before.cpuMs);
    const kind = witnessKind(after.stat, used / Math.max(1, took));
    return { kind, pid, cpuMs: used, overMs: took };
  };

  const own = async (): Promise<WrittenIdentity> => {
    const fine = await readProcStat(process.pid);
    const outcome = await row(process.pid);
    // Node notes the wall clock when it starts: the same second, should ps be missing.
    const startedAt =
      outcome.kind === 'row' ? outcome.row.startedAt : instant(Math.trunc(performance.timeOrigin));
    return { pid: process.pid, startedAt, startKey: fine?.startKey ?? null };
  };

  const isAlive = async (identity: WrittenIdentity): Promise<Aliveness> => {
    if (!isPid(identity.pid)) return 'unknown';
    if (!exists(identity.pid)) return 'dead';
    const fine = await readProcStat(identity.pid);
    if (fine !== null && identity.startKey !== null) {
      return fine.startKey === identity.startKey && !/^[ZX]/.test(fine.stat) ? 'alive' : 'dead';
    }
    const outcome = await row(identity.pid);
    if (outcome.kind === 'unknown') return 'unknown';
    if (outcome.kind === 'gone') return 'dead';
    return sameStart(outcome.row.startedAt, identity.startedAt) ? 'alive' : 'dead';
  };

  const signalProven: Processes['signalProven'] = async (identity, signal) => {
    const outcome = await row(identity.pid);
    if (outcome.kind === 'gone') return { kind: 'gone' };
    if (outcome.kind === 'unknown') return { kind: 'refused', because: outcome.because };
    if (!sameStart(outcome.row.startedAt, identity.startedAt)) {
      return {
        kind: 'refused',
        because: `process ${identity.pid} is not the one that was seen: its start time differs`,
      };
    }
    if (outcome.row.uid !== identity.uid) {
      return {
        kind: 'refused',
        because: `process ${identity.pid} belongs to user ${outcome.row.uid}, not ${identity.uid}`,
      };
    }
    try {
      process.kill(identity.pid, signal);
      return { kind: 'sent' };
    } catch (error) {
      const code = errorCode(error);
      if (code === 'ESRCH') return { kind: 'gone' };
      return { kind: 'failed', because: `${signal} could not be sent to process ${identity.pid} (${code})` };
    }
  };

  return { row, read, list, witness, own, isAlive, signalProven };
}

/** Enough for a sentence: what others wrote has no bounds of its own. */
const complaintChars = 200;

function complaintOf({ code, stderr }: RunResult & { readonly kind: 'exited' }): string {
  const line = stderr.trim().split('\n', 1)[0]?.trim() ?? '';
  return `exit code ${code}${line === '' ? '' : `: ${line.slice(0, complaintChars)}`}`;
}

function witnessKind(stat: string, share: number): 'idle' | 'pinned' | 'working' {
  if (stat.startsWith('T') || share <= idleShare) return 'idle';
  return share >= pinnedShare ? 'pinned' : 'working';
}

const sameStart = (one: number, other: number): boolean => Math.abs(one - other) <= startToleranceMs;

/** 0 and negative numbers mean process groups to kill(2), and 1 is never anything we may judge or signal. */
const isPid = (pid: number): boolean => Number.isSafeInteger(pid) && pid > 1;

/** Whether the kernel has a process of this id; one we may not signal exists too. */
function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) !== 'ESRCH';
  }
}
