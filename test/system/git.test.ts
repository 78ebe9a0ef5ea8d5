import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { instant } from '../../src/core/time.ts';
import { createGit } from '../../src/system/git.ts';
import { run } from '../../src/system/run.ts';
import { ailments, fakeGit } from './fake-git.ts';
import { workspace } from './workspace.ts';

const git = ['/usr/bin/git', '/opt/homebrew/bin/git', '/usr/local/bin/git'].find((path) => existsSync(path));
const home = process.env['HOME'];

afterEach(() => {
  if (home !== undefined) process.env['HOME'] = home;
});

const at = instant(Date.UTC(2026, 10, 1));
const commitOf = (text: string, parent: string | null = null) => ({
  branch: 'main',
  parent,
  at,
  message: `-m is not an option: ${text}`,
  files: [{ name: 'openclaw.json', bytes: Buffer.from(text) }],
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
  it('commits exactly the files it is given, on the branch it is told, and leaves tree and index alone', async () => {
    const { dir, store, read } = repository();
    expect(await store.init()).toEqual({ kind: 'done' });
    expect(await store.init()).toEqual({ kind: 'done' });
    expect(await store.readRef('refs/heads/main')).toBe(null);
    expect(await store.log(5)).toEqual({ kind: 'commits', commits: [] });
    writeFileSync(join(dir, 'mine'), 'not yours');
    const first = await store.commit({
      ...commitOf('{ a: 1 }\r\n'),
      files: [
        { name: 'openclaw.json', bytes: Buffer.from('{ a: 1 }\r\n') },
        { name: 'includes/with space/ü', bytes: Buffer.from([0, 255, 10]) },
      ],
    });
    if (first.kind !== 'committed') throw new Error(first.because);
    expect(await store.readRef('refs/heads/main')).toBe(first.id);
    const second = await store.commit(commitOf('{ b: 2 }', first.id));
    if (second.kind !== 'committed') throw new Error(second.because);
    expect(read('log', '--format=%an|%ae|%s')).toContain(
      'openclaw-immune|openclaw-immune@localhost|-m is not',
    );
    expect(read('show', 'HEAD~1:openclaw.json')).toBe('{ a: 1 }\r\n');
    expect(read('ls-tree', '-r', '--name-only', 'HEAD')).toBe('openclaw.json\n');
    expect(existsSync(join(dir, '.git', 'index'))).toBe(false);
    expect(readdirSync(dir).toSorted()).toEqual(['.git', 'mine']);
    expect(await store.refreshIndex()).toEqual({ kind: 'done' });
    expect(read('diff', '--cached', '--name-only')).toBe('');
    const objects = await store.objects([
      `${first.id}:includes/with space/ü`,
      'HEAD:none',
      'HEAD:openclaw.json',
    ]);
    expect(objects).toMatchObject({
      objects: [{ bytes: Buffer.from([0, 255, 10]) }, null, { bytes: Buffer.from('{ b: 2 }') }],
    });
    const ids = await store.identify(['HEAD', 'HEAD:none']);
    expect(ids).toEqual({ kind: 'ids', ids: [second.id, null] });
    expect(await store.check()).toEqual({ kind: 'sound' });
    expect(await store.size()).toBeGreaterThan(0);
  });

  it('does not move a branch that somebody else has moved meanwhile', async () => {
    const { store } = repository();
    await store.init();
    const first = await store.commit(commitOf('1'));
    if (first.kind !== 'committed') throw new Error(first.because);
    const second = await store.commit(commitOf('2', first.id));
    const late = await store.commit(commitOf('3', first.id));
    expect(late).toMatchObject({ kind: 'failed', because: expect.stringContaining('Not updating') });
    expect(second.kind === 'committed' && (await store.readRef('refs/heads/main')) === second.id).toBe(true);
  });

  it('stores nothing of a stream that ends too early', async () => {
    const { dir } = repository();
    const cut = createGit({
      git: git ?? '',
      dir,
      run: (request) =>
        run(request.input === undefined ? request : { ...request, input: request.input.slice(0, -6) }),
    });
    await cut.init();
    expect(await cut.commit(commitOf('1'))).toMatchObject({ kind: 'failed' });
    expect(await cut.readRef('refs/heads/main')).toBe(null);
  });

  it('lists our own commits with their tags, also those the branch has lost', async () => {
    const { store, read } = repository();
    await store.init();
    const first = await store.commit(commitOf('1'));
    if (first.kind !== 'committed') throw new Error(first.because);
    const second = await store.commit(commitOf('2', first.id));
    if (second.kind !== 'committed') throw new Error(second.because);
    await store.tag('verified/two', second.id);
    read('reset', '-q', '--hard', first.id);
    read('-c', 'user.name=x', '-c', 'user.email=x@y', 'commit', '-q', '--allow-empty', '-m', 'a person');
    const logged = await store.log(5);
    expect(logged.kind === 'commits' && logged.commits.map(({ id, tags }) => [id, tags])).toEqual([
      [second.id, ['verified/two']],
      [first.id, []],
    ]);
    read('pack-refs', '--all', '--prune');
    expect(await store.readRef('refs/tags/verified/two')).toBe(second.id);
  });

  it('is moved neither by the configuration and hooks of the user nor by ignore files', async () => {
    const { dir, store } = repository();
    const hostile = join(workspace(), 'home');
    mkdirSync(join(hostile, '.config', 'git'), { recursive: true });
    const marker = join(hostile, 'hook-ran');
    writeFileSync(join(hostile, 'reference-transaction'), `#!/bin/sh\ntouch ${marker}\nexit 1\n`, {
      mode: 0o755,
    });
    writeFileSync(
      join(hostile, '.gitconfig'),
      `[core]\n\thooksPath = ${hostile}\n[commit]\n\tgpgSign = true\n[user]\n\tuseConfigOnly = true\n`,
    );
    writeFileSync(join(hostile, '.config', 'git', 'attributes'), '* text eol=lf\n');
    process.env['HOME'] = hostile;
    await store.init();
    mkdirSync(join(dir, '.git', 'hooks'), { recursive: true });
    for (const hook of ['reference-transaction', 'post-index-change']) {
      writeFileSync(join(dir, '.git', 'hooks', hook), `#!/bin/sh\ntouch ${marker}\nexit 1\n`, {
        mode: 0o755,
      });
    }
    writeFileSync(join(dir, '.gitignore'), '*\n');
    expect((await store.commit(commitOf('{}\r\n'))).kind).toBe('committed');
    expect(await store.refreshIndex()).toEqual({ kind: 'done' });
    expect(existsSync(marker)).toBe(false);
    process.env['HOME'] = home;
    expect(execFileSync(git ?? '', ['-C', dir, 'show', 'HEAD:openclaw.json'], { encoding: 'utf8' })).toBe(
      '{}\r\n',
    );
  });

  it('goes on after a git of ours that was killed and left its locks', async () => {
    const { dir, store } = repository();
    await store.init();
    for (const lock of ['HEAD.lock', 'refs/heads/main.lock']) writeFileSync(join(dir, '.git', lock), '');
    expect((await store.commit(commitOf('1'))).kind).toBe('failed');
    expect(await store.removeStaleLocks()).toEqual({ kind: 'done' });
    expect((await store.commit(commitOf('1'))).kind).toBe('committed');
  });

  it('sees a remote and another branch without starting git', async () => {
    const { dir, store, read } = repository();
    await store.init();
    await store.commit(commitOf('1'));
    expect([await store.hasRemote(), await store.showsBranch('main')]).toEqual([false, true]);
    read('remote', 'add', 'origin', '/nowhere');
    read('checkout', '-q', '-f', '-b', 'other');
    expect([await store.hasRemote(), await store.showsBranch('main')]).toEqual([true, false]);
    read('checkout', '-q', 'main');
    writeFileSync(join(dir, '.git', 'MERGE_HEAD'), readFileSync(join(dir, '.git', 'refs', 'heads', 'main')));
    expect(await store.showsBranch('main')).toBe(false);
  });

  it('tells a damaged repository from a git that cannot work', async () => {
    const { dir, store } = repository();
    await store.init();
    await store.commit(commitOf('1'));
    const away = createGit({ git: '/nonexistent/git', dir, run });
    expect(await away.check()).toMatchObject({ kind: 'unknown' });
    const objects = join(dir, '.git', 'objects');
    const [folder = ''] = readdirSync(objects).filter((name) => name.length === 2);
    rmSync(join(objects, folder), { recursive: true });
    expect(await store.check()).toMatchObject({
      kind: 'broken',
      because: expect.stringMatching(/^git fsck .*[0-9a-f]{40}/),
    });
  });

  it.each(ailments)('does not call a repository damaged for $what', async ({ says, code, next }) => {
    const { dir, store } = repository();
    await store.init();
    await store.commit(commitOf('1'));
    const program = fakeGit(workspace(), git ?? '');
    const ailing = createGit({ git: program.path, dir, run });
    program.ail(says, code);
    expect(await ailing.check()).toMatchObject({
      kind: 'unknown',
      because: expect.stringContaining(`; type: ${next}`),
    });
    program.heal();
    expect(await ailing.check()).toEqual({ kind: 'sound' });
  });

  it('looks for the words of damage in what git says, not in the name of the folder', async () => {
    const dir = join(workspace(), 'xcode-select: permission denied, is corrupt');
    const store = createGit({ git: git ?? '', dir, run });
    await store.init();
    await store.commit(commitOf('1'));
    const program = fakeGit(workspace(), git ?? '');
    program.ail(`fatal: not known ${dir}`, 128);
    const ailing = createGit({ git: program.path, dir, run });
    expect(await ailing.check()).toMatchObject({ kind: 'unknown' });
    const objects = join(dir, '.git', 'objects');
    const [folder = ''] = readdirSync(objects).filter((name) => name.length === 2);
    const [name = ''] = readdirSync(join(objects, folder));
    rmSync(join(objects, folder, name));
    // Its complaint names the folder.
    writeFileSync(join(objects, folder, name), '');
    expect(await store.check()).toMatchObject({ kind: 'broken' });
  });

  it.each([
    ['HEAD', ''],
    ['HEAD', 'garbage'],
    ['config', '\0\0\0'],
    ['packed-refs', 'garbage\n'],
    ['refs/heads/main', ''],
  ])('calls a repository damaged whose %s holds %j', async (name, text) => {
    const { dir, store } = repository();
    await store.init();
    await store.commit(commitOf('1'));
    writeFileSync(join(dir, '.git', name), text);
    expect(await store.check()).toMatchObject({ kind: 'broken' });
  });

  it('keeps what it stores private', async () => {
    const before = process.umask(0);
    try {
      const { dir, store } = repository();
      await store.init();
      const first = await store.commit(commitOf('1'));
      await store.tag('verified/x', first.kind === 'committed' ? first.id : '');
      await store.refreshIndex();
      const open = ['', ...readdirSync(dir, { recursive: true })].filter(
        (name) => (statSync(join(dir, String(name))).mode & 0o077) !== 0,
      );
      expect(open).toEqual([]);
    } finally {
      process.umask(before);
    }
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
    expect(await store.commit(commitOf('x'))).toMatchObject({
      kind: 'failed',
      because: expect.stringContaining('git fast-import'),
    });
  });
});
