import { describe, expect, it } from 'vitest';
import type { Evidence } from '../../src/core/evidence.ts';
import { type GroundEvidence, groundUnread } from '../../src/core/ground-evidence.ts';
import type { ServiceState } from '../../src/core/service.ts';
import { instant, millis } from '../../src/core/time.ts';
import type { GroundAsk } from '../../src/probes/ground.ts';
import { type Depth, type Eyes, observe } from '../../src/probes/observe.ts';

const running: ServiceState = { kind: 'running', pid: 7, runs: 1, lastExit: null };
const free: GroundEvidence = { ...groundUnread, lock: { kind: 'free' } };

/** Eyes on a serving gateway of process 7. */
function eyes(more: Partial<Eyes> = {}): { readonly eyes: Eyes; readonly asked: GroundAsk[] } {
  const asked: GroundAsk[] = [];
  return {
    asked,
    eyes: {
      wall: () => instant(1_000),
      healthz: async () => ({ kind: 'live', latencyMs: 2 }),
      readyz: async () => ({ kind: 'ready' }),
      socket: () => ({ kind: 'not-tried', because: 'a test' }),
      rpc: async () => ({ rpc: { kind: 'ok', latencyMs: 3 }, health: { channels: {} }, listener: null }),
      service: async () => running,
      disabled: async () => 'enabled',
      plistExists: async () => true,
      process: async (pid) => ({
        kind: 'alive',
        pid,
        startedAt: instant(0),
        cpuMs: 1,
        residentBytes: 4_096,
        stat: 'S',
        command: 'openclaw-gateway',
      }),
      witness: async () => ({ kind: 'unread' }),
      listener: async () => ({ kind: 'ours', pid: 7, addresses: [] }),
      audit: async () => ({ kind: 'none' }),
      update: async () => ({ kind: 'none' }),
      parkCause: async () => ({ kind: 'unread' }),
      ground: async (ask) => {
        asked.push(ask);
        return free;
      },
      ...more,
    },
  };
}
const how = (depth: Depth, previous: Evidence | null = null) => ({ depth, gapMs: millis(0), previous });

describe('a look', () => {
  it.each(['full', 'deep'] as const)(
    'that is %s has the ground, and the memory of the process',
    async (depth) => {
      const { eyes: through, asked } = eyes();
      const seen = await observe(through, how(depth));
      expect(seen.ground).toEqual({ ...free, memory: { kind: 'read', pid: 7, residentBytes: 4_096 } });
      expect(asked).toMatchObject([{ depth: 'close', serving: true, servicePid: 7, previous: null }]);
      const health = depth === 'deep' ? { channels: {} } : undefined;
      expect(await asked[0]?.rpcHealth).toEqual(health);
    },
  );

  it('asks for health once, whoever wants to know of it', async () => {
    let asked = 0;
    const { eyes: through } = eyes({
      rpc: async () => {
        asked += 1;
        return { rpc: { kind: 'ok', latencyMs: 3 }, health: {}, listener: null };
      },
    });
    expect((await observe(through, how('deep'))).rpc).toEqual({ kind: 'ok', latencyMs: 3 });
    expect(asked).toBe(1);
  });

  it.each(['full', 'deep'] as const)(
    'that is %s takes a process that was asked to stop for no orphan, and asks nothing of it',
    async (depth) => {
      const { eyes: through } = eyes({
        service: async () => ({ kind: 'stopping', pid: 7 }),
        listener: async (pid) =>
          pid === 7 ? { kind: 'ours', pid, addresses: [] } : { kind: 'foreign', pid: 7, command: '', uid: 1 },
        rpc: () => Promise.reject(new Error('it was asked')),
      });
      const { listener, rpc } = await observe(through, how(depth));
      expect(listener).toEqual({
        kind: 'unknown',
        because: "the process of the gateway's job (pid 7) listens, and was asked to stop",
      });
      expect(rpc).toEqual({ kind: 'unread' });
    },
  );

  it('tells a stranger on the port of a job that stops', async () => {
    const stranger = { kind: 'foreign', pid: 9, command: 'nginx', uid: 1 } as const;
    const { eyes: through } = eyes({
      service: async () => ({ kind: 'stopping', pid: null }),
      listener: async () => stranger,
    });
    expect((await observe(through, how('full'))).listener).toEqual(stranger);
  });

  it.each(['light', 'glance'] as const)('that is %s carries the ground on', async (depth) => {
    const first = await observe(eyes().eyes, how('full'));
    const { eyes: through, asked } = eyes();
    await observe(through, how(depth, first));
    expect(asked).toEqual([
      { depth: 'surface', serving: true, servicePid: 'unknown', previous: first.ground },
    ]);
  });

  it.each([
    [running, 7],
    [{ kind: 'stopping', pid: 8 }, 8],
    [{ kind: 'stopping', pid: null }, 'unknown'],
    [{ kind: 'scheduled', runs: 1, lastExit: null }, null],
    [{ kind: 'stopped', runs: 1, lastExit: null }, null],
    [{ kind: 'pended', reason: 'x', runs: 0 }, null],
    [{ kind: 'not-loaded' }, null],
    [{ kind: 'no-domain', because: 'x' }, 'unknown'],
    [{ kind: 'unknown', because: 'x' }, 'unknown'],
  ] as const)('knows the job by what the service manager says: %j', async (service, servicePid) => {
    const { eyes: through, asked } = eyes({
      service: async () => service,
      healthz: async () => ({ kind: 'refused' }),
    });
    const seen = await observe(through, how('full'));
    expect(asked).toMatchObject([{ serving: false, servicePid }]);
    if (service.kind !== 'running') expect(seen.ground.memory).toEqual({ kind: 'unread' });
  });

  it('does not take a stranger who answers like a gateway for ours', async () => {
    const foreign = { kind: 'foreign', pid: 9, command: 'node', uid: 501 } as const;
    const { eyes: through, asked } = eyes({ listener: async () => foreign });
    const first = await observe(through, how('full'));
    await observe(through, how('full', first));
    expect(asked.map(({ serving }) => serving)).toEqual([true, false]);
  });

  it('has no memory of a process that is gone, and doubts one that cannot be read', async () => {
    const gone = eyes({ process: async (pid) => ({ kind: 'gone', pid }) });
    expect((await observe(gone.eyes, how('full'))).ground.memory).toEqual({ kind: 'unread' });
    const blind = eyes({ process: async () => ({ kind: 'unknown', because: 'ps hangs' }) });
    expect((await observe(blind.eyes, how('full'))).ground.memory).toEqual({
      kind: 'unknown',
      because: 'ps hangs',
    });
  });
});
