import { promises as files } from 'node:fs';
import { join } from 'node:path';
import type { Git } from '../system/git.ts';
import { entryOf } from './commit-words.ts';
import { listCopies } from './known-good.ts';
import type { Listing, ReadSnapshot, SnapshotEntry, SnapshotStore } from './snapshot.ts';
import { contentOf, manifestName, parseManifest } from './snapshot-manifest.ts';
import { readStoredFolder } from './stored-folder.ts';

export interface ReaderParts {
  readonly dir: string;
  readonly knownGood: string;
  /** Null where no git was found at install. */
  readonly git: Git | null;
}

export const noGit = {
  kind: 'failed',
  because: 'git was not found at install; run ./install.sh again once it is there',
} as const;

/** Why there is no repository to read; null when there is one. */
export async function missingRepository(dir: string): Promise<string | null> {
  const found = await files.stat(join(dir, '.git')).catch(() => null);
  return found === null ? `there is no repository in ${dir}` : null;
}

/** Reads from git, and from the plain copies where git or its repository fails. */
export function snapshotReader({ dir, knownGood, git }: ReaderParts): Pick<SnapshotStore, 'list' | 'read'> {
  const list: SnapshotStore['list'] = async (limit) => {
    const problem = git === null ? noGit.because : await missingRepository(dir);
    if (git !== null && problem === null) {
      const logged = await git.log(limit);
      if (logged.kind === 'failed') return fromCopies(limit, logged.because);
      return {
        kind: 'listed',
        entries: logged.commits.flatMap((each) => entryOf(each) ?? []),
        problem: null,
      };
    }
    return fromCopies(limit, problem);
  };

  const fromCopies = async (limit: number, problem: string | null): Promise<Listing> => {
    const copies = await listCopies(knownGood);
    const entries = copies.slice(0, limit).map(
      ({ id, bad, manifest: { takenAt, configHash, openclaw } }): SnapshotEntry => ({
        id,
        takenAt,
        label: bad ? 'bad' : 'verified',
        configHash,
        openclaw,
        source: 'copy',
      }),
    );
    // Nothing was ever recorded: no repository is no problem then.
    const begun = entries.length > 0 || git === null || (await missingRepository(dir)) === null;
    return { kind: 'listed', entries, problem: begun ? problem : null };
  };

  const read: SnapshotStore['read'] = async (id) => {
    const told = (because: string): ReadSnapshot => ({
      kind: 'failed',
      because: `snapshot ${id.slice(0, 12)} cannot be read: ${because}`,
    });
    if (!/^[0-9a-f]{40}$/.test(id)) return told('that is no id of a snapshot');
    const stored = git === null ? noGit : await readCommit(git, id);
    if (stored.kind === 'read') return stored;
    const copy = (await listCopies(knownGood)).find((each) => each.id === id);
    if (copy === undefined) return told(stored.because);
    const plain = await readStoredFolder(copy.folder);
    return plain.kind === 'read' ? plain : told(plain.because);
  };

  return { list, read };
}

export async function readCommit(git: Git, id: string): Promise<ReadSnapshot> {
  const first = await git.objects([`${id}:${manifestName}`]);
  if (first.kind === 'failed') return first;
  const text = first.objects[0]?.bytes.toString('utf8');
  if (text === undefined) return { kind: 'failed', because: 'there is no such snapshot' };
  const manifest = parseManifest(text);
  if (manifest === null) return { kind: 'failed', because: 'its manifest cannot be understood' };
  const stored = await git.objects(manifest.files.map(({ name }) => `${id}:${name}`));
  if (stored.kind === 'failed') return stored;
  const found = new Map(manifest.files.map(({ name }, n) => [name, stored.objects[n]?.bytes ?? null]));
  return contentOf(manifest, (name) => found.get(name) ?? null);
}
