import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseJson5 } from '../../src/config/json5.ts';
import type { KeptRecord } from '../../src/vault/kept.ts';
import { type CommandResult, runCommand } from './commands.ts';
import { baseText, type Damaged, writeBase } from './config-faults.ts';
import { forgetBoots } from './faults/history.ts';
import { bootGateway, clearlyOlderMs, type GatewayHome, type GatewayOptions } from './gateway-home.ts';
import type { LaunchAgent } from './home-template.ts';
import { cachedNode } from './openclaw-cache.ts';
import { until } from './processes.ts';
import { show } from './scenario.ts';
import { installWatchdog, type WatchdogHome } from './watchdog-home.ts';

// A gateway with a hand-written config and a watchdog that acts: its snapshots, its quarantine, and how often OpenClaw's
// validator was run.

export interface ConfigWorld {
  readonly gateway: GatewayHome;
  readonly watchdog: WatchdogHome;
}

/** Validations, a boot and a watch of the policy. */
const commandTimeoutMs = 180_000;
const gitTimeoutMs = 30_000;

/**
 * Shortened so that a fault costs seconds, with the budgets of a day raised to those of a test: the same gateway is broken
 * again and again. What is waited for in each is longer all the same.
 */
export const shortened = {
  tickMs: '2s',
  urgentTickMs: '1s',
  witnessMs: '2s',
  hangActMs: '6s',
  hangActAloneMs: '9s',
  pendedGraceMs: '3s',
  stableMs: '2s',
  editGraceMs: '1s',
  latentTellMs: '2s',
  noteTellMs: '4s',
  soakMs: '4s',
  trialWatchMs: '15s',
  trialMaxMs: '60s',
  backoffMs: '1s',
  backoffMaxMs: '2s',
  burst: { limit: 50, windowMs: '5m' },
  sustained: { limit: 200, windowMs: '6h' },
  rollbacks: { limit: 100, windowMs: '24h' },
  flap: { limit: 1_000, windowMs: '2h' },
} as const;

/** Boots on the config of `config-faults.ts`, through a Node that counts its starts. */
export async function bootOnBase(
  version: string,
  ownPackage: GatewayOptions['ownPackage'] = false,
): Promise<GatewayHome> {
  const gateway = await bootGateway({ version, plist: withCountingNode, start: false, ownPackage });
  try {
    writeBase(gateway);
    await sleep(clearlyOlderMs);
    await gateway.load();
    await gateway.waitServing();
    return gateway;
  } catch (error) {
    await gateway.stop();
    throw error;
  }
}

export async function makeConfigWorld(
  version: string,
  policy: Parameters<WatchdogHome['setPolicy']>[0] = {},
): Promise<ConfigWorld> {
  const gateway = await bootOnBase(version);
  try {
    const watchdog = await installWatchdog(gateway);
    await watchdog.setPolicy({ ...shortened, ...policy });
    return { gateway, watchdog };
  } catch (error) {
    await gateway.stop();
    throw error;
  }
}

/** A plist whose Node is a script of this home's own that writes down each start and becomes the real one. */
function withCountingNode(plist: LaunchAgent): LaunchAgent {
  const home = dirname(String(plist['WorkingDirectory']));
  const own = join(home, 'node', 'bin', 'node');
  mkdirSync(dirname(own), { recursive: true });
  writeFileSync(
    own,
    `#!/bin/sh\necho "$$ $(date +%s%3N) $*" >> '${startsOf(home)}'\nexec '${cachedNode()}' "$@"\n`,
  );
  chmodSync(own, 0o755);
  const words = plist.ProgramArguments.map((word) => (word === cachedNode() ? own : word));
  return { ...plist, ProgramArguments: words };
}

const startsOf = (home: string): string => join(home, 'node', 'starts');

export interface NodeStart {
  readonly pid: number;
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
  readonly words: string;
}

/** Every start of the gateway's Node in this home, oldest first: the gateway itself, and OpenClaw's validator. */
export function startsIn({ home }: Pick<GatewayHome, 'home'>): readonly NodeStart[] {
  const starts = existsSync(startsOf(home)) ? readFileSync(startsOf(home), 'utf8') : '';
  return starts
    .split('\n')
    .slice(0, -1)
    .map((line) => {
      const [pid, at, ...words] = line.split(' ');
      return { pid: Number(pid), at: Number(at), words: words.join(' ') };
    });
}

