import {
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runArchives } from '../../src/cli/archives.ts';
import { openArchivesShop } from '../../src/cli/archives-shop.ts';
import type { ArchivesAsk } from '../../src/cli/archives-words.ts';
import type { FixDepsAsk } from '../../src/cli/change-words.ts';
import { runFixDeps } from '../../src/cli/fix-deps.ts';
import { lookOf, openPackageShop } from '../../src/cli/package-shop.ts';
import { runUndo } from '../../src/cli/undo/undo.ts';
import type { DependencyEvidence } from '../../src/core/ground-evidence.ts';
import { initialState } from '../../src/core/state.ts';
import { instant, minutes } from '../../src/core/time.ts';
import { sightGateway } from '../../src/daemon/gateway-sight.ts';
import { listenForRequests } from '../../src/daemon/listen.ts';
import type { Loop } from '../../src/daemon/loop.ts';
import { handsOn, openPackages } from '../../src/daemon/open-packages.ts';
import { createPackageHands } from '../../src/daemon/package-hands.ts';
import { writeStatus } from '../../src/daemon/status-file.ts';
import type { Trials } from '../../src/daemon/trial-parts.ts';
import type { ReinstallOutcome } from '../../src/probes/reinstall-parts.ts';
import { acquireLease } from '../../src/system/lease.ts';
import { createProcesses } from '../../src/system/process.ts';
import { run } from '../../src/system/run.ts';
import { createArchive } from '../../src/vault/create-archive.ts';
import { findTool } from '../demo/tools.ts';
import { type ChangeWorld, changeWorld, nobody } from './change-world.ts';
import { aliveHere, statusFile } from './status-facts.ts';

/** The commands over a small package, its real archive, and real repairs by our own hands. */
let world: ChangeWorld;
let root: string;
beforeEach(async () => {
  world = await changeWorld();
  const home = realpathSync(dirname(dirname(world.configPath)));
  root = join(home, 'package');
  const manifest = { name: 'openclaw', version: '2026.9.6', dependencies: { ws: '1.0.0', zod: '1.0.0' } };
  put('package.json', JSON.stringify(manifest));
  put('dist/index.js', "import './chunk.js';\n");
  put('dist/chunk.js', 'export const chunk = 1;\n');
  for (const name of ['ws', 'zod']) {
    put(`node_modules/${name}/package.json`, JSON.stringify({ name, version: '1.0.0', main: 'index.js' }));
    put(`node_modules/${name}/index.js`, `exports.name = '${name}';\n`);
  }
  atWork(null);
});
afterEach(() => world.remove());

const path = (name: string): string => join(root, name);
function put(name: string, text: string): void {
  mkdirSync(dirname(path(name)), { recursive: true });
  writeFileSync(path(name), text);
}

/** Other tests of this machine run package managers; the only one that is seen here is this one. */
function atWork(command: string | null): void {
  const ps = findTool('ps') ?? '/bin/ps';
  const line = `4242 1 0 S Sun Nov 22 12:00:00 2026 00:00:01 1000 ? ${command}`;
  const text = [
    '#!/bin/sh',
    `case "$*" in *' -p '*) exec ${ps} "$@" ;; esac`,
    `${ps} "$@" | grep -vE 'openclaw|(npm|yarn|bun|brew)(-cli.js)? '`,
    ...(command === null ? [] : [`echo '${line}'`]),
    '',
  ].join('\n');
  writeFileSync(join(dirname(root), 'ps'), text, { mode: 0o755 });
}

async function archive(databases: Readonly<Record<string, number>> = {}): Promise<string> {
  const made = await createArchive({
    archivesDir: world.context.paths.archives,
    head: {
      version: 1,
      openclaw: '2026.9.6',
      nodeAbi: process.versions.modules,
      platform: process.platform,
      arch: process.arch,
      takenAt: instant(Date.now()),
      provenBy: instant(Date.now() + 60_000),
      databases,
    },
    trees: [{ name: 'openclaw', root }],
    signal: new AbortController().signal,
    now: () => instant(Date.now()),
    judge: async () => null,
  });
  if (made.kind === 'failed') throw new Error(made.because);
  return made.archive.name;
}

