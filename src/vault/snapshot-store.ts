import { promises as files } from 'node:fs';
import { join } from 'node:path';
import { hours, type Instant } from '../core/time.ts';
import { createGit, type Git } from '../system/git.ts';
import type { Run } from '../system/run.ts';
import { isUnsettled, rescueRepository, settleRepository } from './repository.ts';
import type { SnapshotStore } from './snapshot.ts';
import { snapshotLabels } from './snapshot-labels.ts';
import { missingRepository, noGit, snapshotReader } from './snapshot-reader.ts';
import { snapshotRecorder } from './snapshot-recorder.ts';
import { type LeaseParts, storeLease } from './store-lease.ts';
import { verifyHistory } from './verify-history.ts';

export interface StoreParts extends LeaseParts {
  /** The work tree, `config-backup/`. */
  readonly dir: string;
  /** Where the plain copies are. */
  readonly knownGood: string;
  /** Absolute path of git; null where none was found at install. */
  readonly git: string | null;
  readonly run: Run;
}

type Failed = { readonly kind: 'failed'; readonly because: string };
type Tended =
  | { readonly kind: 'sound' | 'not-due' }
  | { readonly kind: 'mended'; readonly note: string }
  | Failed;

/** The store with what only its keeper needs. */
export interface KeptStore extends SnapshotStore {
  /** Once a day, or when a snapshot could not be read, reads every object; begins a new repository where one is damaged. */
  tend(): Promise<Tended>;
}

const checkedFile = 'immune-checked';
const tendEveryMs = hours(24);

/** Snapshots of the config: a plain git work tree, and beside it plain copies of the newest verified ones. */
export function createSnapshotStore(parts: StoreParts): KeptStore {
  const { dir, knownGood, clock, run } = parts;
  const program = parts.git;
  const git = program === null ? null : createGit({ git: program, dir, run });
  const exclusive = storeLease(parts);
  const repository = {
    dir,
    knownGood,
    now: clock.now,
    gitIn: (folder: string): Git => createGit({ git: program ?? '', dir: folder, run }),
  };
  const reader = snapshotReader({ dir, knownGood, git });
  const label = snapshotLabels({ dir, knownGood, git, ...reader });
  /** A rollback may be waiting for what could not be read: that is not left to the daily check. */
  let doubtful = false;
  const read: SnapshotStore['read'] = async (id) => {
    const outcome = await reader.read(id);
    doubtful ||= outcome.kind === 'failed';
    return outcome;
  };

  const tend = async (): Promise<Tended> => {
    if (git === null) return noGit;
    if (await isUnsettled(dir)) {
      const settled = await exclusive(() => settleRepository(repository));
      if (settled.kind === 'failed') return settled;
      if (settled.note !== null) return { kind: 'mended', note: settled.note };
    }
    if ((await missingRepository(dir)) !== null) return { kind: 'not-due' };
    const path = join(git.store, checkedFile);
    const before = Date.parse(await files.readFile(path, 'utf8').catch(() => ''));
    const age = clock.now() - before;
    if (!doubtful && age >= 0 && age < tendEveryMs) return { kind: 'not-due' };
    return exclusive(async (): Promise<Tended> => {
      const health = await git.check();
      if (health.kind === 'unknown') return { kind: 'failed', because: health.because };
      doubtful = false;
      const rescued = health.kind === 'broken' ? await rescueRepository(repository, health.because) : null;
      if (rescued?.kind === 'failed') return rescued;
      await noteChecked(path, clock.now());
      return rescued === null ? { kind: 'sound' } : { kind: 'mended', note: rescued.note ?? health.kind };
    });
  };

  return {
    ...reader,
    read,
    record: snapshotRecorder({ dir, git, clock, exclusive, repository }),
    label: (id, wanted) =>
      exclusive(async () => {
        const outcome = await label(id, wanted);
        if (outcome.kind === 'done' || git === null || (await missingRepository(dir)) !== null)
          return outcome;
        // Most likely there is no such snapshot; but a damaged one would fail again until the daily check.
        const health = await git.check();
        if (health.kind !== 'broken') return outcome;
        const rescued = await rescueRepository(repository, health.because);
        if (rescued.kind === 'failed') return rescued;
        return { kind: 'failed', because: `${outcome.because}; ${rescued.note}` };
      }),
    verify: async () => verifyHistory((await missingRepository(dir)) === null ? git : null, knownGood),
    size: async () => (git === null || (await missingRepository(dir)) !== null ? null : git.size()),
    tend,
  };
}

async function noteChecked(path: string, now: Instant): Promise<void> {
  try {
    await files.writeFile(path, new Date(now).toISOString(), { mode: 0o600 });
  } catch {
    // The next hour checks once more, which costs a moment.
  }
}
