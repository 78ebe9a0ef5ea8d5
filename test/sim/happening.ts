import type { ConfigEvidence } from '../../src/core/ground-evidence.ts';

/** Conditions that begin, last, and end by themselves. */
export const spells = [
  'slow-boots',
  /** Every start fails for a reason no file shows. */
  'mystery',
  /** A stranger takes the port as soon as it is free. */
  'foreign',
  /** A gateway that launchd did not start takes port and lock as soon as they are free. */
  'orphan',
  /** The same, but it holds only the lock. */
  'lock',
  'update',
  'update-unclear',
  'blind',
  'no-domain',
  'disk',
  'node',
  'environment',
  'schema',
  'plugin',
  'auth',
  'not-ready',
  'package-unclear',
  'hands-fail',
  'hands-refuse',
  /** Actions hang past their deadline; half of them have done their deed. */
  'hands-stuck',
] as const;
export type Spell = (typeof spells)[number];

export type ConfigFault = (ConfigEvidence & { readonly kind: 'faulty' })['fault'];
export type Damage = 'missing' | 'half' | 'corrupted' | 'hidden' | 'ws';
export type Witness = 'idle' | 'pinned' | 'working' | 'none';
/** What a snapshot in the vault turns out to be: one that starts, one the validator refuses, one that does not start. */
export type Snapshot = 'good' | 'rejected' | 'hollow';
/** What an archive turns out to be: it mends, it changes nothing, it leaves other things missing. */
export type Archive = 'mends' | 'nothing' | 'other';

/** One thing that happens to the gateway, to launchd or to the machine. */
export type Fault =
  | { readonly kind: 'spell'; readonly spell: Spell; readonly forS: number }
  | {
      readonly kind:
        | 'crash'
        | 'unload'
        | 'pend'
        | 'stop-job'
        | 'late-relaunch'
        | 'stop'
        | 'disable'
        | 'operator-starts'
        | 'uninstall'
        | 'boot-stalls'
        | 'user-reinstalls'
        | 'mend';
    }
  | { readonly kind: 'park'; readonly cause: 'gone' | 'present' | 'lies' | 'unclear' }
  | {
      readonly kind: 'hang';
      readonly forS: number;
      readonly witness: Witness;
      readonly why: 'plain' | 'descriptors' | 'host';
    }
  | { readonly kind: 'deaf' | 'planned-restart' | 'stopping'; readonly forS: number }
  | { readonly kind: 'grow'; readonly overS: number; readonly hangs: boolean }
  | { readonly kind: 'clock-step'; readonly byS: number }
  /** `fault` null: a good edit. */
  | { readonly kind: 'edit'; readonly fault: ConfigFault | null }
  | { readonly kind: 'damage'; readonly damage: Damage }
  | {
      readonly kind: 'remedies';
      readonly snapshots: readonly Snapshot[];
      readonly archives: readonly Archive[];
      /** Offers one that was used before again, as a vault with a bad memory would. */
      readonly again: boolean;
    };

/** What the watchdog suffers, or is asked. */
export type Happening =
  | Fault
  | { readonly kind: 'resume' | 'repair' | 'acknowledge' | 'own-fault' | 'lose-outcome' }
  | { readonly kind: 'pause'; readonly forS: number | null }
  /** The operator wants it started or restarted. */
  | { readonly kind: 'order'; readonly force: boolean }
  | { readonly kind: 'sleep' | 'starve'; readonly forS: number }
  | {
      readonly kind: 'we-die';
      readonly downS: number;
      readonly when: 'now' | 'before-deed' | 'after-deed';
    };

/** A world: what happens when. Chance is spent before it begins, so that a story without one of its events is a story. */
export interface Story {
  readonly seed: number;
  readonly mode: 'act' | 'observe';
  readonly lengthS: number;
  readonly happenings: readonly { readonly atS: number; readonly what: Happening }[];
}
