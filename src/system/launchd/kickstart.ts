import type { ServiceOutcome } from '../../core/service.ts';
import { millis, seconds } from '../../core/time.ts';
import { type Door, succeeded } from './calls.ts';

const startTimeoutMs = seconds(15);
/** `-k` waits for the job's exit time-out before SIGKILL: 20 s for the gateway, with room for a slow machine. */
const killTimeoutMs = seconds(60);
/** A throttled job refuses a kickstart with 36 and starts by itself within the throttle, which is 10 s by default. */
const throttleMs = seconds(15);
const retryEveryMs = millis(500);

/** Starts a job now. 36 and 37 say that launchd is already about it, which is looked at until it is so. */
export async function kickstart(door: Door, label: string, kill: boolean): Promise<ServiceOutcome> {
  const args = kill ? ['kickstart', '-k', door.target(label)] : ['kickstart', door.target(label)];
  const startedAt = door.clock.elapsed();
  for (;;) {
    const result = await door.call(args, kill ? killTimeoutMs : startTimeoutMs);
    if (succeeded(result)) return { kind: 'done' };
    if (result.kind !== 'exited' || (result.code !== 36 && result.code !== 37)) {
      return door.failed('kickstart', label, result);
    }
    // launchd is ending or starting it for somebody else: a second `-k` would hit a process nobody judged.
    if (kill) return door.failed('kickstart', label, result);
    if ((await door.read(label)).kind === 'running') return { kind: 'done' };
    if (door.clock.elapsed() - startedAt >= throttleMs) return door.failed('kickstart', label, result);
    await door.clock.sleep(retryEveryMs);
  }
}
