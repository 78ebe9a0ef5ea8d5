import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Notice } from '../../src/core/notice.ts';
import { type ActionOutcome, initialState, type State } from '../../src/core/state.ts';
import { instant, type Millis, millis, minutes } from '../../src/core/time.ts';
import { carryOut } from '../../src/daemon/carry-out.ts';
import type { Request } from '../../src/daemon/commands.ts';
import type { Loop } from '../../src/daemon/loop.ts';
import {
  createPackageHands,
  isPackageRepair,
  nextRepairId,
  type PackageHandParts,
  type PackageHands,
} from '../../src/daemon/package-hands.ts';
import type { Trials } from '../../src/daemon/trial-parts.ts';
import { systemClock } from '../../src/system/clock.ts';

let quarantine: string;
let state: State;
let notes: { readonly because: string; readonly notices: readonly Notice[] }[];
let commands: string[];
let made: { readonly id: string; readonly remedy: string; readonly isAlone: boolean }[];
let isExclusive: boolean;
let nudges: number;
let logged: string[];
let noteWorks: boolean;

beforeEach(() => {
  quarantine = mkdtempSync(join(tmpdir(), 'immune-package-hands-'));
  state = {
    ...initialState,
    phase: { kind: 'exhausted', cause: 'dependency-missing' },
    because: 'it is down',
  };
  notes = [];
  commands = [];
  made = [];
  logged = [];
  isExclusive = false;
  nudges = 0;
  noteWorks = true;
});
afterEach(() => rmSync(quarantine, { recursive: true, force: true }));

const keep = (name: string, record: string | null): void => {
  mkdirSync(join(quarantine, name));
  if (record !== null) writeFileSync(join(quarantine, name, record), '{}');
};

const loop: PackageHandParts['loop'] = {
  command: async (command) => {
    commands.push(command.kind);
    return true;
  },
  exclusive: async (work) => {
    isExclusive = true;
    const result = await work();
    isExclusive = false;
    return result;
  },
  note: async (because, notices) => {
    notes.push({ because, notices });
    return noteWorks;
  },
  state: () => state,
  nudge: () => {
    nudges += 1;
  },
};

interface Way {
  readonly outcome?: ActionOutcome;
  readonly parts?: Partial<PackageHandParts>;
}

const done: ActionOutcome = { kind: 'done', because: '2 packages were restored' };

function hands({ outcome = done, parts = {} }: Way = {}): PackageHands {
  return createPackageHands({
    clock: { ...systemClock(), now: () => instant(1_000) },
    loop,
    quarantine,
    log: {
      debug: () => undefined,
      info: () => undefined,
      warn: (text) => void logged.push(text),
      error: (text) => void logged.push(text),
      close: () => undefined,
    },
    mode: () => 'act',
    deadlineMs: () => minutes(15),
    plan: async (id) => ({ id, because: 'a package is missing' }),
    reinstall: async ({ remedy }, id) => {
      made.push({ id, remedy, isAlone: isExclusive });
      if (outcome.kind === 'done') keep(id, 'repair.json');
      return outcome;
    },
    undo: async (id) => {
      made.push({ id, remedy: 'undo', isAlone: isExclusive });
      return outcome;
    },
    ...parts,
  });
}

const asked = { staged: 'packages-0123456789ab', by: 'immune fix-deps' };

