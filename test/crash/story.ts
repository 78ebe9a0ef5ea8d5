import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { JournalLine } from '../../src/daemon/journal.ts';
import { type FakeLaunchd, installFakeLaunchd } from '../fakes/launchd/fake.ts';
import { ask } from '../fakes/launchd/link.ts';
import { type Daemon, type Ground, gatewayLabel, healthy, openGround, until } from '../robust/ground.ts';

const killer = fileURLToPath(new URL('./killer.mjs', import.meta.url));

/** A gateway under a launchd that outlives the watchdog, and a watchdog that is killed at one chosen call. */
export interface Stand {
  readonly ground: Ground;
  readonly fake: FakeLaunchd;
  gatewayPid(): Promise<number>;
  /** `kickstart -k` of the gateway so far: what the watchdog's restart is. */
  restarts(): number;
  close(): Promise<void>;
}

export async function openStand(bundle: string): Promise<Stand> {
  const ground = await openGround(bundle);
  const fake = await installFakeLaunchd({ dir: join(ground.home, 'fake-launchd'), home: ground.home });
  fake.setFaults({ throttleMs: 200, exitTimeOutMs: 300 });
  const target = `gui/${fake.uid}/${gatewayLabel}`;
  const asked = (...argv: string[]) => ask(join(ground.home, 'fake-launchd'), { argv });
  const settings = JSON.parse(readFileSync(ground.paths.config, 'utf8'));
  ground.configure({
    serviceManager: 'launchd',
    tools: { ...settings.tools, launchctl: fake.launchctl },
    policy: {
      ...settings.policy,
      hangActMs: 600,
      backoffMs: 300,
      stableMs: 200,
      healthzTimeoutMs: 500,
      exitWaitMs: 4_000,
    },
  });
  const loaded = await asked('bootstrap', `gui/${fake.uid}`, ground.plist);
  if (loaded.code !== 0) throw new Error(loaded.stderr);
  return {
    ground,
    fake,
    gatewayPid: async () => {
      const printed = await asked('print', target);
      return Number(/^\tpid = (\d+)$/m.exec(printed.stdout)?.[1] ?? 0);
    },
    restarts: () =>
      fake.calls().filter(({ argv }) => argv[0] === 'kickstart' && argv[1] === '-k' && argv[2] === target)
        .length,
    close: async () => {
      await fake.stop();
      await ground.close();
    },
  };
}

/** A watchdog that is killed at this call; with 0 it lives. */
function mortal({ ground }: Stand, killAt: number): { readonly daemon: Daemon; calls(): string[] } {
  const notes = join(ground.home, 'calls.txt');
  rmSync(notes, { force: true });
  const arm = `process.env.KILL_AT='${killAt}';process.env.KILL_NOTES=${JSON.stringify(notes)};`;
  const armed = `data:text/javascript,${encodeURIComponent(arm)}`;
  return {
    daemon: ground.daemon(['--import', armed, '--import', killer]),
    calls: () => (existsSync(notes) ? readFileSync(notes, 'utf8').split('\n').slice(0, -1) : []),
  };
}

/** The journal as one line of a watchdog that has seen this gateway ready and has its whole budget. */
function forgiveBudget({ ground }: Stand): void {
  const last = ground.journal().at(-1);
  if (last === undefined) throw new Error('there is no journal');
  const line: JournalLine = { ...last, state: { ...last.state, spent: [], lastIncident: null } };
  writeFileSync(ground.paths.journal, `${JSON.stringify(line)}\n`);
}

/** Told by this very watchdog: the status file of the one before may still lie there. */
const toldBy = (ground: Ground, daemon: Daemon) => {
  const status = ground.status();
  return status?.pid === daemon.pid ? status.state : null;
};

const isResolved = (ground: Ground, daemon: Daemon): boolean => {
  const state = toldBy(ground, daemon);
  return state?.phase.kind === 'healthy' && state.incident === null && state.lastIncident !== null;
};

