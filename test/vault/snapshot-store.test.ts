import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { configHashOf } from '../../src/vault/snapshot.ts';
import { workspace } from '../system/workspace.ts';
import { config, content, file, recorded, storeIn } from './store-ground.ts';

const bytes = Buffer.from([0, 255, 10, 13, 10, 34, 195, 40]);

describe('the snapshot store', () => {
  it('records every file byte for byte and reads them back with all that was known', async () => {
    const { store, git } = storeIn(workspace());
    const what = content(
      [
        file('openclaw.json', '{ a: 1 }\r\n', { path: '/home/u/my config.json5', mode: 0o644 }),
        file('includes/sub dir/ü.json5', bytes),
        file('service/ai.openclaw.gateway.plist', '<plist/>'),
      ],
      { bootId: 'boot', schemas: { 'openclaw.sqlite': 7 } },
    );
    const id = await recorded(store, what);
    expect(await store.read(id)).toEqual({
      kind: 'read',
      content: { ...what, files: what.files.toSorted((a, b) => (a.name < b.name ? -1 : 1)) },
    });
    expect(git('show', 'HEAD:openclaw.json')).toBe('{ a: 1 }\r\n');
    expect(git('status', '--porcelain')).toBe('');
    expect(git('fsck', '--strict')).toBe('');
    expect(await store.list(10)).toEqual({
      kind: 'listed',
      problem: null,
      entries: [
        {
          id,
          takenAt: what.takenAt,
          label: 'recorded',
          configHash: configHashOf(what.files),
          openclaw: '2026.9.6',
          source: 'git',
        },
      ],
    });
  });

  it('starts no git at all while nothing changed, and takes neither time nor boot for a change', async () => {
    const { store, gits, git } = storeIn(workspace());
    const id = await recorded(store, config('{}', { bootId: 'one' }));
    const before = gits();
    expect(await store.record(config('{}', { bootId: 'two' }), { aside: null })).toEqual({
      kind: 'unchanged',
      id,
    });
    expect(gits()).toBe(before);
    for (const next of [config('{ b: 1 }'), config('{ b: 1 }', { openclaw: '2026.9.7' })])
      await recorded(store, next);
    await recorded(store, config('{ b: 1 }', { openclaw: '2026.9.7', schemas: { a: 1 } }));
    expect(git('rev-list', '--count', 'main').trim()).toBe('4');
    // Two git processes a change: one that stores, one for the index that a person sees.
    expect(gits()).toBe(before + 3 * 2);
  });

  it('commits nothing again when only its memo was lost', async () => {
    const { store, dir, git } = storeIn(workspace());
    const id = await recorded(store, config('{}'));
    for (const torn of ['', '{', '{"main":{"key":1}}']) {
      writeFileSync(join(dir, '.git', 'immune-newest.json'), torn);
      expect(await store.record(config('{}'), { aside: null })).toEqual({ kind: 'unchanged', id });
    }
    expect(git('rev-list', '--count', 'main').trim()).toBe('1');
  });

  it('removes from the tree what is no longer part of the config, and leaves other files alone', async () => {
    const { store, dir, git } = storeIn(workspace());
    await recorded(store, content([file('openclaw.json', '1'), file('includes/deep/a.json', '2')]));
    writeFileSync(join(dir, 'notes.txt'), 'mine');
    await recorded(store, content([file('openclaw.json', '1')]));
    expect(readdirSync(dir).toSorted()).toEqual(['.git', 'manifest.json', 'notes.txt', 'openclaw.json']);
    expect(git('ls-tree', '-r', '--name-only', 'main').trim().split('\n')).toEqual([
      'manifest.json',
      'openclaw.json',
    ]);
    expect(git('status', '--porcelain')).toBe('?? notes.txt\n');
  });

  it('keeps every file to its owner, under any umask and whatever was opened before', async () => {
    const before = process.umask(0);
    try {
      const { store, dir, knownGood, lease } = storeIn(workspace());
      const id = await recorded(store, content([file('openclaw.json', '1'), file('includes/a/b.json', '2')]));
      await store.label(id, 'verified');
      chmodSync(join(dir, 'openclaw.json'), 0o644);
      chmodSync(join(dir, 'includes'), 0o755);
      chmodSync(dir, 0o755);
      await recorded(store, content([file('openclaw.json', '1'), file('includes/a/b.json', '3')]));
      for (const root of [dir, knownGood, lease]) {
        for (const name of ['', ...readdirSync(root, { recursive: true }).map(String)])
          expect([name, statSync(join(root, name)).mode & 0o077]).toEqual([name, 0]);
      }
      for (const path of [dir, join(dir, 'includes')]) expect(statSync(path).mode & 0o777).toBe(0o700);
      expect(statSync(join(dir, 'openclaw.json')).mode & 0o777).toBe(0o600);
    } finally {
      process.umask(before);
    }
  });

  it.each(['../out', '/etc/x', 'a/../../out', '.git/hooks/post-commit', 'a\nb', '', 'manifest.json'])(
    'never writes a file named %j',
    async (name) => {
      const root = workspace();
      const { store } = storeIn(root);
      const outcome = await store.record(content([file('openclaw.json', '1'), file(name, '2')]), {
        aside: null,
      });
      expect(outcome).toMatchObject({
        kind: 'failed',
        because: expect.stringContaining('not a name for a recorded file'),
      });
      expect(readdirSync(root)).toEqual([]);
    },
  );

  it('is not led out of the work tree by a link, and moves aside what a person edited there', async () => {
    const root = workspace();
    const { store, dir } = storeIn(root);
    await recorded(store, content([file('openclaw.json', '1'), file('includes/a.json', '2')]));
    const outside = join(root, 'outside');
    mkdirSync(outside);
    writeFileSync(join(outside, 'a.json'), 'theirs');
    rmSync(join(dir, 'includes'), { recursive: true });
    symlinkSync(outside, join(dir, 'includes'));
    writeFileSync(join(dir, 'openclaw.json'), 'edited by a person');
    await recorded(store, content([file('openclaw.json', '3'), file('includes/a.json', '4')]));
    expect(readFileSync(join(outside, 'a.json'), 'utf8')).toBe('theirs');
    expect(readFileSync(join(dir, 'includes', 'a.json'), 'utf8')).toBe('4');
    expect(readFileSync(join(dir, 'openclaw.json'), 'utf8')).toBe('3');
    const kept = readdirSync(dir).find((name) => name.startsWith('openclaw.json.aside-')) ?? '';
    expect(readFileSync(join(dir, kept), 'utf8')).toBe('edited by a person');
  });

  it('sets clobbered content aside once, where neither the tree nor the list shows it', async () => {
    const { store, dir, git } = storeIn(workspace());
    const good = await recorded(store, config('{ good: true }'));
    const aside = await store.record(config('\0\0'), { aside: 'it is\nno config' });
    expect(aside.kind).toBe('aside');
    expect(await store.record(config('\0\0'), { aside: 'again' })).toEqual(aside);
    expect(git('rev-list', '--count', 'aside').trim()).toBe('1');
    expect(git('show', 'aside:openclaw.json')).toBe('\0\0');
    expect(git('log', '-1', '--format=%s', 'aside').trim()).toBe('Set aside: it is no config');
    expect(git('rev-parse', 'main').trim()).toBe(good);
    expect(git('status', '--porcelain')).toBe('');
    expect(readFileSync(join(dir, 'openclaw.json'), 'utf8')).toBe('{ good: true }');
    const listing = await store.list(10);
    expect(listing.kind === 'listed' && listing.entries.map(({ id }) => id)).toEqual([good]);
    expect(await store.record(config('{ good: true }'), { aside: null })).toEqual({
      kind: 'unchanged',
      id: good,
    });
  });

  it('has nothing to record without a config', async () => {
    const { store } = storeIn(workspace());
    const outcome = await store.record(content([file('service/x.plist', '1')]), { aside: null });
    expect(outcome).toMatchObject({ kind: 'failed', because: 'there is no config to record' });
  });

  it('lists newest first by history, also when the clock went back, and obeys the limit', async () => {
    const { store } = storeIn(workspace());
    const late = await recorded(store, config('1'));
    const early = await recorded(store, { ...config('2'), takenAt: config('').takenAt - 1e9 } as never);
    await store.label(late, 'verified');
    const listing = await store.list(10);
    expect(listing.kind === 'listed' && listing.entries.map(({ id }) => id)).toEqual([early, late]);
    const one = await store.list(1);
    expect(one.kind === 'listed' && one.entries.map(({ id }) => id)).toEqual([early]);
  });

  it('says that nothing is there before the first record', async () => {
    const { store, dir } = storeIn(workspace());
    expect(await store.list(10)).toEqual({ kind: 'listed', entries: [], problem: null });
    expect(await store.size()).toBe(null);
    expect(await store.tend()).toEqual({ kind: 'not-due' });
    expect(await store.verify()).toEqual({ ok: true, checked: 0, problems: [] });
    expect(existsSync(dir)).toBe(false);
  });
});

