import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { instant } from '../../src/core/time.ts';
import { swapConfig } from '../../src/repairs/config-swap.ts';
import { hashOfConfig } from '../../src/repairs/swap-ground.ts';
import { listKept, readKept } from '../../src/vault/kept.ts';
import { plansIn, writePlan } from '../../src/vault/plans.ts';
import { findTool } from '../demo/tools.ts';
import { bundle } from './bundle.ts';
import { type Ground, openGround } from './ground.ts';

const built = bundle();
afterAll(() => built.remove());

interface Typed {
  readonly child: ChildProcess;
  readonly ended: Promise<{ readonly code: number | null; readonly out: string; readonly err: string }>;
}

/** A command as an operator's shell starts it. */
function type(ground: Ground, ...words: readonly string[]): Typed {
  const { home, paths } = ground;
  const child = spawn(process.execPath, [built.path, ...words], {
    env: {
      HOME: home,
      PATH: '/usr/bin:/bin',
      OPENCLAW_IMMUNE_DATA: paths.data,
      OPENCLAW_IMMUNE_LOGS: paths.logs,
    },
    cwd: home,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  return {
    child,
    ended: new Promise((resolve) => child.once('close', (code) => resolve({ code, out, err }))),
  };
}

/** Other tests of this machine run things that look like openclaw at work on a config. */
function withoutOthers(ground: Ground): void {
  const ps = join(ground.home, 'ps');
  writeFileSync(ps, `#!/bin/sh\n${findTool('ps') ?? '/bin/ps'} "$@" | grep -v openclaw\n`, { mode: 0o755 });
  const settings = JSON.parse(readFileSync(ground.paths.config, 'utf8'));
  ground.configure({ tools: { ...settings.tools, ps } });
}

/** A change of the config that is in place, as `immune apply` leaves it. */
async function changed(
  ground: Ground,
  id: string,
): Promise<{ readonly before: string; readonly after: string }> {
  const { paths, stateDir, home } = ground;
  const configPath = join(stateDir, 'openclaw.json');
  const before = readFileSync(configPath, 'utf8');
  const config = JSON.parse(before);
  const after = JSON.stringify({ ...config, ui: { seamColor: `#${id}` } });
  const replaces = hashOfConfig(configPath);
  const plans = plansIn(paths.state);
  const draft = {
    id: `apply-${id}`,
    kind: 'apply',
    snapshot: null,
    replaces,
    configPath,
    files: [{ path: configPath, mode: null, bytes: Buffer.from(after) }],
    changes: ['ui was added'],
    because: 'the operator applied it',
  } as const;
  const written = await writePlan(plans, draft);
  if (written.kind !== 'written') throw new Error(written.because);
  const deps = {
    configPath,
    home,
    uid: process.getuid?.() ?? 0,
    plans,
    quarantine: paths.quarantine,
    processes: async () => [],
    now: () => instant(Date.now()),
  };
  const { signal } = new AbortController();
  const outcome = await swapConfig({ id, incident: null, planId: draft.id, replaces, signal }, deps);
  if (outcome.kind !== 'done') throw new Error(outcome.because);
  return { before, after };
}

const live = ({ stateDir }: Ground): string => readFileSync(join(stateDir, 'openclaw.json'), 'utf8');

/** Taken back once, whoever did it: one record of it, and the old bytes in place. */
async function undoneOnce(ground: Ground, id: string, before: string): Promise<void> {
  expect(live(ground)).toBe(before);
  const { quarantine } = ground.paths;
  expect(await readKept(quarantine, id)).toMatchObject({ record: { state: 'undone', undoneFor: 'asked' } });
  const undos = (await listKept(quarantine)).filter(({ record }) => record.id === `${id}.undo`);
  expect(undos.map(({ record }) => record.state)).toEqual(['made']);
}

/** What is kept is byte for byte what it was, so the secret stands there; nobody says it aloud. */
async function on(work: (ground: Ground) => Promise<void>): Promise<void> {
  const ground = await openGround(built.path);
  try {
    withoutOthers(ground);
    await work(ground);
    expect(ground.leaks().filter((where) => !/\/(?:quarantine|plans)\//.test(where))).toEqual([]);
  } finally {
    await ground.close();
  }
}

describe.concurrent('commands of the shipped bundle at the same time', { timeout: 120_000 }, () => {
  it('take a change back once: one does it, the others find it done or say who is at work', () =>
    on(async (ground) => {
      const seen = { did: 0, found: 0, busy: 0 };
      for (let race = 1; race <= 10; race += 1) {
        const id = `T${race}`;
        const { before } = await changed(ground, id);
        const all = await Promise.all([1, 2, 3].map(() => type(ground, 'undo', id).ended));
        const did = all.filter(({ code, out }) => code === 0 && out.includes('was taken back'));
        expect(did, JSON.stringify(all)).toHaveLength(1);
        for (const { code, out, err } of all.filter((each) => !did.includes(each))) {
          if (code === 0) {
            expect(out).toBe(`${id} was undone already: nothing to do\n`);
            seen.found += 1;
          } else {
            expect(code, err).toBe(5);
            expect(err).toMatch(/nothing was changed: process \d+ \(undo\) is at work since .*"immune undo"/);
            expect(err).toMatch(new RegExp(`\\n {2}next: immune undo ${id}, once process \\d+ has ended\\n`));
            seen.busy += 1;
          }
        }
        seen.did += did.length;
        await undoneOnce(ground, id, before);
      }
      expect(seen.did).toBe(10);
      expect(seen.found + seen.busy).toBe(20);
    }));

  it('survive the death of the one that was faster: it is half done for nobody', () =>
    on(async (ground) => {
      for (let race = 1; race <= 5; race += 1) {
        const id = `T${race}`;
        const { before, after } = await changed(ground, id);
        const first = type(ground, 'undo', id);
        const second = type(ground, 'undo', id);
        // Somewhere between its start and its end.
        await pause(80 + race * 40);
        first.child.kill('SIGKILL');
        await first.ended;
        const { code, err } = await second.ended;
        expect([0, 5], err).toContain(code);
        expect([before, after]).toContain(live(ground));
        expect(await type(ground, 'undo', id).ended).toMatchObject({ code: 0, err: '' });
        await undoneOnce(ground, id, before);
      }
    }));

  it('and the watchdog that starts with them: one of them is first, and the change is taken back once', () =>
    on(async (ground) => {
      for (let race = 1; race <= 5; race += 1) {
        const id = `T${race}`;
        const { before } = await changed(ground, id);
        const daemon = ground.daemon();
        // So that each of them is first now and then.
        await pause(race * 60);
        const both = await Promise.all([type(ground, 'undo', id).ended, type(ground, 'undo', id).ended]);
        for (const { code, err } of both) {
          expect([0, 5], err).toContain(code);
          if (code === 5)
            expect(err).toMatch(/process \d+ \((?:undo|daemon)\) is at work[\s\S]*next: immune /);
        }
        // Whoever had to leave tries again, as the next command says.
        const deadline = Date.now() + 20_000;
        let last = await type(ground, 'undo', id).ended;
        while (last.code === 5 && Date.now() < deadline) last = await type(ground, 'undo', id).ended;
        expect(last).toMatchObject({ code: 0, err: '' });
        await undoneOnce(ground, id, before);
        if (daemon.hasEnded()) {
          const { code, err } = await daemon.ended;
          expect(code).toBe(5);
          expect(err).toMatch(/a command is at work on the gateway: process \d+ \(undo\)/);
        } else expect((await daemon.stop()).code).toBe(0);
      }
    }));

  it('leave the lease to one that stands still in the middle of its work: it is named, and finishes in the end', () =>
    on(async (ground) => {
      for (let race = 1; race <= maxCatches; race += 1) {
        const id = `T${race}`;
        const { before, after } = await changed(ground, id);
        const slow = type(ground, 'undo', id);
        if (!(await caughtAtWork(ground, slow))) {
          await slow.ended;
          continue;
        }
        const who = `process ${slow.child.pid} \\(undo\\)`;
        const other = await type(ground, 'undo', id).ended;
        expect([other.code, other.out]).toEqual([5, '']);
        expect(other.err).toMatch(new RegExp(`nothing was changed: ${who} is at work since`));
        const daemon = await ground.daemon().ended;
        expect(daemon.code).toBe(5);
        expect(daemon.err).toMatch(new RegExp(`a command is at work on the gateway: ${who}`));
        expect([before, after]).toContain(live(ground));
        slow.child.kill('SIGCONT');
        expect(await slow.ended).toMatchObject({ code: 0, err: '' });
        await undoneOnce(ground, id, before);
        return;
      }
      throw new Error(`it was never caught at work in ${maxCatches} tries`);
    }));
});

/** The lease is held for a tenth of a second; a busy machine may look away for as long. */
const maxCatches = 10;

/** Stops it as soon as it holds the lease; false where it was over by then. */
async function caughtAtWork({ paths }: Ground, { child, ended }: Typed): Promise<boolean> {
  let isOver = false;
  void ended.then(() => {
    isOver = true;
  });
  while (!isOver) {
    if (holdsLease(paths.lease, child.pid)) {
      child.kill('SIGSTOP');
      if (holdsLease(paths.lease, child.pid)) return true;
      child.kill('SIGCONT');
      return false;
    }
    await pause(1);
  }
  return false;
}

function holdsLease(directory: string, pid: number | undefined): boolean {
  try {
    const numbers = readdirSync(directory).map((name) => Number(/^lease\.(\d+)$/.exec(name)?.[1] ?? 0));
    const record = JSON.parse(readFileSync(join(directory, `lease.${Math.max(...numbers)}`), 'utf8'));
    return record.pid === pid && record.released === false;
  } catch {
    // It comes and goes while we look.
    return false;
  }
}
