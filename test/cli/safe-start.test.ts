import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { PackageLook, PackageShop } from '../../src/cli/package-shop.ts';
import { runSafeStart } from '../../src/cli/safe-start.ts';
import type { ActionOutcome } from '../../src/core/state.ts';
import { type Answer, commandsDirectory, type Request, takeRequests } from '../../src/daemon/commands.ts';
import { writeStatus } from '../../src/daemon/status-file.ts';
import { listIn, recordIn } from '../../src/gateway/safe-start-hook.ts';
import type { PackagePlan } from '../../src/vault/package-plans.ts';
import { type TestContext, testContext } from './command-context.ts';
import { hurriedClock } from './install-world.ts';
import { aliveHere, statusFile } from './status-facts.ts';

let test: TestContext;
let ended: AbortController;
let done: string[];
beforeEach(async () => {
  test = await testContext();
  ended = new AbortController();
  done = [];
  await mkdir(test.context.paths.state, { recursive: true, mode: 0o700 });
});
afterEach(async () => {
  ended.abort();
  await test.remove();
});

const plan: PackagePlan = {
  version: 1,
  id: 'packages-0123456789ab',
  kind: 'packages',
  openclaw: '2026.9.6',
  root: '/opt/lib/node_modules/openclaw',
  archive: '2026.9.6-20261120T030000Z',
  units: [],
  aside: null,
  link: null,
  bytes: 1,
  because: 'ws is put back',
};
const damaged: PackageLook = {
  kind: 'damaged',
  because: 'ws is missing',
  parts: [],
  refused: [],
  remedy: { kind: 'ready', plan },
};
const sound: PackageLook = { kind: 'sound', because: 'nothing to do' };
const busy: PackageLook = { kind: 'busy', because: 'npm is at work' };

interface Way {
  /** One look after the other; the last one stays. */
  readonly looks: readonly PackageLook[];
  readonly outcome?: ActionOutcome;
  readonly shop?: Partial<PackageShop>;
  /** Runs the clock so many times as fast. */
  readonly times?: number;
}

async function run({ looks, outcome, shop, times = 1 }: Way): Promise<string> {
  const rest = [...looks];
  const made = {
    installed: { root: plan.root, version: plan.openclaw },
    look: async (how: { readonly network: boolean; readonly unattended?: boolean }) => {
      expect(how).toMatchObject({ network: false, unattended: true });
      done.push('look');
      const [now, ...others] = rest;
      if (others.length > 0) rest.shift();
      return now ?? sound;
    },
    stage: async () => {
      done.push('stage');
      return { kind: 'written', plan } as const;
    },
    repairWithinMs: 900_000 as never,
    mend: async () => {
      done.push('mend');
      return { id: 'P1', outcome: outcome ?? ({ kind: 'done', because: 'ws is back' } as const) };
    },
    close: () => done.push('close'),
    ...shop,
  };
  const context = { ...test.context, clock: hurriedClock(times) };
  expect(await runSafeStart(context, async () => made)).toBe(0);
  return readFile(join(test.context.paths.logs, 'watchdog.log'), 'utf8').catch(() => '');
}

