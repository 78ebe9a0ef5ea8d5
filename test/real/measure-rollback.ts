// How long a gateway with a bad config is down, against its own boot: docs/benchmarks.md.
//   node test/real/measure-rollback.ts [VERSION] [ROUNDS]
import { digits, load, machine, show, spreadOf } from '../bench/figures.ts';
import { lookedFor } from './acts.ts';
import { baseText, configFaults, writeBase } from './config-faults.ts';
import {
  bootOnBase,
  type ConfigWorld,
  isGateway,
  startsIn,
  validatorRuns,
  waitForSnapshot,
} from './config-world.ts';
import { runningPid } from './faults/fault.ts';
import { forgetBoots } from './faults/history.ts';
import { calm } from './faults/matrix-world.ts';
import { bootTimeoutMs } from './gateway-home.ts';
import { newestVersion, runFolder } from './places.ts';
import { isAlive, signal, until } from './processes.ts';
import { installWatchdog } from './watchdog-home.ts';

const version = process.argv[2] ?? newestVersion;
const rounds = Number(process.argv[3] ?? 5);
const goalMs = 5_000;
const recoveryTimeoutMs = 300_000;
const fineMs = 20;

/** How long a bad file lies under the running gateway before it is restarted: past every grace for its editor. */
const lieMs = 20_000;

/** Only what lets one gateway be broken again and again; nothing between the fault and the first answer is shortened. */
const budgets = {
  stableMs: '5s',
  soakMs: '5s',
  backoffMs: '1s',
  backoffMaxMs: '2s',
  burst: { limit: 50, windowMs: '15m' },
  sustained: { limit: 200, windowMs: '6h' },
  rollbacks: { limit: 100, windowMs: '24h' },
  flap: { limit: 1_000, windowMs: '5h' },
} as const;

interface Life {
  readonly pid: number;
  readonly startedAt: number;
}

/** The next start of the gateway's process after so many. */
async function nextLife({ gateway }: ConfigWorld, count: number): Promise<Life> {
  const start = await until(
    'the next start of the gateway',
    () => startsIn(gateway).filter(isGateway)[count] ?? null,
    { timeoutMs: recoveryTimeoutMs, everyMs: fineMs },
  );
  return { pid: start.pid, startedAt: performance.now() };
}

const livesOf = ({ gateway }: ConfigWorld): number => startsIn(gateway).filter(isGateway).length;

async function servesAt({ gateway }: ConfigWorld): Promise<number> {
  await until('the gateway to serve', async () => ((await gateway.serves()) ? true : null), {
    timeoutMs: recoveryTimeoutMs,
    everyMs: fineMs,
  });
  return performance.now();
}

async function settle(world: ConfigWorld): Promise<number> {
  const { gateway } = world;
  writeBase(gateway);
  await waitForSnapshot(world, 'recorded', baseText(gateway));
  const pid = await gateway.waitServing(bootTimeoutMs);
  forgetBoots(gateway, pid);
  await calm(world, pid);
  return runningPid(gateway);
}

/** Killed on a good config: launchd starts it at once, and the watchdog only looks. */
async function boot(world: ConfigWorld): Promise<number> {
  const pid = await settle(world);
  const lives = livesOf(world);
  signal(pid, 'SIGKILL');
  const life = await nextLife(world, lives);
  return (await servesAt(world)) - life.startedAt;
}

interface Recovery {
  /** From the start that launchd makes by itself. */
  readonly sinceStart: number;
  /** From the end of that start, where it failed: the watchdog may have been quicker than it. */
  readonly sinceFailure: number | null;
  readonly validators: number;
}

/** Killed on a bad one: launchd's own start meets it, and what follows is ours. */
async function recovery(world: ConfigWorld, make: () => void, lie: boolean): Promise<Recovery> {
  const { gateway, watchdog } = world;
  const pid = await settle(world);
  const runs = validatorRuns(gateway);
  const lives = livesOf(world);
  make();
  if (lie) await lookedFor(watchdog, lieMs);
  signal(pid, 'SIGKILL');
  const life = await nextLife(world, lives);
  const failedAt = await until(
    'the first start to fail or to serve',
    async () => {
      if (!isAlive(life.pid)) return { at: performance.now() };
      return (await gateway.serves()) ? { at: null } : null;
    },
    { timeoutMs: recoveryTimeoutMs, everyMs: fineMs },
  );
  const servedAt = await servesAt(world);
  const found: Recovery = {
    sinceStart: servedAt - life.startedAt,
    sinceFailure: failedAt.at === null ? null : servedAt - failedAt.at,
    validators: validatorRuns(gateway) - runs,
  };
  console.log(`  ${JSON.stringify(found)}, ${livesOf(world) - lives} starts`);
  return found;
}

const faultNamed = (name: string) => {
  const fault = configFaults.find((each) => each.name === name);
  if (fault === undefined) throw new Error(`no fault "${name}"`);
  return fault;
};

runFolder();
const gateway = await bootOnBase(version);
try {
  const watchdog = await installWatchdog(gateway);
  await watchdog.setPolicy(budgets);
  const world: ConfigWorld = { gateway, watchdog };
  await waitForSnapshot(world, 'verified', baseText(gateway), 120_000);
  const boots: number[] = [];
  const cases = [
    {
      name: 'one unknown key among ten good edits, in place for 20 s',
      fault: 'an unknown key at the root',
      lie: true,
    },
    { name: 'the same, saved in the moment of the kill', fault: 'an unknown key at the root', lie: false },
    { name: 'broken JSON, saved in the moment of the kill', fault: 'broken JSON', lie: false },
  ].map((each) => ({ ...each, found: [] as Recovery[] }));
  for (let round = 0; round < rounds; round += 1) {
    boots.push(await boot(world));
    console.log(`round ${round + 1}: own boot ${Math.round(boots.at(-1) ?? 0)} ms`);
    for (const { name, fault, lie, found } of cases) {
      console.log(`round ${round + 1}: ${name}`);
      found.push(await recovery(world, () => void faultNamed(fault).make(gateway), lie));
    }
  }
  console.log(`\n${new Date().toISOString()}, ${machine()}, load average ${load()}, OpenClaw ${version}`);
  const own = spreadOf(boots);
  console.log(`the gateway's own boot: ${show(own, 'ms')}`);
  for (const { name, found } of cases) {
    console.log(`\n${name}`);
    const failures = found.flatMap(({ sinceFailure }) => (sinceFailure === null ? [] : [sinceFailure]));
    const whole = spreadOf(found.map(({ sinceStart }) => sinceStart));
    const total = failures.length === 0 ? whole : spreadOf(failures);
    const from = failures.length === 0 ? 'the first start, which did not fail' : 'the failed start had ended';
    const difference = total.median - own.median;
    console.log(`  served after ${from}: ${show(total, 'ms')}`);
    console.log(
      `  against the boot: ${digits(total.median / own.median)} ×, ${Math.round(difference)} ms more (goal ${goalMs} ms): ${difference <= goalMs ? 'met' : 'missed'}`,
    );
    console.log(`  served after launchd's own start: ${show(whole, 'ms')}`);
    console.log(`  validator runs: ${show(spreadOf(found.map((each) => each.validators)), '')}`);
  }
} finally {
  await gateway.stop();
}
