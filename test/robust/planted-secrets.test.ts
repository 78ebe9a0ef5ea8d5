import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeAlertFile } from '../../src/alerts/alert-file.ts';
import { swapDepsOf } from '../../src/cli/own-hands.ts';
import { openSnapshotShop } from '../../src/cli/snapshot-shop.ts';
import { runSnapshots } from '../../src/cli/snapshots.ts';
import type { SnapshotsAsk } from '../../src/cli/snapshots-words.ts';
import { statusJson } from '../../src/cli/status/json.ts';
import { renderStatus } from '../../src/cli/status/render.ts';
import { runWhyConfig } from '../../src/cli/why-config.ts';
import { decide } from '../../src/core/decide.ts';
import type { Evidence } from '../../src/core/evidence.ts';
import { groundUnread } from '../../src/core/ground-evidence.ts';
import type { Notice } from '../../src/core/notice.ts';
import { initialState, type State } from '../../src/core/state.ts';
import { type Clock, type Millis, millis, plus, seconds } from '../../src/core/time.ts';
import { why } from '../../src/core/why.ts';
import { createConfigKeeper } from '../../src/daemon/config-keeper.ts';
import { openJournal } from '../../src/daemon/journal.ts';
import { createConfigSight } from '../../src/probes/config-sight.ts';
import { createRollbackPlanner } from '../../src/probes/rollback-planner.ts';
import { createConfigRepairs } from '../../src/repairs/rollback.ts';
import { createLog, type Log } from '../../src/system/log.ts';
import { run } from '../../src/system/run.ts';
import { listKept } from '../../src/vault/kept.ts';
import { writePlan } from '../../src/vault/plans.ts';
import { type ConfigHome, configHome } from '../cli/config-home.ts';
import { facts, statusFile } from '../cli/status-facts.ts';
import { jobStopped, label, serving } from '../core/world.ts';
import { findTool } from '../demo/tools.ts';
import { formsOf, plant } from './planted.ts';

/** Two hundred secrets go through all that records, compares, plans, swaps and tells; none of them is ever told. */
const older = plant(100, 'old');
const newer = plant(100, 'new');
const all = [...older, ...newer];

let home: ConfigHome;
let log: Log;
/** Everything that was told to anybody, by where. */
let told: Map<string, string>;
beforeEach(async () => {
  home = await configHome();
  told = new Map();
  const { paths, clock } = home.context;
  // Without a single registered secret: the words themselves must be clean.
  log = await createLog({ dir: paths.logs, clock, level: 'debug', redact: (text) => text });
});
afterEach(async () => {
  log.close();
  await home.remove();
});

function tell(where: string, what: unknown): void {
  const text = typeof what === 'string' ? what : JSON.stringify(what);
  told.set(where, `${told.get(where) ?? ''}\n${text}`);
}

/** Where a secret was told; empty when none was. */
const leaks = (): readonly string[] =>
  [...told].flatMap(([where, text]) =>
    all
      .filter((secret) => formsOf(secret).some((form) => text.includes(form)))
      .map((secret) => `${where}: ${secret}`),
  );

/** Secrets at every kind of place: known and odd keys, lists, included files, comments, numbers as text. */
function config(secrets: readonly string[], more: { gateway?: object; root?: object }): string {
  const [token, password, url, ...rest] = secrets;
  const odd = Object.fromEntries(rest.slice(0, 20).map((secret, at) => [`zork${at}`, secret]));
  const accounts = rest
    .slice(20, 40)
    .map((secret, at) => ({ id: at, enabled: true, botToken: secret, mode: secret }));
  const value = {
    $include: './people/secrets.json',
    gateway: {
      mode: 'local',
      port: 18789,
      auth: { token, password },
      remote: { url, kind: url },
      ...more.gateway,
    },
    agents: { odd, lists: [rest.slice(40, 50), [[rest.slice(50, 55)]]] },
    channels: { telegram: { accounts } },
    env: Object.fromEntries(rest.slice(55, 65).map((secret, at) => [`VARIABLE_${at}`, secret])),
    ...more.root,
  };
  const comments = rest.slice(65, 70).map((secret) => `// ${secret.replaceAll('\n', ' ')}`);
  return `${comments.join('\n')}\n${JSON.stringify(value, null, 2)}`;
}
const include = (secrets: readonly string[]): string =>
  JSON.stringify({
    agents: { people: secrets.slice(70, 85).map((secret) => ({ name: secret, pin: secret })) },
  });

