import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { instant } from '../../src/core/time.ts';
import { systemClock } from '../../src/system/clock.ts';
import {
  acquireIn,
  acquireLease,
  type LeaseDeps,
  type LeaseOutcome,
  readLease,
} from '../../src/system/lease.ts';
import type { LeaseFiles } from '../../src/system/lease-files.ts';
import { createProcesses } from '../../src/system/process.ts';
import { run } from '../../src/system/run.ts';
import { workspace } from './workspace.ts';

const ps = ['/bin/ps', '/usr/bin/ps'].find((path) => existsSync(path)) ?? '/bin/ps';
const processes = createProcesses({ ps, run, clock: systemClock() });
const deps: LeaseDeps = { now: () => instant(Date.now()), own: processes.own, isAlive: processes.isAlive };

interface Contender {
  readonly process: ChildProcessWithoutNullStreams;
  tell(command: string): void;
  answer(): Promise<string>;
}

async function contender(directory: string): Promise<Contender> {
  const child = spawn(process.execPath, [
    fileURLToPath(import.meta.resolve('./lease-child.ts')),
    directory,
    ps,
  ]);
  child.stderr.resume();
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async (): Promise<string> => String((await lines.next()).value);
  expect(await answer()).toBe('ready');
  return { process: child, tell: (command) => child.stdin.write(`${command}\n`), answer };
}

async function killed(child: ChildProcessWithoutNullStreams): Promise<void> {
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}

describe('lease', () => {
  it('is held by one, names its holder to others, and is free again after the release', async () => {
    const directory = join(workspace(), 'lease');
    expect(await readLease(directory, deps)).toEqual({ kind: 'free' });
    const first = await acquireLease(directory, { role: 'daemon' }, deps);
    if (first.kind !== 'held') throw new Error(first.kind);
    const second = await acquireLease(directory, { role: 'cli' }, deps);
    expect(second).toMatchObject({ kind: 'busy', holder: { pid: process.pid, role: 'daemon' } });
    expect(await readLease(directory, deps)).toMatchObject({ kind: 'held', holder: { pid: process.pid } });
    expect(readdirSync(directory)).toEqual(['lease.1']);
    expect(statSync(join(directory, 'lease.1')).mode & 0o777).toBe(0o600);
    await first.release();
    await first.release();
    expect(await readLease(directory, deps)).toEqual({ kind: 'free' });
    // The highest file stays, so that its number can never be given out twice.
    expect(readdirSync(directory)).toEqual(['lease.2']);
    expect(await acquireLease(directory, { role: 'cli' }, deps)).toMatchObject({ kind: 'held' });
    expect(readdirSync(directory)).toEqual(['lease.3']);
  });

  it('goes to exactly one of four processes that want it at once, 20 times over, and outlives a killed holder', async () => {
    const directory = join(workspace(), 'lease');
    let contenders = await Promise.all(Array.from({ length: 4 }, () => contender(directory)));
    for (let round = 0; round < 20; round += 1) {
      for (const each of contenders) each.tell('acquire');
      const answers = await Promise.all(contenders.map((each) => each.answer()));
      expect(answers.toSorted()).toEqual(['busy', 'busy', 'busy', 'held']);
      const winner = contenders[answers.indexOf('held')];
      if (winner === undefined) throw new Error('no winner');
      if (round % 5 === 4) {
        // Killed without a release: the others must see that it is dead, and again only one may have it.
        await killed(winner.process);
        contenders = [...contenders.filter((each) => each !== winner), await contender(directory)];
      } else {
        winner.tell('release');
        expect(await winner.answer()).toBe('released');
      }
    }
    await Promise.all(contenders.map((each) => killed(each.process)));
    expect(readdirSync(directory).filter((name) => name.startsWith('lease.'))).toHaveLength(1);
  });

  it('stays with a holder that cannot be read, and with one that is merely old', async () => {
    const directory = join(workspace(), 'lease');
    const old = { ...deps, now: () => instant(0) };
    expect(await acquireLease(directory, { role: 'daemon' }, old)).toMatchObject({ kind: 'held' });
    const blind = { ...deps, isAlive: async () => 'unknown' as const };
    expect(await acquireLease(directory, { role: 'cli' }, blind)).toMatchObject({ kind: 'busy' });
    expect(await acquireLease(directory, { role: 'cli' }, deps)).toMatchObject({
      kind: 'busy',
      holder: { since: 0 },
    });
  });

  it('is taken from a pid that now belongs to another process', async () => {
    const directory = join(workspace(), 'lease');
    await acquireLease(directory, { role: 'daemon' }, deps);
    const path = join(directory, 'lease.1');
    const record = JSON.parse(readFileSync(path, 'utf8'));
    writeFileSync(path, JSON.stringify({ ...record, startKey: null, startedAt: record.startedAt - 60_000 }));
    expect(await acquireLease(directory, { role: 'cli' }, deps)).toMatchObject({ kind: 'held' });
  });

  it('is refused with a sentence when its file names nobody, or its directory cannot be made', async () => {
    const directory = join(workspace(), 'lease');
    await acquireLease(directory, { role: 'daemon' }, deps);
    writeFileSync(join(directory, 'lease.1'), '');
    const outcome = await acquireLease(directory, { role: 'cli' }, deps);
    expect(outcome).toMatchObject({ kind: 'failed' });
    expect(outcome.kind === 'failed' && outcome.because).toContain('lease.1');
    expect(await readLease(directory, deps)).toMatchObject({ kind: 'unknown' });
    expect(await acquireLease(join(directory, 'lease.1', 'x'), { role: 'cli' }, deps)).toMatchObject({
      kind: 'failed',
    });
  });

  it('never has two live holders, in 1,000 worlds with any interleaving, deaths and releases', async () => {
    const reached = { takeovers: 0, releases: 0, busy: 0, retries: 0 };
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.array(fc.constantFrom('die', 'release', 'keep'), { minLength: 2, maxLength: 5 }),
        async (scheduler, fates) => {
          const world = simulate(scheduler, reached);
          await scheduler.waitFor(
            Promise.all(fates.map((fate, index) => world.contend(index + 2, fate))).then(() => undefined),
          );
          expect(world.mostAtOnce()).toBeLessThanOrEqual(1);
          expect(world.everHeld()).toBe(true);
        },
      ),
      { numRuns: 1_000 },
    );
    expect(Object.entries(reached).filter(([, times]) => times === 0)).toEqual([]);
  });
});

