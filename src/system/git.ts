import { promises as files } from 'node:fs';
import { join } from 'node:path';
import { ensurePrivateDirectory, syncDirectory } from './durable-file.ts';
import { cleanEnvironment, type Run, type RunResult } from './run.ts';

type GitOutcome = { readonly kind: 'done' } | { readonly kind: 'failed'; readonly because: string };
type CommitOutcome =
  | { readonly kind: 'committed'; readonly hash: string }
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'failed'; readonly because: string };

/** One plain work tree. The caller holds the lock of the job that writes it. */
export interface Git {
  /** Makes the repository where there is none yet; safe to repeat. */
  init(): Promise<GitOutcome>;
  /** Commits the whole work tree as it is, on disk before it returns. */
  commitAll(message: string): Promise<CommitOutcome>;
}

const timeoutMs = 60_000;
/** A commit made within this much of our own start may have touched a directory of objects. */
const mtimeSlackMs = 5_000;
const lockFiles = [
  'index.lock',
  'HEAD.lock',
  'config.lock',
  'packed-refs.lock',
  join('refs', 'heads', 'main.lock'),
];

/** Nothing of the user's or the machine's git configuration may change what we store or run a program of theirs. */
const configuration = Object.entries({
  'core.hooksPath': '/dev/null',
  'core.attributesFile': '/dev/null',
  'core.autocrlf': 'false',
  'core.fsmonitor': 'false',
  'core.fsync': 'all',
  'core.fsyncMethod': 'fsync',
  'core.sharedRepository': '0600',
  'commit.gpgSign': 'false',
  'gc.auto': '0',
  'maintenance.auto': 'false',
}).flatMap(([key, value]) => ['-c', `${key}=${value}`]);

export function createGit(deps: {
  /** Absolute path of git. */
  readonly git: string;
  readonly dir: string;
  readonly run: Run;
}): Git {
  const store = join(deps.dir, '.git');
  const git = (...args: readonly string[]): Promise<RunResult> =>
    deps.run({
      file: deps.git,
      args: [`--git-dir=${store}`, `--work-tree=${deps.dir}`, ...configuration, ...args],
      timeoutMs,
      cwd: deps.dir,
      env: environment(),
    });

  const init = async (): Promise<GitOutcome> => {
    const prepared = await ensurePrivateDirectory(deps.dir);
    if (prepared.kind === 'failed') return { kind: 'failed', because: prepared.because };
    // An empty template: the default one brings sample hooks.
    const made = await git('init', '--quiet', '--initial-branch=main', '--template=');
    if (!succeeded(made)) return { kind: 'failed', because: describe('git init', made) };
    return syncStore(store, 0);
  };

  const commitAll = async (message: string): Promise<CommitOutcome> => {
    const startedMs = Date.now();
    const unlocked = await removeStaleLocks(store);
    if (unlocked.kind === 'failed') return unlocked;
    // --force: an ignore file among the saved files must not leave any of them out.
    const added = await git('add', '--all', '--force', '.');
    if (!succeeded(added)) return { kind: 'failed', because: describe('git add', added) };
    const difference = await git('diff', '--cached', '--quiet', '--no-ext-diff');
    if (succeeded(difference)) return { kind: 'unchanged' };
    if (difference.kind !== 'exited' || difference.code !== 1) {
      return { kind: 'failed', because: describe('git diff', difference) };
    }
    const committed = await git('commit', '--quiet', '--no-verify', `--message=${message}`);
    if (!succeeded(committed)) return { kind: 'failed', because: describe('git commit', committed) };
    const head = await git('rev-parse', '--verify', 'HEAD');
    if (!succeeded(head)) return { kind: 'failed', because: describe('git rev-parse', head) };
    const synced = await syncStore(store, startedMs - mtimeSlackMs);
    if (synced.kind === 'failed') return synced;
    return { kind: 'committed', hash: head.stdout.trim() };
  };

  return { init, commitAll };
}

function environment(): Record<string, string> {
  return {
    ...cleanEnvironment(),
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_OPTIONAL_LOCKS: '0',
    GIT_AUTHOR_NAME: 'openclaw-immune',
    GIT_AUTHOR_EMAIL: 'openclaw-immune@localhost',
    GIT_COMMITTER_NAME: 'openclaw-immune',
    GIT_COMMITTER_EMAIL: 'openclaw-immune@localhost',
  };
}

type Succeeded = Extract<RunResult, { kind: 'exited' }> & { readonly code: 0 };
const succeeded = (result: RunResult): result is Succeeded => result.kind === 'exited' && result.code === 0;

function describe(what: string, result: RunResult): string {
  switch (result.kind) {
    case 'exited':
      return `${what} failed with exit code ${result.code}: ${result.stderr.trim().slice(0, 500)}`;
    case 'signaled':
      return `${what} was ended by ${result.signal}`;
    case 'timed-out':
      return `${what} did not finish within ${result.afterMs} ms`;
    case 'not-started':
      return `${what} could not be started: ${result.because}`;
    default:
      return result satisfies never;
  }
}

/** Left by a git of ours that was killed: the job lock is held, so no other git of ours can be at work here. */
async function removeStaleLocks(store: string): Promise<GitOutcome> {
  for (const name of lockFiles) {
    try {
      await files.rm(join(store, name), { force: true });
    } catch (error) {
      return { kind: 'failed', because: `could not remove the stale lock ${name}: ${String(error)}` };
    }
  }
  return { kind: 'done' };
}

/** git syncs the files it writes and not the directories that name them; only those touched since are synced. */
async function syncStore(store: string, sinceMs: number): Promise<GitOutcome> {
  const objects = join(store, 'objects');
  const directories = [objects, join(store, 'refs', 'heads'), store];
  try {
    // At most 256 directories of loose objects, by the first byte of their hash.
    for (const name of await files.readdir(objects)) {
      if (!/^[0-9a-f]{2}$/.test(name)) continue;
      const path = join(objects, name);
      if ((await files.stat(path)).mtimeMs >= sinceMs) directories.unshift(path);
    }
  } catch (error) {
    return { kind: 'failed', because: `could not read ${objects}: ${String(error)}` };
  }
  for (const directory of directories) {
    const synced = await syncDirectory(directory);
    if (synced.kind === 'failed') return { kind: 'failed', because: synced.because };
  }
  return { kind: 'done' };
}
