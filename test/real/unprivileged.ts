import { execFileSync, spawn } from 'node:child_process';
import { chownSync, cpSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { passedThrough } from './openclaw-cache.ts';
import { isLivingRun, nameOfThisRun } from './processes.ts';

const userName = 'immune-test';

export interface TestUser {
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

/** The unprivileged user the real part runs as: made once, with a home of its own. */
export function testUser(): TestUser {
  const known = readUser();
  if (known !== null) return known;
  const home = join('/home', userName);
  execFileSync('useradd', ['--create-home', '--home-dir', home, '--shell', '/bin/sh', userName], {
    stdio: 'inherit',
  });
  const made = readUser();
  if (made === null) throw new Error(`useradd made no user ${userName}`);
  return made;
}

function readUser(): TestUser | null {
  let line: string;
  try {
    line = execFileSync('getent', ['passwd', userName], { encoding: 'utf8' });
  } catch {
    // getent exits 2 when there is no such user.
    return null;
  }
  const [, , uid, gid, , home] = line.trim().split(':');
  return home === undefined || home === '' ? null : { uid: Number(uid), gid: Number(gid), home };
}

/** What the copy leaves behind: history nobody reads there. */
const notCopied: ReadonlySet<string> = new Set(['.git', 'coverage']);

/** Copies the checkout to a folder of the test user: folders above the checkout may be closed to it. */
export function copyCheckout(from: string, user: TestUser): string {
  const parent = join(user.home, 'checkouts');
  mkdirSync(parent, { recursive: true, mode: 0o755 });
  chownSync(parent, user.uid, user.gid);
  for (const old of readdirSync(parent)) {
    // Named after the run that made it: what a dead run left is only in the way.
    if (!isLivingRun(old)) rmSync(join(parent, old), { recursive: true, force: true });
  }
  const folder = join(parent, nameOfThisRun());
  mkdirSync(folder, { mode: 0o755 });
  for (const name of readdirSync(from)) {
    if (notCopied.has(name)) continue;
    cpSync(join(from, name), join(folder, name), {
      recursive: true,
      verbatimSymlinks: true,
      preserveTimestamps: true,
    });
  }
  execFileSync('chown', ['-R', `${user.uid}:${user.gid}`, folder]);
  return folder;
}

/**
 * The words that put a command into namespaces of its own: there is only the loopback, and no process but its own (a package
 * manager that another scenario runs would hold every repair off). Null where this machine allows none.
 */
export function cutOff(folder: string): readonly string[] | null {
  const alone = ['--net', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const words = ['unshare', ...alone, join(folder, 'test/real/support/cut-off.sh')];
  const [unshare = '', ...rest] = [...words, 'true'];
  try {
    execFileSync(unshare, rest, { stdio: 'ignore' });
    return words;
  } catch {
    // No right to make one, or no such tool: the caller says it out loud.
    return null;
  }
}

interface AsUser {
  readonly user: TestUser;
  readonly folder: string;
  /** Words before the command: what root does first. */
  readonly behind?: readonly string[];
  /** More than the harness's own variables. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs our Node as the test user and gives its exit code. Its output is ours; a signal to us ends it too. */
export function runAsUser(
  { user, folder, behind = [], env = {} }: AsUser,
  args: readonly string[],
): Promise<number> {
  const node = join(folder, 'node_modules', '.bin', 'node');
  const environment: Record<string, string> = {
    HOME: user.home,
    USER: userName,
    LOGNAME: userName,
    LANG: 'C.UTF-8',
    PATH: process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin',
  };
  for (const [name, value] of Object.entries(process.env)) {
    const ours = name.startsWith('OPENCLAW_IMMUNE_TEST_');
    if (value !== undefined && (ours || passedThrough.has(name.toLowerCase()))) environment[name] = value;
  }
  Object.assign(environment, env);
  // setpriv replaces itself by Node, so a signal reaches it; Node's own uid option would keep root's groups.
  const ids = [`--reuid=${user.uid}`, `--regid=${user.gid}`, '--init-groups', '--no-new-privs'];
  const [file = '', ...words] = [...behind, 'setpriv', ...ids, node, ...args];
  const child = spawn(file, words, {
    cwd: folder,
    env: environment,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => child.kill('SIGTERM'));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}
