import type { ServiceOutcome } from '../../core/service.ts';
import { millis, seconds } from '../../core/time.ts';
import type { RunResult } from '../run.ts';
import { type Door, succeeded } from './calls.ts';

/** More than any exit time-out of a job we know (the gateway has 20 s). `--wait` itself "may block indefinitely". */
const goneWithinMs = seconds(60);
const pollEveryMs = millis(250);

/**
 * Removes a job. launchd answers before the old process is dead and keeps the label until then; a bootstrap in that
 * window loses the job altogether, so this returns only when the label is unknown and the process is gone.
 */
export async function bootout(
  door: Door,
  label: string,
  memory: { waitIsUnknown: boolean },
): Promise<ServiceOutcome> {
  const before = await door.read(label);
  if (before.kind === 'not-loaded') return { kind: 'done' };
  if (before.kind === 'no-domain') return { kind: 'failed', code: null, because: before.because };
  const pid = before.kind === 'running' || before.kind === 'stopping' ? before.pid : null;
  const startedAt = door.clock.elapsed();
  const result = await request(door, label, memory);
  if (!accepted(result)) return door.failed('bootout', label, result);
  for (;;) {
    const state = await door.read(label);
    const alive = pid !== null && isAlive(pid);
    if (state.kind === 'not-loaded' && !alive) return { kind: 'done' };
    if (door.clock.elapsed() - startedAt >= goneWithinMs) {
      const rest = alive ? `its process ${pid} is still alive` : 'launchd still knows the label';
      const because = `launchd was asked to remove ${label} but after ${goneWithinMs / 1000} seconds ${rest}. Look at it with "launchctl print".`;
      return { kind: 'failed', code: null, because };
    }
    await door.clock.sleep(pollEveryMs);
  }
}

/** With `--wait` where launchctl has it; older ones answer with their usage and get the plain form from then on. */
async function request(door: Door, label: string, memory: { waitIsUnknown: boolean }): Promise<RunResult> {
  const plain = () => door.call(['bootout', door.target(label)], goneWithinMs);
  if (memory.waitIsUnknown) return plain();
  const result = await door.call(['bootout', '--wait', door.target(label)], goneWithinMs);
  if (!isUsageError(result)) return result;
  memory.waitIsUnknown = true;
  return plain();
}

function isUsageError(result: RunResult): boolean {
  if (result.kind !== 'exited' || result.code === 0) return false;
  return (
    result.code === 64 ||
    /usage:|unrecognized|unknown option|illegal option/i.test(result.stdout + result.stderr)
  );
}

/** 3 and 113 say the job is gone already, 36 that it is going; a time-out is settled by looking. */
function accepted(result: RunResult): boolean {
  if (result.kind === 'timed-out') return true;
  if (result.kind !== 'exited') return false;
  return (
    succeeded(result) || result.code === 3 || result.code === 36 || result.code === 37 || result.code === 113
  );
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Only "no such process" proves it dead; a process we may not signal is alive.
    return !(error instanceof Error && 'code' in error && error.code === 'ESRCH');
  }
}
