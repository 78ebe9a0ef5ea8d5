import { describe, expect, it } from 'vitest';
import type { Evidence } from '../../src/core/evidence.ts';
import { type ConfigEvidence, groundUnread } from '../../src/core/ground-evidence.ts';
import { initialState, type State } from '../../src/core/state.ts';
import { type Clock, instant, type Millis, millis, seconds } from '../../src/core/time.ts';
import { createConfigKeeper, type KeeperParts } from '../../src/daemon/config-keeper.ts';
import type { AssembledSnapshot } from '../../src/daemon/snapshot-content.ts';
import type { Label, SnapshotContent, SnapshotEntry } from '../../src/vault/snapshot.ts';
import type { KeptStore } from '../../src/vault/snapshot-store.ts';
import { dawn, first, serving } from '../core/world.ts';

const generation = {
  pid: first.pid,
  startedAt: first.startedAt,
  bootId: 'b1',
  firstSeenAt: dawn,
  listenedAt: dawn,
  readyAt: dawn,
};
const calm: State = { ...initialState, phase: { kind: 'healthy' }, generation };
const before = first.startedAt - 1;

/** A store in memory: what it does with contents and labels, without git. */
function memoryStore() {
  const kept: { id: string; text: string; content: SnapshotContent; aside: string | null }[] = [];
  const labels = new Map<string, Label>();
  const calls: string[] = [];
  const fault: { because: string | null } = { because: null };
  const store: KeptStore = {
    tend: async () => ({ kind: 'not-due' }),
    record: async (content, { aside }) => {
      calls.push('record');
      if (fault.because !== null) return { kind: 'failed', because: fault.because };
      const text = content.files.map(({ bytes }) => bytes.toString()).join();
      const newest = kept.filter((one) => one.aside === null).at(-1);
      if (aside === null && newest?.text === text) return { kind: 'unchanged', id: newest.id };
      const id = `${kept.length + 1}`.repeat(40).slice(0, 40);
      kept.push({ id, text, content, aside });
      return { kind: aside === null ? 'recorded' : 'aside', id };
    },
    label: async (id, label) => {
      calls.push(`label ${label}`);
      labels.set(id, label);
      return { kind: 'done' };
    },
    list: async (limit) => {
      calls.push('list');
      const entries = kept
        .filter(({ aside }) => aside === null)
        .reverse()
        .slice(0, limit)
        .map(
          ({ id, text, content }): SnapshotEntry => ({
            id,
            takenAt: content.takenAt,
            label: labels.get(id) ?? 'recorded',
            configHash: text,
            openclaw: content.openclaw,
            source: 'git',
          }),
        );
      return { kind: 'listed', entries, problem: null };
    },
    read: async (id) => {
      const found = kept.find((one) => one.id === id);
      return found === undefined
        ? { kind: 'failed', because: 'gone' }
        : { kind: 'read', content: found.content };
    },
    verify: async () => ({ ok: true, checked: 0, problems: [] }),
    size: async () => 4_096,
  };
  return { store, kept, labels, calls, fault };
}

interface World {
  text: string;
  hash: string | null;
  changedMs: number;
  openclaw: string | null;
  /** What the reading says against the content. */
  aside: string | null;
  trial: boolean;
  elapsed: Millis;
  /** What the next reading of the files fails with. */
  unreadable: string | null;
}

