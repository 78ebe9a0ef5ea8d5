import type { Instant } from './time.ts';

/** What a start of the gateway stands on, found out without the gateway: its files, its programs, its machine. */
export interface GroundEvidence {
  readonly config: ConfigEvidence;
  readonly dependencies: DependencyEvidence;
  readonly plugins: PluginEvidence;
  readonly launch: LaunchEvidence;
  readonly lock: LockEvidence;
  readonly disk: DiskEvidence;
  readonly descriptors: DescriptorEvidence;
  readonly memory: MemoryEvidence;
  readonly boot: BootEvidence;
  readonly log: LogEvidence;
  readonly channels: ChannelEvidence;
  readonly rollback: RemedyEvidence;
  readonly reinstall: RemedyEvidence;
}

/** Not asked in this look. */
interface Unread {
  readonly kind: 'unread';
}
/** Asked, and the answer proves nothing. Never a failure. */
interface Unknown {
  readonly kind: 'unknown';
  readonly because: string;
}

/**
 * The gateway's config file: read and parsed by ourselves at each look, judged by the installed OpenClaw once for each
 * new content (facts: openclaw §3). `hash` is sha256 over all its files; `changedAt` the newest mtime of them.
 */
export type ConfigEvidence =
  | Unread
  | Unknown
  | {
      readonly kind: 'sound';
      readonly hash: string;
      readonly changedAt: Instant;
      /** `pending`: the validator is still running. `unknown`: it is broken or late, which says nothing of the config. */
      readonly validator: 'valid' | 'pending' | 'unknown';
    }
  | {
      readonly kind: 'faulty';
      /**
       * `missing`, `unreadable` (mode, a directory); `clobbered`: not what a person writes (empty, not an object, text
       * before the first brace, collapsed to a fraction of its last good size); `broken`: does not parse otherwise, or
       * an include cannot be read; `incomplete`: gateway.mode is missing or not "local", which OpenClaw demands at a
       * start; `rejected`: by its validator.
       */
      readonly fault: 'missing' | 'unreadable' | 'clobbered' | 'broken' | 'incomplete' | 'rejected';
      /** Null when nothing could be read. */
      readonly hash: string | null;
      readonly changedAt: Instant | null;
      /** Whole sentence with the key path, never a value. */
      readonly because: string;
    };

/** The installed openclaw package, compared with its own inventory (facts: openclaw §4). */
export type DependencyEvidence =
  | Unread
  | Unknown
  | { readonly kind: 'intact'; readonly version: string }
  /** Damaged, and a package manager is alive: it may be at work on this very package. */
  | { readonly kind: 'installing'; readonly because: string }
  /** npm was ended in the middle: the old package lies beside the new one under `aside`, and no npm is alive. */
  | { readonly kind: 'half-installed'; readonly aside: string | null; readonly because: string }
  | { readonly kind: 'missing'; readonly names: readonly string[]; readonly because: string }
  | {
      readonly kind: 'corrupted';
      readonly files: readonly string[];
      /** Every one of them is gone. One that is there and differs may be somebody's patch as well as damage. */
      readonly lost: boolean;
      readonly because: string;
    };

/** External plugins: their own packages below the state directory. */
export type PluginEvidence =
  | Unread
  | Unknown
  | { readonly kind: 'intact' }
  | { readonly kind: 'broken'; readonly id: string; readonly because: string };

/** What launchd runs before any line of OpenClaw: Node, wrapper, environment file, entry. */
export type LaunchEvidence =
  | Unread
  | Unknown
  | { readonly kind: 'sound'; readonly node: string }
  | {
      readonly kind: 'broken';
      readonly part: 'node-missing' | 'node-unfit' | 'wrapper' | 'environment-file';
      readonly because: string;
    };

/** Who holds OpenClaw's own lock, if that is not the job's process. */
export type LockEvidence =
  | Unread
  | Unknown
  | { readonly kind: 'free' }
  | { readonly kind: 'ours'; readonly pid: number }
  /** A live gateway of this state directory that the service manager did not start. */
  | { readonly kind: 'held'; readonly pid: number; readonly command: string };

/** Free space where the gateway writes: the scarcest of state directory, log directory and temporary directory. */
export type DiskEvidence =
  | Unread
  | Unknown
  | { readonly kind: 'read'; readonly path: string; readonly freeBytes: number };

/** Open descriptors of the gateway's process against its own soft limit. */
export type DescriptorEvidence =
  | Unread
  | Unknown
  | { readonly kind: 'read'; readonly pid: number; readonly open: number; readonly limit: number };

/** Resident memory of the gateway's process. */
export type MemoryEvidence =
  | Unread
  | Unknown
  | { readonly kind: 'read'; readonly pid: number; readonly residentBytes: number };

/** The newest row of OpenClaw's `gateway_boot_lifecycle` (2026.9 and later). */
export type BootEvidence =
  | Unread
  | Unknown
  | { readonly kind: 'none' }
  | {
      readonly kind: 'row';
      readonly pid: number | null;
      readonly startedAt: Instant;
      /** `running`: no outcome yet, or killed before it wrote one. */
      readonly outcome: string;
      /** OpenClaw's own words, redacted and shortened. */
      readonly reason: string | null;
    };

/** What the gateway's own log says since it last served: each kind once, its newest line. It raises suspicion only. */
export type LogEvidence =
  | Unread
  | Unknown
  | { readonly kind: 'read'; readonly findings: readonly LogFinding[] };

export interface LogFinding {
  readonly sign:
    | 'config-invalid'
    | 'module-missing'
    | 'code-damaged'
    | 'port-taken'
    | 'already-running'
    | 'migration-required'
    | 'schema-newer'
    | 'environment-file'
    | 'node-unfit'
    | 'disk-full'
    | 'descriptors'
    | 'out-of-memory'
    | 'plugin-converging'
    | 'breaker-tripped'
    | 'other-failure';
  /** Null for early lines without a timestamp. */
  readonly at: Instant | null;
  /** The line, without colours and secrets, shortened. */
  readonly text: string;
}

/** Whether OpenClaw's crash-loop breaker holds the channels down while the gateway serves. */
export type ChannelEvidence =
  | Unread
  | Unknown
  | { readonly kind: 'normal' }
  /** `until`: when OpenClaw lifts it by itself, as far as that is known. */
  | { readonly kind: 'suppressed'; readonly until: Instant | null; readonly because: string };

/** What a repair could be made with, named exactly; asked for only when something is broken that it would mend. */
type RemedyEvidence =
  | Unread
  | Unknown
  /** Being worked out: the answer comes within minutes, and until then there is nothing to tell. */
  | { readonly kind: 'pending'; readonly because: string }
  /** Nothing to repair with. `because` says what a person can do instead. */
  | { readonly kind: 'unavailable'; readonly because: string }
  /** `id` is all that execution needs to know which snapshot or archive is meant. */
  | { readonly kind: 'ready'; readonly id: string; readonly because: string };

export const groundUnread: GroundEvidence = {
  config: { kind: 'unread' },
  dependencies: { kind: 'unread' },
  plugins: { kind: 'unread' },
  launch: { kind: 'unread' },
  lock: { kind: 'unread' },
  disk: { kind: 'unread' },
  descriptors: { kind: 'unread' },
  memory: { kind: 'unread' },
  boot: { kind: 'unread' },
  log: { kind: 'unread' },
  channels: { kind: 'unread' },
  rollback: { kind: 'unread' },
  reinstall: { kind: 'unread' },
};
