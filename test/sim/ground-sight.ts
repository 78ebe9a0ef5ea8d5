import { type GroundEvidence, groundUnread } from '../../src/core/ground-evidence.ts';
import { instant } from '../../src/core/time.ts';
import { archiveId, snapshotId } from './hands.ts';
import { planMs, validatorMs } from './launchd.ts';
import { holds, isHung, isSuppressed, isVisiblyDamaged, type Machine, type Process } from './machine.ts';

const unread = { kind: 'unread' } as const;
const soft = { open: 60, limit: 10_240 };

/** What a look that asks no child process sees of the ground: the config file, and what was known before. */
export function surface(machine: Machine, previous: GroundEvidence | null, serving: boolean): GroundEvidence {
  const base = previous ?? groundUnread;
  return serving ? { ...base, config: configOf(machine) } : base;
}

interface Asked {
  readonly serving: boolean;
  readonly named: Process | null;
  readonly base: GroundEvidence;
}

/** What a close look sees of it. */
export function groundOf(machine: Machine, { serving, named, base }: Asked): GroundEvidence {
  const config = configOf(machine);
  const dependencies = dependenciesOf(machine);
  const damaged = isVisiblyDamaged(machine) && !holds(machine, 'package-unclear');
  return {
    ...base,
    config,
    dependencies,
    plugins: holds(machine, 'plugin')
      ? { kind: 'broken', id: 'discord', because: 'its package.json is missing' }
      : { kind: 'intact' },
    launch: holds(machine, 'node')
      ? { kind: 'broken', part: 'node-missing', because: 'Node is not there' }
      : holds(machine, 'environment')
        ? { kind: 'broken', part: 'environment-file', because: 'its environment file cannot be read' }
        : { kind: 'sound', node: 'node' },
    lock: lockOf(machine),
    disk: { kind: 'read', path: 'state', freeBytes: holds(machine, 'disk') ? 1_000_000 : 50_000_000_000 },
    descriptors:
      named === null
        ? unread
        : { kind: 'read', pid: named.pid, limit: soft.limit, open: descriptorsOf(machine, named) },
    memory: named === null ? unread : { kind: 'read', pid: named.pid, residentBytes: named.residentBytes },
    boot: { kind: 'none' },
    log: serving ? unread : { kind: 'read', findings: machine.findings },
    channels: serving
      ? isSuppressed(machine)
        ? { kind: 'suppressed', until: null, because: "OpenClaw's breaker has tripped" }
        : { kind: 'normal' }
      : unread,
    rollback: config.kind === 'faulty' ? rollbackOf(machine) : unread,
    reinstall: damaged ? offer(archiveId(machine)) : unread,
  };
}

function lockOf(machine: Machine): GroundEvidence['lock'] {
  const { orphan, holder } = machine;
  const command = 'openclaw-gateway';
  if (orphan !== null)
    return orphan.holdsLock ? { kind: 'held', pid: orphan.pid, command } : { kind: 'free' };
  return holds(machine, 'lock') && holder !== 'ours'
    ? { kind: 'held', pid: 8_888, command }
    : { kind: 'free' };
}

const descriptorsOf = (machine: Machine, process: Process): number =>
  isHung(machine) && process.hungWhy === 'descriptors' ? soft.limit : soft.open;

const offer = (id: string | null): GroundEvidence['rollback'] =>
  id === null
    ? { kind: 'unavailable', because: 'nothing is kept that could be put in its place' }
    : { kind: 'ready', id, because: 'verified' };

/** Half of the configs are planned by the time anybody asks. */
function rollbackOf(machine: Machine): GroundEvidence['rollback'] {
  const { config, edits, t } = machine;
  return edits % 2 === 1 && t - config.changedAt < planMs
    ? { kind: 'pending', because: 'which config to restore is being worked out' }
    : offer(snapshotId(machine));
}

/** Judging needs the package: OpenClaw's own validator is part of it. */
function configOf(machine: Machine): GroundEvidence['config'] {
  const { config, t } = machine;
  const mtime = instant(config.mtime);
  const judges = !isVisiblyDamaged(machine) && !holds(machine, 'node');
  const judged = t - config.changedAt >= validatorMs;
  const { fault, id } = config;
  if (fault === null || (fault === 'rejected' && !(judges && judged))) {
    const validator = !judges ? 'unknown' : judged ? 'valid' : 'pending';
    return { kind: 'sound', hash: id, changedAt: mtime, validator };
  }
  if (fault === 'missing') {
    return { kind: 'faulty', fault, hash: null, changedAt: null, because: 'there is no config file' };
  }
  if (fault === 'unreadable') {
    return { kind: 'faulty', fault, hash: null, changedAt: mtime, because: 'the config file is unreadable' };
  }
  return { kind: 'faulty', fault, hash: id, changedAt: mtime, because: `the config file is ${fault}` };
}

function dependenciesOf(machine: Machine): GroundEvidence['dependencies'] {
  if (holds(machine, 'package-unclear'))
    return { kind: 'unknown', because: 'its folder could not be read in time' };
  switch (machine.pack.damage) {
    case null:
    case 'hidden':
      return { kind: 'intact', version: '2026.9.6' };
    case 'half':
      return {
        kind: 'half-installed',
        aside: '.openclaw-x',
        because: 'an npm install was ended in the middle',
      };
    case 'missing':
      return { kind: 'missing', names: ['chokidar'], because: 'chokidar is missing' };
    case 'ws':
      return { kind: 'missing', names: ['ws'], because: 'ws is missing' };
    case 'corrupted':
      return {
        kind: 'corrupted',
        files: ['dist/index.js'],
        lost: false,
        because: 'dist/index.js is damaged',
      };
    default:
      return machine.pack.damage satisfies never;
  }
}
