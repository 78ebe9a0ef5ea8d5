import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { FixPortAsk } from '../../src/cli/port/ask.ts';
import { runFixPort } from '../../src/cli/port/fix-port.ts';
import type { Terminal } from '../../src/cli/terminal.ts';
import { initialState } from '../../src/core/state.ts';
import { instant, millis } from '../../src/core/time.ts';
import { commandsDirectory, takeRequests } from '../../src/daemon/commands.ts';
import { freePort } from '../../src/daemon/port-hand.ts';
import { writeStatus } from '../../src/daemon/status-file.ts';
import { but, serving } from '../core/world.ts';
import { clock, listenerTools, lockOf, processes, realHands, removeWorld } from '../repairs/port-world.ts';
import { type ChangeWorld, changeWorld, nobody } from './change-world.ts';
import { aliveHere, statusFile } from './status-facts.ts';

/** A gateway's config on a port of a real listener, with the watchdog's own hand for it in this process. */
export interface PortWorld extends ChangeWorld {
  /** The gateway is to be at this port; our settings get these tools beside the real ones. */
  at(port: number, more?: { readonly gateway?: object; readonly tools?: object }): void;
  /** The job runs as this process (null: not at all), as the watchdog's status file says it. */
  job(pid: number | null): Promise<void>;
  /** Takes requests until the world is removed; what it journaled. */
  daemon(port: number): Promise<readonly string[]>;
  /** The lock of this state directory names this process. */
  lock(pid: number, createdAt?: Date): void;
  fix(ask?: Partial<FixPortAsk>, terminal?: Terminal): Promise<number>;
}

const silent = (): undefined => undefined;
const log = { debug: silent, info: silent, warn: silent, error: silent, close: silent };
const plain: FixPortAsk = {
  kill: null,
  movePort: null,
  bindLoopback: false,
  force: false,
  dryRun: false,
  yes: false,
  json: false,
};

export async function portWorld(): Promise<PortWorld> {
  const world = await changeWorld();
  const { paths } = world.context;
  const stateDir = join(world.configPath, '..');
  const uid = process.getuid?.() ?? 0;
  const lockFolder = join(stateDir, 'tmp', `openclaw-${uid}`);
  await mkdir(lockFolder, { recursive: true });
  const lock = join(lockFolder, 'gateway.state.lock');
  const place = { stateDir, lockFiles: [lock] };
  const over = new AbortController();
  let taking: Promise<void> = Promise.resolve();
  const service = (pid: number | null) =>
    pid === null
      ? ({ kind: 'stopped', runs: 1, lastExit: null } as const)
      : ({ kind: 'running', pid, runs: 1, lastExit: null } as const);
  let jobPid: number | null = null;
  const job = async (pid: number | null): Promise<void> => {
    jobPid = pid;
    const evidence = but(serving(), { service: service(pid) })(instant(Date.now()));
    await writeStatus(paths.state, statusFile({}, { ...aliveHere(), evidence }));
  };
  return {
    ...world,
    at: (port, { gateway = {}, tools = {} } = {}) => {
      world.put(JSON.stringify({ gateway: { mode: 'local', port, ...gateway } }));
      const settings = JSON.parse(readFileSync(paths.config, 'utf8'));
      settings.tools = { ...settings.tools, ps: processesAt, ...listenerTools, ...tools };
      writeFileSync(paths.config, JSON.stringify(settings));
    },
    job,
    daemon: async (port) => {
      const notes: string[] = [];
      await mkdir(commandsDirectory(paths.state), { recursive: true });
      if (jobPid === null) await job(null);
      const { listeners, orphanProof } = realHands(place);
      const parts = {
        listeners,
        orphanProof,
        clock,
        log,
        processes,
        port: () => port,
        service: async () => service(jobPid),
        mode: () => 'act' as const,
        serveWithinMs: millis(2_000),
        loop: {
          exclusive: <T>(work: () => Promise<T>) => work(),
          note: async (because: string) => notes.push(because) > 0,
          state: () => initialState,
          nudge: silent,
          deepen: async () => serving()(instant(Date.now())),
        },
      };
      taking = (async () => {
        while (!over.signal.aborted) {
          await takeRequests(paths.state, async (request) => {
            if (request.kind !== 'fix-port') throw new Error(request.kind);
            return freePort(request, parts);
          });
          await clock.sleep(millis(20), over.signal);
        }
      })();
      return notes;
    },
    lock: (pid, createdAt = new Date()) => {
      const { lock: written } = lockOf(pid, createdAt);
      writeFileSync(
        lock,
        readFileSync(written, 'utf8').replace(/"stateDir":"[^"]*"/, `"stateDir":"${stateDir}"`),
      );
    },
    fix: (ask = {}, terminal = nobody) => runFixPort({ ...plain, ...ask }, world.context, terminal),
    remove: async () => {
      over.abort();
      await taking;
      removeWorld();
      await world.remove();
    },
  };
}

const processesAt = ['/bin/ps', '/usr/bin/ps'].find((path) => {
  try {
    return readFileSync(path).length > 0;
  } catch {
    // The other place then.
    return false;
  }
});

/** A tool that says this, whatever it is asked. */
export function saying(world: PortWorld, name: string, text: string): string {
  const path = world.file(name, `#!/bin/sh\ncat <<'END'\n${text}\nEND\n`);
  execFileSync('chmod', ['+x', path]);
  return path;
}