async function said(work: Promise<number>): Promise<string> {
  const before = world.written().length;
  const code = await work;
  return `${code} ${world.written().slice(before)}`;
}

const settingsNow = () =>
  JSON.parse(`{"settings":${readFileSync(world.context.paths.config, 'utf8')}}`).settings;

/** The part of the watchdog that mends packages for people; the loop around it is a few lines. */
async function watchdog(told: string[]): Promise<() => void> {
  const { paths, clock, uid } = world.context;
  const settings = settingsNow();
  const sight = () => sightGateway(settings, uid);
  const processes = createProcesses({ ps: settings.tools.ps, run, clock });
  const loop: Pick<Loop, 'command' | 'exclusive' | 'note' | 'state' | 'nudge'> = {
    exclusive: (work) => work(),
    note: async (because) => {
      told.push(because);
      return true;
    },
    command: async () => true,
    state: () => initialState,
    nudge: () => undefined,
  };
  const silent = () => undefined;
  const log = { debug: silent, info: silent, warn: silent, error: silent, close: silent };
  const manager = { read: async () => ({ kind: 'not-loaded' }) as const, labels: async () => [] };
  const packages = createPackageHands({
    ...handsOn(
      openPackages({ paths, sight, run, clock, processes, manager, label: 'x', incident: () => null }),
    ),
    clock,
    loop,
    quarantine: paths.quarantine,
    log,
    mode: () => 'act',
    deadlineMs: () => minutes(1),
  });
  mkdirSync(paths.commands, { recursive: true });
  await writeStatus(paths.state, statusFile({}, aliveHere()));
  const rules = (): never => {
    throw new Error('not asked');
  };
  return listenForRequests(paths.state, loop as Loop, { clock, log, rules, trials: {} as Trials, packages });
}

const undo = (id: string) => runUndo({ id, yes: false, dryRun: false, json: false }, world.context, nobody);
const plain: FixDepsAsk = { dryRun: false, yes: true, json: false, network: false };

async function fix(ask: Partial<FixDepsAsk> = {}): Promise<number> {
  const { context } = world;
  const shop = await openPackageShop(context, 'the repair of the package');
  return runFixDeps({ ...plain, ...ask }, { context, terminal: nobody, shop }).finally(shop.close);
}

async function archives(ask: ArchivesAsk): Promise<number> {
  const shop = await openArchivesShop(world.context, 'the look at the archives');
  return runArchives({ ask, json: false }, world.context, shop).finally(shop.close);
}

it('a plan that waited for its yes is refused once the state was migrated: what is put back may not open it', async () => {
  const shop = await openPackageShop(world.context, 'fix-deps');
  try {
    const { stateDir } = sightGateway(settingsNow(), world.context.uid).ground;
    mkdirSync(join(stateDir, 'state'), { recursive: true });
    const database = new DatabaseSync(join(stateDir, 'state', 'openclaw.sqlite'));
    database.exec('PRAGMA user_version = 5');
    await archive({ 'state/openclaw.sqlite': 5 });
    rmSync(path('node_modules/ws'), { recursive: true });
    const { signal } = new AbortController();
    const look = await shop.look({ network: false, signal });
    if (look.kind !== 'damaged' || look.remedy.kind !== 'ready') throw new Error(JSON.stringify(look));
    expect((await shop.stage(look.remedy.plan)).kind).toBe('written');
    database.exec('PRAGMA user_version = 6');
    const { outcome } = await shop.mend(look.remedy.plan.id, signal);
    expect(outcome).toMatchObject({
      kind: 'refused',
      because: expect.stringContaining('was migrated since'),
    });
    expect(existsSync(path('node_modules/ws'))).toBe(false);
    database.exec('PRAGMA user_version = 5');
    database.close();
    expect((await shop.mend(look.remedy.plan.id, signal)).outcome.kind).toBe('done');
  } finally {
    shop.close();
  }
});

