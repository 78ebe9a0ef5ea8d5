import { createHash } from 'node:crypto';
import type { Instant } from '../core/time.ts';

/**
 * `recorded`: it was on disk. `verified`: the gateway booted with exactly this config and stayed ready through the soak.
 * `bad`: a rollback to it did not bring the gateway back.
 */
export type Label = 'recorded' | 'verified' | 'bad';

/** One file as it was found, byte for byte. */
export interface RecordedFile {
  /** Its name in the work tree, with slashes. */
  readonly name: string;
  /** `config` and `include` make up the config; the others are kept for a person. */
  readonly role: 'config' | 'include' | 'service' | 'immune';
  /** Where it lives, absolute and as the gateway names it. */
  readonly path: string;
  readonly mode: number;
  readonly bytes: Buffer;
}

/** What one snapshot holds. */
export interface SnapshotContent {
  readonly files: readonly RecordedFile[];
  /** The installed OpenClaw; null when it could not be told. */
  readonly openclaw: string | null;
  /** Of the gateway that was running; null when none was. */
  readonly bootId: string | null;
  /** `user_version` of OpenClaw's databases, by file name. */
  readonly schemas: Readonly<Record<string, number>>;
  readonly takenAt: Instant;
}

/** A snapshot in the list; its files are read when they are asked for. */
export interface SnapshotEntry {
  /** The commit, forty hex digits. */
  readonly id: string;
  readonly takenAt: Instant;
  readonly label: Label;
  readonly configHash: string;
  readonly openclaw: string | null;
  /** `copy`: from the plain copies, because the repository could not be read. */
  readonly source: 'git' | 'copy';
}

/** `note`: a sentence the operator should read, such as that the repository had to be made anew. */
export type RecordOutcome =
  | { readonly kind: 'recorded'; readonly id: string; readonly note?: string }
  | { readonly kind: 'unchanged'; readonly id: string; readonly note?: string }
  /** Clobbered content: kept on the branch `aside`, no candidate for a rollback. */
  | { readonly kind: 'aside'; readonly id: string; readonly note?: string }
  | { readonly kind: 'failed'; readonly because: string };

export type Listing =
  | {
      readonly kind: 'listed';
      /** Newest first. */
      readonly entries: readonly SnapshotEntry[];
      /** What is wrong with the repository, when the entries come from the plain copies. */
      readonly problem: string | null;
    }
  | { readonly kind: 'failed'; readonly because: string };

export type ReadSnapshot =
  | { readonly kind: 'read'; readonly content: SnapshotContent }
  | { readonly kind: 'failed'; readonly because: string };

type Outcome = { readonly kind: 'done' } | { readonly kind: 'failed'; readonly because: string };

/** `config-backup/` and the plain copies of the newest verified snapshots beside it. */
export interface SnapshotStore {
  /** Durable when it resolves. `aside`: why this content is no candidate for a rollback. */
  record(content: SnapshotContent, how: { readonly aside: string | null }): Promise<RecordOutcome>;
  label(id: string, label: 'verified' | 'bad'): Promise<Outcome>;
  list(limit: number): Promise<Listing>;
  /** Checks each file against the manifest: what was altered fails. */
  read(id: string): Promise<ReadSnapshot>;
  /** The whole history: structure of the repository, and every file of every snapshot against its manifest. */
  verify(): Promise<{
    readonly ok: boolean;
    readonly checked: number;
    readonly problems: readonly string[];
  }>;
  /** Of the repository on disk; null when it cannot be told. */
  size(): Promise<number | null>;
}

/** One hash for the config's own files, whatever else was recorded beside them. */
export function configHashOf(files: readonly RecordedFile[]): string {
  const own = files.filter(({ role }) => role === 'config' || role === 'include');
  const hash = createHash('sha256');
  for (const { name, bytes } of own.toSorted((one, other) => (one.name < other.name ? -1 : 1))) {
    hash.update(`${name}\0${bytes.length}\0`).update(bytes);
  }
  return hash.digest('hex');
}