describe('a repair of the package that a person asked for', () => {
  it('is made between two actions, told with the command that takes it back, and looked at', async () => {
    const answer = await hands().mend(asked);
    expect(made).toEqual([{ id: 'P1', remedy: asked.staged, isAlone: true }]);
    const told =
      'Repair P1 of the openclaw package, asked by immune fix-deps: 2 packages were restored; undo with "immune undo P1"';
    expect(notes).toEqual([
      { because: told, notices: [{ kind: 'told', at: 1_000, incident: null, text: told, asked: true }] },
    ]);
    // What the log said of the package until now is no word about this one.
    expect(commands).toEqual(['package-changed']);
    expect(nudges).toBe(1);
    expect(answer).toMatchObject({ ok: true, repair: 'P1' });
    expect(answer.text).toMatch(/undo with "immune undo P1"\nif the gateway is down, the watchdog starts it/);
  });

  it('has a number of its own each time, whatever was kept before', async () => {
    keep('P3', 'repair.json');
    keep('P7~2', 'repair.json');
    keep('A12', 'repair.json');
    keep('T40', 'kept.json');
    const both = hands();
    await both.mend(asked);
    await both.mend(asked);
    expect(made.map(({ id }) => id)).toEqual(['P8', 'P9']);
    expect(await nextRepairId(join(quarantine, 'not there'))).toBe('P1');
  });

  it.each<[ActionOutcome, object]>([
    [
      { kind: 'refused', because: 'npm is at work' },
      { ok: false, text: 'nothing was changed: npm is at work' },
    ],
    [
      { kind: 'failed', because: 'the disk is full' },
      { ok: false, why: 'failed', text: 'nothing was changed: the disk is full' },
    ],
    [
      { kind: 'refused', because: 'npm is at work: nothing was replaced' },
      { ok: false, text: 'npm is at work: nothing was replaced' },
    ],
  ])('that is not made is told to who asked, and to nobody else: %o', async (outcome, answer) => {
    expect(await hands({ outcome }).mend(asked)).toEqual(answer);
    expect(notes).toEqual([]);
  });

  it('is not begun without its plan', async () => {
    const parts = { plan: async () => 'there is no plan x' };
    expect(await hands({ parts }).mend(asked)).toEqual({
      ok: false,
      text: 'nothing was changed: there is no plan x',
    });
    expect(made).toEqual([]);
  });

  it('is not begun beside another one, which goes on', async () => {
    const waiting: ((outcome: ActionOutcome) => void)[] = [];
    const reinstall = () => new Promise<ActionOutcome>((resolve) => void waiting.push(resolve));
    const slow = hands({ parts: { reinstall } });
    const first = slow.mend(asked);
    expect(await slow.mend(asked)).toMatchObject({ ok: false, why: 'busy' });
    expect(await slow.undo('P1', 'immune undo')).toMatchObject({ ok: false, why: 'busy' });
    await expect.poll(() => waiting.length).toBe(1);
    waiting[0]?.(done);
    expect(await first).toMatchObject({ ok: true });
    const again = slow.mend(asked);
    await expect.poll(() => waiting.length).toBe(2);
    waiting[1]?.(done);
    expect(await again).toMatchObject({ ok: true });
  });

  it('is not begun by a watchdog that doubts itself', async () => {
    state = {
      ...state,
      phase: { kind: 'suspended', cause: 'journal-in-doubt', since: instant(1), until: null },
      because: 'the journal is damaged',
    };
    const answer = await hands().mend(asked);
    expect(answer).toMatchObject({ ok: false, text: expect.stringContaining('the journal is damaged') });
    expect(made).toEqual([]);
  });

  it('is called off at its deadline', async () => {
    const reinstall: PackageHandParts['reinstall'] = (_step, _id, signal) =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () => resolve({ kind: 'failed', because: 'too late' }));
      });
    const parts = { reinstall, deadlineMs: (): Millis => millis(10) };
    expect(await hands({ parts }).mend(asked)).toMatchObject({
      why: 'failed',
      text: expect.stringMatching(/too late/),
    });
  });

  it('that ends in a mistake of ours is a failure, and the next one is made', async () => {
    let isFirst = true;
    const reinstall = async (): Promise<ActionOutcome> => {
      if (!isFirst) return done;
      isFirst = false;
      throw new Error('a bug');
    };
    const both = hands({ parts: { reinstall } });
    expect(await both.mend(asked)).toMatchObject({
      ok: false,
      why: 'failed',
      text: expect.stringContaining('a bug'),
    });
    expect(await both.mend(asked)).toMatchObject({ ok: true });
  });

  it('is made even where the journal takes no word of it, and the log has it', async () => {
    noteWorks = false;
    expect(await hands().mend(asked)).toMatchObject({ ok: true });
    expect(logged[0]).toMatch(/^The journal could not be written: Repair P1 /);
  });

  it.each<[string, Partial<State>, 'act' | 'observe', string]>([
    ['serves', { phase: { kind: 'healthy' } }, 'act', 'the gateway serves, and is not restarted for it'],
    ['is only observed', {}, 'observe', 'only observes and starts nothing; if the gateway is down: openclaw'],
    ['is paused', { pause: { until: null } as never }, 'act', 'starts nothing before "immune resume"'],
    ['is not wanted', { wanted: 'down' }, 'act', 'the gateway is not meant to run; if the gateway is down'],
  ])('says what becomes of a gateway that %s', async (_name, change, mode, words) => {
    state = { ...state, ...change };
    const { text } = await hands({ parts: { mode: () => mode } }).mend(asked);
    expect(text.split('\n')[1]).toContain(words);
  });
});

