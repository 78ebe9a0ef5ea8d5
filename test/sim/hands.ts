import type { ActionOutcome, ActionStep } from '../../src/core/state.ts';
import { end, load, spawn } from './launchd.ts';
import { type Content, holds, type Machine, type Pack, wall } from './machine.ts';
import { endOrphan } from './orphan.ts';

/** What a deed came to, and whether it ended or started a process of the gateway. */
export interface Deed {
  readonly kind: ActionOutcome['kind'];
  readonly disrupted: boolean;
}

const done: Deed = { kind: 'done', disrupted: false };
const disrupted: Deed = { kind: 'done', disrupted: true };
const refused: Deed = { kind: 'refused', disrupted: false };
const failed: Deed = { kind: 'failed', disrupted: false };

/** Carries out what an action says, or refuses when the world is no longer the one it was decided for. */
export function perform(machine: Machine, actionId: string, step: ActionStep): Deed {
  if (holds(machine, 'hands-refuse')) return refused;
  if (holds(machine, 'hands-fail')) return failed;
  switch (step.kind) {
    case 'restart':
      if (machine.process?.pid !== step.expected.pid || machine.stoppingUntil > machine.t) return refused;
      end(machine);
      spawn(machine);
      return disrupted;
    case 'start':
      if (!machine.loaded || machine.process !== null) return refused;
      spawn(machine);
      return disrupted;
    case 'reload':
      if (machine.loaded) return refused;
      if (machine.disabledBy !== null || !machine.plist) return failed;
      load(machine);
      return disrupted;
    case 'unpark':
      if (machine.loaded) return refused;
      if (!machine.plist) return failed;
      load(machine);
      return disrupted;
    case 'end-orphan': {
      const { orphan } = machine;
      if (orphan?.pid !== step.orphan.pid || orphan.startedAt !== step.orphan.startedAt) return refused;
      endOrphan(machine, orphan);
      return disrupted;
    }
    case 'reinstall':
      return reinstall(machine, actionId, step.remedy);
    case 'rollback':
      return rollback(machine, actionId, step);
    case 'undo':
      return undo(machine, step.of);
    default:
      return step satisfies never;
  }
}

export const snapshotId = (machine: Machine): string | null =>
  machine.snapshots[machine.usedSnapshots] === undefined
    ? null
    : `snapshot-${machine.usedSnapshots}-${machine.edits}`;
export const archiveId = (machine: Machine): string | null =>
  machine.archives[machine.usedArchives] === undefined ? null : `archive-${machine.usedArchives}`;

function rollback(machine: Machine, actionId: string, step: ActionStep & { kind: 'rollback' }): Deed {
  const kind = machine.snapshots[machine.usedSnapshots];
  const { config } = machine;
  if (kind === undefined || step.remedy !== snapshotId(machine)) return refused;
  const nameless = config.fault === 'missing' || config.fault === 'unreadable';
  if (!nameless && step.replaces !== config.id) return refused;
  const content: Content = {
    // The user's file with named keys from a snapshot, where only some of it was wrong.
    by: config.fault === 'rejected' ? 'minimal' : 'snapshot',
    id: `${step.remedy}-by-${actionId}`,
    fault: kind === 'rejected' ? 'rejected' : null,
    hollow: kind === 'hollow',
    changedAt: machine.t,
    mtime: wall(machine),
  };
  machine.kept.set(actionId, { config, left: content.id });
  machine.config = content;
  if (!machine.offersAgain) machine.usedSnapshots += 1;
  machine.failedBoots = [];
  machine.servedSinceRepair = false;
  machine.longestServeMs = 0;
  machine.repairedAt = machine.t;
  machine.epoch += 1;
  return done;
}

function reinstall(machine: Machine, actionId: string, remedy: string): Deed {
  const kind = machine.archives[machine.usedArchives];
  if (kind === undefined || remedy !== archiveId(machine)) return refused;
  const before = machine.pack;
  const after: Pack = {
    id: machine.packs + 1,
    damage:
      kind === 'mends'
        ? null
        : kind === 'nothing'
          ? before.damage
          : before.damage === 'corrupted'
            ? 'missing'
            : 'corrupted',
  };
  machine.packs += 1;
  machine.kept.set(actionId, { pack: before, left: after.id });
  machine.pack = after;
  if (!machine.offersAgain) machine.usedArchives += 1;
  machine.failedBoots = [];
  machine.servedSinceRepair = false;
  machine.longestServeMs = 0;
  machine.repairedAt = machine.t;
  machine.epoch += 1;
  return done;
}

/** Puts back what the repair replaced, unless somebody else has changed it since. */
function undo(machine: Machine, of: string): Deed {
  const kept = machine.kept.get(of);
  if (kept === undefined) return failed;
  if ('config' in kept) {
    if (machine.config.id !== kept.left) return refused;
    machine.config = { ...kept.config, changedAt: machine.t, mtime: wall(machine) };
  } else {
    if (machine.pack.id !== kept.left) return refused;
    machine.pack = kept.pack;
  }
  machine.kept.delete(of);
  machine.epoch += 1;
  return done;
}
