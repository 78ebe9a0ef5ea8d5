import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Evidence } from '../../src/core/evidence.ts';
import type { Notice } from '../../src/core/notice.ts';
import { defaultPolicy } from '../../src/core/policy.ts';
import { type ActionOutcome, initialState, type State } from '../../src/core/state.ts';
import { type Instant, minutes, plus, seconds } from '../../src/core/time.ts';
import type { Trial } from '../../src/core/trial.ts';
import { readTrial, writeTrial } from '../../src/daemon/trial-file.ts';
import { createTrialHands } from '../../src/daemon/trial-hands.ts';
import type { TrialHands, Trials } from '../../src/daemon/trial-parts.ts';
import { createTrials } from '../../src/daemon/trials.ts';
import { checkConfigFile } from '../../src/gateway/config-check.ts';
import { finishSwap } from '../../src/repairs/config-swap.ts';
import { systemClock } from '../../src/system/clock.ts';
import { writePlan } from '../../src/vault/plans.ts';
import { on, sound } from '../core/ground.ts';
import { booting, dawn, first, second, serving } from '../core/world.ts';

/** Real plans, real swaps, real files; the loop, the service manager and the clock are the test's own. */
let home: string;
let configPath: string;
let stateDir: string;
let quarantine: string;
let now: Instant;
let state: State;
let notes: { readonly because: string; readonly notices: readonly Notice[] }[];
let logged: string[];
let noteWorks: boolean;
let restarted: (number | null)[];
let restartOutcome: ActionOutcome;

const oldText = '{ "gateway": { "mode": "local", "port": 18789 } } // as it was';
const newText = '{ "gateway": { "mode": "local", "port": 18790, "auth": { "token": "planted-secret-1" } } }';

