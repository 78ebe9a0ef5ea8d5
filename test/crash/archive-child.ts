import type { Instant } from '../../src/core/time.ts';
import { createArchive } from '../../src/vault/create-archive.ts';
import type { ManifestHead, Tree } from '../../src/vault/manifest.ts';

/** One archive in a process of its own, so that it can be killed in the middle. */
export interface ArchiveErrand {
  readonly archivesDir: string;
  readonly head: Omit<ManifestHead, 'trees'>;
  readonly trees: readonly Tree[];
  readonly now: Instant;
}

const { now, ...errand } = JSON.parse(process.argv[2] ?? '{}') as ArchiveErrand;
const signal = new AbortController().signal;
const outcome = await createArchive({ ...errand, signal, now: () => now, judge: async () => null });
process.stdout.write(JSON.stringify(outcome));
