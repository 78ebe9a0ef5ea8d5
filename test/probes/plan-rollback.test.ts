import { chmodSync, mkdirSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { instant } from '../../src/core/time.ts';
import type { PlanOutcome } from '../../src/probes/plan-rollback.ts';
import type { KeptRecord } from '../../src/vault/kept.ts';
import { byUser } from '../user/by-user.ts';
import { plannerWorld } from './planner-world.ts';

let world: ReturnType<typeof plannerWorld>;
beforeEach(() => {
  world = plannerWorld();
});
afterEach(() => {
  expect(world.stages()).toEqual([]);
  world.end();
});

type Ready = Extract<PlanOutcome, { readonly kind: 'ready' }>;
function ready(outcome: PlanOutcome): Ready {
  if (outcome.kind !== 'ready') throw new Error(JSON.stringify(outcome));
  return outcome;
}
const textOf = (outcome: PlanOutcome, path = world.configPath): string =>
  Buffer.from(ready(outcome).draft.files.find((file) => file.path === path)?.bytes ?? '').toString();

const good = `{
  // The gateway, as it has run for months.
  gateway: { mode: "local", port: 18789, bind: "loopback", auth: { mode: "token", token: "s3cret-token-of-the-operator" } },
  agents: { defaults: { model: "a/b", timeoutSeconds: 60 } },
  channels: { telegram: { enabled: true, dmPolicy: "allowlist", allowFrom: ["1"], botToken: "old-bot-token-12345" } },
  logging: { level: "info" },
}
`;
/** A change of the live file that was taken back. */
const undoneRecord = (over: Partial<KeptRecord>): KeptRecord => ({
  version: 1,
  id: 'A1',
  incident: null,
  at: instant(1),
  planId: null,
  planKind: 'keys',
  snapshot: null,
  configPath: world.configPath,
  replaced: world.hash(),
  left: null,
  files: [],
  changes: [],
  state: 'undone',
  undoes: null,
  ...over,
});
/** Nine edits that are good, comments and odd formatting among them. */
const edited = (bad: (text: string) => string): string =>
  bad(`{
  // The gateway, as it has run for months.
  gateway: { mode: "local", port: 19000, bind: "loopback", auth: { mode: "token", token: "s3cret-token-of-the-operator" },
    reload: { mode: "hybrid" }, /*gateway*/ },
  /* a new model */ agents: { defaults: { model: 'c/d', workspace: "/w", timeoutSeconds: 90 } },
  channels: { telegram: { enabled: false, dmPolicy: "allowlist", allowFrom: ["1"], botToken: "new-bot-token-67890" } },
  logging: { level: "debug", file: "/tmp/x.log", },
  messages: { prefix: "hello" }, // nine
/*root*/}
`);
const unknownRoot = edited((text) => text.replace('/*root*/', '  bogusKey: { deep: "s3cret-in-bogus" },\n'));
const unknownNested = edited((text) => text.replace('/*gateway*/', 'nestedBogus: 1,'));
const wrongType = edited((text) => text.replace('timeoutSeconds: 90', 'timeoutSeconds: "ninety"'));
const withoutMarks = (text: string): string => text.replace(/\/\*(?:root|gateway)\*\//g, '');

describe('one bad edit among ten', () => {
  test.each([
    ['an unknown key at the root', unknownRoot, 'bogusKey', true],
    ['an unknown nested key', unknownNested, 'gateway.nestedBogus', true],
    ['a wrong type', wrongType, 'agents.defaults.timeoutSeconds', true],
    ['an unknown nested key that 2026.6 does not name', unknownNested, 'gateway.nestedBogus', false],
    ['an unknown root key that 2026.6 does not name', unknownRoot, 'bogusKey', false],
  ])('%s goes alone: nine edits and every comment stay', async (_name, live, key, names) => {
    world.manner({ names });
    const entry = world.snapshot({ files: good });
    world.live(live);
    const outcome = await world.plan();
    expect(ready(outcome).explain.blamed.map((blame) => blame.key)).toEqual([key]);
    const { draft } = ready(outcome);
    expect(draft).toMatchObject({ kind: 'keys', snapshot: entry.id, replaces: world.hash() });
    expect(draft.id).toMatch(/^keys-[0-9a-f]{12}$/);
    expect(draft.changes).toHaveLength(1);
    const text = textOf(outcome);
    if (key.endsWith('Seconds')) expect(text).toBe(live.replace('"ninety"', '60'));
    else
      expect(withoutMarks(text).replace(/\s+/g, ' ')).toBe(
        withoutMarks(edited((all) => all)).replace(/\s+/g, ' '),
      );
    // One tells what is wrong, one proves the plan; 2026.6 leaves two keys to choose from.
    expect(world.runs().length).toBe(ready(outcome).explain.runs);
    expect(world.runs().length).toBeLessThanOrEqual(names ? 2 : 4);
  });

  test('what a look already knows of the fault saves a run', async () => {
    world.snapshot({ files: good });
    world.live(unknownRoot);
    const issues = [{ path: '<root>', message: 'Unrecognized key: "bogusKey"' }];
    const outcome = await world.plan({ seen: { hash: world.hash(), isClobbered: false, issues } });
    expect(ready(outcome).draft.kind).toBe('keys');
    expect(world.runs()).toHaveLength(1);
  });

  test('two faults at once go together', async () => {
    world.snapshot({ files: good });
    world.live(wrongType.replace('/*root*/', 'bogusKey: 1,').replace('level: "debug"', 'level: 7'));
    const outcome = await world.plan();
    expect(
      ready(outcome)
        .explain.blamed.map(({ key }) => key)
        .sort(),
    ).toEqual(['agents.defaults.timeoutSeconds', 'bogusKey', 'logging.level']);
    expect(world.runs()).toHaveLength(2);
  });

  test('no word of the plan or of its reasons holds a value', async () => {
    world.snapshot({ files: good });
    world.live(unknownRoot);
    const { draft, explain } = ready(await world.plan());
    const words = JSON.stringify([{ ...draft, files: [] }, explain]);
    expect(words).not.toMatch(/s3cret|bot-token|hybrid|19000/);
    expect(draft.because).toContain('takes bogusKey back to the verified snapshot 11111111 of 2026-01-01');
  });

  test('the validator only ever sees a private copy, laid out as the real config', async () => {
    const files = {
      'openclaw.json': '{gateway:{mode:"local"},agents:{$include:"./parts/agents.json5"}}',
      'parts/agents.json5': '{defaults:{model:"a/b"}}',
    };
    world.snapshot({ files });
    world.live({
      ...files,
      'parts/agents.json5': '{\n  // mine\n  defaults: { model: "c/d", bogus: 1 },\n}',
    });
    const outcome = await world.plan();
    expect(textOf(outcome, join(world.place.stateDir, 'parts/agents.json5'))).toMatch(
      /^\{\n {2}\/\/ mine\n {2}defaults: \{ model: "c\/d"/,
    );
    expect(ready(outcome).draft.files).toHaveLength(1);
    expect(ready(outcome).draft.changes).toEqual(['defaults.bogus was removed in parts/agents.json5']);
    expect(world.runs().every((line) => /openclaw-stage-.* 40700 100600$/.test(line))).toBe(true);
  });
});

test('an included file that the store names otherwise goes back to its own place', async () => {
  const odd = {
    'openclaw.json': '{gateway:{mode:"local"},agents:{$include:"./.git-agents.json5"}}',
    '.git-agents.json5': '{defaults:{model:"a/b"}}',
  };
  world.snapshot({ files: odd });
  world.live({ ...odd, '.git-agents.json5': '{defaults:{model:"a/b"},bogus:1}' });
  const path = join(world.place.stateDir, '.git-agents.json5');
  expect(textOf(await world.plan(), path)).toBe('{defaults:{model:"a/b"}}');
  world.live(odd);
  expect(await world.plan({ place: { packageRoot: null } })).toMatchObject({
    because: expect.stringContaining('no verified snapshot differs'),
  });
});

test('an include that lies there unharmed is not put back with the main file that was lost', async () => {
  const files = {
    'openclaw.json': '{gateway:{mode:"local"},agents:{$include:"./agents.json5"}}',
    'agents.json5': '{defaults:{model:"a/b"}}',
  };
  world.snapshot({ files });
  world.live({ ...files, 'openclaw.json': '' });
  const { draft } = ready(await world.plan());
  expect(draft.files.map(({ path }) => path)).toEqual([world.place.configPath]);
  expect(draft.changes.join()).not.toContain('agents.json5');
});

test('an include by its absolute path is judged by the copy, and stays as it is written', async () => {
  const path = join(world.place.stateDir, 'agents.json5');
  const main = `{gateway:{mode:"local"},agents:{$include:"${path}"}}`;
  world.snapshot({ files: { 'openclaw.json': main, 'agents.json5': '{defaults:{model:"a/b"}}' } });
  world.live({
    'openclaw.json': main.replace('local"', 'local",port:1'),
    'agents.json5': '{defaults:{model:7}}',
  });
  const { draft } = ready(await world.plan());
  expect(draft.kind).toBe('keys');
  expect(draft.files.map((file) => file.path)).toEqual([path]);
});

describe('what our own reading finds', () => {
  test('a lost gateway.mode comes back alone', async () => {
    world.snapshot({ files: good });
    world.live(edited((text) => text.replace('mode: "local", ', '')));
    const outcome = await world.plan();
    expect(ready(outcome).explain.blamed).toEqual([
      { key: 'gateway.mode', because: expect.stringContaining('gateway.mode is missing') },
    ]);
    expect(textOf(outcome)).toContain("model: 'c/d'");
    expect(world.runs()).toHaveLength(1);
  });

  test('a gateway that was lost as a whole comes back with the newest settings it had', async () => {
    world.snapshot({ files: good });
    world.snapshot({
      label: 'recorded',
      files: good.replace('"s3cret-token-of-the-operator"', '"n3w-token"'),
    });
    world.live(good.replace(/ {2}gateway: .*\n/, '').replace('"info"', '"debug"'));
    const text = textOf(await world.plan());
    expect(text).toContain('n3w-token');
    expect(text).toContain('"debug"');
    expect(text).toContain('18789');
  });

  test.each([
    ['missing', (path: string) => unlinkSync(path)],
    ['broken', () => world.live({ 'agents.json5': '{{{' })],
  ])('an included file that is %s comes back alone', async (_name, lose) => {
    const files = {
      'openclaw.json': '{gateway:{mode:"local",port:1000},agents:{$include:"./agents.json5"}}',
      'agents.json5': '{defaults:{model:"a/b"}}',
    };
    world.snapshot({ files });
    world.live({ ...files, 'openclaw.json': files['openclaw.json'].replace('1000', '2000') });
    const path = join(world.place.stateDir, 'agents.json5');
    lose(path);
    const { draft } = ready(await world.plan());
    expect(draft.kind).toBe('keys');
    expect(draft.files.map((file) => file.path)).toEqual([path]);
    expect(Buffer.from(draft.files[0]?.bytes ?? '').toString()).toBe('{defaults:{model:"a/b"}}');
  });

  test('an include of a file that never was goes back to what stood there', async () => {
    world.snapshot({ files: good });
    world.live(
      good
        .replace(
          'agents: { defaults: { model: "a/b", timeoutSeconds: 60 } }',
          'agents: { $include: "./none.json5" }',
        )
        .replace('"info"', '"debug"'),
    );
    const text = textOf(await world.plan());
    expect(text).toContain('agents: { defaults: { model: "a/b", timeoutSeconds: 60 } }');
    expect(text).toContain('"debug"');
  });
});

describe('the whole config', () => {
  test.each([
    ['broken JSON', () => world.live(`${unknownRoot}}}`)],
    ['an empty file', () => world.live('')],
    ['garbage', () => world.live('\u0000\u0001garbage garbage garbage garbage')],
    ['a missing file', () => undefined],
    ['a directory', () => mkdirSync(world.configPath)],
    ['a file that collapsed', () => world.live('{}')],
  ])('is put back for %s, byte for byte', async (_name, spoil) => {
    const entry = world.snapshot({ files: good });
    spoil();
    const outcome = await world.plan();
    expect(textOf(outcome)).toBe(good);
    expect(ready(outcome).draft.changes.length).toBeGreaterThan(0);
    expect(ready(outcome).draft).toMatchObject({
      kind: 'snapshot',
      snapshot: entry.id,
      replaces: world.hash(),
    });
    expect(ready(outcome).draft.id).toMatch(/^snapshot-11111111-[0-9a-f]{8}$/);
    expect(world.runs()).toHaveLength(1);
  });

  byUser('is put back for a file nobody may read, with a mode that lets the gateway in', async () => {
    world.snapshot({ files: good });
    world.live(unknownRoot);
    chmodSync(world.configPath, 0o000);
    expect(ready(await world.plan()).draft.files[0]?.mode).toBe(0o600);
  });

  test('a bad snapshot and a recorded one are passed over; the newest verified one that validates is taken', async () => {
    const first = world.snapshot({ files: good });
    world.snapshot({ files: good.replace('"info"', '7') });
    world.snapshot({ label: 'bad', files: good.replace('"info"', '"warn"') });
    world.snapshot({ label: 'recorded', files: good.replace('"info"', '"debug"') });
    world.live('{{{');
    const { draft, explain } = ready(await world.plan());
    expect(draft.snapshot).toBe(first.id);
    expect(explain.tried).toEqual([expect.stringMatching(/22222222.*refuses it for logging.level/)]);
    expect(explain.dropped).toEqual(['logging.level']);
    expect(draft.because).toContain('later edits go: logging.level');
  });

  test('a content that was found bad is no candidate by another snapshot of it either', async () => {
    world.snapshot({ files: good });
    world.snapshot({ label: 'bad', files: good });
    world.live('{{{');
    expect(await world.plan()).toMatchObject({
      kind: 'unavailable',
      because: expect.stringContaining('no verified snapshot'),
    });
  });

  test('a plan that was undone for this very config gives way to the next one', async () => {
    world.snapshot({ files: good });
    world.live(unknownRoot);
    const keys = ready(await world.plan()).draft;
    world.kept.push(undoneRecord({ planId: keys.id, undoneFor: 'unhelpful' }));
    const full = ready(await world.plan()).draft;
    expect(full.kind).toBe('snapshot');
    world.kept.push(undoneRecord({ planId: full.id, undoneFor: 'unhelpful' }));
    expect(await world.plan()).toMatchObject({
      kind: 'unavailable',
      because: expect.stringContaining('did not help before'),
    });
  });

  test.each([
    ['asked', /^you put this file back with "immune undo A7".*"immune fix-config" does it/],
    [
      'unconfirmed',
      /^this file came back because the change A7 was not confirmed.*"immune fix-config" does it/,
    ],
  ] as const)(
    'a file that a person wanted back (%s) stays, and only a command takes it back',
    async (undoneFor, told) => {
      world.snapshot({ files: good });
      world.live(unknownRoot);
      const plan = ready(await world.plan()).draft;
      world.kept.push(undoneRecord({ id: 'A7', planId: plan.id, undoneFor }));
      const seen = { hash: world.hash(), isClobbered: false, issues: null };
      expect(await world.plan({ seen })).toMatchObject({
        kind: 'unavailable',
        again: false,
        because: expect.stringMatching(told),
      });
      expect(ready(await world.plan()).draft.id).toBe(plan.id);
      // Another file is another matter.
      world.live(unknownNested);
      expect((await world.plan({ seen: { ...seen, hash: world.hash() } })).kind).toBe('ready');
    },
  );

  test('an interrupted rollback says nothing against its plan, an older record that says nothing does', async () => {
    world.snapshot({ files: good });
    world.live(unknownRoot);
    const seen = { hash: world.hash(), isClobbered: false, issues: null };
    const { id } = ready(await world.plan({ seen })).draft;
    world.kept.push(undoneRecord({ planId: id, undoneFor: 'interrupted' }));
    expect(ready(await world.plan({ seen })).draft.id).toBe(id);
    world.kept.push(undoneRecord({ planId: id }));
    expect(ready(await world.plan({ seen })).draft.kind).toBe('snapshot');
  });

  test('without a validator a snapshot of the same OpenClaw version needs none, another one does', async () => {
    world.snapshot({ files: good });
    world.live(good.replace('\n}', '\n  bogusKey: 1,\n}'));
    world.manner({ broken: "Error: Cannot find package 'zod'" });
    expect(ready(await world.plan()).draft.kind).toBe('snapshot');
    expect(ready(await world.plan({ place: { node: null } })).draft.kind).toBe('snapshot');
    expect(await world.plan({ place: { version: '2026.10.0' } })).toMatchObject({
      kind: 'unavailable',
      again: true,
    });
  });

  test('never more than five runs, and the full rollback gets the last one', async () => {
    world.manner({ names: false });
    world.snapshot({ files: good });
    const many = Array.from({ length: 12 }, (_, index) => `  k${index}: ${index},`).join('\n');
    world.live(good.replace('\n}', `\n${many}\n}`));
    const outcome = await world.plan();
    expect(ready(outcome)).toBeDefined();
    expect(world.runs().length).toBeLessThanOrEqual(5);
  });
});

describe('a config that cannot be worked on', () => {
  test('because a link includes a file beside the real one is left to a person', async () => {
    const real = join(world.home, 'dotfiles');
    mkdirSync(real);
    writeFileSync(join(real, 'a.json5'), '{ ui: { x: 1 } }');
    for (const include of [join(real, 'a.json5'), '../dotfiles/a.json5']) {
      const text = `{ gateway: { mode: "local" }, $include: ${JSON.stringify(include)}, oops: 1 }`;
      writeFileSync(join(real, 'openclaw.json'), text);
      symlinkSync(join(real, 'openclaw.json'), world.configPath);
      world.snapshot({ files: '{ gateway: { mode: "local" } }' });
      expect(
        await world.plan({ seen: { hash: world.hash(), isClobbered: false, issues: null } }),
      ).toMatchObject({
        kind: 'unavailable',
        again: false,
        because: expect.stringContaining(`the config includes ${join(real, 'a.json5')}`),
      });
      unlinkSync(world.configPath);
    }
  });

  test.each([300, 3_000, 200_000])(
    'because of %i brackets within each other is left to a person',
    async (depth) => {
      world.snapshot({ files: '{ gateway: { mode: "local" } }' });
      world.live(`{ gateway: { mode: "local" }, oops: ${'['.repeat(depth)}${']'.repeat(depth)} }`);
      expect(await world.plan()).toMatchObject({
        kind: 'unavailable',
        because: expect.stringMatching(/nested too deeply/),
      });
    },
  );

  test('is told so when only a snapshot of it is nested too deeply', async () => {
    world.snapshot({ files: `{ gateway: { mode: "local" }, ui: ${'['.repeat(9_000)}${']'.repeat(9_000)} }` });
    world.live('{ gateway: { mode: "local" }, oops: 1 }');
    expect((await world.plan()).kind).toBe('unavailable');
  });
});
