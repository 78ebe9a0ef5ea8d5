import { type Clock, millis } from '../core/time.ts';
import { errorCode, fileFailure } from '../system/file-failure.ts';
import { acquireLease } from '../system/lease.ts';
import type { Processes, WrittenIdentity } from '../system/process.ts';

export interface LeaseParts {
  /** The lease's own folder. */
  readonly lease: string;
  readonly clock: Clock;
  readonly processes: Pick<Processes, 'own' | 'isAlive'>;
}

type Failed = { readonly kind: 'failed'; readonly because: string };

export type Exclusive = <Outcome>(work: () => Promise<Outcome>) => Promise<Outcome | Failed>;

/** A record takes tens of milliseconds; a repair that reads years of history takes seconds. */
const waitMs = 20_000;
const roundMs = millis(25);

/** One writer at a time, whichever process it is in: the daemon, the hourly job or a command. Waits a while for its turn. */
export function storeLease({ lease, clock, processes }: LeaseParts): Exclusive {
  // Our own identity costs a child process to find out, and never changes.
  let identity: Promise<WrittenIdentity> | null = null;
  const own = (): Promise<WrittenIdentity> => {
    identity ??= processes.own();
    return identity;
  };
  return async (work) => {
    const began = clock.elapsed();
    for (;;) {
      const held = await acquireLease(
        lease,
        { role: 'snapshots' },
        { now: clock.now, own, isAlive: processes.isAlive },
      );
      if (held.kind === 'failed') return held;
      if (held.kind === 'busy') {
        if (clock.elapsed() - began > waitMs) {
          const because = `process ${held.holder.pid} has been busy with the snapshots for more than ${waitMs / 1_000} s`;
          return { kind: 'failed', because };
        }
        await clock.sleep(roundMs);
        continue;
      }
      try {
        return await work();
      } catch (error) {
        // A file that went or was closed to us in between; what carries no code is a bug and must show as one.
        if (errorCode(error) === 'UNKNOWN') throw error;
        return { kind: 'failed', because: fileFailure('tend the snapshots', error).because };
      } finally {
        await held.release();
      }
    }
  };
}
