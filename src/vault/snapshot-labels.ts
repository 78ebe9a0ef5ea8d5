import { join } from 'node:path';
import type { Git } from '../system/git.ts';
import { tagOf } from './commit-words.ts';
import { addCopy, clearCopies, listCopies, markCopyBad } from './known-good.ts';
import { configHashOf, type SnapshotStore } from './snapshot.ts';
import { noGit, type ReaderParts } from './snapshot-reader.ts';
import { maxHistory } from './verify-history.ts';

type Failed = { readonly kind: 'failed'; readonly because: string };

/** Labels are lightweight tags, which a person sees in `git log`; a verified one also has its plain copy. */
export function snapshotLabels({
  knownGood,
  git,
  list,
  read,
}: ReaderParts & Pick<SnapshotStore, 'list' | 'read'>): SnapshotStore['label'] {
  const label: SnapshotStore['label'] = async (id, wanted) => {
    if (!/^[0-9a-f]{40}$/.test(id)) return { kind: 'failed', because: `${id} names no snapshot` };
    return wanted === 'bad' ? markBad(id) : markVerified(id);
  };

  const markVerified = async (id: string): Promise<{ kind: 'done' } | Failed> => {
    const content = await read(id);
    if (content.kind === 'failed') return content;
    const tagged = await tag(id, 'verified');
    if (tagged.kind === 'failed') return tagged;
    const cleared = await clear(configHashOf(content.content.files));
    return cleared.kind === 'failed' ? cleared : addCopy(knownGood, id, content.content);
  };

  /** A boot and a soak with this very content, made after a rollback to it had failed, are the better proof. */
  const clear = async (configHash: string): Promise<{ kind: 'done' } | Failed> => {
    const listing = await list(maxHistory);
    for (const twin of listing.kind === 'listed' ? listing.entries : []) {
      if (twin.label !== 'bad' || twin.source !== 'git' || twin.configHash !== configHash) continue;
      const untagged = await git?.untag(tagOf('bad', twin.id));
      if (untagged?.kind === 'failed') return untagged;
    }
    return clearCopies(knownGood, configHash);
  };

  const markBad = async (id: string): Promise<{ kind: 'done' } | Failed> => {
    const copy = await markCopyBad(knownGood, id);
    if (copy?.kind === 'failed') return copy;
    const tagged = await tag(id, 'bad');
    if (tagged.kind === 'done' || copy === null) return tagged;
    // The repository was made anew since: the snapshot is there under another id, or only as a copy.
    const listing = await list(maxHistory);
    const marked = (await listCopies(knownGood)).find((each) => each.id === id)?.manifest;
    const twins = listing.kind === 'listed' ? listing.entries : [];
    for (const twin of twins) {
      if (twin.source === 'git' && twin.takenAt === marked?.takenAt && twin.configHash === marked.configHash)
        await tag(twin.id, 'bad');
    }
    return { kind: 'done' };
  };

  const tag = async (id: string, name: 'verified' | 'bad'): Promise<{ kind: 'done' } | Failed> => {
    if (git === null) return noGit;
    const refused = await refusal(git);
    if (refused !== null) return refused;
    if ((await git.readRef(`refs/tags/${tagOf(name, id)}`)) === id) return { kind: 'done' };
    const unlocked = await git.removeStaleLocks();
    return unlocked.kind === 'failed' ? unlocked : git.tag(tagOf(name, id), id);
  };

  return label;
}

/** What is stored here holds secrets, and one push would give them away. */
export async function refusal(git: Git): Promise<Failed | null> {
  if (!(await git.hasRemote())) return null;
  const because = `${join(git.store, 'config')} names a remote; the snapshots hold secrets and must stay on this machine, so nothing is recorded until it is removed ("git remote remove")`;
  return { kind: 'failed', because };
}
