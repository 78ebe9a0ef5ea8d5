import type { Disabled, ServiceOutcome, ServiceState } from '../core/service.ts';

/**
 * The service manager port. Two doors implement it: `launchd.ts` (launchctl) and `embedded/` (our own supervisor).
 * Every call has a deadline of its own and never throws; what cannot be read is `unknown`, never "down".
 * A label is the bare job label; the door knows its domain.
 */
export interface ServiceManager {
  readonly kind: 'launchd' | 'embedded';
  /** Reads one job. At most one child process. */
  read(label: string): Promise<ServiceState>;
  /** Reads the disabled override of a label. At most one child process. */
  readDisabled(label: string): Promise<Disabled>;
  /** Labels loaded beside ours, or null when that cannot be told. One child process. */
  labels(): Promise<readonly string[] | null>;
  enable(label: string): Promise<ServiceOutcome>;
  /** Registers the job described by the plist at this absolute path; retries while an old job still drains. */
  bootstrap(label: string, plistPath: string): Promise<ServiceOutcome>;
  /** Removes the job and waits until it is gone (label unknown and old process dead) or a deadline passes. */
  bootout(label: string): Promise<ServiceOutcome>;
  /** Starts the job now; on a running job without `kill` this is a success that does nothing. `kill` = SIGTERM,
   *  SIGKILL after the job's exit time-out, then a new start. Returns once the request is accepted (with `kill`, up
   *  to the exit time-out later). */
  kickstart(label: string, options: { readonly kill: boolean }): Promise<ServiceOutcome>;
}
