import { afterEach, describe, expect, it } from 'vitest';
import { millis } from '../../src/core/time.ts';
import { endListener } from '../../src/repairs/free-port.ts';
import {
  identityOf,
  isRunning,
  listening,
  lockOf,
  longAgo,
  processes,
  realHands,
  removeWorld,
} from './port-world.ts';

afterEach(removeWorld);

const nobody = { lockFiles: [], stateDir: '/nowhere' };

describe('ending a listener, with real processes', () => {
  it('sends SIGTERM to an orphan that is proven, and it is gone', async () => {
    const orphan = await listening({ gateway: true });
    const target = { identity: await identityOf(orphan.pid), port: orphan.port, proof: 'orphan' } as const;
    expect(await endListener(target, realHands(lockOf(orphan.pid)))).toEqual({
      kind: 'done',
      because: `process ${orphan.pid} ended after SIGTERM`,
    });
    expect(orphan.child.signalCode).toBe('SIGTERM');
  });

  it('sends SIGKILL after SIGTERM to one that ignores it', async () => {
    const orphan = await listening({ gateway: true, deaf: true });
    const target = { identity: await identityOf(orphan.pid), port: orphan.port, proof: 'orphan' } as const;
    const outcome = await endListener(target, realHands(lockOf(orphan.pid), { termWaitMs: millis(600) }));
    expect(outcome).toMatchObject({ kind: 'done', because: expect.stringContaining('SIGKILL') });
    expect(orphan.child.signalCode).toBe('SIGKILL');
  });

  it('sends nothing to a listener that nothing proves to be ours', async () => {
    const stranger = await listening();
    const pretender = await listening({ gateway: true });
    const named = lockOf(stranger.pid);
    const other = lockOf(999_999_999);
    const stale = lockOf(pretender.pid, new Date(Date.now() - 3_600_000));
    for (const [{ pid, port }, place] of [
      [stranger, nobody],
      [stranger, named],
      [pretender, nobody],
      [pretender, other],
      [pretender, stale],
    ] as const) {
      const target = { identity: await identityOf(pid), port, proof: 'orphan' } as const;
      expect((await endListener(target, realHands(place))).kind).toBe('refused');
    }
    expect([stranger, pretender].map(isRunning)).toEqual([true, true]);
  });

  it('ends one that a person has named, and no other that has its pid now', async () => {
    const stranger = await listening();
    const { pid, port } = stranger;
    const identity = await identityOf(pid);
    const other = { identity: { ...identity, startedAt: longAgo }, port, proof: 'named' } as const;
    expect((await endListener(other, realHands(nobody))).kind).toBe('refused');
    const another = { identity: { ...identity, uid: identity.uid + 1 }, port, proof: 'named' } as const;
    expect((await endListener(another, realHands(nobody))).kind).toBe('refused');
    expect(isRunning(stranger)).toBe(true);
    expect((await endListener({ identity, port, proof: 'named' }, realHands(nobody))).kind).toBe('done');
    expect(isRunning(stranger)).toBe(false);
  });

  it('sends nothing to one that listens somewhere else by now', async () => {
    const stranger = await listening();
    const elsewhere = await listening();
    const identity = await identityOf(stranger.pid);
    const target = { identity, port: elsewhere.port, proof: 'named' } as const;
    expect(await endListener(target, realHands(nobody))).toMatchObject({
      kind: 'done',
      because: expect.stringContaining('nothing was sent'),
    });
    expect([stranger, elsewhere].map(isRunning)).toEqual([true, true]);
  });

  it('has nothing to do where it has ended by itself in between', async () => {
    const orphan = await listening({ gateway: true });
    const target = { identity: await identityOf(orphan.pid), port: orphan.port, proof: 'orphan' } as const;
    const gone = new Promise((resolve) => orphan.child.once('exit', resolve));
    orphan.child.kill('SIGINT');
    await gone;
    expect(await endListener(target, realHands(lockOf(orphan.pid)))).toEqual({
      kind: 'done',
      because: `process ${orphan.pid} has ended; nothing was sent`,
    });
  });

  it('sends nothing where nobody can tell who listens', async () => {
    const stranger = await listening();
    const target = { identity: await identityOf(stranger.pid), port: stranger.port, proof: 'named' } as const;
    for (const found of [
      { kind: 'unknown', because: 'there is no lsof, and there is no netstat' },
      { kind: 'ok', listeners: [{ pid: null, uid: 0, command: '', address: '127.0.0.1:1' }] },
    ] as const) {
      const outcome = await endListener(target, realHands(nobody, { listeners: async () => found }));
      expect(outcome.kind).toBe('refused');
    }
    expect(isRunning(stranger)).toBe(true);
  });

  it('never ends itself, its parent, process 1 or a process group', async () => {
    for (const pid of [process.pid, process.ppid, 1, 0, -1, -process.pid, Number.NaN]) {
      const sent: string[] = [];
      const hands = realHands(nobody, {
        processes: {
          ...processes,
          signalProven: async (_, signal) => {
            sent.push(signal);
            return { kind: 'sent' };
          },
        },
        listeners: async () => ({
          kind: 'ok',
          listeners: [{ pid, uid: 0, command: 'x', address: '127.0.0.1:1' }],
        }),
      });
      const target = { identity: { pid, startedAt: longAgo, uid: 0 }, port: 1, proof: 'named' } as const;
      expect((await endListener(target, hands)).kind).toBe('refused');
      expect(sent).toEqual([]);
    }
  });

  it('sends nothing once its deadline has passed', async () => {
    const stranger = await listening();
    const target = { identity: await identityOf(stranger.pid), port: stranger.port, proof: 'named' } as const;
    const outcome = await endListener(target, realHands(nobody, { signal: AbortSignal.abort() }));
    expect(outcome.kind).toBe('failed');
    expect(isRunning(stranger)).toBe(true);
  });
});
