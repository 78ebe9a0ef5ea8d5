import type { Instant } from '../core/time.ts';
import type { AskNodeBuild } from '../gateway/node-program.ts';
import type { StateDatabases } from '../gateway/state-databases.ts';
import type { Manifest, ManifestHead, TreeCheck } from '../vault/manifest.ts';
import type { PackagePlan } from '../vault/package-plans.ts';
import type { RepairRecord } from '../vault/repair-records.ts';
import type { Soundness } from './sound-tree.ts';

interface Failed {
  readonly kind: 'failed';
  readonly because: string;
}

/** The installation to be mended, as the newest look found it. */
export interface ReinstallPlace {
  /** Where the package is or should be. */
  readonly packageRoot: string | null;
  readonly stateDir: string;
  readonly version: string | null;
  /** The npm prefix, when the package lies where a global install puts it. */
  readonly prefix: string | null;
  /** The gateway's own Node; null when it is missing or hidden in a wrapper. */
  readonly node: string | null;
}

/** A manifest that is kept; reading all of it takes a tenth of a second. */
export interface KeptManifest {
  /** The archive it belongs to; null where that could not be written. */
  readonly archive: string | null;
  readonly head: ManifestHead;
  read(): Promise<Manifest | Failed>;
}

/** What a plan is worked out from. None of it changes anything. */
export interface ReinstallSources {
  /** Who may be changing the package now, in words. */
  busy(): Promise<string | null>;
  /** The one in force first, then the archives' from the newest on. */
  manifests(): Promise<readonly KeptManifest[]>;
  /** Whether the archives hold the file of a unit with this digest. */
  hasUnit(digest: string): Promise<boolean>;
  check(
    manifest: Manifest,
    ask: { readonly depth: TreeCheck['depth']; readonly signal: AbortSignal },
  ): Promise<TreeCheck | Failed>;
  /** Whether the tree at `root` agrees with its own lists. */
  sound(root: string, signal: AbortSignal): Promise<Soundness>;
  databases(stateDir: string): Promise<StateDatabases>;
  readonly nodeBuild: AskNodeBuild;
  /** Whether there is an npm beside this Node. */
  hasNpm(node: string): boolean;
  freeBytes(path: string): Promise<number | Failed>;
  /** In any order. */
  repairs(): Promise<readonly Tried[]>;
}

export type Tried = Pick<
  RepairRecord,
  'id' | 'at' | 'planId' | 'planKind' | 'state' | 'undoneFor' | 'undoneAt'
>;

export interface ReinstallParts {
  readonly place: ReinstallPlace;
  readonly sources: ReinstallSources;
  /** A person may have put back what looks like an uninstall, and fetch what no manifest tells of. */
  readonly by: 'watchdog' | 'person';
  readonly uid: number;
  readonly now: Instant;
  readonly signal: AbortSignal;
}

/** What a look at the files has found. */
export interface SeenDamage {
  /** Npm's own copy of before, beside the package. */
  readonly aside: string | null;
  /** `full`: the lists of the package say nothing of it, so every byte is compared. */
  readonly depth: TreeCheck['depth'];
  /** Whether damaged plugins are put back with it. */
  readonly plugins: boolean;
  /** A person asked for it: npm may be used even where no manifest tells what it should bring. */
  readonly network?: boolean;
  /** The gateway serves on: what is there and differs may be a work of somebody, and stays. */
  readonly serving?: boolean;
}

/** How the plan came about, for a person. */
export interface ReinstallExplanation {
  /** How the files compare with the manifest; null where they were not compared. */
  readonly check: TreeCheck | null;
  /** Ways to mend it that will not do, and why. */
  readonly refused: readonly string[];
  /** The archive that the files were compared with. */
  readonly archive: string | null;
}

export type ReinstallOutcome =
  | { readonly kind: 'ready'; readonly plan: PackagePlan; readonly explain: ReinstallExplanation }
  /** Every file is as the manifest has it. */
  | { readonly kind: 'whole'; readonly because: string; readonly explain: ReinstallExplanation }
  /** A package manager or an update of OpenClaw is at work. */
  | { readonly kind: 'busy'; readonly because: string }
  | {
      readonly kind: 'unavailable';
      readonly because: string;
      /** What a person can type. */
      readonly command: string;
      readonly explain: ReinstallExplanation;
    };
