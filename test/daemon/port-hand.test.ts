import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Evidence, ListenerEvidence } from '../../src/core/evidence.ts';
import type { ServiceState } from '../../src/core/service.ts';
import { initialState, type State } from '../../src/core/state.ts';
import { instant, millis } from '../../src/core/time.ts';
import { freePort, neverEnded, type PortHandParts } from '../../src/daemon/port-hand.ts';
import { servicePidOf } from '../../src/daemon/port-sight.ts';
import { but, serving } from '../core/world.ts';
import {
  clock,
  identityOf,
  isRunning,
  type Listening,
  listening,
  lockOf,
  processes,
  realHands,
  removeWorld,
} from '../repairs/port-world.ts';

afterEach(removeWorld);

const silent = (): undefined => undefined;
const log = { debug: silent, info: silent, warn: silent, error: silent, close: silent };

interface Around {
  readonly evidence?: Evidence;
  readonly state?: Partial<State>;
  readonly durable?: boolean;
  readonly more?: Partial<PortHandParts>;
}

/** The watchdog's side, over the real processes and the lock that names this listener. */
function hand(of: Listening, { evidence, state, durable = true, more }: Around = {}) {
  const notes: string[] = [];
  const { listeners, orphanProof } = realHands(lockOf(of.pid));
  const parts: PortHandParts = {
    listeners,
    orphanProof,
    clock,
    log,
    processes,
    port: () => of.port,
    service: async () => ({ kind: 'stopped', runs: 1, lastExit: null }),
    mode: () => 'observe',
    serveWithinMs: millis(300),
    loop: {
      exclusive: (work) => work(),
      note: async (because) => {
        notes.push(because);
        return durable;
      },
      state: () => ({ ...initialState, ...state }),
      nudge: silent,
      deepen: async () => evidence ?? serving()(instant(Date.now())),
    },
    ...more,
  };
  const ask = async (change: Partial<Parameters<typeof freePort>[0]> = {}) => {
    const { startedAt } = await identityOf(of.pid);
    const request = { kind: 'fix-port', pid: of.pid, startedAt, foreign: false, force: false, by: 'a test' };
    return freePort({ ...request, ...change } as Parameters<typeof freePort>[0], parts);
  };
  return { ask, notes };
}

const seen = (listener: ListenerEvidence, service: Evidence['service']): Evidence =>
  but(serving(), { listener, service, healthz: { kind: 'refused' } })(instant(Date.now()));
const running = { kind: 'running', pid: 7, runs: 1, lastExit: null } as const;
const stopped = { kind: 'stopped', runs: 1, lastExit: null } as const;

