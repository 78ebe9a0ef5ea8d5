import type { LogFinding } from '../../src/core/ground-evidence.ts';
import { spells } from './happening.ts';
import {
  type Failure,
  holds,
  isHung,
  isVisiblyDamaged,
  type Machine,
  never,
  type Process,
  serves,
  wall,
} from './machine.ts';
import { adopt } from './orphan.ts';

/** launchd starts a job again no sooner than this after its previous start. */
const unseenMs = 10_000;
const throttleMs = 10_000;
/** OpenClaw serves 8 to 14 s after its spawn. */
const bootMs = 9_000;
/** Repairing a plugin's packages takes it this much longer than the watchdog's whole patience with a boot. */
const pluginBootMs = 700_000;
/** Waiting for its port or its lock it gives up after this long. */
const portPatienceMs = 300_000;
const breaker = { limit: 3, windowMs: 300_000 };
const growEveryMs = 300_000;
const grownBytes = 6 * 1_073_741_824;

const fails = (code: number, sign: LogFinding['sign'] | null, text: string, parks = false): Failure => ({
  code,
  sign,
  text,
  parks,
});

/** What a start made now comes to: how long it takes, or how it fails. */
function fate(machine: Machine): { readonly afterMs: number; readonly failure: Failure | null } {
  const { config, pack } = machine;
  if (holds(machine, 'node')) return { afterMs: 300, failure: fails(127, null, 'node: not found') };
  if (holds(machine, 'environment'))
    return { afterMs: 300, failure: fails(78, 'environment-file', 'bad environment file') };
  if (pack.damage === 'ws')
    return { afterMs: 4_000, failure: fails(78, 'module-missing', "Cannot find package 'ws'", true) };
  if (pack.damage === 'corrupted')
    return { afterMs: 1_500, failure: fails(1, 'code-damaged', 'SyntaxError: Unexpected end of input') };
  if (pack.damage !== null)
    return { afterMs: 1_500, failure: fails(1, 'module-missing', "Cannot find module 'x'") };
  if (config.fault !== null)
    return { afterMs: 3_000, failure: fails(78, 'config-invalid', 'Config invalid') };
  if (config.hollow)
    return { afterMs: 4_000, failure: fails(1, 'other-failure', 'TypeError: x is not a function') };
  if (holds(machine, 'schema'))
    return { afterMs: 4_000, failure: fails(78, 'schema-newer', 'schema version 99 is newer') };
  if (holds(machine, 'disk'))
    return { afterMs: 5_000, failure: fails(1, 'disk-full', 'ENOSPC: no space left on device') };
  if (machine.parkCause === 'lies')
    return { afterMs: 5_000, failure: fails(78, null, 'parks itself again', true) };
  if (holds(machine, 'mystery'))
    return { afterMs: 3_000, failure: fails(1, 'other-failure', 'something went wrong') };
  if (machine.stallNext) return { afterMs: never, failure: null };
  if (holds(machine, 'plugin')) return { afterMs: pluginBootMs, failure: null };
  if (holds(machine, 'slow-boots'))
    return { afterMs: Math.max(bootMs, machine.until['slow-boots'] - machine.t), failure: null };
  return { afterMs: bootMs, failure: null };
}

export function spawn(machine: Machine): void {
  const { afterMs, failure } = fate(machine);
  const { t } = machine;
  machine.stallNext = false;
  const recent = machine.unclean.filter((at) => t - at < breaker.windowMs);
  machine.unclean = recent;
  const process: Process = {
    pid: machine.nextPid,
    startedAt: wall(machine),
    spawnedAt: t,
    configId: machine.config.id,
    listensAt: failure === null ? t + afterMs : never,
    failsAt: failure === null ? never : t + afterMs,
    failure,
    waitsForPort: false,
    served: false,
    hungFrom: never,
    hungUntil: 0,
    hungWhy: 'plain',
    witness: 'none',
    deafUntil: 0,
    leavesAt: never,
    suppressedUntil: recent.length >= breaker.limit ? t + breaker.windowMs + 60_000 : 0,
    residentBytes: 700_000_000,
    growsAt: never,
    growHangs: false,
  };
  machine.process = process;
  machine.asleepMs = 0;
  machine.nextPid += 1;
  machine.runs += 1;
  machine.scheduledAt = never;
  machine.pended = false;
  machine.jobStopped = false;
  machine.epoch += 1;
}

/** The process ends. launchd starts it again by itself, unless the job is gone, stopped or held back. */
export function die(
  machine: Machine,
  how: { readonly exit: Machine['lastExit']; readonly clean: boolean },
): void {
  const { process, t } = machine;
  if (process === null) return;
  if (process.served) machine.lastBroken ??= { at: t, goodbye: process.leavesAt !== never };
  if (!how.clean) machine.unclean.push(t);
  if (!process.served) machine.failedBootAt = t;
  // What served for less than two looks may never have been seen to.
  if (!process.served || t - machine.servingSince < unseenMs) machine.failedBoots.push(t);
  machine.lastExit = how.exit;
  machine.process = null;
  if (machine.holder === 'ours') machine.holder = 'none';
  machine.scheduledAt =
    machine.loaded && !machine.jobStopped && !machine.pended
      ? Math.max(t + 200, process.spawnedAt + throttleMs)
      : never;
  machine.epoch += 1;
}

const killed: Machine['lastExit'] = { kind: 'signal', signal: 9, name: 'SIGKILL' };
export const kill = (machine: Machine): void => die(machine, { exit: killed, clean: false });

/** Asked to end, it says goodbye, unless nothing of it turns any more. */
export function end(machine: Machine): void {
  const { process } = machine;
  if (process === null) return;
  if (isHung(machine)) {
    kill(machine);
    return;
  }
  if (process.served) machine.lastBroken = { at: machine.t, goodbye: true };
  die(machine, { exit: { kind: 'code', code: 0 }, clean: true });
}

