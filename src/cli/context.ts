import type { Layout, Paths } from '../config/paths.ts';
import type { Clock } from '../core/time.ts';

/** Where a command writes. Standard output and standard error fit here. */
interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  /** How wide the terminal is. */
  readonly columns?: number;
}

/** What every command is given: nothing in `cli/` reaches for the process itself. */
export interface Context {
  readonly paths: Paths;
  /** `macos` wherever there is a launchctl. */
  readonly layout: Layout;
  readonly clock: Clock;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly uid: number;
  readonly out: Output;
  readonly err: Output;
  /** Aborted by Ctrl-C, SIGTERM and SIGHUP. */
  readonly signal: AbortSignal;
}
