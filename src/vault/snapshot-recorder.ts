import type { Clock } from '../core/time.ts';
import type { Git } from '../system/git.ts';
import { keyIn, messageOf } from './commit-words.ts';
import { readMemo, writeMemo } from './newest-memo.ts';
import { openRepository, type RepositoryParts, rescueRepository, stampOf } from './repository.ts';
import type { RecordOutcome, SnapshotContent, SnapshotStore } from './snapshot.ts';
import { refusal } from './snapshot-labels.ts';
import { keyOf, manifestOf } from './snapshot-manifest.ts';
import { noGit, readCommit } from './snapshot-reader.ts';
import type { Exclusive } from './store-lease.ts';
import { storedFiles, unfit } from './stored-folder.ts';
import { showInWorkTree } from './work-tree.ts';

interface Job {
  readonly git: Git;
  readonly content: SnapshotContent;
  readonly aside: string | null;
  readonly key: string;
}

/** Stores what changed, once, by one git process that needs neither index nor work tree; those follow. */
export function snapshotRecorder(parts: {
  readonly dir: string;
  readonly git: Git | null;
  readonly clock: Clock;
  readonly exclusive: Exclusive;
  readonly repository: RepositoryParts;
}): SnapshotStore['record'] {
  const { dir, git, clock, exclusive, repository } = parts;

  const record: SnapshotStore['record'] = async (content, { aside }) => {
    if (git === null) return noGit;
    const problem = unfit(content);
    if (problem !== null) return { kind: 'failed', because: problem };
    const refused = await refusal(git);
    if (refused !== null) return refused;
    const job: Job = { git, content, aside, key: keyOf(manifestOf(content)) };
    return (await known(job)) ?? exclusive(() => recordAlone(job));
  };

  const branchOf = ({ aside }: Job): 'main' | 'aside' => (aside === null ? 'main' : 'aside');

  /** The answer where this very content is the newest of its branch: no git, no lease. */
  const known = async (job: Job): Promise<RecordOutcome | null> => {
    const branch = branchOf(job);
    const [memo, tip] = await Promise.all([readMemo(job.git.store), job.git.readRef(`refs/heads/${branch}`)]);
    const stored = memo[branch];
    if (stored === undefined || stored.key !== job.key || stored.commit !== tip || !stored.shown) return null;
    return { kind: branch === 'main' ? 'unchanged' : 'aside', id: tip };
  };

  const recordAlone = async (job: Job): Promise<RecordOutcome> => {
    const opened = await openRepository(repository);
    if (opened.kind === 'failed') return opened;
    const meanwhile = await known(job);
    if (meanwhile !== null) return meanwhile;
    const unlocked = await job.git.removeStaleLocks();
    if (unlocked.kind === 'failed') return unlocked;
    const newest = job.aside === null ? await sameAsTip(job) : null;
    if (newest !== null) {
      // With the time it was taken at, which is not the time of this look.
      const stored = await readCommit(job.git, newest);
      await show({ ...job, content: stored.kind === 'read' ? stored.content : job.content }, newest);
      return { kind: 'unchanged', id: newest, ...noted(opened.note) };
    }
    const first = await commit(job);
    if (first.kind === 'committed') return finish(job, first.id, opened.note);
    const health = await job.git.check();
    // Of a git that cannot work its check tells more, and what to type.
    if (health.kind === 'unknown') return { kind: 'failed', because: health.because };
    if (health.kind === 'sound') return first;
    const rescued = await rescueRepository(repository, health.because);
    if (rescued.kind === 'failed') return rescued;
    const second = await commit(job);
    return second.kind === 'committed' ? finish(job, second.id, rescued.note) : second;
  };

  /** The memo may be lost or behind: whether the branch's newest commit is ours and holds this very content. */
  const sameAsTip = async ({ git: own, key }: Job): Promise<string | null> => {
    const tip = await own.readRef('refs/heads/main');
    if (tip === null) return null;
    const { main } = await readMemo(own.store);
    if (main?.commit === tip) return main.key === key ? tip : null;
    const logged = await own.log(1);
    const newest = logged.kind === 'commits' ? logged.commits[0] : undefined;
    return newest?.id === tip && keyIn(newest.message) === key ? tip : null;
  };

  const commit = async (job: Job) =>
    job.git.commit({
      branch: branchOf(job),
      parent: await job.git.readRef(`refs/heads/${branchOf(job)}`),
      at: job.content.takenAt,
      message: messageOf(manifestOf(job.content), job.aside),
      files: storedFiles(job.content),
    });

  const finish = async (job: Job, id: string, note: string | null): Promise<RecordOutcome> => {
    if (job.aside === null) {
      const problem = await show(job, id);
      return { kind: 'recorded', id, ...noted(note ?? problem) };
    }
    const memo = await readMemo(job.git.store);
    await writeMemo(job.git.store, { ...memo, aside: { key: job.key, commit: id, shown: true } });
    return { kind: 'aside', id, ...noted(note) };
  };

  /** Work tree and index, for a person's eyes: the snapshot is stored already and does not depend on them. */
  const show = async ({ git: own, content, key }: Job, id: string): Promise<string | null> => {
    let problem: string | null = null;
    if (await own.showsBranch('main')) {
      const outcomes = await Promise.all([
        showInWorkTree(dir, storedFiles(content), stampOf(clock.now())),
        own.refreshIndex(),
      ]);
      const failed = outcomes.find((each) => each.kind === 'failed');
      if (failed?.kind === 'failed') problem = `the work tree does not show it yet: ${failed.because}`;
    }
    const memo = await readMemo(own.store);
    await writeMemo(own.store, { ...memo, main: { key, commit: id, shown: problem === null } });
    return problem;
  };

  return record;
}

const noted = (note: string | null): { note?: string } => (note === null ? {} : { note });
