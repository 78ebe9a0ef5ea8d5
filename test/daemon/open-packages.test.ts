import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it, vi } from 'vitest';
import type { ServiceState } from '../../src/core/service.ts';
import { instant } from '../../src/core/time.ts';
import type { GatewaySight } from '../../src/daemon/gateway-sight.ts';
import { openPackages } from '../../src/daemon/open-packages.ts';
import { workspace } from '../system/workspace.ts';

const updater = ['ai.openclaw.update.7'];

interface Around {
  readonly service?: ServiceState;
  readonly labels?: readonly string[] | null;
  /** What stands where OpenClaw keeps its main database; null: nothing. */
  readonly database?: string | null;
}

/** What the last question before a rename is answered with. */
async function work({ service = { kind: 'not-loaded' }, labels = [], database = null }: Around = {}) {
  const folder = workspace();
  const sqlite = join(folder, 'state', 'openclaw.sqlite');
  if (database !== null) {
    mkdirSync(dirname(sqlite));
    writeFileSync(sqlite, database);
  }
  const packageRoot = join(folder, 'openclaw');
  const files = { stateDir: folder, packageRoot, sqlite, handoffs: [join(folder, 'handoffs.sqlite')] };
  const read = vi.fn(async () => service);
  const packages = openPackages({
    paths: { archives: folder, quarantine: folder, state: folder },
    sight: () => ({ files }) as unknown as GatewaySight,
    run: vi.fn(),
    clock: { now: () => instant(1_800_000_000_000) },
    processes: { list: async () => ({ kind: 'rows', rows: [] }) },
    manager: { read, labels: async () => labels },
    label: 'ai.openclaw.gateway',
    incident: () => null,
  });
  const said = await packages.repair().packageWork();
  expect(await packages.sources.busy()).toBe(said);
  expect(read).toHaveBeenCalledWith('ai.openclaw.gateway');
  return said;
}

it('is nobody where OpenClaw has left no mark at all', async () => {
  expect(await work()).toBeNull();
});

it("is an updater's own job in launchd, as it is while the gateway's is not loaded", async () => {
  expect(await work({ labels: updater })).toContain('launchd job ai.openclaw.update.7');
  const running = { kind: 'running', pid: 5, runs: 1, lastExit: null } as const;
  expect(await work({ service: running, labels: updater })).toBeNull();
});

it('is somebody where the marks cannot be read', async () => {
  expect(await work({ database: 'no database, but long enough to be taken for one' })).toMatch(
    /^whether an update of OpenClaw is running cannot be told: .*openclaw\.sqlite cannot be read/,
  );
});

it('is somebody where launchd knows no job of ours and does not tell the others, and nobody where it is silent', async () => {
  expect(await work({ labels: null })).toContain('launchd did not tell which jobs are loaded');
  const silent = { kind: 'unknown', because: 'launchctl gave no answer' } as const;
  expect(await work({ service: silent, labels: null })).toBeNull();
  expect(await work({ service: { kind: 'no-domain', because: 'nobody is logged in' } })).toBeNull();
});
