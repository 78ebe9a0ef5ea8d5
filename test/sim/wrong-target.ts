import type { ActionStep } from '../../src/core/state.ts';
import { holds, isHung, isVisiblyDamaged, type Machine, never } from './machine.ts';

const bootGraceMs = 600_000;
const stallMs = 15_000;
const drainMs = 60_000;
/** A repair after which it served for so long has helped, whatever comes later. */
const helpedMs = 90_000;
const editMs = 10_000;
/** An old gateway may need so long to let go of its port. */
const letGoMs = 25_000;
/** One that comes back so soon after it was ended is somebody's. */
const orphanAgainMs = 604_800_000;

/**
 * Why a step is the wrong one for the world as it is: null when it may well help. `steppedAt`: when the watchdog last
 * had to take a step of the wall clock for time that passed.
 */
export function wrongTarget(machine: Machine, step: ActionStep, steppedAt: number): string | null {
  switch (step.kind) {
    case 'restart':
      return wall(machine) ?? ofProcess(machine, step.expected.pid);
    case 'start':
    case 'reload':
      return wall(machine);
    case 'unpark':
      return machine.parkCause === 'present' ? 'while the cause of the park is still there' : wall(machine);
    case 'end-orphan':
      return ofOrphan(machine, step.orphan.pid, steppedAt);
    case 'reinstall':
      return machine.pack.damage === null ? 'of a package that is whole' : around(machine);
    case 'rollback':
      return ofConfig(machine, step.replaces, steppedAt);
    case 'undo':
      return ofUndo(machine, step.of);
    default:
      return step satisfies never;
  }
}

/** Why a step that a person ordered is the wrong one all the same. */
export function wrongOrder(machine: Machine, step: ActionStep): string | null {
  const { process, audit, parkCause, t } = machine;
  const unclear = (['update', 'update-unclear', 'blind', 'no-domain'] as const).find((spell) =>
    holds(machine, spell),
  );
  if (unclear !== undefined) return `while this holds: ${unclear}`;
  if (!machine.plist && !machine.loaded) return 'on a gateway that is not installed';
  switch (step.kind) {
    case 'restart':
      if (process?.pid !== step.expected.pid)
        return `of process ${step.expected.pid}, which is not the one that runs`;
      if (!process.served && t - process.spawnedAt - machine.asleepMs < bootGraceMs)
        return 'of a gateway that boots';
      return wall(machine);
    case 'start':
    case 'reload':
      return wall(machine);
    case 'unpark': {
      const wouldAgain = audit?.kind === 'park' && parkCause === 'present';
      return wouldAgain ? 'while the cause of the park is still there' : wall(machine);
    }
    case 'end-orphan':
    case 'reinstall':
    case 'rollback':
    case 'undo':
      return 'which no order to restart is about';
    default:
      return step satisfies never;
  }
}

/** Nobody's gateway, proven by its lock, that has kept the port for long enough. */
function ofOrphan(machine: Machine, pid: number, steppedAt: number): string | null {
  const { orphan, orphanEndedAt, t } = machine;
  if (orphan?.pid !== pid) return `of process ${pid}, which does not have the port`;
  if (orphan.hasTerminal !== false) return 'of a gateway that somebody may be at work with';
  if (!orphan.holdsLock) return 'of a gateway that its lock does not prove';
  if (t - orphanEndedAt < orphanAgainMs) return 'that came back after one was ended';
  if (!machine.loaded && machine.disabledBy !== 'park') return 'beside a job that nobody would load again';
  if (t - orphan.tookPortAt < letGoMs && steppedAt < orphan.tookPortAt)
    return 'that may be letting go of the port';
  return beneath(machine);
}

/** What no start gets past. */
function wall(machine: Machine): string | null {
  return beneath(machine) ?? outside(machine);
}

/** What is mended before any start, or by nobody. */
function beneath(machine: Machine): string | null {
  if (machine.config.fault !== null && isJudged(machine)) return 'into a config that is broken';
  if (isVisiblyDamaged(machine) && !holds(machine, 'package-unclear')) return 'into a package that is broken';
  return around(machine);
}

/** What no repair mends: one would be wasted on it. */
function around(machine: Machine): string | null {
  for (const spell of ['node', 'environment', 'disk'] as const) {
    if (holds(machine, spell)) return `into trouble no repair mends (${spell})`;
  }
  return null;
}

/** What no start gets past either. */
function outside(machine: Machine): string | null {
  if (machine.holder === 'foreign') return 'while a stranger has the port';
  if (machine.holder === 'orphan') return 'while a gateway that launchd did not start has the port';
  return holds(machine, 'lock') && machine.holder !== 'ours' ? 'while another gateway has the lock' : null;
}

/** Whether a look can know it: the validator takes its time, and needs the package. */
function isJudged({ config, t, pack }: Machine): boolean {
  return config.fault !== 'rejected' || (t - config.changedAt >= 2 * editMs && pack.damage === null);
}

function ofProcess(machine: Machine, pid: number): string | null {
  const { process, t } = machine;
  if (process === null || process.pid !== pid) return `of process ${pid}, which is not the one that runs`;
  if (!process.served && t - process.spawnedAt - machine.asleepMs < bootGraceMs)
    return 'of a gateway that is booting';
  if (isHung(machine) && t - process.hungFrom < stallMs) return 'of a gateway that was silent for a moment';
  if (process.leavesAt !== never && t - (machine.lastBroken?.at ?? t) < drainMs)
    return 'of a gateway that is draining';
  // Only an accepted connection is told that.
  const heard = isHung(machine) && process.hungWhy === 'host' && !holds(machine, 'auth');
  return heard ? 'of a gateway whose host asked it to suspend' : null;
}

function ofConfig(machine: Machine, replaces: string | null, steppedAt: number): string | null {
  const { config, t } = machine;
  if (config.fault === null) return 'of a config that is fine';
  if (isVisiblyDamaged(machine) && !holds(machine, 'package-unclear'))
    return 'before the package, which judges it, is mended';
  const nameless = config.fault === 'missing' || config.fault === 'unreadable';
  if (!nameless && replaces !== config.id) return `of ${replaces}, which is not the file that lies there`;
  // Whoever deletes or locks the file twice cannot be told from one who did it long ago.
  const fresh = !nameless && config.by === 'user' && t - config.changedAt < editMs;
  // A start has failed with it: nobody waits for the next one.
  const proven = machine.failedBootAt > config.changedAt;
  if (fresh && !proven && steppedAt < config.changedAt) return 'under the hands of its editor';
  return around(machine);
}

function ofUndo(machine: Machine, of: string): string | null {
  const kept = machine.kept.get(of);
  if (kept === undefined || machine.unjudged.has(of)) return null;
  if (machine.longestServeMs > helpedMs) return 'of a repair with which it has served';
  return machine.failedBoots.length < 2
    ? `of a repair that was not tried (${machine.failedBoots.length} starts)`
    : null;
}