describe('fix-deps over a real package', () => {
  it('restores what is missing and truncated, once, and takes it back', async () => {
    const name = await archive();
    expect(await said(fix())).toMatch(/^0 nothing to do: every file/);
    rmSync(path('node_modules/ws'), { recursive: true });
    truncateSync(path('dist/chunk.js'), 4);
    const shown = await said(fix({ dryRun: true }));
    expect(shown).toMatch(/^0 the openclaw package in .* \(2026\.9\.6\): .*ws/);
    expect(shown).toContain('\n  ws 1.0.0 (node_modules/ws): missing\n');
    expect(shown).toContain('\n  dist: 1 file truncated: chunk.js\n');
    expect(shown).toContain(name);
    expect(existsSync(path('node_modules/ws'))).toBe(false);
    expect(await said(fix())).toMatch(/undo with "immune undo P1"\nthe watchdog does not run/);
    expect(readFileSync(path('node_modules/ws/index.js'), 'utf8')).toBe("exports.name = 'ws';\n");
    expect(readFileSync(path('dist/chunk.js'), 'utf8')).toBe('export const chunk = 1;\n');
    expect(await said(fix())).toMatch(/^0 nothing to do/);
    const plan = { id: 'P1', yes: false, dryRun: true, json: false };
    const planned = await said(runUndo(plan, world.context, nobody));
    expect(planned).toMatch(/^0 P1 of .*, by an operator, by immune fix-deps\n/);
    expect(planned).toMatch(/\/node_modules\/ws: removed, for nothing stood there before\n/);
    expect(planned).toMatch(/\/dist\/chunk\.js: put back from .*\n/);
    expect(existsSync(path('node_modules/ws'))).toBe(true);
    expect(await said(undo('P1'))).toMatch(/^0 the package is again what it was before/);
    expect(existsSync(path('node_modules/ws'))).toBe(false);
    expect(statSync(path('dist/chunk.js')).size).toBe(4);
    expect(await said(undo('P1'))).toMatch(/^0 P1 was undone already: nothing to do\n$/);
    // Whoever took it back may want it after all.
    expect(await said(fix())).toMatch(/undo with "immune undo P2"/);
  });

  it('finds one byte that was changed while size and time stayed', async () => {
    await archive();
    const file = path('node_modules/zod/index.js');
    const { atime, mtime } = statSync(file);
    writeFileSync(file, "exports.name = 'zoD';\n");
    utimesSync(file, atime, mtime);
    expect(await said(fix({ dryRun: true }))).toContain(
      'zod 1.0.0 (node_modules/zod): 1 file altered: index.js',
    );
    expect(await said(fix())).toMatch(/^0 /);
    expect(readFileSync(file, 'utf8')).toBe("exports.name = 'zod';\n");
  });

  it('does nothing beside npm, and says who is at work', async () => {
    await archive();
    rmSync(path('node_modules/ws'), { recursive: true });
    atWork('npm install -g openclaw');
    await expect(fix()).rejects.toMatchObject({ code: 'busy', exitCode: 5 });
    expect(existsSync(path('node_modules/ws'))).toBe(false);
  });

  it("does nothing beside an updater's own job in launchd, and goes on where there is no launchctl to ask", async () => {
    await archive();
    rmSync(path('node_modules/ws'), { recursive: true });
    const launchctl = join(dirname(root), 'launchctl');
    const listed = 'PID\tStatus\tLabel\n-\t0\tai.openclaw.update.7';
    const script = `#!/bin/sh\n[ "$1" = list ] || exit 113\necho '${listed}'\n`;
    writeFileSync(launchctl, script, { mode: 0o755 });
    const settings = settingsNow();
    const put = (more: object): void =>
      writeFileSync(
        world.context.paths.config,
        JSON.stringify({ ...settings, serviceManager: 'launchd', tools: { ...settings.tools, ...more } }),
      );
    put({ launchctl });
    await expect(fix()).rejects.toMatchObject({
      code: 'busy',
      message: expect.stringContaining('launchd job ai.openclaw.update.7'),
    });
    expect(existsSync(path('node_modules/ws'))).toBe(false);
    put({ launchctl: null });
    expect(await fix()).toBe(0);
  });

  it("does nothing while OpenClaw's own database cannot be read, names it, and does it after that", async () => {
    await archive();
    rmSync(path('node_modules/ws'), { recursive: true });
    const { sqlite } = sightGateway(settingsNow(), world.context.uid).files;
    mkdirSync(dirname(sqlite), { recursive: true });
    writeFileSync(sqlite, 'no database, but long enough to be taken for one');
    await expect(fix()).rejects.toMatchObject({
      code: 'busy',
      exitCode: 5,
      message: expect.stringContaining(sqlite),
      hint: 'put that right, then immune fix-deps',
    });
    expect(existsSync(path('node_modules/ws'))).toBe(false);
    rmSync(sqlite);
    expect(await fix()).toBe(0);
  });

  it('is made once by two at the same time', async () => {
    await archive();
    rmSync(path('node_modules/ws'), { recursive: true });
    const both = await Promise.allSettled([fix(), fix()]);
    const codes = both.map((one) => (one.status === 'fulfilled' ? one.value : one.reason.exitCode));
    expect(codes).toContain(0);
    // The other one is told that it is being done, or finds nothing left to do.
    expect([0, 5]).toContain(codes.find((code) => code !== 0) ?? 0);
    expect(existsSync(path('node_modules/ws/index.js'))).toBe(true);
  });

  it('changes nothing while another process holds the lease', async () => {
    await archive();
    rmSync(path('node_modules/ws'), { recursive: true });
    const { paths, clock } = world.context;
    const processes = createProcesses({ ps: findTool('ps') ?? '/bin/ps', run, clock });
    const { own, isAlive } = processes;
    const lease = await acquireLease(paths.lease, { role: 'daemon' }, { now: clock.now, own, isAlive });
    if (lease.kind !== 'held') throw new Error(JSON.stringify(lease));
    await expect(fix()).rejects.toMatchObject({ code: 'busy', exitCode: 5 });
    expect(existsSync(path('node_modules/ws'))).toBe(false);
    await lease.release();
    expect(await fix()).toBe(0);
  });

  it('without an archive names what is wrong and the command that helps', async () => {
    rmSync(path('node_modules/ws'), { recursive: true });
    await expect(fix()).rejects.toMatchObject({
      code: 'unavailable',
      exitCode: 3,
      hint: 'npm install -g openclaw@2026.9.6',
    });
    expect(world.written()).toContain('ws');
  });

  it('without an archive leaves a whole package alone', async () => {
    expect(await said(fix())).toMatch(/^0 nothing to do: the package agrees with OpenClaw's own lists/);
  });
});

describe('fix-deps over a real package, by the watchdog', () => {
  it('is made by its hands, told with its undo, and taken back by them', async () => {
    await archive();
    rmSync(path('node_modules/ws'), { recursive: true });
    const told: string[] = [];
    const stop = await watchdog(told);
    try {
      expect(await said(fix())).toMatch(/^0 (?:.|\n)*goes on by itself if you leave\nrepair P1: .*restored/);
      expect(existsSync(path('node_modules/ws/index.js'))).toBe(true);
      expect(told).toEqual([expect.stringMatching(/^Repair P1 of .*; undo with "immune undo P1"$/)]);
      expect(await said(undo('P1'))).toMatch(/^0 the package is again what it was/);
      expect(existsSync(path('node_modules/ws'))).toBe(false);
      expect(await said(undo('P1'))).toMatch(/^0 P1 was undone already: nothing to do\n$/);
      expect(told).toHaveLength(2);
    } finally {
      stop();
    }
  });
});

describe('the archives of a real package', () => {
  it('are listed, verified, compared, and never restored by this command', async () => {
    const name = await archive();
    expect(await said(archives({ kind: 'list' }))).toMatch(
      new RegExp(`^0 ${name} .* units {2}verified .*, the installed version\n$`),
    );
    expect(await said(archives({ kind: 'verify', name: null }))).toMatch(/^0 .*are as they were recorded\n$/);
    expect(await said(archives({ kind: 'check', full: true }))).toMatch(
      /^0 openclaw 2026\.9\.6 is as it was/,
    );
    rmSync(path('node_modules/ws'), { recursive: true });
    expect(await said(archives({ kind: 'check', full: false }))).toMatch(
      /^3 (?:.|\n)*ws 1\.0\.0 .*: missing\n/,
    );
    expect(await said(archives({ kind: 'restore', name, dryRun: true }))).toContain(
      'would be restored (1 unit',
    );
    expect(existsSync(path('node_modules/ws'))).toBe(false);
  });

  it('are not compared with a package that lies elsewhere', async () => {
    await archive();
    const text = readFileSync(world.context.paths.config, 'utf8');
    const other = join(dirname(root), 'other');
    mkdirSync(join(other, 'dist'), { recursive: true });
    writeFileSync(join(other, 'package.json'), readFileSync(path('package.json')));
    writeFileSync(world.context.paths.config, text.replaceAll(`${dirname(root)}/package`, other));
    await expect(archives({ kind: 'check', full: false })).rejects.toMatchObject({
      message: expect.stringContaining(`the gateway's package is ${other}`),
    });
  });

  it('are not verified while another process is at work on them', async () => {
    await archive();
    const { paths, clock } = world.context;
    const { own, isAlive } = createProcesses({ ps: findTool('ps') ?? '/bin/ps', run, clock });
    const directory = join(paths.state, 'archive.lease');
    const lease = await acquireLease(directory, { role: 'archive' }, { now: clock.now, own, isAlive });
    if (lease.kind !== 'held') throw new Error(JSON.stringify(lease));
    const asked = archives({ kind: 'verify', name: null });
    await expect(asked).rejects.toMatchObject({ code: 'busy', exitCode: 5 });
    await lease.release();
    expect(await said(archives({ kind: 'verify', name: null }))).toMatch(/^0 /);
  });

  it('are missed where there are none', async () => {
    await expect(archives({ kind: 'verify', name: null })).rejects.toMatchObject({ code: 'no-archive' });
  });
});

describe('what the lists, the manifest and the plan say together', () => {
  const explain = { check: null, refused: ['why not'], archive: null };
  const unavailable: ReinstallOutcome = {
    kind: 'unavailable',
    because: 'no archive is kept',
    command: 'npm install -g openclaw@1',
    explain,
  };
  const ready = { kind: 'ready', plan: { id: 'tree-1' }, explain } as unknown as ReinstallOutcome;
  const intact: DependencyEvidence = { kind: 'intact', version: '1' };
  const missing: DependencyEvidence = { kind: 'missing', names: ['ws'], because: 'ws is missing' };

  it.each<[string, DependencyEvidence, ReinstallOutcome, string | null, object]>([
    ['npm at work', missing, { kind: 'busy', because: 'npm' }, null, { kind: 'busy' }],
    ['every file as recorded', intact, { kind: 'whole', because: 'all', explain }, null, { kind: 'sound' }],
    ['whole by its lists, no record', intact, unavailable, null, { kind: 'sound' }],
    ['whole by its lists, and npm would do it', intact, ready, null, { kind: 'sound' }],
    [
      'other bytes than its own lists say',
      intact,
      unavailable,
      'dist/a.js is not as shipped',
      {
        kind: 'damaged',
        because: 'dist/a.js is not as shipped',
        remedy: { hint: 'npm install -g openclaw@1' },
      },
    ],
    [
      'damaged, with a plan',
      missing,
      ready,
      null,
      { kind: 'damaged', because: 'ws is missing', refused: ['why not'] },
    ],
    [
      'incomplete, with every file of ours in its place: what it lacks lay elsewhere',
      missing,
      {
        kind: 'whole',
        because: 'every file is as it was',
        explain: { check: null, refused: [], archive: 'a' },
      },
      'ws is missing',
      { kind: 'damaged', because: 'ws is missing', remedy: { kind: 'unavailable' } },
    ],
    [
      'an installation that is running',
      { kind: 'installing', because: 'npm runs' },
      unavailable,
      null,
      { kind: 'busy', because: 'npm runs' },
    ],
    [
      'nothing known',
      { kind: 'unknown', because: 'no permission' },
      unavailable,
      null,
      { kind: 'unknown', because: 'no permission', hint: 'npm install -g openclaw@1' },
    ],
  ])('%s', async (_name, evidence, outcome, fault, look) => {
    expect(await lookOf(evidence, outcome, async () => fault)).toMatchObject(look);
  });
});
