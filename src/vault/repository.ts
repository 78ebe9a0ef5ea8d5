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

/** Where a new repository is made, and where it lies once it is complete: the name alone tells after a death. */
const unfinishedOf = (dir: string): string => `${dir}.new`;
const readyOf = (dir: string): string => `${dir}.ready`;

/** The repository ready to be written to: made where there is none, and made anew where somebody deleted it. */
export async function openRepository(parts: RepositoryParts): Promise<Opened | Failed> {
  const { dir } = parts;
  const settled = await settleRepository(parts);
  if (settled.kind === 'failed' || settled.note !== null) return settled;
  const store = join(dir, '.git');
  try {
    if ((await files.lstat(store)).isDirectory()) {
      // A person's chmod or checkout may have opened it, and it holds secrets.
      const closed = await ensurePrivateDirectory(dir);
      return closed.kind === 'failed' ? closed : { kind: 'open', note: null };
    }
    return await rescueRepository(parts, `${store} is not a directory`);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') return fileFailure(`look at ${store}`, error);
  }
  const built = await build(parts);
  if (built.kind === 'failed') return built;
  const placed = await place(dir);
  if (placed.kind === 'failed') return placed;
  if (built.imported === 0) return { kind: 'open', note: null };
  return {
    kind: 'open',
    note: `the repository in ${dir} was gone; a new one was begun with ${counted(built.imported)}`,
  };
}

/** Whether a new repository lies beside that a death kept from its place, or from being removed. */
export const isUnsettled = async (dir: string): Promise<boolean> => (await statusOf(readyOf(dir))) !== 'none';

/**
 * After a death in the middle of a rescue: once the old repository was moved the new one takes its place; before that
 * the old one stays, and is judged again by whoever uses it.
 */
export async function settleRepository({ dir }: RepositoryParts): Promise<Opened | Failed> {
  const ready = readyOf(dir);
  const isReady = (await statusOf(join(ready, '.git'))) === 'there';
  if (isReady && (await statusOf(join(dir, '.git'))) === 'none') {
    const placed = await place(dir);
    if (placed.kind === 'failed') return placed;
    return { kind: 'open', note: `a new repository was begun earlier and is now put in its place, ${dir}` };
  }
  for (const leftover of [ready, unfinishedOf(dir)]) {
    const removed = await removeFolder(leftover);
    if (removed.kind === 'failed') return removed;
  }
  return { kind: 'open', note: null };
}

/**
 * Begins a new repository beside with what the plain copies hold, and only then moves the damaged one out of the way,
 * whole. That the new one could be made and is found sound proves that git works and that its word can be trusted.
 */
export async function rescueRepository(parts: RepositoryParts, because: string): Promise<Opened | Failed> {
  const { dir } = parts;
  const stays = `what looks like damage of the repository (${because}) stays where it is`;
  const built = await build(parts);
  if (built.kind === 'failed') return { kind: 'failed', because: `${stays}: ${built.because}` };
  const doubt = await doubtOf(parts);
  if (doubt !== null) {
    await removeFolder(readyOf(dir));
    return { kind: 'failed', because: `${stays}: ${doubt}` };
  }
  const broken = `${dir}.broken-${stampOf(parts.now())}`;
  try {
    await files.rename(dir, broken);
  } catch (error) {
    await removeFolder(readyOf(dir));
    return fileFailure(`move the damaged ${dir} aside`, error);
  }
  const synced = await syncDirectory(dirname(dir));
  if (synced.kind === 'failed') return synced;
  const placed = await place(dir);
  if (placed.kind === 'failed') return placed;
  return {
    kind: 'open',
    note: `the repository was damaged (${because}); it is kept as ${broken}, and a new one was begun with ${counted(built.imported)}`,
  };
}

const counted = (n: number): string => `${n} earlier snapshot${n === 1 ? '' : 's'}`;
export const stampOf = (at: Instant): string => new Date(at).toISOString().replace(/[:.]/g, '-');

/** Why the damage is not believed; null when this git finds the new repository sound, and the old one damaged again. */
async function doubtOf({ dir, gitIn }: RepositoryParts): Promise<string | null> {
  const fresh = await gitIn(readyOf(dir)).check();
  if (fresh.kind !== 'sound') return `a new one is not found sound either: ${fresh.because}`;
  const found = await files.lstat(join(dir, '.git')).catch(() => null);
  // Somebody put a file or a link there: that is seen without git.
  if (found !== null && !found.isDirectory()) return null;
  const again = await gitIn(dir).check();
  if (again.kind === 'broken') return null;
  return again.kind === 'sound' ? 'it was told once and not again' : again.because;
}

/** Makes the new repository, and names it so once it is complete. */
async function build({
  dir,
  knownGood,
  gitIn,
}: RepositoryParts): Promise<{ readonly kind: 'built'; readonly imported: number } | Failed> {
  const earlier = await earlierSnapshots(knownGood, dir);
  const beside = unfinishedOf(dir);
  for (const leftover of [beside, readyOf(dir)]) {
    const cleared = await removeFolder(leftover);
    if (cleared.kind === 'failed') return cleared;
  }
  const filled = await fill(gitIn(beside), earlier);
  if (filled.kind === 'failed') {
    await removeFolder(beside);
    return filled;
  }
  try {
    await files.rename(beside, readyOf(dir));
  } catch (error) {
    return fileFailure(`name the new repository ${readyOf(dir)}`, error);
  }
  const synced = await syncDirectory(dirname(dir));
  return synced.kind === 'failed' ? synced : { kind: 'built', imported: earlier.length };
}

async function fill(git: Git, earlier: readonly Earlier[]): Promise<{ readonly kind: 'done' } | Failed> {
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
  return { kind: 'done' };
}

/** Moves the complete new repository to where there is none; the folder there may show files already. */
async function place(dir: string): Promise<{ readonly kind: 'done' } | Failed> {
  const prepared = await ensurePrivateDirectory(dir);
  if (prepared.kind === 'failed') return prepared;
  try {
    await files.rename(join(readyOf(dir), '.git'), join(dir, '.git'));
  } catch (error) {
    return fileFailure(`put the new repository into ${dir}`, error);
  }
  for (const folder of [dir, dirname(dir)]) {
    const synced = await syncDirectory(folder);
    if (synced.kind === 'failed') return synced;
  }
  // An empty folder that stays is removed by the next use.
  await removeFolder(readyOf(dir));
  return { kind: 'done' };
}

/** `unsure`: something cannot be looked at, and nothing may be concluded from that. */
async function statusOf(path: string): Promise<'there' | 'none' | 'unsure'> {
  try {
    await files.lstat(path);
    return 'there';
  } catch (error) {
    return errorCode(error) === 'ENOENT' ? 'none' : 'unsure';
  }
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
