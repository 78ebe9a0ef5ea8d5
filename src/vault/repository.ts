import { promises as files } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Instant } from '../core/time.ts';
import { ensurePrivateDirectory, syncDirectory } from '../system/durable-file.ts';
import { errorCode, fileFailure } from '../system/file-failure.ts';
import type { Git } from '../system/git.ts';
import { messageOf, tagOf } from './commit-words.ts';
import { listCopies } from './known-good.ts';
import type { SnapshotContent } from './snapshot.ts';
import { keyOf, manifestOf } from './snapshot-manifest.ts';
import { readStoredFolder, removeFolder, storedFiles } from './stored-folder.ts';

export interface RepositoryParts {
  readonly dir: string;
  readonly knownGood: string;
  readonly gitIn: (dir: string) => Git;
  readonly now: () => Instant;
}

type Failed = { readonly kind: 'failed'; readonly because: string };
/** `note`: what had to be done to get there; null when nothing. */
type Opened = { readonly kind: 'open'; readonly note: string | null };

/** The repository ready to be written to: made where there is none, and made anew where somebody deleted it. */
export async function openRepository(parts: RepositoryParts): Promise<Opened | Failed> {
  const store = join(parts.dir, '.git');
  try {
    if ((await files.lstat(store)).isDirectory()) {
      // A person's chmod or checkout may have opened it, and it holds secrets.
      const closed = await ensurePrivateDirectory(parts.dir);
      return closed.kind === 'failed' ? closed : { kind: 'open', note: null };
    }
    return await rescueRepository(parts, `${store} is not a directory`);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') return fileFailure(`look at ${store}`, error);
  }
  const begun = await begin(parts, parts.dir);
  if (begun.kind === 'failed') return begun;
  if (begun.imported === 0) return { kind: 'open', note: null };
  return {
    kind: 'open',
    note: `the repository in ${parts.dir} was gone; a new one was begun with ${counted(begun.imported)}`,
  };
}

/** Moves a damaged repository out of the way, whole, and begins a new one with what the plain copies hold. */
export async function rescueRepository(parts: RepositoryParts, because: string): Promise<Opened | Failed> {
  const broken = `${parts.dir}.broken-${stampOf(parts.now())}`;
  try {
    await files.rename(parts.dir, broken);
  } catch (error) {
    return fileFailure(`move the damaged ${parts.dir} aside`, error);
  }
  const synced = await syncDirectory(dirname(parts.dir));
  if (synced.kind === 'failed') return synced;
  const begun = await begin(parts, broken);
  if (begun.kind === 'failed') return begun;
  return {
    kind: 'open',
    note: `the repository was damaged (${because}); it is kept as ${broken}, and a new one was begun with ${counted(begun.imported)}`,
  };
}

const counted = (n: number): string => `${n} earlier snapshot${n === 1 ? '' : 's'}`;
export const stampOf = (at: Instant): string => new Date(at).toISOString().replace(/[:.]/g, '-');

/** Builds beside and renames, so that a death in the middle leaves no half-filled repository behind. */
async function begin(
  { dir, knownGood, gitIn }: RepositoryParts,
  treeOf: string,
): Promise<{ readonly kind: 'begun'; readonly imported: number } | Failed> {
  const earlier = await earlierSnapshots(knownGood, treeOf);
  const beside = `${dir}.new`;
  const cleared = await removeFolder(beside);
  if (cleared.kind === 'failed') return cleared;
  const git = gitIn(beside);
  const made = await git.init();
  if (made.kind === 'failed') return made;
  let parent: string | null = null;
  for (const { content, labels } of earlier) {
    const message = messageOf(manifestOf(content), null);
    const commit = await git.commit({
      branch: 'main',
      parent,
      at: content.takenAt,
      message,
      files: storedFiles(content),
    });
    if (commit.kind === 'failed') return commit;
    parent = commit.id;
    for (const label of labels) {
      const tagged = await git.tag(tagOf(label, parent), parent);
      if (tagged.kind === 'failed') return tagged;
    }
  }
  const prepared = await ensurePrivateDirectory(dir);
  if (prepared.kind === 'failed') return prepared;
  try {
    await files.rename(git.store, join(dir, '.git'));
  } catch (error) {
    return fileFailure(`put the new repository into ${dir}`, error);
  }
  for (const folder of [dir, dirname(dir)]) {
    const synced = await syncDirectory(folder);
    if (synced.kind === 'failed') return synced;
  }
  await removeFolder(beside);
  return { kind: 'begun', imported: earlier.length };
}

interface Earlier {
  readonly content: SnapshotContent;
  readonly labels: readonly ('verified' | 'bad')[];
}

/** The plain copies, oldest first, and what the work tree shows where that is whole and another. */
async function earlierSnapshots(knownGood: string, tree: string): Promise<readonly Earlier[]> {
  const earlier: Earlier[] = [];
  for (const copy of (await listCopies(knownGood)).toReversed()) {
    const read = await readStoredFolder(copy.folder);
    if (read.kind !== 'read') continue;
    earlier.push({ content: read.content, labels: copy.bad ? ['verified', 'bad'] : ['verified'] });
  }
  const shown = await readStoredFolder(tree);
  const newest = earlier.at(-1)?.content;
  if (shown.kind === 'read' && (newest === undefined || isNews(shown.content, newest))) {
    earlier.push({ content: shown.content, labels: [] });
  }
  return earlier;
}

const isNews = (one: SnapshotContent, other: SnapshotContent): boolean =>
  keyOf(manifestOf(one)) !== keyOf(manifestOf(other));
