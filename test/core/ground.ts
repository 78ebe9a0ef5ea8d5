import { type GroundEvidence, groundUnread } from '../../src/core/ground-evidence.ts';
import { moment } from './story.ts';
import { but, type Changes, dawn, type Life, type Sight } from './world.ts';

type Ground = Partial<GroundEvidence>;

/** The same sight on other ground. */
export const on =
  (seen: Sight, ...changes: readonly Ground[]): Sight =>
  (at) => {
    const evidence = seen(at);
    return { ...evidence, ground: Object.assign({}, evidence.ground, ...changes) as GroundEvidence };
  };

/** Everything a start stands on is fine, and has been asked. */
export const sound: GroundEvidence = {
  ...groundUnread,
  config: { kind: 'sound', hash: 'good', changedAt: dawn, validator: 'valid' },
  dependencies: { kind: 'intact', version: '2026.9.6' },
  plugins: { kind: 'intact' },
  launch: { kind: 'sound', node: '/opt/node/bin/node' },
  lock: { kind: 'free' },
  disk: { kind: 'read', path: '/state', freeBytes: 1e11 },
  channels: { kind: 'normal' },
};

type Fault = Extract<GroundEvidence['config'], { kind: 'faulty' }>['fault'];
const faulty = (fault: Fault, because: string, hash: string | null = 'edited'): Ground => ({
  config: { kind: 'faulty', fault, hash, changedAt: hash === null ? null : dawn, because },
});
export const rejected = faulty('rejected', 'channels.telegram.enabled must be boolean');
export const emptied = faulty('clobbered', 'the file is empty');
export const removed = faulty('missing', 'the file is not there', null);
export const locked = faulty('unreadable', 'its mode does not let the gateway read it', null);
export const edited = (hash: string): Ground => faulty('broken', 'line 7 is half written', hash);
export const restored: Ground = {
  config: { kind: 'sound', hash: 'snapshot', changedAt: dawn, validator: 'valid' },
};
export const undecided = (validator: 'pending' | 'unknown'): Ground => ({
  config: { kind: 'sound', hash: 'edited', changedAt: dawn, validator },
});

export const snapshot = (id = 'snapshot 41c7'): Ground => ({
  rollback: { kind: 'ready', id, because: 'it booted and stayed ready' },
});
export const planning: Ground = {
  rollback: { kind: 'pending', because: 'which config to restore is being worked out' },
};
export const unclear: Ground = { rollback: { kind: 'unknown', because: 'the disk does not answer' } };
export const noSnapshot: Ground = {
  rollback: { kind: 'unavailable', because: 'there is no verified snapshot: mend the file by hand' },
};
export const archive = (id = 'archive 2026.9.6'): Ground => ({
  reinstall: { kind: 'ready', id, because: 'of the same version, verified' },
});
export const noArchive: Ground = {
  reinstall: {
    kind: 'unavailable',
    because: 'there is no archive of it: run "npm install -g openclaw@2026.9.6"',
  },
};

export const workingOut: Ground = {
  reinstall: { kind: 'pending', because: 'what to repair it with is being worked out' },
};

export const missing: Ground = {
  dependencies: {
    kind: 'missing',
    names: ['ws'],
    because: 'the package ws, which openclaw needs, is not there',
  },
};
export const corrupted: Ground = {
  dependencies: {
    kind: 'corrupted',
    files: ['dist/index.js'],
    lost: false,
    because: 'dist/index.js is not what it was',
  },
};
export const fileLost: Ground = {
  dependencies: { kind: 'corrupted', files: ['package.json'], lost: true, because: 'package.json is gone' },
};
export const halfInstalled: Ground = {
  dependencies: {
    kind: 'half-installed',
    aside: '.openclaw-x1y2',
    because: 'the old one lies beside it as .openclaw-x1y2',
  },
};
export const says = (sign: Sign, text: string): Ground => ({
  log: { kind: 'read', findings: [{ sign, at: dawn, text }] },
});
type Sign = Extract<GroundEvidence['log'], { kind: 'read' }>['findings'][number]['sign'];

export const brokenPlugin: Ground = {
  plugins: { kind: 'broken', id: '@openclaw/feishu', because: 'its package is not there' },
};
export const launchBroken = (
  part: Extract<GroundEvidence['launch'], { kind: 'broken' }>['part'],
  because: string,
): Ground => ({ launch: { kind: 'broken', part, because } });
export const diskFull: Ground = { disk: { kind: 'read', path: '/state', freeBytes: 3_145_728 } };
export const lockHeld: Ground = { lock: { kind: 'held', pid: 77, command: 'openclaw gateway run' } };

/** A start in a life of its own, spawned at this moment. */
export const spawned = (pid: number, time: string): Life => ({ pid, startedAt: moment(time) });

export const heldBy = (seen: Sight, listener: Changes['listener'] & object): Sight => but(seen, { listener });

type Listener = Changes['listener'] & object;
/** A gateway of ours that launchd did not start; nobody knows more of it unless the test says so. */
export const orphan = (more: Partial<Listener & { readonly kind: 'orphan' }> = {}): Listener => ({
  kind: 'orphan',
  pid: 77,
  command: 'openclaw-gateway',
  startedAt: null,
  hasTerminal: null,
  port: 18_789,
  ...more,
});
