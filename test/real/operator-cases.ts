import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { changesSince, markNow } from './acts.ts';
import { type Act, recoveryTimeoutMs } from './config-cases.ts';
import { baseText, textOf, withKey, writeBase } from './config-faults.ts';
import { command } from './config-world.ts';
import { takeOut } from './dependency-faults.ts';
import { type DependencyWorld, expectWhole, makeDependencyWorld, settled } from './dependency-world.ts';
import { runningPid } from './faults/fault.ts';
import { forgetBoots } from './faults/history.ts';
import { halfInstall } from './faults/packages.ts';
import { besideAnother, takePort } from './faults/ports.ts';
import type { GatewayHome } from './gateway-home.ts';
import { isAlive, signal, until } from './processes.ts';
import type { JournalEntry } from './watchdog-home.ts';

// The operator at three in the morning: the watchdog does not run, one thing is broken, or everything is.

interface Trouble {
  readonly name: string;
  /** What `immune status` must say of it. */
  readonly named: RegExp;
  /** Breaks it, and leaves the gateway down; what it gives back ends what would outlive the case. */
  readonly make: (world: DependencyWorld) => Promise<(() => void | Promise<void>) | undefined>;
}

/** Down, and not merely between two relaunches: launchd's own throttle is ten seconds. */
async function kill(gateway: GatewayHome): Promise<undefined> {
  signal(await runningPid(gateway), 'SIGKILL');
  return undefined;
}

const badKey = (gateway: GatewayHome): void => writeBase(gateway, withKey(baseText(gateway), 'bogusKey: 1,'));

const troubles: readonly Trouble[] = [
  {
    name: 'a hang',
    named: /answer/i,
    make: async ({ gateway }) => {
      signal(await runningPid(gateway), 'SIGSTOP');
      return undefined;
    },
  },
  {
    name: 'a bad key',
    named: /bogusKey/,
    make: ({ gateway }) => {
      badKey(gateway);
      return kill(gateway);
    },
  },
  {
    name: 'an empty config',
    named: /empty/i,
    make: ({ gateway }) => {
      writeBase(gateway, '');
      return kill(gateway);
    },
  },
  {
    name: 'ws gone',
    named: /\bws\b/,
    make: ({ gateway }) => {
      takeOut(gateway, 'node_modules', 'ws');
      return kill(gateway);
    },
  },
  {
    name: 'npm killed while it unpacked',
    named: /npm/,
    make: ({ gateway }) => {
      halfInstall(gateway);
      rmSync(join(gateway.prefix(), 'bin', '.openclaw-tw5YBlZG'));
      return kill(gateway);
    },
  },
  {
    name: 'an orphan on the port',
    named: /did not start|orphan/i,
    make: ({ gateway }) => besideAnother(gateway, gateway.port),
  },
  {
    name: 'a bad key, ws gone and an orphan on the port at once',
    // Whichever of them one look sees first.
    named: /did not start|\bws\b/,
    make: async ({ gateway }) => {
      const end = await besideAnother(gateway, gateway.port);
      badKey(gateway);
      takeOut(gateway, 'node_modules', 'ws');
      return end;
    },
  },
];

/** The world of the package repairs, and then without its watchdog. */
export async function makeOperatorWorld(version: string): Promise<DependencyWorld> {
  const world = await makeDependencyWorld(version);
  await settled(world);
  await world.watchdog.setPolicy({ portGraceMs: '5s' });
  await stopWatchdog(world);
  return world;
}

async function stopWatchdog({ gateway, watchdog }: DependencyWorld): Promise<void> {
  const pid = await watchdog.pid();
  const stopped = await gateway.launchctl('bootout', watchdog.target);
  expect(stopped.code, stopped.stderr).toBe(0);
  await until('the watchdog to end', () => (pid !== null && isAlive(pid) ? null : true), {
    timeoutMs: 30_000,
  });
}

export const operatorCases = (): readonly (readonly [string, Act<DependencyWorld>])[] => [
  ...troubles.map(
    (trouble) =>
      [
        `${trouble.name}: status names it, one nuclear brings the gateway back, a second does nothing`,
        (world: DependencyWorld) => recovers(world, trouble),
      ] as const,
  ),
  ['Tailscale on the port: named, never signalled, and with it gone the gateway comes up by itself', foreign],
  ['restart of a gateway that serves: asked for once, one new process', restarted],
  [
    'an orphan that serves is left alone; one that answers nothing is ended by the watchdog itself (port grace 5 s)',
    ladderEndsOrphan,
  ],
];

const indent = (text: string): string => `           ${text.trim().replaceAll('\n', '\n           ')}`;

async function run(world: DependencyWorld, code: number, ...words: readonly string[]): Promise<string> {
  const answer = await command(world, ...words);
  const text = answer.stdout + answer.stderr;
  console.log(
    `${indent(`$ immune ${words.join(' ')}  (${answer.tookMs} ms, exit ${answer.code})`)}\n${indent(text)}`,
  );
  expect(answer.code, `immune ${words.join(' ')}: ${text}`).toBe(code);
  expect(text).not.toContain(world.gateway.token);
  return text;
}

