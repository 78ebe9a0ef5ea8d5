import type { Git } from '../system/git.ts';
import { entryOf } from './commit-words.ts';
import { listCopies } from './known-good.ts';
import { type Manifest, manifestName, parseManifest, sha256Of } from './snapshot-manifest.ts';
import { readStoredFolder } from './stored-folder.ts';

export interface Verified {
  readonly ok: boolean;
  readonly checked: number;
  readonly problems: readonly string[];
}

/** More than a person reads; the first ones say what is wrong. */
const maxProblems = 50;
/** Names asked of one git: a few megabytes of answers, or of files as small as a config's. */
const portion = 500;
/** Decades of hourly changes. */
export const maxHistory = 1_000_000;

/** Git's own check, then each recorded file against the manifest that was written with it, then the plain copies. */
export async function verifyHistory(git: Git | null, knownGood: string): Promise<Verified> {
  const problems: string[] = [];
  const inGit = git === null ? 0 : await verifyRepository(git, problems);
  const copies = await listCopies(knownGood);
  for (const { folder } of copies) {
    const read = await readStoredFolder(folder);
    if (read.kind === 'failed') problems.push(`the plain copy ${folder}: ${read.because}`);
  }
  return {
    ok: problems.length === 0,
    checked: inGit + copies.length,
    problems: problems.slice(0, maxProblems),
  };
}

async function verifyRepository(git: Git, problems: string[]): Promise<number> {
  const check = await git.check();
  if (check.kind !== 'sound') problems.push(check.because);
  const logged = await git.log(maxHistory);
  if (logged.kind === 'failed') {
    problems.push(logged.because);
    return 0;
  }
  const ids = logged.commits.flatMap((commit) => entryOf(commit)?.id ?? []);
  /** What each distinct object must hash to, so that a file unchanged for years is read once. */
  const expected = new Map<string, { sha256: string; told: string }>();
  for (let at = 0; at < ids.length; at += portion) {
    await expectOf(git, ids.slice(at, at + portion), { expected, problems });
  }
  const objects = [...expected];
  for (let at = 0; at < objects.length; at += portion) {
    const some = objects.slice(at, at + portion);
    const read = await git.objects(some.map(([id]) => id));
    if (read.kind === 'failed') {
      problems.push(read.because);
      continue;
    }
    for (const [n, [, { sha256, told }]] of some.entries()) {
      const bytes = read.objects[n]?.bytes;
      if (bytes === undefined || sha256Of(bytes) !== sha256)
        problems.push(`${told} is not what was recorded`);
    }
  }
  return ids.length;
}

async function expectOf(
  git: Git,
  ids: readonly string[],
  { expected, problems }: { expected: Map<string, { sha256: string; told: string }>; problems: string[] },
): Promise<void> {
  const read = await git.objects(ids.map((id) => `${id}:${manifestName}`));
  if (read.kind === 'failed') {
    problems.push(read.because);
    return;
  }
  const wanted = ids.flatMap((id, n) => {
    const manifest: Manifest | null = parseManifest(read.objects[n]?.bytes.toString('utf8') ?? '');
    if (manifest === null) problems.push(`snapshot ${id.slice(0, 12)} has no readable manifest`);
    return (manifest?.files ?? []).map(({ name, sha256 }) => ({ id, name, sha256 }));
  });
  if (wanted.length === 0) return;
  const found = await git.identify(wanted.map(({ id, name }) => `${id}:${name}`));
  if (found.kind === 'failed') {
    problems.push(found.because);
    return;
  }
  for (const [n, { id, name, sha256 }] of wanted.entries()) {
    const told = `${name} of snapshot ${id.slice(0, 12)}`;
    const object = found.ids[n] ?? null;
    if (object === null) problems.push(`${told} is missing`);
    else if ((expected.get(object)?.sha256 ?? sha256) !== sha256)
      problems.push(`${told} is not what was recorded`);
    else expected.set(object, { sha256, told });
  }
}