function writeGood(secrets: readonly string[]): void {
  home.write('people/secrets.json', include(secrets));
  home.write('openclaw.json', config(secrets, {}));
}
/** What OpenClaw refuses, with secrets where its validator quotes what it refuses. */
function writeBad(secrets: readonly string[]): void {
  const [one, two, three, four, five, six, seven, eight, nine, ten, ...rest] = secrets.slice(85);
  home.write('people/secrets.json', include(secrets));
  const gateway = {
    bogus: one,
    prt: two,
    glop: three,
    list: [four, five, six],
    deep: { in: { it: [seven] } },
  };
  home.write(
    'openclaw.json',
    config(secrets, { gateway, root: { zork: eight, glorp: nine, hook: ten, rest } }),
  );
}

/** Time that a test moves: a soak must not be waited for. */
function movedClock(): { clock: Clock; later: (length: Millis) => void } {
  const { clock } = home.context;
  let extra = 0;
  return {
    clock: { ...clock, elapsed: () => millis(clock.elapsed() + extra) },
    later: (length) => {
      extra += length;
    },
  };
}

async function look(base: (at: Evidence['at']) => Evidence): Promise<Evidence> {
  const { clock } = home.context;
  const sight = createConfigSight({
    clock,
    run,
    place: () => home.ground.place,
    timeoutMs: () => seconds(30),
    settleMs: millis(0),
    onSettled: () => undefined,
  });
  const config = await sight.look({ wait: true });
  await sight.close();
  const evidence = { ...base(clock.now()), ground: { ...groundUnread, config } };
  tell('evidence', evidence);
  return evidence;
}

function keeper() {
  const moved = movedClock();
  const { clock } = home.context;
  /** Looks until the keeper has nothing more to do. */
  const settle = async (evidence: Evidence): Promise<void> => {
    // Started after the files were written, whose change time nobody can set back.
    const startedAt = plus(clock.now(), seconds(1));
    const seen = { firstSeenAt: startedAt, listenedAt: startedAt, readyAt: startedAt };
    const generation = { pid: 100, startedAt, bootId: 'b', ...seen };
    const state: State = { ...initialState, phase: { kind: 'healthy' }, generation };
    const one = createConfigKeeper({
      clock: moved.clock,
      soakMs: () => seconds(120),
      store: home.store,
      live: home.assemble,
      trial: () => false,
      log,
    });
    one.seen(state, evidence);
    moved.later(seconds(121));
    await waitFor(async () => {
      one.seen(state, evidence);
      const wanted = evidence.ground.config.kind === 'sound' ? one.view()?.verifiedAt : one.view();
      return wanted !== null && wanted !== undefined;
    });
    await one.close();
    tell('status file', one.view());
  };
  return { settle };
}

/** Bounded by the test's own time-out. */
async function waitFor(done: () => Promise<boolean>): Promise<void> {
  while (!(await done())) await home.context.clock.sleep(millis(10));
}

async function command(where: string, work: () => Promise<number>): Promise<void> {
  const before = home.written().length;
  await work();
  tell(where, home.written().slice(before));
}

async function askSnapshots(): Promise<void> {
  const asks: readonly SnapshotsAsk[] = [
    { kind: 'list', limit: 20 },
    { kind: 'show', id: 'newest' },
    { kind: 'show', id: 'verified' },
    { kind: 'diff', id: 'verified', other: null },
    { kind: 'diff', id: 'newest', other: 'verified' },
    { kind: 'verify' },
  ];
  const shop = await openSnapshotShop(home.context, 'the test');
  // The words are clean by themselves, and not for what is taken out of them afterwards.
  const bare = { ...shop, redact: (text: string) => text };
  for (const ask of asks) {
    for (const json of [false, true])
      await command(`snapshots ${ask.kind}${json ? ' --json' : ''}`, () =>
        runSnapshots({ ask, json }, home.context, bare),
      );
  }
  shop.close();
}

async function askWhy(): Promise<void> {
  for (const json of [false, true])
    await command(`why-config${json ? ' --json' : ''}`, () => runWhyConfig({ json }, home.context));
}

/** What the core makes of it: journal, notices, alert file, status. */
async function decideAll(evidence: Evidence): Promise<void> {
  const { paths } = home.context;
  const opened = await openJournal(paths.state, evidence.at);
  if (opened.kind !== 'open') throw new Error(opened.because);
  const rules = { policy: home.ground.settings.policy, mode: 'act' as const, label };
  let state: State = initialState;
  const notices: Notice[] = [];
  for (let n = 0; n < 12; n += 1) {
    const at = plus(evidence.at, seconds(30 * n));
    const next = decide(state, { kind: 'observed', evidence: { ...evidence, at } }, at, rules);
    state = next.state;
    notices.push(...next.notices);
    await opened.journal.append({ at, kind: 'decided', because: next.because, notices: next.notices, state });
    tell('check --why', why({ evidence, state, now: at, rules }));
  }
  await opened.journal.close();
  await writeAlertFile(paths.alertFile, state, [
    ...notices,
    { kind: 'told', at: evidence.at, incident: null, text: state.because },
  ]);
  tell('alert', readFileSync(paths.alertFile, 'utf8'));
  tell('journal', readFileSync(paths.journal, 'utf8'));
  const shown = facts({ file: { kind: 'read', status: statusFile(state) } });
  tell('status', renderStatus(shown));
  tell('status --json', statusJson(shown));
  expect(state.incident).not.toBeNull();
}