const isValidator = ({ words }: NodeStart): boolean => /\bconfig validate\b/.test(words);
export const isGateway = ({ words }: NodeStart): boolean => /\bindex\.js gateway\b/.test(words);

export const validatorRuns = (gateway: GatewayHome): number => startsIn(gateway).filter(isValidator).length;

const git = ({ gateway, watchdog }: ConfigWorld, ...args: readonly string[]): Promise<CommandResult> =>
  runCommand('git', ['-C', join(watchdog.data, 'config-backup'), ...args], {
    env: gateway.env,
    cwd: gateway.home,
    timeoutMs: gitTimeoutMs,
  });

/** As a person would read them: with plain git. */
export async function snapshotsOf(world: ConfigWorld, label: 'recorded' | 'verified' | 'bad') {
  const listed =
    label === 'recorded'
      ? await git(world, 'log', '--format=%H', 'main')
      : await git(world, 'for-each-ref', '--format=%(objectname)', `refs/tags/${label}`);
  const ids = listed.code === 0 ? listed.stdout.split('\n').filter((id) => id !== '') : [];
  return Promise.all(
    ids.map(async (id) => ({ id, text: (await git(world, 'show', `${id}:openclaw.json`)).stdout })),
  );
}

/** Until a snapshot of exactly this text has the label. */
export const waitForSnapshot = (
  world: ConfigWorld,
  label: 'recorded' | 'verified',
  text: string,
  timeoutMs = 60_000,
): Promise<string> =>
  until(
    `a snapshot of this config to be ${label}`,
    async () => (await snapshotsOf(world, label)).find((each) => each.text === text)?.id ?? null,
    { timeoutMs },
  );

/** The records of what a change replaced, oldest first. */
export function keptRecords({ watchdog }: ConfigWorld): readonly KeptRecord[] {
  const quarantine = join(watchdog.data, 'quarantine');
  if (!existsSync(quarantine)) return [];
  return readdirSync(quarantine)
    .map((id) => join(quarantine, id, 'kept.json'))
    .filter((path) => existsSync(path))
    .map((path) => JSON.parse(readFileSync(path, 'utf8')) as KeptRecord)
    .toSorted((one, other) => one.at - other.at);
}

/** Whether this record holds what the user had there, byte for byte. */
export function isKept(world: ConfigWorld, record: KeptRecord, { path, was }: Damaged): boolean {
  const file = record.files.find((each) => each.path === path);
  if (file === undefined) return false;
  if (file.kept === null) return was === 'nothing';
  const kept = join(world.watchdog.data, 'quarantine', record.id, file.kept.split('/').at(-1) ?? '');
  const found = existsSync(file.kept) ? file.kept : kept;
  if (was === 'nothing' || !existsSync(found)) return false;
  if (statSync(found).isDirectory()) return was === 'directory' && readdirSync(found).join() === 'mine.txt';
  // The mode is kept with it, so nobody may read it here either.
  chmodSync(found, 0o600);
  return was !== 'directory' && readFileSync(found).equals(was);
}

/** What the config file on disk means. */
export function configOf({ configPath }: GatewayHome): Readonly<Record<string, unknown>> {
  const parsed = parseJson5(readFileSync(configPath, 'utf8'));
  if (parsed.kind === 'invalid') throw new Error(`the config on disk does not parse: ${parsed.because}`);
  return parsed.value as Readonly<Record<string, unknown>>;
}

/** Our own command line, with time for a validator, a boot and a watch. */
export const command = ({ gateway }: ConfigWorld, ...args: readonly string[]): Promise<CommandResult> =>
  runCommand(join(gateway.home, '.local', 'bin', 'immune'), args, {
    env: gateway.env,
    cwd: gateway.home,
    timeoutMs: commandTimeoutMs,
  });

/** Neither a breaker that earlier crashes have tripped, nor another config than the base meets the next fault. */
export async function backToBase({ gateway }: ConfigWorld): Promise<void> {
  writeBase(gateway, baseText(gateway));
  forgetBoots(gateway, await gateway.waitServing());
}

export function showWorld(world: ConfigWorld): void {
  const { gateway, watchdog } = world;
  show('gateway.log', gateway.log());
  show('gateway-restart.log', gateway.audit());
  show('watchdog.log', watchdog.log());
  show('status.json', JSON.stringify(watchdog.statusFile(), null, 1));
  show('kept', JSON.stringify(keptRecords(world), null, 1));
}
