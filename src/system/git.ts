import { dirname, join } from 'node:path';
import { ensurePrivateDirectory, syncDirectory } from './durable-file.ts';
import {
  damagedParts,
  hasRemote,
  readRef,
  removeStaleLocks,
  replaceIndex,
  showsBranch,
  syncNewStore,
  syncStore,
  unopenable,
} from './git-files.ts';
import { importStream, type NewCommit, parseBatch } from './git-stream.ts';
import { explainsItself, gitFailure, namesDamage, withCommand } from './git-trouble.ts';
import { cleanEnvironment, type Run, type RunResult } from './run.ts';

type Failed = { readonly kind: 'failed'; readonly because: string };
type GitOutcome = { readonly kind: 'done' } | Failed;

/** A commit of ours, as the log has it. */
export interface LoggedCommit {
  readonly id: string;
  /** The tags that name it, without `refs/tags/`. */
  readonly tags: readonly string[];
  readonly message: string;
}

/** One plain work tree. Whoever changes it holds its lease. Others' commits are left alone and never listed. */
export interface Git {
  /** Makes the repository where there is none yet; safe to repeat. */
  init(): Promise<GitOutcome>;
  /** On disk when it resolves. Touches neither index nor work tree. */
  commit(commit: NewCommit): Promise<{ readonly kind: 'committed'; readonly id: string } | Failed>;
  /** A lightweight tag, on disk when it resolves. */
  tag(name: string, id: string): Promise<GitOutcome>;
  untag(name: string): Promise<GitOutcome>;
  /** Makes the index agree with the branch `main`, so that a person's `git status` shows what is true. */
  refreshIndex(): Promise<GitOutcome>;
  /** Our commits on `main` and under our tags, newest first. */
  log(
    limit: number,
  ): Promise<{ readonly kind: 'commits'; readonly commits: readonly LoggedCommit[] } | Failed>;
  /** Objects by any name git knows, such as `<commit>:<file>`; null for what is not there. */
  objects(
    names: readonly string[],
  ): Promise<
    { readonly kind: 'objects'; readonly objects: readonly ({ id: string; bytes: Buffer } | null)[] } | Failed
  >;
  /** The ids of objects, without reading them. */
  identify(
    names: readonly string[],
  ): Promise<{ readonly kind: 'ids'; readonly ids: readonly (string | null)[] } | Failed>;
  /**
   * Reads every object. `broken`: git names damage, and every file can be opened; whoever would act on it makes sure
   * that this git finds a new repository sound. `unknown`: everything else, which says nothing of the repository.
   */
  check(): Promise<
    { readonly kind: 'sound' } | { readonly kind: 'broken' | 'unknown'; readonly because: string }
  >;
  /** Bytes of all objects on disk. */
  size(): Promise<number | null>;
  readonly store: string;
  readRef(name: string): Promise<string | null>;
  showsBranch(name: string): Promise<boolean>;
  hasRemote(): Promise<boolean>;
  removeStaleLocks(): Promise<GitOutcome>;
}

