import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type OperatorWorld, operatorWorld } from './operator-world.ts';

let world: OperatorWorld;
const cleanups: (() => void)[] = [];
beforeEach(async () => {
  world = await operatorWorld();
}, 60_000);
afterEach(async () => {
  for (const clean of cleanups.splice(0)) clean();
  await world.remove();
}, 60_000);

/** Another supervisor of the same state directory: its gateway takes the port, answers nothing, and is started again. */
function otherSupervisor(): { readonly starts: () => number } {
  const { stateDir, port } = world;
  const folder = join(stateDir, 'tmp', `openclaw-${process.getuid?.() ?? 0}`);
  mkdirSync(folder, { recursive: true });
  const about = JSON.stringify({ lock: join(folder, 'gateway.state.lock'), stateDir, port });
  const gateway = join(stateDir, 'hung.cjs');
  writeFileSync(
    gateway,
    `process.title = 'openclaw-gateway';
    const { lock, stateDir, port } = ${about};
    const server = require('net').createServer();
    server.on('error', () => setTimeout(take, 10));
    server.on('listening', () => {
      const held = { pid: process.pid, createdAt: new Date().toISOString(), stateDir, port };
      require('fs').writeFileSync(lock, JSON.stringify(held));
    });
    const take = () => server.listen({ host: '127.0.0.1', port });
    take();`,
  );
  const count = join(stateDir, 'starts');
  const supervisor = `
    const start = () => {
      require('fs').appendFileSync(${JSON.stringify(count)}, 'x');
      child = require('child_process').spawn(process.execPath, [${JSON.stringify(gateway)}]);
      child.once('exit', () => setTimeout(start, 50));
    };
    let child;
    process.on('SIGTERM', () => { child.removeAllListeners('exit'); child.kill('SIGKILL'); process.exit(); });
    start();`;
  // In a session of its own, so that it has no terminal wherever the tests run.
  const process_ = spawn(process.execPath, ['-e', supervisor], { detached: true, stdio: 'ignore' });
  cleanups.push(() => process_.kill('SIGTERM'));
  return {
    starts: () => {
      try {
        return readFileSync(count, 'utf8').length;
      } catch {
        // It has not started anything yet.
        return 0;
      }
    },
  };
}

async function until(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 45_000;
  while (!holds() && performance.now() < deadline) await sleep(50);
  if (!holds())
    throw new Error(
      JSON.stringify(
        world.journal().map(({ kind, because }) => `${kind}: ${because}`),
        null,
        1,
      ),
    );
}

it('a gateway that another supervisor starts again after it was ended is told, and never ended a second time', async () => {
  await world.load();
  await world.serves();
  await world.watchdog();
  const other = otherSupervisor();
  await until(() => other.starts() === 1);
  await world.crash();
  const told = () =>
    world
      .journal()
      .some(
        ({ state }) =>
          state.phase.kind === 'exhausted' && state.because.includes('was ended (A1), and came back'),
      );
  await until(told);
  const starts = other.starts();
  expect(starts).toBe(2);
  // Several times what it waits before it acts.
  await sleep(3_000);
  expect(other.starts()).toBe(starts);
  const ended = world
    .journal()
    .flatMap(({ notices }) => (notices ?? []).filter(({ kind }) => kind === 'action'));
  expect(ended.map(({ text }) => text.replace(/ \(pid.*/, ''))).toEqual([
    'end the gateway that launchd did not start',
  ]);
}, 120_000);