function keep(change: Partial<KeeperParts> = {}) {
  const memory = memoryStore();
  const lines: string[] = [];
  const world: World = {
    text: 'one',
    hash: 'one',
    changedMs: before,
    openclaw: '2026.9.6',
    aside: null,
    trial: false,
    elapsed: millis(0),
    unreadable: null,
  };
  const clock: Clock = {
    now: () => instant(dawn + world.elapsed),
    elapsed: () => world.elapsed,
    sleep: async () => undefined,
  };
  const live = async (bootId: string | null): Promise<AssembledSnapshot> => {
    if (world.unreadable !== null) return { kind: 'unreadable', because: world.unreadable };
    const bytes = Buffer.from(world.text);
    const file = {
      name: 'openclaw.json',
      role: 'config',
      path: '/c/openclaw.json',
      mode: 0o600,
      bytes,
    } as const;
    const times = [{ path: file.path, mtimeMs: before, ctimeMs: world.changedMs }];
    const { openclaw } = world;
    const content = { files: [file], openclaw, bootId, schemas: {}, takenAt: clock.now() };
    return { kind: 'assembled', content, times, hash: world.hash, aside: world.aside };
  };
  const keeper = createConfigKeeper({
    clock,
    soakMs: () => seconds(120),
    store: memory.store,
    live,
    trial: () => world.trial,
    log: { info: (line) => lines.push(line), warn: (line) => lines.push(`! ${line}`) },
    ...change,
  });
  const look = (config: ConfigEvidence, state: Partial<State> = {}): void => {
    const evidence: Evidence = { ...serving()(dawn), ground: { ...groundUnread, config } };
    keeper.seen({ ...calm, ...state }, evidence);
  };
  /** A look, and all the work it begins. */
  const seen = async (config: ConfigEvidence, state: Partial<State> = {}): Promise<void> => {
    look(config, state);
    await new Promise((resolve) => setImmediate(resolve));
  };
  /** The file is written, and seen so. */
  const write = (text: string): void => {
    world.text = text;
    world.hash = text;
  };
  const later = (s: number): void => {
    world.elapsed = millis(world.elapsed + seconds(s));
  };
  return { ...memory, keeper, world, lines, look, seen, write, later };
}

const sound = (hash: string): ConfigEvidence => ({
  kind: 'sound',
  hash,
  changedAt: dawn,
  validator: 'valid',
});
type Fault = Extract<ConfigEvidence, { kind: 'faulty' }>['fault'];
const faulty = (fault: Fault, hash: string | null): ConfigEvidence => ({
  kind: 'faulty',
  fault,
  hash,
  changedAt: hash === null ? null : dawn,
  because: 'it does not parse',
});

describe('each content is recorded', () => {
  it('once at the start and once for each change, however often it is looked at', async () => {
    const { seen, write, kept, calls } = keep();
    await seen(sound('one'));
    await seen(sound('one'));
    await seen(sound('one'));
    expect(calls.filter((call) => call === 'record')).toHaveLength(1);
    write('two');
    await seen(sound('two'));
    expect(kept.map(({ text }) => text)).toEqual(['one', 'two']);
  });

  it('also under a gateway that is down, and when the validator refuses it', async () => {
    const { seen, kept } = keep();
    await seen(faulty('rejected', 'one'), { phase: { kind: 'suspect' } });
    expect(kept).toMatchObject([{ text: 'one', aside: null }]);
  });

  it('not before something could be read', async () => {
    const { seen, calls } = keep();
    for (const config of [{ kind: 'unread' }, faulty('missing', null), faulty('unreadable', null)] as const)
      await seen(config);
    await seen({ kind: 'unknown', because: '' });
    expect(calls).not.toContain('record');
  });

  it('and a file that is gone by now waits for the next look', async () => {
    const { seen, calls, lines } = keep({
      live: async () => ({ kind: 'missing', because: 'there is none' }),
    });
    await seen(sound('one'));
    expect(calls).not.toContain('record');
    expect(lines).toEqual([]);
  });

  it('as the look saw it: a file that changed since waits for the next look', async () => {
    const { seen, write, kept } = keep();
    write('two');
    await seen(sound('one'));
    expect(kept).toEqual([]);
    await seen(sound('two'));
    expect(kept).toMatchObject([{ text: 'two' }]);
  });

  it('one at a time: a look during the work begins nothing', async () => {
    let reads = 0;
    let answer: (live: AssembledSnapshot) => void = () => undefined;
    const { look, seen, later } = keep({
      live: () => {
        reads += 1;
        return new Promise((resolve) => {
          answer = resolve;
        });
      },
    });
    look(sound('one'));
    later(500);
    await seen(sound('two'));
    await seen(sound('three'));
    expect(reads).toBe(1);
    answer({ kind: 'missing', because: '' });
    await seen(sound('three'));
    await seen(sound('three'));
    expect(reads).toBe(2);
  });
});

