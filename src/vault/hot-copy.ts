import { lstat, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ensurePrivateDirectory } from '../system/durable-file.ts';
import { fileFailure } from '../system/file-failure.ts';
import type { Run } from '../system/run.ts';
import { checkTrees } from './compare-tree.ts';
import { unitText } from './manifest.ts';
import { readManifest } from './manifest-file.ts';

type HotCopyOutcome =
  | { readonly kind: 'copied'; readonly path: string }
  | { readonly kind: 'skipped'; readonly because: string }
  | { readonly kind: 'failed'; readonly because: string };

/** 41 000 clones took 6 s on a busy disk; what takes longer than this is a copy, not a clone. */
const timeoutMs = 120_000;

/**
 * A clone of the package whose blocks are the package's own until one of them changes: there at once, for someone who
 * has no Node to unpack an archive with. Only APFS has it, and `-c` is refused across volumes, so that it never becomes
 * a copy in full. One version is kept, the one that was archived last, and only as its manifest has it: the package may
 * have been changed since it was read.
 */
export async function makeHotCopy(ask: {
  readonly archivesDir: string;
  readonly root: string;
  readonly openclaw: string;
  /** Of the archive that was made of it. */
  readonly manifestFile: string;
  readonly platform: string;
  readonly run: Run;
  readonly signal: AbortSignal;
}): Promise<HotCopyOutcome> {
  const { archivesDir, root, openclaw, platform, run, signal } = ask;
  if (platform !== 'darwin') return { kind: 'skipped', because: 'only APFS on a Mac clones files' };
  const hot = join(archivesDir, 'hot');
  const name = openclaw.replace(/[^0-9A-Za-z._+-]/g, '_').replace(/^\.+/, '');
  const [fresh, place, old] = [join(hot, '.new'), join(hot, name), join(hot, '.old')];
  const prepared = await ensurePrivateDirectory(hot);
  if (prepared.kind === 'failed') return prepared;
  try {
    for (const left of [fresh, old]) await rm(left, { recursive: true, force: true });
    await mkdir(fresh, { mode: 0o700 });
    const target = join(fresh, 'openclaw');
    const copied = await run({ file: '/bin/cp', args: ['-c', '-R', '-p', root, target], timeoutMs, signal });
    if (copied.kind !== 'exited' || copied.code !== 0) {
      await rm(fresh, { recursive: true, force: true });
      const words = copied.kind === 'exited' ? copied.stderr.trim().slice(0, 200) : copied.kind;
      return { kind: 'skipped', because: `the package could not be cloned: ${words}` };
    }
    const other = await findOther(target, ask);
    if (other !== null) {
      await rm(fresh, { recursive: true, force: true });
      return { kind: 'failed', because: `the package was changed before it could be cloned: ${other}` };
    }
    if (await isThere(place)) await rename(place, old);
    await rename(fresh, place);
    for (const each of await readdir(hot))
      if (each !== name) await rm(join(hot, each), { recursive: true, force: true });
    return { kind: 'copied', path: join(place, 'openclaw') };
  } catch (error) {
    return fileFailure(`keep a clone of ${root}`, error);
  }
}

/** How a clone differs from the package that was archived; null when it is that one. */
async function findOther(
  clone: string,
  { manifestFile, signal }: { readonly manifestFile: string; readonly signal: AbortSignal },
): Promise<string | null> {
  const read = await readManifest(manifestFile);
  if (read.kind !== 'read') return `${manifestFile} cannot be read`;
  const { head, units } = read.manifest;
  const trees = head.trees.slice(0, 1).map((tree) => ({ ...tree, root: clone }));
  const check = await checkTrees({ head: { ...head, trees }, units }, { depth: 'quick', signal });
  if ('because' in check) return check.because;
  const [first] = check.differences;
  return first === undefined ? null : `${first.path} is ${first.kind} (${unitText(first.unit)})`;
}

const isThere = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    () => false,
  );