describe('the undo of a repair of the package', () => {
  it('is made between two actions, and told', async () => {
    const outcome: ActionOutcome = { kind: 'done', because: 'the package is as it was before' };
    expect(await hands({ outcome }).undo('A7', 'immune undo')).toMatchObject({
      ok: true,
      text: 'the package is as it was before',
    });
    expect(made).toEqual([{ id: 'A7', remedy: 'undo', isAlone: true }]);
    expect(notes[0]?.because).toBe(
      'immune undo took back the repair A7 of the openclaw package: the package is as it was before',
    );
  });

  it('that is refused is told to who asked', async () => {
    const outcome: ActionOutcome = { kind: 'refused', because: 'it was changed since' };
    expect(await hands({ outcome }).undo('A7', 'x')).toEqual({ ok: false, text: 'it was changed since' });
    expect(notes).toEqual([]);
  });

  it.each<[string, readonly (readonly [string, string | null])[], boolean]>([
    ['nothing', [], false],
    ['a change of the config', [['A7', 'kept.json']], false],
    ['a repair of the package', [['A7', 'repair.json']], true],
    [
      'a repair that came later',
      [
        ['A7', 'kept.json'],
        ['A7~2', 'repair.json'],
      ],
      true,
    ],
    [
      'a change that came later',
      [
        ['A7~9', 'repair.json'],
        ['A7~10', 'kept.json'],
      ],
      false,
    ],
    [
      'a repair, and a folder that never began',
      [
        ['A7', 'repair.json'],
        ['A7~2', null],
      ],
      true,
    ],
    ['a repair of another number', [['A70', 'repair.json']], false],
  ])('is dispatched by the newest record of its id: %s', async (_name, kept, isRepair) => {
    for (const [name, record] of kept) keep(name, record);
    expect(await isPackageRepair(quarantine, 'A7')).toBe(isRepair);
  });

  it('never leaves the folder', async () => {
    expect(await isPackageRepair(join(quarantine, 'x'), '../A7')).toBe(false);
  });
});

describe('the requests to the daemon', () => {
  const undone: string[] = [];
  const trials = {
    undo: async (id: string) => {
      undone.push(id);
      return { ok: true, text: 'the config' };
    },
  } as unknown as Trials;
  const take = (request: Request, packages?: PackageHands) =>
    carryOut(request, loop as Loop, {
      clock: systemClock(),
      rules: () => {
        throw new Error('not asked');
      },
      trials,
      ...(packages === undefined ? {} : { packages }),
    });

  it('reach the package by fix-deps, and by an undo of what is one of its repairs', async () => {
    keep('A7', 'repair.json');
    keep('T3', 'kept.json');
    const both = hands();
    expect(await take({ kind: 'fix-deps', ...asked }, both)).toMatchObject({ repair: 'P1' });
    expect(await take({ kind: 'undo', id: 'A7', by: 'x' }, both)).toMatchObject({ repair: 'A7' });
    expect(await take({ kind: 'undo', id: 'T3', by: 'x' }, both)).toEqual({ ok: true, text: 'the config' });
    expect(undone).toEqual(['T3']);
  });

  it('are refused where there is nothing to repair with', async () => {
    expect(await take({ kind: 'fix-deps', ...asked })).toMatchObject({ ok: false });
    const port = { pid: 77, startedAt: 1, foreign: false, force: false, by: 'x' };
    expect(await take({ kind: 'fix-port', ...port })).toMatchObject({ ok: false });
  });
});
