import { mkdir } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FixDepsAsk } from '../../src/cli/change-words.ts';
import { runFixDeps } from '../../src/cli/fix-deps.ts';
import type { PackageLook, PackageShop } from '../../src/cli/package-shop.ts';
import { parseCommand } from '../../src/cli/parse.ts';
import type { Terminal } from '../../src/cli/terminal.ts';
import type { ActionOutcome } from '../../src/core/state.ts';
import { minutes } from '../../src/core/time.ts';
import { type Answer, commandsDirectory, type Request, takeRequests } from '../../src/daemon/commands.ts';
import { writeStatus } from '../../src/daemon/status-file.ts';
import type { PackagePlan } from '../../src/vault/package-plans.ts';
import { nobody, person } from './change-world.ts';
import { type TestContext, testContext } from './command-context.ts';
import { aliveHere, statusFile } from './status-facts.ts';

let test: TestContext;
let ended: AbortController;
beforeEach(async () => {
  test = await testContext();
  ended = new AbortController();
  await mkdir(test.context.paths.state, { recursive: true, mode: 0o700 });
});
afterEach(async () => {
  ended.abort();
  await test.remove();
});

const unit = { tree: 'openclaw', path: 'node_modules/ws', part: 'whole', digest: 'a'.repeat(64) } as const;

const plan: PackagePlan = {
  version: 1,
  id: 'packages-0123456789ab',
  kind: 'packages',
  openclaw: '2026.9.6',
  root: '/opt/lib/node_modules/openclaw',
  archive: '2026.9.6-20261120T030000Z',
  units: [
    unit,
    { tree: 'openclaw', path: 'dist', part: 3, digest: 'b'.repeat(64) },
    { tree: 'openclaw', path: 'dist', part: 7, digest: 'c'.repeat(64) },
  ],
  aside: null,
  link: null,
  bytes: 3 * 1_048_576,
  because: 'ws, dist (3) and dist (7) are put back out of archive 2026.9.6-20261120T030000Z',
};

type Damaged = PackageLook & { kind: 'damaged' };
const damaged: Damaged = {
  kind: 'damaged',
  because: 'a package is missing, a file is truncated',
  parts: [
    {
      tree: 'openclaw',
      path: 'node_modules/ws',
      package: { name: 'ws', version: '8.18.0' },
      isGone: true,
      missing: ['node_modules/ws', 'node_modules/ws/package.json'],
      truncated: [],
      altered: [],
    },
    {
      tree: 'openclaw',
      path: 'dist',
      package: null,
      isGone: false,
      missing: [],
      truncated: ['dist/a.js'],
      altered: [],
    },
  ],
  refused: ['2026.6.6-20261101T030000Z is of OpenClaw 2026.6.6'],
  remedy: { kind: 'ready', plan },
};
const sound: PackageLook = { kind: 'sound', because: 'openclaw 2026.9.6 is as it was proven' };
const plain: FixDepsAsk = { dryRun: false, yes: true, json: false, network: false };

interface Way {
  readonly look?: PackageLook;
  readonly outcome?: ActionOutcome;
  readonly terminal?: Terminal;
  readonly shop?: Partial<PackageShop>;
}

const done: ActionOutcome = { kind: 'done', because: '2 packages were restored' };

/** What our own hands were asked for. */
let mended: string[];
let staged: string[];

async function fix(ask: Partial<FixDepsAsk> = {}, way: Way = {}): Promise<number> {
  mended = [];
  staged = [];
  const shop: PackageShop = {
    installed: { root: plan.root, version: '2026.9.6' },
    look: async () => way.look ?? damaged,
    stage: async (written) => {
      staged.push(written.id);
      return { kind: 'written', plan: written };
    },
    repairWithinMs: minutes(1),
    mend: async (id) => {
      mended.push(id);
      return { id: 'P1', outcome: way.outcome ?? done };
    },
    ...way.shop,
  };
  return runFixDeps({ ...plain, ...ask }, { context: test.context, terminal: way.terminal ?? nobody, shop });
}

