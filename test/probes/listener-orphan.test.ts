import { afterEach, describe, expect, it } from 'vitest';
import { millis } from '../../src/core/time.ts';
import { type EyesParts, lookAtListener } from '../../src/probes/eyes.ts';
import {
  clock,
  identityOf,
  listenerTools,
  listening,
  lockOf,
  processes,
  removeWorld,
} from '../repairs/port-world.ts';

afterEach(removeWorld);

describe('an orphan on the port', () => {
  it('is told with its start time, and whether it has a terminal', async () => {
    const { pid, port } = await listening({ gateway: true });
    const { lockFiles, stateDir } = lockOf(pid);
    const files = { lockFiles, stateDir, packageRoot: null, version: null };
    const parts: EyesParts = {
      clock,
      manager: { read: async () => ({ kind: 'not-loaded' }) } as unknown as EyesParts['manager'],
      processes,
      tools: listenerTools,
      uid: process.getuid?.() ?? 0,
      label: 'x',
      plist: '/nowhere',
      witnessMs: () => millis(1),
      files: () => ({ ...files, auditLog: '/nowhere', sqlite: '/nowhere', handoffs: [] }),
    };
    const { startedAt } = await identityOf(pid);
    const seen = await lookAtListener(parts, { host: '127.0.0.1', port });
    expect(seen).toMatchObject({ kind: 'orphan', pid, port, startedAt, hasTerminal: false });
    const blind = { ...processes, row: async () => ({ kind: 'unknown', because: 'no ps' }) as const };
    expect(await lookAtListener({ ...parts, processes: blind }, { host: '127.0.0.1', port })).toMatchObject({
      kind: 'orphan',
      startedAt: null,
      hasTerminal: null,
    });
  });
});
