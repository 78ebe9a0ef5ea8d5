import { type Fault, spells } from './happening.ts';
import { die, end, kill, load, park, settle, spawn, unload } from './launchd.ts';
import { type Content, type Machine, never, wall } from './machine.ts';

/** A close look at a gateway that does not answer, its second witness included. */
const longestLookMs = 8_000;

/** Lets it happen. */
export function strike(machine: Machine, fault: Fault): void {
  act(machine, fault);
  settle(machine);
}

function act(machine: Machine, fault: Fault): void {
  const { t, process } = machine;
  switch (fault.kind) {
    case 'spell':
      if (machine.until[fault.spell] <= t) machine.from[fault.spell] = t;
      machine.until[fault.spell] = Math.max(machine.until[fault.spell], t + fault.forS * 1_000);
      if (fault.spell === 'update') {
        machine.audit = null;
        unload(machine);
      }
      return;
    case 'crash':
      kill(machine);
      return;
    case 'unload':
      machine.audit = null;
      unload(machine);
      return;
    case 'pend':
      machine.pended = machine.loaded;
      kill(machine);
      return;
    case 'stop-job':
      if (!machine.loaded) return;
      machine.jobStopped = true;
      die(machine, { exit: { kind: 'code', code: 0 }, clean: true });
      machine.scheduledAt = never;
      return;
    case 'late-relaunch':
      kill(machine);
      if (machine.scheduledAt !== never) machine.scheduledAt = t + 1_200_000;
      return;
    case 'stop':
      unload(machine);
      machine.audit = { kind: 'stop', at: wall(machine) };
      return;
    case 'stopping':
      if (process === null) return;
      machine.stoppingUntil = t + fault.forS * 1_000;
      machine.lastBroken = { at: t, goodbye: true };
      process.leavesAt = machine.stoppingUntil;
      machine.audit = { kind: 'stop', at: wall(machine) };
      return;
    case 'disable':
      unload(machine);
      machine.disabledBy = 'operator';
      machine.audit = null;
      return;
    case 'uninstall':
      unload(machine);
      machine.plist = false;
      return;
    case 'operator-starts':
      machine.plist = true;
      if (machine.parkCause !== 'gone') machine.parkCause = 'gone';
      load(machine);
      return;
    case 'boot-stalls':
      kill(machine);
      machine.stallNext = true;
      return;
    case 'park':
      machine.parkCause = fault.cause;
      park(machine);
      return;
    case 'hang':
      if (process === null || machine.holder !== 'ours' || t < process.hungUntil) return;
      // A look that still waits for its answer takes two silences in a row for one.
      if (t - process.hungUntil > longestLookMs) process.hungFrom = t;
      process.hungUntil = t + fault.forS * 1_000;
      process.hungWhy = fault.why;
      process.witness = fault.witness;
      return;
    case 'deaf':
      if (process === null || machine.holder !== 'ours') return;
      process.deafUntil = t + fault.forS * 1_000;
      machine.lastBroken ??= { at: t, goodbye: false };
      return;
    case 'planned-restart':
      if (process === null || machine.holder !== 'ours') return;
      process.leavesAt = Math.min(process.leavesAt, t + fault.forS * 1_000);
      machine.lastBroken = { at: t, goodbye: true };
      return;
    case 'grow':
      if (process === null) return;
      process.growsAt = t + fault.overS * 100;
      process.growHangs = fault.hangs;
      return;
    case 'clock-step':
      machine.wallOffset += fault.byS * 1_000;
      return;
    case 'edit':
      edit(machine, fault.fault);
      return;
    case 'damage':
      machine.packs += 1;
      machine.pack = { id: machine.packs, damage: fault.damage };
      return;
    case 'user-reinstalls':
      machine.packs += 1;
      machine.pack = { id: machine.packs, damage: null };
      return;
    case 'remedies':
      machine.snapshots = fault.snapshots;
      machine.archives = fault.archives;
      machine.offersAgain = fault.again;
      machine.usedSnapshots = 0;
      machine.usedArchives = 0;
      return;
    case 'mend':
      mend(machine);
      return;
    default:
      fault satisfies never;
  }
}

function edit(machine: Machine, fault: Content['fault']): void {
  machine.edits += 1;
  machine.config = {
    id: `user-${machine.edits}`,
    by: 'user',
    fault,
    hollow: false,
    changedAt: machine.t,
    mtime: wall(machine),
  };
  machine.userConfig = machine.config;
}

/** A person comes and mends everything that does not serve or would not start again. */
function mend(machine: Machine): void {
  for (const spell of spells) machine.until[spell] = 0;
  if (machine.config.fault !== null || machine.config.hollow) edit(machine, null);
  if (machine.pack.damage !== null) {
    machine.packs += 1;
    machine.pack = { id: machine.packs, damage: null };
  }
  machine.parkCause = 'gone';
  machine.plist = true;
  machine.stallNext = false;
  machine.stoppingUntil = 0;
  machine.holder = machine.holder === 'ours' ? 'ours' : 'none';
  const { process } = machine;
  const well =
    process !== null &&
    machine.holder === 'ours' &&
    machine.t >= process.hungUntil &&
    machine.t >= process.deafUntil;
  if (well && process.leavesAt === never && process.growsAt === never) return;
  end(machine);
  machine.loaded = true;
  machine.disabledBy = null;
  spawn(machine);
}

/** Nothing makes progress while the machine sleeps, except every clock. */
export function sleep(machine: Machine, ms: number): void {
  const { t, process } = machine;
  const later = (at: number): number => (at >= t && at !== never ? at + ms : at);
  for (const spell of spells) machine.until[spell] = later(machine.until[spell]);
  machine.scheduledAt = later(machine.scheduledAt);
  machine.stoppingUntil = later(machine.stoppingUntil);
  if (process !== null) {
    process.listensAt = later(process.listensAt);
    process.failsAt = later(process.failsAt);
    process.leavesAt = later(process.leavesAt);
    process.growsAt = later(process.growsAt);
    process.hungFrom = later(process.hungFrom);
    process.hungUntil = later(process.hungUntil);
    process.deafUntil = later(process.deafUntil);
    process.suppressedUntil = later(process.suppressedUntil);
  }
  machine.asleepMs += ms;
  // What it slept through it has not served.
  if (machine.servingSince !== never) machine.servingSince += ms;
  machine.t = t + ms;
  machine.wokeAt = machine.t;
  machine.sleptMs = ms;
  settle(machine);
}
