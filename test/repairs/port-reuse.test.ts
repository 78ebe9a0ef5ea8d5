import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Clock, instant, millis } from '../../src/core/time.ts';
import { proveOrphan } from '../../src/gateway/orphan-proof.ts';
import { endListener, type PortTarget } from '../../src/repairs/free-port.ts';
import type { Listener } from '../../src/system/listener-text.ts';
import { createProcesses } from '../../src/system/process.ts';
import type { RunResult } from '../../src/system/run.ts';
import { lockOf, removeWorld } from './port-world.ts';

/** Beyond any pid that a kernel gives, so that nothing here can ever mean a real process. */
const pid = 50_000_001;
const uid = process.getuid?.() ?? 0;
const began = Date.UTC(2026, 10, 22, 12, 0, 0);
const port = 18_789;

/** What has the pid at one moment; null: nobody. */
type Occupant = {
  readonly startedAt: number;
  readonly uid: number;
  readonly command: string;
  readonly listens: boolean;
} | null;

const ours: Occupant = { startedAt: began, uid, command: 'openclaw-gateway', listens: true };
/** Who may have the pid next: other programs, another user's, another gateway, one that began a little later. */
const others: readonly Occupant[] = [
  null,
  { startedAt: began + 60_000, uid, command: 'vim notes', listens: false },
  { startedAt: began + 60_000, uid, command: 'python3 -m http.server', listens: true },
  { startedAt: began + 60_000, uid, command: 'openclaw-gateway', listens: true },
  { startedAt: began + 4_000, uid, command: 'openclaw-gateway', listens: true },
  { startedAt: began, uid: uid + 1, command: 'openclaw-gateway', listens: true },
];

const isOurs = (occupant: Occupant): boolean => occupant?.startedAt === began && occupant.uid === uid;

interface Told {
  readonly outcome: string;
  readonly sent: readonly { readonly signal: string; readonly to: Occupant }[];
  readonly calls: number;
}

let place: ReturnType<typeof lockOf>;
beforeEach(() => {
  place = lockOf(pid, new Date(began + 500));
});
afterEach(() => {
  vi.restoreAllMocks();
  removeWorld();
});

/** `at` says who has the pid at the nth look, whatever looks. */
async function tell(at: (call: number) => Occupant, proof: PortTarget['proof']): Promise<Told> {
  let calls = 0;
  let occupant = at(0);
  const look = (): Occupant => {
    occupant = at(calls);
    calls += 1;
    return occupant;
  };
  const sent: { signal: string; to: Occupant }[] = [];
  vi.spyOn(process, 'kill').mockImplementation((_, signal) => {
    if (signal !== 0 && signal !== undefined) sent.push({ signal: String(signal), to: occupant });
    if (occupant === null) throw Object.assign(new Error('gone'), { code: 'ESRCH' });
    return true;
  });
  let elapsed = 0;
  const clock: Clock = {
    now: () => instant(began + elapsed),
    elapsed: () => millis(elapsed),
    sleep: async (length) => {
      elapsed += length;
    },
  };
  const processes = createProcesses({
    ps: '/bin/ps',
    clock,
    run: async (): Promise<RunResult> => ({
      kind: 'exited',
      code: 0,
      stdout: psLine(look()),
      stderr: '',
    }),
  });
  const listeners = (): readonly Listener[] =>
    look()?.listens === true
      ? [{ pid, uid: occupant?.uid ?? null, command: 'x', address: `127.0.0.1:${port}` }]
      : [];
  const { kind } = await endListener(
    { identity: { pid, startedAt: instant(began), uid }, port, proof },
    {
      processes,
      clock,
      listeners: async () => ({ kind: 'ok', listeners: listeners() }),
      orphanProof: (asked) => proveOrphan(asked, { ...place, uid, servicePid: null, row: processes.row }),
      signal: new AbortController().signal,
      termWaitMs: millis(1_000),
    },
  );
  return { outcome: kind, sent, calls };
}

function psLine(occupant: Occupant): string {
  if (occupant === null) return '';
  const day = new Date(occupant.startedAt).toUTCString();
  const [, , , , time = ''] = day.split(' ');
  return `${pid} 1 ${occupant.uid} S Sun Nov 22 ${time} 2026 00:00:01 1000 ? ${occupant.command}\n`;
}

const strangers = ({ sent }: Told) => sent.filter(({ to }) => to !== null && !isOurs(to));

describe('a pid that comes to mean another process', () => {
  it.each(['orphan', 'named'] as const)('is signalled twice while it stays the same (%s)', async (proof) => {
    const told = await tell(() => ours, proof);
    expect(told.sent.map(({ signal }) => signal)).toEqual(['SIGTERM', 'SIGKILL']);
    expect(told.outcome).toBe('failed');
  });

  it.each(['orphan', 'named'] as const)(
    'is never signalled, whenever it changes hands (%s)',
    async (proof) => {
      const { calls } = await tell(() => ours, proof);
      let afterTerm = 0;
      for (const other of others) {
        for (let turn = 0; turn <= calls; turn += 1) {
          const told = await tell((call) => (call < turn ? ours : other), proof);
          expect(strangers(told), `changed at look ${turn}`).toEqual([]);
          if (told.sent.length === 1) afterTerm += 1;
        }
      }
      // It also changed hands between the two signals.
      expect(afterTerm).toBeGreaterThan(others.length);
    },
  );

  it('is never signalled in any sequence of worlds', async () => {
    let signals = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.tuple(fc.constantFrom(ours, ours, ours, ours, ...others), fc.integer({ min: 1, max: 6 })),
          {
            minLength: 1,
            maxLength: 8,
          },
        ),
        fc.constantFrom('orphan' as const, 'named' as const),
        async (stays, proof) => {
          const looks = stays.flatMap(([occupant, length]) => Array<Occupant>(length).fill(occupant));
          const told = await tell((call) => looks[Math.min(call, looks.length - 1)] ?? null, proof);
          expect(strangers(told)).toEqual([]);
          signals += told.sent.length;
        },
      ),
      { numRuns: 400 },
    );
    // Some hundreds; none at all would prove nothing.
    expect(signals).toBeGreaterThan(50);
  });
});
