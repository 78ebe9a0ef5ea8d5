import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { createGit } from '../../src/system/git.ts';
import { run } from '../../src/system/run.ts';
import { workspace } from './workspace.ts';

const git = ['/usr/bin/git', '/opt/homebrew/bin/git', '/usr/local/bin/git'].find((path) => existsSync(path));
const home = process.env['HOME'];

afterEach(() => {
  if (home !== undefined) process.env['HOME'] = home;
});

function repository() {
  if (git === undefined) throw new Error('these tests need git');
  const dir = join(workspace(), 'backup');
  const read = (...args: readonly string[]): string =>
    execFileSync(git, ['-C', dir, ...args], {
      encoding: 'utf8',
      env: { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null' },
    });
  return { dir, store: createGit({ git, dir, run }), read };
}

describe('git', () => {
  it('commits what changed, says so when nothing did, and leaves a work tree a person can use', async () => {
    const { dir, store, read } = repository();
    expect(await store.init()).toEqual({ kind: 'done' });
    expect(await store.init()).toEqual({ kind: 'done' });
    expect(await store.commitAll('nothing yet')).toEqual({ kind: 'unchanged' });
    writeFileSync(join(dir, 'openclaw.json'), '{ a: 1 }\r\n');
    const first = await store.commitAll('-m is not an option: first');
    expect(first).toMatchObject({ kind: 'committed', hash: expect.stringMatching(/^[0-9a-f]{40}$/) });
    expect(await store.commitAll('again')).toEqual({ kind: 'unchanged' });
    rmSync(join(dir, 'openclaw.json'));
    writeFileSync(join(dir, 'other.json'), '{}');
    expect((await store.commitAll('second')).kind).toBe('committed');
    expect(read('log', '--format=%an|%s').trim().split('\n')).toEqual([
      'openclaw-immune|second',
      'openclaw-immune|-m is not an option: first',
    ]);
    // Byte for byte, line ends included.
    expect(read('show', 'HEAD~1:openclaw.json')).toBe('{ a: 1 }\r\n');
    expect(read('status', '--porcelain')).toBe('');
    expect(read('fsck', '--strict')).toBe('');
  });

  it('is moved neither by the configuration and hooks of the user nor by ignore files', async () => {
    const { dir, store } = repository();
    const hostile = join(workspace(), 'home');
    mkdirSync(join(hostile, '.config', 'git'), { recursive: true });
    const marker = join(hostile, 'hook-ran');
    writeFileSync(join(hostile, 'post-commit'), `#!/bin/sh\ntouch ${marker}\nexit 1\n`, { mode: 0o755 });
    writeFileSync(
      join(hostile, '.gitconfig'),
      `[core]\n\thooksPath = ${hostile}\n[commit]\n\tgpgSign = true\n[user]\n\tuseConfigOnly = true\n`,
    );
    writeFileSync(join(hostile, '.config', 'git', 'ignore'), '*.json\n');
    writeFileSync(join(hostile, '.config', 'git', 'attributes'), '* text eol=lf\n');
    process.env['HOME'] = hostile;
    await store.init();
    mkdirSync(join(dir, '.git', 'hooks'), { recursive: true });
    // `--no-verify` already keeps some hooks out; post-commit is one that it does not.
    for (const hook of ['pre-commit', 'post-commit']) {
      writeFileSync(join(dir, '.git', 'hooks', hook), `#!/bin/sh\ntouch ${marker}\nexit 1\n`, {
        mode: 0o755,
      });
    }
    writeFileSync(join(dir, '.gitignore'), '*\n');
    writeFileSync(join(dir, 'openclaw.json'), '{}\r\n');
    expect((await store.commitAll('kept')).kind).toBe('committed');
    expect(existsSync(marker)).toBe(false);
    process.env['HOME'] = home;
    expect(execFileSync(git ?? '', ['-C', dir, 'show', 'HEAD:openclaw.json'], { encoding: 'utf8' })).toBe(
      '{}\r\n',
    );
    expect(execFileSync(git ?? '', ['-C', dir, 'ls-files'], { encoding: 'utf8' }).split('\n')).toContain(
      'openclaw.json',
    );
  });

  it('goes on after a git of ours that was killed and left its locks', async () => {
    const { dir, store } = repository();
    await store.init();
    writeFileSync(join(dir, 'a'), '1');
    for (const lock of ['index.lock', 'HEAD.lock']) writeFileSync(join(dir, '.git', lock), '');
    expect((await store.commitAll('first')).kind).toBe('committed');
    writeFileSync(join(dir, 'a'), '2');
    writeFileSync(join(dir, '.git', 'refs', 'heads', 'main.lock'), '');
    expect((await store.commitAll('second')).kind).toBe('committed');
  });

  it('keeps what it stores private', async () => {
    const { dir, store } = repository();
    await store.init();
    writeFileSync(join(dir, 'a'), '1');
    await store.commitAll('first');
    expect(statSync(dir).mode & 0o777).toBe(0o700);
    const objects = join(dir, '.git', 'objects');
    const open = readdirSync(objects, { recursive: true }).filter(
      (name) => (statSync(join(objects, String(name))).mode & 0o077) !== 0,
    );
    expect(open).toEqual([]);
  });

  it('says what failed when git is missing, or the store is not one', async () => {
    const { dir } = repository();
    const missing = createGit({ git: '/nonexistent/git', dir, run });
    expect(await missing.init()).toMatchObject({
      kind: 'failed',
      because: expect.stringContaining('could not be started'),
    });
    const { store, dir: plain } = repository();
    mkdirSync(join(plain, '.git'), { recursive: true });
    expect(await store.commitAll('x')).toMatchObject({
      kind: 'failed',
      because: expect.stringContaining('git add'),
    });
  });
});
