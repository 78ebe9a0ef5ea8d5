import type { Instant } from './time.ts';

/** How the previous run of a job ended, as the service manager tells it. */
export type LastExit =
  | { readonly kind: 'never' }
  | { readonly kind: 'code'; readonly code: number }
  | { readonly kind: 'signal'; readonly signal: number; readonly name: string }
  | { readonly kind: 'other'; readonly text: string };

/**
 * What the service manager says of one job. `unknown` is a first-class answer: a deadline, output nobody can parse,
 * or a permission problem is never "down". "Parked" is not here: it needs OpenClaw's own audit log (see diagnosis).
 */
export type ServiceState =
  | {
      readonly kind: 'running';
      readonly pid: number;
      readonly runs: number | null;
      readonly lastExit: LastExit | null;
    }
  /** launchd will start it by itself (throttled, spawning). */
  | { readonly kind: 'scheduled'; readonly runs: number | null; readonly lastExit: LastExit | null }
  /** The job was asked to stop (SIGTERM or SIGKILL sent) and its process is still there. */
  | { readonly kind: 'stopping'; readonly pid: number | null }
  /** launchd holds back every start nobody demanded; only a kickstart starts it. */
  | { readonly kind: 'pended'; readonly reason: string; readonly runs: number | null }
  | { readonly kind: 'stopped'; readonly runs: number | null; readonly lastExit: LastExit | null }
  | { readonly kind: 'not-loaded' }
  | { readonly kind: 'no-domain'; readonly because: string }
  | { readonly kind: 'unknown'; readonly because: string };

/** The disabled override store, read only when a job is not loaded (it costs a child process). */
export type Disabled = 'disabled' | 'enabled' | 'unread' | 'unknown';

/** The outcome of one request to the service manager. An expected failure is a value. */
export type ServiceOutcome =
  | { readonly kind: 'done' }
  /** `code` is launchctl's exit code or null when there is none; `because` is a whole sentence for people. */
  | { readonly kind: 'failed'; readonly code: number | null; readonly because: string };

/** pid plus start time: a pid alone may have been reused. `startedAt` is good to about two seconds. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startedAt: Instant;
}