export function unload(machine: Machine): void {
  end(machine);
  machine.loaded = false;
  machine.scheduledAt = never;
  machine.pended = false;
  machine.jobStopped = false;
  machine.stoppingUntil = 0;
  machine.runs = 0;
  machine.lastExit = { kind: 'never' };
  machine.epoch += 1;
}

export function park(machine: Machine): void {
  unload(machine);
  machine.disabledBy = 'park';
  machine.audit = { kind: 'park', at: wall(machine) };
}

/** Loads the job and starts it, whatever disabled it. */
export function load(machine: Machine): void {
  machine.loaded = true;
  machine.disabledBy = null;
  if (machine.process === null) spawn(machine);
}

/** When the world changes next by itself. */
export function nextChange(machine: Machine): number {
  // Asked before every step: between two changes the answer stays.
  if (machine.foreseen.epoch !== machine.epoch)
    machine.foreseen = { epoch: machine.epoch, at: foresee(machine) };
  return machine.foreseen.at;
}

function foresee(machine: Machine): number {
  const { t, process, until } = machine;
  let next = machine.loaded && process === null ? machine.scheduledAt : never;
  for (const spell of spells) {
    const end = until[spell];
    if (end > t && end < next) next = end;
  }
  if (machine.stoppingUntil > t && machine.stoppingUntil < next) next = machine.stoppingUntil;
  for (const length of [validatorMs, planMs]) {
    const end = machine.config.changedAt + length;
    if (end > t && end < next) next = end;
  }
  if (process === null) return next;
  if (machine.holder !== 'ours' && process.listensAt > t) next = Math.min(next, process.listensAt);
  next = Math.min(next, process.failsAt, process.leavesAt, process.growsAt);
  for (const at of [process.hungFrom, process.hungUntil, process.deafUntil, process.suppressedUntil]) {
    if (at > t && at < next) next = at;
  }
  return next;
}

/** A changed config file is left to settle, then OpenClaw's own validator takes a few seconds. */
export const validatorMs = 5_000;
/** Which snapshot to restore, and how much of it, is worked out with several runs of the validator. */
export const planMs = 17_000;

/** Brings everything that is due by now about. */
export function settle(machine: Machine): void {
  const { t } = machine;
  machine.epoch += 1;
  if (machine.stoppingUntil !== 0 && t >= machine.stoppingUntil) unload(machine);
  if (machine.loaded && machine.process === null && t >= machine.scheduledAt) spawn(machine);
  takePort(machine);
  const { process } = machine;
  if (process !== null) live(machine, process);
  takePort(machine);
  noteServing(machine);
}

function takePort(machine: Machine): void {
  const { holder } = machine;
  if (holder === 'foreign' && !holds(machine, 'foreign')) machine.holder = 'none';
  if (holder === 'orphan' && !holds(machine, 'orphan')) machine.holder = 'none';
  if (machine.holder !== 'orphan') machine.orphan = null;
  if (machine.holder !== 'none') return;
  if (holds(machine, 'foreign')) machine.holder = 'foreign';
  else if (holds(machine, 'orphan')) adopt(machine);
}

function live(machine: Machine, process: Process): void {
  const { t } = machine;
  if (t >= process.leavesAt) {
    die(machine, { exit: { kind: 'code', code: 0 }, clean: true });
    return;
  }
  if (t >= process.failsAt) {
    fail(machine, process);
    return;
  }
  if (t >= process.growsAt) grow(process, t);
  if (t < process.listensAt || machine.holder === 'ours') return;
  if (machine.holder === 'none' && !holds(machine, 'lock')) {
    machine.holder = 'ours';
    process.served = true;
    machine.servedSinceRepair = true;
    machine.servedWith.add(process.configId);
    process.failsAt = never;
    process.waitsForPort = false;
    machine.findings = [];
    machine.lastBroken = null;
    return;
  }
  if (process.waitsForPort) return;
  process.waitsForPort = true;
  process.failsAt = t + portPatienceMs;
  const lock = machine.holder === 'none';
  process.failure = fails(1, lock ? 'already-running' : 'port-taken', 'the port is taken');
}

function fail(machine: Machine, process: Process): void {
  const failure = process.failure ?? fails(1, null, 'failed');
  if (failure.sign !== null) {
    const others = machine.findings.filter(({ sign }) => sign !== failure.sign);
    machine.findings = [{ sign: failure.sign, at: null, text: failure.text }, ...others];
  }
  die(machine, {
    exit: { kind: 'code', code: failure.code },
    clean: failure.code === 127 || isVisiblyDamaged(machine),
  });
  if (failure.parks) park(machine);
}

function grow(process: Process, t: number): void {
  process.residentBytes *= 1.4;
  const grown = process.residentBytes >= grownBytes;
  process.growsAt = grown ? never : t + growEveryMs;
  if (!grown || !process.growHangs) return;
  // It may have been silent for another reason already.
  if (t < process.hungFrom || t >= process.hungUntil) process.hungFrom = t;
  process.hungUntil = never;
  process.hungWhy = 'memory';
}

function noteServing(machine: Machine): void {
  const now = serves(machine);
  if (now && machine.servingSince === never) {
    machine.servingSince = machine.t;
    machine.servingBornAt = machine.process?.spawnedAt ?? machine.t;
  } else if (!now && machine.servingSince !== never) {
    const servedMs = machine.t - machine.servingSince;
    if (machine.servingBornAt > machine.repairedAt)
      machine.longestServeMs = Math.max(machine.longestServeMs, servedMs);
    machine.servingSince = never;
  }
}