describe('what was clobbered is kept aside', () => {
  it('and so does not become the newest one', async () => {
    const { seen, write, kept, lines } = keep();
    await seen(sound('one'));
    write('');
    await seen(faulty('clobbered', ''));
    expect(kept).toMatchObject([{ aside: null }, { text: '', aside: 'it does not parse' }]);
    expect(lines.at(-1)).toContain('put aside');
  });

  it('as is what the reading says is no config, whatever the look calls it', async () => {
    const { seen, write, world, kept } = keep();
    await seen(sound('one'));
    write('{');
    world.aside = 'it cannot be parsed';
    await seen(faulty('broken', '{'));
    expect(kept.map(({ aside }) => aside)).toEqual([null, 'it cannot be parsed']);
  });

  it('while a small config that is merely refused is recorded like any other', async () => {
    const { seen, write, kept } = keep();
    write('x'.repeat(100));
    await seen(sound(''.padEnd(100, 'x')));
    write('y');
    await seen(faulty('rejected', 'y'));
    expect(kept.at(-1)).toMatchObject({ text: 'y', aside: null });
  });
});

describe('what the gateway booted with becomes verified', () => {
  it('once its soak is over, and once only', async () => {
    const { seen, later, labels, calls, lines } = keep();
    await seen(sound('one'));
    later(119);
    await seen(sound('one'));
    expect(labels.size).toBe(0);
    later(1);
    await seen(sound('one'));
    expect([...labels.values()]).toEqual(['verified']);
    expect(lines.at(-1)).toMatch(/^The config is verified \(1{12}\): .* ready for 2 min/);
    later(600);
    await seen(sound('one'));
    await seen(sound('one'));
    expect(calls.filter((call) => call === 'label verified')).toHaveLength(1);
  });

  it('again after the next boot with another content', async () => {
    const { seen, later, write, labels } = keep();
    await seen(sound('one'));
    later(120);
    await seen(sound('one'));
    write('two');
    await seen(sound('two'));
    later(500);
    await seen(sound('two'));
    expect(labels.size).toBe(1);
    const next = { ...generation, pid: 7, firstSeenAt: instant(dawn + 620_000) };
    await seen(sound('two'), { generation: next });
    later(120);
    await seen(sound('two'), { generation: next });
    expect(labels.size).toBe(2);
  });

  it('not when a file is younger than the process, which is said once', async () => {
    const { seen, later, world, labels, lines } = keep();
    world.changedMs = first.startedAt + 1;
    await seen(sound('one'));
    later(120);
    await seen(sound('one'));
    await seen(sound('one'));
    expect(labels.size).toBe(0);
    expect(lines.filter((line) => line.includes('/c/openclaw.json was changed after'))).toHaveLength(1);
  });

  it('not when another OpenClaw runs than the one that is installed', async () => {
    const { seen, later, world, labels } = keep();
    world.openclaw = '2026.9.7';
    await seen(sound('one'));
    later(120);
    await seen(sound('one'));
    expect(labels.size).toBe(0);
  });

  it('not while a changed config is on trial, but after it', async () => {
    const { seen, later, world, labels } = keep();
    world.trial = true;
    await seen(sound('one'));
    later(300);
    await seen(sound('one'));
    expect(labels.size).toBe(0);
    world.trial = false;
    await seen(sound('one'));
    expect(labels.size).toBe(1);
  });

  it('not when the file changed between the look and the reading', async () => {
    const { seen, later, write, labels } = keep();
    await seen(sound('one'));
    later(120);
    write('two');
    await seen(sound('one'));
    expect(labels.size).toBe(0);
  });
});

describe('a failure', () => {
  it('is told once, tried again with a growing pause, and forgotten when it ends', async () => {
    const { seen, later, write, fault, calls, lines, kept } = keep();
    fault.because = 'the disk is full';
    const records = () => calls.filter((call) => call === 'record').length;
    await seen(sound('one'));
    await seen(sound('one'));
    expect(records()).toBe(1);
    later(10);
    await seen(sound('one'));
    later(10);
    await seen(sound('one'));
    expect(records()).toBe(2);
    later(10);
    await seen(sound('one'));
    expect(records()).toBe(3);
    expect(lines.filter((line) => line.includes('the disk is full'))).toHaveLength(1);
    fault.because = null;
    later(40);
    await seen(sound('one'));
    expect(kept).toHaveLength(1);
    fault.because = 'the disk is full';
    write('two');
    await seen(sound('two'));
    expect(lines.filter((line) => line.includes('the disk is full'))).toHaveLength(2);
  });

  it('to read the files or to label, and a bug, are failures like any other', async () => {
    const { seen, later, world, lines, store, labels } = keep();
    world.unreadable = 'the config cannot be read';
    await seen(sound('one'));
    world.unreadable = null;
    later(10);
    await seen(sound('one'));
    store.label = async () => ({ kind: 'failed', because: 'the repository is locked' });
    later(120);
    await seen(sound('one'));
    store.label = () => Promise.reject(new Error('boom'));
    later(100);
    await seen(sound('one'));
    expect(labels.size).toBe(0);
    expect(lines.filter((line) => line.startsWith('!'))).toEqual([
      expect.stringContaining('the config cannot be read'),
      expect.stringContaining('the repository is locked'),
      expect.stringContaining('a bug of the watchdog: Error: boom'),
    ]);
  });
});