/** The rollback as the ladder makes it, and its undo. */
async function rollback(evidence: Evidence): Promise<void> {
  const { context, ground, store } = home;
  const { clock, paths } = context;
  const uid = process.getuid?.() ?? 0;
  const swap = { ...swapDepsOf(ground, context), uid, processes: async () => [] };
  let settled = false;
  const planner = createRollbackPlanner({
    clock,
    run,
    place: () => ({ ...ground.place, version: ground.version }),
    store,
    kept: async () => (await listKept(paths.quarantine)).map(({ record }) => record),
    write: (draft) => writePlan(swap.plans, draft),
    validatorTimeoutMs: () => seconds(30),
    issuesOf: () => null,
    onSettled: () => {
      settled = true;
    },
  });
  let answer = await planner.look(evidence.ground.config);
  await waitFor(async () => settled);
  answer = await planner.look(evidence.ground.config);
  await planner.close();
  tell('remedy', answer);
  if (answer.kind !== 'ready') throw new Error(JSON.stringify(answer));
  const { config } = evidence.ground;
  const replaces = config.kind === 'faulty' ? config.hash : null;
  const repairs = createConfigRepairs({
    swap: () => swap,
    incident: () => 'I1',
    isConfigBlamed: () => true,
    label: store.label,
  });
  const { signal } = new AbortController();
  const made = await repairs.rollback({ kind: 'rollback', remedy: answer.id, replaces }, 'A1', signal);
  tell('rollback', made);
  expect(made.kind, made.because).toBe('done');
  const undone = await repairs.undo({ kind: 'undo', of: 'A1', what: 'rollback' }, signal);
  tell('undo', undone);
  expect(undone.kind, undone.because).toBe('done');
  tell('plan.json', readFileSync(join(swap.plans, answer.id, 'plan.json'), 'utf8'));
  for (const folder of readdirSync(paths.quarantine)) {
    const record = join(paths.quarantine, folder, 'kept.json');
    tell('kept.json', readFileSync(record, 'utf8'));
  }
}

function tellFiles(): void {
  const { paths } = home.context;
  for (const name of readdirSync(paths.logs))
    tell(`log ${name}`, readFileSync(join(paths.logs, name), 'utf8'));
  const git = findTool('git') ?? 'git';
  const messages = execFileSync(git, ['-C', paths.configBackup, 'log', '--all', '--format=%B'], {
    encoding: 'utf8',
  });
  tell('commit messages', messages);
}

describe('two hundred planted secrets', () => {
  it('are told by nothing that records, compares, plans, swaps, decides and shows', async () => {
    const { settle } = keeper();
    writeGood(older);
    await settle(await look(serving()));
    writeBad(newer);
    const evidence = await look(serving());
    expect(evidence.ground.config).toMatchObject({ kind: 'faulty', fault: 'rejected' });
    await settle(evidence);
    const listing = await home.store.list(9);
    expect(listing).toMatchObject({ entries: [{ label: 'recorded' }, { label: 'verified' }] });
    await askSnapshots();
    await askWhy();
    const down = { ...jobStopped(evidence.at), ground: evidence.ground };
    await decideAll(down);
    await rollback(evidence);
    tellFiles();
    expect([...told.keys()].length).toBeGreaterThan(20);
    expect(told.get('why-config')).toContain('gateway.glop: cannot hold');
    expect(told.get('snapshots diff')).toContain('gateway.auth.token');
    expect(leaks()).toEqual([]);
  }, 60_000);

  it('nor when the config was cut off in the middle of one of them', async () => {
    const { settle } = keeper();
    writeGood(older);
    await settle(await look(serving()));
    for (const cut of [120, 700, 1_500]) {
      home.write('openclaw.json', config(newer, {}).slice(0, cut));
      const evidence = await look(jobStopped);
      await settle(evidence);
      await askSnapshots();
      await askWhy();
      tell('keeper', await home.store.list(9));
    }
    await decideAll(await look(jobStopped));
    tellFiles();
    expect(leaks()).toEqual([]);
  }, 60_000);

  it('are found by this very test where one is told', () => {
    const [one = ''] = all;
    tell('somewhere', `a sentence with ${one} in it`);
    expect(leaks()).toEqual([`somewhere: ${one}`]);
    expect(new Set(all).size).toBe(200);
  });
});