/**
 * As a person looks. On a busy machine a question that takes longer than `status` waits goes unanswered, and is asked again.
 */
async function seen(world: DependencyWorld, named: RegExp): Promise<void> {
  let told = '';
  for (let look = 0; look < 3 && !named.test(told); look += 1) told = await run(world, 3, 'status');
  expect(told).toMatch(named);
}

async function recovers(world: DependencyWorld, { make, named }: Trouble): Promise<void> {
  const { gateway } = world;
  const before = await gateway.waitServing();
  forgetBoots(gateway, before);
  const end = await make(world);
  try {
    await seen(world, named);
    const plan = await run(world, 0, 'nuclear', '--dry-run');
    expect(plan).toContain('nothing was changed');
    await run(world, 0, 'nuclear', '--yes');
    const pid = await gateway.waitServing(recoveryTimeoutMs, before);
    forgetBoots(gateway, pid);
    expect(textOf(gateway.configPath)).toBe(baseText(gateway));
    expectWhole(world);
    const mark = markNow(gateway, world.watchdog);
    await run(world, 0, 'nuclear', '--yes');
    expect(await gateway.pid()).toBe(pid);
    expect(changesSince(gateway, mark)).toEqual([]);
  } finally {
    await end?.();
  }
}

async function foreign(world: DependencyWorld): Promise<void> {
  const { gateway } = world;
  const before = await gateway.waitServing();
  forgetBoots(gateway, before);
  const release = await takePort(gateway, { host: '127.0.0.1', kind: 'tcp', program: 'tailscaled' });
  try {
    expect(await run(world, 3, 'status')).toMatch(/tailscale/i);
    expect(await run(world, 3, 'fix-port')).toMatch(/tailscale/i);
    expect(await run(world, 3, 'nuclear', '--yes')).toMatch(/tailscale/i);
    // A stranger that was sent a signal would have let go of the port: nothing answers HTTP there, and nobody else may.
    expect(await gateway.serves()).toBe(false);
    expect(await run(world, 3, 'fix-port')).toMatch(/tailscale/i);
  } finally {
    await release();
  }
  const pid = await gateway.waitServing(recoveryTimeoutMs, before);
  forgetBoots(gateway, pid);
}

async function restarted(world: DependencyWorld): Promise<void> {
  const { gateway } = world;
  const before = await gateway.waitServing();
  forgetBoots(gateway, before);
  await run(world, 4, 'restart');
  expect(await gateway.pid()).toBe(before);
  await run(world, 0, 'restart', '--yes');
  const pid = await gateway.waitServing(recoveryTimeoutMs, before);
  forgetBoots(gateway, pid);
}

async function ladderEndsOrphan(world: DependencyWorld): Promise<void> {
  const { gateway, watchdog } = world;
  forgetBoots(gateway, await gateway.waitServing());
  const end = await besideAnother(gateway, gateway.port);
  try {
    const orphan = lockOwner(gateway);
    const before = watchdog.journal().at(-1)?.seq ?? -1;
    const plist = join(gateway.home, 'Library', 'LaunchAgents', `${watchdog.label}.plist`);
    const started = await gateway.launchctl('bootstrap', gateway.domain, plist);
    expect(started.code, started.stderr).toBe(0);
    const isTold = ({ because }: JournalEntry): boolean => (because ?? '').includes(`${orphan}`);
    const about = { timeoutMs: recoveryTimeoutMs, afterSeq: before };
    // One that serves is told, and lives.
    await watchdog.waitForJournal(
      'the orphan is told',
      (entry) => JSON.stringify(entry).includes(`${orphan}`),
      about,
    );
    expect(isAlive(orphan)).toBe(true);
    signal(orphan, 'SIGSTOP');
    const intent = await watchdog.waitForJournal(
      'the orphan is to be ended',
      (entry) => entry.kind === 'intent' && isTold(entry),
      about,
    );
    console.log(indent(intent.because ?? ''));
    const pid = await until('the gateway of launchd to serve', () => servingOf(gateway), {
      timeoutMs: recoveryTimeoutMs,
    });
    expect(isAlive(orphan)).toBe(false);
    forgetBoots(gateway, pid);
  } finally {
    await end();
  }
}

/** Whose pid the gateway's own lock names. */
function lockOwner({ home }: GatewayHome): number {
  const folder = join(home, '.openclaw', 'tmp', `openclaw-${process.getuid?.()}`);
  const names = readdirSync(folder).filter((name) => /^gateway\..*\.lock$/.test(name));
  const texts = names.map((name) => readFileSync(join(folder, name), 'utf8').trim());
  const owner = texts.map((text) => (JSON.parse(text) as { readonly pid: number }).pid)[0];
  return owner ?? expect.fail(`no lock in ${folder}`);
}

/** The process launchd names, once it answers. */
async function servingOf(gateway: GatewayHome): Promise<number | null> {
  const pid = await gateway.pid();
  return pid !== null && (await gateway.serves()) ? pid : null;
}