const timeoutMs = 60_000;
/** A check reads the whole history: seconds for years of it. */
const checkTimeoutMs = 10 * 60_000;
/** All files of one snapshot, or one portion of a history that is verified. */
const maxObjectBytes = 256 * 1_048_576;
const maxLogBytes = 64 * 1_048_576;
const address = 'openclaw-immune@localhost';
const committer = 'openclaw-immune';
/** Nothing of the user's or the machine's git configuration may change what we store or run a program of theirs. */
const configuration = Object.entries({
  'core.hooksPath': '/dev/null',
  'core.attributesFile': '/dev/null',
  'core.autocrlf': 'false',
  'core.fsmonitor': 'false',
  'core.fsync': 'all',
  'core.fsyncMethod': 'fsync',
  'core.sharedRepository': '0600',
  // git does not sync its reflog, and a torn one would look like damage.
  'core.logAllRefUpdates': 'false',
  'commit.gpgSign': 'false',
  'log.showSignature': 'false',
  'i18n.logOutputEncoding': 'UTF-8',
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
  interface Options {
    readonly input?: Uint8Array;
    readonly maxBytes?: number;
    readonly timeoutMs?: number;
    /** Another index than the one a person's git uses. */
    readonly index?: string;
  }
  const git = (args: readonly string[], { index, ...options }: Options = {}): Promise<RunResult> =>
    deps.run({
      file: deps.git,
      args: [`--git-dir=${store}`, `--work-tree=${deps.dir}`, ...configuration, ...args],
      timeoutMs,
      cwd: deps.dir,
      env: index === undefined ? environment() : { ...environment(), GIT_INDEX_FILE: index },
      bytes: true,
      ...options,
    });
  const failure = (what: string, result: RunResult): Failed => gitFailure(what, result, deps.dir);
  const simple = async (...args: readonly string[]): Promise<GitOutcome> => {
    const result = await git(args);
    return succeeded(result) ? { kind: 'done' } : failure(`git ${args[0]}`, result);
  };

  const init = async (): Promise<GitOutcome> => {
    const prepared = await ensurePrivateDirectory(deps.dir);
    if (prepared.kind === 'failed') return { kind: 'failed', because: prepared.because };
    // An empty template: the default one brings sample hooks.
    const made = await simple('init', '--quiet', '--initial-branch=main', '--template=');
    if (made.kind === 'failed') return made;
    const synced = await syncNewStore(store);
    if (synced.kind === 'failed') return synced;
    const named = await syncDirectory(deps.dir);
    return named.kind === 'failed' ? named : syncDirectory(dirname(deps.dir));
  };

  const commit: Git['commit'] = async (request) => {
    const startedMs = Date.now();
    const input = importStream(request, `${committer} <${address}>`);
    const made = await git(['fast-import', '--quiet', '--done'], { input });
    if (!succeeded(made)) return failure('git fast-import', made);
    const id = /^[0-9a-f]{40}$/m.exec(made.stdout)?.[0];
    if (id === undefined) return { kind: 'failed', because: 'git fast-import did not name its commit' };
    const synced = await syncStore(store, startedMs);
    return synced.kind === 'failed' ? synced : { kind: 'committed', id };
  };

  const tag: Git['tag'] = async (name, id) => {
    const startedMs = Date.now();
    const made = await simple('update-ref', `refs/tags/${name}`, id);
    return made.kind === 'failed' ? made : syncStore(store, startedMs);
  };

  const untag: Git['untag'] = async (name) => {
    const startedMs = Date.now();
    const made = await simple('update-ref', '-d', `refs/tags/${name}`);
    return made.kind === 'failed' ? made : syncStore(store, startedMs);
  };

  const refreshIndex = async (): Promise<GitOutcome> => {
    // Built beside, so that a lock of the index is always somebody else's: theirs is theirs, and ours cannot be left.
    const beside = join(store, 'immune-index');
    const result = await git(['read-tree', 'refs/heads/main'], { index: beside });
    return succeeded(result) ? replaceIndex(store, beside) : failure('git read-tree', result);
  };

  const log: Git['log'] = async (limit) => {
    const answer = await git(
      // Patterns, because a branch that is not there yet would be an error. By topology: a clock may have gone back.
      // Nothing is filtered by author: an amended commit keeps ours.
      [
        'log',
        '--topo-order',
        '--no-mailmap',
        '--decorate=full',
        `--max-count=${limit}`,
        '--fixed-strings',
        `--committer=<${address}>`,
        '--format=%H%x00%D%x00%B%x00%x00',
        '--branches=[m]ain',
        '--tags=verified/*',
        '--tags=bad/*',
      ],
      { maxBytes: maxLogBytes },
    );
    if (!succeeded(answer)) return failure('git log', answer);
    return { kind: 'commits', commits: parseLog(Buffer.from(answer.stdout, 'latin1').toString('utf8')) };
  };

  const ask = async (flag: string, names: readonly string[]): Promise<Buffer | Failed> => {
    const input = Buffer.from(names.map((name) => `${name}\n`).join(''), 'utf8');
    const answer = await git(['cat-file', flag], {
      input,
      maxBytes: maxObjectBytes,
      timeoutMs: checkTimeoutMs,
    });
    return succeeded(answer) ? Buffer.from(answer.stdout, 'latin1') : failure('git cat-file', answer);
  };
  const odd: Failed = { kind: 'failed', because: 'the answer of git cat-file could not be understood' };
  const objects: Git['objects'] = async (names) => {
    const answer = await ask('--batch', names);
    if (!Buffer.isBuffer(answer)) return answer;
    const parsed = parseBatch(answer, names.length);
    return parsed === null ? odd : { kind: 'objects', objects: parsed };
  };
  const identify: Git['identify'] = async (names) => {
    const answer = await ask('--batch-check', names);
    if (!Buffer.isBuffer(answer)) return answer;
    const lines = answer.toString('utf8').trimEnd().split('\n');
    if (lines.length !== names.length) return odd;
    return { kind: 'ids', ids: lines.map((line) => /^([0-9a-f]{40}) /.exec(line)?.[1] ?? null) };
  };

  const check: Git['check'] = async () => {
    const result = await git(['fsck', '--full', '--no-dangling', '--no-reflogs', '--no-progress'], {
      timeoutMs: checkTimeoutMs,
      maxBytes: maxLogBytes,
      // Index and reflogs are a person's: torn ones leave the history as sound as it was.
      index: join(store, 'immune-no-index'),
    });
    if (succeeded(result)) return { kind: 'sound' };
    // What is missing is told on the one stream, and why on the other.
    const said = result.kind === 'exited' ? `${result.stderr}\n${result.stdout}` : '';
    const told = failure('git fsck', result.kind === 'exited' ? { ...result, stderr: said } : result).because;
    const unknown = { kind: 'unknown', because: withCommand(told, deps.dir) } as const;
    if (result.kind !== 'exited') return unknown;
    if (explainsItself(said, deps.dir)) return unknown;
    // Without HEAD or with zeros for settings git does not take it for a repository, whatever else may be the reason.
    const parts = await damagedParts(store);
    if (parts === null && !namesDamage(said, deps.dir)) return unknown;
    // git is silent about a pack it may not open, and calls what is in it missing.
    const closed = await unopenable(store);
    if (closed !== null) return { kind: 'unknown', because: withCommand(`${told}; ${closed}`, deps.dir) };
    return { kind: 'broken', because: parts === null ? told : `${told}; ${parts}` };
  };

  const size = async (): Promise<number | null> => {
    const result = await git(['count-objects', '-v']);
    if (!succeeded(result)) return null;
    const kilobytes = [...result.stdout.matchAll(/^size(?:-pack)?: (\d+)$/gm)].map((each) => Number(each[1]));
    return kilobytes.reduce((sum, each) => sum + each, 0) * 1_024;
  };

  return {
    init,
    commit,
    tag,
    untag,
    refreshIndex,
    log,
    objects,
    identify,
    check,
    size,
    store,
    readRef: (name) => readRef(store, name),
    showsBranch: (name) => showsBranch(store, name),
    hasRemote: () => hasRemote(store),
    removeStaleLocks: () => removeStaleLocks(store, Date.now()),
  };
}

function environment(): Record<string, string> {
  return {
    ...cleanEnvironment(),
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_OPTIONAL_LOCKS: '0',
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_AUTHOR_NAME: committer,
    GIT_AUTHOR_EMAIL: address,
    GIT_COMMITTER_NAME: committer,
    GIT_COMMITTER_EMAIL: address,
  };
}

function parseLog(text: string): readonly LoggedCommit[] {
  return text.split('\0\0\n').flatMap((record) => {
    const [id, names, message] = record.split('\0');
    if (id === undefined || names === undefined || message === undefined) return [];
    const tags = [...names.matchAll(/tag: refs\/tags\/([^,]+)/g)].map((each) => each[1] ?? '');
    return [{ id, tags, message }];
  });
}

type Succeeded = Extract<RunResult, { kind: 'exited' }> & { readonly code: 0 };
const succeeded = (result: RunResult): result is Succeeded => result.kind === 'exited' && result.code === 0;
