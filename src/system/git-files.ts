import { constants as fileConstants, promises as files, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { readIfExists, syncDirectory } from './durable-file.ts';
import { errorCode, fileFailure } from './file-failure.ts';

type Outcome = { readonly kind: 'done' } | { readonly kind: 'failed'; readonly because: string };

/** A commit made within this much of our own start may have touched a directory of objects. */
const mtimeSlackMs = 5_000;
/** A person's git holds the index for seconds, or while a message is written in an editor; ours never does. */
const staleIndexMs = 10 * 60_000;
/** The references a repository of ours packs, some 60 bytes each, and its settings: far above any real one. */
const maxFileBytes = 16 * 1_048_576;

/** The commit a reference names, without starting git; null when it is not there or names none. */
export async function readRef(store: string, name: string): Promise<string | null> {
  const loose = await readText(join(store, name));
  if (loose !== null) return /^([0-9a-f]{40})\n?$/.exec(loose)?.[1] ?? null;
  const packed = await readText(join(store, 'packed-refs'));
  const line = packed?.split('\n').find((each) => each.slice(41) === name);
  return line === undefined ? null : (/^[0-9a-f]{40}/.exec(line)?.[0] ?? null);
}

/** Marks of a merge, a rebase or a pick that a person has not finished. */
const unfinished = ['MERGE_HEAD', 'CHERRY_PICK_HEAD', 'REVERT_HEAD', 'rebase-merge', 'rebase-apply'];

/** Whether the work tree shows that branch: a person may have another one checked out, or be in the middle of a merge. */
export async function showsBranch(store: string, branch: string): Promise<boolean> {
  if ((await readText(join(store, 'HEAD')))?.trim() !== `ref: refs/heads/${branch}`) return false;
  return !unfinished.some((name) => statSync(join(store, name), { throwIfNoEntry: false }) !== undefined);
}

/** Whether a person has connected the repository to another one. */
export async function hasRemote(store: string): Promise<boolean> {
  const text = await readText(join(store, 'config'));
  return text !== null && /^\s*\[\s*remote\b/im.test(text);
}

/** What every repository of ours has and this one has lost, by our own reading; null when all is there or unreadable. */
export async function damagedParts(store: string): Promise<string | null> {
  const head = await readIfExists(join(store, 'HEAD'), maxFileBytes);
  if (head.kind === 'missing') return 'it has no HEAD';
  if (head.kind === 'read' && !/^(ref: refs\/|[0-9a-f]{40})/.test(head.bytes.toString('latin1')))
    return 'its HEAD names nothing';
  const settings = await readIfExists(join(store, 'config'), maxFileBytes);
  if (settings.kind === 'read' && settings.bytes.includes(0)) return 'its config is no text';
  for (const name of ['objects', 'refs']) {
    try {
      if (!(await files.stat(join(store, name))).isDirectory()) return `its ${name} are no folder`;
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return `it has no ${name}`;
    }
  }
  return null;
}

/** The first file of the history that is there and cannot be opened, as a sentence; null when all can. */
export async function unopenable(store: string): Promise<string | null> {
  for (const folder of ['objects', 'refs']) {
    try {
      const found = await files.readdir(join(store, folder), { recursive: true, withFileTypes: true });
      for (const entry of found) {
        if (entry.isDirectory()) continue;
        const handle = await files.open(
          join(entry.parentPath, entry.name),
          fileConstants.O_RDONLY | fileConstants.O_NONBLOCK,
        );
        await handle.close();
      }
    } catch (error) {
      const code = errorCode(error);
      // The folder itself is gone: that is damage, and nothing that was closed to us.
      if (code === 'ENOENT' && !showsFolder(join(store, folder))) continue;
      return `a file in ${join(store, folder)} cannot be opened (${code})`;
    }
  }
  return null;
}

const showsFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false }) !== undefined;

async function readText(path: string): Promise<string | null> {
  const read = await readIfExists(path, maxFileBytes);
  return read.kind === 'read' ? read.bytes.toString('utf8') : null;
}

/**
 * Left by a git of ours that was killed or lost its power: the caller holds the lease, so no other git of ours is at
 * work. The index may be in use by a person's git, which is given time: nothing we store goes through it.
 */
export async function removeStaleLocks(store: string, nowMs: number): Promise<Outcome> {
  const folders = ['', 'refs', 'refs/heads', 'refs/tags', 'refs/tags/verified', 'refs/tags/bad'];
  try {
    for (const folder of folders) {
      for (const name of await entriesOf(join(store, folder))) {
        if (!name.endsWith('.lock')) continue;
        const path = join(store, folder, name);
        const { mtimeMs } = await files.stat(path);
        if (name === 'index.lock' && Math.abs(nowMs - mtimeMs) < staleIndexMs) continue;
        await files.rm(path, { force: true });
      }
    }
    return { kind: 'done' };
  } catch (error) {
    return { kind: 'failed', because: fileFailure(`remove stale locks from ${store}`, error).because };
  }
}

/** Puts a new index in the place of the one a person's git uses, unless that is at work. */
export async function replaceIndex(store: string, built: string): Promise<Outcome> {
  const lock = join(store, 'index.lock');
  if (statSync(lock, { throwIfNoEntry: false }) !== undefined)
    return { kind: 'failed', because: `a git is at work, or was killed, and holds ${lock}` };
  try {
    await files.rename(built, join(store, 'index'));
    return { kind: 'done' };
  } catch (error) {
    return { kind: 'failed', because: fileFailure(`put the index of ${store} in place`, error).because };
  }
}

async function entriesOf(path: string): Promise<readonly string[]> {
  try {
    return await files.readdir(path);
  } catch (error) {
    // No label was ever given, or the references are packed.
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

/** git syncs the files it writes and not the directories that name them; only those touched since are synced. */
export async function syncStore(store: string, sinceMs: number): Promise<Outcome> {
  const directories = [store];
  try {
    // At most 256 directories of loose objects, by the first byte of their hash; two microseconds each.
    for (const name of readdirSync(join(store, 'objects'))) directories.push(join(store, 'objects', name));
    for (const name of ['objects', 'refs', 'refs/heads', 'refs/tags', 'refs/tags/verified', 'refs/tags/bad'])
      directories.push(join(store, name));
    const touched = directories.filter((path) => {
      const found = statSync(path, { throwIfNoEntry: false });
      return found?.isDirectory() === true && found.mtimeMs >= sinceMs - mtimeSlackMs;
    });
    const synced = await Promise.all(touched.map((path) => syncDirectory(path)));
    return synced.find((each) => each.kind === 'failed') ?? { kind: 'done' };
  } catch (error) {
    return { kind: 'failed', because: fileFailure(`sync ${store}`, error).because };
  }
}

/** A new repository: git does not sync its settings, and without its HEAD there is no repository. */
export async function syncNewStore(store: string): Promise<Outcome> {
  try {
    for (const name of ['HEAD', 'config']) {
      const handle = await files.open(join(store, name), 'r');
      await handle.sync().finally(() => handle.close());
    }
    return await syncStore(store, 0);
  } catch (error) {
    return { kind: 'failed', because: fileFailure(`sync ${store}`, error).because };
  }
}
