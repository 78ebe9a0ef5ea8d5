import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Run } from '../../src/system/run.ts';
import { workspace } from '../system/workspace.ts';
import { startRecorder } from './recorder.ts';
import { config, recorded, type StoreGround, storeIn } from './store-ground.ts';

/** Three snapshots: the first two verified, the second of them bad. */
async function history(ground: StoreGround): Promise<readonly string[]> {
  const ids: string[] = [];
  for (const text of ['{ n: 1 }', '{ n: 2 }', '{ n: 3 }'])
    ids.push(await recorded(ground.store, config(text)));
  for (const id of ids.slice(0, 2)) await ground.store.label(id, 'verified');
  await ground.store.label(ids[1] ?? '', 'bad');
  return ids;
}

async function labels({ store }: StoreGround): Promise<readonly string[]> {
  const listing = await store.list(10);
  return listing.kind === 'listed' ? listing.entries.map(({ label, source }) => `${label} ${source}`) : [];
}

function objectPath({ dir, git }: StoreGround, name: string): string {
  const id = git('rev-parse', name).trim();
  return join(dir, '.git', 'objects', id.slice(0, 2), id.slice(2));
}

function damage(path: string): void {
  chmodSync(path, 0o600);
  truncateSync(path, Math.floor(statSync(path).size / 2));
}

const failing =
  (verb: string, stderr: string) =>
  (run: Run): Run =>
  async (request) =>
    request.args.includes(verb) ? { kind: 'exited', code: 128, stdout: '', stderr } : run(request);

