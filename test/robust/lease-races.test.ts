import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { instant } from '../../src/core/time.ts';
import { acquireLease, type LeaseDeps, type LeaseOutcome } from '../../src/system/lease.ts';

const ground = mkdtempSync(join(tmpdir(), 'immune-races-'));
afterAll(() => rmSync(ground, { recursive: true, force: true }));

const folders = 10;
const racesInEach = 100;
/** A contender that meets a dying holder tries again; each try is a real look at the disk. */
const maxTries = 500;

/** How the lease stands before a race: given back, left by one that was killed, or held by one that is killed in it. */
const situations = ['given back', 'left by the dead', 'killed during'] as const;
const roles = ['undo', 'fix-config', 'daemon'] as const;

interface Contender {
  readonly pid: number;
  readonly role: (typeof roles)[number];
}

type Result =
  | { readonly kind: 'won'; readonly by: Contender; release(): Promise<void> }
  | { readonly kind: 'lost'; readonly to: { readonly pid: number; readonly role: string } };

/** The same races each time: what differs is how the machine schedules the calls. */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296;
    return state / 4_294_967_296;
  };
}

describe('two operators and the watchdog', () => {
  it('race for the lease 1,000 times, and each race has one winner, whom the others name', {
    timeout: 120_000,
  }, async () => {
    const log = join(ground, 'work.log');
    const alive = new Set<number>();
    const wins = new Map<string, number>();
    let pids = 100;
    let most = 0;
    const reached = { killed: 0, takenOver: 0, metTheDying: 0 };

    const born = (role: Contender['role']): Contender => {
      pids += 1;
      alive.add(pids);
      return { pid: pids, role };
    };
    const take = (directory: string, { pid, role }: Contender): Promise<LeaseOutcome> => {
      const deps: LeaseDeps = {
        now: () => instant(pid),
        own: async () => ({ pid, startedAt: instant(pid), startKey: null }),
        isAlive: async (identity) => (alive.has(identity.pid) ? 'alive' : 'dead'),
      };
      return acquireLease(directory, { role }, deps);
    };

    const race = async (directory: string, number: number, roll: () => number): Promise<void> => {
      const situation = situations[number % situations.length];
      const old = situation === 'killed during' ? born('daemon') : null;
      if (old !== null) expect((await take(directory, old)).kind).toBe('held');
      const holders = new Set<number>();
      let answered = 0;
      let met = 0;
      const contend = async (by: Contender): Promise<Result> => {
        for (let n = Math.floor(roll() * 6); n > 0; n -= 1) await turn();
        for (let n = 0; n < maxTries; n += 1) {
          const outcome = await take(directory, by);
          if (outcome.kind === 'failed') throw new Error(outcome.because);
          if (outcome.kind === 'busy' && outcome.holder.pid === old?.pid) {
            reached.metTheDying += 1;
            met += 1;
            await turn();
            continue;
          }
          answered += 1;
          if (outcome.kind === 'busy') return { kind: 'lost', to: outcome.holder };
          holders.add(by.pid);
          most = Math.max(most, holders.size);
          // Its work, once: it holds on until the others have looked.
          appendFileSync(log, `${directory} ${number}\n`);
          while (answered < roles.length) await turn();
          return { kind: 'won', by, release: outcome.release };
        }
        throw new Error(`nobody had it within ${maxTries} tries`);
      };
      const kill = async (): Promise<void> => {
        // In every second race only once somebody has met it; else at any moment, before they come too.
        if (old !== null && roll() < 0.5) while (met === 0) await turn();
        else for (let n = Math.floor(roll() * 40); n > 0; n -= 1) await turn();
        if (old !== null) alive.delete(old.pid);
      };
      const [results] = await Promise.all([Promise.all(roles.map((role) => contend(born(role)))), kill()]);
      const won = results.filter((result) => result.kind === 'won');
      expect(won).toHaveLength(1);
      const [winner] = won;
      if (winner === undefined) return;
      for (const result of results) if (result.kind === 'lost') expect(result.to).toMatchObject(winner.by);
      wins.set(winner.by.role, (wins.get(winner.by.role) ?? 0) + 1);
      if (old !== null) reached.killed += 1;
      if (situation === 'left by the dead') reached.takenOver += 1;
      // What the next race finds.
      if (situations[(number + 1) % situations.length] === 'left by the dead') alive.delete(winner.by.pid);
      else await winner.release();
    };

    await Promise.all(
      Array.from({ length: folders }, async (_, folder) => {
        const directory = join(ground, `lease-${folder}`);
        const roll = dice(folder + 1);
        for (let number = 0; number < racesInEach; number += 1) await race(directory, number, roll);
      }),
    );

    expect(most).toBe(1);
    const lines = readFileSync(log, 'utf8').trimEnd().split('\n');
    expect(lines).toHaveLength(folders * racesInEach);
    expect(new Set(lines).size).toBe(folders * racesInEach);
    // Each of them wins some, and every situation was there.
    for (const role of roles) expect(wins.get(role) ?? 0).toBeGreaterThan(20);
    expect(reached.killed).toBeGreaterThan(300);
    expect(reached.takenOver).toBeGreaterThan(300);
    expect(reached.metTheDying).toBeGreaterThan(100);
    for (let folder = 0; folder < folders; folder += 1)
      expect(readdirSync(join(ground, `lease-${folder}`)).filter((name) => name.endsWith('.tmp'))).toEqual(
        [],
      );
  });
});