/** A daemon that is this very process, and answers so. */
async function daemon(answer: (request: Request) => Promise<Answer>): Promise<Request[]> {
  const { state } = test.context.paths;
  await mkdir(commandsDirectory(state), { recursive: true, mode: 0o700 });
  await writeStatus(state, statusFile({}, aliveHere()));
  const taken: Request[] = [];
  const take = async (): Promise<void> => {
    while (!ended.signal.aborted) {
      await takeRequests(state, (request) => {
        taken.push(request);
        return answer(request);
      }).catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  void take();
  return taken;
}

describe('fix-deps', () => {
  it('has nothing to do with a package that is whole, however often it is asked', async () => {
    for (const _ of [1, 2]) {
      expect(await fix({ yes: false }, { look: sound })).toBe(0);
      expect([mended, staged]).toEqual([[], []]);
    }
    expect(test.written()).toBe('openclaw 2026.9.6 is as it was proven\n'.repeat(2));
  });

  it('shows what is wrong and the plan in a dry run, and changes nothing', async () => {
    expect(await fix({ dryRun: true, yes: false })).toBe(0);
    expect([mended, staged]).toEqual([[], []]);
    expect(test.written()).toBe(
      [
        'the openclaw package in /opt/lib/node_modules/openclaw (2026.9.6): a package is missing, a file is truncated',
        '  ws 8.18.0 (node_modules/ws): missing',
        '  dist: 1 file truncated: a.js',
        '  (will not do: 2026.6.6-20261101T030000Z is of OpenClaw 2026.6.6)',
        'the plan packages-0123456789ab: ws, dist (3) and dist (7) are put back out of archive 2026.9.6-20261120T030000Z',
        '  up to 3 MB are written beside the package and compared before they are used; what is replaced is kept',
        'nothing was changed',
        '',
      ].join('\n'),
    );
  });

  it.each<[string, Partial<PackagePlan>, string]>([
    [
      'where a copy goes back to',
      { kind: 'aside', aside: '/x/.openclaw-a', units: [] },
      '  /x/.openclaw-a goes back to /opt/lib/node_modules/openclaw\n',
    ],
    ['that nothing is copied', { bytes: 0 }, '  nothing is copied; what is replaced is kept\n'],
    ['what npm brings is compared with', { kind: 'network' }, 'only where every hash is the recorded one\n'],
    [
      'that npm is checked by lists',
      { kind: 'network', units: [] },
      "once OpenClaw's own lists agree with it",
    ],
    [
      'all parts, where they are many',
      { units: ['a', 'b', '@s/c', 'd', 'e'].map((name) => ({ ...unit, path: `node_modules/${name}` })) },
      '  parts: a, b, @s/c, d, e\n',
    ],
    [
      'the command as well',
      { link: { path: '/opt/bin/openclaw', target: '../x' } },
      'the command /opt/bin/openclaw is made anew',
    ],
  ])('says in the plan: %s', async (_name, change, words) => {
    const remedy = { kind: 'ready', plan: { ...plan, ...change } } as const;
    await fix({ dryRun: true }, { look: { ...damaged, remedy } });
    expect(test.written()).toContain(words);
  });

  it('asks on a terminal, and takes no for an answer', async () => {
    const someone = person([false]);
    const asked = fix({ yes: false }, { terminal: someone });
    await expect(asked).rejects.toMatchObject({ code: 'declined', exitCode: 4 });
    expect(someone.asked).toEqual(['Put it right?']);
    expect([mended, staged]).toEqual([[], []]);
  });

  it.each([false, true])('never waits for an answer where nobody is (JSON %s)', async (json) => {
    const asked = fix({ yes: false, json });
    await expect(asked).rejects.toMatchObject({
      code: 'no-consent',
      exitCode: 4,
      hint: 'the same with --yes',
    });
    expect([mended, staged]).toEqual([[], []]);
  });

  it.each([
    [true, false, true],
    [false, false, false],
    [true, true, false],
  ])('shows what it is at on a terminal alone (terminal %s, JSON %s)', async (isTTY, json, shows) => {
    let told = '';
    const err = { isTTY, write: (text: string) => (told += text) };
    test = { ...test, context: { ...test.context, err } };
    await fix({ json });
    expect(told.includes('comparing every file')).toBe(shows);
    expect(told.includes('laying out')).toBe(shows);
    expect(test.written()).not.toContain('comparing every file');
  });

  it('asks npm only when it was told to', async () => {
    const asked: boolean[] = [];
    const look: PackageShop['look'] = async ({ network }) => {
      asked.push(network);
      return sound;
    };
    await fix({}, { shop: { look } });
    await fix({ network: true }, { shop: { look } });
    expect(asked).toEqual([false, true]);
  });

  it.each<[string, PackageLook, { code: string; exitCode: number; hint: string }]>([
    [
      'what cannot be told',
      { kind: 'unknown', because: 'it is not known where it lies', hint: './install.sh' },
      { code: 'unknown', exitCode: 3, hint: './install.sh' },
    ],
    [
      'npm at work',
      { kind: 'busy', because: 'process 7 (npm install) may be changing the package' },
      { code: 'busy', exitCode: 5, hint: 'immune fix-deps, once that is done' },
    ],
    [
      'an update that cannot be told',
      {
        kind: 'busy',
        because: 'whether an update of OpenClaw is running cannot be told: /x/openclaw.sqlite cannot be read',
      },
      { code: 'busy', exitCode: 5, hint: 'put that right, then immune fix-deps' },
    ],
    [
      'nothing to mend it with',
      {
        ...damaged,
        remedy: { kind: 'unavailable', because: 'no archive is kept', hint: 'npm install -g x' },
      },
      { code: 'unavailable', exitCode: 3, hint: 'npm install -g x' },
    ],
  ])('changes nothing and names the next command at %s', async (_name, look, error) => {
    await expect(fix({}, { look })).rejects.toMatchObject({
      ...error,
      message: expect.stringMatching(/^nothing was changed: /),
    });
    expect([mended, staged]).toEqual([[], []]);
  });

  it('that is interrupted while it looks has changed nothing', async () => {
    for (const look of [
      async (): Promise<PackageLook> => {
        test.interrupt();
        throw new Error('cut short');
      },
      async (): Promise<PackageLook> => damaged,
    ])
      await expect(fix({}, { shop: { look } })).rejects.toMatchObject({ code: 'interrupted', exitCode: 130 });
    expect([mended, staged]).toEqual([[], []]);
  });

  it('is one JSON object whose keys are always there', async () => {
    const ending = ['version', 'outcome', 'because', 'next', 'exitCode'];
    const keys = [...ending, 'openclaw', 'root', 'damage', 'plan', 'repair'];
    const told: unknown[] = [];
    for (const [ask, way] of [
      [{ json: true }, { look: sound }],
      [{ json: true, dryRun: true }, {}],
      [{ json: true }, {}],
    ] as const) {
      const before = test.written().length;
      expect(await fix(ask, way)).toBe(0);
      const object = JSON.parse(test.written().slice(before));
      expect(Object.keys(object)).toEqual(keys);
      told.push([object.outcome, object.damage.length, object.plan?.unitCount ?? null, object.repair]);
    }
    expect(told).toEqual([
      ['fine', 0, null, null],
      ['dry-run', 2, 3, null],
      ['mended', 2, 3, 'P1'],
    ]);
  });
});

describe('fix-deps without the watchdog', () => {
  it('does it by itself, says how to undo it and how the gateway is started', async () => {
    expect(await fix()).toBe(0);
    expect([mended, staged]).toEqual([[plan.id], [plan.id]]);
    expect(test.written()).toMatch(
      /repair P1: 2 packages were restored; undo with "immune undo P1"\nthe watchdog does not run; .*: "launchctl kickstart .*"; without it: "openclaw gateway start"\n$/,
    );
  });

  it('does not say twice how it is undone', async () => {
    await fix({}, { outcome: { kind: 'done', because: 'restored; undo with "immune undo P1"' } });
    expect(test.written().match(/immune undo P1/g)).toHaveLength(1);
  });

  it.each<[ActionOutcome, number, string]>([
    [{ kind: 'failed', because: 'the disk is full' }, 3, 'immune fix-deps'],
    [{ kind: 'refused', because: 'npm is at work' }, 4, 'immune status'],
  ])('says that nothing was changed: %o', async (outcome, exitCode, hint) => {
    await expect(fix({}, { outcome })).rejects.toMatchObject({
      message: `nothing was changed: ${outcome.because}`,
      exitCode,
      hint,
    });
  });

  it('is fine when somebody else was faster', async () => {
    const looks = [damaged, sound];
    const look: PackageShop['look'] = async () => looks.shift() ?? sound;
    const outcome = { kind: 'refused', because: 'nothing of it is damaged any more' } as const;
    expect(await fix({}, { outcome, shop: { look } })).toBe(0);
    expect(test.written()).toMatch(/is as it was proven\n$/);
  });

  it('says that it was interrupted, and that nothing was changed', async () => {
    const mend: PackageShop['mend'] = async () => {
      test.interrupt();
      return { id: 'P1', outcome: { kind: 'failed', because: 'it was called off' } };
    };
    await expect(fix({}, { shop: { mend } })).rejects.toMatchObject({ code: 'interrupted', exitCode: 130 });
  });

  it('changes nothing where the plan cannot be written down', async () => {
    const stage: PackageShop['stage'] = async () => ({ kind: 'failed', because: 'the disk is full' });
    await expect(fix({}, { shop: { stage } })).rejects.toMatchObject({ code: 'unwritable', exitCode: 3 });
    expect(mended).toEqual([]);
  });
});

describe('fix-deps with the watchdog', () => {
  it('has the watchdog do it, and passes on what it says', async () => {
    const taken = await daemon(async () => ({ ok: true, repair: 'P4', text: 'repair P4: restored' }));
    expect(await fix()).toBe(0);
    expect(taken).toEqual([{ kind: 'fix-deps', staged: plan.id, by: 'immune fix-deps' }]);
    expect([mended, staged]).toEqual([[], [plan.id]]);
    expect(test.written()).toMatch(/goes on by itself if you leave\nrepair P4: restored\n$/);
  });

  it.each<[Answer, { code: string; exitCode: number }]>([
    [
      { ok: false, text: 'nothing was changed: no' },
      { code: 'not-made', exitCode: 4 },
    ],
    [
      { ok: false, why: 'failed', text: 'nothing was changed: no' },
      { code: 'not-made', exitCode: 3 },
    ],
    [
      { ok: false, why: 'busy', text: 'another is at work' },
      { code: 'busy', exitCode: 5 },
    ],
  ])('tells a refusal from a failure and from a second one at work: %o', async (answer, error) => {
    await daemon(async () => answer);
    await expect(fix()).rejects.toMatchObject({
      ...error,
      message: expect.stringMatching(/^nothing was changed: /),
    });
    expect(mended).toEqual([]);
  });

  it('leaves it to the watchdog when it is interrupted', async () => {
    await daemon(async () => {
      test.interrupt();
      return new Promise(() => undefined);
    });
    await expect(fix()).rejects.toMatchObject({
      code: 'interrupted',
      exitCode: 130,
      message: 'interrupted: the watchdog finishes what it has begun',
    });
  });
});

describe('the words of "immune fix-deps"', () => {
  it.each([
    ['fix-deps', plain],
    ['fix-deps --dry-run --json', { ...plain, dryRun: true, json: true }],
    ['fix-deps --network -y', { ...plain, network: true, yes: true }],
  ])('are read: "%s"', (line, ask) => {
    const yes = line.includes('-y');
    expect(parseCommand(line.split(' '))).toEqual({ kind: 'fix-deps', ask: { ...ask, yes } });
  });

  it.each([
    ['fix-deps --netwrk', 'did you mean "--network"?', 'immune fix-deps --network'],
    ['fix-deps ws', 'does not take "ws"', 'immune fix-deps --help'],
    ['fix-dep', 'did you mean "fix-deps"?', 'immune fix-deps'],
  ])('are refused with the next command: "%s"', (line, words, hint) => {
    expect(parseCommand(line.split(' '))).toMatchObject({
      kind: 'refused',
      message: expect.stringContaining(words),
      hint,
    });
  });
});
