import type { Clock, Millis } from '../core/time.ts';
import { seconds } from '../core/time.ts';
import type { Log } from '../system/log.ts';
import { listArchives } from '../vault/archives.ts';
import { readStamp } from './job-stamps.ts';
import type { ArchivesView } from './status-file.ts';

export interface ArchivesWatch {
  /** After each look; returns at once. */
  onLook(): void;
  /** Null until they were looked at. */
  view(): ArchivesView | null;
}

/** Archives come and go a few times a week; a look at them reads some small files. */
const everyMs = seconds(60);

/** What the status says of the archives: the newest that counts, and what is wrong. */
export function createArchivesWatch({
  archivesDir,
  stateDir,
  clock,
  log,
}: {
  readonly archivesDir: string;
  readonly stateDir: string;
  readonly clock: Pick<Clock, 'elapsed'>;
  readonly log: Log;
}): ArchivesWatch {
  let view: ArchivesView | null = null;
  let lookedAt: Millis | null = null;
  /** An archive that is being made is not finished either: only what is still so at the next look is told. */
  let doubts: readonly string[] = [];

  const look = async (): Promise<void> => {
    const [{ archives, problems }, stamp] = await Promise.all([
      listArchives(archivesDir),
      readStamp(stateDir, 'archive'),
    ]);
    const [newest] = archives;
    const failure = stamp !== null && !stamp.ok ? stamp.text : null;
    const stands = problems.find((problem) => doubts.includes(problem)) ?? null;
    doubts = problems;
    view = {
      newestAt: newest?.takenAt ?? null,
      version: newest?.openclaw ?? null,
      problem: failure ?? stands,
    };
  };

  return {
    onLook: () => {
      const now = clock.elapsed();
      if (lookedAt !== null && now - lookedAt < everyMs) return;
      lookedAt = now;
      look().catch((error: unknown) => log.warn(`The archives could not be looked at: ${String(error)}`));
    },
    view: () => view,
  };
}