describe('its view', () => {
  it('tells of the newest snapshot, the newest verified one and the size', async () => {
    const { seen, later, keeper } = keep();
    expect(keeper.view()).toBeNull();
    await seen(sound('one'));
    await seen(sound('one'));
    expect(keeper.view()).toEqual({ newestAt: dawn, verifiedAt: null, bytes: 4_096, problem: null });
    later(120);
    await seen(sound('one'));
    await seen(sound('one'));
    expect(keeper.view()).toMatchObject({ verifiedAt: dawn });
  });

  it('is read anew now and then, for the hourly job records too', async () => {
    const { seen, later, keeper, store } = keep();
    await seen(sound('one'));
    await seen(sound('one'));
    store.list = async () => ({ kind: 'failed', because: 'the repository is broken' });
    await seen(sound('one'));
    expect(keeper.view()?.problem).toBeNull();
    later(119);
    await seen(sound('one'), { phase: { kind: 'starting' } });
    later(600);
    await seen(sound('one'), { phase: { kind: 'starting' } });
    expect(keeper.view()).toMatchObject({ newestAt: dawn, problem: 'the repository is broken' });
  });
});

describe('the store is tended', () => {
  it('and what is in force is recorded and verified once more when it had to be made anew', async () => {
    const { seen, later, store, calls, lines, labels } = keep();
    await seen(sound('one'));
    later(120);
    await seen(sound('one'));
    labels.clear();
    store.tend = async () => ({ kind: 'mended', note: 'the repository was made anew' });
    await seen(sound('one'));
    expect(lines.at(-1)).toBe('! The snapshots: the repository was made anew');
    store.tend = async () => ({ kind: 'sound' });
    await seen(sound('one'));
    await seen(sound('one'));
    expect(labels.size).toBe(1);
    expect(calls.filter((call) => call === 'record')).toHaveLength(4);
  });

  it('and a store that was removed is filled again', async () => {
    const { seen, later, store, calls } = keep();
    await seen(sound('one'));
    const { list } = store;
    store.list = async () => ({ kind: 'listed', entries: [], problem: 'there is no repository' });
    await seen(sound('one'));
    store.list = list;
    later(1);
    await seen(sound('one'));
    expect(calls.filter((call) => call === 'record')).toHaveLength(2);
  });

  it('and what goes wrong with it is told', async () => {
    const { seen, store, lines } = keep();
    store.tend = async () => ({ kind: 'failed', because: 'git hangs' });
    await seen(sound('one'));
    await seen(sound('one'));
    expect(lines.at(-1)).toContain('git hangs');
  });

  it('and a note of the store reaches the log', async () => {
    const { seen, store, lines } = keep();
    store.record = async () => ({ kind: 'unchanged', id: 'a'.repeat(40), note: 'it was made anew' });
    await seen(sound('one'));
    expect(lines).toEqual(['! The snapshots: it was made anew']);
  });
});

describe('it ends', () => {
  it('when the work under way is done, and begins no more', async () => {
    const { look, keeper, kept, calls } = keep();
    look(sound('one'));
    await keeper.close();
    look(sound('two'));
    await keeper.close();
    expect(calls.filter((call) => call === 'record').length).toBeLessThanOrEqual(1);
    expect(kept.length).toBeLessThanOrEqual(1);
  });

  it('also when the work hangs', async () => {
    const { look, keeper } = keep({ live: () => new Promise(() => undefined) });
    look(sound('one'));
    await keeper.close();
  });

  it('and without a store it does nothing at all', async () => {
    const { seen, keeper, calls } = keep({ store: null });
    await seen(sound('one'));
    expect(calls).toEqual([]);
    expect(keeper.view()).toBeNull();
  });
});