describe('a repository in trouble', () => {
  it('is begun anew where somebody deleted it, with the plain copies and what the tree still shows', async () => {
    const ground = storeIn(workspace());
    const [first = '', second = ''] = await history(ground);
    rmSync(join(ground.dir, '.git'), { recursive: true });
    const listing = await ground.store.list(10);
    expect(listing).toMatchObject({ problem: expect.stringContaining('there is no repository') });
    expect(await labels(ground)).toEqual(['bad copy', 'verified copy']);
    expect(await ground.store.read(first)).toMatchObject({ kind: 'read' });
    const outcome = await ground.store.record(config('{ n: 4 }'), { aside: null });
    expect(outcome).toMatchObject({
      kind: 'recorded',
      note: expect.stringMatching(/was gone; a new one was begun with 3 earlier snapshots/),
    });
    expect(await labels(ground)).toEqual(['recorded git', 'recorded git', 'bad git', 'verified git']);
    expect(ground.git('show', 'main~1:openclaw.json')).toBe('{ n: 3 }');
    expect(ground.git('status', '--porcelain')).toBe('');
    // What somebody wrote down by its old id is still there, and can still be called bad.
    expect(await ground.store.read(first)).toMatchObject({ kind: 'read' });
    expect(await ground.store.label(first, 'bad')).toEqual({ kind: 'done' });
    expect(await labels(ground)).toEqual(['recorded git', 'recorded git', 'bad git', 'bad git']);
    expect((await ground.store.read(second)).kind).toBe('read');
    expect(await ground.store.verify()).toMatchObject({ ok: true });
  });

  it('is begun anew where the whole folder is gone', async () => {
    const ground = storeIn(workspace());
    await history(ground);
    rmSync(ground.dir, { recursive: true });
    expect(await ground.store.record(config('{ n: 4 }'), { aside: null })).toMatchObject({
      kind: 'recorded',
    });
    expect(await labels(ground)).toEqual(['recorded git', 'bad git', 'verified git']);
  });

  it.each(['main', 'main^{tree}', 'main:openclaw.json', 'main~1'])(
    'with a torn %s is put aside whole by the daily check, and begun anew',
    async (name) => {
      const root = workspace();
      const ground = storeIn(root);
      await history(ground);
      damage(objectPath(ground, name));
      expect(await ground.store.verify()).toMatchObject({ ok: false });
      const tended = await ground.store.tend();
      expect(tended).toMatchObject({ kind: 'mended', note: expect.stringContaining('is kept as') });
      const broken = readdirSync(root).find((each) => each.startsWith('config-backup.broken-')) ?? '';
      expect(existsSync(join(root, broken, '.git', 'HEAD'))).toBe(true);
      expect(await labels(ground)).toEqual(['recorded git', 'bad git', 'verified git']);
      expect(await ground.store.verify()).toMatchObject({ ok: true });
      expect(await ground.store.record(config('{ n: 4 }'), { aside: null })).toMatchObject({
        kind: 'recorded',
      });
      expect(await ground.store.tend()).toEqual({ kind: 'not-due' });
    },
  );

  it('is checked at once when a snapshot of it could not be read', async () => {
    const ground = storeIn(workspace());
    const [, , id = ''] = await history(ground);
    expect(await ground.store.tend()).toEqual({ kind: 'sound' });
    expect(await ground.store.tend()).toEqual({ kind: 'not-due' });
    damage(objectPath(ground, 'main:openclaw.json'));
    expect(await ground.store.tend()).toEqual({ kind: 'not-due' });
    expect((await ground.store.read(id)).kind).toBe('failed');
    expect(await ground.store.tend()).toMatchObject({ kind: 'mended' });
    expect(await ground.store.tend()).toEqual({ kind: 'not-due' });
  });

  it('is begun anew when a label finds it damaged, and the content is recorded and labelled once more', async () => {
    const ground = storeIn(workspace());
    const [, , id = ''] = await history(ground);
    damage(objectPath(ground, 'main:manifest.json'));
    expect(await ground.store.label(id, 'verified')).toMatchObject({
      kind: 'failed',
      because: expect.stringMatching(/cannot be read: .+; the repository was damaged/),
    });
    const again = await ground.store.record(config('{ n: 3 }'), { aside: null });
    if (again.kind === 'failed' || again.kind === 'aside') throw new Error(JSON.stringify(again));
    expect(await ground.store.label(again.id, 'verified')).toEqual({ kind: 'done' });
    expect((await labels(ground))[0]).toBe('verified git');
  });

  it.each(['HEAD', 'refs/heads/main'])('with an emptied %s is put aside by the next record', async (name) => {
    const root = workspace();
    const ground = storeIn(root);
    await history(ground);
    truncateSync(join(ground.dir, '.git', name), 0);
    const outcome = await ground.store.record(config('{ n: 4 }'), { aside: null });
    expect(outcome).toMatchObject({ kind: 'recorded', note: expect.stringContaining('was damaged') });
    expect(await labels(ground)).toEqual(['recorded git', 'recorded git', 'bad git', 'verified git']);
    expect(readFileSync(join(ground.dir, 'openclaw.json'), 'utf8')).toBe('{ n: 4 }');
    expect(ground.git('status', '--porcelain')).toBe('');
  });

  it('refuses what was altered, from git and from the copies', async () => {
    const ground = storeIn(workspace());
    const id = await recorded(ground.store, config('{ n: 1 }'));
    await ground.store.label(id, 'verified');
    const folder = join(ground.knownGood, readdirSync(ground.knownGood)[0] ?? '');
    writeFileSync(join(folder, 'openclaw.json'), '{ n: 2 }');
    rmSync(join(ground.dir, '.git'), { recursive: true });
    expect(await ground.store.read(id)).toMatchObject({
      kind: 'failed',
      because: expect.stringContaining('openclaw.json is not what was recorded'),
    });
    expect(await ground.store.verify()).toMatchObject({ ok: false, checked: 1 });
  });

  it('records again after a git that was killed and left its locks', async () => {
    const ground = storeIn(workspace());
    const id = await recorded(ground.store, config('1'));
    for (const name of ['HEAD.lock', 'refs/heads/main.lock', 'refs/heads/aside.lock', 'packed-refs.lock'])
      writeFileSync(join(ground.dir, '.git', name), '');
    const index = join(ground.dir, '.git', 'index.lock');
    writeFileSync(index, '');
    const fresh = await ground.store.record(config('2'), { aside: null });
    // It may be a person's git that holds the index now; the snapshot does not depend on it.
    expect(fresh).toMatchObject({ kind: 'recorded', note: expect.stringContaining('does not show it yet') });
    expect(existsSync(index)).toBe(true);
    utimesSync(index, 1, 1);
    expect((await ground.store.record(config('2'), { aside: null })).kind).toBe('unchanged');
    expect(ground.git('status', '--porcelain')).toBe('');
    mkdirSync(join(ground.dir, '.git', 'refs', 'tags', 'verified'), { recursive: true });
    writeFileSync(join(ground.dir, '.git', 'refs', 'tags', 'verified', `${id.slice(0, 12)}.lock`), '');
    expect(await ground.store.label(id, 'verified')).toEqual({ kind: 'done' });
  });

  it('is checked once a day, also after a clock that went back', async () => {
    const ground = storeIn(workspace());
    await recorded(ground.store, config('1'));
    expect(await ground.store.tend()).toEqual({ kind: 'sound' });
    expect(await ground.store.tend()).toEqual({ kind: 'not-due' });
    for (const at of ['2026-01-01T00:00:00Z', '2200-01-01T00:00:00Z', 'torn']) {
      writeFileSync(join(ground.dir, '.git', 'immune-checked'), at);
      expect(await ground.store.tend()).toEqual({ kind: 'sound' });
    }
  });

  it('is not used while it has a remote', async () => {
    const ground = storeIn(workspace());
    const id = await recorded(ground.store, config('1'));
    ground.git('remote', 'add', 'origin', 'git@example.com:x/y.git');
    for (const outcome of [
      await ground.store.record(config('2'), { aside: null }),
      await ground.store.record(config('1'), { aside: null }),
      await ground.store.label(id, 'bad'),
    ])
      expect(outcome).toMatchObject({ kind: 'failed', because: expect.stringContaining('names a remote') });
    ground.git('remote', 'remove', 'origin');
    expect((await ground.store.record(config('2'), { aside: null })).kind).toBe('recorded');
  });

  it('is left as it is when the disk is full, and goes on when there is room again', async () => {
    let full = true;
    const root = workspace();
    const ground = storeIn(root, {
      wrap: (run) => (request) =>
        (full ? failing('fast-import', 'fatal: write error: No space left on device')(run) : run)(request),
    });
    full = false;
    const id = await recorded(ground.store, config('1'));
    full = true;
    expect(await ground.store.record(config('2'), { aside: null })).toEqual({
      kind: 'failed',
      because: 'git fast-import failed: the disk is full; type: df -h',
    });
    expect(readdirSync(root).toSorted()).toEqual(['config-backup', 'state']);
    full = false;
    const next = await recorded(ground.store, config('2'));
    expect(ground.git('rev-parse', `${next}^`).trim()).toBe(id);
  });

  it('is not taken for damaged when git itself cannot work', async () => {
    const root = workspace();
    for (const stderr of ['error: unable to open object: Permission denied', 'fatal: out of memory']) {
      const ground = storeIn(root, { wrap: (run) => failing('fsck', stderr)(run) });
      await ground.store.record(config('1'), { aside: null });
      expect(await ground.store.tend()).toMatchObject({ kind: 'failed' });
      expect(readdirSync(root).toSorted()).toEqual(['config-backup', 'state']);
    }
  });

  it('keeps its place when a person commits, switches branches, packs, resets or deletes the branch', async () => {
    const ground = storeIn(workspace());
    const { store, git, dir } = ground;
    const first = await recorded(store, config('1'));
    await store.label(first, 'verified');
    writeFileSync(join(dir, 'openclaw.json'), 'mine');
    git('commit', '-aqm', 'my own');
    expect(await labels(ground)).toEqual(['verified git']);
    // The branch shows something else now, so the same content is recorded on top of it.
    const second = await recorded(store, config('1'));
    expect(git('log', '--format=%s').trim().split('\n')).toEqual([
      'Record openclaw.json and 0 other files',
      'my own',
      'Record openclaw.json and 0 other files',
    ]);
    git('commit', '-q', '--amend', '-m', 'amended');
    expect(await labels(ground)).toEqual(['verified git']);
    git('checkout', '-qb', 'side');
    writeFileSync(join(dir, 'openclaw.json'), 'on the side');
    await recorded(store, config('3'));
    expect(readFileSync(join(dir, 'openclaw.json'), 'utf8')).toBe('on the side');
    git('checkout', '-qf', 'main');
    expect(readFileSync(join(dir, 'openclaw.json'), 'utf8')).toBe('3');
    git('gc', '-q', '--prune=now');
    git('pack-refs', '--all');
    expect((await store.record(config('3'), { aside: null })).kind).toBe('unchanged');
    await recorded(store, config('4'));
    expect(git('status', '--porcelain', '--untracked-files=no')).toBe('');
    git('checkout', '-q', '--detach');
    git('branch', '-qD', 'main');
    await recorded(store, config('5'));
    expect((await labels(ground)).includes('verified git')).toBe(true);
    expect(second).not.toBe(first);
    expect(await store.verify()).toMatchObject({ ok: true });
  });

  it('says so when git is not there, and still reads the copies', async () => {
    const root = workspace();
    const ground = storeIn(root);
    const id = await recorded(ground.store, config('1'));
    await ground.store.label(id, 'verified');
    const away = storeIn(root, { wrap: () => async () => ({ kind: 'not-started', because: 'ENOENT' }) });
    expect(await away.store.list(5)).toMatchObject({
      problem: expect.stringContaining('could not be started'),
      entries: [{ id, source: 'copy', label: 'verified' }],
    });
    expect(await away.store.read(id)).toMatchObject({ kind: 'read' });
    expect(await away.store.record(config('2'), { aside: null })).toMatchObject({ kind: 'failed' });
  });
});