/** Files in memory whose every operation waits for its turn, and contenders that take, release and die. */
function simulate(
  scheduler: fc.Scheduler,
  reached: Record<'takeovers' | 'releases' | 'busy' | 'retries', number>,
) {
  const stored = new Map<number, string>();
  const holders = new Set<number>();
  const dead = new Set<number>();
  let most = 0;
  let held = false;
  const turn = async <T>(work: () => T): Promise<T> => {
    await scheduler.schedule(Promise.resolve());
    return work();
  };
  const files: LeaseFiles = {
    list: () => turn(() => [...stored.keys()]),
    read: (number) => turn(() => stored.get(number) ?? null),
    create: (number, text) =>
      turn(() => {
        if (stored.has(number)) {
          reached.retries += 1;
          return false;
        }
        stored.set(number, text);
        return true;
      }),
    remove: (number) => turn(() => void stored.delete(number)),
  };
  const contend = async (pid: number, fate: string): Promise<void> => {
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const outcome: LeaseOutcome = await acquireIn(files, 'test', {
        now: () => instant(0),
        own: async () => ({ pid, startedAt: instant(0), startKey: null }),
        isAlive: async (identity) => {
          if (dead.has(identity.pid)) reached.takeovers += 1;
          return dead.has(identity.pid) ? 'dead' : 'alive';
        },
      });
      if (outcome.kind === 'failed') throw new Error(outcome.because);
      if (outcome.kind === 'busy') {
        reached.busy += 1;
        await turn(() => undefined);
        continue;
      }
      held = true;
      holders.add(pid);
      most = Math.max(most, holders.size);
      await turn(() => undefined);
      if (fate === 'keep') return;
      holders.delete(pid);
      if (fate === 'die') {
        dead.add(pid);
        return;
      }
      reached.releases += 1;
      await outcome.release();
    }
  };
  return { contend, mostAtOnce: () => most, everHeld: () => held };
}
