import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FixPortAsk } from '../../src/cli/port/ask.ts';
import { runFixPort } from '../../src/cli/port/fix-port.ts';
import { nobody } from './change-world.ts';
import { type OperatorWorld, operatorWorld } from './operator-world.ts';

let world: OperatorWorld;
let orphan: ChildProcess | null = null;
beforeEach(async () => {
  world = await operatorWorld();
});
afterEach(async () => {
  orphan?.kill('SIGKILL');
  await world.remove();
});

const ask = (change: Partial<FixPortAsk> = {}): FixPortAsk => ({
  kill: null,
  movePort: null,
  bindLoopback: false,
  force: false,
  dryRun: false,
  yes: true,
  json: false,
  ...change,
});

/** A gateway of the same home that launchd did not start, in no terminal. */
async function startOrphan(): Promise<number> {
  const words = [join(world.packageRoot, 'dist', 'index.js'), 'gateway', '--port', String(world.port)];
  const env = { HOME: join(world.stateDir, '..'), PATH: process.env['PATH'] ?? '' };
  orphan = spawn(process.execPath, words, { env, stdio: 'ignore', detached: true });
  await world.serves();
  if (orphan.pid === undefined) throw new Error('no pid');
  return orphan.pid;
}

const waiting = { timeout: 60_000 };

describe('fix-port without a watchdog', () => {
  it('ends the orphan by its own loop, and launchd starts its gateway by itself', waiting, async () => {
    const pid = await startOrphan();
    await world.load();
    expect(await runFixPort(ask({ dryRun: true }), world.context, nobody)).toBe(0);
    expect(await world.answers()).toBe(true);
    const code = await runFixPort(ask(), world.context, nobody);
    const said = world.said();
    expect(code, said).toBe(0);
    expect(said).toMatch(new RegExp(`process ${pid} ended after SIGTERM; the gateway serves again`));
    await world.serves();
    expect(await world.pid()).not.toBe(pid);
    const sentences = world.journal().map(({ because }) => because);
    expect(sentences.filter((each) => each.includes('is being ended'))).toHaveLength(1);
    expect(await runFixPort(ask(), world.context, nobody)).toBe(0);
    expect(world.said()).toContain("is the gateway's own: nothing to do");
  });

  it("does nothing to launchd's own gateway, not even when it is named", waiting, async () => {
    await world.load();
    await world.serves();
    const pid = await world.pid();
    if (pid === null) throw new Error('it does not run');
    await expect(runFixPort(ask({ kill: pid, force: true }), world.context, nobody)).rejects.toMatchObject({
      exitCode: 4,
      hint: 'immune restart',
    });
    expect(await world.answers()).toBe(true);
  });
});