describe('two writers', () => {
  it('take turns: each snapshot is recorded, none is mixed, and the history is a line', async () => {
    const root = workspace();
    const ground = storeIn(root);
    await recorded(ground.store, config('start'));
    const each = 6;
    const recorders = await Promise.all([startRecorder(root), startRecorder(root)]);
    for (const [n, recorder] of recorders.entries())
      recorder.send(...Array.from({ length: each }, (_, k) => `record { by: ${n}, n: ${k} }`));
    await Promise.all(recorders.map((recorder) => recorder.until(each)));
    await Promise.all(recorders.map((recorder) => recorder.end()));
    const ids = recorders.flatMap((recorder) => recorder.told().map(({ id }) => id ?? ''));
    expect(new Set(ids).size).toBe(2 * each);
    expect(ground.git('rev-list', '--count', 'main').trim()).toBe(String(2 * each + 1));
    expect(ground.git('rev-list', 'main').trim().split('\n').toSorted()).toEqual(
      expect.arrayContaining(ids.toSorted()),
    );
    expect(await ground.store.verify()).toEqual({ ok: true, checked: 2 * each + 1, problems: [] });
    expect(ground.git('status', '--porcelain')).toBe('');
  });

  it('give up after a while with the name of the one that is busy', async () => {
    const root = workspace();
    const { store } = storeIn(root, {
      time: {
        now: () => 0 as never,
        // Each look at the clock is five seconds later.
        elapsed: (() => {
          let t = 0;
          return () => {
            t += 5_000;
            return t as never;
          };
        })(),
        sleep: async () => undefined,
      },
      wrap: (run) => async (request) => {
        if (request.args.includes('init')) await nested();
        return run(request);
      },
    });
    let inner: unknown;
    const nested = async () => {
      inner = await store.label('a'.repeat(40), 'bad');
    };
    await store.record(config('1'), { aside: null });
    expect(inner).toMatchObject({
      kind: 'failed',
      because: expect.stringContaining(`process ${process.pid}`),
    });
  });
});