describe('freeing the port by order of the operator', () => {
  it('ends an orphan that is proven, and tells what came of it', async () => {
    const orphan = await listening({ gateway: true });
    const { ask, notes } = hand(orphan);
    expect(await ask()).toEqual({
      ok: true,
      text: `process ${orphan.pid} ended after SIGTERM; the gateway serves again after 0 s`,
    });
    expect(notes).toHaveLength(2);
  });

  it('sends nothing before the journal has it', async () => {
    const orphan = await listening({ gateway: true });
    const { ask } = hand(orphan, { durable: false });
    expect(await ask()).toMatchObject({ ok: false, next: 'immune logs' });
    expect(isRunning(orphan)).toBe(true);
  });

  it('sends nothing to a stranger that is said to be an orphan, nor to another process than was shown', async () => {
    const stranger = await listening();
    const { startedAt } = await identityOf(stranger.pid);
    const { ask, notes } = hand(stranger);
    expect(await ask()).toMatchObject({ ok: false, text: expect.stringContaining('not proven') });
    expect(await ask({ foreign: true, startedAt: startedAt - 60_000 })).toMatchObject({
      ok: false,
      text: expect.stringContaining('not the one that was shown'),
    });
    expect(notes).toEqual([]);
    expect(isRunning(stranger)).toBe(true);
  });

  it.each([
    ['was started in a terminal', true, 'was started by hand'],
    ['may have been', null, 'may have been started by hand'],
  ])('ends one that %s only by force', async (_, hasTerminal, words) => {
    const orphan = await listening({ gateway: true });
    const proven = realHands(lockOf(orphan.pid)).orphanProof;
    const more: Partial<PortHandParts> = {
      orphanProof: async (pid) => {
        const proof = await proven(pid);
        return proof.kind === 'proven' ? { ...proof, hasTerminal } : proof;
      },
    };
    const { ask } = hand(orphan, { more });
    expect(await ask()).toMatchObject({
      ok: false,
      next: 'immune fix-port --force',
      text: expect.stringContaining(words),
    });
    expect(isRunning(orphan)).toBe(true);
    expect(await ask({ force: true })).toMatchObject({ ok: true });
  });

  it("never ends the gateway's own process, whatever is asked, nor anything while launchd is silent", async () => {
    const own = await listening({ gateway: true });
    for (const service of [
      { kind: 'running', pid: own.pid, runs: 1, lastExit: null },
      { kind: 'running', pid: process.pid, runs: 1, lastExit: null },
      { kind: 'unknown', because: 'launchctl gave no answer' },
    ] as const) {
      // The job may be the parent of the listener: a wrapper script.
      const { ask } = hand(own, { more: { service: async () => service } });
      for (const foreign of [true, false]) expect((await ask({ foreign, force: true })).ok).toBe(false);
    }
    expect(isRunning(own)).toBe(true);
  });

  it.each<[string, number, ServiceState, string]>([
    [
      'what runs below the job',
      4242,
      running,
      "whether process 4242 is the gateway's own cannot be told: ps is silent",
    ],
    [
      'what runs this command',
      process.pid,
      running,
      'which processes run openclaw-immune cannot be told: ps is silent',
    ],
    [
      'which process of the job is stopping',
      0,
      { kind: 'stopping', pid: null },
      "does not tell which process is the gateway's own",
    ],
  ])('ends nothing while nobody can tell %s', async (_, silentAt, service, words) => {
    const row: PortHandParts['processes']['row'] = async (pid) =>
      pid === silentAt ? { kind: 'unknown', because: 'ps is silent' } : { kind: 'gone' };
    const never = await neverEnded(4242, {
      processes: { ...processes, row },
      service: async () => service,
    });
    expect(never?.because).toContain(words);
    expect(never?.next).toBe('immune fix-port');
  });

  it('ends a stranger without a session, for then there is no job', async () => {
    const row = async () => ({ kind: 'gone' }) as const;
    const service = async () => ({ kind: 'no-domain', because: 'x' }) as const;
    expect(await neverEnded(4242, { processes: { ...processes, row }, service })).toBeNull();
  });

  it('sends nothing while the watchdog decides nothing', async () => {
    const orphan = await listening({ gateway: true });
    const phase = {
      kind: 'suspended',
      cause: 'journal-in-doubt',
      since: instant(0),
      until: null,
    } as const;
    expect(await hand(orphan, { state: { phase } }).ask()).toMatchObject({ ok: false });
    expect(isRunning(orphan)).toBe(true);
  });

  it.each<[string, Evidence, object]>([
    [
      'says who holds the port now',
      seen({ kind: 'foreign', pid: 9, command: 'python3', uid: 1 }, running),
      { ok: false, why: 'failed', next: 'immune fix-port', text: expect.stringContaining('(python3)') },
    ],
    [
      'does not wait for a job that nobody starts',
      seen({ kind: 'none' }, stopped),
      { ok: true, next: 'immune restart' },
    ],
    [
      'says when the gateway did not come up in time',
      seen({ kind: 'none' }, running),
      { ok: false, why: 'failed', next: 'immune status', text: expect.stringContaining('not serve yet') },
    ],
  ])('%s', async (_, evidence, expected) => {
    const orphan = await listening({ gateway: true });
    expect(await hand(orphan, { evidence }).ask()).toMatchObject(expected);
    // The system knows that it ended before this process hears of it.
    await vi.waitFor(() => expect(isRunning(orphan)).toBe(false));
  });

  it.each([
    [{ kind: 'running', pid: 5, runs: 1, lastExit: null }, 5],
    [{ kind: 'stopping', pid: null }, 'unknown'],
    [{ kind: 'not-loaded' }, null],
    [{ kind: 'unknown', because: 'x' }, 'unknown'],
    [{ kind: 'no-domain', because: 'x' }, 'unknown'],
  ] as const)('takes the process of the job from %j: %j', (state, expected) => {
    expect(servicePidOf(state)).toBe(expected);
  });
});
