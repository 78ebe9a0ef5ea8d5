import { createHash } from 'node:crypto';
import type { Instant } from '../core/time.ts';

/** One thing below a tree's root. `path` is relative to the root, with `/`, byte for byte as on the disk. */
export type ManifestEntry =
  | {
      readonly kind: 'file';
      readonly path: string;
      /** Permission bits alone. */
      readonly mode: number;
      readonly size: number;
      readonly mtimeMs: number;
      readonly sha256: string;
    }
  /** Never followed; `target` is the link's own text. */
  | { readonly kind: 'link'; readonly path: string; readonly target: string }
  | { readonly kind: 'directory'; readonly path: string; readonly mode: number };

/** Which part of a tree: what is archived, compared and put back together. */
export interface UnitName {
  /** `openclaw`, or `plugin:<project folder>` for a plugin project below the state directory. */
  readonly tree: string;
  /** A folder of the tree such as `node_modules/ws` or `dist/worker`; empty for the root itself. */
  readonly path: string;
  /** `whole`: the folder with all that is below it. A number: one share of the files directly in the folder. */
  readonly part: 'whole' | number;
}

export interface Unit extends UnitName {
  /** What its package.json says, where it has one. */
  readonly package: { readonly name: string; readonly version: string } | null;
  /** Of all entries but their times: see `digestOf`. */
  readonly digest: string;
  /** Of its files together. */
  readonly bytes: number;
  /** Sorted by path; a folder comes before what is in it. */
  readonly entries: readonly ManifestEntry[];
}

export interface Tree {
  readonly name: string;
  /** Absolute, links resolved. */
  readonly root: string;
}

/** Under what an installation was proven. */
export interface ManifestHead {
  readonly version: 1;
  readonly openclaw: string;
  /** Of the gateway's Node: native modules fit this one alone. */
  readonly nodeAbi: string;
  readonly platform: string;
  readonly arch: string;
  readonly takenAt: Instant;
  /** When the process that proved it was started: no file is younger. */
  readonly provenBy: Instant;
  readonly trees: readonly Tree[];
  /** `PRAGMA user_version` of each state database, by its path below the state directory. */
  readonly databases: Readonly<Record<string, number>>;
}

/** Every file of an installation that a gateway has proven healthy. */
export interface Manifest {
  readonly head: ManifestHead;
  readonly units: readonly Unit[];
}

/** Tells one content of a unit from another; when the files were written says nothing of what they hold. */
export function digestOf(entries: readonly ManifestEntry[]): string {
  const hash = createHash('sha256');
  for (const entry of entries) hash.update(`${lineOf(entry)}\n`);
  return hash.digest('hex');
}

function lineOf(entry: ManifestEntry): string {
  const path = JSON.stringify(entry.path);
  switch (entry.kind) {
    case 'file':
      return `f ${path} ${entry.mode} ${entry.size} ${entry.sha256}`;
    case 'link':
      return `l ${path} ${JSON.stringify(entry.target)}`;
    case 'directory':
      return `d ${path} ${entry.mode}`;
    default:
      return entry satisfies never;
  }
}

/** For people and for maps: `node_modules/ws`, `dist (3)`, `plugin:feishu node_modules/x`. */
export function unitText({ tree, path, part }: UnitName): string {
  const where = path === '' ? 'the package itself' : path;
  const share = part === 'whole' || part === 0 ? '' : ` (${part})`;
  return `${tree === 'openclaw' ? '' : `${tree} `}${where}${share}`;
}

/** How a file differs from the manifest. `altered`: same size, other bytes, mode, kind or link target. */
export interface Difference {
  readonly unit: UnitName;
  readonly kind: 'missing' | 'truncated' | 'altered' | 'extra';
  /** Relative to the tree's root. */
  readonly path: string;
}

/** An installation compared with its manifest. Extra files alone are no damage. */
export interface TreeCheck {
  readonly depth: 'quick' | 'full';
  readonly differences: readonly Difference[];
  /** The units with differences other than extra files, each once, in the order of the manifest. */
  readonly damaged: readonly Unit[];
}

/** The manifest that counts now: of the newest archive, or recorded alone where the archive itself failed. */
export interface ManifestInForce {
  /** Null when only the manifest could be kept: it tells damage, and mends none. */
  readonly archive: string | null;
  /** For `readManifest` and `readUnits`. */
  readonly file: string;
  readonly head: ManifestHead;
}