export interface Told {
  /** Whether the story was over before the call at which it was to be killed. */
  readonly survived: boolean;
  /** Every counted call, oldest first. */
  readonly calls: readonly string[];
  readonly killedAt: string;
  readonly actions: readonly string[];
  readonly restarts: number;
  readonly problems: readonly string[];
}

/** What a killed writer leaves and nobody would ever remove. */
function leftovers({ paths }: Ground): readonly string[] {
  return [paths.data, paths.state, paths.commands]
    .flatMap((folder) => readdirSync(folder))
    .filter((name) => name.endsWith('.tmp'));
}

/** One life: the gateway freezes, the watchdog dies at call N, another one takes over. What went wrong, in sentences. */
export async function hangStory(stand: Stand, killAt: number): Promise<Told> {
  const { ground } = stand;
  forgiveBudget(stand);
  const before = { restarts: stand.restarts(), seq: ground.journal().at(-1)?.seq ?? 0 };
  const frozen = await stand.gatewayPid();
  process.kill(frozen, 'SIGSTOP');
  const first = mortal(stand, killAt);
  await until(
    ground,
    'killed or resolved',
    () => first.daemon.hasEnded() || isResolved(ground, first.daemon),
  );
  const calls = first.calls();
  const survived = !first.daemon.hasEnded();
  if (survived) await first.daemon.stop('SIGKILL');
  const second = ground.daemon();
  await healthy(ground, second);
  await until(ground, 'no incident is open', () => toldBy(ground, second)?.incident === null);
  const ended = await second.stop();
  const lines = ground.journal().filter((line) => line.seq > before.seq);
  const actions = lines.flatMap(({ kind, state }) =>
    kind === 'intent' && state.phase.kind === 'repairing' ? [state.phase.action.id] : [],
  );
  const restarts = stand.restarts() - before.restarts;
  const now = await stand.gatewayPid();
  const problems: string[] = [];
  const demand = (holds: boolean, what: string): void => void (holds || problems.push(what));
  demand(ended.code === 0, `the second watchdog ended with ${ended.code}: ${ended.err}`);
  demand(now !== 0 && now !== frozen, `the gateway is process ${now}, it was ${frozen}`);
  demand(new Set(actions).size === actions.length, `an action was announced twice: ${actions}`);
  demand(restarts <= actions.length, `${restarts} restarts for the actions ${actions}`);
  demand(actions.length >= 1 && actions.length <= 2, `the actions were ${actions}`);
  demand(!lines.some((line) => line.state.phase.kind === 'suspended'), 'it was suspended');
  demand(
    lines.every((line, at) => line.seq === before.seq + 1 + at),
    `the journal has a gap: ${lines.map((line) => line.seq)}`,
  );
  demand(ground.leaks().length === 0, `the secret stands in ${ground.leaks()}`);
  demand(leftovers(ground).length === 0, `half-written files are left: ${leftovers(ground)}`);
  return {
    survived,
    calls,
    killedAt: calls.at(-1) ?? 'before the first call',
    actions,
    restarts,
    problems,
  };
}

/** The first start of all, killed at call N: the next one must know nothing and doubt nothing. */
export async function firstStartStory(stand: Stand, killAt: number): Promise<Told> {
  const { ground } = stand;
  rmSync(ground.paths.state, { recursive: true, force: true });
  const first = mortal(stand, killAt);
  const seen = (): boolean => toldBy(ground, first.daemon)?.phase.kind === 'healthy';
  await until(ground, 'killed or healthy', () => first.daemon.hasEnded() || seen());
  const calls = first.calls();
  const survived = !first.daemon.hasEnded();
  if (survived) await first.daemon.stop('SIGKILL');
  const second = ground.daemon();
  await healthy(ground, second);
  await second.stop();
  const problems = ground
    .journal()
    .filter((line) => line.kind === 'intent' || line.state.phase.kind === 'suspended')
    .map((line) => `${line.kind}: ${line.because}`);
  return {
    survived,
    calls,
    killedAt: calls.at(-1) ?? 'before the first call',
    actions: [],
    restarts: 0,
    problems,
  };
}