describe('labels', () => {
  it('are tags; bad wins over what was verified before, and a later boot with the same content over bad', async () => {
    const { store, git, knownGood } = storeIn(workspace());
    const id = await recorded(store, config('1'));
    expect(await store.label(id, 'verified')).toEqual({ kind: 'done' });
    expect(await store.label(id, 'verified')).toEqual({ kind: 'done' });
    expect(git('tag', '--points-at', id).trim()).toBe(`verified/${id.slice(0, 12)}`);
    expect(await store.label(id, 'bad')).toEqual({ kind: 'done' });
    const labelOf = async () => {
      const listing = await store.list(10);
      return listing.kind === 'listed' ? listing.entries.find((entry) => entry.id === id)?.label : null;
    };
    expect(await labelOf()).toBe('bad');
    // A lightweight tag names the commit itself.
    expect(git('cat-file', '-t', `bad/${id.slice(0, 12)}`).trim()).toBe('commit');
    const other = await recorded(store, config('2'));
    expect(await store.label(other, 'verified')).toEqual({ kind: 'done' });
    expect(await labelOf()).toBe('bad');
    expect(await store.label(id, 'verified')).toEqual({ kind: 'done' });
    expect(await labelOf()).toBe('verified');
    const copy = readdirSync(knownGood).find((name) => name.endsWith(id.slice(0, 12))) ?? '';
    expect(readdirSync(join(knownGood, copy))).not.toContain('bad');
  });

  it('are refused for what is no snapshot', async () => {
    const { store } = storeIn(workspace());
    await recorded(store, config('1'));
    for (const id of ['main', 'a'.repeat(40)])
      expect((await store.label(id, 'verified')).kind).toBe('failed');
    expect((await store.label('b'.repeat(40), 'bad')).kind).toBe('failed');
  });

  it('keep the newest three verified ones as plain files, bad ones not counted', async () => {
    const { store, knownGood } = storeIn(workspace());
    const ids: string[] = [];
    for (const text of ['1', '2', '3', '4']) {
      const id = await recorded(store, config(text));
      ids.push(id);
      expect(await store.label(id, 'verified')).toEqual({ kind: 'done' });
    }
    const numbers = () => readdirSync(knownGood).map((name) => name.slice(7));
    const short = (n: number) => ids[n]?.slice(0, 12);
    expect(numbers().toSorted()).toEqual([short(1), short(2), short(3)].toSorted());
    await store.label(ids[3] ?? '', 'bad');
    const next = await recorded(store, config('5'));
    await store.label(next, 'verified');
    expect(numbers().toSorted()).toEqual([short(1), short(2), next.slice(0, 12)].toSorted());
    const folder = readdirSync(knownGood).find((name) => name.endsWith(next.slice(0, 12))) ?? '';
    expect(readFileSync(join(knownGood, folder, 'openclaw.json'), 'utf8')).toBe('5');
  });
});