/** A daemon that is this process: it answers like `reply`, as often as asked. */
async function daemon(reply: Answer | null): Promise<Request[]> {
  const { state } = test.context.paths;
  const asked: Request[] = [];
  await writeStatus(state, statusFile({}, aliveHere()));
  await mkdir(commandsDirectory(state), { recursive: true });
  const serve = async (): Promise<void> => {
    while (!ended.signal.aborted) {
      await takeRequests(state, async (request) => {
        asked.push(request);
        return reply ?? new Promise(() => undefined);
      });
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  void serve().catch(() => undefined);
  return asked;
}

it('mends by our own hands where no watchdog runs, and says so in one line', async () => {
  const log = await run({ looks: [damaged] });
  expect(done).toEqual(['look', 'stage', 'mend', 'close']);
  expect(log).toContain('Safe start, before a start of the gateway: ws is missing; repair P1: ws is back');
});

it('asks a watchdog that runs, and touches nothing itself', async () => {
  const asked = await daemon({ ok: true, text: 'repair P3: ws is back' });
  const log = await run({ looks: [damaged] });
  expect(asked).toEqual([{ kind: 'fix-deps', staged: plan.id, by: 'safe start' }]);
  expect(done).toEqual(['look', 'stage', 'close']);
  expect(log).toContain('repair P3: ws is back');
});

it('waits for the watchdog that is at work on it already', async () => {
  await daemon({ ok: false, why: 'busy', text: 'at work already' });
  expect(await run({ looks: [busy, damaged, sound], times: 20 })).toContain('the package is whole');
  expect(done.filter((what) => what === 'look')).toHaveLength(3);
});

it.each([
  ['a look that hangs', { looks: [], shop: { look: () => new Promise<never>(() => undefined) } }],
  ['a repair that hangs', { looks: [damaged], shop: { mend: () => new Promise<never>(() => undefined) } }],
])('ends in time with 0 whatever hangs: %s', async (_what, way) => {
  expect(await run({ ...way, times: 40 })).toContain('it took too long and was left');
});

it('ends in time when npm works on for ever, or the watchdog does not answer', async () => {
  expect(await run({ looks: [busy], times: 40 })).toContain('nothing was done in time: npm is at work');
  await daemon(null);
  expect(await run({ looks: [damaged], times: 40 })).toContain('has not answered in time');
});

it.each<[string, Way, string]>([
  [
    'nothing can be done',
    { looks: [{ ...damaged, remedy: { kind: 'unavailable', because: 'no archive', hint: '' } }] },
    'no archive',
  ],
  [
    'the repair fails',
    { looks: [damaged], outcome: { kind: 'failed', because: 'disk full' } },
    'nothing was changed: disk full',
  ],
  [
    'it cannot be told',
    { looks: [{ kind: 'unknown', because: 'no volume', hint: '' }] },
    'nothing was done: no volume',
  ],
  ['a bug throws', { looks: [damaged], shop: { mend: () => Promise.reject(new Error('oops')) } }, 'oops'],
])('ends with 0 when %s', async (_what, way, words) => {
  expect(await run(way)).toContain(words);
});

it('ends with 0 when not even the log can be written', async () => {
  await rm(test.context.paths.logs, { recursive: true });
  await writeFile(test.context.paths.logs, 'in the way');
  expect(await run({ looks: [damaged] })).toBe('');
  expect(done).toContain('mend');
});

it('touches nothing while the operator has it paused', async () => {
  const { state } = test.context.paths;
  await writeStatus(state, statusFile({ pause: { until: null } as never }, { pid: 999_999_999 }));
  expect(await run({ looks: [damaged] })).toContain('the watchdog is paused');
  expect(done).toEqual([]);
});

it('renews the list when the package is whole without a file of it', async () => {
  const root = await mkdtemp(join(tmpdir(), 'immune-list-'));
  try {
    const pack = join(root, 'openclaw');
    await mkdir(join(pack, 'node_modules', 'ws'), { recursive: true });
    await writeFile(join(pack, 'node_modules', 'ws', 'package.json'), '{}');
    await writeFile(join(pack, 'package.json'), '{"dependencies":{"ws":"1"}}');
    const { safeStart } = test.context.paths;
    await mkdir(safeStart, { recursive: true });
    const record = { version: 1, node: '/n/node', flags: [], entry: join(pack, 'dist', 'index.js') };
    await writeFile(recordIn(safeStart), JSON.stringify(record));
    await writeFile(listIn(safeStart), 'node_modules/gone/package.json\n');
    expect(await run({ looks: [sound] })).toContain('the list of its dependencies was renewed');
    expect(await readFile(listIn(safeStart), 'utf8')).toBe('node_modules/ws/package.json\n');
    expect(await run({ looks: [sound] })).toMatch(/the package is whole\s*$/);
  } finally {
    await rm(root, { recursive: true });
  }
});