beforeEach(() => {
  home = mkdtempSync(join(realpathSync(tmpdir()), 'immune-trials-'));
  configPath = join(home, 'openclaw', 'openclaw.json');
  stateDir = join(home, 'state');
  quarantine = join(home, 'quarantine');
  for (const folder of [join(home, 'openclaw'), stateDir]) mkdirSync(folder, { mode: 0o700 });
  writeFileSync(configPath, oldText, { mode: 0o640 });
  now = plus(dawn, minutes(1));
  state = {
    ...initialState,
    phase: { kind: 'healthy' },
    because: 'the gateway answers',
    generation: {
      pid: first.pid,
      startedAt: dawn,
      bootId: 'b1',
      firstSeenAt: dawn,
      listenedAt: dawn,
      readyAt: dawn,
    },
  };
  notes = [];
  logged = [];
  noteWorks = true;
  restarted = [];
  restartOutcome = { kind: 'done', because: 'restarted' };
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const hashNow = (): string | null => {
  const { verdict } = checkConfigFile(configPath, {}, null);
  return verdict.kind === 'unknown' ? null : verdict.hash;
};
const live = (): string => readFileSync(configPath, 'utf8');

function hands(change: Partial<TrialHands> = {}): TrialHands {
  const real = createTrialHands({
    swap: () => ({
      configPath,
      home,
      uid: process.getuid?.() ?? 0,
      plans: join(stateDir, 'plans'),
      quarantine,
      processes: async () => [],
      now: () => now,
    }),
    record: async () => null,
    tmutil: null,
    run: async () => ({ kind: 'not-started', because: 'nothing is run here' }),
    label: 'ai.openclaw.gateway',
    hands: () => {
      throw new Error('the test restarts by itself');
    },
    restartWithinMs: () => seconds(1),
  });
  const restart = async (pid: number | null): Promise<ActionOutcome> => {
    restarted.push(pid);
    return restartOutcome;
  };
  return { ...real, restart, ...change };
}

function trials(change: Partial<TrialHands> = {}): Trials {
  const say = (level: string) => (text: string) => void logged.push(`${level}: ${text}`);
  return createTrials({
    stateDir,
    quarantine,
    clock: { ...systemClock(), now: () => now },
    policy: () => defaultPolicy,
    log: {
      debug: say('debug'),
      info: say('info'),
      warn: say('warn'),
      error: say('error'),
      close: () => undefined,
    },
    loop: {
      exclusive: (work) => work(),
      note: async (because, notices) => {
        notes.push({ because, notices });
        return noteWorks;
      },
      state: () => state,
      nudge: () => undefined,
    },
    hands: hands(change),
  });
}

async function stage(text = newText, id = 'apply-1'): Promise<string> {
  const written = await writePlan(join(stateDir, 'plans'), {
    id,
    kind: 'apply',
    snapshot: null,
    replaces: hashNow(),
    configPath,
    files: [{ path: configPath, mode: null, bytes: Buffer.from(text) }],
    changes: ['gateway.port was changed', 'gateway.auth was added'],
    because: 'the operator applied it',
  });
  if (written.kind === 'failed') throw new Error(written.because);
  return id;
}

const ask = { kind: 'apply', confirmWithinMs: null, restart: false, by: 'immune apply' } as const;

async function applied(on_: Trials, change: Partial<{ confirmWithinMs: number; restart: boolean }> = {}) {
  const answer = await on_.apply({ ...ask, staged: await stage(), ...change });
  expect(answer).toMatchObject({ ok: true, trial: 'T1' });
  return answer;
}

const fine = (): Evidence => {
  const hash = hashNow() ?? '';
  return on(serving(), sound, { config: { kind: 'sound', hash, changedAt: dawn, validator: 'valid' } })(now);
};
const refusedByOpenClaw = (): Evidence =>
  on(serving(), sound, {
    config: {
      kind: 'faulty',
      fault: 'rejected',
      hash: hashNow(),
      changedAt: dawn,
      because: 'gateway.port is odd',
    },
  })(now);

function lookAfter(on_: Trials, length: number, evidence: () => Evidence = fine): void {
  now = plus(now, length as never);
  on_.onLook(state, evidence());
}

async function kept(): Promise<Trial> {
  const read = await readTrial(stateDir);
  if (read.kind !== 'read') throw new Error(`no trial: ${read.kind}`);
  return read.trial;
}

const endOf = (kind: string): Promise<Trial> =>
  vi.waitFor(async () => {
    const trial = await kept();
    expect(trial.end).toMatchObject({ kind, told: true });
    return trial;
  });

/** Everything it wrote or said: no value of the config may stand in it. */
const saidEverywhere = (): string =>
  [JSON.stringify(notes), ...logged, readFileSync(join(stateDir, 'trial.json'), 'utf8')].join('\n');

describe('a change that is applied', () => {
  it('is in place with the mode of what it replaces, which is kept; and holds after the watch, told once', async () => {
    const one = trials();
    const answer = await applied(one);
    expect(answer.text).toContain('"immune undo T1" takes it back now');
    expect(live()).toBe(newText);
    expect(statSync(configPath).mode & 0o777).toBe(0o640);
    expect(await kept()).toMatchObject({ id: 'T1', left: hashNow(), end: null });
    expect(statSync(join(stateDir, 'trial.json')).mode & 0o777).toBe(0o600);
    lookAfter(one, 1_000);
    await one.close();
    expect(one.current()).not.toBeNull();
    lookAfter(one, 60_000);
    await endOf('holds');
    expect(live()).toBe(newText);
    const told = notes.flatMap(({ notices }) => notices);
    expect(told).toHaveLength(1);
    expect(told[0]).toMatchObject({ kind: 'told', incident: null });
    expect(told[0]?.text).toBe(
      'the change T1 of the config holds: the gateway has been ready with it for 60 s (gateway.port was changed; gateway.auth was added); undo with "immune undo T1"',
    );
    expect(saidEverywhere()).not.toContain('planted-secret-1');
    lookAfter(one, 60_000);
    expect(notes.flatMap(({ notices }) => notices)).toHaveLength(1);
  });

  it.each<readonly [State['cause'], boolean]>([
    ['crash-loop', true],
    ['booting', true],
    ['unknown', true],
    ['serving', false],
    ['parked', false],
    ['unloaded', false],
    ['stopped-by-operator', false],
  ])('beside a gateway that is %s: a start may be under way is %s', async (cause, downBefore) => {
    state = { ...state, cause };
    const one = trials();
    one.onLook(state, fine());
    await applied(one);
    expect(await kept()).toMatchObject({ downBefore });
  });

  it('may be made beside a start that nobody has seen, where no look was taken in this life', async () => {
    state = { ...state, cause: 'serving' };
    await applied(trials());
    expect(await kept()).toMatchObject({ downBefore: true });
  });

  it('is taken back byte for byte when OpenClaw refuses it', async () => {
    const one = trials();
    await applied(one);
    lookAfter(one, 2_000, refusedByOpenClaw);
    await endOf('reverted');
    expect(live()).toBe(oldText);
    expect(statSync(configPath).mode & 0o777).toBe(0o640);
    expect(notes.at(-1)?.because).toContain('OpenClaw cannot start with it: gateway.port is odd');
    expect(saidEverywhere()).not.toContain('planted-secret-1');
  });

  it('is taken back when nobody confirms it, and kept when somebody does', async () => {
    const one = trials();
    const answer = await applied(one, { confirmWithinMs: 120_000 });
    expect(answer.text).toContain('unless you type "immune confirm"');
    lookAfter(one, 1_000);
    lookAfter(one, 100_000);
    await one.close();
    expect(one.current()).not.toBeNull();
    lookAfter(one, 19_000);
    await endOf('reverted');
    expect(live()).toBe(oldText);

    const answered = await one.apply({
      ...ask,
      staged: await stage(newText, 'apply-2'),
      confirmWithinMs: 120_000,
    });
    expect(answered.trial).toBe('T2');
    lookAfter(one, 1_000);
    expect(await one.confirm('test')).toMatchObject({ ok: true, trial: 'T2' });
    expect(await one.confirm('test')).toMatchObject({ ok: true, text: 'the change T2 is confirmed already' });
    lookAfter(one, 300_000);
    await endOf('holds');
    expect(live()).toBe(newText);
  });

  it('is not waited for any longer where the clock is set back by a day', async () => {
    const one = trials();
    await applied(one, { confirmWithinMs: 120_000 });
    now = plus(now, -minutes(1_440) as never);
    lookAfter(one, 0);
    await one.close();
    lookAfter(one, 120_000);
    await endOf('reverted');
  });

  it('cannot be confirmed after its deadline, nor where there is nothing to confirm', async () => {
    const one = trials();
    expect(await one.confirm('test')).toMatchObject({ ok: false });
    await applied(one, { confirmWithinMs: 1_000 });
    now = plus(now, seconds(1));
    expect(await one.confirm('test')).toMatchObject({ ok: false, text: expect.stringContaining('too late') });
    lookAfter(one, 0);
    await endOf('reverted');
    await one.apply({ ...ask, staged: await stage(newText, 'apply-3') });
    expect(await one.confirm('test')).toMatchObject({ ok: true, text: expect.stringContaining('needs no') });
  });

  it('is taken back where the operator asks for it, and only once', async () => {
    const one = trials();
    await applied(one);
    expect(await one.undo('T1', 'immune undo')).toMatchObject({ ok: true });
    expect(live()).toBe(oldText);
    expect((await kept()).end).toMatchObject({ kind: 'reverted' });
    expect(await one.undo('T1', 'immune undo')).toMatchObject({ ok: false });
    expect(await one.undo('A7', 'immune undo')).toMatchObject({ ok: false });
  });

  it('can be undone long after it was kept', async () => {
    const one = trials();
    await applied(one);
    lookAfter(one, 1_000);
    lookAfter(one, 60_000);
    await endOf('holds');
    expect(await one.undo('T1', 'immune undo')).toMatchObject({ ok: true });
    expect(live()).toBe(oldText);
    expect(notes.at(-1)?.because).toContain('immune undo took back the change T1');
  });

  it('is left alone once somebody else has changed the config, and that is told', async () => {
    const one = trials();
    await applied(one, { confirmWithinMs: 60_000 });
    writeFileSync(configPath, '{ "gateway": { "mode": "local", "port": 1 } }');
    lookAfter(one, 3_600_000);
    await endOf('superseded');
    expect(live()).toContain('"port": 1 ');
    expect(notes.at(-1)?.notices).toHaveLength(1);
  });

  it('has ended where somebody has put the old config back by hand', async () => {
    const one = trials();
    await applied(one);
    writeFileSync(configPath, oldText);
    lookAfter(one, 1_000);
    await endOf('reverted');
  });
});

describe('a change that cannot be taken back at the first try', () => {
  const busyDoctor = {
    kind: 'refused',
    because: 'process 42 (openclaw doctor) may be changing the config',
  } as const;
  const fullDisk = { kind: 'failed', because: 'write: ENOSPC' } as const;

  /** Hands whose undo answers so, one after the other, and then works. */
  function later(...answers: readonly (ActionOutcome | Error)[]) {
    const real = hands();
    const tried: Instant[] = [];
    const undo: TrialHands['undo'] = async (...asked) => {
      const answer = answers[tried.length];
      tried.push(now);
      if (answer instanceof Error) throw answer;
      return answer ?? real.undo(...asked);
    };
    return { tried, change: { undo } };
  }
  const settled = async (on_: Trials): Promise<void> => {
    await on_.close();
    await on_.close();
  };
  const heard = (): readonly string[] => notes.flatMap(({ notices }) => notices.map(({ text }) => text));

  it('is tried again with growing pauses until it is, told once for each reason', async () => {
    const { tried, change } = later(
      busyDoctor,
      { ...busyDoctor, because: busyDoctor.because.replace('42', '43') },
      fullDisk,
      new Error('EIO'),
    );
    const one = trials(change);
    await applied(one, { confirmWithinMs: 120_000 });
    const begun = now;
    lookAfter(one, 120_000);
    await settled(one);
    expect(one.current()).toMatchObject({ undoing: { tries: 1 }, end: null });
    expect(heard()).toEqual([
      'the change T1 of the config is to be taken back (nobody confirmed it within 2 min), and could not be so far: process 42 (openclaw doctor) may be changing the config; it is tried again by itself until it is done, and at once with "immune undo T1"',
    ]);
    expect(await one.confirm('test')).toMatchObject({ ok: false });
    expect(await one.apply({ ...ask, staged: 'apply-1' })).toMatchObject({
      ok: false,
      text: expect.stringContaining('is being taken back'),
    });
    for (let n = 0; n < 16; n += 1) {
      lookAfter(one, 10_000);
      await settled(one);
    }
    await endOf('reverted');
    expect(tried.map((when) => when - begun)).toEqual([120_000, 130_000, 150_000, 190_000, 270_000]);
    expect(live()).toBe(oldText);
    expect(heard()).toHaveLength(4);
    expect(heard()[1]).toContain('ENOSPC');
    expect(heard()[2]).toContain('EIO');
    expect(heard()[3]).toContain('was taken back');
  });

  it('is taken back by the next watchdog, though the gateway serves by then, and what was told is not told again', async () => {
    const { change } = later(busyDoctor, busyDoctor);
    const one = trials(change);
    await applied(one);
    lookAfter(one, 1_000, refusedByOpenClaw);
    await settled(one);
    const two = trials(later(busyDoctor).change);
    await two.begin();
    lookAfter(two, 10_000);
    await settled(two);
    expect(two.current()).not.toBeNull();
    lookAfter(two, 20_000);
    await endOf('reverted');
    expect(live()).toBe(oldText);
    expect(heard()).toHaveLength(2);
  });

  it('is told once more where the journal could not take it', async () => {
    const one = trials(later(busyDoctor, busyDoctor, busyDoctor).change);
    await applied(one);
    noteWorks = false;
    lookAfter(one, 1_000, refusedByOpenClaw);
    await settled(one);
    noteWorks = true;
    notes = [];
    for (const pause of [10_000, 20_000]) {
      lookAfter(one, pause);
      await settled(one);
    }
    expect(heard()).toHaveLength(1);
  });

  it('is tried again where the operator asked for it', async () => {
    const one = trials(later(busyDoctor).change);
    await applied(one);
    expect(await one.undo('T1', 'immune undo')).toEqual({
      ok: false,
      text: `${busyDoctor.because}; it is tried again by itself until it is done`,
    });
    lookAfter(one, 10_000);
    expect((await endOf('reverted')).end?.because).toBe('immune undo asked for it');
    expect(live()).toBe(oldText);
  });

  it('is left alone once somebody else has changed the config', async () => {
    const one = trials(later(busyDoctor).change);
    await applied(one);
    lookAfter(one, 1_000, refusedByOpenClaw);
    await settled(one);
    writeFileSync(configPath, '{ "gateway": { "mode": "local", "port": 1 } }');
    lookAfter(one, 1_000);
    await endOf('superseded');
    expect(live()).toContain('"port": 1 ');
  });

  it('has ended where a failed try had put it back after all', async () => {
    const real = hands();
    const undo: TrialHands['undo'] = async (...which) => {
      await real.undo(...which);
      return fullDisk;
    };
    const one = trials({ undo });
    await applied(one);
    lookAfter(one, 1_000, refusedByOpenClaw);
    expect((await endOf('reverted')).end?.because).toContain('gateway.port is odd');
  });

  it('has ended where what it replaced is gone, and that is told with what to type', async () => {
    const one = trials();
    await applied(one);
    rmSync(join(quarantine, 'T1'), { recursive: true });
    lookAfter(one, 1_000, refusedByOpenClaw);
    const { end } = await endOf('failed');
    expect(end?.because).toContain('nothing is kept of a change named T1');
    expect(end?.because).toContain('"immune snapshots"');
    expect(heard()).toHaveLength(1);
    expect(one.current()).toBeNull();
  });

  it('has ended where the file it replaced was removed from what is kept', async () => {
    const one = trials();
    await applied(one);
    const record = JSON.parse(readFileSync(join(quarantine, 'T1', 'kept.json'), 'utf8'));
    rmSync(record.files[0].kept);
    lookAfter(one, 1_000, refusedByOpenClaw);
    expect((await endOf('failed')).end?.because).toContain('is gone');
  });

  it('is tried again where the record of what it replaced cannot be read at this moment', async () => {
    const one = trials();
    await applied(one);
    const path = join(quarantine, 'T1', 'kept.json');
    const text = readFileSync(path);
    writeFileSync(path, '{ torn');
    lookAfter(one, 1_000, refusedByOpenClaw);
    await settled(one);
    expect(one.current()).not.toBeNull();
    writeFileSync(path, text);
    lookAfter(one, 10_000);
    await endOf('reverted');
    expect(live()).toBe(oldText);
  });

  it('is gone on with where half of it is back, and not at every look', async () => {
    const real = hands();
    let half = false;
    let tries = 0;
    let asked = 0;
    const change: Partial<TrialHands> = {
      undo: async (...which) => {
        tries += 1;
        if (tries === 3) {
          half = false;
          writeFileSync(configPath, newText);
          return real.undo(...which);
        }
        half = true;
        writeFileSync(configPath, '{ "gateway": { "mode": "local", "port": 18791 } }');
        return fullDisk;
      },
      kept: async (id) => {
        asked += 1;
        const read = await real.kept(id);
        return half && read.kind === 'read' ? { ...read, state: 'begun' } : read;
      },
    };
    const one = trials(change);
    await applied(one);
    lookAfter(one, 1_000, refusedByOpenClaw);
    await settled(one);
    for (let n = 0; n < 9; n += 1) {
      lookAfter(one, 1_000);
      await settled(one);
    }
    expect({ tries, asked }).toEqual({ tries: 1, asked: 2 });
    expect(one.current()).not.toBeNull();
    for (const pause of [1_000, 20_000]) {
      lookAfter(one, pause);
      await settled(one);
    }
    await endOf('reverted');
    expect(tries).toBe(3);
    expect(live()).toBe(oldText);
  });

  it('is taken back in a pause as well: the operator asked for it before', async () => {
    const one = trials();
    await applied(one, { confirmWithinMs: 120_000 });
    state = { ...state, phase: { kind: 'suspended', cause: 'paused', since: now, until: null } };
    lookAfter(one, 120_000);
    await endOf('reverted');
    expect(live()).toBe(oldText);
  });
});

describe('a change that is not made', () => {
  it('is refused beside another one, with the plan gone, in doubt, or restarting what is meant to be down', async () => {
    const one = trials();
    expect(await one.apply({ ...ask, staged: 'apply-9' })).toMatchObject({ ok: false });
    const staged = await stage();
    state = { ...state, phase: { kind: 'suspended', cause: 'own-fault', since: dawn, until: null } };
    expect(await one.apply({ ...ask, staged })).toMatchObject({ ok: false });
    state = {
      ...state,
      phase: { kind: 'suspended', cause: 'stopped-by-operator', since: dawn, until: null },
      wanted: 'down',
    };
    expect(await one.apply({ ...ask, staged, restart: true })).toMatchObject({ ok: false });
    state = { ...state, phase: { kind: 'healthy' }, wanted: 'up' };
    expect(live()).toBe(oldText);
    const both = await Promise.all([one.apply({ ...ask, staged }), one.apply({ ...ask, staged })]);
    expect(both.map(({ ok }) => ok)).toEqual([true, false]);
    expect(await one.apply({ ...ask, staged })).toMatchObject({
      ok: false,
      text: expect.stringContaining('still under watch'),
    });
  });

  it('changes nothing where the config is no longer the one it was made for', async () => {
    const one = trials();
    const staged = await stage();
    writeFileSync(configPath, '{ "gateway": { "mode": "local" } }');
    expect(await one.apply({ ...ask, staged })).toMatchObject({
      ok: false,
      text: expect.stringContaining('nothing was changed'),
    });
    expect(live()).toBe('{ "gateway": { "mode": "local" } }');
    expect(one.current()).toBeNull();
    expect(notes).toEqual([]);
  });

  it('changes nothing where it cannot be written down first', async () => {
    const one = trials();
    const staged = await stage();
    mkdirSync(join(stateDir, 'trial.json', 'in-the-way'), { recursive: true });
    expect(await one.apply({ ...ask, staged })).toMatchObject({ ok: false });
    expect(live()).toBe(oldText);
  });

  it('says so where no snapshot could be made before, and goes on: what it replaces is kept anyway', async () => {
    const one = trials({
      record: async () => ['no snapshot of the config was made before: the disk is full'],
    });
    expect((await applied(one)).text).toContain('the disk is full');
  });
});

describe('a watchdog that is asked to stop', () => {
  it('waits for a change that is being put in place', async () => {
    const one = trials();
    const asked = one.apply({ ...ask, staged: await stage() });
    await one.close();
    expect(live()).toBe(newText);
    expect(await asked).toMatchObject({ ok: true });
  });
});

describe('a change with a restart', () => {
  it('restarts the process from before once, and holds by the next one', async () => {
    const one = trials();
    await applied(one, { restart: true });
    lookAfter(one, 100);
    await vi.waitFor(async () => expect((await kept()).restart).toBe('asked'));
    lookAfter(one, 100);
    expect(restarted).toEqual([first.pid]);
    state = { ...state, generation: { ...state.generation, pid: second.pid } as State['generation'] };
    lookAfter(one, 5_000);
    lookAfter(one, 60_000);
    await endOf('holds');
    expect(restarted).toEqual([first.pid]);
  });

  it.each([
    ['done', ''],
    ['failed', 'the gateway may still run with the change'],
  ] as const)('is taken back with a restart of what serves with it (%s)', async (kind, told) => {
    const one = trials();
    await applied(one, { restart: true, confirmWithinMs: 120_000 });
    lookAfter(one, 100);
    await vi.waitFor(async () => expect((await kept()).restart).toBe('asked'));
    const generation = { ...state.generation, pid: second.pid, readyAt: now } as State['generation'];
    state = { ...state, generation };
    restartOutcome = { kind, because: 'launchd is busy' };
    lookAfter(one, 5_000);
    lookAfter(one, 120_000);
    const end = await endOf('reverted');
    expect(restarted).toEqual([first.pid, second.pid]);
    expect(live()).toBe(oldText);
    expect(JSON.stringify(end ?? (await kept()).end)).toContain(told);
  });

  it('is taken back where the restart is refused by the service manager twice', async () => {
    restartOutcome = { kind: 'failed', because: 'launchd did not take the request' };
    const one = trials();
    await applied(one, { restart: true });
    lookAfter(one, 100);
    await vi.waitFor(() => expect(logged.join()).toContain('The restart for T1 failed'));
    await vi.waitFor(async () => {
      lookAfter(one, 100);
      expect((await kept()).end).toMatchObject({ kind: 'reverted' });
    });
    expect(restarted).toHaveLength(2);
    expect(live()).toBe(oldText);
  });

  it('does not restart again after a watchdog that died over it, where it took', async () => {
    await applied(trials(), { restart: true });
    state = { ...state, generation: { ...state.generation, pid: second.pid } as State['generation'] };
    const two = trials();
    await two.begin();
    lookAfter(two, 100);
    await vi.waitFor(async () => expect((await kept()).restart).toBe('asked'));
    expect(restarted).toEqual([]);
  });
});

describe('another watchdog, after the first one died', () => {
  it('enforces the deadline that passed meanwhile', async () => {
    await applied(trials(), { confirmWithinMs: 120_000 });
    now = plus(now, minutes(600));
    const two = trials();
    await two.begin();
    await two.close();
    expect(two.current()).not.toBeNull();
    lookAfter(two, 0);
    await endOf('reverted');
    expect(live()).toBe(oldText);
  });

  it('gives the boot under way its time, and judges it', async () => {
    await applied(trials());
    now = plus(now, minutes(600));
    const two = trials();
    await two.begin();
    const booting_ = (): Evidence => on(booting(second), sound)(now);
    lookAfter(two, 0, booting_);
    await two.close();
    lookAfter(two, 599_000, booting_);
    await two.close();
    expect(two.current()).not.toBeNull();
    lookAfter(two, 1_000, booting_);
    await endOf('reverted');
  });

  it('ends a trial that was never put in place', async () => {
    const broken = trials({
      swap: async () => {
        throw new Error('killed here');
      },
    });
    await expect(broken.apply({ ...ask, staged: await stage() })).rejects.toThrow('killed here');
    expect(await kept()).toMatchObject({ left: null, end: null });
    await finishSwap({ quarantine });
    await trials().begin();
    expect((await kept()).end).toMatchObject({ kind: 'failed', told: true });
    expect(live()).toBe(oldText);
  });

  it('takes up one that was put in place without a word about it', async () => {
    const real = hands();
    const broken = trials({
      swap: async (plan, of) => {
        await real.swap(plan, of);
        throw new Error('killed here');
      },
    });
    await expect(broken.apply({ ...ask, staged: await stage() })).rejects.toThrow('killed here');
    expect(await kept()).toMatchObject({ left: null, end: null });
    const two = trials();
    await two.begin();
    expect(two.current()).toMatchObject({ left: hashNow() });
    lookAfter(two, 1_000, refusedByOpenClaw);
    await endOf('reverted');
    expect(live()).toBe(oldText);
  });

  /** Killed after the swap and before a word about it. */
  async function diedInPlace(): Promise<void> {
    const real = hands();
    const broken = trials({
      swap: async (plan, of) => {
        await real.swap(plan, of);
        throw new Error('killed here');
      },
    });
    const asked = broken.apply({ ...ask, staged: await stage(), confirmWithinMs: 60_000 });
    await expect(asked).rejects.toThrow('killed here');
    expect(await kept()).toMatchObject({ left: null, end: null });
  }

  it('watches one on whose kept record cannot be read, and says so; its deadline holds', async () => {
    await diedInPlace();
    const path = join(quarantine, 'T1', 'kept.json');
    const text = readFileSync(path);
    writeFileSync(path, '{ torn');
    const two = trials();
    await two.begin();
    expect(two.current()).toMatchObject({ left: hashNow() });
    expect(notes.at(-1)?.notices[0]?.text).toContain('"immune undo T1"');
    lookAfter(two, 60_000);
    await two.close();
    expect(two.current()).not.toBeNull();
    writeFileSync(path, text);
    lookAfter(two, 10_000);
    await endOf('reverted');
    expect(live()).toBe(oldText);
  });

  it('watches one on that is in place though its record still says begun', async () => {
    await diedInPlace();
    const path = join(quarantine, 'T1', 'kept.json');
    const record = JSON.parse(readFileSync(path, 'utf8'));
    writeFileSync(path, JSON.stringify({ ...record, state: 'begun', left: null }));
    const two = trials();
    await two.begin();
    expect(two.current()).toMatchObject({ left: hashNow() });
    lookAfter(two, 60_000);
    await endOf('reverted');
    expect(live()).toBe(oldText);
  });

  it('waits where the config cannot be read, says what to type, and judges it later', async () => {
    await diedInPlace();
    writeFileSync(join(quarantine, 'T1', 'kept.json'), '{ torn');
    const real = hands();
    let known = false;
    const two = trials({ live: () => (known ? real.live() : { kind: 'unknown' }) });
    await two.begin();
    expect(two.current()).toMatchObject({ left: null, end: null });
    for (let n = 0; n < 4; n += 1) {
      lookAfter(two, 10_000);
      await two.close();
    }
    expect(two.current()).toMatchObject({ left: null, end: null });
    expect(notes.flatMap(({ notices }) => notices)).toHaveLength(1);
    expect(notes[0]?.because).toContain('"immune undo T1"');
    known = true;
    lookAfter(two, 80_000);
    await two.close();
    expect(two.current()).toMatchObject({ left: hashNow() });
  });

  it('watches one on that is in place, whatever became of its kept record', async () => {
    await applied(trials());
    writeFileSync(join(quarantine, 'T1', 'kept.json'), '{ torn');
    const two = trials();
    await two.begin();
    lookAfter(two, 1_000);
    lookAfter(two, 60_000);
    await endOf('holds');
  });

  it('says that nothing was changed only where that is so', async () => {
    await diedInPlace();
    rmSync(join(quarantine, 'T1'), { recursive: true });
    await trials().begin();
    const { end } = await kept();
    expect(end).toMatchObject({ kind: 'failed', told: true });
    expect(end?.because).not.toContain('nothing was changed');
    expect(end?.because).toContain('"immune snapshots"');
  });

  it('is no loss where a swap that was thought to have failed is completed later', async () => {
    await diedInPlace();
    const trial = await kept();
    await writeTrial(stateDir, { ...trial, left: 'f'.repeat(64) });
    const two = trials();
    await two.begin();
    lookAfter(two, 1_000);
    await two.close();
    expect(two.current()).toMatchObject({ left: hashNow() });
    lookAfter(two, 60_000);
    await endOf('reverted');
  });

  it('finishes one that died while it was taken back', async () => {
    const one = trials();
    await applied(one);
    await hands().undo('T1', 'unhelpful');
    const two = trials();
    await two.begin();
    expect((await kept()).end).toMatchObject({ kind: 'reverted', told: true });
    expect(notes.at(-1)?.notices).toHaveLength(1);
  });

  it('says the end once more where the journal could not take it', async () => {
    noteWorks = false;
    const one = trials();
    await applied(one);
    lookAfter(one, 1_000, refusedByOpenClaw);
    await vi.waitFor(async () => expect((await kept()).end).toMatchObject({ told: false }));
    noteWorks = true;
    const two = trials();
    await two.begin();
    expect((await kept()).end).toMatchObject({ kind: 'reverted', told: true });
    notes = [];
    await trials().begin();
    expect(notes).toEqual([]);
  });

  it('goes on without a trial that cannot be read, and never uses its number again', async () => {
    await applied(trials());
    writeFileSync(join(stateDir, 'trial.json'), '{ torn');
    const two = trials();
    await two.begin();
    expect(logged.join()).toContain('cannot be read');
    expect(two.current()).toBeNull();
    const answer = await two.apply({
      ...ask,
      staged: await stage('{ "gateway": { "mode": "local" } }', 'apply-5'),
    });
    expect(answer.trial).toBe('T2');
    expect(existsSync(join(quarantine, 'T1', 'kept.json'))).toBe(true);
  });

  it('takes up one whose own record could not be read for a moment', async () => {
    await applied(trials(), { confirmWithinMs: 60_000 });
    const path = join(stateDir, 'trial.json');
    const text = readFileSync(path);
    writeFileSync(path, '{ torn');
    const two = trials();
    await two.begin();
    expect(notes.at(-1)?.notices[0]?.text).toContain('"immune snapshots"');
    writeFileSync(path, text);
    lookAfter(two, 9_000);
    await two.close();
    expect(two.current()).toBeNull();
    lookAfter(two, 60_000);
    await two.close();
    lookAfter(two, 0);
    await endOf('reverted');
    expect(live()).toBe(oldText);
  });

  it('is not needed where a bug ended the swap: the next look tells what became of it', async () => {
    const real = hands();
    const one = trials({
      swap: async (plan, of) => {
        await real.swap(plan, of);
        throw new Error('a bug');
      },
    });
    await expect(one.apply({ ...ask, staged: await stage() })).rejects.toThrow('a bug');
    lookAfter(one, 100);
    await one.close();
    expect(one.current()).toMatchObject({ left: hashNow() });
  });

  it('knows nothing where there was no trial', async () => {
    const one = trials();
    await one.begin();
    expect(one.current()).toBeNull();
    lookAfter(one, 1_000);
    expect(notes).toEqual([]);
  });
});

it('a trial file survives being written and read', async () => {
  await applied(trials());
  const trial = await kept();
  await writeTrial(stateDir, trial);
  expect(await kept()).toEqual(trial);
});
