import { type Clock, type Millis, millis, minutes } from '../core/time.ts';
import type { FinishedRepair } from '../repairs/finish-repairs.ts';
import type { Log } from '../system/log.ts';

interface RepairFinisherParts {
  readonly clock: Clock;
  readonly finish: () => Promise<readonly FinishedRepair[]>;
  /** Between two actions. */
  readonly exclusive: (work: () => Promise<void>) => Promise<void>;
  /** The package is another one now. */
  readonly onChanged: () => void;
  readonly log: Pick<Log, 'warn' | 'error'>;
}

/** Finishes repairs that were interrupted, however often that takes: no look at half a package finds them. */
export interface RepairFinisher {
  /** At the start, before anything is decided. */
  begin(): Promise<void>;
  /** A repair did not come to its end: it may have left something. */
  doubt(): void;
  /** After each look. Returns at once and never throws. */
  onLook(): void;
  close(): Promise<void>;
}

/** Who was in the way (a package manager, a full disk) is rarely gone earlier; finding nothing costs one listing. */
const againMs = minutes(1);

export function createRepairFinisher(parts: RepairFinisherParts): RepairFinisher {
  const { clock, log } = parts;
  let isOpen = false;
  let dueAt: Millis = clock.elapsed();
  let busy: Promise<void> | null = null;
  const told = new Set<string>();

  /** True when something of the package is not what it was. */
  const work = async (): Promise<boolean> => {
    const finished = await parts.finish();
    isOpen = finished.some(({ kind }) => kind === 'failed');
    for (const { id, because, kind } of finished) {
      // The same failure again is no news.
      if (kind === 'failed' && told.has(id)) continue;
      if (kind === 'failed') told.add(id);
      log[kind === 'failed' ? 'error' : 'warn'](`A repair of the package that was interrupted: ${because}`);
    }
    return finished.some(({ kind }) => kind !== 'failed');
  };
  return {
    begin: async () => {
      // Nobody has seen anything of it yet that would be past now.
      await work();
    },
    doubt: () => {
      isOpen = true;
    },
    onLook: () => {
      if (!isOpen || busy !== null || clock.elapsed() < dueAt) return;
      dueAt = millis(clock.elapsed() + againMs);
      busy = parts
        .exclusive(async () => {
          if (await work()) parts.onChanged();
        })
        .catch((error: unknown) => log.error(`An interrupted repair could not be finished: ${String(error)}`))
        .finally(() => {
          busy = null;
        });
    },
    close: async () => {
      await busy;
    },
  };
}
